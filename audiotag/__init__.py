"""Explore labelled sounds, tune spectrograms, train an ensemble of folds, tag clips.

The public API: what is named here is imported on first use, so that ``import audiotag`` itself takes milliseconds.
`docs/api.md` has an example of each.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from audiotag.version import __version__ as __version__

if TYPE_CHECKING:  # for type checkers and editors; at run time `__getattr__` imports each name on first use
    from audiotag.api import blend, compare, embed, explain, export_tagger, tag, train
    from audiotag.audio.reading import read_sound
    from audiotag.data.layouts import open_dataset
    from audiotag.errors import AudiotagError
    from audiotag.features.log_mel import log_mel
    from audiotag.features.settings import SpectrogramSettings
    from audiotag.metrics import lwlrap
    from audiotag.tagging.events import EventSettings, find_events
    from audiotag.tagging.opening import open_tagger
    from audiotag.tagging.result import Tags
    from audiotag.tagging.tagger import Tagger

_MODULES = {
    "AudiotagError": "audiotag.errors",
    "EventSettings": "audiotag.tagging.events",
    "SpectrogramSettings": "audiotag.features.settings",
    "Tagger": "audiotag.tagging.tagger",
    "Tags": "audiotag.tagging.result",
    "blend": "audiotag.api",
    "compare": "audiotag.api",
    "embed": "audiotag.api",
    "find_events": "audiotag.tagging.events",
    "explain": "audiotag.api",
    "export_tagger": "audiotag.api",
    "log_mel": "audiotag.features.log_mel",
    "lwlrap": "audiotag.metrics",
    "open_dataset": "audiotag.data.layouts",
    "open_tagger": "audiotag.tagging.opening",
    "read_sound": "audiotag.audio.reading",
    "tag": "audiotag.api",
    "train": "audiotag.api",
}

__all__ = [
    "AudiotagError",
    "EventSettings",
    "SpectrogramSettings",
    "Tagger",
    "Tags",
    "blend",
    "compare",
    "embed",
    "explain",
    "export_tagger",
    "find_events",
    "log_mel",
    "lwlrap",
    "open_dataset",
    "open_tagger",
    "read_sound",
    "tag",
    "train",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'audiotag' has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
