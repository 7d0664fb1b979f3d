"""A log-mel spectrogram turns back into a sound with the pitch and level of the original."""

from collections.abc import Callable

import numpy as np
import pytest

from audiotag.features.inversion import invert_log_mel
from audiotag.features.log_mel import log_mel
from audiotag.features.mel import mel_corners
from audiotag.features.settings import PRESETS

CAPSTONE = PRESETS["capstone"]
Tone = Callable[..., np.ndarray]


@pytest.mark.parametrize("hertz", [200, 1000])
def test_the_picture_of_a_tone_sounds_like_the_tone(hertz: float, tone: Tone, frequency_of: Callable) -> None:
    waveform = tone(hertz, CAPSTONE.clip_s, 0.3)
    heard = invert_log_mel(log_mel(waveform, CAPSTONE), CAPSTONE)
    assert heard.dtype == np.float32
    assert len(heard) == (CAPSTONE.frames - 1) * CAPSTONE.hop_length
    corners = mel_corners(CAPSTONE)
    band = int(np.abs(corners - hertz).argmin())
    assert frequency_of(heard, CAPSTONE.sample_rate) == pytest.approx(hertz, abs=corners[band + 1] - corners[band - 1])
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.3)


def test_a_picture_with_hops_of_a_whole_window_turns_back_without_gaps_in_numbers(tone: Tone) -> None:
    settings = SETTINGS["hop of a whole window"]
    heard = invert_log_mel(log_mel(tone(1000, settings.clip_s), settings), settings, n_iter=4)
    assert np.isfinite(heard).all()
    assert heard.max() > 0.1
