"""Find clips that are the same recording: choose pairs that may be, and compare their band energies at every offset.

A pair may be the same recording if one clip is among the nearest of the other by their embeddings, or if their band
energies have patterns of a fifth of a second in common (`patterns`). The latter also finds a clip that is a
part of a much longer one, whose embedding is of other sounds as well. Conventions: band energies are as
`audiotag.similarity.band_energies` gives them; a pair is two numbers of clips, the smaller one first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import uniform_filter1d

from audiotag.similarity.band_energies import HOP_S

MIN_SIMILARITY = 0.66  # fitted by benchmarks/near_duplicates.py on clips that its figures are not of
MIN_OVERLAP_S = 1.0  # or all of a shorter clip
MIN_SHARE = 0.5  # of the fluctuations of one of the two clips: what overlaps must be more than its silence
MIN_BANDS = 4  # in which both clips have sound
MIN_DEVIATION = 0.2  # mean size of the fluctuations of a band that has sound, in steps of the band energies
NEIGHBOURS = 10  # of each clip, by embeddings
COMMON_PATTERNS_CLIPS = 10  # of each clip, with the most patterns in common
MIN_COMMON_PATTERNS = 2
MAX_CLIPS_OF_PATTERN = 50  # one that more clips have says nothing
PATTERN_BANDS = 25  # of the 24 differences between neighbours that make a pattern of 24 bits
PATTERN_FRAMES = 5  # over which energies are averaged, and between the two averages that are compared
MIN_CHANGE = 1e-3  # of a difference that is not 0 but for rounding
ROWS_AT_ONCE = 1024


class Match(NamedTuple):
    """How similar two clips are at the offset at which they are most similar.

    Attributes
    ----------
    offset_s : float
        How much later the second clip begins in the recording than the first; negative if it begins earlier.
    similarity : float
        From 0 to 1 (the same).
    """

    offset_s: float
    similarity: float


NO_MATCH = Match(0.0, 0.0)


def compare(first: np.ndarray, second: np.ndarray) -> Match:
    """Compare two clips at every offset.

    Parameters
    ----------
    first, second : numpy.ndarray, shape=(bands, frames), int8
        Band energies; without frames for a sound that could not be read.

    Returns
    -------
    Match
        With similarity 0 if there is no offset at which enough of the clips overlaps.

    Notes
    -----
    Only bands in which both clips have sound are compared, because one of them may have been resampled to a lower rate.
    In each frame the mean over these bands is subtracted: a click raises all bands at once, and clicks of different
    recordings would be similar. With x and y the values that overlap at an offset, the similarity is
    2 Σxy / (Σx² + Σy²), which is Pearson's correlation if both vary by as much and less if they do not. All offsets are
    computed at once by FFT.
    """
    bands = _has_sound(first) & _has_sound(second) if first.size and second.size else np.zeros(0, dtype=bool)
    if bands.sum() < MIN_BANDS:
        return NO_MATCH
    x, y = (_centred(values[bands]) for values in (first, second))
    frames = (x.shape[1], y.shape[1])
    lags = np.arange(1 - frames[1], frames[0])  # the second clip begins at this frame of the first
    starts, ends = np.maximum(lags, 0), np.minimum(frames[0], frames[1] + lags)
    energies = [np.concatenate([[0.0], np.cumsum(np.square(values).sum(axis=0, dtype=float))]) for values in (x, y)]
    of_x = energies[0][ends] - energies[0][starts]
    of_y = energies[1][ends - lags] - energies[1][starts - lags]
    size = next_fast_len(sum(frames) - 1, real=True)
    products = irfft((rfft(x, size) * rfft(y, size).conj()).sum(axis=0), size)[lags % size]
    share = np.maximum(of_x / max(energies[0][-1], 1.0), of_y / max(energies[1][-1], 1.0))
    is_enough = (ends - starts >= min(*frames, round(MIN_OVERLAP_S / HOP_S))) & (share >= MIN_SHARE)
    similarity = np.where(is_enough, 2 * products / np.maximum(of_x + of_y, 1.0), 0.0)
    best = int(similarity.argmax())
    return Match(float((lags[best] + _peak_position(similarity, best)) * HOP_S), float(np.clip(similarity[best], 0, 1)))


def nearest_pairs(vectors: np.ndarray, count: int = NEIGHBOURS) -> set[tuple[int, int]]:
    """Each clip with those whose vectors are most similar to its own.

    Parameters
    ----------
    vectors : numpy.ndarray, shape=(clips, dimensions)
        Of length 1, or 0 for a clip without a vector, which is in no pair.
    count : int
        Of neighbours.
    """
    audible = np.flatnonzero(vectors.any(axis=1))
    known = vectors[audible].astype(np.float32)
    count = min(count, len(audible) - 1)
    if count < 1:
        return set()
    pairs: set[tuple[int, int]] = set()
    for start in range(0, len(known), ROWS_AT_ONCE):
        rows = np.arange(start, min(start + ROWS_AT_ONCE, len(known)))
        similarity = known[rows] @ known.T
        similarity[np.arange(len(rows)), rows] = -np.inf
        nearest = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
        pairs |= _as_pairs(audible[np.repeat(rows, count)], audible[nearest.ravel()])
    return pairs


def pairs_with_common_patterns(
    patterns_of_clips: Sequence[np.ndarray], count: int = COMMON_PATTERNS_CLIPS
) -> set[tuple[int, int]]:
    """Each clip with those that have the most patterns in common with it.

    Parameters
    ----------
    patterns_of_clips : sequence of numpy.ndarray
        From `patterns`, one array per clip.
    count : int
        Of other clips for each clip.
    """
    from scipy.sparse import coo_array

    lengths = [len(found) for found in patterns_of_clips]
    if not sum(lengths):
        return set()
    codes, numbers = np.unique(np.concatenate(patterns_of_clips), return_inverse=True)
    clips = np.repeat(np.arange(len(lengths)), lengths)
    clips_of_pattern = np.bincount(numbers, minlength=len(codes))
    is_telling = (clips_of_pattern[numbers] > 1) & (clips_of_pattern[numbers] <= MAX_CLIPS_OF_PATTERN)
    entries = (np.ones(int(is_telling.sum()), np.int32), (clips[is_telling], numbers[is_telling]))
    table = coo_array(entries, shape=(len(lengths), len(codes))).tocsr()
    transposed = table.T.tocsc()
    pairs: set[tuple[int, int]] = set()
    for start in range(0, len(lengths), ROWS_AT_ONCE):
        common = (table[start : start + ROWS_AT_ONCE] @ transposed).tocsr()
        for row in range(common.shape[0]):
            place = slice(common.indptr[row], common.indptr[row + 1])
            others, counts = common.indices[place], common.data[place]
            is_close = (counts >= MIN_COMMON_PATTERNS) & (others != start + row)
            others, counts = others[is_close], counts[is_close]
            best = others[np.argsort(-counts, kind="stable")[:count]]
            pairs |= _as_pairs(np.full(len(best), start + row), best)
    return pairs


def patterns(energies: np.ndarray) -> np.ndarray:
    """The patterns of a clip: numbers that say between which bands the energy rises or falls.

    A pattern has a bit per pair of neighbouring bands: whether their difference grows within a tenth of a second. There
    are two sets, of low and of high bands, so that a copy of a lower sample rate has those of the low ones in common.

    Parameters
    ----------
    energies : numpy.ndarray, shape=(bands, frames), int8

    Returns
    -------
    numpy.ndarray, shape=(patterns,), uint32
        Each once.

    Notes
    -----
    After J. Haitsma and T. Kalker, "A Highly Robust Audio Fingerprinting System", ISMIR 2002.
    """
    if not energies.size:
        return np.zeros(0, np.uint32)
    slopes = np.diff(uniform_filter1d(energies.astype(np.float32), PATTERN_FRAMES, axis=1), axis=0)
    changes = slopes[:, PATTERN_FRAMES:] - slopes[:, :-PATTERN_FRAMES]
    found = []
    bits = PATTERN_BANDS - 1
    for number, first in enumerate((0, len(changes) - bits)):
        part = changes[first : first + bits]
        has_sound = np.count_nonzero(np.abs(part) > MIN_CHANGE, axis=0) >= bits // 2
        weights = np.left_shift(np.uint32(1), np.arange(bits, dtype=np.uint32))
        codes = ((part[:, has_sound] > 0) * weights[:, None]).sum(axis=0, dtype=np.uint32)
        found.append(codes + np.uint32(number << bits))
    return np.unique(np.concatenate(found))


def _has_sound(energies: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(energies.astype(np.float32)).mean(axis=1) > MIN_DEVIATION)


def _centred(values: np.ndarray) -> np.ndarray:
    floats = values.astype(np.float32)
    return np.asarray(floats - floats.mean(axis=0))


def _peak_position(similarity: np.ndarray, best: int) -> float:
    """Where between frames the peak is, by a parabola through the best value and those beside it: -0.5 to 0.5."""
    if not 0 < best < len(similarity) - 1:
        return 0.0
    before, peak, after = similarity[best - 1 : best + 2]
    curvature = before - 2 * peak + after
    return float(np.clip((before - after) / (2 * curvature), -0.5, 0.5)) if curvature < 0 else 0.0


def _as_pairs(rows: np.ndarray, others: np.ndarray) -> set[tuple[int, int]]:
    ordered = np.sort(np.stack([rows, others], axis=1), axis=1)
    return set(map(tuple, ordered.tolist()))
