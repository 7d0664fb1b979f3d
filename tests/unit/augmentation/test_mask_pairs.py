"""Mask pairs are the 2019 winner's, or the sixth place's stripes."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from audiotag.augmentation.mask_pairs import MaskPairs, MaskPairsParams

STRIPES = MaskPairs(
    min_pairs=1,
    max_pairs=4,
    min_mel_share=0.01953125,
    max_mel_share=0.08203125,
    min_time_share=0.01953125,
    max_time_share=0.08203125,
    fill="zero",
    place="anywhere",
    p=0.75,
    domain="network-input",
)


@pytest.mark.parametrize("fill", ["mean", "minimum", "zero"])
def test_both_masks_of_all_pairs_are_filled_and_nothing_else(fill: Any, log_mels: np.ndarray) -> None:
    masks = MaskPairs(fill=fill, p=1.0)
    params = masks.sample(np.random.default_rng(0), log_mels.shape)
    done = masks.apply(log_mels, params)
    for item, (before, after) in enumerate(zip(log_mels, done, strict=True)):
        masked = np.zeros((32, 48), bool)
        for pair in range(2):
            band, frame = params.mel_start[item, pair], params.time_start[item, pair]
            masked[band : band + params.mel_width[item, pair]] = True
            masked[:, frame : frame + params.time_width[item, pair]] = True
        value = {"mean": before.mean((1, 2)), "minimum": before.min((1, 2)), "zero": np.zeros(2)}[fill]
        np.testing.assert_allclose(after, np.where(masked, value[:, None, None], before), rtol=1e-5)


def test_winners_masks_are_one_or_two_pairs_of_shares_that_are_rounded_down() -> None:
    # At most int(0.15 · 128) = 19 bands and int(0.20 · 256) = 51 frames; the first line is int(U(0, size − width)).
    params = MaskPairs(p=1.0).sample(np.random.default_rng(0), (20_000, 1, 128, 256))
    for start, width, share, size in (
        (params.mel_start, params.mel_width, 0.15, 128),
        (params.time_start, params.time_width, 0.2, 256),
    ):
        first = width[:, 0]
        assert first.max() == int(share * size)
        probabilities = np.diff(np.minimum(np.arange(first.max() + 2), share * size)) / (share * size)
        assert stats.chisquare(np.bincount(first), 20_000 * probabilities).pvalue > 0.001
        assert start.min() == 0
        assert (start + width).max() == size - 1
        narrow = start[first == 1, 0]
        assert stats.kstest(narrow + 0.5, stats.uniform(0, size - 1).cdf).pvalue > 0.001
    second = (params.mel_width[:, 1] > 0) | (params.time_width[:, 1] > 0)
    assert second.mean() == pytest.approx(0.5, abs=0.02)
    assert np.corrcoef(params.mel_width[:, 0], params.time_width[:, 0])[0, 1] == pytest.approx(0, abs=0.03)


def test_one_probability_decides_about_all_masks_of_a_spectrogram() -> None:
    params = MaskPairs(min_mel_share=0.1, min_time_share=0.1).sample(np.random.default_rng(0), (2000, 1, 128, 256))
    is_masked = params.mel_width[:, 0] > 0
    assert is_masked.mean() == pytest.approx(0.5, abs=0.04)
    assert np.array_equal(is_masked, params.time_width[:, 0] > 0)
    assert np.array_equal(params.mel_width[:, 1] > 0, params.time_width[:, 1] > 0)


def test_sixth_places_stripes_are_5_to_20_wide_and_cut_off_at_the_edges() -> None:
    params = STRIPES.sample(np.random.default_rng(0), (20_000, 3, 256, 256))
    width = params.time_width[params.time_width > 0]
    assert np.unique(width).tolist() == list(range(5, 21))
    assert stats.chisquare(np.bincount(width)[5:]).pvalue > 0.001
    pairs = (params.mel_width > 0).sum(1)
    assert (np.bincount(pairs) / 20_000).tolist() == pytest.approx([0.25] + [0.1875] * 4, abs=0.02)
    middle = (params.mel_start + (params.mel_width + 1) // 2)[params.mel_width > 0]
    assert (middle.min(), middle.max()) == (0, 255)
    assert stats.chisquare(np.bincount(middle)).pvalue > 0.001


def test_mask_that_begins_before_the_first_line_or_ends_after_the_last_one_is_cut_off(log_mels: np.ndarray) -> None:
    nothing, starts = np.zeros((2, 1), int), np.array([[-3], [44]])
    params = MaskPairsParams(starts, np.full((2, 1), 8), nothing, nothing)
    zero = STRIPES.apply(log_mels[:2], params) == 0
    assert zero[0].all((0, 1)).nonzero()[0].tolist() == [0, 1, 2, 3, 4]
    assert zero[1].all((0, 1)).nonzero()[0].tolist() == [44, 45, 46, 47]
