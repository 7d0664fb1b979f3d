"""The focal loss is the published one, for soft targets too."""

import numpy as np
import pytest
import torch
from scipy.special import expit

from audiotag.training.losses.focal import focal


def test_focal_loss_is_the_published_equation() -> None:
    """Lin et al. 2017: −(1 − p_t)² log p_t, p_t the score of the truth."""
    rng = np.random.default_rng(0)
    logits, truth = rng.normal(0, 3, (20, 5)), (rng.random((20, 5)) < 0.3).astype(float)
    score = expit(logits)
    true = np.where(truth == 1, score, 1 - score)
    expected = -((1 - true) ** 2 * np.log(true)).mean()
    assert float(focal(torch.tensor(logits), torch.tensor(truth))) == pytest.approx(expected, rel=1e-6)


def test_focal_loss_of_a_soft_target_is_the_weighted_sum_of_both_truths() -> None:
    rng = torch.Generator().manual_seed(0)
    logits, truth = torch.randn(20, 5, generator=rng), torch.rand(20, 5, generator=rng)
    ones, zeros = (
        torch.stack([focal(logit, torch.full_like(logit, target)) for logit in logits.flatten()]) for target in (1, 0)
    )
    expected = (truth.flatten() * ones + (1 - truth.flatten()) * zeros).mean()
    torch.testing.assert_close(focal(logits, truth), expected)


def test_focal_loss_equals_torchvisions_without_its_class_weight() -> None:
    from torchvision.ops import sigmoid_focal_loss

    rng = torch.Generator().manual_seed(1)
    logits, truth = 3 * torch.randn(20, 5, generator=rng), (torch.rand(20, 5, generator=rng) < 0.3).float()
    theirs = sigmoid_focal_loss(logits, truth, alpha=-1, gamma=2, reduction="mean")
    torch.testing.assert_close(focal(logits, truth), theirs)
