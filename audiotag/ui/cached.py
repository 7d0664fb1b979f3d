"""What pages load, kept in memory once for all sessions and read again when the files change.

Everything here is shared, so nobody may change what it returns.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from audiotag.data.index import scan
from audiotag.data.layouts import Dataset, open_dataset
from audiotag.sound.audio import Sound, read_sound
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.tagging.ensemble import Card
    from audiotag.tagging.tagger import Tagger


def dataset(root: Path) -> Dataset:
    """The dataset at ``root``."""
    return _dataset(root, _stamp(root, "*.csv"))


def index(of: Dataset) -> pd.DataFrame:
    """The dataset's index; the first time with a progress bar."""
    return _index(of.root, _stamp(of.root, "*.csv"))


def sound(path: Path, sample_rate: int) -> Sound:
    """A decoded clip."""
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        stamp = 0  # gone since: reading it says so
    return _sound(path, sample_rate, stamp)


def card(folder: Path) -> Card:
    """An ensemble's card."""
    return _card(folder, _stamp(folder, "card.json"))


def tagger(folder: Path) -> Tagger:
    """An ensemble in memory."""
    return _tagger(folder, _stamp(folder, "card.json"))


def _stamp(root: Path, tables: str) -> tuple[int, ...]:
    files = [root] if root.is_file() else sorted(root.glob(tables))
    return tuple(file.stat().st_mtime_ns for file in files)


@st.cache_resource(max_entries=8, show_spinner="Opening the dataset …")
def _dataset(root: Path, stamp: tuple[int, ...]) -> Dataset:
    return open_dataset(root)


@st.cache_resource(max_entries=8, show_spinner=False)
def _index(root: Path, stamp: tuple[int, ...]) -> pd.DataFrame:
    bar = st.empty()

    def progress(done: int, total: int) -> None:
        if done % 200 == 0:
            bar.progress(done / total, f"Reading headers: {done:,} of {total:,}")

    table = scan(dataset(root), Workspace().indexes, progress)
    bar.empty()
    return table


@st.cache_resource(max_entries=32, show_spinner=False)
def _sound(path: Path, sample_rate: int, stamp: int) -> Sound:
    return read_sound(path, sample_rate)


@st.cache_resource(max_entries=16, show_spinner=False)
def _card(folder: Path, stamp: tuple[int, ...]) -> Card:
    from audiotag.tagging.ensemble import read_card

    return read_card(folder)


@st.cache_resource(max_entries=3, show_spinner="Loading the ensemble …")
def _tagger(folder: Path, stamp: tuple[int, ...]) -> Tagger:
    from audiotag.tagging.tagger import Tagger

    return Tagger(folder)
