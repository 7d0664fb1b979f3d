"""Measure a sound that comes in blocks: level of its frames, average spectrum, and clipped samples.

Each class takes the samples of one mono sound by ``add``, block by block, and gives its result once after the last one.
No result depends on how the sound is divided into blocks.
"""

from __future__ import annotations

import numpy as np

from audiotag.audio.levels import FRAME_SAMPLES, frame_powers
from audiotag.features.mel import window

FULL_SCALE = 32_766 / 32_768  # a sample from here on is at the end of the 16-bit range
MIN_CLIPPED_RUN = 3  # equal samples in a row at full scale; a single peak may touch it without clipping
MAX_CREST_STEP = 4.5 / 32_768  # a crest three samples wide in 16 bit falls by four steps at most to the next sample
SEGMENT_SAMPLES = 8192
SEGMENTS_AT_ONCE = 16  # with their spectra 1 MiB, which stays in the processor's cache
BINS_WITH_DC = 2  # of a Hann window: all others lie 140 dB below


class FrameLevels:
    """Powers of consecutive frames of 2048 samples, and the power of the whole sound."""

    def __init__(self) -> None:
        self._powers: list[np.ndarray] = []
        self._rest = np.empty(0, np.float32)  # less than a frame
        self._length = 0

    def add(self, block: np.ndarray) -> None:
        """Take the next samples, shape ``(samples,)``."""
        self._length += len(block)
        samples = np.concatenate([self._rest, block]) if len(self._rest) else block
        whole = len(samples) // FRAME_SAMPLES * FRAME_SAMPLES
        if whole:
            self._powers.append(frame_powers(samples[:whole]))
        self._rest = samples[whole:].copy()

    def powers(self) -> np.ndarray:
        """Mean square of each frame, shape ``(frames,)``; a shorter sound is one frame, else the rest is left out."""
        return np.concatenate(self._powers) if self._powers else frame_powers(self._rest)

    def rms_dbfs(self) -> float:
        """RMS level of all samples, as `audiotag.audio.levels.rms_dbfs`."""
        # The powers of frames are summed in float64, because a float32 sum drifts in long sounds.
        total = float(np.vdot(self._rest, self._rest))
        if self._powers:
            total += float(self.powers().sum(dtype=np.float64)) * FRAME_SAMPLES
        return 10 * float(np.log10(total / self._length)) if total > 0 else float("-inf")


