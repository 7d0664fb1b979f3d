"""TODO."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from fastai.callback.core import Callback
from fastai.callback.fp16 import AMPMode, MixedPrecision

from audiotag.processors import cpu_has_bfloat16

MAX_FP32_ONLY_WIDTH = (
    16  # places: oneDNN leaves bf16 gradients of convolutions over a map one pixel wide unwritten (torch 2.11)
)


class AutocastCallback(Callback):
    """bf16 where the device computes it faster than fp32; fastai's own only knows CUDA."""

    order = 20

    def __init__(self, make: Callable[[], Any]) -> None:
        super().__init__()
        self.make = make
        self.context: Any = None

    def before_batch(self) -> None:
        self.context = self.make()
        self.context.__enter__()

    def after_pred(self) -> None:
        self.learn.pred = self.pred.float()
        self.leave()

    def leave(self) -> None:
        if self.context is not None:
            self.context.__exit__(None, None, None)
            self.context = None

    after_cancel_batch = after_cancel_fit = leave


def precision_of(device: torch.device) -> str:
    """What a network is trained in on a device: "bf16", "fp16" or "fp32"."""
    if device.type == "cpu":
        return "bf16" if cpu_has_bfloat16() else "fp32"
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "fp32"


def precision_callbacks(device: torch.device, places: int) -> list[Callback]:
    if precision_of(device) == "fp16":
        return [MixedPrecision(amp_mode=AMPMode.FP16)]  # which scales the loss
    return [AutocastCallback(autocast_for(device, places))]


def autocast_for(device: torch.device, places: int) -> Callable[[], Any]:
    if device.type == "cpu" and places <= MAX_FP32_ONLY_WIDTH:
        return nullcontext
    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
    precision = precision_of(device)
    return (lambda: torch.autocast(device.type, kinds[precision])) if precision in kinds else nullcontext
