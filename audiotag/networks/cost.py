"""Count the multiplications that a network needs for one network input, as the literature does.

A multiplication and the addition after it count as one (a multiply-accumulate, MAC). Convolutions, linear layers,
products of matrices and recurrent layers are counted; norms, activations and pools, which are far cheaper, are not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from audiotag.networks.base import NetworkSettings
from audiotag.networks.size import build_without_memory

if TYPE_CHECKING:
    import torch


def multiplications(settings: NetworkSettings, n_labels: int, shape: tuple[int, int, int]) -> int | None:
    """Multiply-accumulates of a network for one input in evaluation mode; a training step takes about three times this.

    Parameters
    ----------
    settings : NetworkSettings
    n_labels : int
    shape : tuple[int, int, int]
        Channels, height and width of a network input.

    Returns
    -------
    int or None
        None for a network that torch cannot compute without memory for its weights.

    Examples
    --------
    >>> from audiotag.networks.mobilenet import MobileNetSettings
    >>> f"{multiplications(MobileNetSettings(), 80, (1, 96, 100)) / 1e9:.2f}"
    '0.43'
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    network = build_without_memory(settings, n_labels, shape[0])
    if network is None:
        return None
    total, rules = [0], _rules()

    class Mode(TorchDispatchMode):
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            return False  # or the compiler would be imported to keep it away from the next method

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            if func in rules:
                total[0] += rules[func](result, *args)
            return result

    try:
        with torch.inference_mode(), Mode():
            network(torch.empty(1, *shape, device="meta"))
    except Exception:  # a network may raise anything where its tensors have no memory
        return None
    return total[0]


def _rules() -> dict[Any, Callable[..., int]]:
    """Multiplications of some operations, from their result and their arguments."""
    import torch

    operations = torch.ops.aten

    def of_weights(result: torch.Tensor, _: torch.Tensor, weights: torch.Tensor, *others: Any) -> int:
        return result.numel() * math.prod(weights.shape[1:])

    def of_product(result: torch.Tensor, left: torch.Tensor, *others: Any) -> int:
        return result.numel() * left.shape[-1]

    def of_recurrent(_: Any, inputs: torch.Tensor, state: Any, weights: list[torch.Tensor], *others: Any) -> int:
        return inputs.shape[0] * inputs.shape[1] * sum(each.numel() for each in weights if each.dim() == 2)

    return {
        operations.conv1d.default: of_weights,
        operations.conv2d.default: of_weights,
        operations.linear.default: of_weights,
        operations.bmm.default: of_product,
        operations.mm.default: of_product,
        operations.matmul.default: of_product,
        operations.lstm.input: of_recurrent,
        operations.gru.input: of_recurrent,
    }
