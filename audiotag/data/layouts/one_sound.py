"""A single sound file: a dataset of one clip without labels, to look at it, listen to it and measure it."""

from __future__ import annotations

from pathlib import Path

from audiotag.audio.opening import SUFFIXES
from audiotag.data.dataset import Dataset
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.reading import Findings, build_dataset, clip_table
from audiotag.errors import AudiotagError


@register_layout("one-sound")
class OneSound(Layout):
    """The file itself, whatever else lies beside it."""

    title = "one sound, without labels"
    order = 60

    def recognises(self, path: Path) -> bool:
        """Whether it is a file with the suffix of a sound."""
        return path.is_file() and path.suffix.lower() in SUFFIXES

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """The dataset of this one sound."""
        if not path.is_file():
            raise AudiotagError(f"{path} is not a sound file; choose another layout.")
        return build_dataset(
            path, [clip_table(clip=[path.name], path=[path], subset="curated", labels=[()])], Findings()
        )
