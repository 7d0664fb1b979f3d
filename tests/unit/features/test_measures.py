"""Measures of known signals are those that physics and the standards give."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
from scipy.signal import butter, sosfilt, welch

from audiotag.errors import AudiotagError
from audiotag.features.accumulators import FULL_SCALE
from audiotag.features.loudness import MIN_LOUDNESS_S
from audiotag.features.measures import (
    THIRD_OCTAVES_HZ,
    Measures,
    average_spectrum,
    clipped_share,
    loudness_lufs,
    measure,
    measure_waveform,
)

RATE = 44_100


def noise(duration_s: float, level_db: float = -20.0, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """White Gaussian noise of an RMS level in dBFS."""
    samples = np.random.default_rng(seed).standard_normal(round(duration_s * rate))
    return (samples * 10 ** (level_db / 20)).astype(np.float32)


def bands_db(measures: Measures) -> np.ndarray:
    return 10 * np.log10(measures.third_octaves)


def band(centre_hz: float) -> int:
    return THIRD_OCTAVES_HZ.index(centre_hz)


# Levels


def test_a_full_scale_sine_has_its_textbook_levels(tone: Callable) -> None:
    measures = measure_waveform(tone(1000, 1.0, 1.0), RATE)
    assert measures.peak_dbfs == pytest.approx(0, abs=0.05)
    assert measures.rms_dbfs == pytest.approx(-3.0103, abs=1e-3)
    assert measures.crest_db == pytest.approx(3.01, abs=0.05)
    assert measures.silent_share == 0


def test_a_square_wave_at_full_scale_has_neither_crest_nor_a_level_below_zero() -> None:
    measures = measure_waveform(np.tile(np.repeat([1.0, -1.0], 50), 100).astype(np.float32), RATE)
    assert (measures.peak_dbfs, measures.rms_dbfs, measures.crest_db) == (0, 0, 0)


@pytest.mark.parametrize("rate", [RATE, 48_000])
def test_a_full_scale_sine_of_997_hz_has_minus_3_lkfs(tone: Callable, rate: int) -> None:
    """ITU-R BS.1770-4, annex 1: the calibration signal of one channel."""
    assert loudness_lufs(tone(997, 5.0, 1.0, rate), rate) == pytest.approx(-3.01, abs=0.1)


def test_loudness_follows_the_level_and_not_the_silence_around(tone: Callable) -> None:
    whole = loudness_lufs(tone(997, 4.0, 0.5), RATE)
    assert loudness_lufs(tone(997, 4.0, 0.05), RATE) == pytest.approx(whole - 20, abs=0.01)
    assert loudness_lufs(tone(997, 4.0, 0.5, silence_s=4.0), RATE) == pytest.approx(whole, abs=0.5)


@pytest.mark.parametrize("rate", [8000, RATE, 192_000])
def test_loudness_equals_pyloudnorms(rate: int) -> None:
    waveform = noise(7, -20, rate)
    waveform[rate : 3 * rate] = 0  # digital silence inside
    waveform[5 * rate :] *= 1e-3  # below the gate
    expected = pyloudnorm.Meter(rate).integrated_loudness(waveform.astype(np.float64))
    assert loudness_lufs(waveform, rate) == pytest.approx(expected, abs=1e-5)


def test_loudness_needs_one_gating_block(tone: Callable) -> None:
    waveform = tone(997, 1.0, 1.0)
    block = round(MIN_LOUDNESS_S * RATE)
    assert np.isnan(loudness_lufs(waveform[: block - 1], RATE))
    assert loudness_lufs(waveform[:block], RATE) == pytest.approx(-3.01, abs=0.2)


@pytest.mark.parametrize("rate", [1000, 2000, 3000, 4000, 8000, 192_000])
def test_loudness_is_a_number_from_3_khz_on_and_nan_below(rate: int) -> None:
    loudness = loudness_lufs(noise(2, -20, rate), rate)
    assert np.isnan(loudness) == (rate < 3000)
    assert rate < 3000 or -30 < loudness < -10


def test_silence_is_minus_infinity_and_nothing_warns() -> None:
    measures = measure_waveform(np.zeros(RATE, np.float32), RATE)
    assert measures.peak_dbfs == measures.rms_dbfs == -np.inf
    assert np.isnan(measures.crest_db)
    assert np.isnan(measures.loudness_lufs)
    assert measures.noise_floor_dbfs <= -200
    assert (measures.silent_share, measures.bandwidth_hz, measures.dc, measures.clipped_share) == (1, 0, 0, 0)
    assert set(measures.third_octaves) == {0.0}


@pytest.mark.parametrize("n_samples", [1, 2, 3, 100, 2047, 2048, 2049])
@pytest.mark.parametrize("level", [0.0, 0.25])
def test_the_shortest_clips_are_measured(n_samples: int, level: float) -> None:
    measures = measure_waveform(np.full(n_samples, level, np.float32), RATE)
    assert measures.dc == level
    assert np.isnan(measures.loudness_lufs)
    assert measures.peak_dbfs == measures.rms_dbfs == (pytest.approx(-12.04, abs=0.01) if level else -np.inf)
    assert measures.trim_end_s == pytest.approx(n_samples / RATE)
    assert measures.bandwidth_hz == 0  # a constant has no spectrum


@pytest.mark.parametrize("n_samples", [10, 3000, 100_000])
@pytest.mark.parametrize("level", [0.1, -0.7])
def test_a_constant_of_any_level_has_no_spectrum(n_samples: int, level: float) -> None:
    measures = measure_waveform(np.full(n_samples, level, np.float32), RATE)
    assert (measures.bandwidth_hz, sum(measures.third_octaves)) == (0, 0)


def test_the_noise_floor_is_the_noise_between_the_bursts() -> None:
    waveform = noise(10, -60)
    for at in range(0, len(waveform), 2 * RATE):
        waveform[at : at + RATE] += noise(1, -6, seed=at + 1)
    measures = measure_waveform(waveform, RATE)
    assert measures.noise_floor_dbfs == pytest.approx(-60, abs=0.5)
    assert measures.rms_dbfs == pytest.approx(-9, abs=0.2)  # half the time at −6 dBFS


def test_the_silent_share_is_the_fraction_of_time_in_silence(tone: Callable) -> None:
    measures = measure_waveform(tone(1000, 2.0, silence_s=1.0), RATE)
    assert measures.silent_share == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("n_samples", [100, 2047, 2049, 100_000, 10_000_000])
def test_the_level_counts_every_sample_and_does_not_drift_in_long_clips(n_samples: int) -> None:
    waveform = noise(n_samples / RATE)
    waveform[-min(n_samples, 1000) :] *= 10
    level = 10 * np.log10(np.mean(np.square(waveform, dtype=np.float64)))
    assert measure_waveform(waveform, RATE).rms_dbfs == pytest.approx(level, abs=1e-5)


@pytest.mark.parametrize("level", [1e-6, 1.0])
def test_measuring_a_long_sound_needs_less_than_three_times_its_memory(level: float) -> None:
    waveform = np.clip(noise(120, 0.0) * np.float32(level), -1, 1)
    measure_waveform(waveform[:RATE], RATE)  # imports and filter designs happen once
    tracemalloc.start()
    try:
        measure_waveform(waveform, RATE)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * waveform.nbytes


# Faults of the recording


def sixteen_bit(waveform: np.ndarray) -> np.ndarray:
    """The waveform as read from a 16-bit file that was written with full scale at 32767."""
    return (np.round(np.clip(waveform, -1, 1) * 32_767) / 32_768).astype(np.float32)


@pytest.mark.parametrize("sign", [1, -1])
def test_only_runs_of_three_or_more_samples_count_as_clipped(sign: int) -> None:
    waveform = np.zeros(1000, np.float32)
    waveform[10] = waveform[20:22] = sign  # peaks that just touch full scale
    assert clipped_share(waveform) == 0
    waveform[30:33] = sign
    assert clipped_share(waveform) == 0.003
    waveform[-5:] = sign
    waveform[:4] = sign * np.float32(32_767 / 32_768)
    assert clipped_share(waveform) == 0.012


def test_just_below_full_scale_is_not_clipped() -> None:
    assert clipped_share(np.full(100, FULL_SCALE - 1e-4, np.float32)) == 0
    assert clipped_share(np.ones(100, np.float32)) == 1


@pytest.mark.parametrize("rate", [8000, RATE, 192_000])
@pytest.mark.parametrize("frequency_hz", [1, 5, 20, 31.7, 50, 997])
def test_a_full_scale_sine_is_not_clipped_however_slow_its_crest(
    tone: Callable, frequency_hz: float, rate: int
) -> None:
    waveform = tone(frequency_hz, 4.0, 1.0, rate)
    crests = sixteen_bit(waveform)
    assert crests.max() >= FULL_SCALE
    assert clipped_share(waveform) == clipped_share(crests) == 0


@pytest.mark.parametrize("frequency_hz", [20, 50, 100, 440])
def test_a_clipped_sine_is_clipped_while_it_would_exceed_full_scale(tone: Callable, frequency_hz: float) -> None:
    driven = tone(frequency_hz, 2.0, np.sqrt(2))
    assert clipped_share(np.clip(driven, -1, 1)) == pytest.approx(0.5, abs=0.02)  # arcsin(1/√2) is 45°
    assert clipped_share(sixteen_bit(driven)) == pytest.approx(0.5, abs=0.02)
    assert clipped_share(tone(frequency_hz, 1.0, 0.99)) == 0


def test_samples_beyond_full_scale_count_as_clipped(tone: Callable) -> None:
    driven = tone(100, 1.0, np.sqrt(2))
    assert clipped_share(driven) == clipped_share(np.clip(driven, -1, 1)) > 0.4


def test_a_rough_run_at_full_scale_is_not_clipped() -> None:
    waveform = np.zeros(1000, np.float32)
    waveform[10:14] = np.array([32_766, 32_767, 32_766, 32_767]) / 32_768
    waveform[20:24] = [1, -1, 1, -1]
    assert clipped_share(waveform) == 0


def test_a_dc_offset_is_measured_and_does_not_change_the_bandwidth() -> None:
    quiet = noise(2, -50)
    measures, moved = measure_waveform(quiet, RATE), measure_waveform(quiet + np.float32(0.3), RATE)
    assert moved.dc == pytest.approx(0.3, abs=1e-3)
    assert abs(measures.dc) < 1e-3
    assert moved.bandwidth_hz == measures.bandwidth_hz == pytest.approx(RATE / 2, rel=0.01)
    assert bands_db(moved) == pytest.approx(bands_db(measures), abs=0.5)


def test_trimming_bounds_are_the_sound_and_a_pad(tone: Callable) -> None:
    measures = measure_waveform(tone(1000, 1.0, silence_s=0.5), RATE)
    assert measures.trim_start_s == pytest.approx(0.5, abs=0.07)
    assert measures.trim_end_s == pytest.approx(1.5, abs=0.07)
    assert measures.trim_start_s < 0.5
    assert measures.trim_end_s > 1.5


# Spectrum


def test_the_bandwidth_of_a_tone_is_its_frequency(tone: Callable) -> None:
    assert measure_waveform(tone(1000, 2.0), RATE).bandwidth_hz == pytest.approx(1000, rel=0.05)


def test_the_bandwidth_of_low_passed_noise_is_where_the_filter_has_60_db() -> None:
    low_passed = sosfilt(butter(30, 8000, fs=RATE, output="sos"), noise(4)).astype(np.float32)
    assert measure_waveform(low_passed, RATE).bandwidth_hz == pytest.approx(8000, rel=0.2)
    assert measure_waveform(low_passed, RATE).bandwidth_hz > 8000
    assert measure_waveform(noise(4), RATE).bandwidth_hz == pytest.approx(RATE / 2, rel=0.001)


@pytest.mark.parametrize("centre_hz", [100, 1000, 10_000])
def test_the_power_of_a_tone_is_in_its_third_octave_band(tone: Callable, centre_hz: int) -> None:
    measures = measure_waveform(tone(centre_hz, 2.0, 0.5), RATE)
    assert measures.third_octaves[band(centre_hz)] == pytest.approx(0.125, rel=0.01)  # its mean square
    assert sum(measures.third_octaves) == pytest.approx(0.125, rel=0.01)


def test_white_noise_rises_by_one_decibel_per_band() -> None:
    """A third of an octave higher is a tenth of a decade wider: 1 dB in IEC 61260-1's base ten."""
    levels = bands_db(measure_waveform(noise(30), RATE))[band(250) : band(16_000) + 1]
    assert np.polyfit(np.arange(len(levels)), levels, 1)[0] == pytest.approx(1.0, abs=0.02)
    assert np.abs(levels - levels[0] - np.arange(len(levels))).max() < 0.6


