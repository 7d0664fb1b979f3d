"""Sounds of any length in constant memory: decoded, mixed to mono and resampled block by block."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audiotag.audio.header import Source
from audiotag.audio.levels import peak_dbfs
from audiotag.audio.reading import Blocks, DecodeReport, header_of, mono, name_of, opened, tracks_of

BLOCK = 1 << 18  # samples a channel that are decoded at once, 6 s; what FFmpeg gives in smaller pieces is put together


class LongSound:
    """A sound that is read from its start to its end: the samples that `audiotag.audio.reading.read_sound` gives.

    Parameters
    ----------
    source : Path or bytes
    sample_rate : int
        Wanted rate in Hz.
    name : str, optional
        What messages call the sound; the file name by default.

    Attributes
    ----------
    notes : tuple[str, ...]
        What is odd about it; complete once all blocks are read.
    """

    def __init__(self, source: Source, sample_rate: int, name: str | None = None) -> None:
        self._source, self._sample_rate = source, sample_rate
        self.name = name or name_of(source)
        self.notes: tuple[str, ...] = ()

    def blocks(self) -> Iterator[np.ndarray]:
        """Mono float32 waveforms at the wanted rate, one after the other, of some seconds each.

        Raises
        ------
        AudiotagError
            As `audiotag.audio.reading.read_sound` does; what holds samples that are no numbers is known only by its
            end, so what came before it is void.
        """
        report = DecodeReport()
        with opened(self._source, self.name) as file:
            decoded = Blocks(file, size=BLOCK)
            resampled = _Resampled(file.samplerate, self._sample_rate)
            for block in _joined(_means(decoded, report)):
                if len(waveform := resampled.of(block)):
                    report.mean_dbfs = max(report.mean_dbfs, peak_dbfs(waveform))
                    yield waveform
            if len(waveform := resampled.rest()):
                report.mean_dbfs = max(report.mean_dbfs, peak_dbfs(waveform))
                yield waveform
            report.decoder_failed = decoded.decoder_failed
            header, tracks = header_of(file, report.frames), tracks_of(file)
        report.require_sound(self.name)
        self.notes, _ = report.notes(self.name, self._source, header, tracks, self._sample_rate)


class _Resampled:
    """`audiotag.audio.reading.resample` of a sound that comes in pieces."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._stream = None
        if from_rate != to_rate:
            import soxr

            self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32")

    def of(self, block: np.ndarray) -> np.ndarray:
        return block if self._stream is None else self._stream.resample_chunk(block)

    def rest(self) -> np.ndarray:
        empty = np.empty(0, np.float32)
        return empty if self._stream is None else self._stream.resample_chunk(empty, last=True)


def _means(blocks: Blocks, report: DecodeReport) -> Iterator[np.ndarray]:
    """The mean of the channels of every block; once a sample is no number, the others of its kind are only counted."""
    for samples in blocks:
        report.frames += len(samples)
        report.non_finite += int(np.count_nonzero(~np.isfinite(samples)))
        if not report.non_finite:
            report.peak_dbfs = max(report.peak_dbfs, peak_dbfs(samples))
            yield np.ascontiguousarray(mono(samples), dtype=np.float32)


def _joined(pieces: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The same samples in blocks of at least `BLOCK`, the last one apart."""
    waiting: list[np.ndarray] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(map(len, waiting)) >= BLOCK:
            yield np.concatenate(waiting)
            waiting.clear()
    if waiting:
        yield np.concatenate(waiting)
