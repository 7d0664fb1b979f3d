"""Which samples of a clip training can use, and a crop of them; what is known of a clip is not decoded again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audiotag.audio.reading import read_crop, read_header, read_sound
from audiotag.data.dataset import Problem
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import trim_bounds, trimmed_bounds

KNOWN_COLUMNS = [
    "path", "size", "modified_ns", "error", "sample_rate", "frames", "container", "codec", "measure_error",
    "truncated", "trim_start_s", "trim_end_s",
]  # fmt: skip
MEASURED_TRIM = trim_bounds.__defaults__  # dB and seconds: `Measures` are taken with them


@dataclass(frozen=True)
class Clip:
    """A clip that training can use: where it is and which samples of it are kept."""

    name: str
    path: Path
    start: int
    end: int
    at_rate: bool  # its own sample rate is the wanted one, so a crop can be read without the rest

    @property
    def samples(self) -> int:
        """Samples that are kept, at the wanted rate."""
        return self.end - self.start

    def crop(self, settings: SpectrogramSettings, start: int) -> np.ndarray:
        """The crop that begins ``start`` samples after the first kept one.

        Parameters
        ----------
        settings : SpectrogramSettings
            Those that the clip was prepared with. Around the kept samples are zeros; with ``padding="repeat"`` the
            clip again.
        start : int
            In samples at ``settings.sample_rate``; negative for so many before the first.

        Returns
        -------
        numpy.ndarray, shape=(settings.clip_samples,), float32
            For a ``start`` of `audiotag.features.trimming.crop_start` what `audiotag.features.trimming.fit_length`
            gives of the kept samples.
        """
        wanted = settings.clip_samples
        first, last = max(start, 0), min(start + wanted, self.samples)
        if settings.padding == "repeat" and last - first < wanted:
            kept = self.read(0, self.samples, settings)
            if len(kept):
                return np.take(kept, np.arange(start, start + wanted), mode="wrap")
        crop = np.zeros(wanted, dtype=np.float32)
        if first < last:
            part = self.read(first, last, settings)
            crop[first - start :][: len(part)] = part
        return crop

    def read(self, first: int, last: int, settings: SpectrogramSettings) -> np.ndarray:
        """The kept samples ``first`` to ``last``, shape ``(samples,)``; fewer where the file has become shorter."""
        if self.at_rate:
            return read_crop(self.path, self.start + first, last - first)
        return read_sound(self.path, settings.sample_rate).waveform[self.start + first : self.start + last]


def prepare_clips(
    clips: pd.DataFrame,
    settings: SpectrogramSettings,
    known: pd.DataFrame | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Clip | None], list[Problem]]:
    """Learn of every clip whether it can be read and where its silence ends; what ``known`` does not tell is decoded.

    Parameters
    ----------
    clips : pandas.DataFrame
        With ``path``.
    settings : SpectrogramSettings
        Their ``sample_rate`` and trimming are used.
    known : pandas.DataFrame, optional
        The dataset's index with its measures, as `audiotag.inspection.measurement_job.with_measures` gives it. A row counts while
        the file has the size and time of change that it had for the index, whenever that was read.
    progress : callable(done, total), optional

    Returns
    -------
    list of Clip or None
        In the order of ``clips``, the same with ``known`` and without; None for a clip that cannot be used.
    list of Problem
        Why.
    """
    rows = {} if known is None else {row.path: row for row in known[KNOWN_COLUMNS].itertuples(index=False)}
    prepared: list[Clip | None] = []
    problems = []

    def prepare(path: Path) -> Clip | str:
        return (_told(rows[path], settings) if path in rows else None) or _decoded(path, settings)

    with ThreadPoolExecutor() as pool:
        for path, result in zip(clips["path"], pool.map(prepare, clips["path"]), strict=True):
            if isinstance(result, Clip):
                prepared.append(result)
            else:
                prepared.append(None)
                problems.append(Problem(path.name, result))
            if progress:
                progress(len(prepared), len(clips))
    return prepared, problems


def _decoded(path: Path, settings: SpectrogramSettings) -> Clip | str:
    try:
        sound = read_sound(path, settings.sample_rate)
        at_rate = read_header(path).sample_rate == settings.sample_rate
    except (AudiotagError, OSError) as error:
        return str(error)
    start, end = trimmed_bounds(sound.waveform, settings)
    return Clip(path.name, path, start, end, at_rate)


def _told(row: Any, settings: SpectrogramSettings) -> Clip | str | None:
    """What `_decoded` would say, by a row of `KNOWN_COLUMNS` alone; None where it does not tell for sure."""
    if not _is_unchanged(row):
        return None
    if pd.notna(row.error) or pd.notna(row.measure_error):
        return str(row.error if pd.notna(row.error) else row.measure_error)
    if row.sample_rate != settings.sample_rate:
        return None
    if not settings.trim_db:
        return Clip(row.path.name, row.path, 0, int(row.frames), True) if _has_all_frames(row) else None
    if pd.isna(row.trim_end_s) or (settings.trim_db, settings.trim_pad_s) != MEASURED_TRIM:
        return None
    start, end = (round(position_s * settings.sample_rate) for position_s in (row.trim_start_s, row.trim_end_s))
    return Clip(row.path.name, row.path, start, end, True)


def _is_unchanged(row: Any) -> bool:
    try:
        stat = row.path.stat()
    except OSError:  # gone since; decoding says so
        return False
    return (stat.st_size, stat.st_mtime_ns) == (row.size, row.modified_ns)


def _has_all_frames(row: Any) -> bool:
    """Whether it is sure that a sound decodes, and to as many samples as its header says."""
    measured = pd.notna(row.trim_end_s)
    if row.container in ("WAV", "WAVEX"):  # libsndfile counts the samples that are there; floats may be NaN
        return row.codec.startswith("PCM_") or (measured and row.codec in ("FLOAT", "DOUBLE"))
    if row.container != "FLAC" or not measured or row.truncated:
        return False
    # What is missing of less than a thousandth is not called truncated, but then the last sample cannot be sought.
    try:
        return len(read_crop(row.path, int(row.frames) - 1, 1)) == 1
    except (AudiotagError, OSError):
        return False


@dataclass(frozen=True)
class LabelledClips:
    """Clips with their multi-hot targets, shape ``(clips, labels)``, float32."""

    clips: list[Clip]
    targets: np.ndarray

    def rows(self, rows: Sequence[int] | np.ndarray) -> LabelledClips:
        """Some of the clips."""
        return LabelledClips([self.clips[row] for row in rows], self.targets[np.asarray(rows, dtype=int)])

    def __add__(self, other: LabelledClips) -> LabelledClips:
        """These clips, then the other's."""
        return LabelledClips(self.clips + other.clips, np.concatenate([self.targets, other.targets]))
