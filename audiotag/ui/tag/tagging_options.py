"""Choose how folds and windows are combined on the Tag page, and show what each step gains and costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from audiotag.cli.command_lines import AND_MORE, ablation_line, distil_line, tag_line
from audiotag.errors import AudiotagError
from audiotag.tagging import ablation
from audiotag.tagging.export.base import file_name
from audiotag.tagging.own_overlap import without_own_overlap
from audiotag.tagging.result import Tags
from audiotag.tagging.settings import COMBINE_TITLES, TagSettings
from audiotag.ui.tag.dropped_sounds import DroppedSound
from audiotag.ui.tag.overlap import pick_overlap
from audiotag.ui.tag.stored_scores import load_evidence
from audiotag.ui.text import Markdown, escape
from audiotag.ui.trust.calibrated import pick_calibrated
from audiotag.ui.trust.hold_back import pick_hold_back

if TYPE_CHECKING:
    from audiotag.tagging.card import Card
    from audiotag.tagging.tagger import Tagger
    from audiotag.ui.tag.file_choice import FileChoice
    from audiotag.ui.tag.thresholds import Thresholds

IN_ADDRESS: dict[str, Any] = {"bind": "query-params"}
STEP_OF = {"mean": ablation.MEAN, "geometric": ablation.GEOMETRIC, "weighted": ablation.WEIGHTED}
AS_IN_CARD = "card"
MAX_SOUNDS_IN_COMMAND = 3


@dataclass(frozen=True, eq=False)
class TaggingSetup:
    """An ensemble with the settings and thresholds that are chosen on the page.

    Attributes
    ----------
    folder : Path
        Folder of the ensemble.
    tagger : Tagger
        Without test-time augmentation.
    settings : TagSettings
    thresholds : tuple[float, ...]
        One per label.
    """

    folder: Path
    tagger: Tagger
    settings: TagSettings
    thresholds: tuple[float, ...]

    def tag(self, sound: DroppedSound) -> Tags:
        """The tags of a sound; its scores are computed once, and once more with test-time augmentation.

        Raises
        ------
        AudiotagError
            If the sound cannot be read.
        """
        evidence = load_evidence(sound, self.folder, self.tagger.card, self.settings.tta, self.settings.overlap_share)
        return self.tagger.tags_of(evidence, self.settings, self.thresholds)


@dataclass(frozen=True, eq=False)
class PageSettings:
    """What is set on the page.

    Attributes
    ----------
    setup : TaggingSetup
    other : TaggingSetup or None
        A second ensemble to compare with.
    state : Thresholds
        The thresholds of the first, with what is saved of them.
    """

    setup: TaggingSetup
    other: TaggingSetup | None
    state: Thresholds


def pick_settings(folder: Path, tagger: Tagger, with_gains: bool) -> TagSettings:
    """Widgets for the tagging options; only test-time augmentation needs the networks to run again.

    ``with_gains`` says whether the table of measured gains is shown below them.
    """
    card = tagger.card
    ways = [way for way in COMBINE_TITLES if way != "weighted" or tagger.can_weight]
    left, right = st.columns(2, gap="large")
    measured = _read_ablation(folder, card)
    with right:
        fast = pick_fast(card)
    with left:
        combine = st.radio(
            "Combine folds by",
            ways,
            format_func=lambda way: COMBINE_TITLES[way],
            captions=[_gain_text(measured, STEP_OF[way]) for way in ways] if measured and not card.blend else None,
            key="combine",
            disabled=fast,
            help="In a geometric mean a single low score has more weight. The weights of a weighted mean are fitted "
            "on held-out clips.",
            **IN_ADDRESS,
        )
    with right:
        tta = st.toggle(
            "Test-time augmentation",
            key="tta",
            help="Scores four more passes over shifted windows, masked as in training. The mean of these four has "
            "a weight of 75 %.",
            **IN_ADDRESS,
        )
        st.caption(f"Takes five times as long. {_gain_text(measured, ablation.TTA) if measured else ''}")
        windows = st.selectbox(
            "Combine windows by",
            [AS_IN_CARD, "mean", "max"],
            format_func=lambda way: {
                AS_IN_CARD: f"{'maximum' if card.windows == 'max' else 'mean'}, as in the card",
                "mean": "mean",
                "max": "maximum",
            }[way],
            key="windows",
            help="The maximum finds a short event in a long sound, the mean finds continuous sounds.",
            **IN_ADDRESS,
        )
        overlap = pick_overlap(folder, card)
        calibrated = pick_calibrated(tagger)
        hold_back = pick_hold_back(tagger)
    if with_gains:
        show_ablation(measured, card)
    windows = None if windows == AS_IN_CARD else windows
    return TagSettings(
        combine=combine or "mean",
        tta=tta,
        overlap=overlap,
        windows=windows,
        calibrated=calibrated,
        hold_back=hold_back,
        fast=fast,
    )


def pick_fast(card: Card) -> bool:
    """Whether the ensemble's single network tags; not offered where it has none."""
    if card.blend is not None:
        return False
    if card.single is None:
        st.caption("One network for all folds would tag faster. Train it with a command:")
        st.code(distil_line(card.name), language="bash", wrap_lines=True)
        return False
    measured = ". ".join(card.single.sentences())
    about = f"Tags with one network that learned from all folds, instead of all folds. {escape(measured)}."
    return st.toggle("Fast: single network", key="fast", help=Markdown(about), **IN_ADDRESS)


