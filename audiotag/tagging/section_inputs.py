"""Network inputs of a section of a sound, from log-mels that may be changed before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiotag.features.log_mel import Scale, log_mel, network_input
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import crop_start, fit_length
from audiotag.features.whole_clip import WholeClip, crop_frame, cut_frames, repeats_at


@dataclass(frozen=True, eq=False)
class SectionWindow:
    """One window of a section, as the networks of an ensemble get it.

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

    def input_of(self, changed: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
        """Network input of a changed log-mel of this window."""
        return network_input(changed, settings, self.scale)


def section_windows(waveform: np.ndarray, settings: SpectrogramSettings) -> list[SectionWindow]:
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
        return [SectionWindow(log_mel(fit_length(waveform, settings), settings), times_s, None)]
    found = []
    for start in _spread(len(waveform) - window, window // 2):
        part = waveform[start : start + window]
        found.append(SectionWindow(log_mel(part, settings), frames_s + start / rate, None))
    return found


def _of_spectrogram(waveform: np.ndarray, settings: SpectrogramSettings) -> list[SectionWindow]:
    whole = WholeClip.of(waveform, settings)
    have, hop = whole.log_mel.shape[1], settings.hop_length
    firsts = [crop_frame(have, settings)]
    if have > settings.frames:
        firsts = _spread(have - settings.frames, settings.frames // 2)
    found = []
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
