"""The sounds on the Tag page: add, select, remove and restore them.

They are in the session, so they stay when the user leaves the page and comes back, and in the workspace
(`audiotag.ui.tag.history`), from which a new session takes the newest ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from audiotag.audio.header import Source
from audiotag.audio.recording_time import RecordingTime, recording_time
from audiotag.disk import optional_write
from audiotag.ui import sound_cache
from audiotag.ui.tag.history import HistoryEntry, SoundHistory
from audiotag.ui.tag.stored_uploads import StoredUpload
from audiotag.ui.text import escape
from audiotag.ui.widgets import kept_rows
from audiotag.ui.widgets.step_buttons import show_step_buttons
from audiotag.wording import as_text
from audiotag.workspace import Workspace

SOUNDS, REMOVED, COUNTERS = "tag-sounds", "tag-removed", "tag-counters"  # keys in the session
REMOVED_ENTRIES = "tag-removed-entries"  # in the session: ids of the history that were removed last
TABLE = "tag-table"  # key of the table of sounds
VIEW = "view"  # key of the tabs of the page, which is in the address
MAX_RESTORED = 50  # sounds of earlier sessions that a new one begins with


@dataclass(frozen=True)
class DroppedSound:
    """A sound on the page.

    Attributes
    ----------
    number : int
        Unique on this page, for the keys of its widgets.
    name : str
    source : Path or bytes
    digest : str
        Checksum of the bytes of an upload or a recording; empty for a file of the user.
    truth : tuple[str, ...] or None
        Its true labels; None where they are not known.
    stored : StoredUpload or None
        Keeps the temporary file of an upload or a recording that could not be put into the history.
    recorded : bool
        Whether it was recorded on the page, and so is not yet a file of the user.
    entry : str
        Its id in the history; empty where it is not in it.
    """

    number: int
    name: str
    source: Source
    digest: str
    truth: tuple[str, ...] | None = None
    stored: StoredUpload | None = None
    recorded: bool = False
    entry: str = ""

    @property
    def content(self) -> str:
        """A key that changes with the content."""
        return self.digest or sound_cache.content_key(self.source)

    @property
    def path(self) -> str:
        """Path of the file; empty for uploads and recordings."""
        return "" if self.digest else as_text(str(self.source))

    def recording_time(self) -> RecordingTime | None:
        """When the recording began, by its metadata or its name; None where that is not known."""
        return recording_time(self.source, self.name)

    @property
    def file_name(self) -> str:
        """Name of its file in a command: the path, else the name under which a recording is downloaded or an upload
        was taken from the user's disk."""
        return self.path or (f"{self.name.replace(' ', '-')}.wav" if self.recorded else self.name)


def all_sounds() -> list[DroppedSound]:
    """The sounds on the page, in the order in which they were added; a new session begins with those of the history."""
    if SOUNDS not in st.session_state:
        history = SoundHistory(Workspace())
        entries = history.sounds()[-MAX_RESTORED:]
        st.session_state[SOUNDS] = [_sound_of(entry, history) for entry in entries]
        recorded = [
            int(number) for entry in entries if entry.recorded and (number := entry.name.split()[-1]).isdecimal()
        ]
        st.session_state[COUNTERS] = st.session_state.get(COUNTERS, {}) | {"recording": max(recorded, default=0)}
        if entries:
            select_row(len(entries) - 1)
    return st.session_state[SOUNDS]


def add_sounds(sounds: list[tuple[str, Source]], truth: tuple[str, ...] | None = None, recorded: bool = False) -> None:
    """Put sounds with their names on the page and select the first of them; a sound that is there is not added again.

    ``truth`` are the true labels of these sounds, where they are known; ``recorded`` says that they are recordings.
    """
    row_by_key = {(sound.name, sound.content): row for row, sound in enumerate(all_sounds())}
    rows = list[int]()
    new = list[tuple[HistoryEntry, Source]]()
    for name, source in sounds:
        key = (as_text(name), sound_cache.content_key(source))
        if key not in row_by_key:
            row_by_key[key] = len(all_sounds()) + len(new)
            path = source if isinstance(source, Path) else None
            digest = "" if isinstance(source, Path) else key[1]
            new.append((HistoryEntry.of(key[0], path, digest, truth, recorded), source))
        rows.append(row_by_key[key])
    if new:
        all_sounds().extend(_add_to_history(new))
    if rows:
        select_row(rows[0])


def _add_to_history(new: list[tuple[HistoryEntry, Source]]) -> list[DroppedSound]:
    history, is_kept = SoundHistory(Workspace()), False
    with optional_write("these sounds are not in the history"):
        history.add([(entry, source if isinstance(source, bytes) else b"") for entry, source in new])
        is_kept = True
    return [_sound_of(entry, history) if is_kept else _temporary(entry, source) for entry, source in new]


def _sound_of(entry: HistoryEntry, history: SoundHistory) -> DroppedSound:
    number, source = next_number("sound"), history.source(entry)
    return DroppedSound(number, entry.name, source, entry.digest, entry.truth, None, entry.recorded, entry.id)


