"""Load what pages show, and keep it in memory for all sessions until the files change.

Everything that is returned here is shared between sessions, so nobody may change it.
"""

from __future__ import annotations

import hashlib
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from audiotag.audio.file_levels import FileLevels, read_levels
from audiotag.audio.header import Header, Sound, Source
from audiotag.audio.reading import read_header, read_short_sound
from audiotag.audio.streaming import read_part
from audiotag.data.contents import cache_path
from audiotag.data.dataset import Dataset
from audiotag.data.index import cache_name, scan
from audiotag.data.left_out import left_out_path
from audiotag.data.list_changes import ListChanges
from audiotag.data.name_groups import find_name_groups
from audiotag.data.near_duplicates import connect, near_duplicates_path, read_near_duplicates
from audiotag.data.saved_options import open_remembered
from audiotag.data.stamp import dataset_stamp
from audiotag.data.verdicts import VerdictJournal
from audiotag.errors import AudiotagError, clip_guard, clip_problem, may_pass
from audiotag.features.settings import SpectrogramSettings
from audiotag.inspection import faults
from audiotag.inspection.measurement_job import MeasurementJob, with_measures
from audiotag.tagging.settings import DEFAULT_OVERLAP
from audiotag.wording import as_text, format_duration
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.tagging.ensemble import Card
    from audiotag.tagging.result import Evidence
    from audiotag.tagging.tagger import Tagger
    from audiotag.training.runs import RunSettings, Together
    from audiotag.training.split_report import SplitReport

MAX_PLAYED_S = 300.0  # the player gets at most this much of a sound; more would make the browser slow
MAX_DRAWN = 2000  # clips that a page draws folds of without being asked; it takes less than a second
MAX_SOUNDS = 6  # decoded at a time, at most 50 MiB each: the one that is shown, and those beside it


# As `streamlit.cache_resource`, which cannot hash a path that is not valid UTF-8.
cached = partial(st.cache_resource, hash_funcs={type(Path()): os.fsencode})


def load_dataset(root: Path) -> Dataset:
    """The dataset at ``root``, opened with the options that the workspace holds for it."""
    return _dataset(root, dataset_key(root))


def load_index(dataset: Dataset) -> pd.DataFrame:
    """The dataset's index with all measurements so far; the first time with a progress bar."""
    stamp = dataset_key(dataset.root)
    return _measured_index(dataset.root, stamp, measurement_job(dataset).stamp())


def has_sounds(dataset: Dataset, subset: str) -> bool:
    """Whether the sound file of at least one clip of a subset exists."""
    return _has_sounds(dataset.root, dataset_key(dataset.root), subset)


def find_faults(dataset: Dataset) -> pd.DataFrame:
    """The dataset's faults, as far as it is measured."""
    return _faults(dataset.root, dataset_key(dataset.root), measurement_job(dataset).stamp())


def fold_leaks(dataset: Dataset, settings: RunSettings) -> tuple[str, ...]:
    """Sentences about what the folds of a run do not keep together, as far as the dataset is measured."""
    from audiotag.training.folds import with_fold_source

    if settings.recipe.fold_method != "stratified" or with_fold_source(dataset, settings.folds_from).own_folds:
        load_index(dataset)  # the first time with a progress bar
    return _fold_leaks(*_splits_key(dataset, settings), settings)


def list_changes(dataset: Dataset, settings: RunSettings) -> ListChanges:
    """What the lists of a run's recipe change in the dataset; raises `AudiotagError` if they do not fit it."""
    lists = settings.recipe.lists
    if not lists:
        return ListChanges()
    verdicts = VerdictJournal.of(dataset.root, Workspace()).path
    said = verdicts.stat().st_size if settings.corrected and verdicts.exists() else 0
    return _list_changes(dataset.root, dataset_key(dataset.root), repr((lists.stamp(), said)), settings)


def groups_to_keep(dataset: Dataset) -> dict[Together, int]:
    """How many groups of two or more training clips a run can keep together on request, by kind; none without any."""
    return _groups_to_keep(dataset.root, dataset_key(dataset.root))


