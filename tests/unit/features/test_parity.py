"""On all recordings of ESC-10 the front-end equals fastaudio 1.0.2, with the capstone settings."""

import types
from pathlib import Path

import numpy as np
import pytest
import torch

from audiotag.audio.header import Sound
from audiotag.audio.reading import read_sound
from audiotag.features.log_mel import log_mel
from audiotag.features.settings import PRESETS
from audiotag.features.trimming import fit_length, trimmed_bounds
from audiotag.training.backend.fastaudio_compat import import_fastaudio

CAPSTONE = PRESETS["capstone"]


@pytest.fixture(scope="module")
def fastaudio() -> types.ModuleType:
    import_fastaudio()
    import fastaudio.all

    return fastaudio.all


@pytest.fixture(scope="module")
def sounds(shared: Path) -> list[Sound]:
    paths = sorted((shared / "data/esc10/audio").glob("*.ogg"))
    assert len(paths) == 400
    return [read_sound(path, CAPSTONE.sample_rate) for path in paths]


@pytest.fixture(scope="module")
def recordings(sounds: list[Sound]) -> list[np.ndarray]:
    return [sound.waveform for sound in sounds]


def test_no_recording_is_called_truncated_or_has_another_note(sounds: list[Sound]) -> None:
    assert [note for sound in sounds for note in sound.notes] == []


def test_trimmed_bounds_equal_fastaudios_sample_for_sample(
    fastaudio: types.ModuleType, recordings: list[np.ndarray]
) -> None:
    remove = fastaudio.RemoveSilence(fastaudio.RemoveType.Trim, threshold=CAPSTONE.trim_db, pad_ms=20)
    for waveform in recordings:
        theirs = remove(fastaudio.AudioTensor(torch.from_numpy(waveform)[None], sr=CAPSTONE.sample_rate))
        start, end = trimmed_bounds(waveform, CAPSTONE)
        np.testing.assert_array_equal(np.asarray(theirs)[0], waveform[start:end])


def test_log_mels_equal_fastaudios(fastaudio: types.ModuleType, recordings: list[np.ndarray]) -> None:
    to_log_mel = fastaudio.SpectrogramTransformer(mel=True, to_db=True)(
        sample_rate=CAPSTONE.sample_rate,
        n_fft=CAPSTONE.n_fft,
        win_length=CAPSTONE.win_length,
        hop_length=CAPSTONE.hop_length,
        n_mels=CAPSTONE.n_mels,
        f_min=CAPSTONE.f_min,
        f_max=CAPSTONE.f_max,
        top_db=CAPSTONE.top_db,
    )
    worst = 0.0
    for waveform in recordings:
        start, end = trimmed_bounds(waveform, CAPSTONE)
        crop = np.ascontiguousarray(fit_length(waveform[start:end], CAPSTONE))
        theirs = np.asarray(to_log_mel(fastaudio.AudioTensor(torch.from_numpy(crop)[None], sr=CAPSTONE.sample_rate)))[0]
        ours = log_mel(crop, CAPSTONE)
        above_floor = ours > ours.max() - CAPSTONE.top_db + 1e-3
        worst = max(worst, float(np.abs(ours - theirs)[above_floor].max()))
    assert worst <= 1e-3
