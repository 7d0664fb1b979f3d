"""Read sounds of any length in constant memory: decode, check, mix to mono and resample them block by block.

All readers of whole sounds use this: a sound is the same, and is refused for the same reasons, however it is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from audiotag.audio.content import ContentHash
from audiotag.audio.decode_report import DecodeReport
from audiotag.audio.decoding import BlockReader, count_tracks, header_from, to_mono
from audiotag.audio.header import Header, Source
from audiotag.audio.isolation import IsolatedFile
from audiotag.audio.levels import peak_dbfs
from audiotag.audio.opening import OpenFile, open_audio, source_name
from audiotag.remote.reading import fetched

BLOCK_SAMPLES = 1 << 18  # per channel, 6 s at 44.1 kHz; smaller blocks are joined to this size
RESAMPLED_AT_ONCE = 1 << 17  # samples before or after resampling, whichever are more


class LongSound:
    """A sound that is read from its start to its end, with the samples of `audiotag.audio.reading.read_sound`.

    Parameters
    ----------
    source : Path or bytes
    sample_rate : int, optional
        Rate in Hz to resample to; by default that of the file.
    name : str, optional
        The name that messages use for the sound; the file name by default.
    isolated : bool
        Decode in another process, whatever the format.
    hashed : bool
        Compute ``content`` on the way.
    longest_s : float
        Seconds. Of a sound whose header, right or wrong, states more than this, nothing is decoded.

    Attributes
    ----------
    sample_rate : int
        Of the blocks, in Hz; 0 before the first block if none was given.
    header : Header
        Complete once all blocks are read, as are ``notes`` and ``truncated``.
    notes : tuple[str, ...]
        One sentence for each unusual property of the file.
    cancelling_note : str
        The one of them that says that the channels cancel each other, if they do.
    truncated : bool
        Whether the end of the file is missing.
    content : str
        Hash of the samples before resampling, complete once all blocks are read; see `audiotag.audio.content`. Empty
        unless it was asked for.
    states_longer : bool
        Whether its header states more than ``longest_s``, so that there are no blocks.
    """

    header: Header

    def __init__(
        self,
        source: Source,
        sample_rate: int | None = None,
        name: str | None = None,
        isolated: bool = False,
        hashed: bool = False,
        longest_s: float = math.inf,
    ) -> None:
        self._source, self._isolated, self._hashed = source, isolated, hashed
        self.sample_rate = sample_rate or 0
        self.name = name or source_name(source)
        self.notes: tuple[str, ...] = ()
        self.cancelling_note = ""
        self.truncated = self.states_longer = False
        self.content = ""
        self._longest_s = longest_s

    def blocks(self, block_samples: int | None = None) -> Iterator[np.ndarray]:
        """Yield mono float32 waveforms, one after the other.

        Parameters
        ----------
        block_samples : int, optional
            Samples of the file in a block, at least, but for the last one; `BLOCK_SAMPLES` by default.

        Raises
        ------
        AudiotagError
            As `audiotag.audio.reading.read_sound`. Values that no sound has are reported only after the last block, so
            the blocks before must then be discarded.
        """
        block_samples = block_samples or BLOCK_SAMPLES
        report = DecodeReport()
        with open_audio(self._source, self.name, self._isolated) as file:
            if _stated_frames(file) > self._longest_s * file.samplerate:
                self.states_longer = True
                return
            self.sample_rate = self.sample_rate or file.samplerate
            decoded = BlockReader(file, block_samples=block_samples)
            resampler = _BlockResampler(file.samplerate, self.sample_rate)
            content = ContentHash(file.samplerate)
            for block in _join_blocks(_mix_to_mono(decoded, report), block_samples):
                if self._hashed:
                    content.add(block)
                for waveform in resampler.resample(block):
                    report.resampled_dbfs = max(report.resampled_dbfs, peak_dbfs(waveform))
                    yield waveform
            if len(waveform := resampler.flush()):
                report.resampled_dbfs = max(report.resampled_dbfs, peak_dbfs(waveform))
                yield waveform
            report.take_structure(file, decoded)
            header, tracks = header_from(file, report.frames), count_tracks(file)
        report.require_sound(self.name)
        self.content = content.hexdigest() if self._hashed else ""
        self.cancelling_note = report.cancelling_note(self.name)
        with fetched(self._source) as source:
            notes, self.truncated = report.structure(self.name, source, header)
        self.header = replace(header, notes=notes)
        self.notes = report.notes(self.name, self.header, tracks, self.sample_rate)


def _stated_frames(file: OpenFile) -> int:
    """The length that the header of an open file states."""
    return file.stated or 0 if isinstance(file, IsolatedFile) and file.stated is not None else file.frames


def read_part(source: Source, sample_rate: int, start: int, stop: int, name: str | None = None) -> np.ndarray:
    """Samples ``start`` to ``stop`` of the waveform of `audiotag.audio.reading.read_sound`; what follows is not read.

    Parameters
    ----------
    source : Path or bytes
    sample_rate : int
        Rate in Hz to resample to.
    start, stop : int
        In samples at this rate.
    name : str, optional
        The name that messages use for the sound; the file name by default.

    Returns
    -------
    numpy.ndarray, shape=(samples,), float32
        Shorter if the sound ends before.
    """
    parts, at = [np.empty(0, np.float32)], 0
    for block in LongSound(source, sample_rate, name).blocks():
        if at + len(block) > start:  # an empty part would hold its whole block in memory
            parts.append(block[max(start - at, 0) : max(stop - at, 0)])
        at += len(block)
        if at >= stop:
            break
    return np.concatenate(parts)


def resampled_length(samples: int, from_rate: int, to_rate: int) -> int:
    """How many samples resampling gives: the nearest whole number, and the larger of two that are as near.

    >>> resampled_length(3, 16_000, 48_000), resampled_length(3, 32_000, 16_000)
    (9, 2)
    """
    return (2 * int(samples) * int(to_rate) + int(from_rate)) // (2 * int(from_rate))


class _BlockResampler:
    """Resample a sound that comes in blocks, equal to resampling it whole (soxr, high quality, band-limited)."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._stream = None
        if from_rate != to_rate:
            import soxr

            self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32")
            self._step = max(1, RESAMPLED_AT_ONCE * from_rate // max(from_rate, to_rate))

    def resample(self, block: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the resampled samples that are complete after this block, in pieces of limited size."""
        if self._stream is None:
            yield block
            return
        for at in range(0, len(block), self._step):
            if len(piece := self._stream.resample_chunk(block[at : at + self._step])):
                yield piece

    def flush(self) -> np.ndarray:
        """The samples that are left after the last block."""
        empty = np.empty(0, np.float32)
        return empty if self._stream is None else self._stream.resample_chunk(empty, last=True)


def _mix_to_mono(blocks: BlockReader, report: DecodeReport) -> Iterator[np.ndarray]:
    """Yield the mean of the channels of each block and update the report.

    After the first value that no sound has nothing more is yielded, but the rest is still decoded and counted.
    """
    for samples in blocks:
        if report.add(samples):
            mean = np.ascontiguousarray(to_mono(samples), dtype=np.float32)
            report.add_mean(samples, mean)
            yield mean


def _join_blocks(blocks: Iterator[np.ndarray], block_samples: int) -> Iterator[np.ndarray]:
    """Join blocks until each has at least ``block_samples``; the last one may be shorter."""
    waiting: list[np.ndarray] = []
    length = 0
    for block in blocks:
        waiting.append(block)
        length += len(block)
        if length >= block_samples:
            yield waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
            waiting, length = [], 0
    if waiting:
        yield waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
