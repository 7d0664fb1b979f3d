"""How tags are made on the Tag page: combining, windows, test-time augmentation, each with its cost and gain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.tagging import ablation
from audiotag.tagging.result import Tags
from audiotag.tagging.settings import COMBINE_TITLES, TagSettings
from audiotag.ui import cache
from audiotag.ui.tag.dropped_sounds import DroppedSound
from audiotag.ui.widgets import messages

if TYPE_CHECKING:
    from audiotag.tagging.ensemble import Card
    from audiotag.tagging.tagger import Tagger

IN_ADDRESS: dict[str, Any] = {"bind": "query-params"}
STEP_OF = {"mean": ablation.MEAN, "geometric": ablation.GEOMETRIC, "weighted": ablation.WEIGHTED}
OF_THE_CARD = "card"
NAMED = 3  # of the sounds, in the command


@dataclass(frozen=True, eq=False)
class TaggingSetup:
    """An ensemble, and how it is to be used.

    Attributes
    ----------
    folder : Path
        Of the ensemble.
    tagger : Tagger
        Without test-time augmentation.
    settings : TagSettings
    thresholds : tuple[float, ...]
        One a label.
    """

    folder: Path
    tagger: Tagger
    settings: TagSettings
    thresholds: tuple[float, ...]

    def tags_of(self, sound: DroppedSound) -> Tags:
        """The tags of a sound. Its networks are asked once; for test-time augmentation once more.

        Raises
        ------
        AudiotagError
            If it cannot be read as a sound.
        """
        evidence = cache.evidence(sound.source, sound.name, sound.content, self.folder, self.settings.tta)
        return self.tagger.tags_of(evidence, self.settings, self.thresholds)


def pick(folder: Path, tagger: Tagger) -> TagSettings:
    """The widgets, and what they say; combining and windows ask no network again."""
    card = tagger.card
    measured = _measured(folder, card)
    ways = [way for way in COMBINE_TITLES if way != "weighted" or tagger.out_of_fold is not None]
    combine = st.radio(
        "Folds are combined by",
        ways,
        format_func=lambda way: COMBINE_TITLES[way],
        captions=[_worth(measured, STEP_OF[way]) for way in ways] if measured else None,
        key="combine",
        help="The geometric mean lets one fold that says no pull a score down. Weights come from what each fold was "
        "worth on clips that it never saw.",
        **IN_ADDRESS,
    )
    tta = st.toggle(
        "Test-time augmentation",
        key="tta",
        help="Four more passes over shifted windows, masked as in training; their mean counts three quarters.",
        **IN_ADDRESS,
    )
    st.caption(f"Takes five times as long. {_worth(measured, ablation.TTA) if measured else ''}")
    windows = st.selectbox(
        "A sound's score is",
        [OF_THE_CARD, "mean", "max"],
        format_func=lambda way: {
            OF_THE_CARD: f"as its card says: {'highest' if card.windows == 'max' else 'mean'}",
            "mean": "the mean of its windows",
            "max": "the highest of its windows",
        }[way],
        key="windows",
        help=f"Windows of {card.spectrogram.clip_s:g} s, each half over the next. The highest finds a short event in a "
        "long sound, the mean what goes on all the time. Costs nothing.",
        **IN_ADDRESS,
    )
    gains_table(measured, card)
    return TagSettings(combine=combine or "mean", tta=tta, windows=None if windows == OF_THE_CARD else windows)


def gains_table(measured: ablation.Ablation | None, card: Card) -> None:
    """What each step was measured to gain and cost, or how to measure it."""
    if measured is None:
        st.caption("What each of these gains is not measured yet. Measure it on labelled clips:")
        st.code(f"audiotag ablation {card.name} DATASET --keep", language="bash", wrap_lines=True)
        return
    rows = [
        {"step": row.step, "lwlrap": row.lwlrap, "accuracy": row.accuracy, "ms a clip": row.ms_per_clip}
        for row in measured.rows
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        column_config={
            "step": st.column_config.TextColumn(width="medium"),
            "lwlrap": st.column_config.NumberColumn(format="%.3f"),
            "accuracy": st.column_config.NumberColumn(format="%.3f"),
            "ms a clip": st.column_config.NumberColumn(format="%.0f"),
        },
        alt="What each step of the ensemble was measured to reach and to cost",
    )
    st.caption(
        f"Measured on {measured.clips:,} {measured.subset} clips of {messages.escape_markdown(measured.dataset)}, {measured.date}. "
        + " ".join(map(messages.escape_markdown, measured.notes))
    )


def matched(settings: TagSettings, tagger: Tagger) -> TagSettings:
    """The settings, as far as another ensemble has what they need."""
    if settings.combine == "weighted" and tagger.out_of_fold is None:
        return TagSettings("mean", settings.tta, settings.overlap, settings.windows)
    return settings


def command(making: TaggingSetup, sounds: list[DroppedSound], thresholds: list[str]) -> str:
    """The command that tags the same sounds in the same way; ``thresholds`` are its options of that kind."""
    paths = [messages.quoted(Path(sound.path or sound.name)) for sound in sounds[:NAMED]] or ["PATH…"]
    if len(sounds) > NAMED:
        paths.append("…")
    settings = making.settings
    parts = ["audiotag tag", *paths, f"--ensemble {messages.quoted(Path(making.folder.name))}"]
    if settings.combine != "mean":
        parts.append(f"--combine {settings.combine}")
    if settings.tta:
        parts.append("--tta")
    if settings.windows:
        parts.append(f"--windows {settings.windows}")
    return " ".join([*parts, *thresholds, "--out tags.csv"])


def _measured(folder: Path, card: Card) -> ablation.Ablation | None:
    try:
        return ablation.read_ablation(folder, card)
    except AudiotagError as error:
        st.caption(f":material/warning: {messages.escape_markdown(str(error))}")
        return None


def _worth(measured: ablation.Ablation, step: str) -> str:
    """What a step was measured to gain and to cost, in a few words."""
    row = next((row for row in measured.rows if row.step == step), None)
    if row is None or row.gain is None:
        return "Not measured."
    return f"{row.gain:+.3f} lwlrap over {row.over}, {row.ms_per_clip:.0f} ms a clip."
