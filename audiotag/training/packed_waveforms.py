"""The waveforms of all clips of a run in one memory-mapped file, from which crops for a GPU are copied.

Opening a sound file and decoding a crop of it takes a processor core about 0.1 to 1 ms, holds Python's lock for much of
that time, and so feeds a fast GPU with a few thousand crops per second at most. From this file a crop is one copy of
16-bit integers, without the lock; the device makes floats of them. The file is written once, and read by all folds and
runs that use the same parts of the same clips at the same sample rate. Other clips, parts or rates have other files;
those that were not opened for a day are deleted before the next one is written.

Samples of 16-bit sounds at their own rate are stored exactly. Those of other sounds (resampled, 24-bit, floats, MP3)
are rounded to 16 bits of the clip's own peak: an error of at most -96 dB relative to it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiotag.disk import disk_problem, locked, modified_ns
from audiotag.features.kernels import compile_kernel
from audiotag.features.settings import SpectrogramSettings
from audiotag.processors import usable_cpus
from audiotag.training.ahead import make_ahead
from audiotag.training.clips import Clip
from audiotag.training.preparation import Report
from audiotag.workspace import open_atomic

FULL_SCALE = 32768
STEP = "Packing waveforms for the GPU"
SAMPLE_BYTES, SCALE_BYTES = 2, 4
MAX_IN_HAND_BYTES = 2 << 30  # of clips that are decoded at the same time; a longer clip is decoded alone
BYTES_PER_SAMPLE = 16  # of a clip that becomes integers, at most
MIN_FREE_SHARE = 0.05  # of the disk, that stays free
GB = 1e9
UNUSED_S = 86_400.0  # after which a file is deleted
FORMAT = 1  # part of the name of a file

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class PackedWaveforms:
    """The trimmed waveforms of clips, one after the other.

    Attributes
    ----------
    samples : numpy.ndarray, shape=(all samples,), int16
        Memory-mapped.
    first : numpy.ndarray, shape=(clips + 1,), int64
        Where each clip begins in ``samples``, and the end of the last one.
    scales : numpy.ndarray, shape=(clips,), float32
        What the integers of each clip are multiplied by.
    rows : dict
        The place of each clip.
    """

    samples: np.ndarray
    first: np.ndarray
    scales: np.ndarray
    rows: dict[Clip, int]

    def has(self, clips: Sequence[Clip]) -> bool:
        """Whether all these clips are packed."""
        return all(clip in self.rows for clip in clips)

    def rows_of(self, clips: Sequence[Clip]) -> np.ndarray:
        """The places of clips, shape ``(clips,)``, int64."""
        return np.array([self.rows[clip] for clip in clips], dtype=np.int64)

    def crops(self, rows: np.ndarray, starts: np.ndarray, settings: SpectrogramSettings, out: np.ndarray) -> np.ndarray:
        """Copy one crop per clip, as `audiotag.training.clips.Clip.crop` reads it.

        Parameters
        ----------
        rows : numpy.ndarray, shape=(batch,), int64
            Places of the clips.
        starts : numpy.ndarray, shape=(batch,), int64
            The start of each crop, in samples after the clip's first one; negative to begin before the clip.
        settings : SpectrogramSettings
        out : numpy.ndarray, shape=(batch, settings.clip_samples), int16
            Where the crops are written; returned.
        """
        lengths = self.first[rows + 1] - self.first[rows]
        _copy_crops(self.samples, self.first[rows], lengths, starts, settings.padding == "repeat", out)
        return out


@compile_kernel
def _copy_crops(
    samples: np.ndarray,
    first: np.ndarray,
    lengths: np.ndarray,
    starts: np.ndarray,
    repeats: bool,
    out: np.ndarray,
) -> None:
    for row in range(out.shape[0]):
        begin, have, start, wanted = first[row], lengths[row], starts[row], out.shape[1]
        left, right = max(start, 0), min(start + wanted, have)
        if repeats and have > 0 and right - left < wanted:
            for place in range(wanted):
                out[row, place] = samples[begin + (start + place) % have]
            continue
        for place in range(0, min(max(-start, 0), wanted)):
            out[row, place] = 0
        if right > left:
            out[row, left - start : right - start] = samples[begin + left : begin + right]
        for place in range(max(right - start, 0), wanted):
            out[row, place] = 0


def is_packed(settings: SpectrogramSettings, device: str) -> bool:
    """Whether training with these settings on this device copies its crops from packed waveforms."""
    return device.startswith("cuda") and settings.crop == "waveform"


def pack_waveforms(
    clips: Sequence[Clip],
    settings: SpectrogramSettings,
    folder: Path,
    say: Say = print,
    report: Report = lambda step, done, total: None,
) -> PackedWaveforms | None:
    """Open the packed waveforms of clips; if there are none yet, decode all clips and write them.

    Processes that ask for the same clips at the same time wait for the one that packs them.

    Parameters
    ----------
    clips : sequence of Clip
    settings : SpectrogramSettings
        The clips were prepared with them; their ``sample_rate`` is used.
    folder : Path
        That of the dataset, beside those of other datasets.
    say : callable, optional
        Gets a sentence about the size of the file, or why the clips are not packed.
    report : callable(step, done, total), optional
        Called after each clip that is written.

    Returns
    -------
    PackedWaveforms or None
        None where the disk has too little space.

    Raises
    ------
    AudiotagError
        If a clip cannot be read any more; names it.
    """
    clips = list(dict.fromkeys(clips))
    first = np.concatenate([[0], np.cumsum([clip.samples for clip in clips])]).astype(np.int64)
    path = folder / f"{_digest(clips, settings.sample_rate)}.i16"
    with locked(folder / "waveforms", wait_s=-1):
        packed = _open(path, clips, first)
        if packed is None:
            _delete_unused(folder.parent)
            if _write(path, clips, first, settings, say, report):
                packed = _open(path, clips, first)
        return packed


def _digest(clips: Sequence[Clip], sample_rate: int) -> str:
    """A checksum of the clips' files as they are now, the parts of them that are used, and the rate."""
    digest = hashlib.sha256(f"{FORMAT} {sample_rate}".encode())
    for clip in clips:
        stat = clip.path.stat()
        digest.update(f"\n{stat.st_size} {modified_ns(stat)} {clip.start} {clip.end} ".encode())
        digest.update(bytes(clip.path))
    return digest.hexdigest()[:16]


