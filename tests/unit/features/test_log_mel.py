"""The log-mel spectrogram equals torchaudio's and librosa's, and obeys the physics of sound."""

from collections.abc import Callable

import librosa
import numpy as np
import pytest
import torch
import torchaudio

from audiotag.errors import AudiotagError
from audiotag.features.log_mel import FRAMES_AT_ONCE, apply_floor, frames_in_db, log_mel, samples_before
from audiotag.features.mel import hz_to_mel, mel_corners, mel_frequencies
from audiotag.features.settings import PRESETS, SpectrogramSettings

Tone = Callable[..., np.ndarray]

CAPSTONE = PRESETS["capstone"]
SETTINGS = {
    "capstone": CAPSTONE,
    "odd window": SpectrogramSettings(win_length=1023, hop_length=411),
    "odd n_fft and window": SpectrogramSettings(n_fft=2047, win_length=1001, hop_length=500, n_mels=64),
    "window fills n_fft": SpectrogramSettings(n_fft=2048, win_length=2048, hop_length=512, n_mels=96),
    "hop of a whole window": SpectrogramSettings(n_fft=2048, win_length=800, hop_length=800, n_mels=64),
    "16 kHz": SpectrogramSettings(
        sample_rate=16_000, n_fft=1024, win_length=400, hop_length=160, n_mels=64, f_min=50, f_max=8000, top_db=80
    ),
    "slaney": SpectrogramSettings(mel_scale="slaney", mel_norm="slaney", n_fft=4096, win_length=2000, top_db=80),
    "slaney scale, height 1": SpectrogramSettings(mel_scale="slaney"),
    "htk scale, area 1": SpectrogramSettings(mel_norm="slaney"),
    "hamming": SpectrogramSettings(window="hamming"),
    "blackman": SpectrogramSettings(window="blackman", win_length=2560),
    "rectangular": SpectrogramSettings(window="rectangular"),
    "amplitude": SpectrogramSettings(power=1.0),
    "warm-up": PRESETS["warm-up"],
}
TORCH_WINDOWS = {
    "hann": torch.hann_window,
    "hamming": torch.hamming_window,
    "blackman": torch.blackman_window,
    "rectangular": torch.ones,
}
LIBROSA_WINDOWS = {"hann": "hann", "hamming": "hamming", "blackman": "blackman", "rectangular": "boxcar"}


def sounds(settings: SpectrogramSettings, tone: Tone) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    noise = 0.2 * rng.standard_normal(settings.clip_samples)
    faded = noise * np.linspace(0, 1, len(noise)) ** 2
    chord = sum(tone(hz, settings.clip_s, 0.2, settings.sample_rate) for hz in (220, 1000, 3456.7))
    return {"noise": noise, "faded": faded, "chord": chord + 1e-2 * noise}


