"""Load what pages show, and keep it in memory for all sessions until the files change.

Everything that is returned here is shared between sessions, so nobody may change it.
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

MAX_PLAYED_S = 300.0  # the player gets at most this much of a sound; more would make the browser slow


def load_dataset(root: Path) -> Dataset:
    """The dataset at ``root``, opened with the options that the workspace holds for it."""
    return _dataset(root, _dataset_stamp(root))


def load_index(dataset: Dataset) -> pd.DataFrame:
    """The dataset's index with all measurements so far; the first time with a progress bar."""
    stamp = _dataset_stamp(dataset.root)
    return _measured_index(dataset.root, stamp, measurement_job(dataset).stamp())


def find_faults(dataset: Dataset) -> pd.DataFrame:
    """The dataset's faults, as far as it is measured."""
    return _faults(dataset.root, _dataset_stamp(dataset.root), measurement_job(dataset).stamp())


def measurement_job(dataset: Dataset) -> MeasurementJob:
    """The job that decodes and measures every clip of the dataset."""
    return MeasurementJob.of(dataset.root, dataset.name, Workspace())


def load_sound(path: Path, sample_rate: int) -> Sound:
    """A decoded clip at a sample rate in Hz."""
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        stamp = 0  # the file is gone: reading it reports that
    return _sound(path, sample_rate, stamp)


def invert_log_mel(log_mel: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """A log-mel turned back into a waveform; it takes one or two seconds."""
    return _invert_log_mel(log_mel, settings)


def load_card(folder: Path) -> Card:
    """The card of the ensemble in a folder."""
    return _card(folder, _stamp(folder, "card.json"))


def load_tagger(folder: Path, tta: bool = False) -> Tagger:
    """The ensemble in a folder, loaded and warmed up, with or without test-time augmentation."""
    return _tagger(folder, tta, _stamp(folder, "card.json"))


def load_evidence(source: Source, name: str, content: str, folder: Path, tta: bool = False) -> Evidence:
    """Scores of a sound from every fold of an ensemble.

    Parameters
    ----------
    source : Path or bytes
    name : str
        Name of the sound in messages.
    content : str
        From `content_key`, so that the bytes need not be hashed again.
    folder : Path
        Folder of the ensemble.
    tta : bool
        Whether to use test-time augmentation.

    Raises
    ------
    AudiotagError
        If the sound cannot be read; the failure is cached too.
    """
    found = _evidence(source, name, content, folder, tta, _stamp(folder, "card.json"))
    if isinstance(found, str):
        raise AudiotagError(found)
    return found


def content_key(source: Source) -> str:
    """A key that changes with the content: a checksum of bytes, or of a file's path, modification time and size."""
    if isinstance(source, Path):
        try:
            stat = source.stat()
        except OSError:  # the file is gone: reading it reports that
            return hashlib.blake2b(os.fsencode(source), digest_size=16).hexdigest()
        source = b"%s %d %d" % (os.fsencode(source), stat.st_mtime_ns, stat.st_size)
    return hashlib.blake2b(source, digest_size=16).hexdigest()


def load_part(source: Source, name: str, content: str, sample_rate: int, start_s: float = 0.0) -> Sound:
    """A decoded sound; of a sound longer than `MAX_PLAYED_S` only that much, from ``start_s`` on."""
    return _part(source, name, content, sample_rate, start_s)


def _dataset_stamp(root: Path) -> tuple[object, ...]:
    """A key that changes with the files of the dataset, and with the options that open it."""
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

    table = scan(load_dataset(root), Workspace().indexes, progress)
    bar.empty()
    return table


@st.cache_resource(max_entries=4, show_spinner=False)
def _measured_index(root: Path, stamp: tuple[object, ...], parts: int) -> pd.DataFrame:
    return with_measures(_index(root, stamp), measurement_job(load_dataset(root)).table())


@st.cache_resource(max_entries=4, show_spinner=False)
def _faults(root: Path, stamp: tuple[object, ...], parts: int) -> pd.DataFrame:
    return faults.find_faults(load_dataset(root), _measured_index(root, stamp, parts))


@st.cache_resource(max_entries=32, show_spinner=False)
def _sound(path: Path, sample_rate: int, stamp: int) -> Sound:
    return read_sound(path, sample_rate)


@st.cache_resource(max_entries=16, show_spinner="Estimating the phase …")
def _invert_log_mel(log_mel: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
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

    tagger = Tagger(folder, TagSettings(tta=tta))
    tagger.evidence_of(_noise(tagger.card.spectrogram))
    return tagger


def _noise(settings: SpectrogramSettings) -> Sound:
    """A sound that is scored once, so that the first real sound does not wait for what is prepared at first use."""
    waveform = np.random.default_rng(0).normal(scale=0.1, size=settings.clip_samples).astype(np.float32)
    header = Header(len(waveform), settings.sample_rate, 1, "WAV", "PCM_16")
    return Sound("noise", waveform, settings.sample_rate, header)


@st.cache_resource(max_entries=512, show_spinner=False)
def _evidence(
    _source: Source, name: str, content: str, folder: Path, tta: bool, stamp: tuple[int, ...]
) -> Evidence | str:
    """The evidence, or the sentence that says why the sound cannot be read."""
    from audiotag.tagging.clip_inputs import MAX_WHOLE_CLIP_S

    tagger = load_tagger(folder, tta)
    try:
        if _header(_source, name, content).duration_s > min(MAX_WHOLE_CLIP_S, MAX_PLAYED_S):
            return tagger.evidence(_source, name)
        return tagger.evidence_of(load_part(_source, name, content, tagger.card.spectrogram.sample_rate))
    except AudiotagError as error:
        return str(error)
    except OSError as error:
        return f"{name} cannot be read: {error.strerror or error}."


@st.cache_resource(max_entries=512, show_spinner=False)
def _header(_source: Source, name: str, content: str) -> Header:
    return read_header(_source, name)


@st.cache_resource(max_entries=4, show_spinner=False)  # up to 50 MiB each
def _part(_source: Source, name: str, content: str, sample_rate: int, start_s: float) -> Sound:
    header = _header(_source, name, content)
    if header.duration_s <= MAX_PLAYED_S:
        return read_sound(_source, sample_rate, name)
    from audiotag.audio.streaming import LongSound

    first, last = round(start_s * sample_rate), round((start_s + MAX_PLAYED_S) * sample_rate)
    blocks, at = [np.empty(0, np.float32)], 0
    for block in LongSound(_source, sample_rate, name).blocks():
        blocks.append(block[max(first - at, 0) : max(last - at, 0)])
        at += len(block)
        if at >= last:
            break
    return Sound(name, np.concatenate(blocks), sample_rate, header)
