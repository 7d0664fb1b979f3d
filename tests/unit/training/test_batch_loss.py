"""The loss of a batch is made of those of its clips' kinds and of its network's outputs."""

import numpy as np
import pytest
import torch

from audiotag.training.batch_loss import BatchLoss
from audiotag.training.clips import KINDS
from audiotag.training.losses.base import LossesByKind, find_loss
from audiotag.training.losses.lq import Lq

GENERATOR = torch.Generator().manual_seed(3)
LOGITS, AUXILIARY = torch.randn(2, 6, 4, generator=GENERATOR)
TARGETS = (torch.rand(6, 4, generator=GENERATOR) < 0.4).float()
KINDS_OF_CLIPS = np.array([KINDS.index(kind) for kind in ("noisy", "curated", "trusted", "noisy", "curated", "noisy")])


def test_losses_of_kinds_are_weighted_by_their_share_of_the_batch() -> None:
    found = BatchLoss("bce", LossesByKind(noisy=Lq(q=0.7), trusted="lsep"))(LOGITS, TARGETS, KINDS_OF_CLIPS)
    wanted = 0.0
    for loss, rows in (("bce", [1, 4]), ("lsep", [2]), (Lq(q=0.7), [0, 3, 5])):
        wanted += len(rows) / 6 * float(find_loss(loss)(LOGITS[rows], TARGETS[rows]))  # type: ignore[arg-type]
    assert float(found) == pytest.approx(wanted, rel=1e-6)


def test_kinds_without_a_loss_of_their_own_are_one_batch() -> None:
    """lsep over two halves and over the whole differ by rounding alone; the same kind must not even differ by that."""
    plain = find_loss("lsep")(LOGITS, TARGETS)
    assert torch.equal(BatchLoss("lsep")(LOGITS, TARGETS, KINDS_OF_CLIPS), plain)
    assert torch.equal(BatchLoss("lsep", LossesByKind(trusted="bce"))(LOGITS, TARGETS), plain)


def test_outputs_are_weighted_and_the_main_one_alone_is_measured() -> None:
    of_batch = BatchLoss("bce", output_weights=(1.0, 0.4))
    main, auxiliary = (find_loss("bce")(logits, TARGETS) for logits in (LOGITS, AUXILIARY))
    torch.testing.assert_close(of_batch((LOGITS, AUXILIARY), TARGETS), main + 0.4 * auxiliary)
    torch.testing.assert_close(of_batch(LOGITS, TARGETS), main)


def test_network_whose_outputs_have_no_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="argument"):
        BatchLoss("bce")((LOGITS, AUXILIARY), TARGETS)