def by_torchaudio(waveform: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    mel = torchaudio.transforms.MelSpectrogram(
        settings.sample_rate,
        settings.n_fft,
        settings.win_length,
        settings.hop_length,
        settings.f_min,
        settings.f_max,
        n_mels=settings.n_mels,
        window_fn=TORCH_WINDOWS[settings.window],
        power=settings.power,
        mel_scale=settings.mel_scale,
        norm="slaney" if settings.mel_norm == "slaney" else None,
    )
    to_db = torchaudio.transforms.AmplitudeToDB("power" if settings.power == 2 else "magnitude", settings.top_db)
    return to_db(mel(torch.from_numpy(waveform)[None])).numpy()[0]


def by_librosa(waveform: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    power = librosa.feature.melspectrogram(
        y=waveform,
        sr=settings.sample_rate,
        n_fft=settings.n_fft,
        win_length=settings.win_length,
        hop_length=settings.hop_length,
        pad_mode="reflect",
        fmin=settings.f_min,
        fmax=settings.f_max,
        n_mels=settings.n_mels,
        window=LIBROSA_WINDOWS[settings.window],
        power=settings.power,
        htk=settings.mel_scale == "htk",
        norm="slaney" if settings.mel_norm == "slaney" else None,
    )
    if settings.power == 2:
        return librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=settings.top_db)
    return librosa.amplitude_to_db(power, ref=1.0, amin=1e-10, top_db=settings.top_db)


@pytest.mark.parametrize(
    ("name", "reference"),
    # For an odd n_fft torchaudio's bands assume a bin at half the sample rate, which does not exist.
    [(name, by) for name in SETTINGS for by in (by_torchaudio, by_librosa) if SETTINGS[name].n_fft % 2 == 0]
    + [("odd n_fft and window", by_librosa)],
)
def test_log_mel_equals_the_references(name: str, reference: Callable, tone: Tone) -> None:
    settings = SETTINGS[name]
    for what, waveform in sounds(settings, tone).items():
        ours = log_mel(waveform, settings)
        theirs = reference(waveform.astype(np.float32), settings)
        assert ours.shape == theirs.shape, what
        # A float32 FFT is exact to about 1e-7 of the loudest bin, which is 0.001 dB for a bin 60 dB below it.
        above = ours > ours.max() - min(settings.top_db, 60) + 0.01
        assert above.mean() > 0.15, what  # else almost nothing was compared
        np.testing.assert_allclose(ours[above], theirs[above], atol=1e-3, err_msg=what)
        np.testing.assert_allclose(ours[~above], theirs[~above], atol=0.02, err_msg=what)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_tone_is_loudest_in_its_band(name: str, tone: Tone) -> None:
    settings = SETTINGS[name]
    centres = mel_frequencies(settings)
    nearest = int(np.abs(hz_to_mel(centres, settings.mel_scale) - hz_to_mel(1000, settings.mel_scale)).argmin())
    corners = mel_corners(settings)
    loudest = log_mel(tone(1000, settings.clip_s, 0.5, settings.sample_rate), settings)[:, 5:-5].mean(axis=1).argmax()
    assert abs(loudest - nearest) <= 1
    assert corners[loudest] < 1000 < corners[loudest + 2]
    for band in range(settings.n_mels // 2, settings.n_mels - 1, 7):
        spectrogram = log_mel(tone(centres[band], settings.clip_s, 0.5, settings.sample_rate), settings)
        assert spectrogram[:, 5:-5].mean(axis=1).argmax() == band


def test_twice_the_level_is_6_db_more() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(CAPSTONE.clip_samples)
    np.testing.assert_allclose(log_mel(2 * noise, CAPSTONE) - log_mel(noise, CAPSTONE), 20 * np.log10(2), atol=1e-3)


@pytest.mark.parametrize("top_db", [10, 60, 80])
def test_the_floor_is_top_db_below_the_loudest_bin(top_db: float, tone: Tone) -> None:
    spectrogram = log_mel(tone(1000, 1.0, silence_s=0.5), CAPSTONE.with_changes(top_db=top_db))
    assert spectrogram.max() - spectrogram.min() == pytest.approx(top_db, abs=1e-4)
    assert (spectrogram == spectrogram.min()).mean() > 0.3


def test_digital_silence_is_at_minus_100_db_everywhere() -> None:
    np.testing.assert_allclose(log_mel(np.zeros(CAPSTONE.clip_samples), CAPSTONE), -100, atol=1e-4)


@pytest.mark.parametrize("settings", [*SETTINGS.values(), *PRESETS.values(), CAPSTONE.with_changes(clip_s=2.3)])
def test_a_log_mel_has_the_shape_of_the_settings(settings: SpectrogramSettings) -> None:
    spectrogram = log_mel(np.random.default_rng(0).standard_normal(settings.clip_samples) / 10, settings)
    assert spectrogram.shape == (settings.n_mels, settings.frames)
    assert spectrogram.dtype == np.float32


def test_the_capstone_log_mel_is_128_by_128() -> None:
    assert (CAPSTONE.n_mels, CAPSTONE.frames) == (128, 128)


def test_a_waveform_too_short_to_mirror_is_refused() -> None:
    log_mel(np.zeros(CAPSTONE.n_fft // 2 + 1), CAPSTONE)
    with pytest.raises(AudiotagError, match=r"longer than half of n_fft \(1280 samples\), got 1280"):
        log_mel(np.zeros(CAPSTONE.n_fft // 2), CAPSTONE)


@pytest.mark.parametrize("name", SETTINGS)
def test_frames_in_db_equal_the_log_mel_without_its_floor(name: str) -> None:
    """For frames inside the sound, and for any number of frames at once."""
    settings = SETTINGS[name]
    noise = np.random.default_rng(0).normal(0, 0.1, settings.clip_samples).astype(np.float32)
    noise *= np.linspace(1e-4, 1, len(noise), dtype=np.float32)
    spectrogram = log_mel(noise, settings)
    starts = np.arange(settings.frames) * settings.hop_length - samples_before(settings)
    inside = np.flatnonzero((starts >= 0) & (starts + settings.win_length <= len(noise)))
    assert len(inside) > 0.5 * settings.frames
    frames = np.stack([noise[start : start + settings.win_length] for start in starts[inside]])
    decibels = frames_in_db(frames, settings)
    assert (decibels.shape, decibels.dtype) == ((settings.n_mels, len(inside)), np.float32)
    floor = spectrogram.max() - settings.top_db
    np.testing.assert_allclose(np.maximum(decibels, floor), spectrogram[:, inside], rtol=0, atol=1e-3)
    for count in (1, FRAMES_AT_ONCE - 1, FRAMES_AT_ONCE, FRAMES_AT_ONCE + 1):
        np.testing.assert_allclose(frames_in_db(frames[:count], settings), decibels[:, :count], rtol=0, atol=1e-3)


def test_the_floor_changes_only_values_below_it() -> None:
    decibels = np.linspace(-100, 20, 200, dtype=np.float32).reshape(10, 20)
    floored = apply_floor(decibels, CAPSTONE)
    assert floored.min() == pytest.approx(20 - CAPSTONE.top_db)
    np.testing.assert_array_equal(floored[decibels > -40], decibels[decibels > -40])
    assert decibels.min() == -100  # the input is not changed, because frames are cached for other crops


@pytest.mark.parametrize("shift_frames", [1, 10])
def test_a_shift_in_time_by_whole_hops_moves_the_frames(shift_frames: int) -> None:
    noise = np.random.default_rng(0).standard_normal(3 * 44_100).astype(np.float32)
    hop, samples = CAPSTONE.hop_length, CAPSTONE.clip_samples
    here, later = log_mel(noise[:samples], CAPSTONE), log_mel(noise[shift_frames * hop :][:samples], CAPSTONE)
    inner = slice(4, -4 - shift_frames)  # without the mirrored ends
    moved = here[:, shift_frames:][:, inner]
    above = moved > moved.max() - 50
    np.testing.assert_allclose(later[:, : here.shape[1] - shift_frames][:, inner][above], moved[above], atol=1e-3)