def split_report(dataset: Dataset, settings: RunSettings) -> SplitReport:
    """What the folds of a run keep together, as far as the dataset is measured.

    Raises
    ------
    AudiotagError
        If the run is not possible with this dataset.
    """
    load_index(dataset)  # the first time with a progress bar
    return _split_report(*_splits_key(dataset, settings), settings)


def _splits_key(dataset: Dataset, settings: RunSettings) -> tuple[Path, str, int, str]:
    """What the report of a run's folds depends on."""
    recipe = settings.recipe
    stages = [(stage.subset, stage.subsets) for stage in recipe.stages]
    key = (recipe.name, recipe.folds, recipe.fold_method, recipe.seed, stages, recipe.lists.stamp())
    chosen = (settings.folds_from, settings.held_out, settings.keep_together)
    return dataset.root, dataset_key(dataset.root), measurement_job(dataset).stamp(), repr((key, chosen))


def measurement_job(dataset: Dataset) -> MeasurementJob:
    """The job that decodes and measures every clip of the dataset."""
    return MeasurementJob.of(dataset.root, dataset.name, Workspace())


def dataset_key(root: Path) -> str:
    """A key that changes with the dataset's files, the options that open it, what is left out, and near-duplicates."""
    workspace = Workspace()
    paths = (left_out_path(root, workspace), near_duplicates_path(root, workspace))
    times = [_stamp(path.parent, path.name) for path in paths]
    return repr((dataset_stamp(root), sorted(workspace.dataset_options(root).items()), times))


def load_sound(path: Path, sample_rate: int, name: str = "") -> Sound:
    """A decoded clip at a sample rate in Hz, as `load_part` from its start; messages name it by its file, or ``name``.

    The name of a clip of a dataset is its path, as in ``Dataset.clips``.
    """
    return load_part(path, name or as_text(path.name), content_key(path), sample_rate)


def load_header(source: Source, name: str, content: str) -> Header:
    """The header of a sound; messages call it by ``name``."""
    return _header(source, name, content)


def load_levels(source: Source, name: str, content: str) -> FileLevels | None:
    """Levels of a file as it is stored; None for a sound that is longer than what the player shows."""
    return _levels(source, name, content)