class SpectrumMeter:
    """The average power spectrum by Welch's method; the sum over all bins is the mean square.

    Equal to ``scipy.signal.welch`` with Hann windows of 8192 samples, but computed a few segments at a time, so that
    it needs little memory, and in float32, so that rounding errors lie 130 dB below the strongest bin.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    dc : float
        DC offset, subtracted from every sample first; of a long sound it may be that of its beginning.
    """

    def __init__(self, sample_rate: int, dc: float = 0.0) -> None:
        self._rate, self._dc = sample_rate, dc
        self._samples = np.empty(0, np.float32)  # from the next segment on
        self._power = np.zeros(SEGMENT_SAMPLES // 2 + 1)
        self._dc_values = np.zeros(BINS_WITH_DC, np.complex128)  # sum of the segments' spectra
        self._segments = 0

    def add(self, block: np.ndarray) -> None:
        """Take the next samples, shape ``(samples,)``."""
        self._samples = np.concatenate([self._samples, block]) if len(self._samples) else block
        hop = SEGMENT_SAMPLES - SEGMENT_SAMPLES // 2
        batches = ((len(self._samples) - SEGMENT_SAMPLES) // hop + 1) // SEGMENTS_AT_ONCE
        if batches > 0:
            taken = batches * SEGMENTS_AT_ONCE
            self._add_segments(self._samples[: (taken - 1) * hop + SEGMENT_SAMPLES], SEGMENT_SAMPLES)
            self._samples = self._samples[taken * hop :]
        self._samples = self._samples.copy()

    def spectrum(self, dc: float) -> tuple[np.ndarray, np.ndarray]:
        """The spectrum without a DC offset ``dc``.

        Where it is not the offset that was subtracted from the samples, the difference is subtracted from the lowest
        bins, rounded 130 dB below it.

        Returns
        -------
        tuple[numpy.ndarray, numpy.ndarray]
            Frequencies in Hz, and powers re full scale squared, both of shape ``(bins,)``.
        """
        from scipy.fft import rfftfreq

        segment = SEGMENT_SAMPLES if self._segments else min(SEGMENT_SAMPLES, len(self._samples))
        if segment < SEGMENT_SAMPLES:
            self._power = np.zeros(segment // 2 + 1)
        if len(self._samples) >= segment:
            self._add_segments(self._samples, segment)
        hann = _hann(segment)
        power = self._power
        if rest := dc - self._dc:
            of_dc = rest * np.fft.rfft(hann.astype(np.float64))[:BINS_WITH_DC]
            change = self._segments * np.abs(of_dc) ** 2 - 2 * (self._dc_values[: len(of_dc)] * of_dc.conj()).real
            power[: len(of_dc)] = np.maximum(power[: len(of_dc)] + change, 0)
        power[1 : (segment + 1) // 2] *= 2  # all bins but those at 0 Hz and half the sample rate stand for two
        scale = self._segments * segment * np.square(hann, dtype=float).sum()
        return rfftfreq(segment, 1 / self._rate), power / scale

    def _add_segments(self, samples: np.ndarray, segment: int) -> None:
        from scipy.fft import rfft

        hann = _hann(segment)
        segments = np.lib.stride_tricks.sliding_window_view(samples, segment)[:: segment - segment // 2]
        for at in range(0, len(segments), SEGMENTS_AT_ONCE):
            batch = segments[at : at + SEGMENTS_AT_ONCE] - np.float32(self._dc)
            batch *= hann
            spectra = rfft(batch, axis=1, overwrite_x=True)
            self._dc_values[: spectra.shape[1]] += spectra[:, :BINS_WITH_DC].sum(axis=0, dtype=np.complex128)
            values = spectra.view(batch.dtype)  # real and imaginary parts alternate
            self._power += np.einsum("ij,ij->j", values, values).reshape(-1, 2).sum(axis=1)
        self._segments += len(segments)


class ClippingMeter:
    """The fraction of clipped samples.

    Samples are clipped in a run of three or more equal samples at full scale (at least 32766/32768), if the step into
    or out of the run is larger than 4/32768. The crest of a sound that just reaches full scale is not clipped: it is
    round, and if it is so slow that 16 bits make it flat, the samples next to it are close. Samples beyond full scale,
    as in float files and decoded MP3 and OGG, count as full scale, because players and integer files clip them there.
    """

    def __init__(self) -> None:
        self._length = self._clipped = 0
        self._last = np.zeros(1, np.float32)  # the last sample; before the sound there is a zero
        self._open = 0  # length of the run that ends with it; 0 if it is not at full scale
        self._step_in = 0.0  # step into that run

    def add(self, block: np.ndarray) -> None:
        """Take the next samples, shape ``(samples,)``."""
        self._length += len(block)
        if not len(block):
            return
        if self._open or max(block.max(), -block.min()) >= FULL_SCALE:
            self._add_runs(np.clip(block, -1, 1))
        else:
            self._last = block[-1:].copy()

    def share(self) -> float:
        """Clipped samples as a fraction of all, 0 to 1."""
        if self._open:
            self._add_runs(np.zeros(1, np.float32))  # after the sound, so that every run has two ends
        return self._clipped / self._length

    def _add_runs(self, block: np.ndarray) -> None:
        samples = np.concatenate([self._last, block])
        full = (samples >= FULL_SCALE) | (samples <= -FULL_SCALE)
        new_run = np.flatnonzero(full & np.append(True, samples[1:] != samples[:-1]))
        after = np.flatnonzero(full & np.append(samples[1:] != samples[:-1], True)) + 1
        steps = np.abs(np.diff(samples))  # step i leads from sample i to the next one
        steps_in, steps_out = steps[np.maximum(new_run - 1, 0)], np.append(steps, 0.0)[after - 1]
        runs = after - new_run
        if self._open and len(runs):  # it goes on with the first sample of all, which was counted before
            runs[0], steps_in[0] = runs[0] + self._open - 1, self._step_in
        self._open = int(runs[-1]) if full[-1] else 0
        self._step_in = float(steps_in[-1]) if full[-1] else 0.0
        self._last = samples[-1:].copy()
        done = len(runs) - bool(full[-1])
        is_clipped = (runs >= MIN_CLIPPED_RUN) & (np.maximum(steps_in, steps_out) > MAX_CREST_STEP)
        self._clipped += int(runs[:done][is_clipped[:done]].sum())


def _hann(segment: int) -> np.ndarray:
    return window("hann", segment) if segment > 1 else np.ones(1, np.float32)
