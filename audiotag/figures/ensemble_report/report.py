"""The report of an ensemble, its model card: what it is, what it was trained on, and how far its tags can be trusted.

The report is a list of sections (`SECTIONS`), each a function that takes the `EnsembleFacts` and the commands that
measure what is missing. Another section is one more function in the list. `FORMATS` has the files that it can become.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from audiotag.figures.ensemble_report import behaviour, origin, quality
from audiotag.figures.ensemble_report.blocks import Commands, Paragraph, Report, Section
from audiotag.figures.ensemble_report.markdown import markdown
from audiotag.figures.ensemble_report.static_html import static_html
from audiotag.tagging.model_card import EnsembleFacts
from audiotag.version import __version__
from audiotag.wording import shortened

LICENCES = (  # those of Hugging Face that a card is likely to begin with
    "apache-2.0", "mit", "bsd-3-clause", "bsd-2-clause", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "mpl-2.0", "cc0-1.0",
    "cc-by-4.0", "cc-by-3.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "unlicense", "isc",
)  # fmt: skip


def ensemble_report(facts: EnsembleFacts, commands: Commands) -> Report:
    """The report of an ensemble.

    Parameters
    ----------
    facts : EnsembleFacts
    commands : mapping of str to str
        Command lines that measure what may be missing, and that use the ensemble: ``tag``, ``publish``, ``noise-gate``,
        ``familiarity``, ``ablation`` and ``scan``.
    """
    card = facts.card
    figures = [
        ("lwlrap, out of fold", f"{card.lwlrap:.3f}" if card.has_figures else "not known"),
        ("Accuracy, out of fold", f"{card.accuracy:.3f}" if card.has_figures else "not known"),
        ("Labels", f"{len(card.labels):,}"),
        ("Members" if card.blend else "Folds", f"{len(card.folds):,}"),
        ("Window", f"{card.spectrogram.clip_s:g} s"),
        ("Date", card.created),
    ]
    sections = [found for make in SECTIONS if (found := make(facts, commands)) is not None]
    if facts.problems:
        sections.append(Section("Damaged files", tuple(map(Paragraph, facts.problems))))
    return Report(card.name, card.about, tuple(figures), tuple(sections), front_matter(facts))


def report_bytes(facts: EnsembleFacts, commands: Commands, format: str) -> bytes:
    """The report as the content of a file of one of `FORMATS`."""
    footer = f"Written on {time.strftime('%Y-%m-%d')} by audiotag {__version__}."
    return FORMATS[format](ensemble_report(facts, commands), footer).encode(errors="backslashreplace")


def front_matter(facts: EnsembleFacts) -> dict[str, Any]:
    """What Hugging Face's model cards have above their text."""
    card = facts.card
    licence = licence_of(card.licence)
    values: dict[str, Any] = {"license": licence}
    if licence == "other":
        values["license_name"] = shortened(card.licence)
    values |= {
        "library_name": "audiotag",
        "pipeline_tag": "audio-classification",
        "tags": ["audiotag", "audio-tagging", "sound-event", "multi-label"],
    }
    if not card.has_figures:
        return values
    results = {
        "task": {"type": "audio-classification", "name": "Audio tagging"},
        "dataset": {"type": "audio", "name": card.dataset["name"], "split": "out of fold"},
        "metrics": [
            {"type": "lwlrap", "name": "lwlrap", "value": card.lwlrap},
            {"type": "accuracy", "name": "Multi-label accuracy", "value": card.accuracy},
        ],
    }
    return values | {"metrics": ["lwlrap", "accuracy"], "model-index": [{"name": card.name, "results": [results]}]}


def licence_of(text: str) -> str:
    """The identifier of a licence that a text begins with, as model cards have it.

    >>> licence_of("Apache-2.0 for the weights."), licence_of("not stated"), licence_of("ask us")
    ('apache-2.0', 'unknown', 'other')
    """
    if text.strip().lower() in ("", "not stated"):
        return "unknown"
    begin = re.match(r"[\w.-]*\w", text.strip().lower())
    return begin[0] if begin and begin[0] in LICENCES else "other"


SectionMaker = Callable[[EnsembleFacts, Commands], Section | None]
SECTIONS: list[SectionMaker] = [
    origin.use, origin.limits, quality.quality, quality.labels, quality.reliability, quality.confusion,
    behaviour.noise_gate, behaviour.gains, behaviour.speed, origin.data, origin.recipe, origin.curves, origin.licence,
    origin.versions,
]  # fmt: skip
FORMATS: dict[str, Callable[[Report, str], str]] = {"html": static_html, "md": markdown}
