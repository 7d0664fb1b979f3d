"""Compute how large a network would be before it is built, so that a card or a recipe cannot exhaust the memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

from audiotag.checks import require
from audiotag.networks.base import NetworkSettings

MAX_WEIGHTS = 2**29  # of one network: 2 GiB in single precision
MAX_VALUES = 2**25  # of the largest array while one window is scored: 128 MiB in single precision

Shapes = dict[str, tuple[int, ...]]


def shapes_within_bounds(settings: NetworkSettings, n_labels: int, shape: tuple[int, int, int]) -> Shapes | None:
    """Shapes of a network's weights by their name, computed without memory for the weights.

    Parameters
    ----------
    settings : NetworkSettings
    n_labels : int
    shape : tuple[int, int, int]
        Channels, height and width of a network input.

    Returns
    -------
    dict or None
        As an ensemble stores them (`NetworkSettings.for_inference`). None for a network of another distribution that
        torch cannot build without memory; then nothing is known about its size.

    Raises
    ------
    AudiotagError
        If the weights, or the arrays that the network computes for one window, are too large.
    """
    try:
        hash(settings)
    except TypeError:  # those of another distribution may hold a list
        return _compute_shapes(settings, n_labels, shape)
    return _compute_shapes_once(settings, n_labels, shape)


def _compute_shapes(settings: NetworkSettings, n_labels: int, shape: tuple[int, int, int]) -> Shapes | None:
    import torch

    try:
        with torch.device("meta"):
            network = settings.build(n_labels, shape[0])
        network = settings.for_inference(network).eval()
    except Exception:  # a network may raise anything where its tensors have no memory
        return None
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    weights = sum(math.prod(of_one) for of_one in shapes.values())
    require(
        weights <= MAX_WEIGHTS,
        f"the network ({settings.describe()})",
        f"have at most {MAX_WEIGHTS:,} weights",
        f"{weights:,}",
        "make it narrower or less deep",
    )
    with suppress(Exception), _largest_array() as largest:
        network(torch.empty(1, *shape, device="meta"))
    require(
        largest[0] <= MAX_VALUES,
        f"the network ({settings.describe()})",
        f"compute arrays of at most {MAX_VALUES:,} values for one window",
        f"{largest[0]:,}",
        "make it narrower, or the network input smaller",
    )
    return shapes


_compute_shapes_once = lru_cache(maxsize=64)(
    _compute_shapes
)  # all folds and most stages of a run have the same network


@contextmanager
def _largest_array() -> Iterator[list[int]]:
    """The number of values of the largest array that torch computes inside, in a list of one."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = [0]

    class Mode(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            arrays = result if isinstance(result, tuple | list) else (result,)
            largest[0] = max([largest[0], *(array.numel() for array in arrays if isinstance(array, torch.Tensor))])
            return result

    with torch.inference_mode(), Mode():
        yield largest
