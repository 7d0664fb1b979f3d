"""What pages load, kept in memory once for all sessions and read again when the files change.

Everything here is shared, so nobody may change what it returns.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.faults import faults as faults_of
from audiotag.data.index import scan
from audiotag.data.measuring import Measuring, with_measures
from audiotag.data.remembered import open_remembered
from audiotag.data.tables import TABLE_SUFFIXES
from audiotag.sound.audio import Sound, read_sound
from audiotag.sound.settings import SpectrogramSettings
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.tagging.ensemble import Card
    from audiotag.tagging.result import Tags
    from audiotag.tagging.tagger import Tagger


def dataset(root: Path) -> Dataset:
    """The dataset at ``root``, opened as the workspace remembers."""
    return _dataset(root, _dataset_stamp(root))


def index(of: Dataset) -> pd.DataFrame:
    """The dataset's index with what is measured so far; the first time with a progress bar."""
    stamp = _dataset_stamp(of.root)
    return _measured_index(of.root, stamp, measuring(of).stamp())


def faults(of: Dataset) -> pd.DataFrame:
    """What is wrong with the dataset, as far as it is measured."""
    return _faults(of.root, _dataset_stamp(of.root), measuring(of).stamp())


def measuring(of: Dataset) -> Measuring:
    """The dataset's second pass."""
    return Measuring.of(of.root, of.name, Workspace())


def sound(path: Path, sample_rate: int) -> Sound:
    """A decoded clip."""
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        stamp = 0  # gone since: reading it says so
    return _sound(path, sample_rate, stamp)


def sound_of(log_mel: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """A log-mel turned back into sound; it takes a second or two."""
    return _sound_of(log_mel, settings)


def card(folder: Path) -> Card:
    """An ensemble's card."""
    return _card(folder, _stamp(folder, "card.json"))


def tagger(folder: Path) -> Tagger:
    """An ensemble in memory."""
    return _tagger(folder, _stamp(folder, "card.json"))


def tagged(content: bytes, name: str, folder: Path) -> tuple[Sound, Tags]:
    """A dropped sound, decoded at the ensemble's rate, and its tags."""
    return _tagged(content, name, folder, _stamp(folder, "card.json"))


def _dataset_stamp(root: Path) -> tuple[object, ...]:
    """Changes with the dataset's tables, with the files in its folders, and with how it is opened.

    A folder's time changes when a file comes or goes, so no folder of sounds has to be gone through.
    """
    times = [root.stat().st_mtime_ns] if root.exists() else []
    if root.is_dir():
        times += _times(root)
        for tables in sorted({root / "meta", *root.glob("*.meta")}):
            times += _times(tables) if tables.is_dir() else []
    return *times, *sorted(Workspace().dataset_options(root).items())


def _times(folder: Path) -> list[int]:
    """When the tables and folders in a folder changed last."""
    with os.scandir(folder) as entries:
        seen = sorted(entry.path for entry in entries if entry.is_dir() or entry.name.endswith(TABLE_SUFFIXES))
    return [os.stat(path).st_mtime_ns for path in seen]


def _stamp(folder: Path, name: str) -> tuple[int, ...]:
    file = folder / name
    return (file.stat().st_mtime_ns,) if file.is_file() else ()


@st.cache_resource(max_entries=8, show_spinner="Opening the dataset …")
def _dataset(root: Path, stamp: tuple[object, ...]) -> Dataset:
    return open_remembered(root, Workspace())


@st.cache_resource(max_entries=8, show_spinner=False)
def _index(root: Path, stamp: tuple[object, ...]) -> pd.DataFrame:
    bar = st.empty()

    def progress(done: int, total: int) -> None:
        if done % 640 == 0 or done == total:
            bar.progress(done / total, f"Reading headers: {done:,} of {total:,}")

    table = scan(dataset(root), Workspace().indexes, progress)
    bar.empty()
    return table


@st.cache_resource(max_entries=4, show_spinner=False)
def _measured_index(root: Path, stamp: tuple[object, ...], parts: int) -> pd.DataFrame:
    return with_measures(_index(root, stamp), measuring(dataset(root)).table())


@st.cache_resource(max_entries=4, show_spinner=False)
def _faults(root: Path, stamp: tuple[object, ...], parts: int) -> pd.DataFrame:
    return faults_of(dataset(root), _measured_index(root, stamp, parts))


@st.cache_resource(max_entries=32, show_spinner=False)
def _sound(path: Path, sample_rate: int, stamp: int) -> Sound:
    return read_sound(path, sample_rate)


@st.cache_resource(max_entries=16, show_spinner="Searching for a phase …")
def _sound_of(log_mel: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    from audiotag.sound.inversion import sound_of

    return sound_of(log_mel, settings)


@st.cache_resource(max_entries=16, show_spinner=False)
def _card(folder: Path, stamp: tuple[int, ...]) -> Card:
    from audiotag.tagging.ensemble import read_card

    return read_card(folder)


@st.cache_resource(max_entries=3, show_spinner="Loading the ensemble …")
def _tagger(folder: Path, stamp: tuple[int, ...]) -> Tagger:
    from audiotag.tagging.tagger import Tagger

    return Tagger(folder)


@st.cache_resource(max_entries=64, show_spinner="Tagging …")
def _tagged(content: bytes, name: str, folder: Path, stamp: tuple[int, ...]) -> tuple[Sound, Tags]:
    own = tagger(folder)
    sound = read_sound(content, own.card.spectrogram.sample_rate, name)
    return sound, own.tag_sound(sound)
