"""Compute the power in mel bands from frames, compiled by numba, for several frames side by side.

Conventions: all arrays are float32, and their last axis has one entry per frame, a *lane*: the processor's vector units
run along it, and no lane affects another. A complex signal has shape ``(2, length, lanes)``: real and imaginary parts.
``twiddles`` are the twiddle factors of an FFT of ``length`` points, w^k = exp(−2πi·k/length), shape ``(length,)``,
complex64.

The real FFT. A real frame x of n_fft samples is packed into N = n_fft/2 complex numbers z[j] = x[2j] + i·x[2j+1]. Their
FFT Z is split into the spectra of the even and of the odd samples, E and O, which are its symmetric and antisymmetric
parts, where Z* is the complex conjugate (Press et al., Numerical Recipes, section 12.3):

    E[k] = (Z[k] + Z*[N−k]) / 2        O[k] = −i·(Z[k] − Z*[N−k]) / 2        X[k] = E[k] + exp(−2πi·k/n_fft)·O[k]

The complex FFT is Stockham's (Van Loan, Computational Frameworks for the Fast Fourier Transform, 1992, section 1.7),
which needs no bit reversal. N is a product of radices r. With ``done`` the product of the radices of the passes before,
and groups = N/(r·done), one pass computes for each group g and each output q < r

    out[g·r + q] = Σ_{p<r} w^((g + p·groups)·q·done) · in[g + p·groups]

where an index counts blocks of ``done`` rows that share the same twiddle factors.

The inner loops read and write flat arrays by offsets. Slices would be slower: numba counts a reference for each of
them, 16 per loop.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache, lru_cache
from typing import Any

import numba
import numpy as np
from numba.core.caching import FunctionCache

from audiotag.jobs import child_environment

RADICES = (7, 5, 3, 2)  # besides 4; a pass of radix r takes r² steps, so SciPy's FFT is faster for larger primes
CACHE_LINE_VALUES = 16  # of float32
PADDING_ROWS = 8  # arrays whole memory pages apart would compete for the same cache lines when they are read in step
QUARTER = np.float32(0.25)
COMPILE_CODE = "import numpy, audiotag; audiotag.log_mel(numpy.zeros(88_200, 'f'), audiotag.SpectrogramSettings())"
COMPILING_VARIABLE = "AUDIOTAG_COMPILING"  # set in the environment of the process that compiles
COMPILE_LIMIT_S = 120
_lock = threading.Lock()
_offset = np.uintp  # unsigned: for a signed index numba checks whether it counts from the end


def compile_kernel(function: Callable) -> Callable:
    """Compile a function at its first call, without the global lock, and cache the result on disk if possible.

    The cache is beside this module, or else in the user's folder or ``NUMBA_CACHE_DIR``. Only "contract" of the fast
    maths options is on: a product and a sum may be fused, with one rounding instead of two; NaN and infinities behave
    as usual.
    """
    kernel = numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})(function)
    with suppress(RuntimeError, OSError):  # no folder can be written to
        # as numba's own ``enable_caching``, but nothing fails by it
        kernel._cache = _OptionalCache(function)  # type: ignore[attr-defined]
    return kernel


class _OptionalCache(FunctionCache):
    """numba's cache of a function, which is done without where the disk is full or a file of it is damaged."""

    def load_overload(self, *arguments: Any) -> Any:
        try:
            return super().load_overload(*arguments)
        except Exception:  # whatever damaged bytes lead to
            with suppress(OSError):
                self.flush()  # or it could not be written again
            return None

    def save_overload(self, *arguments: Any) -> None:
        with suppress(OSError):
            super().save_overload(*arguments)


def fft_radices(length: int) -> list[int] | None:
    """Radices of the passes of an FFT of ``length`` points; None if the length has a prime factor above 7.

    The fours come last, because the first pass skips zeros, and only `_pass_any_radix` can do that.

    >>> fft_radices(1280), fft_radices(22)
    ([5, 4, 4, 4, 4], None)
    """
    fours, radices = [], []
    while length % 4 == 0:
        fours.append(4)
        length //= 4
    for radix in RADICES:
        while length % radix == 0:
            radices.append(radix)
            length //= radix
    return radices + fours if length == 1 else None


