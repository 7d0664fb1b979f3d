"""What an ensemble says of all sounds on the Tag page: tagged with progress, as a table, as files."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.tagging.export.base import ExportFormat, ExportOptions, export_bytes, export_formats
from audiotag.tagging.export.rows import as_text, clip_row, exact_clip_row
from audiotag.tagging.result import Tags
from audiotag.ui.tag.dropped_sounds import TABLE, DroppedSound
from audiotag.ui.tag.tagging_options import TaggingSetup
from audiotag.ui.widgets import messages
from audiotag.wording import format_duration

HEARD = "tag-heard"  # what this session has had tagged: no progress is shown for it again
ETA_AFTER_S = 3.0
SHOWN_ERRORS = 3


@dataclass(frozen=True)
class SoundResult:
    """A sound with its tags, or with the sentence that says why it has none."""

    sound: DroppedSound
    tags: Tags | None
    error: str = ""


def tag_sounds(sounds: list[DroppedSound], making: TaggingSetup) -> list[SoundResult]:
    """The outcome of every sound, in their order; what is wrong with one does not stop the rest."""
    heard: set[tuple[str, str, str, bool]] = st.session_state.setdefault(HEARD, set())
    new = [sound for sound in sounds if _key(sound, making) not in heard]
    bar, began, done = st.empty(), time.monotonic(), 0
    outcomes = []
    for sound in sounds:
        if (key := _key(sound, making)) not in heard:
            bar.progress(done / len(new), _progress(sound, done, len(new), time.monotonic() - began))
            heard.add(key)
            done += 1
        outcomes.append(_outcome(sound, making))
    bar.empty()
    return outcomes


def table(outcomes: list[SoundResult]) -> None:
    """The sounds as a table that can be sorted; a row can be selected."""
    column = st.column_config
    st.dataframe(
        pd.DataFrame([_row(outcome) for outcome in outcomes]),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row-required",
        key=TABLE,
        placeholder="",
        column_config={
            "sound": column.TextColumn("sound", width=190),
            "length": column.NumberColumn("length", format="%.2f s", width=80),
            "tags": column.ListColumn("tags", width=200),
            "likeliest": column.TextColumn("likeliest", width=130),
            "score": column.NumberColumn("score", format="%.2f", width=65, help="Of the likeliest label."),
            "folds": column.TextColumn("folds", width=65, help="How many of them agree with the likeliest label."),
            "remarks": column.TextColumn("remarks"),
        },
        alt="Sounds with their lengths, tags, likeliest label, its score, how many folds agree, and remarks",
    )


def errors(outcomes: list[SoundResult], but: int) -> None:
    """What is wrong with sounds, as sentences, but for that of one place, which says so itself."""
    sentences = [outcome.error for at, outcome in enumerate(outcomes) if outcome.error and at != but]
    for sentence in sentences[:SHOWN_ERRORS]:
        st.error(messages.escape_markdown(sentence), icon=":material/error:")
    if len(sentences) > SHOWN_ERRORS:
        st.caption(f"And {len(sentences) - SHOWN_ERRORS} more with an error: see remarks in the table.")


def downloads(outcomes: list[SoundResult], chosen: SoundResult, making: TaggingSetup) -> None:
    """One download button per export format, for all sounds or for the chosen one; each file is made on its click."""
    labels = making.tagger.card.labels
    options = ExportOptions(labels, making.thresholds)
    all_rows = [clip_row(outcome.tags, outcome.sound.name, outcome.sound.path) for outcome in outcomes if outcome.tags]
    with st.container(horizontal=True):
        for format in export_formats():
            rows, name, about = all_rows, "tags", format.about
            if format.one_file_per_clip:
                sound = chosen.sound
                rows = [exact_clip_row(chosen.tags, labels, sound.name, sound.path)] if chosen.tags else []
                name, about = Path(sound.name).stem, f"{about} For {messages.escape_markdown(Path(sound.name).name)}."
            if rows:
                st.download_button(
                    format.title,
                    _content(format, rows, options),
                    file_name=f"{name}{format.suffix}",
                    mime=format.mime,
                    icon=":material/download:",
                    key=f"tag-{format.name}",
                    on_click="ignore",
                    help=about,
                )


def _content(format: ExportFormat, rows: list[dict[str, Any]], options: ExportOptions) -> Callable[[], bytes]:
    return lambda: export_bytes(format, rows, options)


def _outcome(sound: DroppedSound, making: TaggingSetup) -> SoundResult:
    try:
        return SoundResult(sound, making.tags_of(sound))
    except AudiotagError as error:
        return SoundResult(sound, None, as_text(str(error)))


def _key(sound: DroppedSound, making: TaggingSetup) -> tuple[str, str, str, bool]:
    return sound.name, sound.content, str(making.folder), making.settings.tta


def _progress(sound: DroppedSound, done: int, total: int, spent_s: float) -> str:
    left = ""
    if done and spent_s > ETA_AFTER_S:
        left = f" · {format_duration(spent_s / done * (total - done))} left"
    return f"Tagging {messages.escape_markdown(Path(sound.name).name)}: {done + 1} of {total}{left}"


def _row(outcome: SoundResult) -> dict[str, Any]:
    tags = outcome.tags
    if tags is None:
        empty = {"length": None, "tags": None, "likeliest": None, "score": None, "folds": None}
        return {"sound": outcome.sound.name, **empty, "remarks": f"Error: {outcome.error}"}
    first = tags.ranking[0]
    remarks = list(tags.notes)
    if not tags.tags:
        remarks.insert(0, "Nothing I know.")
    if outcome.sound.truth is not None:
        remarks.insert(0, f"Truth: {', '.join(outcome.sound.truth) or 'no label'}.")
    return {
        "sound": outcome.sound.name,
        "length": tags.duration_s,
        "tags": [tag.label for tag in tags.tags],
        "likeliest": first.label,
        "score": first.score,
        "folds": f"{first.folds_agreeing} of {tags.folds}",
        "remarks": " ".join(remarks),
    }
