"""Tag all sounds on the Tag page with progress, and show the results as a table and as downloads."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.tagging.bulk_job import export_row
from audiotag.tagging.events import EventSettings
from audiotag.tagging.export.base import ExportOptions, export_bytes, file_name
from audiotag.tagging.export.rows import exact_clip_row
from audiotag.tagging.folder_job import export_choices, export_writer
from audiotag.tagging.result import Tags
from audiotag.ui.tag.dropped_sounds import TABLE, DroppedSound
from audiotag.ui.tag.file_choice import FileChoice, pick_events
from audiotag.ui.tag.tagging_options import TaggingSetup
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets.downloads import SPREADSHEET_HELP
from audiotag.wording import format_duration

TAGGED = "tag-tagged"  # in the session: sounds that were tagged, for which no progress is shown again
FORMAT = "tag-format"  # key of the picker of file formats
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
    tagged: set[tuple[str, str, str, bool, float, bool]] = st.session_state.setdefault(TAGGED, set())
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


def show_downloads(results: list[SoundResult], selected: SoundResult, setup: TaggingSetup) -> FileChoice:
    """Choose a format, and download all sounds or the selected one in it; a click makes the file."""
    choices = export_choices()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        choice = st.selectbox(
            "Results as a file", list(choices), format_func=choices.__getitem__, key=FORMAT, width=300
        )
        button = st.container(width="content")
    format, spreadsheet = export_writer(choice)
    about = [escape(format.about), *([SPREADSHEET_HELP] if spreadsheet else [])]
    if format.one_file_per_clip:
        about.append(Markdown(f"For {escape(Path(selected.sound.name).name)}."))
    st.caption(Markdown(" ".join(about)))
    events = pick_events("tag") if format.has_events else EventSettings()
    chosen = FileChoice(format, spreadsheet, events)
    if any(result.tags for result in ([selected] if format.one_file_per_clip else results)):
        name = file_name(format, spreadsheet)
        with button:
            st.download_button(
                "Download",
                partial(_file_bytes, chosen, results, selected, setup),
                file_name=format.clip_file(Path(selected.sound.name).stem) if format.one_file_per_clip else name,
                mime=format.mime,
                icon=":material/download:",
                key=f"tag-{choice}",
                on_click="ignore",
            )
    return chosen


def _file_bytes(chosen: FileChoice, results: list[SoundResult], selected: SoundResult, setup: TaggingSetup) -> bytes:
    """The content of the chosen file."""
    card = setup.tagger.card
    options = ExportOptions.of(card, setup.thresholds, spreadsheet=chosen.spreadsheet, events=chosen.events)
    if chosen.format.one_file_per_clip:
        rows = [
            exact_clip_row(each.tags, card.labels, each.sound.name, each.sound.path, each.sound.recording_time())
            for each in [selected]
            if each.tags
        ]
    else:
        rows = [
            export_row(each.tags, options, each.sound.name, each.sound.path, each.sound.recording_time())
            for each in results
            if each.tags
        ]
    return export_bytes(chosen.format, rows, options)


def _tag_sound(sound: DroppedSound, setup: TaggingSetup) -> SoundResult:
    try:
        return SoundResult(sound, setup.tag(sound))
    except AudiotagError as error:
        return SoundResult(sound, None, str(error))


def _key(sound: DroppedSound, setup: TaggingSetup) -> tuple[str, str, str, bool, float, bool]:
    settings = setup.settings
    return sound.name, sound.content, str(setup.folder), settings.tta, settings.overlap_share, settings.fast


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
        "folds": tags.voters[0] if tags.is_fast else f"{first.folds_agreeing} of {tags.folds}",
        "familiarity": tags.familiarity,
        "length": tags.duration_s,
        "likeliest": first.label,
        "remarks": " ".join(remarks),
    }
