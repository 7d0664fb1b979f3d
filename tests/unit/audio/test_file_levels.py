"""Levels of a file are those of its stored samples, whatever its channels and its sample rate."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.audio.file_levels import read_levels
from audiotag.errors import AudiotagError

TIMES = np.arange(48_000) / 48_000


def test_levels_of_one_loud_and_one_silent_channel(tmp_path: Path) -> None:
    sine = 0.5 * np.sin(2 * np.pi * 1000 * TIMES)
    soundfile.write(tmp_path / "a.wav", np.stack([sine, 0 * sine], axis=1), 48_000, subtype="FLOAT")
    levels = read_levels(tmp_path / "a.wav")
    assert levels.peak_dbfs == pytest.approx(-6.02, abs=0.01)  # the mono mix has 6 dB less
    assert levels.rms_dbfs == pytest.approx(-6.02 - 3.01 - 3.01, abs=0.01)


def test_channels_that_cancel_each_other_keep_their_level(tmp_path: Path) -> None:
    sine = np.sin(2 * np.pi * 1000 * TIMES)
    soundfile.write(tmp_path / "a.wav", np.stack([sine, -sine], axis=1), 48_000, subtype="FLOAT")
    assert read_levels(tmp_path / "a.wav").peak_dbfs == pytest.approx(0, abs=0.01)


def test_level_above_the_resampled_band_counts(tmp_path: Path) -> None:
    times = np.arange(96_000) / 96_000
    soundfile.write(tmp_path / "a.wav", 0.25 * np.sin(2 * np.pi * 40_000 * times), 96_000, subtype="FLOAT")
    assert read_levels((tmp_path / "a.wav").read_bytes()).rms_dbfs == pytest.approx(-12.04 - 3.01, abs=0.01)


def test_silence_is_minus_infinity_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 8000)
    assert read_levels(tmp_path / "a.wav").peak_dbfs == read_levels(tmp_path / "a.wav").rms_dbfs == float("-inf")
    (tmp_path / "b.wav").write_text("no sound")
    with pytest.raises(AudiotagError, match=r"b\.wav"):
        read_levels(tmp_path / "b.wav")
