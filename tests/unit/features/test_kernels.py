"""The compiled kernels equal the plain formulas, and a frame does not depend on the frames beside it."""

import os
import subprocess
import sys
from pathlib import Path

import numba.core.caching
import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

from audiotag.features.kernels import compile_kernel, fft_plan, fft_radices, pack_windowed, power_spectrum, sum_bands
from audiotag.features.log_mel import FRAMES_AT_ONCE, frames_in_db
from audiotag.features.mel import AMIN, mel_matrix, window
from audiotag.features.settings import SpectrogramSettings

LENGTHS = {  # n_fft and win_length
    "capstone": (2560, 1024),
    "power of four": (512, 512),
    "two first": (1024, 400),
    "odd window": (1280, 401),
    "every radix": (2 * 7 * 5 * 3 * 2 * 4, 700),
    "odd radices only": (2 * 3 * 5 * 7, 64),
    "one sample filled in a part": (4096, 33),
    "shortest": (16, 16),
}
FFT_BY_SCIPY = {"prime": (2053, 1024), "odd": (2047, 2047), "large factor": (64 * 13, 800)}


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_radices_multiply_to_the_length_with_the_fours_last() -> None:
    assert fft_radices(1280) == [5, 4, 4, 4, 4]
    assert fft_radices(2 * 9 * 7) == [7, 3, 3, 2]
    assert fft_radices(11) is None
    for length in range(1, 400):
        if radices := fft_radices(length):
            assert np.prod(radices) == length


@pytest.mark.parametrize("name", LENGTHS)
def test_the_power_spectrum_equals_that_of_numpys_fft(name: str) -> None:
    """Up to float32 rounding; twice in the same buffers, with all lanes in use and with fewer."""
    n_fft, win_length = LENGTHS[name]
    half, lanes = n_fft // 2, 8
    signal = np.full((2, half, lanes), np.nan, dtype=np.float32)
    scratch, power = signal.copy(), np.full((half + 1, lanes), np.nan, dtype=np.float32)
    weights = window("hann", win_length)
    for count in (lanes, lanes - 3):
        frames = noise(count, win_length)
        pack_windowed(frames, weights, signal)
        power_spectrum(signal, scratch, (win_length + 1) // 2, *fft_plan(n_fft), power)
        wanted = np.abs(np.fft.rfft(frames.astype(np.float64) * weights, n=n_fft)) ** 2
        np.testing.assert_allclose(power[:, :count].T, wanted, rtol=0, atol=1e-6 * wanted.max())


def test_bands_are_weighted_sums_and_empty_bands_are_zero() -> None:
    power = np.square(noise(40, 8))
    widths = np.array([0, 3, 0, 4, 9, 1, 0])
    starts, ends, weights = np.array([40, 0, 7, 5, 20, 39, 0]), np.cumsum(widths), noise(17)
    bands = np.full((7, 8), np.nan, dtype=np.float32)
    sum_bands(power, starts, ends, weights, bands)
    for band, (start, width, end) in enumerate(zip(starts, widths, ends, strict=True)):
        wanted = weights[end - width : end] @ power[start : start + width]
        np.testing.assert_allclose(bands[band], wanted, rtol=1e-5, atol=1e-6)
    assert not bands[widths == 0].any()


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("name", [*LENGTHS, *FFT_BY_SCIPY])
def test_decibels_equal_the_formula_in_double_precision(name: str, power: float) -> None:
    """Also with bands that no FFT bin falls into."""
    n_fft, win_length = (LENGTHS | FFT_BY_SCIPY)[name]
    settings = SpectrogramSettings(
        n_fft=n_fft, win_length=win_length, hop_length=win_length // 2, n_mels=min(128, n_fft // 2), power=power
    )
    frames = noise(FRAMES_AT_ONCE + 5, win_length)
    bins = np.abs(np.fft.rfft(frames.astype(np.float64) * window("hann", win_length), n=n_fft)) ** power
    wanted = 20 / power * np.log10(np.maximum(mel_matrix(settings) @ bins.T, AMIN))
    np.testing.assert_allclose(frames_in_db(frames, settings), wanted, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", ["capstone", "odd window", "prime"])
def test_the_result_of_a_frame_does_not_depend_on_the_frames_beside_it(name: str) -> None:
    """Bit for bit, beside loud frames, frames with NaN or infinity, or no frames."""
    n_fft, win_length = (LENGTHS | FFT_BY_SCIPY)[name]
    settings = SpectrogramSettings(n_fft=n_fft, win_length=win_length, hop_length=win_length // 2)
    frames = noise(FRAMES_AT_ONCE + 5, win_length)
    alone = frames_in_db(frames[7:8], settings)[:, 0]
    frames[::2] *= 1e4
    frames[4, 100], frames[6, 100] = np.nan, np.inf
    beside = frames_in_db(frames, settings)
    np.testing.assert_array_equal(beside[:, 7], alone)
    assert np.isnan(beside[:, 4]).all()
    assert np.isfinite(np.delete(beside, [4, 6], axis=1)).all()


def test_kernels_compile_without_a_writable_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [])
    with pytest.raises(RuntimeError, match="no locator available"):
        numba.njit(cache=True)(noise)
    double = compile_kernel(lambda number: 2 * number)
    assert isinstance(double, Dispatcher)
    assert double(21) == 42


def test_numba_is_not_imported_before_the_first_log_mel() -> None:
    code = "import sys, audiotag.features.log_mel; print('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_the_first_process_computes_what_later_ones_do(tmp_path: Path) -> None:
    """Also while a new installation compiles the kernels, so that a first training is resumed exactly."""
    code = (
        "import hashlib, numpy, audiotag\n"
        "noise = numpy.random.default_rng(0).standard_normal(88_200).astype('f')\n"
        "print(hashlib.sha256(audiotag.log_mel(noise, audiotag.SpectrogramSettings()).tobytes()).hexdigest())"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert first == second != ""
    assert list(tmp_path.rglob("kernels.power_spectrum-*.nbi"))
