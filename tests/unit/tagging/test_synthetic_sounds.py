"""Synthetic sounds are audible, of many levels, all different, and the same on every call."""

import numpy as np
import pytest

from audiotag.features.settings import SpectrogramSettings
from audiotag.tagging.synthetic_sounds import mixtures


@pytest.mark.parametrize("changes", [{}, {"sample_rate": 8000, "f_max": 4000.0}, {"clip_s": 0.1}, {"clip_s": 5.0}])
def test_sounds_are_audible_different_and_of_many_levels(changes: dict[str, float]) -> None:
    settings = SpectrogramSettings(**changes)
    sounds = list(mixtures(settings, 32, 4))
    assert len(sounds) == 32
    assert {sound.dtype for sound in sounds} == {np.dtype(np.float32)}
    assert {len(sound) for sound in sounds} == {settings.clip_samples}
    peaks = np.array([np.abs(sound).max() for sound in sounds])
    assert 0.001 < peaks.min() < 0.1 < peaks.max() <= 1
    assert len({sound.tobytes() for sound in sounds}) == 32


def test_sounds_are_the_same_on_every_call() -> None:
    first, second = (np.stack(list(mixtures(SpectrogramSettings(clip_s=0.1), 4, 1))) for _ in range(2))
    np.testing.assert_array_equal(first, second)
