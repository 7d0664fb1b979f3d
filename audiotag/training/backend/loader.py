"""Give batches to fastai's training loop: an iterable with a length, whose tensors are on the training device."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import torch
from fastai.torch_core import TensorMultiCategory
from fastaudio.core.signal import AudioTensor
from fastaudio.core.spectrogram import AudioSpectrogram

from audiotag.training.batches import Batch, Batches, workers_for

COPIED_AHEAD = 1  # batches on the device beside the one in use
TORCH_DTYPES = {np.dtype(np.int16): torch.int16, np.dtype(np.float32): torch.float32}


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
        self._begun: tuple[int, Iterator[Batch]] | None = None

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for _, tensors in self.loaded_batches(self.epoch):
            yield tensors

    def loaded_batches(self, epoch: int) -> Iterator[tuple[Batch, tuple[torch.Tensor, torch.Tensor]]]:
        """Iterate over an epoch's batches with their `tensors`; `current` is the one in use.

        The first batches of the next epoch of training are made while this one is measured.
        """
        begun, self._begun = self._begun, None
        batches = begun[1] if begun and begun[0] == epoch else self._begin(epoch)
        copied = self._copied_ahead(batches) if self.device.type == "cuda" else ((b, self.tensors(b)) for b in batches)
        for batch, tensors in copied:
            self.current = batch
            yield batch, tensors
        if self.batches.training and epoch + 1 < self.batches.stage.epochs:
            self._begun = epoch + 1, self._begin(epoch + 1)

    def close(self) -> None:
        """Make no more batches of the next epoch."""
        self._begun = None  # nobody else refers to the iterator, so it ends

    def _begin(self, epoch: int) -> Iterator[Batch]:
        allocate = allocate_pinned if self.device.type == "cuda" else np.empty
        return self.batches.epoch(epoch, self.makes_inputs, workers_for(self.device.type), allocate)

    def tensors(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Network inputs or waveforms, and targets, on the device and in fastai's and fastaudio's types."""
        values, targets = self._to_device(batch.values), self._to_device(batch.targets)
        if batch.scales is not None:
            values = values.to(torch.float32) * self._to_device(batch.scales)[:, None]
        kind = AudioSpectrogram if self.makes_inputs else AudioTensor
        return kind(values), TensorMultiCategory(targets)

    def _to_device(self, values: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(values)
        if self.device.type != "cuda":
            return tensor.to(self.device)
        return (tensor if tensor.is_pinned() else tensor.pin_memory()).to(self.device, non_blocking=True)

    def _copied_ahead(self, batches: Iterator[Batch]) -> Iterator[tuple[Batch, tuple[torch.Tensor, torch.Tensor]]]:
        """Copy each batch in a stream of its own while the GPU computes with the one before.

        Nothing here waits for the computing. A batch of the host, whose memory is used again once nobody holds it, is
        held until its copy has ended.
        """
        side, main = torch.cuda.Stream(self.device), torch.cuda.current_stream(self.device)
        copies: deque[tuple[torch.cuda.Event, Batch, tuple[torch.Tensor, torch.Tensor]]] = deque()
        ended: deque[tuple[torch.cuda.Event, Batch]] = deque()
        for batch in chain(batches, [None]):
            if batch is not None:
                with torch.cuda.stream(side):
                    tensors = self.tensors(batch)
                    event = torch.cuda.Event()
                    event.record(side)
                copies.append((event, batch, tensors))
            while copies and (batch is None or len(copies) > COPIED_AHEAD):
                event, current, tensors = copies.popleft()
                main.wait_event(event)
                for tensor in tensors:
                    tensor.record_stream(main)
                ended.append((event, current))
                yield current, tensors
            while len(ended) > 1:
                ended.popleft()[0].synchronize()


def allocate_pinned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array in pinned memory, from which a GPU copies without the processor."""
    return torch.empty(shape, dtype=TORCH_DTYPES[np.dtype(dtype)], pin_memory=True).numpy()
