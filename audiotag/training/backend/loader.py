"""Give batches to fastai's training loop: an iterable with a length, whose tensors are on the training device."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from fastai.torch_core import TensorMultiCategory
from fastaudio.core.signal import AudioTensor
from fastaudio.core.spectrogram import AudioSpectrogram

from audiotag.training.batches import Batch, Batches, workers_for


class BatchLoader:
    """Batches in the form that fastai's loop expects.

    Parameters
    ----------
    batches : Batches
    device : torch.device

    Attributes
    ----------
    makes_inputs : bool
        Whether the CPU makes finished network inputs. For a GPU only waveforms are loaded, unless crops are cut from
        the spectrograms of whole clips.
    current : Batch or None
        The batch that the loop is using.
    epoch : int
        The epoch that is loaded next, from 0.
    """

    n_inp = 1  # fastai: how many of a batch's tensors are inputs

    def __init__(self, batches: Batches, device: torch.device) -> None:
        self.batches, self.device = batches, device
        self.makes_inputs = device.type == "cpu" or batches.settings.crop == "spectrogram"
        self.current: Batch | None = None
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for batch in self.batches_of(self.epoch):
            yield self.tensors(batch)

    def batches_of(self, epoch: int) -> Iterator[Batch]:
        """Iterate over an epoch's batches; `current` is the one in use."""
        for batch in self.batches.epoch(epoch, self.makes_inputs, workers_for(self.device.type)):
            self.current = batch
            yield batch

    def tensors(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Network inputs or waveforms, and targets, on the device and in fastai's and fastaudio's types."""
        values, targets = torch.from_numpy(batch.values), torch.from_numpy(batch.targets)
        if self.device.type == "cuda":
            values, targets = values.pin_memory(), targets.pin_memory()
        kind = AudioSpectrogram if self.makes_inputs else AudioTensor
        return (
            kind(values.to(self.device, non_blocking=True)),
            TensorMultiCategory(targets.to(self.device, non_blocking=True)),
        )