def invert_log_mel(log_mel: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """A log-mel turned back into a waveform; it takes one or two seconds."""
    return _invert_log_mel(log_mel, settings)


def load_card(folder: Path) -> Card:
    """The card of the ensemble in a folder."""
    return _card(folder, _stamp(folder, "card.json"))


def load_tagger(folder: Path, tta: bool = False, overlap: float = DEFAULT_OVERLAP, fast: bool = False) -> Tagger:
    """The ensemble in a folder, or its single network, loaded and warmed up, with or without test-time augmentation."""
    return _tagger(folder, tta, overlap, fast, _stamp(folder, "card.json"))


def load_evidence(
    source: Source,
    name: str,
    content: str,
    folder: Path,
    tta: bool = False,
    overlap: float = DEFAULT_OVERLAP,
    fast: bool = False,
) -> Evidence:
    """Scores of a sound from every fold of an ensemble, or from its single network.

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
    overlap : float
        Of neighbouring windows, 0 to 0.95 of a window.
    fast : bool
        Whether its single network scores instead of its folds.

    Raises
    ------
    AudiotagError
        If the sound cannot be read; the failure is cached too, unless it is the system's.
    """
    found = _evidence(source, name, content, folder, tta, overlap, fast, _stamp(folder, "card.json"))
    if isinstance(found, str):
        raise AudiotagError(found)
    return found


def content_key(source: Source) -> str:
    """A key that changes with the content: a checksum of bytes, or of a file's path, times and size."""
    if isinstance(source, Path):
        try:
            stat = source.stat()
        except OSError:  # the file is gone: reading it reports that
            return hashlib.blake2b(os.fsencode(source), digest_size=16).hexdigest()
        times = (stat.st_mtime_ns, stat.st_ctime_ns)  # the latter changes with the permissions
        source = b"%s %d %d %d" % (os.fsencode(source), *times, stat.st_size)
    return hashlib.blake2b(source, digest_size=16).hexdigest()


def load_part(source: Source, name: str, content: str, sample_rate: int, start_s: float = 0.0) -> Sound:
    """A decoded sound; of a sound longer than `MAX_PLAYED_S` only that much, from ``start_s`` on, with a note."""
    return _part(source, name, content, sample_rate, start_s)


def _stamp(folder: Path, name: str) -> tuple[int, ...]:
    file = folder / name
    return (file.stat().st_mtime_ns,) if file.is_file() else ()


@cached(max_entries=8, show_spinner="Opening the dataset …")
def _dataset(root: Path, stamp: str) -> Dataset:
    return open_remembered(root, Workspace())


@cached(max_entries=8, show_spinner=False, ttl=10)  # sounds may be copied to where they belong at any time
def _has_sounds(root: Path, stamp: str, subset: str) -> bool:
    return any(map(os.path.exists, load_dataset(root).subset(subset)["path"]))


@cached(max_entries=8, show_spinner=False)
def _index(root: Path, stamp: str) -> pd.DataFrame:
    bar = st.empty()

    def progress(done: int, total: int) -> None:
        if done % 640 == 0 or done == total:
            bar.progress(done / total, f"Reading headers: {done:,} of {total:,}")

    try:
        return scan(load_dataset(root), Workspace().indexes, progress)
    finally:
        bar.empty()


@cached(max_entries=4, show_spinner=False)
def _measured_index(root: Path, stamp: str, parts: int) -> pd.DataFrame:
    return with_measures(_index(root, stamp), measurement_job(load_dataset(root)).table())


@cached(max_entries=4, show_spinner=False)
def _faults(root: Path, stamp: str, parts: int) -> pd.DataFrame:
    dataset = load_dataset(root)
    checksums = cache_path(Workspace().indexes, cache_name(root, dataset.name))
    near_duplicates = read_near_duplicates(dataset, Workspace())
    return faults.find_faults(dataset, _measured_index(root, stamp, parts), checksums, near_duplicates)


@cached(max_entries=16, show_spinner=False)
def _fold_leaks(root: Path, stamp: str, parts: int, key: str, _settings: RunSettings) -> tuple[str, ...]:
    from audiotag.training.run_splits import leak_sentences
    from audiotag.training.session import Session

    session = Session(load_dataset(root), _settings, Workspace())
    try:
        return leak_sentences(session, draw=len(session.dataset.clips) <= MAX_DRAWN)
    except AudiotagError:  # whatever it is, the run says it
        return ()


@cached(max_entries=8, show_spinner=False)
def _list_changes(root: Path, stamp: str, key: str, _settings: RunSettings) -> ListChanges:
    from audiotag.training.session import Session

    return Session(load_dataset(root), _settings, Workspace()).lists


@cached(max_entries=8, show_spinner=False)
def _groups_to_keep(root: Path, stamp: str) -> dict[Together, int]:
    from audiotag.training.leaks import groups_of

    dataset = load_dataset(root)
    near = connect(dataset.clips, read_near_duplicates(dataset, Workspace()))
    keys: dict[Together, pd.Series] = {"names": find_name_groups(dataset.clips).keys, "near-duplicates": near}
    counts = {kind: len(groups_of(dataset.clips, values)) for kind, values in keys.items()}
    return {kind: count for kind, count in counts.items() if count}


@cached(max_entries=16, show_spinner="Comparing groups of clips with the folds …")
def _split_report(root: Path, stamp: str, parts: int, key: str, _settings: RunSettings) -> SplitReport:
    from audiotag.training.run_splits import report_run_splits
    from audiotag.training.session import Session

    session = Session(load_dataset(root), _settings, Workspace())
    session.check()
    return report_run_splits(session)


@cached(max_entries=16, show_spinner="Estimating the phase …")
def _invert_log_mel(log_mel: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    from audiotag.features.inversion import invert_log_mel

    return invert_log_mel(log_mel, settings)


@cached(max_entries=16, show_spinner=False)
def _card(folder: Path, stamp: tuple[int, ...]) -> Card:
    from audiotag.tagging.ensemble import read_card

    return read_card(folder)


@cached(max_entries=4, show_spinner="Loading the ensemble …")
def _tagger(folder: Path, tta: bool, overlap: float, fast: bool, stamp: tuple[int, ...]) -> Tagger:
    from audiotag.tagging.opening import open_tagger
    from audiotag.tagging.settings import TagSettings

    bar = st.empty()

    def progress(done: int, total: int) -> None:
        text = "The first time on this machine: looking for the fastest way to score"
        bar.progress(done / total, f"{text}, step {done + 1} of {total}")

    try:
        settings = TagSettings(tta=tta, overlap=overlap, fast=fast)
        tagger = open_tagger(folder, settings, progress=progress, keep_embeddings=True)
        tagger.evidence_of(_noise(tagger.card.spectrogram))
    finally:
        bar.empty()
    return tagger


def _noise(settings: SpectrogramSettings) -> Sound:
    """A sound that is scored once, so that the first real sound does not wait for what is prepared at first use."""
    waveform = np.random.default_rng(0).normal(scale=0.1, size=settings.clip_samples).astype(np.float32)
    header = Header(len(waveform), settings.sample_rate, 1, "WAV", "PCM_16")
    return Sound("noise", waveform, settings.sample_rate, header)


@cached(max_entries=512, show_spinner=False)
def _evidence(
    _source: Source,
    name: str,
    content: str,
    folder: Path,
    tta: bool,
    overlap: float,
    fast: bool,
    stamp: tuple[int, ...],
) -> Evidence | str:
    """The evidence, or the sentence that says why the sound cannot be read."""
    from audiotag.tagging.clip_inputs import MAX_WHOLE_CLIP_S

    tagger = load_tagger(folder, tta, overlap, fast)
    try:
        if _header(_source, name, content).duration_s > min(MAX_WHOLE_CLIP_S, MAX_PLAYED_S):
            return tagger.evidence(_source, name)
        return tagger.evidence_of(load_part(_source, name, content, tagger.card.spectrogram.sample_rate))
    except Exception as error:  # whatever is wrong with a sound is that sound's problem
        if may_pass(error):
            raise AudiotagError(clip_problem(name, error), may_pass=True) from error
        return clip_problem(name, error)


@cached(max_entries=512, show_spinner=False)
def _header(_source: Source, name: str, content: str) -> Header:
    with clip_guard(name):
        return read_header(_source, name)


@cached(max_entries=512, show_spinner=False)
def _levels(_source: Source, name: str, content: str) -> FileLevels | None:
    with clip_guard(name):
        return None if _header(_source, name, content).duration_s > MAX_PLAYED_S else read_levels(_source, name)


@cached(max_entries=MAX_SOUNDS, show_spinner=False)  # up to 50 MiB each
def _part(_source: Source, name: str, content: str, sample_rate: int, start_s: float) -> Sound:
    with clip_guard(name):
        return _read_part(_source, name, _header(_source, name, content), sample_rate, start_s)


def _read_part(source: Source, name: str, header: Header, sample_rate: int, start_s: float) -> Sound:
    sound = read_short_sound(source, sample_rate, MAX_PLAYED_S, name)
    if sound is not None:
        return sound
    start, stop = round(start_s * sample_rate), round((start_s + MAX_PLAYED_S) * sample_rate)
    waveform = read_part(source, sample_rate, start, stop, name)
    length = "" if header.duration_s <= MAX_PLAYED_S else f" of {format_duration(header.duration_s)}"
    note = f"{name} is long: {format_duration(len(waveform) / sample_rate)}{length} are shown and played."
    return Sound(name, waveform, sample_rate, header, (note,))
