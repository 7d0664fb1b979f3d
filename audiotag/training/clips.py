"""Find out which samples of a clip training uses, and read crops of them.

A clip whose length and silence are known from the dataset's index and measures, or from an earlier preparation, is not
decoded for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audiotag import in_hand
from audiotag.audio.reading import read_crop
from audiotag.audio.streaming import LongSound, read_part, resampled_length
from audiotag.data.dataset import Problem
from audiotag.data.index import KEY
from audiotag.disk import modified_ns
from audiotag.errors import AudiotagError, clip_problem
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import trim_bounds, trimmed_bounds_of_blocks
from audiotag.processors import usable_cpus
from audiotag.remote.ahead import FetchAhead
from audiotag.training.clip_bounds import ClipBounds, ClipBoundsStore
from audiotag.training.pools import KINDS as KINDS
from audiotag.wording import as_text

INDEX_COLUMNS = [
    "path", *KEY, "error", "sample_rate", "frames", "container", "codec", "measure_error",
    "truncated", "trim_start_s", "trim_end_s",
]  # fmt: skip
TRIMMED_AT_ONCE = 1 << 17  # samples; those of all threads fit into the caches
MEASURED_TRIM = trim_bounds.__defaults__  # dB and seconds, with which `Measures` are taken


@dataclass(frozen=True)
class Clip:
    """A clip that training can use.

    Attributes
    ----------
    name : str
        The clip's path, relative to the folder of its subset.
    path : Path
    start, end : int
        First sample without silence, and the one after the last, at the settings' sample rate.
    at_rate : bool
        Whether the file has the settings' sample rate, so that a crop can be read without decoding the rest.
    """

    name: str
    path: Path
    start: int
    end: int
    at_rate: bool

    @property
    def samples(self) -> int:
        """Number of samples without the trimmed silence, at the settings' sample rate."""
        return self.end - self.start

    def crop(self, settings: SpectrogramSettings, start: int) -> np.ndarray:
        """Read the crop that begins ``start`` samples after the clip's first one.

        Parameters
        ----------
        settings : SpectrogramSettings
            The settings that the clip was prepared with. Outside the clip there are zeros; with ``padding="repeat"``
            the clip is repeated.
        start : int
            In samples at ``settings.sample_rate``; negative to begin before the clip.

        Returns
        -------
        numpy.ndarray, shape=(settings.clip_samples,), float32
            If ``start`` is that of `audiotag.features.trimming.crop_start`, the same as
            `audiotag.features.trimming.fit_length` of the trimmed clip.
        """
        length = settings.clip_samples
        first, last = max(start, 0), min(start + length, self.samples)
        if settings.padding == "repeat" and last - first < length:
            whole = self.read(0, self.samples, settings)
            if len(whole):
                return np.take(whole, np.arange(start, start + length), mode="wrap")
        crop = np.zeros(length, dtype=np.float32)
        if first < last:
            samples = self.read(first, last, settings)
            crop[first - start :][: len(samples)] = samples
        return crop

    def read(self, first: int, last: int, settings: SpectrogramSettings) -> np.ndarray:
        """Samples ``first`` to ``last`` of the trimmed clip, shape ``(samples,)``; fewer if the file became shorter.

        Raises
        ------
        AudiotagError
            If the file cannot be read any more, whatever the reason.
        """
        try:
            if self.at_rate:
                return read_crop(self.path, self.start + first, last - first)
            return read_part(self.path, settings.sample_rate, self.start + first, self.start + last, self.name)
        except MemoryError:  # of the training, rather than of one clip
            raise
        except Exception as error:
            raise AudiotagError(clip_problem(self.name, error)) from error


def prepare_clips(
    clips: pd.DataFrame,
    settings: SpectrogramSettings,
    index: pd.DataFrame | None = None,
    progress: Callable[[int, int], None] | None = None,
    store: ClipBoundsStore | None = None,
) -> tuple[list[Clip | None], list[Problem]]:
    """Find out of every clip whether it can be read and where its silence ends; what the index does not say is decoded.

    Parameters
    ----------
    clips : pandas.DataFrame
        With ``path`` and, for messages, ``clip``.
    settings : SpectrogramSettings
        Their ``sample_rate`` and trimming are used.
    index : pandas.DataFrame, optional
        The dataset's index with its measures, as `audiotag.inspection.measurement_job.with_measures` gives it. A row is
        used while the file has the size and the modification time that the index has, unless the file was in hand
        when an earlier process died: then it is decoded, in isolation.
    progress : callable(done, total), optional
    store : ClipBoundsStore, optional
        What earlier calls found by decoding clips of the index; what this call finds is added to it.

    Returns
    -------
    list of Clip or None
        In the order of ``clips``, the same with and without index and store; None for a clip that cannot be used.
    list of Problem
        One per clip that cannot be used.
    """
    rows = {} if index is None else {row.path: row for row in index[INDEX_COLUMNS].itertuples(index=False)}
    paths = clips["path"].to_list()
    names = clips["clip"].to_list() if "clip" in clips else [as_text(path.name) for path in paths]

    def known(path: Path, name: str) -> Clip | str | None:
        row = None if in_hand.is_suspect(path) else rows.get(path)
        try:
            return None if row is None else _clip_from_index(row, settings, name, store)
        except Exception as error:  # whatever is wrong with a clip, the others are used
            return clip_problem(name, error)

    def decoded(turn: int, number: int) -> Clip | str:
        ahead.reached(turn)
        path, name = paths[number], names[number]
        row = None if in_hand.is_suspect(path) else rows.get(path)
        try:
            clip = _clip_by_decoding(path, settings, name)
            if store is not None and row is not None and _is_unchanged(row):
                store.add(_key_of(row), ClipBounds(clip.start, clip.end, clip.at_rate))
            return clip
        except Exception as error:
            return clip_problem(name, error)

    found: list[Clip | str | None] = [None] * len(paths)
    done = count(1)

    def take(numbers: Iterable[int], results: Iterable[Clip | str | None]) -> None:
        for number, result in zip(numbers, results, strict=True):
            found[number] = result
            if progress and result is not None:
                progress(next(done), len(found))

    with ThreadPoolExecutor(usable_cpus()) as pool:  # more would wait for each other
        take(range(len(paths)), pool.map(known, paths, names))
        unknown = [number for number, result in enumerate(found) if result is None]
        ahead = FetchAhead([paths[number] for number in unknown], whole=True)
        take(unknown, pool.map(decoded, count(), unknown))
    if store is not None:
        store.write()
    problems = [Problem(name, result) for name, result in zip(names, found, strict=True) if isinstance(result, str)]
    return [result if isinstance(result, Clip) else None for result in found], problems


