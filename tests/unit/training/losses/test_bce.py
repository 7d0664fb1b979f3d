"""Binary cross-entropy is the mean over clips and labels."""

import numpy as np
import pytest
import torch
from scipy.special import expit

from audiotag.training.losses.bce import binary_cross_entropy


def test_cross_entropy_is_the_mean_over_clips_and_labels() -> None:
    rng = np.random.default_rng(0)
    logits, truth = rng.normal(0, 3, (20, 5)), rng.random((20, 5))
    expected = -(truth * np.log(expit(logits)) + (1 - truth) * np.log(expit(-logits))).mean()
    loss = binary_cross_entropy(torch.tensor(logits), torch.tensor(truth))
    assert float(loss) == pytest.approx(expected, rel=1e-6)
