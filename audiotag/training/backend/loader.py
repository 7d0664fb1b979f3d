"""TODO."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from fastai.torch_core import TensorMultiCategory
from fastaudio.core.signal import AudioTensor
from fastaudio.core.spectrogram import AudioSpectrogram

from audiotag.training.batches import Batch, Batches, workers_for


class BatchLoader:
    """Batches as fastai's loop wants them: iterable, sized, on a device."""

    n_inp = 1

    def __init__(self, batches: Batches, device: torch.device) -> None:
        self.batches, self.device = batches, device
        self.makes_pictures = device.type == "cpu"
        self.current: Batch | None = None
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for batch in self.batches_of(self.epoch):
            yield self.tensors(batch)

    def batches_of(self, epoch: int) -> Iterator[Batch]:
        """An epoch's batches; `current` is the one in use."""
        for batch in self.batches.epoch(epoch, self.makes_pictures, workers_for(self.device.type)):
            self.current = batch
            yield batch

    def tensors(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures or waveforms, and targets, in fastai's types, on the device."""
        values, targets = torch.from_numpy(batch.values), torch.from_numpy(batch.targets)
        if self.device.type == "cuda":
            values, targets = values.pin_memory(), targets.pin_memory()
        kind = AudioSpectrogram if self.makes_pictures else AudioTensor
        return (
            kind(values.to(self.device, non_blocking=True)),
            TensorMultiCategory(targets.to(self.device, non_blocking=True)),
        )
