"""Network inputs of a section of a sound, of which parts in time and frequency may be covered before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from audiotag.features.crop_features import crop_features
from audiotag.features.log_mel import Scale, log_mel, network_input
from audiotag.features.masking import MaskableSound, TimeFrequencyMap
from audiotag.features.mel import mel_frequencies
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import crop_start, fit_length
from audiotag.features.whole_clip import WholeClip, crop_frame, cut_frames, repeats_at

Filling = Literal["floor", "mean"]


@dataclass(frozen=True, eq=False)
class SectionWindow:
    """One window of a section, as networks that take log-mels get it.

    Attributes
    ----------
    log_mel : numpy.ndarray, shape=(n_mels, frames), dB
    times_s : numpy.ndarray, shape=(frames,)
        Time of each frame in the section; those of zeros around a short section are outside of it.
    scale : Scale or None
        Of the whole section, where crops are cut from spectrograms.
    """

    log_mel: np.ndarray
    times_s: np.ndarray
    scale: Scale | None

    def plain_input(self, settings: SpectrogramSettings) -> np.ndarray:
        """Network input of the window as it is, shape ``(channels, height, width)``."""
        return network_input(self.log_mel, settings, self.scale)

    def covered_inputs(self, covered: np.ndarray, settings: SpectrogramSettings, filling: Filling) -> np.ndarray:
        """Network inputs with parts of the window covered, shape ``(variants, channels, height, width)``.

        Parameters
        ----------
        covered : numpy.ndarray, shape=(variants, n_mels, frames), bool
            At the mel bands of the settings and at `times_s`.
        settings : SpectrogramSettings
        filling : "floor" or "mean"
            What covers: the lowest value of the log-mel, or its mean.
        """
        value = self.log_mel.min() if filling == "floor" else self.log_mel.mean()
        changed = np.where(covered, value, self.log_mel)
        return np.stack([network_input(each, settings, self.scale) for each in changed])


@dataclass(frozen=True, eq=False)
class WaveformWindow:
    """One window of a section, as networks that take waveforms get it.

    Attributes
    ----------
    waveform : numpy.ndarray, shape=(clip_samples,)
    times_s : numpy.ndarray, shape=(frames,)
        As those of `SectionWindow`, of the frames that a log-mel of the window would have.
    sample_rate : int
        In Hz.
    """

    waveform: np.ndarray
    times_s: np.ndarray
    sample_rate: int

    @cached_property
    def _sound(self) -> MaskableSound:
        return MaskableSound(self.waveform, self.sample_rate)

    def plain_input(self, settings: SpectrogramSettings) -> np.ndarray:
        """Network input of the window as it is, shape ``(1, 1, clip_samples)``."""
        return network_input(crop_features(self.waveform, settings), settings)

    def covered_inputs(self, covered: np.ndarray, settings: SpectrogramSettings, filling: Filling) -> np.ndarray:
        """Network inputs without some parts of the window, shape ``(variants, 1, 1, clip_samples)``.

        Parts are removed by masking the short-time Fourier transform; there is no other ``filling``.

        Parameters
        ----------
        covered : numpy.ndarray, shape=(variants, n_mels, frames), bool
            At the mel bands of the settings and at `times_s`.
        settings : SpectrogramSettings
        filling : "floor" or "mean"
        """
        frames_s = np.arange(settings.frames) * settings.hop_length / self.sample_rate
        places = mel_frequencies(settings), frames_s
        rest = [self.waveform - self._sound.part(TimeFrequencyMap(part.astype(float), *places)) for part in covered]
        return np.stack([network_input(crop_features(each, settings), settings) for each in rest])


Window = SectionWindow | WaveformWindow


def section_windows(waveform: np.ndarray, settings: SpectrogramSettings) -> list[Window]:
    """The windows of a section: one, or, where it is longer than a window, so many that they overlap by half.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,)
        At the settings' sample rate; it is not trimmed.
    settings : SpectrogramSettings
    """
    if settings.crop == "spectrogram":
        return _of_spectrogram(waveform, settings)
    window, rate = settings.clip_samples, settings.sample_rate
    frames_s = np.arange(settings.frames) * settings.hop_length / rate
    if len(waveform) <= window:
        times_s = frames_s + crop_start(len(waveform), settings) / rate
        if settings.padding == "repeat":
            times_s = times_s % (len(waveform) / rate)
        return [_window(fit_length(waveform, settings), times_s, settings)]
    starts = _spread(len(waveform) - window, window // 2)
    return [_window(waveform[start : start + window], frames_s + start / rate, settings) for start in starts]


def _window(waveform: np.ndarray, times_s: np.ndarray, settings: SpectrogramSettings) -> Window:
    if settings.network_input == "waveform":
        return WaveformWindow(waveform, times_s, settings.sample_rate)
    return SectionWindow(log_mel(waveform, settings), times_s, None)


def _of_spectrogram(waveform: np.ndarray, settings: SpectrogramSettings) -> list[Window]:
    whole = WholeClip.of(waveform, settings)
    have, hop = whole.log_mel.shape[1], settings.hop_length
    firsts = [crop_frame(have, settings)]
    if have > settings.frames:
        firsts = _spread(have - settings.frames, settings.frames // 2)
    found: list[Window] = []
    for first in firsts:
        repeats = repeats_at(settings)
        numbers = np.arange(first, first + settings.frames)
        if repeats:
            numbers = numbers % have
        times_s = (numbers * hop - whole.zeros_before) / settings.sample_rate
        found.append(SectionWindow(cut_frames(whole.log_mel, first, settings, repeats), times_s, whole.scale))
    return found


def _spread(last: int, step: int) -> list[int]:
    """Starts from 0 to ``last``, evenly spread, at most ``step`` apart.

    >>> _spread(10, 4), _spread(0, 4)
    ([0, 3, 7, 10], [0])
    """
    count = -(-last // step) + 1
    return [round(last * number / max(count - 1, 1)) for number in range(count)]