def show_ablation(measured: ablation.Ablation | None, card: Card) -> None:
    """Measured gain and cost of each step, or the command that measures them."""
    if measured is None:
        st.caption("The gain of these options is not measured yet. Measure it on labelled clips:")
        st.code(ablation_line(card.name, "DATASET", save=True), language="bash", wrap_lines=True)
        return
    rows = [_table_row(row, any(each.low is not None for each in measured.rows)) for row in measured.rows]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        column_config={
            "step": st.column_config.TextColumn(width="medium"),
            "lwlrap": st.column_config.NumberColumn(format="%.3f"),
            "accuracy": st.column_config.NumberColumn(format="%.3f"),
            "ms per clip": st.column_config.NumberColumn(format="%.0f"),
        },
        alt="lwlrap, accuracy and time of each step of the ensemble",
    )
    st.caption(
        f"Measured on {measured.clips:,} {escape(measured.subset)} clips of {escape(measured.dataset)}, "
        f"{escape(measured.date)}. " + " ".join(map(escape, measured.notes))
    )


def _table_row(row: ablation.AblationRow, with_intervals: bool) -> dict[str, Any]:
    """A row of the table; with its gain and the interval of that, where there are intervals."""
    found: dict[str, Any] = {"step": row.step, "lwlrap": row.lwlrap, "accuracy": row.accuracy}
    if with_intervals:
        interval = "" if row.low is None or row.high is None else f"{row.low:+.3f} to {row.high:+.3f}"
        found |= {"gain": "" if row.gain is None else f"{row.gain:+.3f}", "95 % interval": interval, "over": row.over}
    return found | {"ms per clip": row.ms_per_clip}


def usable_settings(settings: TagSettings, tagger: Tagger) -> TagSettings:
    """The settings, without those that need what an ensemble does not have, such as out-of-fold scores."""
    if settings.combine == "weighted" and not tagger.can_weight:
        settings = replace(settings, combine="mean")
    return replace(
        settings,
        fast=tagger.settings.fast,
        calibrated=settings.calibrated and tagger.temperature is not None,
        hold_back=settings.hold_back and tagger.familiar is not None,
    )


def show_command(
    setup: TaggingSetup, sounds: list[DroppedSound], specs: list[str], chosen: FileChoice | None = None
) -> None:
    """The command that tags the same sounds in the same way, into the file that is chosen for download.

    ``specs`` are values of ``--threshold``.
    """
    shown = sounds[:MAX_SOUNDS_IN_COMMAND]
    paths = [sound.file_name for sound in shown] or ["PATH"]
    if len(sounds) > MAX_SOUNDS_IN_COMMAND:
        paths.append(AND_MORE)
    st.caption("The same as a command:")
    format = chosen.format if chosen else None
    is_named = format is not None and (format.one_file_per_clip or not format.found_by_suffix)
    line = tag_line(
        paths,
        setup.folder.name,
        without_own_overlap(setup.settings, setup.folder),
        specs,
        out="tags.csv" if format is None else "tags" if format.one_file_per_clip else file_name(format),
        spreadsheet=chosen is not None and chosen.spreadsheet,
        format=format.name if format is not None and is_named else "",
        events=chosen.events if chosen else None,
    )
    st.code(line, language="bash", wrap_lines=True)
    if any(sound.recorded for sound in shown):
        st.caption("Download the recording first, and run the command in the folder where it is.")
    elif any(not sound.path for sound in shown):
        st.caption("Run it in the folder where the dropped files are.")


def _read_ablation(folder: Path, card: Card) -> ablation.Ablation | None:
    """The measured table of an ensemble; None where there is none or, with a message, where it is damaged."""
    try:
        return ablation.read_ablation(folder, card)
    except AudiotagError as error:
        st.caption(f":material/warning: {escape(error)}")
        return None


def _gain_text(measured: ablation.Ablation, step: str) -> Markdown:
    """Measured gain and cost of a step, in a few words."""
    row = next((row for row in measured.rows if row.step == step), None)
    if row is None or row.gain is None:
        return Markdown("Not measured.")
    return Markdown(f"{row.gain:+.3f} lwlrap over {escape(row.over)}, {row.ms_per_clip:.0f} ms per clip.")
