"""Losses give the figures of the published systems' own code."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from audiotag.training.batch_loss import BatchLoss
from audiotag.training.losses.base import LossesByKind, LossSettings, find_loss
from audiotag.training.losses.label_smoothing import LabelSmoothing
from audiotag.training.losses.lq import Lq
from audiotag.training.losses.soft_bootstrapping import SoftBootstrapping
from audiotag.training.losses.unsolved_focal import UnsolvedFocal

PUBLISHED = json.loads(
    (Path(__file__).parents[3] / "fixtures" / "systems" / "reference_numbers.json").read_text(encoding="utf-8")
)["losses"]
MNPINTO = PUBLISHED["mnpinto"]
LOGITS, TARGETS = torch.tensor(PUBLISHED["logits"]), torch.tensor(PUBLISHED["targets"])
CURATED, NOISY = 0, 2
OWN_WEIGHTS = torch.tensor([[0.1], [0.4]])  # of the fixture's mixed targets
MIXED = OWN_WEIGHTS * TARGETS + (1 - OWN_WEIGHTS) * TARGETS.flip(0)


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("bce", "bce"),
        (SoftBootstrapping(), "soft_bootstrap_0.7"),
        (SoftBootstrapping(beta=0.5), "soft_bootstrap_0.5"),
        (Lq(), "lq_0.5"),
        ("lsep", "lsep"),
        ("focal", "third_focal_2"),
    ],
)
def test_loss_is_the_published_one(loss: str | LossSettings, name: str) -> None:
    assert float(find_loss(loss)(LOGITS, TARGETS)) == pytest.approx(PUBLISHED[name], rel=1e-6)


def test_each_clips_lsep_is_the_published_one() -> None:
    each = [float(find_loss("lsep")(LOGITS[[row]], TARGETS[[row]])) for row in range(2)]
    assert each == pytest.approx(PUBLISHED["lsep_each"], rel=1e-6)


def test_soft_bootstrapping_has_the_published_gradient_which_is_a_share_of_that_of_cross_entropy() -> None:
    gradients = {}
    for loss in ("soft-bootstrapping", "bce"):
        logits = LOGITS.clone().requires_grad_()
        find_loss(loss)(logits, TARGETS).backward()
        assert logits.grad is not None
        gradients[loss] = logits.grad
    own = gradients["soft-bootstrapping"]
    torch.testing.assert_close(own, torch.tensor(PUBLISHED["soft_bootstrap_0.7_gradient"]), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(own, 0.7 * gradients["bce"])


def test_noisy_and_curated_clips_of_a_batch_each_have_their_loss() -> None:
    """argus halves both parts, which changes nothing under Adam; ours are not halved."""
    of_batch = BatchLoss("bce", LossesByKind(noisy="soft-bootstrapping"))
    mixed = of_batch(LOGITS, TARGETS, np.array([NOISY, CURATED], np.int8))
    (name,) = (name for name in PUBLISHED if name.startswith("noisy_curated"))
    assert float(mixed) / 2 == pytest.approx(PUBLISHED[name], rel=1e-6)
    assert float(of_batch(LOGITS, TARGETS)) / 2 == pytest.approx(PUBLISHED["all curated"], rel=1e-6)


def test_smoothed_labels_are_tensorflows() -> None:
    """By hand: −t' ln σ(z) − (1 − t') ln σ(−z) with t' = 0.7 t + 0.15."""
    logits, smooth = LOGITS.double(), 0.7 * TARGETS.double() + 0.15
    wanted = -(smooth * logits.sigmoid().log() + (1 - smooth) * (-logits).sigmoid().log()).mean()
    assert float(LabelSmoothing(smoothing=0.3)(LOGITS, TARGETS)) == pytest.approx(float(wanted), rel=1e-6)


@pytest.mark.parametrize(("targets", "name"), [(TARGETS, "focal, plain batch"), (MIXED, "focal, mixed")])
def test_sixth_places_focal_loss_is_ours_summed_over_labels_mixed_targets_too(targets: Any, name: str) -> None:
    assert float(UnsolvedFocal()(LOGITS, targets)) == pytest.approx(MNPINTO[name], rel=1e-5)
    assert TARGETS.shape[1] * float(find_loss("focal")(LOGITS, targets)) == pytest.approx(MNPINTO[name], rel=1e-5)


def test_sixth_places_focal_loss_leaves_out_clips_that_are_tagged_rightly() -> None:
    row = MNPINTO["a row that F2 leaves out"]
    logits = torch.tensor(row["logits"])
    assert row["f2 of plain targets"][0] == 1
    assert float(UnsolvedFocal()(logits, TARGETS)) == pytest.approx(row["focal mixed with itself"], rel=1e-5)
    assert float(UnsolvedFocal()(logits[:1], TARGETS[:1])) == 0
