"""Cut a clip to the settings' length: the same path from waveform to log-mel for every tab of the Spectrogram page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from audiotag.features.log_mel import Scale, log_mel
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import crop_start, fit_length, trimmed_bounds
from audiotag.features.whole_clip import WholeClip, crop_frame, cut_crop
from audiotag.ui import sound_cache
from audiotag.ui.player import Region

MIDDLE = 0.5
IMAGE_WIDTH_PIXELS = 136  # of each spectrogram in a row: four on a screen, two on a phone


@dataclass(frozen=True)
class Crop:
    """A crop of a trimmed clip, and its log-mel.

    Attributes
    ----------
    waveform : numpy.ndarray, shape=(clip_samples,), float32
    start_s : float
        Start of the crop in the clip; negative where the clip is padded.
    untrimmed : Region
        Part of the clip that is left after trimming.
    log_mel : numpy.ndarray, shape=(n_mels, frames), dB
    whole : WholeClip or None
        The whole clip that the log-mel was cut from, where the settings cut crops from spectrograms.
    trimmed : numpy.ndarray, shape=(samples,), float32
        The whole clip without the silence that was trimmed.
    position : float
        Place of the crop in it, 0 to 1.
    """

    waveform: np.ndarray
    start_s: float
    untrimmed: Region
    log_mel: np.ndarray
    whole: WholeClip | None
    trimmed: np.ndarray
    position: float

    @property
    def scale(self) -> Scale | None:
        """The scale of the whole clip, where the settings cut crops from spectrograms."""
        return None if self.whole is None else self.whole.scale

    def placed(self, waveform: np.ndarray, clip_samples: int, sample_rate: int) -> np.ndarray:
        """A version of the crop's sound at the crop's place in the clip, with silence before and after it."""
        placed = np.zeros(clip_samples, dtype=np.float32)
        start = round(self.start_s * sample_rate)
        part = waveform[max(0, -start) :][: clip_samples - max(0, start)]
        placed[max(0, start) : max(0, start) + len(part)] = part
        return placed


def make_crop(waveform: np.ndarray, settings: SpectrogramSettings, position: float = MIDDLE) -> Crop:
    """Trim a clip, cut or pad it to the settings' length, and compute the log-mel.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,), float32
        At the settings' sample rate.
    settings : SpectrogramSettings
    position : float
        Place of the crop, from 0 (start of the trimmed clip) to 1 (its end).
    """
    start, end = trimmed_bounds(waveform, settings)
    trimmed = waveform[start:end]
    untrimmed = Region(start / settings.sample_rate, end / settings.sample_rate)
    if settings.crop == "spectrogram":
        whole = WholeClip.of(trimmed, settings)
        first = whole.first_sample(crop_frame(whole.log_mel.shape[1], settings, position), settings)
        part = trimmed[max(first, 0) : max(first + settings.clip_samples, 0)]
        crop = np.zeros(settings.clip_samples, dtype=np.float32)
        crop[max(-first, 0) :][: len(part)] = part
        values = cut_crop(whole.log_mel, settings, position)
        return Crop(crop, (start + first) / settings.sample_rate, untrimmed, values, whole, trimmed, position)
    crop = np.ascontiguousarray(fit_length(trimmed, settings, position))
    start_s = (start + crop_start(end - start, settings, position)) / settings.sample_rate
    return Crop(crop, start_s, untrimmed, log_mel(crop, settings), None, trimmed, position)


def crop_of_file(path: Path, settings: SpectrogramSettings) -> Crop:
    """The middle crop of a clip in a file."""
    return make_crop(sound_cache.load_sound(path, settings.sample_rate).waveform, settings)


def pick_position(waveform: np.ndarray, settings: SpectrogramSettings) -> float:
    """A slider for the place of the crop, 0 to 1; where the clip is not longer than the crop, none, and the middle."""
    start, end = trimmed_bounds(waveform, settings)
    spare_s = max(0.0, (end - start) / settings.sample_rate - settings.clip_s)
    if spare_s <= 0.01:
        return MIDDLE
    chosen_s = st.slider(
        "Crop starts at (s)",
        0.0,
        spare_s,
        spare_s / 2,
        key="crop-start",
        persist_state="session",
        help="Counted from the end of the leading silence. Training draws the crop at random.",
    )
    return chosen_s / spare_s
