"""Load the networks of an ensemble, and other arrays, from its safetensors files. Nothing is ever unpickled.

A card and its weights may come from a stranger: how large the network would be is computed before any of it is read,
and the weights must have the shapes of that network and be finite.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.checks import error_path, readable
from audiotag.errors import AudiotagError
from audiotag.reasons import plain_reason
from audiotag.tagging.card import CARD, Card, select_folds

if TYPE_CHECKING:
    import torch
    from torch import nn

MAX_FILE_BYTES = 2**32
MAX_HEADER_BYTES = 2**20  # of a weights file: names, types and places of its arrays


def load_networks(folder: Path, card: Card, folds: tuple[int, ...] = ()) -> list[nn.Module]:
    """Load the networks of an ensemble.

    Parameters
    ----------
    folder : Path
        The ensemble's folder.
    card : Card
    folds : tuple[int, ...]
        Numbers of the folds; empty for all.

    Returns
    -------
    list[torch.nn.Module]
        In evaluation mode, on the CPU, with single-precision weights.

    Raises
    ------
    AudiotagError
        If the card's network is too large, or a weights file is missing, does not have the checksum of the card, does
        not fit the network, or holds weights that are not finite.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    from audiotag.networks.size import shapes_within_bounds

    settings, network_settings = card.spectrogram, card.network
    with error_path(f"{folder.name}/{CARD}: "):
        shapes = shapes_within_bounds(
            network_settings, len(card.labels), (settings.channels, settings.height, settings.width)
        )
    most_bytes = MAX_FILE_BYTES
    if shapes is not None:
        most_bytes = 8 * sum(math.prod(shape) for shape in shapes.values()) + MAX_HEADER_BYTES
    networks = []
    for fold in select_folds(card, folds):
        content = read_checked(folder, fold.file, fold.sha256, most_bytes)
        try:
            weights = {
                name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in load(content).items()
            }
        except SafetensorError as error:
            raise AudiotagError(
                f"{folder.name}/{fold.file} is not a safetensors file: {plain_reason(error)}; copy the ensemble again."
            ) from error
        _check_weights(weights, shapes, f"{folder.name}/{fold.file}")
        network = network_settings.for_inference(network_settings.build(len(card.labels), settings.channels))
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise AudiotagError(
                f"{folder.name}/{fold.file} does not fit the network of its card; copy the ensemble again."
            ) from error
        networks.append(network.eval())
    return networks


def _check_weights(
    weights: Mapping[str, torch.Tensor], shapes: Mapping[str, tuple[int, ...]] | None, file: str
) -> None:
    """Raise unless weights are finite and have these shapes."""
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if shapes is not None and found != shapes:
        name = next(name for name in (*shapes, *found) if found.get(name) != shapes.get(name))
        raise AudiotagError(
            f"{file} does not fit the network of its card: {readable(name)} has the shape {found.get(name, 'none')}, "
            f"the network's is {shapes.get(name, 'none')}; copy the ensemble again."
        )
    damaged = [name for name, tensor in weights.items() if tensor.is_complex() or not tensor.isfinite().all()]
    if damaged:
        raise AudiotagError(
            f"{file} holds weights that are not finite numbers ({readable(damaged[0])}): its weights are damaged; copy "
            "the ensemble again, or train it again."
        )


def read_arrays(folder: Path, file: str, sha256: str, what: str, names: tuple[str, ...]) -> list[np.ndarray]:
    """Read the arrays of these names from a file of an ensemble; ``what`` says what they are in the message.

    Raises
    ------
    AudiotagError
        If the file is missing, has another checksum, or lacks one of the arrays.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content = read_checked(folder, file, sha256)
    try:
        arrays = load(content)
        return [arrays[name] for name in names]
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise AudiotagError(
            f"{folder.name}/{file} is not a file of {what}: it must have {', '.join(names[:-1])} and {names[-1]}; copy "
            "the ensemble again."
        ) from error


def read_checked(folder: Path, file: str, sha256: str, most_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Read a file of an ensemble and check that it is the file that the card was written for.

    Raises
    ------
    AudiotagError
        If the file is missing, is larger than ``most_bytes``, or has another checksum.
    """
    path = folder / file
    if not path.is_file():
        raise AudiotagError(f"{folder.name} lacks {file}; copy the ensemble again.")
    if (size := path.stat().st_size) > most_bytes:
        raise AudiotagError(
            f"{folder.name}/{file} must have at most {most_bytes:,} bytes to fit its card, it has {size:,}; copy the "
            "ensemble again."
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise AudiotagError(
            f"{folder.name}/{file} is damaged: its checksum is not the card's; copy the ensemble again."
        )
    return content