def test_pink_noise_has_the_same_power_in_every_band() -> None:
    spectrum = np.fft.rfft(noise(30))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    pink = np.fft.irfft(spectrum)
    levels = bands_db(measure_waveform((pink / np.abs(pink).max()).astype(np.float32), RATE))
    levels = levels[band(200) : band(16_000) + 1]
    assert levels == pytest.approx(np.full(len(levels), levels.mean()), abs=0.7)


@pytest.mark.parametrize("n_samples", [2, 3, 100, 8191, 8192, 12_287, 12_288, 200_000])
def test_the_spectrum_equals_scipys_welch(n_samples: int) -> None:
    waveform = noise(n_samples / RATE) + np.float32(0.2)
    segment = min(8192, n_samples)
    settings = {"nperseg": segment, "detrend": False}
    expected = welch(waveform.astype(np.float64) - 0.2, RATE, **settings)
    frequencies, power = average_spectrum(waveform, RATE, dc=0.2)
    assert frequencies == pytest.approx(expected[0])
    assert power == pytest.approx(expected[1] * RATE / segment, rel=1e-4, abs=1e-12)


@pytest.mark.parametrize("rate", [8000, RATE, 96_000])
def test_the_spectrum_sums_to_the_mean_square(rate: int) -> None:
    _, power = average_spectrum(noise(10, -20, rate), rate)
    assert 10 * np.log10(power.sum()) == pytest.approx(-20, abs=0.1)


