"""Browse folders of the machine that runs the app: the way to the folder, its subfolders and its tables."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from audiotag.data.browsing import Listing, SoundCount, list_folder
from audiotag.errors import AudiotagError
from audiotag.ui.caching import cached
from audiotag.ui.text import Markdown, escape

MAX_SHOWN = 100  # folders and tables; a part of the name finds the others
SEARCH_FROM = 12  # entries that are there before a search is offered
LISTED_FOR_S = 10  # after that the folder is listed again
LIST_HEIGHT_PIXELS = 330
SHOW_HIDDEN, PART_OF_NAME = "open-dataset-hidden", "open-dataset-search"  # keys of widgets
GoTo = Callable[[Path], None]


def show_way(folder: Path, go_to: GoTo) -> None:
    """The folder's path as buttons, one per folder above it, and buttons to the home folder and one folder up."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="folder-way"):
        _button(Markdown("Home folder"), ":material/home:", "way-home", home_folder(), go_to)
        _button(Markdown("Up"), ":material/arrow_upward:", "way-up", folder.parent, go_to, folder == folder.parent)
        for above in reversed(folder.parents):
            icon = ":material/chevron_right:" if above.name else ":material/hard_drive:"
            _button(escape(above.name or above.anchor), icon, f"way-{_hash(above)}", above, go_to)
        st.markdown(f":material/chevron_right: **{escape(folder.name or folder.anchor)}**", width="content")


def show_folder(folder: Path, go_to: GoTo) -> Listing | None:
    """The folders and tables in a folder as buttons; None, with a message, where it cannot be listed."""
    show_hidden = bool(st.session_state.get(SHOW_HIDDEN))
    try:
        with st.spinner("Counting sounds …"):
            listing = _listing(folder, show_hidden)
    except AudiotagError as error:
        st.error(escape(error), icon=":material/error:")
        return None
    entries: list[tuple[Path, Markdown, str]] = [
        (subfolder.path, describe_count(subfolder.count), ":material/folder:") for subfolder in listing.folders
    ]
    entries += [(table.path, describe_bytes(table.size_bytes), ":material/table:") for table in listing.tables]
    if len(entries) > SEARCH_FROM:
        wanted = st.text_input("Find in this folder", key=PART_OF_NAME, placeholder="part of the name").strip().lower()
        entries = [entry for entry in entries if wanted in entry[0].name.lower()]
    with st.container(height=LIST_HEIGHT_PIXELS, gap=None, key="folder-list"):
        for path, words, icon in entries[:MAX_SHOWN]:
            about: Markdown = words
            _button(Markdown(f"{escape(path.name)} · {about}"), icon, f"entry-{_hash(path)}", path, go_to)
        if len(entries) > MAX_SHOWN:
            st.caption(f"{len(entries) - MAX_SHOWN:,} more are not shown: type a part of the name above.")
        if not entries:
            st.caption("No folders and no tables are here.")
    with st.container(horizontal=True, vertical_alignment="center"):
        sounds = describe_count(SoundCount(listing.sounds))
        st.caption(f"{sounds} directly in this folder", width="stretch")
        hidden = f" ({listing.hidden:,})" if listing.hidden else ""
        st.checkbox(f"Show hidden{hidden}", key=SHOW_HIDDEN, help="Folders that begin with a dot, and system folders.")
    return listing


def describe_count(count: SoundCount) -> Markdown:
    """How many sounds are below a folder.

    >>> describe_count(SoundCount(1050)), describe_count(SoundCount(2990, is_complete=False))
    ('1,050 sounds', 'more than 2,990 sounds')
    >>> describe_count(SoundCount(0)), describe_count(SoundCount(0, problem="permission denied"))
    ('no sounds', 'permission denied')
    """
    if count.problem:
        return escape(count.problem)
    if not count.is_complete:
        return Markdown(f"more than {count.sounds:,} sounds" if count.sounds else "many files, not counted")
    sounds = f"{count.sounds:,} sound{'' if count.sounds == 1 else 's'}"
    return Markdown(sounds if count.sounds else "no sounds")


def describe_bytes(size: int) -> Markdown:
    """The size of a table.

    >>> describe_bytes(700), describe_bytes(70_000), describe_bytes(7_000_000)
    ('table, 1 kB', 'table, 70 kB', 'table, 7.0 MB')
    """
    return Markdown(f"table, {size / 1e6:.1f} MB" if size >= 1e6 else f"table, {max(1, round(size / 1e3)):,} kB")


def home_folder() -> Path:
    """The user's home folder; the root of the disk where there is none."""
    home = Path(os.path.expanduser("~"))
    return home if home.is_dir() else Path(home.anchor or os.sep)


@cached(max_entries=32, ttl=LISTED_FOR_S, show_spinner=False)
def _listing(folder: Path, show_hidden: bool) -> Listing:
    return list_folder(folder, show_hidden)


def _button(label: Markdown, icon: str, key: str, path: Path, go_to: GoTo, disabled: bool = False) -> None:
    st.button(
        label, key=key, icon=icon or None, type="tertiary", on_click=go_to, args=(path,), disabled=disabled, wrap=False
    )


def _hash(path: Path) -> str:
    """A key of a path; a second click of a double click finds its button again, or nothing."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
