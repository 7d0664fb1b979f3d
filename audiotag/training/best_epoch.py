"""The weights of a fold's best epoch: stored while it trains, and used at its end to score its held-out clips.

The weights know the number of their epoch, so their scores cannot be taken for those of another.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import save as save_arrays
from safetensors.torch import load, save

from audiotag.metrics import accuracy, lwlrap, lwlrap_per_class
from audiotag.state import read_state
from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.clips import LabelledClips
from audiotag.training.stage import Stage
from audiotag.training.weights_choice import SCORES, WEIGHTS
from audiotag.workspace import write_bytes

HEADER_LENGTH_BYTES = 8  # of a safetensors file: the length of its JSON header, little-endian


def save_weights(trainer: FoldTrainer, path: Path, epoch: int | None = None) -> None:
    """Write the weights as they are used for tagging; with the number of their epoch, in the last stage from 1."""
    weights = trainer.recipe.network.for_inference(trainer.network).state_dict()
    tensors = {
        name: weight.detach().to("cpu", memory_format=torch.contiguous_format) for name, weight in weights.items()
    }
    write_bytes(path, save(tensors, None if epoch is None else {"epoch": str(epoch)}))


def score_best_epoch(
    trainer: FoldTrainer, folder: Path, stage: Stage, held_out: LabelledClips
) -> dict[str, Any] | None:
    """Score the held-out clips with the weights of the best epoch, and write the scores.

    Parameters
    ----------
    trainer : FoldTrainer
        At the end of the fold; its own network is not changed.
    folder : Path
        The fold's folder.
    stage : Stage
        The last one.
    held_out : LabelledClips

    Returns
    -------
    dict or None
        ``epoch`` of the last stage, ``lwlrap``, ``accuracy`` and ``per_class``; None where the weights are damaged, or
        were stored by audiotag 0.1, which did not note their epoch.
    """
    otherwise = "only the weights of the fold's last epoch can be published"
    stored = read_state(folder / WEIGHTS["best"], _parse, None, otherwise)
    if stored is None or stored[0] is None:
        return None
    epoch, weights = stored
    with torch.random.fork_rng():
        network = trainer.new_network()
    network = trainer.recipe.network.for_inference(network)
    network.load_state_dict(weights)
    scores = trainer.scores(held_out, stage, network)
    write_bytes(folder / SCORES["best"], save_arrays({"scores": scores, "targets": held_out.targets}))
    return {
        "epoch": epoch,
        "lwlrap": lwlrap(held_out.targets, scores),
        "accuracy": accuracy(held_out.targets, scores),
        "per_class": rounded(lwlrap_per_class(held_out.targets, scores)[0]),
    }


def rounded(per_class: Any) -> list[float | None]:
    """lwlrap of each label as an event holds it; None for a label that no clip has."""
    return [round(float(value), 4) if value == value else None for value in per_class]


def _parse(content: bytes) -> tuple[int | None, dict[str, torch.Tensor]]:
    """The number of the epoch, where it is noted, and the weights."""
    weights = load(content)
    file = io.BytesIO(content)
    header = json.loads(file.read(int.from_bytes(file.read(HEADER_LENGTH_BYTES), "little")))
    epoch = header.get("__metadata__", {}).get("epoch")
    return None if epoch is None else int(epoch), weights