@lru_cache(maxsize=32)
def fft_plan(n_fft: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Radices, twiddle factors and half twiddle factors for `power_spectrum`; None if it cannot do this length."""
    radices = None if n_fft % 2 else fft_radices(n_fft // 2)
    if radices is None:
        return None
    twiddles = np.exp(-2j * np.pi * np.arange(n_fft) / n_fft).astype(np.complex64)
    return np.array(radices), twiddles[::2].copy(), twiddles[: n_fft // 2 + 1]


def allocate_buffers(bins: int, n_mels: int, lanes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Allocate two complex signals, a power spectrum and mel bands in one piece of memory, uninitialised.

    The memory begins at a cache line, because a vector that lies across two lines is read at half the speed.

    Parameters
    ----------
    bins : int
        ``n_fft // 2 + 1``.
    n_mels, lanes : int

    Returns
    -------
    signal, scratch : numpy.ndarray, shape=(2, bins − 1 + padding, lanes)
    power : numpy.ndarray, shape=(bins, lanes)
    bands : numpy.ndarray, shape=(n_mels, lanes)
    """
    rows = bins - 1 + PADDING_ROWS
    count = 4 * rows + bins + n_mels
    memory = np.empty(count * lanes + CACHE_LINE_VALUES, dtype=np.float32)
    first = -memory.ctypes.data // memory.itemsize % CACHE_LINE_VALUES
    buffer = memory[first : first - CACHE_LINE_VALUES].reshape(count, lanes)
    signal, scratch = buffer[: 4 * rows].reshape(2, 2, rows, lanes)
    return signal, scratch, buffer[4 * rows :][:bins], buffer[4 * rows + bins :]


@compile_kernel
def pack_windowed(frames: np.ndarray, window: np.ndarray, signal: np.ndarray) -> None:
    """Write windowed frames, ``(up to lanes, win_length)``, into a signal: z[j] = x[2j] + i·x[2j+1]."""
    if len(frames) < signal.shape[2]:
        signal[:] = 0  # old values in the unused lanes may be denormal numbers, which are slow
    for sample in range(len(window)):
        row = signal[sample % 2, sample // 2]
        for lane in range(len(frames)):
            row[lane] = frames[lane, sample] * window[sample]
    if len(window) % 2:
        signal[1, len(window) // 2] = 0


@compile_kernel
def _write_weighted_sum(re, im, out_re, out_im, x, y, out, size, u, v):  # type: ignore[no-untyped-def]
    """Write u·x + v·y for ``size`` numbers, from the offsets x, y and out on."""
    for number in range(size):
        at = _offset(number)
        out_re[out + at] = (u.real * re[x + at] - u.imag * im[x + at]) + (v.real * re[y + at] - v.imag * im[y + at])
        out_im[out + at] = (u.real * im[x + at] + u.imag * re[x + at]) + (v.real * im[y + at] + v.imag * re[y + at])


@compile_kernel
def _add_weighted_sum(re, im, out_re, out_im, x, y, out, size, u, v):  # type: ignore[no-untyped-def]
    """Add u·x + v·y to what `_write_weighted_sum` wrote."""
    for number in range(size):
        at = _offset(number)
        out_re[out + at] += (u.real * re[x + at] - u.imag * im[x + at]) + (v.real * re[y + at] - v.imag * im[y + at])
        out_im[out + at] += (u.real * im[x + at] + u.imag * re[x + at]) + (v.real * im[y + at] + v.imag * re[y + at])


@compile_kernel
def _pass_any_radix(re, im, out_re, out_im, twiddles, radix, done, filled, lanes):  # type: ignore[no-untyped-def]
    """One pass of any radix. It adds two inputs at a time, and does not read rows from ``filled`` on: they are zero."""
    length = len(twiddles)
    groups, size = length // (radix * done), done * lanes
    for group in range(groups):
        for output in range(radix):
            out = _offset((group * radix + output) * size)
            for first in range(group, groups * radix, 2 * groups):
                second = first + groups
                if first > group and first * done >= filled:
                    break
                u, v = twiddles[first * output * done % length], twiddles[second * output * done % length]
                if second >= groups * radix or second * done >= filled:
                    second, v = first, np.complex64(0)
                x, y = _offset(first * size), _offset(second * size)
                if first == group:
                    _write_weighted_sum(re, im, out_re, out_im, x, y, out, _offset(size), u, v)
                else:
                    _add_weighted_sum(re, im, out_re, out_im, x, y, out, _offset(size), u, v)


@compile_kernel
def _butterfly_radix_4(re, im, out_re, out_im, x, step, out, size, twiddle_1, twiddle_2, twiddle_3):  # type: ignore[no-untyped-def]
    """Write the four outputs of x₀…x₃, ``step`` apart, for ``size`` numbers.

    The fourth roots of one are 1, −i, −1 and i, so with E± = x₀ ± x₂, O₊ = x₁ + x₃ and O₋ = −i·(x₁ − x₃) the outputs
    are E₊ + O₊, w₁·(E₋ + O₋), w₂·(E₊ − O₊) and w₃·(E₋ − O₋): a quarter of the sums of `_pass_any_radix`.
    """
    x1, x2, x3 = x + step, x + step + step, x + step + step + step
    out_1, out_2, out_3 = out + size, out + size + size, out + size + size + size
    w1, w2, w3 = twiddle_1, twiddle_2, twiddle_3
    for number in range(size):
        at = _offset(number)
        even_sum_r, even_sum_i = re[x + at] + re[x2 + at], im[x + at] + im[x2 + at]
        even_diff_r, even_diff_i = re[x + at] - re[x2 + at], im[x + at] - im[x2 + at]
        odd_sum_r, odd_sum_i = re[x1 + at] + re[x3 + at], im[x1 + at] + im[x3 + at]
        odd_diff_r, odd_diff_i = im[x1 + at] - im[x3 + at], re[x3 + at] - re[x1 + at]  # times −i
        out_re[out + at], out_im[out + at] = even_sum_r + odd_sum_r, even_sum_i + odd_sum_i
        r, i = even_diff_r + odd_diff_r, even_diff_i + odd_diff_i
        out_re[out_1 + at], out_im[out_1 + at] = w1.real * r - w1.imag * i, w1.real * i + w1.imag * r
        r, i = even_sum_r - odd_sum_r, even_sum_i - odd_sum_i
        out_re[out_2 + at], out_im[out_2 + at] = w2.real * r - w2.imag * i, w2.real * i + w2.imag * r
        r, i = even_diff_r - odd_diff_r, even_diff_i - odd_diff_i
        out_re[out_3 + at], out_im[out_3 + at] = w3.real * r - w3.imag * i, w3.real * i + w3.imag * r


@compile_kernel
def _pass_radix_4(re, im, out_re, out_im, twiddles, done, lanes):  # type: ignore[no-untyped-def]
    """One pass of radix 4 over a signal without zeros to skip."""
    groups, size = len(twiddles) // (4 * done), done * lanes
    for group in range(groups):
        k = group * done
        x, out = _offset(group * size), _offset(4 * group * size)
        step = _offset(groups * size)
        w1, w2, w3 = twiddles[k], twiddles[2 * k], twiddles[3 * k]
        _butterfly_radix_4(re, im, out_re, out_im, x, step, out, _offset(size), w1, w2, w3)


@compile_kernel
def power_spectrum(
    signal: np.ndarray,
    scratch: np.ndarray,
    filled: int,
    radices: np.ndarray,
    twiddles: np.ndarray,
    half_twiddles: np.ndarray,
    power: np.ndarray,
) -> None:
    """Compute the power spectrum of real frames that `pack_windowed` has written into ``signal``.

    Parameters
    ----------
    signal, scratch : numpy.ndarray, shape=(2, n_fft // 2 or more, lanes)
        Both are overwritten.
    filled : int
        Rows of ``signal`` that are used; the others count as zeros.
    radices : numpy.ndarray
        Of ``n_fft // 2``.
    twiddles : numpy.ndarray, shape=(n_fft // 2,)
    half_twiddles : numpy.ndarray, shape=(n_fft // 2 + 1,)
        exp(−2πi·k/n_fft).
    power : numpy.ndarray, shape=(n_fft // 2 + 1, lanes)
        Receives the result.
    """
    length, lanes = len(twiddles), signal.shape[2]
    done = 1
    signal[:, filled : length // radices[0]] = 0  # the first pass reads this many rows, whether they are filled or not
    for radix in radices:
        flat = signal[0].reshape(-1), signal[1].reshape(-1), scratch[0].reshape(-1), scratch[1].reshape(-1)
        if radix == 4 and filled == length:
            _pass_radix_4(*flat, twiddles, done, lanes)
        else:
            _pass_any_radix(*flat, twiddles, radix, done, filled, lanes)
        filled = length
        done *= radix
        signal, scratch = scratch, signal
    real, imaginary = signal[0], signal[1]
    # With e = 2E[k] and o = w·2O[k], X[k] is (e + o)/2 and X[N−k] is the conjugate of (e − o)/2.
    for k in range(length // 2 + 1):
        mirrored = (length - k) % length
        w = half_twiddles[k]
        low, high = power[k], power[length - k]
        for lane in range(lanes):
            even_r = real[k, lane] + real[mirrored, lane]
            even_i = imaginary[k, lane] - imaginary[mirrored, lane]
            odd_r = imaginary[k, lane] + imaginary[mirrored, lane]
            odd_i = real[mirrored, lane] - real[k, lane]
            rotated_r = w.real * odd_r - w.imag * odd_i
            rotated_i = w.real * odd_i + w.imag * odd_r
            sum_r, sum_i = even_r + rotated_r, even_i + rotated_i
            diff_r, diff_i = even_r - rotated_r, even_i - rotated_i
            low[lane] = QUARTER * (sum_r * sum_r + sum_i * sum_i)
            high[lane] = QUARTER * (diff_r * diff_r + diff_i * diff_i)


@compile_kernel
def sum_bands(power: np.ndarray, starts: np.ndarray, ends: np.ndarray, weights: np.ndarray, bands: np.ndarray) -> None:
    """Sum the weighted power of the bins of each mel band.

    Parameters
    ----------
    power : numpy.ndarray, shape=(bins, lanes)
    starts : numpy.ndarray, shape=(n_mels,)
        First bin of each band.
    ends : numpy.ndarray, shape=(n_mels,)
        Index in ``weights`` after the last weight of each band; its first weight is that after the band before.
    weights : numpy.ndarray
        Weights of all bands, one after the other.
    bands : numpy.ndarray, shape=(n_mels, lanes)
        Receives the result.
    """
    lanes, weight = power.shape[1], 0
    for band in range(len(starts)):
        row = bands[band]
        row[:] = 0
        shift = starts[band] - weight
        while weight + 4 <= ends[band]:
            a, b, c, d = weights[weight], weights[weight + 1], weights[weight + 2], weights[weight + 3]
            k = shift + weight
            for lane in range(lanes):
                row[lane] += (a * power[k, lane] + b * power[k + 1, lane]) + (
                    c * power[k + 2, lane] + d * power[k + 3, lane]
                )
            weight += 4
        while weight < ends[band]:
            for lane in range(lanes):
                row[lane] += weights[weight] * power[shift + weight, lane]
            weight += 1


def is_compiled() -> bool:
    """Whether a process has left these kernels on disk for this processor, or none can."""
    return all(map(_is_on_disk, (power_spectrum, sum_bands)))  # the latter is compiled last


def _is_on_disk(kernel: Any) -> bool:
    if kernel.stats.cache_path is None:
        return True
    processor = kernel.targetctx.codegen().magic_tuple()
    try:
        return any(key[1] == processor for key in kernel._cache._cache_file._load_index())
    except AttributeError:  # a numba that keeps its index elsewhere
        return True
    except Exception:  # a damaged file
        return False


def compile_in_another_process() -> None:
    """Have another process compile the kernels, unless they are on disk already; it takes five seconds, once.

    The process that compiles them computes other last bits than all that read them from disk later, so a training that
    is resumed would not go on exactly. Where no process can be started, this one compiles them.
    """
    with _lock:
        _compile_once()


@cache
def _compile_once() -> None:
    if COMPILING_VARIABLE in os.environ or is_compiled():
        return
    command, environment = [sys.executable, "-P", "-c", COMPILE_CODE], child_environment(**{COMPILING_VARIABLE: "1"})
    with suppress(OSError, TypeError, subprocess.TimeoutExpired):
        subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMPILE_LIMIT_S)
