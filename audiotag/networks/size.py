"""Compute how large a network would be before it is built, so that a card or a recipe cannot exhaust the memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from audiotag.checks import require
from audiotag.networks.base import NetworkSettings

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.overrides import TorchFunctionMode

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

    network = build_without_memory(settings, n_labels, shape[0])
    if network is None:
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


def build_without_memory(settings: NetworkSettings, n_labels: int, channels: int) -> nn.Module | None:
    """A network as an ensemble stores it, in evaluation mode, on torch's device "meta", which has shapes alone.

    None for a network of another distribution that torch cannot build there.
    """
    import torch

    try:
        with torch.device("meta"), _without_drawing():
            network = settings.build(n_labels, channels)
        return settings.for_inference(network).eval()
    except Exception:  # a network may raise anything where its tensors have no memory
        return None


_compute_shapes_once = lru_cache(maxsize=64)(
    _compute_shapes
)  # all folds and most stages of a run have the same network


# For some operations on tensors without memory torch has only code in Python, for which it imports its compiler; that
# takes a second. What follows does without those that the networks of audiotag need.


def _without_drawing() -> TorchFunctionMode:
    """A context in which no random values are drawn for tensors without memory."""
    import torch
    from torch.overrides import TorchFunctionMode

    draws = (torch.Tensor.normal_, torch.Tensor.uniform_)  # with which `torch.nn.init` begins

    class Mode(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func in draws and args[0].is_meta:
                return args[0]
            return func(*args, **(kwargs or {}))

    return Mode()


@contextmanager
def _largest_array() -> Iterator[list[int]]:
    """The number of values of the largest array that torch computes inside, in a list of one."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    largest, shape_rules = [0], _shape_rules()

    class Mode(TorchDispatchMode):
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            return False  # or the compiler would be imported to keep it away from the next method

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func in shape_rules and not kwargs:
                result = torch.empty(shape_rules[func](*args), device="meta")
            else:
                result = func(*args, **(kwargs or {}))
            arrays = result if isinstance(result, tuple | list) else (result,)
            largest[0] = max([largest[0], *(array.numel() for array in arrays if isinstance(array, torch.Tensor))])
            return result

    with torch.inference_mode(), Mode():
        yield largest


def _shape_rules() -> dict[Any, Callable[..., Sequence[int]]]:
    """The shape of the result of some operations, computed from their arguments."""
    import torch

    operations = torch.ops.aten

    def joined(arrays: Sequence[torch.Tensor], dimension: int = 0) -> list[int]:
        shape = list(arrays[0].shape)
        shape[dimension] = sum(array.shape[dimension] for array in arrays)
        return shape

    return {
        operations.adaptive_avg_pool2d.default: lambda array, size: (*array.shape[:-2], *size),
        operations.add.Tensor: lambda array, other: torch.broadcast_shapes(array.shape, other.shape),
        operations.batch_norm.default: lambda array, *_: array.shape,
        operations.cat.default: joined,
        operations.linear.default: lambda array, weights, *_: (*array.shape[:-1], len(weights)),
        operations.mish.default: lambda array: array.shape,
        operations.relu.default: lambda array: array.shape,
    }
