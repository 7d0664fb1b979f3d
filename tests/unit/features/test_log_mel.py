"""The log-mel is torchaudio's and librosa's, obeys the physics, and its settings refuse what cannot be."""

from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import pytest
import torch
import torchaudio

from audiotag.errors import AudiotagError
from audiotag.features.inversion import invert_log_mel
from audiotag.features.log_mel import FRAMES_AT_ONCE, apply_floor, frames_in_db, log_mel, samples_before
from audiotag.features.mel import empty_bands, hz_to_mel, mel_corners, mel_frequencies, mel_to_hz
from audiotag.features.readouts import energy_outside, read_outs
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.features.trimming import fit_length

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
    # For an odd n_fft torchaudio's bands assume a bin at half the sample rate, where there is none.
    [(name, by) for name in SETTINGS for by in (by_torchaudio, by_librosa) if SETTINGS[name].n_fft % 2 == 0]
    + [("odd n_fft and window", by_librosa)],
)
def test_log_mel_equals_the_references(name: str, reference: Callable, tone: Tone) -> None:
    settings = SETTINGS[name]
    for what, waveform in sounds(settings, tone).items():
        ours = log_mel(waveform, settings)
        theirs = reference(waveform.astype(np.float32), settings)
        assert ours.shape == theirs.shape, what
        # A float32 FFT is exact to some 1e-7 of the loudest bin: 60 dB below it that is 0.001 dB.
        above = ours > ours.max() - min(settings.top_db, 60) + 0.01
        assert above.mean() > 0.15, what  # else little was compared
        np.testing.assert_allclose(ours[above], theirs[above], atol=1e-3, err_msg=what)
        np.testing.assert_allclose(ours[~above], theirs[~above], atol=0.02, err_msg=what)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_tone_is_loudest_in_the_band_that_holds_it(name: str, tone: Tone) -> None:
    settings = SETTINGS[name]
    centres = mel_frequencies(settings)
    nearest = int(np.abs(hz_to_mel(centres, settings.mel_scale) - hz_to_mel(1000, settings.mel_scale)).argmin())
    corners = mel_corners(settings)
    loudest = log_mel(tone(1000, settings.clip_s, 0.5, settings.sample_rate), settings)[:, 5:-5].mean(axis=1).argmax()
    assert abs(loudest - nearest) <= 1
    assert corners[loudest] < 1000 < corners[loudest + 2]
    for band in range(settings.n_mels // 2, settings.n_mels - 1, 7):
        picture = log_mel(tone(centres[band], settings.clip_s, 0.5, settings.sample_rate), settings)
        assert picture[:, 5:-5].mean(axis=1).argmax() == band


def test_twice_the_level_is_6_db_more() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(CAPSTONE.clip_samples)
    np.testing.assert_allclose(log_mel(2 * noise, CAPSTONE) - log_mel(noise, CAPSTONE), 20 * np.log10(2), atol=1e-3)


@pytest.mark.parametrize("top_db", [10, 60, 80])
def test_the_floor_is_top_db_below_the_loudest_bin(top_db: float, tone: Tone) -> None:
    picture = log_mel(tone(1000, 1.0, silence_s=0.5), CAPSTONE.changed(top_db=top_db))
    assert picture.max() - picture.min() == pytest.approx(top_db, abs=1e-4)
    assert (picture == picture.min()).mean() > 0.3


def test_digital_silence_is_at_minus_100_db_everywhere() -> None:
    np.testing.assert_allclose(log_mel(np.zeros(CAPSTONE.clip_samples), CAPSTONE), -100, atol=1e-4)


@pytest.mark.parametrize("settings", [*SETTINGS.values(), *PRESETS.values(), CAPSTONE.changed(clip_s=2.3)])
def test_a_picture_has_the_shape_that_the_settings_say(settings: SpectrogramSettings) -> None:
    picture = log_mel(np.random.default_rng(0).standard_normal(settings.clip_samples) / 10, settings)
    assert picture.shape == (settings.n_mels, settings.frames)
    assert picture.dtype == np.float32


def test_the_capstone_picture_is_128_by_128() -> None:
    assert (CAPSTONE.n_mels, CAPSTONE.frames) == (128, 128)


def test_a_waveform_too_short_to_mirror_is_refused() -> None:
    log_mel(np.zeros(CAPSTONE.n_fft // 2 + 1), CAPSTONE)
    with pytest.raises(AudiotagError, match=r"longer than half of n_fft \(1280 samples\), got 1280"):
        log_mel(np.zeros(CAPSTONE.n_fft // 2), CAPSTONE)


@pytest.mark.parametrize(("at", "first"), [(0, 0), (0.5, 500), (1, 1000)])
def test_a_crop_lies_where_it_is_asked_for(at: float, first: int) -> None:
    ramp = np.arange(CAPSTONE.clip_samples + 1000, dtype=np.float32)
    for padding in ("zeros", "zeros-after", "repeat"):
        crop = fit_length(ramp, CAPSTONE.changed(padding=padding), at)
        np.testing.assert_array_equal(crop, ramp[first : first + CAPSTONE.clip_samples])


@pytest.mark.parametrize(
    ("padding", "at", "front"),
    [("zeros", 0, 0), ("zeros", 0.5, 500), ("zeros", 1, 1000), ("zeros-after", 0.5, 0), ("zeros-after", 1, 0)],
)
def test_zeros_stand_where_they_are_asked_for(padding: Any, at: float, front: int) -> None:
    ones = np.ones(CAPSTONE.clip_samples - 1000, dtype=np.float32)
    padded = fit_length(ones, CAPSTONE.changed(padding=padding), at)
    assert padded.dtype == np.float32
    np.testing.assert_array_equal(padded, np.pad(ones, (front, 1000 - front)))


@pytest.mark.parametrize("length", [1, 1000, 50_000])
def test_repeating_goes_round_and_round(length: int) -> None:
    ramp = np.arange(length, dtype=np.float32)
    repeated = fit_length(ramp, CAPSTONE.changed(padding="repeat"))
    np.testing.assert_array_equal(repeated, np.arange(CAPSTONE.clip_samples) % length)


@pytest.mark.parametrize("padding", ["zeros", "zeros-after", "repeat"])
def test_the_exact_length_stays_as_it_is_and_nothing_becomes_silence(padding: Any) -> None:
    settings = CAPSTONE.changed(padding=padding)
    exact = np.random.default_rng(0).standard_normal(settings.clip_samples).astype(np.float32)
    for at in (0, 0.3, 1):
        np.testing.assert_array_equal(fit_length(exact, settings, at), exact)
        np.testing.assert_array_equal(fit_length(exact[:0], settings, at), np.zeros(settings.clip_samples))


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_mels_are_librosas_and_turn_back_into_hertz(scale: Any) -> None:
    frequencies = np.concatenate([np.linspace(0, 22_050, 500), [999.999, 1000, 1000.001]])
    mels = hz_to_mel(frequencies, scale)
    np.testing.assert_allclose(mels, librosa.hz_to_mel(frequencies, htk=scale == "htk"), rtol=1e-12)
    np.testing.assert_allclose(mel_to_hz(mels, scale), frequencies, rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(mel_to_hz(mels, scale), librosa.mel_to_hz(mels, htk=scale == "htk"), rtol=1e-12)


def test_bands_without_a_bin_are_found_and_stay_dark() -> None:
    settings = CAPSTONE.changed(n_fft=1024, n_mels=256)
    bins = np.fft.rfftfreq(settings.n_fft, 1 / settings.sample_rate)
    corners = mel_corners(settings)
    without = [
        band for band in range(settings.n_mels) if not np.any((bins > corners[band]) & (bins < corners[band + 2]))
    ]
    assert 10 < len(without) < settings.n_mels / 2
    assert empty_bands(settings).tolist() == without
    noise = np.random.default_rng(0).standard_normal(settings.clip_samples)
    picture = log_mel(noise, settings)
    assert np.flatnonzero((picture == picture.min()).all(axis=1)).tolist() == without
    assert empty_bands(CAPSTONE.changed(n_mels=64)).size == 0


def test_the_readouts_warn_of_empty_bands_and_a_low_floor() -> None:
    settings = CAPSTONE.changed(n_fft=1024, n_mels=256)
    noise = np.random.default_rng(0).standard_normal(settings.clip_samples)
    shown = {figure.name: figure for figure in read_outs(settings, log_mel(noise, settings), noise)}
    assert shown["Network input"].value == "256 × 128"
    assert shown["Frame step"].value == "15.6 ms"
    assert shown["Empty bands"].value == str(len(empty_bands(settings)))
    assert shown["Empty bands"].warning
    assert not shown["At the floor"].warning
    dark = np.where(np.arange(256)[:, None] < 200, -60.0, np.zeros((256, 128)))
    assert {figure.name: figure for figure in read_outs(settings, dark, noise)}["At the floor"].warning


@pytest.mark.parametrize(
    ("window", "win_length", "n_fft", "resolution"),
    # A window of 1024 padded to 2560 parts tones no better than 1024 alone.
    [("hann", 1024, 1024, "86 Hz"), ("hann", 1024, 2560, "86 Hz"), ("rectangular", 1024, 1024, "52 Hz")],
)
def test_resolution_is_the_windows_and_not_the_ffts(window: Any, win_length: int, n_fft: int, resolution: str) -> None:
    settings = SpectrogramSettings(window=window, win_length=win_length, n_fft=n_fft)
    noise = np.random.default_rng(0).standard_normal(settings.clip_samples)
    shown = {figure.name: figure.value for figure in read_outs(settings, log_mel(noise, settings), noise)}
    assert shown["Resolution"] == resolution


@pytest.mark.parametrize("window", ["hann", "hamming", "blackman", "rectangular"])
def test_a_tones_peak_is_as_wide_as_the_resolution_says(window: Any, tone: Tone) -> None:
    settings = SpectrogramSettings(window=window, n_fft=65_536, n_mels=200, f_min=850, f_max=1150)
    waveform = tone(1000, settings.clip_s, 0.5)
    spectrum = log_mel(waveform, settings)[:, 10:-10].mean(axis=1)
    hertz = mel_frequencies(settings)
    peak = hertz[spectrum > spectrum.max() - 6.02]
    shown = {figure.name: figure.value for figure in read_outs(settings, log_mel(waveform, settings), waveform)}
    assert peak[-1] - peak[0] == pytest.approx(float(shown["Resolution"].split()[0]), abs=6)


def test_energy_outside_the_bands_is_that_of_the_tones_there(tone: Tone) -> None:
    settings = SpectrogramSettings(f_min=500, f_max=5000)
    low, middle = tone(100, 2.0, 0.3), tone(1000, 2.0, 0.3)
    assert energy_outside(low, settings) == pytest.approx(1, abs=1e-3)
    assert energy_outside(middle, settings) == pytest.approx(0, abs=1e-3)
    assert energy_outside(low + middle, settings) == pytest.approx(0.5, abs=1e-3)
    assert energy_outside(np.zeros(88_200), settings) == 0


@pytest.mark.parametrize("name", SETTINGS)
def test_frames_one_by_one_are_those_of_the_log_mel_without_its_floor(name: str) -> None:
    """Those whose windows lie within the sound, however many are asked for at once."""
    settings = SETTINGS[name]
    noise = np.random.default_rng(0).normal(0, 0.1, settings.clip_samples).astype(np.float32)
    noise *= np.linspace(1e-4, 1, len(noise), dtype=np.float32)
    picture = log_mel(noise, settings)
    starts = np.arange(settings.frames) * settings.hop_length - samples_before(settings)
    inside = np.flatnonzero((starts >= 0) & (starts + settings.win_length <= len(noise)))
    assert len(inside) > 0.5 * settings.frames
    frames = np.stack([noise[start : start + settings.win_length] for start in starts[inside]])
    decibels = frames_in_db(frames, settings)
    assert (decibels.shape, decibels.dtype) == ((settings.n_mels, len(inside)), np.float32)
    floor = picture.max() - settings.top_db
    np.testing.assert_allclose(np.maximum(decibels, floor), picture[:, inside], rtol=0, atol=1e-3)
    for count in (1, FRAMES_AT_ONCE - 1, FRAMES_AT_ONCE, FRAMES_AT_ONCE + 1):
        np.testing.assert_allclose(frames_in_db(frames[:count], settings), decibels[:, :count], rtol=0, atol=1e-3)


def test_floor_lies_below_the_loudest_bin_and_changes_nothing_above() -> None:
    decibels = np.linspace(-100, 20, 200, dtype=np.float32).reshape(10, 20)
    lifted = apply_floor(decibels, CAPSTONE)
    assert lifted.min() == pytest.approx(20 - CAPSTONE.top_db)
    np.testing.assert_array_equal(lifted[decibels > -40], decibels[decibels > -40])
    assert decibels.min() == -100  # the frames that were handed in are kept for other crops


@pytest.mark.parametrize("shift_frames", [1, 10])
def test_a_shift_in_time_moves_frames(shift_frames: int) -> None:
    noise = np.random.default_rng(0).standard_normal(3 * 44_100).astype(np.float32)
    hop, samples = CAPSTONE.hop_length, CAPSTONE.clip_samples
    here, later = log_mel(noise[:samples], CAPSTONE), log_mel(noise[shift_frames * hop :][:samples], CAPSTONE)
    inner = slice(4, -4 - shift_frames)  # without the mirrored ends
    moved = here[:, shift_frames:][:, inner]
    above = moved > moved.max() - 50
    np.testing.assert_allclose(later[:, : here.shape[1] - shift_frames][:, inner][above], moved[above], atol=1e-3)


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
