"""From frames to the power in mel bands, compiled by numba: as many frames as there are lanes go side by side.

Conventions: the last axis of every array is one of lanes, a frame each, which the processor's vectors run along;
``planes`` has shape ``(2, length, lanes)``, the real and the imaginary parts of ``length`` complex numbers a frame;
``turns`` has shape ``(length,)``, complex64, exp(−2πi·k/length). All is float32, and nothing that a frame gets depends
on the frames beside it.

The FFT is Stockham's (Van Loan, Computational Frameworks for the Fast Fourier Transform, 1992, section 1.7): after
passes of radices whose product is ``done``, what lies ``done`` rows side by side takes the same turns. What an inner
loop reads and writes is told by offsets into flat arrays: slices would be counted references, 16 a loop.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numba
import numpy as np

RADICES = (7, 5, 3, 2)  # radix 4 aside; a larger prime costs its square, which SciPy's FFT gets around
CACHE_LINE = 16  # in float32
SPARE_ROWS = 8  # whole pages between what is read in step would make it take turns at the same lines of the cache
QUARTER = np.float32(0.25)
_offset = np.uintp  # of no sign: numba would ask of a signed one whether it counts from the end


def compiled(function: Callable) -> Callable:
    """The function compiled when first called, for all threads, and kept on disk where there is a place for it.

    That is beside this module or else in the user's folder, or ``NUMBA_CACHE_DIR``. Sums of products may be fused
    ("contract"), which rounds once instead of twice; no other liberty is taken with what is not a number.
    """
    try:
        return numba.njit(nogil=True, error_model="numpy", fastmath={"contract"}, cache=True)(function)
    except RuntimeError:  # no folder can be written to
        return numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})(function)


def radices_of(length: int) -> list[int] | None:
    """Radices of the passes of an FFT of so many points; None if it has another prime factor.

    Fours come last: the first pass, which passes over zeros, takes any radix.
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
def plan(n_fft: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Radices, turns and half turns for `power_of`; None where it has no passes for such a length."""
    radices = None if n_fft % 2 else radices_of(n_fft // 2)
    if radices is None:
        return None
    turns = np.exp(-2j * np.pi * np.arange(n_fft) / n_fft).astype(np.complex64)
    return np.array(radices), turns[::2].copy(), turns[: n_fft // 2 + 1]


def allocate_buffers(bins: int, n_mels: int, lanes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two planes, the power of bins and their sums in bands: one piece of memory, with whatever is in it.

    It begins with a line of the cache, for a vector that lies across two is read half as fast.
    """
    rows = bins - 1 + SPARE_ROWS
    count = 4 * rows + bins + n_mels
    memory = np.empty(count * lanes + CACHE_LINE, dtype=np.float32)
    first = -memory.ctypes.data // memory.itemsize % CACHE_LINE
    whole = memory[first : first - CACHE_LINE].reshape(count, lanes)
    planes, spare = whole[: 4 * rows].reshape(2, 2, rows, lanes)
    return planes, spare, whole[4 * rows :][:bins], whole[4 * rows + bins :]


@compiled
def place(frames: np.ndarray, window: np.ndarray, planes: np.ndarray) -> None:
    """Windowed frames, ``(at most lanes, win_length)``, as complex numbers of two neighbouring samples each."""
    if len(frames) < planes.shape[2]:
        planes[:] = 0  # what was there before may be numbers so small that they take long
    for sample in range(len(window)):
        row = planes[sample % 2, sample // 2]
        for lane in range(len(frames)):
            row[lane] = frames[lane, sample] * window[sample]
    if len(window) % 2:
        planes[1, len(window) // 2] = 0


@compiled
def _turned(re, im, out_re, out_im, x, y, out, size, u, v):  # type: ignore[no-untyped-def]
    """Write u·x + v·y, for ``size`` numbers from the three offsets on."""
    for number in range(size):
        at = _offset(number)
        out_re[out + at] = (u.real * re[x + at] - u.imag * im[x + at]) + (v.real * re[y + at] - v.imag * im[y + at])
        out_im[out + at] = (u.real * im[x + at] + u.imag * re[x + at]) + (v.real * im[y + at] + v.imag * re[y + at])


@compiled
def _added(re, im, out_re, out_im, x, y, out, size, u, v):  # type: ignore[no-untyped-def]
    """Add u·x + v·y, as `_turned` writes it."""
    for number in range(size):
        at = _offset(number)
        out_re[out + at] += (u.real * re[x + at] - u.imag * im[x + at]) + (v.real * re[y + at] - v.imag * im[y + at])
        out_im[out + at] += (u.real * im[x + at] + u.imag * re[x + at]) + (v.real * im[y + at] + v.imag * re[y + at])


@compiled
def _pass(re, im, out_re, out_im, turns, radix, done, filled, lanes):  # type: ignore[no-untyped-def]
    """One pass of any radix; inputs come by twos, and those from row ``filled`` on are zeros that are not read."""
    length = len(turns)
    groups, size = length // (radix * done), done * lanes
    for group in range(groups):
        for part in range(radix):
            out = _offset((group * radix + part) * size)
            for first in range(group, groups * radix, 2 * groups):
                second = first + groups
                if first > group and first * done >= filled:
                    break
                u, v = turns[first * part * done % length], turns[second * part * done % length]
                if second >= groups * radix or second * done >= filled:
                    second, v = first, np.complex64(0)
                x, y = _offset(first * size), _offset(second * size)
                if first == group:
                    _turned(re, im, out_re, out_im, x, y, out, _offset(size), u, v)
                else:
                    _added(re, im, out_re, out_im, x, y, out, _offset(size), u, v)


@compiled
def _quarters(re, im, out_re, out_im, x, step, out, size, turn, turn_2, turn_3):  # type: ignore[no-untyped-def]
    """Write the four sums of x, and what lies one, two and three steps on, each turned."""
    x1, x2, x3 = x + step, x + step + step, x + step + step + step
    out_1, out_2, out_3 = out + size, out + size + size, out + size + size + size
    for number in range(size):
        at = _offset(number)
        even_r, even_i = re[x + at] + re[x2 + at], im[x + at] + im[x2 + at]
        other_r, other_i = re[x + at] - re[x2 + at], im[x + at] - im[x2 + at]
        odd_r, odd_i = re[x1 + at] + re[x3 + at], im[x1 + at] + im[x3 + at]
        cross_r, cross_i = im[x1 + at] - im[x3 + at], re[x3 + at] - re[x1 + at]  # their difference, times −i
        out_re[out + at], out_im[out + at] = even_r + odd_r, even_i + odd_i
        r, i = other_r + cross_r, other_i + cross_i
        out_re[out_1 + at], out_im[out_1 + at] = turn.real * r - turn.imag * i, turn.real * i + turn.imag * r
        r, i = even_r - odd_r, even_i - odd_i
        out_re[out_2 + at], out_im[out_2 + at] = turn_2.real * r - turn_2.imag * i, turn_2.real * i + turn_2.imag * r
        r, i = other_r - cross_r, other_i - cross_i
        out_re[out_3 + at], out_im[out_3 + at] = turn_3.real * r - turn_3.imag * i, turn_3.real * i + turn_3.imag * r


@compiled
def _pass_of_four(re, im, out_re, out_im, turns, done, lanes):  # type: ignore[no-untyped-def]
    """One pass of radix 4, as `_pass` with a quarter of the sums."""
    groups, size = len(turns) // (4 * done), done * lanes
    for group in range(groups):
        turn = group * done
        x, out = _offset(group * size), _offset(4 * group * size)
        step = _offset(groups * size)
        u, v, w = turns[turn], turns[2 * turn], turns[3 * turn]
        _quarters(re, im, out_re, out_im, x, step, out, _offset(size), u, v, w)


@compiled
def power_of(
    planes: np.ndarray,
    spare: np.ndarray,
    filled: int,
    radices: np.ndarray,
    turns: np.ndarray,
    half_turns: np.ndarray,
    power: np.ndarray,
) -> None:
    """Power of the bins of real frames that `place` has put into ``planes``.

    Parameters
    ----------
    planes, spare : numpy.ndarray, shape=(2, n_fft // 2 or more, lanes)
        Both are written to.
    filled : int
        Complex numbers in ``planes``, the others count as zeros.
    radices : numpy.ndarray
        Of ``n_fft // 2``.
    turns : numpy.ndarray, shape=(n_fft // 2,)
    half_turns : numpy.ndarray, shape=(n_fft // 2 + 1,)
        exp(−2πi·k/n_fft).
    power : numpy.ndarray, shape=(n_fft // 2 + 1, lanes)
        What is written.

    Notes
    -----
    The spectrum of the even samples is what is symmetric in that of the pairs, the spectrum of the odd ones is the
    rest (Press et al., Numerical Recipes, section 12.3).
    """
    length, lanes = len(turns), planes.shape[2]
    done = 1
    planes[:, filled : length // radices[0]] = 0  # the first pass reads that many rows, whatever is in them
    for radix in radices:
        flat = planes[0].reshape(-1), planes[1].reshape(-1), spare[0].reshape(-1), spare[1].reshape(-1)
        if radix == 4 and filled == length:
            _pass_of_four(*flat, turns, done, lanes)
        else:
            _pass(*flat, turns, radix, done, filled, lanes)
        filled = length
        done *= radix
        planes, spare = spare, planes
    real, imaginary = planes[0], planes[1]
    for bin in range(length // 2 + 1):
        mirrored = (length - bin) % length
        turn = half_turns[bin]
        low, high = power[bin], power[length - bin]
        for lane in range(lanes):
            even_r = real[bin, lane] + real[mirrored, lane]
            even_i = imaginary[bin, lane] - imaginary[mirrored, lane]
            odd_r = imaginary[bin, lane] + imaginary[mirrored, lane]
            odd_i = real[mirrored, lane] - real[bin, lane]
            turned_r = turn.real * odd_r - turn.imag * odd_i
            turned_i = turn.real * odd_i + turn.imag * odd_r
            sum_r, sum_i = even_r + turned_r, even_i + turned_i
            rest_r, rest_i = even_r - turned_r, even_i - turned_i
            low[lane] = QUARTER * (sum_r * sum_r + sum_i * sum_i)
            high[lane] = QUARTER * (rest_r * rest_r + rest_i * rest_i)


@compiled
def mel(power: np.ndarray, starts: np.ndarray, ends: np.ndarray, weights: np.ndarray, bands: np.ndarray) -> None:
    """Sums over the bins of bands, ``(n_mels, lanes)``: band b weighs the bins from ``starts[b]`` on.

    Its weights are those up to ``ends[b]`` that no band before it has.
    """
    lanes, weight = power.shape[1], 0
    for band in range(len(starts)):
        row = bands[band]
        row[:] = 0
        shift = starts[band] - weight
        while weight + 4 <= ends[band]:
            a, b, c, d = weights[weight], weights[weight + 1], weights[weight + 2], weights[weight + 3]
            bin = shift + weight
            for lane in range(lanes):
                row[lane] += (a * power[bin, lane] + b * power[bin + 1, lane]) + (
                    c * power[bin + 2, lane] + d * power[bin + 3, lane]
                )
            weight += 4
        while weight < ends[band]:
            for lane in range(lanes):
                row[lane] += weights[weight] * power[shift + weight, lane]
            weight += 1
