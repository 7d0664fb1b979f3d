"""MixUp is the weighted sum of two clips and of their targets, as in fastai."""

import types

import numpy as np
import pytest
import torch
from scipy import stats

from audiotag.augmentation.mixup import MixUp, MixUpParams


@pytest.mark.parametrize(("mixup", "shape"), [(MixUp(), (8, 2, 32, 48)), (MixUp(1.0, domain="waveform"), (8, 4001))])
def test_mixed_clips_and_their_targets_are_weighted_sums(
    mixup: MixUp, shape: tuple[int, ...], targets: np.ndarray
) -> None:
    batch, labels = np.random.default_rng(1).normal(0, 1, shape), targets.astype(np.float64)
    params = mixup.sample(np.random.default_rng(0), shape)
    mixed, mixed_labels = mixup.apply(batch, params), mixup.mix_targets(labels, params)
    for item, (partner, weight) in enumerate(zip(params.partner, params.weight, strict=True)):
        assert np.array_equal(mixed[item], weight * batch[item] + (1 - weight) * batch[partner])
        assert np.array_equal(mixed_labels[item], weight * labels[item] + (1 - weight) * labels[partner])


def test_mixup_equals_fastais(monkeypatch: pytest.MonkeyPatch, network_inputs: np.ndarray, targets: np.ndarray) -> None:
    from fastai.callback import mixup as fastai_mixup

    batch, labels = torch.from_numpy(network_inputs), torch.from_numpy(targets)
    share = torch.tensor([0.1, 0.9, 0.5, 0.3, 1.0, 0.0, 0.75, 0.6])
    partner = torch.tensor([3, 2, 1, 0, 7, 4, 6, 5])
    theirs = fastai_mixup.MixUp(0.4)
    monkeypatch.setattr(theirs, "distrib", types.SimpleNamespace(sample=lambda shape: share.clone()))
    monkeypatch.setattr(fastai_mixup.torch, "randperm", lambda items: partner)
    theirs.stack_y = False
    theirs.learn = types.SimpleNamespace(x=batch, y=labels, xb=(batch,), yb=(labels,))
    theirs.before_batch()
    weight = np.maximum(share.numpy(), 1 - share.numpy())
    params = MixUpParams(partner.numpy(), weight)
    torch.testing.assert_close(MixUp().apply(batch, params), theirs.learn.xb[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(MixUp().mix_targets(labels, params), theirs.learn.yb[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.4, 1.0, 5.0])
def test_weights_are_the_larger_part_of_a_beta_sample(alpha: float) -> None:
    weight = MixUp(alpha=alpha).sample(np.random.default_rng(0), (10_000, 1, 2, 2)).weight
    assert weight.min() >= 0.5
    assert weight.max() <= 1
    folded = stats.beta(alpha, alpha)
    assert stats.kstest(weight, lambda x: folded.cdf(x) - folded.cdf(1 - x)).pvalue > 0.001
