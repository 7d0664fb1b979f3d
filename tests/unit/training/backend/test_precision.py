"""Networks are trained in the fastest precision of their device, and their losses in 32 bits."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch

from audiotag.augmentation.time_crop import TimeCrop
from audiotag.training.backend import learner as learner_module
from audiotag.training.backend import precision as precision_module
from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.backend.precision import precision_of
from audiotag.training.losses.bce import binary_cross_entropy
from audiotag.training.progress import FoldSplit

from .tiny_folds import CPU, FIRST, LABELS, RECIPE, Calls, recording


def test_narrow_inputs_are_trained_in_32_bits_on_a_cpu() -> None:
    """In bf16 oneDNN leaves gradients of convolutions over a map one pixel wide unwritten."""
    for frames, kind in ((16, nullcontext), (17, type(torch.autocast("cpu", torch.bfloat16)))):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(precision_module, "precision_of", lambda device: "bf16")
            assert type(precision_module.autocast_for(CPU, frames)()) is kind


def test_width_that_decides_on_precision_is_that_after_cropping(split: FoldSplit) -> None:
    widths = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(learner_module, "precision_callbacks", lambda device, columns: widths.append(columns) or [])
        for augment, at_once in (((), 1), ((TimeCrop(12),), 1), ((TimeCrop(12),), 2)):
            network = replace(RECIPE.network, frames_at_once=at_once)
            trainer = FoldTrainer(replace(RECIPE, augment=augment, network=network), LABELS, 1, "cpu")
            trainer.train(0, replace(FIRST, epochs=1), split, recording(Calls()))
    assert widths == [RECIPE.spectrogram.width, 12, 6]  # frames taken at once are one place


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_network_runs_in_the_precision_of_its_device_and_its_loss_in_32_bits(
    precision: str, split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision_module, "precision_of", lambda device: precision)
    loss_dtypes: list[torch.dtype] = []

    def noted(logits: torch.Tensor, targets: torch.Tensor, kinds: np.ndarray) -> torch.Tensor:
        loss_dtypes.append(logits.dtype)
        return binary_cross_entropy(logits, targets)

    monkeypatch.setattr(learner_module, "BatchLoss", lambda *_: noted)
    trainer = FoldTrainer(RECIPE, LABELS, 1, "cpu")
    computed: set[torch.dtype] = set()
    for module in trainer.network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda module, given, out: computed.add(out.dtype))
    calls = Calls()
    assert trainer.train(0, FIRST, split, recording(calls))
    assert set(loss_dtypes) == {torch.float32}
    assert computed == {torch.bfloat16 if precision == "bf16" else torch.float32}
    computed.clear()
    scores = trainer.scores(split.valid, FIRST)
    assert computed == {torch.float32}  # stored scores are not rounded
    assert scores.dtype == np.float32
    assert {weight.dtype for weight in trainer.network.parameters()} == {torch.float32}
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(
    ("device", "fast", "precision"),
    [
        ("cpu", True, "bf16"),
        ("cpu", False, "fp32"),
        ("cuda", True, "bf16"),
        ("cuda", False, "fp16"),
        ("mps", True, "fp32"),
    ],
)
def test_precision_is_the_fastest_that_a_device_has(
    device: str, fast: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastai.callback.fp16 import MixedPrecision

    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: fast)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: fast)
    assert precision_of(torch.device(device)) == precision
    (callback,) = learner_module.precision_callbacks(torch.device(device), RECIPE.spectrogram.width)
    assert isinstance(callback, MixedPrecision) == (precision == "fp16")  # 16-bit floats alone need their loss scaled


def test_cpu_with_tiles_alone_is_fast_in_16_bits_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert precision_of(CPU) == "bf16"
