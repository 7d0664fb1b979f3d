"""The sounds on the Tag page, which stay until they are removed.

They are kept in the session, so they are still there when the page is left and opened again; what is removed can be
brought back.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from audiotag.audio.header import Source
from audiotag.tagging.export.rows import as_text
from audiotag.ui import cache
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.step_buttons import step_buttons

KEPT, REMOVED, COUNTED = "tag-sounds", "tag-removed", "tag-counted"
TABLE = "tag-table"


@dataclass(frozen=True)
class DroppedSound:
    """A sound on the page.

    Attributes
    ----------
    number : int
        Its own on this page, for the keys of its widgets.
    name : str
    source : Path or bytes
    digest : str
        Of its bytes; empty for a path.
    truth : tuple[str, ...] or None
        The labels that it is known to have; None where nothing is known.
    """

    number: int
    name: str
    source: Source
    digest: str
    truth: tuple[str, ...] | None = None

    @property
    def content(self) -> str:
        """Changes with what is in it."""
        return self.digest or cache.content_of(self.source)

    @property
    def path(self) -> str:
        """Where it lies; empty for what has no place on this machine."""
        return as_text(str(self.source)) if isinstance(self.source, Path) else ""


def dropped() -> list[DroppedSound]:
    """The sounds on the page, in the order in which they came."""
    return st.session_state.setdefault(KEPT, [])


def add(sounds: list[tuple[str, Source]], truth: tuple[str, ...] | None = None) -> None:
    """Put sounds on the page, and choose the first of them; one that is there already is only chosen."""
    there = {(sound.name, sound.content): at for at, sound in enumerate(dropped())}
    places = []
    for name, source in sounds:
        key = (as_text(name), cache.content_of(source))
        if key not in there:
            there[key] = len(dropped())
            digest = "" if isinstance(source, Path) else key[1]
            dropped().append(DroppedSound(counted("sound"), key[0], source, digest, truth))
        places.append(there[key])
    if places:
        choose(places[0])


def choose(place: int) -> None:
    """Have the table of sounds select a row; only before it is drawn."""
    st.session_state[TABLE] = {"selection": {"rows": [place], "columns": [], "cells": []}}


def toolbar() -> None:
    """How many sounds there are, keys that step through them, all of them away; what was removed back."""
    count, removed = len(dropped()), st.session_state.get(REMOVED)
    if count < 2 and not removed:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        said = f"{count:,} sound{'' if count == 1 else 's'}"
        more = " · select a row for its details, click on a heading to sort" if count > 1 else ""
        st.caption(said + more, width="stretch")
        if removed:
            name = messages.escape_markdown(removed[0][1].name) if len(removed) == 1 else f"{len(removed)} sounds"
            st.caption(f"{name} removed", width="content")
            st.button("Undo", icon=":material/undo:", key="undo-remove", type="tertiary", on_click=_undo)
        if count > 1:
            step_buttons("tag-", _step)
            st.button(
                "Clear all",
                icon=":material/close:",
                key="clear-sounds",
                type="tertiary",
                on_click=_remove,
                args=(range(count),),
                help="Takes all sounds off the page. No file is deleted.",
            )


def chosen() -> int:
    """The place of the sound whose row is selected."""
    rows = st.session_state.get(TABLE, {}).get("selection", {}).get("rows") or [0]
    return max(0, min(rows[0], len(dropped()) - 1))


def remove_button(place: int) -> None:
    """Takes one sound off the page."""
    st.button(
        "Remove",
        icon=":material/close:",
        key=f"remove-{dropped()[place].number}",
        type="tertiary",
        on_click=_remove,
        args=([place],),
        help="Takes this sound off the page. No file is deleted.",
    )


def _step(by: int) -> None:
    choose((chosen() + by) % len(dropped()))


def _remove(places: Any) -> None:
    """Take the sounds at these places away; `_undo` knows where they were."""
    going = set(places)
    st.session_state[REMOVED] = [(at, sound) for at, sound in enumerate(dropped()) if at in going]
    st.session_state[KEPT] = [sound for at, sound in enumerate(dropped()) if at not in going]
    choose(max(0, min([*going, len(dropped()) - 1])))


def _undo() -> None:
    removed = st.session_state.pop(REMOVED, [])
    for at, sound in removed:
        dropped().insert(at, sound)
    if removed:
        choose(removed[0][0])


def count_of(kind: str) -> int:
    """How many of a kind there were in this session."""
    return st.session_state.setdefault(COUNTED, {}).get(kind, 0)


def counted(kind: str) -> int:
    """One more of a kind: its number, from 1."""
    st.session_state[COUNTED] = st.session_state.get(COUNTED, {}) | {kind: count_of(kind) + 1}
    return count_of(kind)
