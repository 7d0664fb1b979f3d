"""Peak and RMS levels follow their definition."""

from collections.abc import Callable

import numpy as np
import pytest

from audiotag.audio.levels import frame_powers, peak_dbfs, rms_dbfs

Tone = Callable[..., np.ndarray]


def test_peak_and_rms_levels_follow_their_definition(tone: Tone) -> None:
    assert peak_dbfs(np.array([0.1, -1.0])) == 0
    assert rms_dbfs(np.array([1.0, -1.0])) == 0
    assert rms_dbfs(tone(1000, 1.0, level=1.0)) == pytest.approx(-3.0103, abs=1e-3)
    assert peak_dbfs(np.zeros(5)) == rms_dbfs(np.zeros(5)) == rms_dbfs(np.zeros(0)) == -np.inf


def test_frames_cover_the_clip_once_without_overlap() -> None:
    assert frame_powers(np.ones(5 * 2048 + 2047, np.float32)).tolist() == [1] * 5
    assert frame_powers(np.full(10, 0.1, np.float32)) == pytest.approx([0.01])
