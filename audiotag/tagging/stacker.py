"""The stacker: a small network from the scores of all members of a blend to scores, and how it is read from its files.

The layers are those of lRomul/argus-freesound (https://github.com/lRomul/argus-freesound, MIT): the inputs are
multiplied by a gate, x · σ(W₂ ReLU(W₁ x)), as in squeeze-and-excitation; then linear layers to 1024, 512 and the
labels, with PReLU and dropout between them. Its sizes are for 7 members × 80 labels; for fewer inputs the widths stay
as they are, which costs little, but the gate's hidden layer has at least `MIN_GATE_UNITS` units: that is our choice.

This module imports torch, so others import it inside functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from audiotag.checks import readable
from audiotag.errors import AudiotagError
from audiotag.reasons import plain_reason
from audiotag.tagging.blend_card import StackerCard
from audiotag.tagging.weights import MAX_HEADER_BYTES, read_checked

WIDTHS = (1024, 512)
MIN_GATE_UNITS = 4


class Stacker(nn.Module):
    """Scores of all members → logits.

    Parameters
    ----------
    inputs : int
        Number of members times number of labels.
    labels : int
    reduction : int
        The gate's hidden layer has ``inputs // reduction`` units, and at least `MIN_GATE_UNITS`.
    dropout : float
        0 to 1.
    """

    def __init__(self, inputs: int, labels: int, reduction: int, dropout: float) -> None:
        super().__init__()
        hidden = max(inputs // reduction, MIN_GATE_UNITS)
        self.gate = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, inputs), nn.Sigmoid())
        layers: list[nn.Module] = []
        for before, after in zip((inputs, WIDTHS[0]), WIDTHS, strict=True):
            layers += [nn.Linear(before, after), nn.PReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(WIDTHS[-1], labels))

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        """Scores (clips, inputs), 0 to 1 → logits (clips, labels)."""
        return self.layers(scores * self.gate(scores))


class LoadedStacker:
    """The folds of a stacker in memory.

    Parameters
    ----------
    folder : Path
        Of the blend.
    card : StackerCard
    inputs : int
        Number of members times number of labels.
    labels : int

    Raises
    ------
    AudiotagError
        If a file is missing, has another checksum than its card, or does not fit.
    """

    def __init__(self, folder: Path, card: StackerCard, inputs: int, labels: int) -> None:
        self.folds = tuple(fold.fold for fold in card.folds)
        self._networks = []
        for fold in card.folds:
            network = Stacker(inputs, labels, card.reduction, card.dropout)
            most_bytes = MAX_HEADER_BYTES + 4 * sum(tensor.numel() for tensor in network.state_dict().values())
            content = read_checked(folder, fold.file, fold.sha256, most_bytes)
            network.load_state_dict(_checked(content, network.state_dict(), f"{folder.name}/{fold.file}"))
            self._networks.append(network.eval())

    def scores(self, inputs: np.ndarray) -> np.ndarray:
        """Scores of each fold, 0 to 1, shape ``(folds, rows, labels)``, for inputs of shape ``(rows, inputs)``."""
        with torch.inference_mode():
            rows = torch.from_numpy(np.ascontiguousarray(inputs, dtype=np.float32))
            return np.stack([network(rows).sigmoid().numpy() for network in self._networks])


def stacker_bytes(network: Stacker) -> bytes:
    """The content of the safetensors file of one fold."""
    from safetensors.torch import save

    return save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})


def _checked(content: bytes, expected: Mapping[str, torch.Tensor], file: str) -> dict[str, torch.Tensor]:
    """The weights in a file; raises `AudiotagError` if they are not finite, or have other shapes than expected."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        weights = load(content)
    except SafetensorError as error:
        raise AudiotagError(
            f"{file} is not a safetensors file: {plain_reason(error)}; copy the blend again."
        ) from error
    found, wanted = ({name: tuple(each.shape) for name, each in of.items()} for of in (weights, expected))
    if found != wanted:
        raise AudiotagError(
            f"{file} does not fit its card: a stacker has {readable(wanted)}, the file {readable(found)}; copy the "
            "blend again."
        )
    if not all(tensor.is_floating_point() and tensor.isfinite().all() for tensor in weights.values()):
        raise AudiotagError(f"{file} holds weights that are not finite numbers; fit the stacker again.")
    return weights