def test_faint_treble_is_not_lost_beside_loud_bass(tone: Callable) -> None:
    measures = measure_waveform(tone(100, 4.0, 0.9) + tone(10_000, 4.0, 1e-4), RATE)
    assert 10 * np.log10(measures.third_octaves[band(10_000)]) == pytest.approx(-83, abs=0.1)


def test_bands_above_half_the_sample_rate_are_empty() -> None:
    measures = measure_waveform(noise(2, rate=8000), 8000)
    assert measures.third_octaves[band(3150)] > 0
    assert set(measures.third_octaves[band(5000) :]) == {0.0}


# Files


@pytest.mark.parametrize("rate", [RATE, 8000])
def test_the_hash_depends_on_the_samples_and_not_on_the_container(tmp_path: Path, rate: int) -> None:
    samples = np.random.default_rng(0).integers(-3000, 3000, rate).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, rate)
    soundfile.write(tmp_path / "a.flac", samples, rate)
    samples[rate // 2] += 1
    soundfile.write(tmp_path / "b.wav", samples, rate)
    wav, flac, changed = (measure(tmp_path / name) for name in ("a.wav", "a.flac", "b.wav"))
    assert wav == flac
    assert changed.content != wav.content
    assert not wav.truncated


def test_the_hash_depends_on_the_sample_rate() -> None:
    waveform = noise(1)
    contents = [measure_waveform(waveform, rate).content for rate in (RATE, RATE, 22_050)]
    assert contents[0] == contents[1] != contents[2]


def test_a_truncated_file_is_measured_and_marked_as_truncated(
    tmp_path: Path, tone: Callable, write_wav: Callable
) -> None:
    file = write_wav(tmp_path / "a.wav", tone(1000, 1.0))
    file.write_bytes(file.read_bytes()[: 44 + 44_100])
    measures = measure(file)
    assert measures.truncated
    assert measures.trim_end_s == 0.5


def test_absurdly_large_samples_are_refused_and_samples_above_full_scale_are_not(
    tmp_path: Path, tone: Callable, write_wav: Callable
) -> None:
    damaged = write_wav(tmp_path / "a.wav", tone(1000, 1.0, 1e25), subtype="FLOAT")
    with pytest.raises(AudiotagError, match=r"a\.wav has a peak of 500 dBFS"):
        measure(damaged)
    hot = measure(write_wav(tmp_path / "b.wav", tone(1000, 1.0, 1000.0), subtype="FLOAT"))
    assert hot.rms_dbfs == pytest.approx(57, abs=0.1)
    assert hot.bandwidth_hz == pytest.approx(1000, rel=0.05)


@pytest.mark.parametrize("content", [None, b"", b"no sound"])
def test_an_unreadable_file_is_an_error_that_names_it(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudiotagError, match=r"a\.wav"):
        measure(tmp_path / "a.wav")
