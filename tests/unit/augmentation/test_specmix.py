"""SpecMix replaces one stretch of frames and one of bands, and weights targets by area."""

import numpy as np
import pytest
from scipy import stats

from audiotag.augmentation.specmix import SpecMix, SpecMixParams
from audiotag.errors import AudiotagError

SPECMIX = SpecMix(time_width=20, mel_width=12)


def test_specmix_replaces_its_stretches_and_nothing_else(network_inputs: np.ndarray) -> None:
    batch, params = network_inputs, SPECMIX.sample(np.random.default_rng(0), network_inputs.shape)
    done = SPECMIX.apply(batch, params)
    bands, frames = np.arange(32)[:, None], np.arange(48)
    for item in range(len(network_inputs)):
        band, frame = params.mel_start[item], params.time_start[item]
        replaced = ((bands >= band) & (bands < band + params.mel_width[item])) | (
            (frames >= frame) & (frames < frame + params.time_width[item])
        )
        assert np.array_equal(done[item], np.where(replaced, batch[params.partner[item]], batch[item]))
        assert params.weight[item] == pytest.approx(1 - replaced.mean())


def test_specmix_targets_are_shares_of_area() -> None:
    one, quarter = np.array([1, 0]), np.array([8, 0])
    params = SpecMixParams(one, np.zeros(2, int), quarter, np.zeros(2, int), 2 * quarter, np.array([0.75 * 0.5, 1.0]))
    mixed = SpecMix().mix_targets(np.eye(2), params)
    np.testing.assert_allclose(mixed, [[0.375, 0.625], [0, 1]])


def test_published_rule_weights_targets_by_shares_that_are_not_rounded() -> None:
    # https://github.com/ebouteillon/freesound-audio-tagging-2019: h, w ~ U(0, 0.25); int(128 · h) bands are replaced.
    published = SpecMix(time_width=32, mel_width=32, whole_lines=False)
    params = published.sample(np.random.default_rng(0), (20_000, 1, 128, 128))
    for start, width in ((params.time_start, params.time_width), (params.mel_start, params.mel_width)):
        assert np.unique(width).tolist() == list(range(32))
        assert stats.chisquare(np.bincount(width)).pvalue > 0.001
        assert (start.min(), (start + width).max()) == (0, 127)
    most = (1 - params.time_width / 128) * (1 - params.mel_width / 128)
    least = (1 - (params.time_width + 1) / 128) * (1 - (params.mel_width + 1) / 128)
    assert ((least < params.weight) & (params.weight <= most)).all()
    rest = stats.uniform(0.75, 0.25).rvs((2, 100_000), random_state=0).prod(0)
    assert stats.ks_2samp(params.weight, rest).pvalue > 0.001


def test_all_widths_are_equally_likely_and_inside_the_network_input() -> None:
    params = SpecMix(time_width=20, mel_width=12).sample(np.random.default_rng(0), (20_000, 1, 32, 48))
    assert stats.chisquare(np.bincount(params.time_width)).pvalue > 0.001
    assert stats.chisquare(np.bincount(params.mel_width)).pvalue > 0.001
    assert (params.time_width.max(), params.mel_width.max()) == (20, 12)
    assert (params.time_start + params.time_width).max() == 48
    assert (params.mel_start + params.mel_width).max() == 32
    assert min(params.time_start.min(), params.mel_start.min()) == 0
    with pytest.raises(AudiotagError, match=r"the width in frames must be at most the spectrogram's 16, got 20"):
        SpecMix(time_width=20).sample(np.random.default_rng(0), (2, 1, 32, 16))
