"""A network with auxiliary outputs trains all of them and is measured by its main one; each kind has its loss."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from audiotag.metrics import lwlrap
from audiotag.networks.base import NetworkSettings
from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.clips import KINDS, LabelledClips
from audiotag.training.losses.base import LossesByKind
from audiotag.training.losses.soft_bootstrapping import SoftBootstrapping
from audiotag.training.progress import FoldSplit

from .tiny_folds import CPU, FIRST, LABELS, RECIPE, Calls, recording, trained, weights


class TwoHeads(nn.Module):
    """A main head and an auxiliary one on the mean of each band."""

    def __init__(self, n_labels: int) -> None:
        super().__init__()
        self.main, self.auxiliary = nn.LazyLinear(n_labels), nn.LazyLinear(n_labels)
        bands = RECIPE.spectrogram.n_mels
        self.main(torch.zeros(2, bands)), self.auxiliary(torch.zeros(2, bands))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        bands = inputs.mean(dim=(1, 3)) / 40
        return (self.main(bands), self.auxiliary(bands)) if self.training else self.main(bands)


@dataclass(frozen=True)
class TwoHeadsSettings(NetworkSettings):
    """Settings of `TwoHeads`."""

    auxiliary_weight: float = 0.4

    def build(self, n_labels: int, channels: int = 1) -> nn.Module:
        return TwoHeads(n_labels)

    @property
    def output_weights(self) -> tuple[float, ...]:
        return (1.0, self.auxiliary_weight)


TWO_HEADS = replace(RECIPE, network=TwoHeadsSettings(), stages=(FIRST,), augment=(), optimiser="torch-adam")


@pytest.mark.parametrize("weight", [0.0, 0.4])
def test_auxiliary_head_trains_where_it_has_a_weight_and_the_main_one_is_measured(
    weight: float, split: FoldSplit
) -> None:
    recipe = replace(TWO_HEADS, network=TwoHeadsSettings(weight), weight_decay=0.0)
    trainer, calls = FoldTrainer(recipe, LABELS, 1, CPU.type), Calls()
    before = trainer.network.auxiliary.weight.detach().clone()  # type: ignore[union-attr]
    assert trainer.train(0, FIRST, split, recording(calls))
    assert torch.equal(before, trainer.network.auxiliary.weight) == (weight == 0)  # type: ignore[union-attr]
    scores = trainer.scores(split.valid, FIRST)
    assert scores.shape == (len(split.valid.clips), len(LABELS))
    assert calls.epochs[-1].lwlrap == pytest.approx(lwlrap(split.valid.targets, scores), abs=1e-9)
    assert calls.epochs[-1].train_loss > calls.epochs[-1].valid_loss or weight == 0


def test_noisy_clips_are_trained_with_the_loss_of_their_kind(split: FoldSplit) -> None:
    """Soft bootstrapping of half a label halves the gradient of plain SGD; Adam must see a mixture."""
    half = np.arange(len(split.train.clips)) % 2
    noisy = LabelledClips(split.train.clips, split.train.targets, half * KINDS.index("noisy"))
    mixed = replace(split, train=noisy)
    by_kind = replace(RECIPE, losses=LossesByKind(noisy=SoftBootstrapping(beta=0.5)))
    plain, other, none_noisy = (
        weights(trained(*what, stages=1)[0]) for what in ((mixed, RECIPE), (mixed, by_kind), (split, by_kind))
    )
    assert torch.equal(plain, none_noisy)
    assert not torch.equal(plain, other)
