"""Tag all sounds on the Tag page with progress, and show the results as a table and as downloads."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.tagging.export.base import ExportOptions, export_bytes, export_formats
from audiotag.tagging.export.rows import clip_row, exact_clip_row
from audiotag.tagging.result import Tags
from audiotag.ui.tag.dropped_sounds import TABLE, DroppedSound
from audiotag.ui.tag.tagging_options import TaggingSetup
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets.downloads import SPREADSHEET_HELP
from audiotag.wording import format_duration

TAGGED = "tag-tagged"  # in the session: sounds that were tagged, for which no progress is shown again
ETA_AFTER_S = 3.0
MAX_ERRORS = 3  # shown as messages; all are in the table


@dataclass(frozen=True)
class SoundResult:
    """A sound with its tags, or with the message that says why it has none."""

    sound: DroppedSound
    tags: Tags | None
    error: str = ""


def tag_sounds(sounds: list[DroppedSound], setup: TaggingSetup) -> list[SoundResult]:
    """The result of every sound, in the same order; a sound that fails does not stop the others."""
    tagged: set[tuple[str, str, str, bool, float]] = st.session_state.setdefault(TAGGED, set())
    new = [sound for sound in sounds if _key(sound, setup) not in tagged]
    bar, began, done = st.empty(), time.monotonic(), 0
    results = []
    try:
        for sound in sounds:
            if (key := _key(sound, setup)) not in tagged:
                bar.progress(done / len(new), _progress_text(sound, done, len(new), time.monotonic() - began))
                tagged.add(key)
                done += 1
            results.append(_tag_sound(sound, setup))
    finally:
        bar.empty()
    return results


def show_results(results: list[SoundResult]) -> None:
    """The sounds as a table that can be sorted and whose rows can be selected."""
    column = st.column_config
    st.dataframe(
        pd.DataFrame([_row(result) for result in results]),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row-required",
        key=TABLE,
        placeholder="",
        column_config={
            "sound": column.TextColumn("sound", width=150, pinned=True),
            "tags": column.ListColumn("tags", width=165),
            "score": column.NumberColumn("score", format="%.2f", width=62, help="Score of the likeliest label."),
            "folds": column.TextColumn(
                "folds", width=66, help="Folds, or members and stackers, that agree on the likeliest label."
            ),
            "familiarity": column.NumberColumn(
                "familiarity", format="%.3f", width=90, help="Low for sounds that are unlike the training sounds."
            ),
            "length": column.NumberColumn("length", format="%.2f s", width=76),
            "likeliest": column.TextColumn("likeliest", width=130),
            "remarks": column.TextColumn("remarks"),
        },
        alt="Sounds with their tags, score of the likeliest label, folds that agree, familiarity, length, and remarks",
    )


def show_errors_except(results: list[SoundResult], row: int) -> None:
    """The errors of all sounds but the one in ``row``, which shows its own."""
    errors = [result.error for at, result in enumerate(results) if result.error and at != row]
    for error in errors[:MAX_ERRORS]:
        st.error(escape(error), icon=":material/error:")
    if len(errors) > MAX_ERRORS:
        st.caption(f"{len(errors) - MAX_ERRORS} more sounds have an error. See the remarks in the table.")


def show_downloads(results: list[SoundResult], selected: SoundResult, setup: TaggingSetup) -> None:
    """One download button per export format, for all sounds or for the selected one; a click makes the file."""
    labels = setup.tagger.card.labels
    options = ExportOptions(labels, setup.thresholds)
    all_rows = [clip_row(result.tags, result.sound.name, result.sound.path) for result in results if result.tags]
    with st.container(horizontal=True):
        for format in export_formats():
            rows, name, about = all_rows, "tags", escape(format.about)
            if format.one_file_per_clip:
                sound = selected.sound
                rows = [exact_clip_row(selected.tags, labels, sound.name, sound.path)] if selected.tags else []
                name, about = (
                    Path(sound.name).stem,
                    Markdown(f"{escape(format.about)} For {escape(Path(sound.name).name)}."),
                )
            for spreadsheet in (False, True) if format.for_spreadsheets else (False,):
                title = escape(format.title)
                if rows:
                    st.download_button(
                        Markdown(f"{title} for a spreadsheet") if spreadsheet else title,
                        partial(export_bytes, format, rows, replace(options, spreadsheet=spreadsheet)),
                        file_name=f"{name}{format.suffix}",
                        mime=format.mime,
                        icon=":material/download:",
                        key=f"tag-{format.name}" + "-spreadsheet" * spreadsheet,
                        on_click="ignore",
                        help=SPREADSHEET_HELP if spreadsheet else about,
                    )


def _tag_sound(sound: DroppedSound, setup: TaggingSetup) -> SoundResult:
    try:
        return SoundResult(sound, setup.tag(sound))
    except AudiotagError as error:
        return SoundResult(sound, None, str(error))


def _key(sound: DroppedSound, setup: TaggingSetup) -> tuple[str, str, str, bool, float]:
    return sound.name, sound.content, str(setup.folder), setup.settings.tta, setup.settings.overlap


def _progress_text(sound: DroppedSound, done: int, total: int, spent_s: float) -> Markdown:
    left = ""
    if done and spent_s > ETA_AFTER_S:
        left = f" · {format_duration(spent_s / done * (total - done))} left"
    return Markdown(f"Tagging {escape(Path(sound.name).name)}: {done + 1:d} of {total}{left}")


def _row(result: SoundResult) -> dict[str, Any]:
    tags = result.tags
    if tags is None:
        empty = dict.fromkeys(("tags", "score", "folds", "familiarity", "length", "likeliest"))
        return {"sound": result.sound.name, **empty, "remarks": f"Error: {result.error}"}
    first = tags.ranking[0]
    remarks = list(tags.notes)
    if not tags.tags and not tags.held_back:
        remarks.insert(0, "No label reaches its threshold.")
    if result.sound.truth is not None:
        remarks.insert(0, f"Truth: {', '.join(result.sound.truth) or 'no label'}.")
    return {
        "sound": result.sound.name,
        "tags": [tag.label for tag in tags.tags],
        "score": first.score,
        "folds": f"{first.folds_agreeing} of {tags.folds}",
        "familiarity": tags.familiarity,
        "length": tags.duration_s,
        "likeliest": first.label,
        "remarks": " ".join(remarks),
    }