def _temporary(entry: HistoryEntry, source: Source) -> DroppedSound:
    """A sound that could not be put into the history."""
    number = next_number("sound")
    if isinstance(source, Path):
        return DroppedSound(number, entry.name, source, "", entry.truth)
    try:
        stored = StoredUpload(source)
    except OSError:  # the disk is full: the bytes stay in memory
        return DroppedSound(number, entry.name, source, entry.digest, entry.truth, None, entry.recorded)
    return DroppedSound(number, entry.name, stored.path, entry.digest, entry.truth, stored, entry.recorded)


def select_row(row: int) -> None:
    """Select a row of the table of sounds; only possible before the table is drawn."""
    kept_rows.select_row(TABLE, row)
    kept_rows.keep_row(TABLE, row)


def show_toolbar() -> None:
    """The number of sounds, and buttons that step through them, clear the history, and restore what was removed."""
    count, removed = len(all_sounds()), st.session_state.get(REMOVED)
    if not count and not removed:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{count:,} sound{'' if count == 1 else 's'}", width="stretch")
        if removed:
            name = escape(removed[0][1].name) if len(removed) == 1 else f"{len(removed)} sounds"
            st.caption(f"{name} removed", width="content")
            st.button("Undo", icon=":material/undo:", key="undo-remove", type="tertiary", on_click=_undo)
        if count > 1:
            show_step_buttons("tag-", _step)
        if count:
            st.button(
                "Clear history",
                icon=":material/delete_history:",
                key="clear-sounds",
                type="tertiary",
                on_click=_clear,
                help="Sounds stay here when you reload the page, because your workspace keeps them. This removes all "
                "of them, also those of earlier visits. Your own files are not deleted.",
            )


def selected_row() -> int:
    """The row of the selected sound, also when the user comes back to the page; 0 where there is none."""
    kept_rows.restore_row(TABLE)
    row = kept_rows.row_of(st.session_state.get(TABLE), len(all_sounds()))
    kept_rows.keep_row(TABLE, row)
    return row


def show_download_button(sound: DroppedSound) -> None:
    """The button that saves a recording as a file; nothing for a sound that is a file already."""
    if sound.recorded:
        source = sound.source
        st.download_button(
            "Download",
            lambda: source.read_bytes() if isinstance(source, Path) else source,
            file_name=sound.file_name,
            mime="audio/wav",
            icon=":material/download:",
            key=f"download-{sound.number}",
            on_click="ignore",
            type="tertiary",
            help="Saves the recording as a WAV file.",
        )


def show_remove_button(row: int) -> None:
    """The button that removes one sound from the page."""
    st.button(
        "Remove",
        icon=":material/close:",
        key=f"remove-{all_sounds()[row].number}",
        type="tertiary",
        on_click=_remove,
        args=([row],),
        help="Removes this sound from the page. No file is deleted.",
    )


def _step(by: int) -> None:
    select_row((selected_row() + by) % len(all_sounds()))


def _remove(rows: Any) -> None:
    """Remove the sounds in these rows; `_undo` puts them back in the same rows."""
    removed = set(rows)
    st.session_state[REMOVED] = [(row, sound) for row, sound in enumerate(all_sounds()) if row in removed]
    st.session_state[SOUNDS] = [sound for row, sound in enumerate(all_sounds()) if row not in removed]
    _remove_entries(sound.entry for _, sound in st.session_state[REMOVED])
    select_row(max(0, min([*removed, len(all_sounds()) - 1])))


def _clear() -> None:
    """Remove all sounds of the page and of the history."""
    _remove(range(len(all_sounds())))
    on_page, in_history = st.session_state[REMOVED_ENTRIES], SoundHistory(Workspace()).sounds()
    _remove_entries([*on_page, *(entry.id for entry in in_history)])


def _remove_entries(entries: Iterable[str]) -> None:
    """Remove entries of the history, and note them for `_undo`."""
    st.session_state[REMOVED_ENTRIES] = list(entries)
    with optional_write("the history is not changed"):
        SoundHistory(Workspace()).remove(st.session_state[REMOVED_ENTRIES])


def _undo() -> None:
    removed = st.session_state.pop(REMOVED, [])
    for row, sound in removed:
        all_sounds().insert(row, sound)
    with optional_write("the history is not changed"):
        SoundHistory(Workspace()).restore(st.session_state.pop(REMOVED_ENTRIES, []))
    if removed:
        select_row(removed[0][0])


def last_number(kind: str) -> int:
    """The last number that `next_number` gave for this kind in the session; 0 before the first."""
    return st.session_state.setdefault(COUNTERS, {}).get(kind, 0)


def next_number(kind: str) -> int:
    """The next number of a kind, such as ``"recording"``, from 1."""
    st.session_state[COUNTERS] = st.session_state.get(COUNTERS, {}) | {kind: last_number(kind) + 1}
    return last_number(kind)
