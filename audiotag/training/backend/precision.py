"""Choose the arithmetic that a network trains in: 16 bits where the device is faster with them, else 32 bits."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from fastai.callback.core import Callback
from fastai.callback.fp16 import AMPMode, MixedPrecision

from audiotag.processors import cpu_has_bfloat16

# oneDNN leaves bf16 gradients of convolutions over a map of one column unwritten (torch 2.11).
MAX_FP32_COLUMNS = 16


class AutocastCallback(Callback):
    """Run the forward pass and the loss in torch's autocast; fastai's own callback supports only CUDA.

    Parameters
    ----------
    make_context : callable
        Makes the context of one batch.
    """

    order = 20

    def __init__(self, make_context: Callable[[], Any]) -> None:
        super().__init__()
        self.make_context = make_context
        self.context: Any = None

    def before_batch(self) -> None:
        """Enter the context."""
        self.context = self.make_context()
        self.context.__enter__()

    def after_pred(self) -> None:
        """Make the logits 32-bit and leave the context."""
        pred = self.pred
        self.learn.pred = tuple(each.float() for each in pred) if isinstance(pred, tuple) else pred.float()
        self.leave()

    def leave(self) -> None:
        """Leave the context, if it was entered."""
        if self.context is not None:
            self.context.__exit__(None, None, None)
            self.context = None

    after_cancel_batch = after_cancel_fit = leave


def precision_of(device: torch.device) -> str:
    """The precision that networks are trained in on a device: "bf16", "fp16" or "fp32"."""
    if device.type == "cpu":
        return "bf16" if cpu_has_bfloat16() else "fp32"
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "fp32"


def precision_callbacks(device: torch.device, columns: int) -> list[Callback]:
    """fastai callbacks that train in the precision of the device.

    Parameters
    ----------
    device : torch.device
    columns : int
        Width of the map that the network's first convolution computes on.
    """
    if precision_of(device) == "fp16":
        return [MixedPrecision(amp_mode=AMPMode.FP16)]  # it also scales the loss
    return [AutocastCallback(autocast_for(device, columns))]


def autocast_for(device: torch.device, columns: int) -> Callable[[], Any]:
    """A callable that makes the autocast context of one batch; parameters as in `precision_callbacks`."""
    if device.type == "cpu" and columns <= MAX_FP32_COLUMNS:
        return nullcontext
    dtypes = {"bf16": torch.bfloat16, "fp16": torch.float16}
    precision = precision_of(device)
    return (lambda: torch.autocast(device.type, dtypes[precision])) if precision in dtypes else nullcontext


def choose_algorithms(exact: bool) -> None:
    """Set how a GPU chooses among its algorithms, for the whole process; before it multiplies its first matrix.

    Parameters
    ----------
    exact : bool
        Take those that give the same sums each time, so that a resumed training equals one that was not interrupted;
        the log names operations that have none. Otherwise the fastest ones, which cuDNN measures for each shape when
        it is first seen. TF32 stays as torch sets it: off for matrix products, because the log-mel needs all bits.
    """
    if exact:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS may add in another order
    torch.use_deterministic_algorithms(exact, warn_only=True)
    torch.backends.cudnn.deterministic = exact
    torch.backends.cudnn.benchmark = not exact
