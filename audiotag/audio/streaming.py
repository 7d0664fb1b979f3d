"""Read sounds of any length in constant memory: decode, mix to mono and resample them block by block."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audiotag.audio.decoding import BlockReader, DecodeReport, count_tracks, header_from
from audiotag.audio.header import Source
from audiotag.audio.levels import peak_dbfs
from audiotag.audio.opening import open_audio, source_name
from audiotag.audio.reading import to_mono

BLOCK_SAMPLES = 1 << 18  # per channel, 6 s at 44.1 kHz; smaller blocks are joined to this size


class LongSound:
    """A sound that is read from its start to its end, with the samples of `audiotag.audio.reading.read_sound`.

    Parameters
    ----------
    source : Path or bytes
    sample_rate : int
        Rate in Hz to resample to.
    name : str, optional
        The name that messages use for the sound; the file name by default.
    isolated : bool
        Decode in another process, whatever the format.

    Attributes
    ----------
    notes : tuple[str, ...]
        One sentence for each unusual property of the file; complete once all blocks are read.
    """

    def __init__(self, source: Source, sample_rate: int, name: str | None = None, isolated: bool = False) -> None:
        self._source, self._sample_rate, self._isolated = source, sample_rate, isolated
        self.name = name or source_name(source)
        self.notes: tuple[str, ...] = ()

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield mono float32 waveforms of some seconds each, one after the other.

        Raises
        ------
        AudiotagError
            As `audiotag.audio.reading.read_sound`. Samples that are not finite are reported only after the last
            block, so the blocks before must then be discarded.
        """
        report = DecodeReport()
        with open_audio(self._source, self.name, self._isolated) as file:
            decoded = BlockReader(file, block_samples=BLOCK_SAMPLES)
            resampler = _BlockResampler(file.samplerate, self._sample_rate)
            for block in _join_blocks(_mix_to_mono(decoded, report)):
                if len(waveform := resampler.resample(block)):
                    report.mean_dbfs = max(report.mean_dbfs, peak_dbfs(waveform))
                    yield waveform
            if len(waveform := resampler.flush()):
                report.mean_dbfs = max(report.mean_dbfs, peak_dbfs(waveform))
                yield waveform
            report.decoder_failed = decoded.decoder_failed
            header, tracks = header_from(file, report.frames), count_tracks(file)
        report.require_sound(self.name)
        self.notes, _ = report.notes(self.name, self._source, header, tracks, self._sample_rate)


class _BlockResampler:
    """Resample a sound that comes in blocks; equal to `audiotag.audio.reading.resample` of the whole sound."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._stream = None
        if from_rate != to_rate:
            import soxr

            self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32")

    def resample(self, block: np.ndarray) -> np.ndarray:
        """Resampled samples that are complete after this block."""
        return block if self._stream is None else self._stream.resample_chunk(block)

    def flush(self) -> np.ndarray:
        """The samples that are left after the last block."""
        empty = np.empty(0, np.float32)
        return empty if self._stream is None else self._stream.resample_chunk(empty, last=True)


def _mix_to_mono(blocks: BlockReader, report: DecodeReport) -> Iterator[np.ndarray]:
    """Yield the mean of the channels of each block and update the report.

    After the first sample that is not finite nothing more is yielded, but all such samples are counted.
    """
    for samples in blocks:
        report.frames += len(samples)
        report.non_finite += int(np.count_nonzero(~np.isfinite(samples)))
        if not report.non_finite:
            report.peak_dbfs = max(report.peak_dbfs, peak_dbfs(samples))
            yield np.ascontiguousarray(to_mono(samples), dtype=np.float32)


def _join_blocks(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Join blocks until each has at least `BLOCK_SAMPLES`; the last one may be shorter."""
    waiting: list[np.ndarray] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= BLOCK_SAMPLES:
            yield np.concatenate(waiting)
            waiting.clear()
    if waiting:
        yield np.concatenate(waiting)
