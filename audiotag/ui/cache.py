"""What pages load, kept in memory once for all sessions and read again when the files change.

Everything here is shared, so nobody may change what it returns.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from audiotag.audio.header import Header, Sound, Source
from audiotag.audio.reading import read_header, read_sound
from audiotag.data.dataset import Dataset
from audiotag.data.index import scan
from audiotag.data.saved_options import open_remembered
from audiotag.data.stamp import dataset_stamp
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.inspection import faults
from audiotag.inspection.measurement_job import MeasurementJob, with_measures
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.tagging.ensemble import Card
    from audiotag.tagging.result import Evidence
    from audiotag.tagging.tagger import Tagger

LONGEST_S = 300.0  # of a sound that a player gets: beyond it the browser would be kept waiting


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


def measuring(of: Dataset) -> MeasurementJob:
    """The dataset's second pass."""
    return MeasurementJob.of(of.root, of.name, Workspace())


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


def tagger(folder: Path, tta: bool = False) -> Tagger:
    """An ensemble in memory, with or without test-time augmentation."""
    return _tagger(folder, tta, _stamp(folder, "card.json"))


def evidence(source: Source, name: str, content: str, folder: Path, tta: bool = False) -> Evidence:
    """What an ensemble's folds say of a sound.

    Parameters
    ----------
    source : Path or bytes
    name : str
        What messages call it.
    content : str
        Changes with what is in it, see `content_of`; so the bytes need not be read again to know them.
    folder : Path
        Of the ensemble.
    tta : bool
        With test-time augmentation.

    Raises
    ------
    AudiotagError
        If it cannot be read as a sound; that too is remembered.
    """
    found = _evidence(source, name, content, folder, tta, _stamp(folder, "card.json"))
    if isinstance(found, str):
        raise AudiotagError(found)
    return found


def content_of(source: Source) -> str:
    """Changes with what is in a sound: a checksum of bytes; of a file's path, time of change and length."""
    if isinstance(source, Path):
        try:
            stat = source.stat()
        except OSError:  # gone since: reading it says so
            return hashlib.blake2b(os.fsencode(source), digest_size=16).hexdigest()
        source = b"%s %d %d" % (os.fsencode(source), stat.st_mtime_ns, stat.st_size)
    return hashlib.blake2b(source, digest_size=16).hexdigest()


def header(source: Source, name: str, content: str) -> Header:
    """What a sound says of itself."""
    return _header(source, name, content)


def part(source: Source, name: str, content: str, sample_rate: int, start_s: float = 0.0) -> Sound:
    """A decoded sound, of a long one the minutes that the player shows from ``start_s`` on."""
    return _part(source, name, content, sample_rate, start_s)


def _dataset_stamp(root: Path) -> tuple[object, ...]:
    """Changes with the files of the dataset, and with the options that it is opened with."""
    return *dataset_stamp(root), *sorted(Workspace().dataset_options(root).items())


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
    return faults.find_faults(dataset(root), _measured_index(root, stamp, parts))


@st.cache_resource(max_entries=32, show_spinner=False)
def _sound(path: Path, sample_rate: int, stamp: int) -> Sound:
    return read_sound(path, sample_rate)


@st.cache_resource(max_entries=16, show_spinner="Searching for a phase …")
def _sound_of(log_mel: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    from audiotag.features.inversion import invert_log_mel

    return invert_log_mel(log_mel, settings)


@st.cache_resource(max_entries=16, show_spinner=False)
def _card(folder: Path, stamp: tuple[int, ...]) -> Card:
    from audiotag.tagging.ensemble import read_card

    return read_card(folder)


@st.cache_resource(max_entries=4, show_spinner="Loading the ensemble …")
def _tagger(folder: Path, tta: bool, stamp: tuple[int, ...]) -> Tagger:
    from audiotag.tagging.settings import TagSettings
    from audiotag.tagging.tagger import Tagger

    own = Tagger(folder, TagSettings(tta=tta))
    own.evidence_of(_noise(own.card.spectrogram))
    return own


def _noise(settings: SpectrogramSettings) -> Sound:
    """A sound that is scored so that what is prepared at first use is there before the first drop."""
    waveform = np.random.default_rng(0).normal(scale=0.1, size=settings.clip_samples).astype(np.float32)
    header = Header(len(waveform), settings.sample_rate, 1, "WAV", "PCM_16")
    return Sound("noise", waveform, settings.sample_rate, header)


@st.cache_resource(max_entries=512, show_spinner=False)
def _evidence(
    _source: Source, name: str, content: str, folder: Path, tta: bool, stamp: tuple[int, ...]
) -> Evidence | str:
    from audiotag.tagging.clip_inputs import MAX_WHOLE_CLIP_S

    own = tagger(folder, tta)
    try:
        if header(_source, name, content).duration_s > min(MAX_WHOLE_CLIP_S, LONGEST_S):
            return own.evidence(_source, name)
        return own.evidence_of(part(_source, name, content, own.card.spectrogram.sample_rate))
    except AudiotagError as error:
        return str(error)
    except OSError as error:
        return f"{name} cannot be read: {error.strerror or error}."


@st.cache_resource(max_entries=512, show_spinner=False)
def _header(_source: Source, name: str, content: str) -> Header:
    return read_header(_source, name)


@st.cache_resource(max_entries=8, show_spinner=False)
def _part(_source: Source, name: str, content: str, sample_rate: int, start_s: float) -> Sound:
    if header(_source, name, content).duration_s <= LONGEST_S:
        return read_sound(_source, sample_rate, name)
    from audiotag.audio.streaming import LongSound

    first, last = round(start_s * sample_rate), round((start_s + LONGEST_S) * sample_rate)
    blocks, at = [np.empty(0, np.float32)], 0
    for block in LongSound(_source, sample_rate, name).blocks():
        blocks.append(block[max(first - at, 0) : max(last - at, 0)])
        at += len(block)
        if at >= last:
            break
    return Sound(name, np.concatenate(blocks), sample_rate, header(_source, name, content))
