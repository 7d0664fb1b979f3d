"""A log-mel spectrogram turns back into a sound with the pitch and level of the original."""

from collections.abc import Callable

import numpy as np
import pytest

from audiotag.features.inversion import invert_log_mel
from audiotag.features.log_mel import log_mel
from audiotag.features.mel import mel_corners
from audiotag.features.settings import SpectrogramSettings

SETTINGS = SpectrogramSettings(
    sample_rate=16_000, clip_s=0.5, n_fft=1024, win_length=400, hop_length=160, n_mels=64, f_max=8000
)
Tone = Callable[..., np.ndarray]


@pytest.mark.parametrize("hertz", [200, 1000])
def test_the_inverted_log_mel_of_a_tone_has_its_frequency_and_level(
    hertz: float, tone: Tone, frequency_of: Callable
) -> None:
    waveform = tone(hertz, SETTINGS.clip_s, 0.3, SETTINGS.sample_rate)
    inverted = invert_log_mel(log_mel(waveform, SETTINGS), SETTINGS)
    assert inverted.dtype == np.float32
    assert len(inverted) == (SETTINGS.frames - 1) * SETTINGS.hop_length
    corners = mel_corners(SETTINGS)
    band = int(np.abs(corners - hertz).argmin())
    assert frequency_of(inverted, SETTINGS.sample_rate) == pytest.approx(
        hertz, abs=corners[band + 1] - corners[band - 1]
    )
    assert np.sqrt(np.mean(inverted**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.3)


def test_inversion_is_finite_with_a_hop_of_a_whole_window(tone: Tone) -> None:
    settings = SETTINGS.with_changes(hop_length=SETTINGS.win_length)
    waveform = tone(200, settings.clip_s, sample_rate=settings.sample_rate)
    inverted = invert_log_mel(log_mel(waveform, settings), settings, n_iter=4)
    assert np.isfinite(inverted).all()
    assert inverted.max() > 0.1
