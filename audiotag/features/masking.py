"""Keep a part of a sound in time and frequency, by masking the short-time Fourier transform of its waveform.

Nothing is estimated, as it is when a log-mel is turned back into sound (`audiotag.features.inversion`): magnitudes are
scaled, phases stay, so what is kept sounds as it does in the recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.signal import ShortTimeFFT

WINDOW_S = 0.046  # of the transform; 2048 samples at 44.1 kHz
HOPS_PER_WINDOW = 4


@dataclass(frozen=True, eq=False)
class TimeFrequencyMap:
    """Values over time and frequency, such as a mask or how much each part matters.

    Attributes
    ----------
    values : numpy.ndarray, shape=(bands, frames)
    frequencies_hz : numpy.ndarray, shape=(bands,)
        Ascending centres of the bands.
    times_s : numpy.ndarray, shape=(frames,)
        Ascending times of the frames, from the start of the sound.
    """

    values: np.ndarray
    frequencies_hz: np.ndarray
    times_s: np.ndarray

    def at(self, frequencies_hz: np.ndarray, times_s: np.ndarray) -> np.ndarray:
        """Values at other frequencies and times, shape ``(frequencies, times)``.

        Interpolated linearly; constant beyond the outermost bands and frames.

        Examples
        --------
        >>> ramp = TimeFrequencyMap(np.array([[0.0, 1.0]]), np.array([100.0]), np.array([0.0, 2.0]))
        >>> ramp.at(np.array([50.0]), np.array([-1.0, 0.5, 9.0])).tolist()
        [[0.0, 0.25, 1.0]]
        """
        below, above, share = _neighbours(self.frequencies_hz, frequencies_hz)
        rows = self.values[below] * (1 - share)[:, None] + self.values[above] * share[:, None]
        before, after, share = _neighbours(self.times_s, times_s)
        return rows[:, before] * (1 - share) + rows[:, after] * share


class MaskableSound:
    """A waveform of which parts in time and frequency can be heard; it is transformed once.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,), float32
    sample_rate : int
        In Hz.

    Notes
    -----
    A mask over mel bands becomes gains of FFT bins by the transpose of the mel filter bank, divided by its sum in each
    bin. The filters are triangles of height 1 from centre to centre, so between two centres their sum is 1, and the
    transpose is the linear interpolation that `TimeFrequencyMap.at` does. Bins below the lowest centre and above the
    highest one have the gain of that band. Frames of the transform (Hann windows, four per window length) are
    overlap-added with the dual window, so a mask of ones gives the waveform back, and what a mask keeps and what it
    removes add up to the waveform.
    """

    def __init__(self, waveform: np.ndarray, sample_rate: int) -> None:
        self.waveform, self.sample_rate = waveform, sample_rate
        half = self._transform.m_num // 2
        self._padded = np.pad(waveform.astype(np.float64), half)  # no frame then lies half outside

    @cached_property
    def _transform(self) -> ShortTimeFFT:
        from scipy.signal import ShortTimeFFT
        from scipy.signal.windows import hann

        length = 1 << max(4, round(np.log2(WINDOW_S * self.sample_rate)))
        return ShortTimeFFT(hann(length, sym=False), length // HOPS_PER_WINDOW, self.sample_rate)

    @cached_property
    def _spectrum(self) -> np.ndarray:
        return self._transform.stft(self._padded)

    def part(self, mask: TimeFrequencyMap) -> np.ndarray:
        """The sound where a mask is 1, without what is where it is 0.

        Parameters
        ----------
        mask : TimeFrequencyMap
            0 to 1.

        Returns
        -------
        numpy.ndarray, shape=(samples,), float32
        """
        transform, half = self._transform, self._transform.m_num // 2
        times_s = transform.t(len(self._padded)) - half / self.sample_rate
        gains = mask.at(transform.f, times_s)
        masked = transform.istft(self._spectrum * gains, k1=len(self._padded))
        return masked[half : half + len(self.waveform)].astype(np.float32)


def _neighbours(places: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each wanted value the places below and above it, and how far it is on the way from one to the other."""
    position = np.interp(wanted, places, np.arange(len(places)))
    below = np.minimum(position.astype(np.int64), len(places) - 1)
    return below, np.minimum(below + 1, len(places) - 1), position - below