def _open(path: Path, clips: Sequence[Clip], first: np.ndarray) -> PackedWaveforms | None:
    """The packed waveforms; None if the file is missing, cut off by somebody, or cannot be read."""
    size, count = int(first[-1]), len(clips)
    try:
        if path.stat().st_size != SAMPLE_BYTES * size + SCALE_BYTES * count:
            return None
        scales = np.fromfile(path, np.float32, count, offset=SAMPLE_BYTES * size)
        samples = np.memmap(path, np.int16, "r", shape=(size,)) if size else np.empty(0, np.int16)
    except OSError:
        return None
    with suppress(OSError):
        os.utime(path)  # used now, see `_delete_unused`
    return PackedWaveforms(samples, first, scales, {clip: row for row, clip in enumerate(clips)})


def _delete_unused(folder: Path) -> None:
    """Delete the files of all datasets that were not opened for a while, to make room for another one."""
    for path in folder.glob("*/*.i16"):
        with suppress(OSError):  # on Windows a file that is in use stays
            if time.time() - path.stat().st_mtime > UNUSED_S:
                path.unlink()  # elsewhere a process that reads it keeps it until it ends


def _write(
    path: Path, clips: Sequence[Clip], first: np.ndarray, settings: SpectrogramSettings, say: Say, report: Report
) -> bool:
    """Decode and write all clips; False where there is no space for them."""
    size = SAMPLE_BYTES * int(first[-1]) + SCALE_BYTES * len(clips)
    path.parent.mkdir(parents=True, exist_ok=True)
    disk = shutil.disk_usage(path.parent)
    what = f"the waveforms of {len(clips):,} clips take {size / GB:.1f} GB as one file"
    if size > disk.free - MIN_FREE_SHARE * disk.total:
        say(
            f"{what}, and the disk of {path.parent} has {disk.free / GB:.1f} GB free: crops are read from the "
            "sounds, for which the GPU may have to wait; free some space, or let AUDIOTAG_HOME name a folder on a "
            "larger disk."
        )
        return False
    say(f"{what}, which is written once")
    scales = np.empty(len(clips), np.float32)
    longest = max(1, int(np.diff(first).max(initial=0)))
    workers = max(1, min(usable_cpus(), MAX_IN_HAND_BYTES // (BYTES_PER_SAMPLE * longest)))

    def read(number: int) -> np.ndarray:
        samples, scales[number] = to_int16(_whole(clips[number], settings))
        return samples

    report(STEP, 0, len(clips))
    try:
        with open_atomic(path) as file:
            for number, samples in enumerate(make_ahead(read, len(clips), workers)):
                file.write(samples.data)
                report(STEP, number + 1, len(clips))
            file.write(scales.data)
    except OSError as error:
        say(f"{disk_problem(error)} Crops are read from the sounds.")
        return False
    return True


def _whole(clip: Clip, settings: SpectrogramSettings) -> np.ndarray:
    """The trimmed waveform of a clip, shape ``(clip.samples,)``; zeros at its end if the file has become shorter."""
    samples = clip.read(0, clip.samples, settings)
    return np.pad(samples, (0, clip.samples - len(samples))) if len(samples) < clip.samples else samples


def to_int16(waveform: np.ndarray) -> tuple[np.ndarray, float]:
    """A waveform as 16-bit integers, and what they must be multiplied by to get it back.

    >>> to_int16(np.array([0.5, -1.0], np.float32))
    (array([ 16384, -32768], dtype=int16), 3.0517578125e-05)
    """
    levels = waveform * np.float32(FULL_SCALE)
    if ((levels == np.rint(levels)) & (levels >= -FULL_SCALE) & (levels < FULL_SCALE)).all():
        return levels.astype(np.int16), 1 / FULL_SCALE
    scale = float(np.abs(waveform).max()) / (FULL_SCALE - 1)
    return np.rint(waveform / scale).astype(np.int16), scale
