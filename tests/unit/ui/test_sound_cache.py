"""Sounds that pages keep are what the library gives."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag.audio.reading import read_sound
from audiotag.ui import sound_cache


def test_a_part_of_a_long_sound_is_that_part(
    tmp_path: Path, write_wav: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_cache, "MAX_PLAYED_S", 2.0)
    noise = 0.1 * np.random.default_rng(3).standard_normal(5 * 44_100).clip(-4, 4)
    content = write_wav(tmp_path / "long.wav", noise).read_bytes()
    part = sound_cache.load_part(content, "long.wav", sound_cache.content_key(content), 44_100, 1.5)
    whole = read_sound(content, 44_100)
    np.testing.assert_array_equal(part.waveform, whole.waveform[round(1.5 * 44_100) : round(3.5 * 44_100)])
