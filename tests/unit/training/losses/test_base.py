"""Every loss is found by its name, is finite for any logits, and none imports torch before it is called."""

import subprocess
import sys

import pytest
import torch

from audiotag.errors import AudiotagError
from audiotag.training.losses.base import LOSSES, find_loss
from audiotag.training.losses.bce import binary_cross_entropy
from audiotag.training.losses.focal import focal
from audiotag.training.losses.lq import Lq


def test_shipped_losses_are_found_by_their_names() -> None:
    assert LOSSES.names() == ("bce", "focal", "label-smoothing", "lq", "lsep", "soft-bootstrapping", "unsolved-focal")
    assert (LOSSES.get("bce"), LOSSES.get("focal")) == (binary_cross_entropy, focal)


def test_name_alone_stands_for_a_losss_own_parameters() -> None:
    assert find_loss("lq") == find_loss(Lq()) == Lq(q=0.5)
    assert find_loss(Lq(q=0.7)) == Lq(q=0.7)
    assert find_loss("focal") is focal


def test_unknown_loss_is_refused_with_the_known_ones() -> None:
    with pytest.raises(AudiotagError, match="'hinge' is not a known loss; choose one of bce, focal"):
        LOSSES.get("hinge")


@pytest.mark.parametrize("name", LOSSES.names())
@pytest.mark.parametrize("logit", [-200.0, 200.0])
@pytest.mark.parametrize("truth", [0.0, 0.4, 1.0])
def test_losses_and_their_gradients_are_finite_for_extreme_logits(name: str, logit: float, truth: float) -> None:
    logits = torch.full((2, 3), logit, requires_grad=True)
    loss = find_loss(name)(logits, torch.full((2, 3), truth))
    loss.backward()
    assert loss.ndim == 0
    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_finding_a_loss_imports_no_torch() -> None:
    code = """
import sys
from audiotag.training.losses.base import LOSSES
assert LOSSES.items()
assert "torch" not in sys.modules
"""
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert completed.returncode == 0, completed.stderr