def _clip_by_decoding(path: Path, settings: SpectrogramSettings, name: str) -> Clip:
    sound = LongSound(path, settings.sample_rate, name)
    start, end = trimmed_bounds_of_blocks(sound.blocks(TRIMMED_AT_ONCE), settings)
    return Clip(name, path, start, end, sound.header.sample_rate == settings.sample_rate)


def _clip_from_index(
    row: Any, settings: SpectrogramSettings, name: str, store: ClipBoundsStore | None
) -> Clip | str | None:
    """What `_clip_by_decoding` would return, from a row of `INDEX_COLUMNS` and the store; None if they do not say it.

    For a broken clip it is the sentence that says why.
    """
    if not _is_unchanged(row):
        return None
    if pd.notna(row.error) or pd.notna(row.measure_error):
        return str(row.error if pd.notna(row.error) else row.measure_error)
    if store is not None and (bounds := store.get(_key_of(row))) is not None:
        return Clip(name, row.path, *bounds)
    at_rate = bool(row.sample_rate == settings.sample_rate)
    if not settings.trim_db:
        if not _has_all_frames(row):
            return None
        frames = int(row.frames) if at_rate else resampled_length(row.frames, row.sample_rate, settings.sample_rate)
        if store is not None and row.container == "FLAC":  # its last sample was read for that
            store.add(_key_of(row), ClipBounds(0, frames, at_rate))
        return Clip(name, row.path, 0, frames, at_rate)
    if not at_rate:
        return None
    is_measured = (settings.trim_db, settings.trim_pad_s) == MEASURED_TRIM and settings.trim_rule == "fastaudio"
    if pd.isna(row.trim_end_s) or not is_measured or row.trim_end_s - row.trim_start_s < settings.min_s:
        return None
    start, end = (round(position_s * settings.sample_rate) for position_s in (row.trim_start_s, row.trim_end_s))
    return Clip(name, row.path, start, end, True)


def _key_of(row: Any) -> tuple:
    return tuple(getattr(row, column) for column in KEY)


def _is_unchanged(row: Any) -> bool:
    try:
        stat = row.path.stat()
    except OSError:  # deleted since; decoding reports it
        return False
    return (stat.st_size, modified_ns(stat)) == (row.size, row.modified_ns)


def _has_all_frames(row: Any) -> bool:
    """Whether the sound certainly decodes to as many samples as its header says."""
    is_measured = pd.notna(row.trim_end_s)
    if row.container in ("WAV", "WAVEX"):  # libsndfile counts the samples that are there; floats may be NaN
        return row.codec.startswith("PCM_") or (is_measured and row.codec in ("FLOAT", "DOUBLE"))
    if row.container != "FLAC" or not is_measured or row.truncated:
        return False
    # A file that lacks less than a thousandth is not reported as truncated, but its last sample cannot be read.
    try:
        return len(read_crop(row.path, int(row.frames) - 1, 1)) == 1
    except Exception:  # decoding it says what is wrong
        return False


@dataclass(frozen=True)
class LabelledClips:
    """Clips with their targets.

    Attributes
    ----------
    clips : list of Clip
    targets : numpy.ndarray, shape=(clips, labels), float32
        Multi-hot.
    kinds : numpy.ndarray, shape=(clips,), int8
        The number in `KINDS` of the kind of each clip; by default all are curated.
    """

    clips: list[Clip]
    targets: np.ndarray
    kinds: np.ndarray = None  # type: ignore[assignment]  # `__post_init__` makes it an array

    def __post_init__(self) -> None:
        kinds = np.zeros(len(self.clips), np.int8) if self.kinds is None else np.asarray(self.kinds, np.int8)
        object.__setattr__(self, "kinds", kinds)

    def rows(self, rows: Sequence[int] | np.ndarray) -> LabelledClips:
        """Clips, targets and kinds of these rows."""
        numbers = np.asarray(rows, dtype=int)
        return LabelledClips([self.clips[row] for row in numbers], self.targets[numbers], self.kinds[numbers])

    def __add__(self, other: LabelledClips) -> LabelledClips:
        """These clips, followed by the other ones."""
        return LabelledClips(
            self.clips + other.clips,
            np.concatenate([self.targets, other.targets]),
            np.concatenate([self.kinds, other.kinds]),
        )
