"""Fit a stacker, one network per fold, each without the clips that this fold of the members held out.

Loss, optimiser, schedule and stop are those of lRomul/argus-freesound: binary cross-entropy, Adam, the rate lowered
where lwlrap of the held-out clips does not rise, the weights of the best epoch. That epoch is chosen on the clips that
also measure the stacker, so its figures are slightly too high for new clips.

This module imports torch, so others import it inside functions.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from audiotag.blending.settings import FitSettings, StackerSettings
from audiotag.blending.tile_draws import draw_means
from audiotag.blending.training_tiles import TrainingTiles
from audiotag.errors import AudiotagError
from audiotag.metrics import lwlrap
from audiotag.tagging.blend_card import StackerCard, StackerFoldCard
from audiotag.tagging.stacker import Stacker, stacker_bytes

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class FittedStacker:
    """A stacker with its files.

    Attributes
    ----------
    card : StackerCard
    files : dict[str, bytes]
        Content of each file by its name.
    scores : numpy.ndarray, shape=(clips, labels), float32
        Of the training clips, each by the fold that was fitted without it.
    """

    card: StackerCard
    files: dict[str, bytes]
    scores: np.ndarray


def fit_stacker(
    tiles: TrainingTiles, settings: StackerSettings, fit: FitSettings, say: Say = lambda sentence: None
) -> FittedStacker:
    """Fit one network per fold.

    Parameters
    ----------
    tiles : TrainingTiles
        Of at least two folds.
    settings : StackerSettings
    fit : FitSettings
    say : callable, optional
        Gets a sentence after each fold.

    Raises
    ------
    AudiotagError
        If the loss of a fold is not a finite number.
    """
    scores = np.zeros(tiles.targets.shape, np.float32)
    files, folds = {}, []
    for fold in np.unique(tiles.folds).tolist():
        held_out = tiles.folds == fold
        network, epoch = _fit_fold(tiles, held_out, settings, fit)
        scores[held_out] = _score(network, tiles.clip_means()[held_out])
        name = f"stacker-{settings.name}-fold-{fold}.safetensors"
        files[name] = stacker_bytes(network.cpu())
        folds.append(StackerFoldCard(fold, name, hashlib.sha256(files[name]).hexdigest()))
        reached = lwlrap(tiles.targets[held_out], scores[held_out])
        say(f"stacker {settings.name}, fold {fold}: lwlrap {reached:.4f} after epoch {epoch}")
    card = StackerCard(settings.name, settings.reduction, settings.dropout, tuple(folds))
    return FittedStacker(card, files, scores)


def _fit_fold(
    tiles: TrainingTiles, held_out: np.ndarray, settings: StackerSettings, fit: FitSettings
) -> tuple[Stacker, int]:
    """The network with the weights of its best epoch, and the number of that epoch."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    fold = int(tiles.folds[held_out][0])
    rng = np.random.default_rng((fit.seed, fold))
    inputs, labels = tiles.tiles.shape[1], tiles.targets.shape[1]
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(rng.integers(2**31)))
        network = Stacker(inputs, labels, settings.reduction, settings.dropout).to(device)
        optimiser = torch.optim.Adam(network.parameters(), lr=settings.lr * fit.lr_scale)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimiser, mode="max", factor=settings.factor, patience=settings.patience
        )
        validation, truth = tiles.clip_means()[held_out], tiles.targets[held_out]
        best, best_epoch, best_weights = -1.0, 0, copy.deepcopy(network.state_dict())
        for epoch in range(1, fit.max_epochs + 1):
            _train_epoch(network, optimiser, tiles, np.flatnonzero(~held_out), fit, rng)
            reached = lwlrap(truth, _score(network, validation))
            schedule.step(reached)
            if reached > best:
                best, best_epoch, best_weights = reached, epoch, copy.deepcopy(network.state_dict())
            if epoch - best_epoch >= fit.stop_after:
                break
    network.load_state_dict(best_weights)
    return network, best_epoch


def _train_epoch(
    network: Stacker,
    optimiser: torch.optim.Optimizer,
    tiles: TrainingTiles,
    clips: np.ndarray,
    fit: FitSettings,
    rng: np.random.Generator,
) -> None:
    device = next(network.parameters()).device
    drawn = rng.choice(clips, fit.draws_of(len(clips)))
    means = draw_means(tiles.tiles, tiles.ends[drawn], tiles.counts[drawn], rng)
    inputs, targets = torch.from_numpy(means).to(device), torch.from_numpy(tiles.targets[drawn]).to(device)
    loss_of = nn.BCEWithLogitsLoss()
    network.train()
    for begin in range(0, len(inputs), fit.batch_size):
        batch = slice(begin, begin + fit.batch_size)
        loss = loss_of(network(inputs[batch]), targets[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    if not torch.isfinite(loss):
        raise AudiotagError("fitting a stacker diverged: its loss is not a finite number; lower its learning rate.")


def _score(network: Stacker, inputs: np.ndarray) -> np.ndarray:
    device = next(network.parameters()).device
    network.eval()
    with torch.inference_mode():
        return network(torch.from_numpy(inputs.astype(np.float32)).to(device)).sigmoid().cpu().numpy()
