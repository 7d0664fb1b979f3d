"""The torch front-end, built only from operations that the ONNX exporter supports.

This module imports torch, so others import it inside functions.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from audiotag.features.log_mel import nearest_lines
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.torch_log_mel import LogMel, NetworkInput


class ExportableLogMel(LogMel):
    """`LogMel` whose Fourier transform is a convolution with windowed cosines and sines.

    The cosines and sines of all bins and samples are as large as some networks (10 MB for 1281 bins and 1024 samples).
    So the graph has one period of them, and looks the others up: bin k at sample n has the phase k·n mod n_fft.
    """

    cosine: torch.Tensor
    sine: torch.Tensor

    def __init__(self, settings: SpectrogramSettings) -> None:
        super().__init__(settings)
        phases = 2 * np.pi * np.arange(settings.n_fft) / settings.n_fft
        self.register_buffer("cosine", torch.from_numpy(np.cos(phases).astype(np.float32)), persistent=False)
        self.register_buffer("sine", torch.from_numpy(np.sin(phases).astype(np.float32)), persistent=False)

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        """(batch, samples) → (batch, n_mels, frames)."""
        return self._log_mels(waveforms)

    def _frame_powers(self, padded: torch.Tensor) -> torch.Tensor:
        settings = self.settings
        bins = torch.arange(settings.n_fft // 2 + 1)
        phases = (bins[:, None] * torch.arange(settings.win_length)).remainder(settings.n_fft)
        cosines, sines = (table[phases] * self.window for table in (self.cosine, self.sine))
        spectra = [
            functional.conv1d(padded[:, None], waves[:, None], stride=settings.hop_length) for waves in (cosines, sines)
        ]
        return (spectra[0].square() + spectra[1].square()).transpose(1, 2)


class ExportableNetworkInput(NetworkInput):
    """`NetworkInput` that looks up the nearest lines, where the exporter does not support the resize filter.

    With ``normalise="batch"`` each item is a batch of its own, as in `audiotag.features.log_mel.network_input`.
    """

    def __init__(self, settings: SpectrogramSettings) -> None:
        super().__init__(settings.with_changes(normalise="clip") if settings.normalise == "batch" else settings)

    def assemble(self, channel: torch.Tensor) -> torch.Tensor:
        """Network inputs of normalised log-mels: with their deltas, and resized."""
        settings = self.settings
        if not settings.resize or settings.resize_filter != "nearest":
            return super().assemble(channel)
        batch = torch.stack([channel] * settings.equal_channels + self._deltas(channel), dim=1)
        rows, columns = nearest_lines(settings.n_mels, settings.height), nearest_lines(settings.frames, settings.width)
        return batch.index_select(2, torch.from_numpy(rows)).index_select(3, torch.from_numpy(columns))
