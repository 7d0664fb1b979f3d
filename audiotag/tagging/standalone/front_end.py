"""The torch front-end, built only from operations that the ONNX exporter supports.

This module imports torch, so others import it inside functions.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from audiotag.features.log_mel import nearest_lines
from audiotag.features.mel import window
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.torch_log_mel import LogMel, NetworkInput, WaveformRow


class ExportableLogMel(LogMel):
    """`LogMel` whose Fourier transform is a convolution with waves: windowed cosines and sines, one of each per bin.

    Shape
    -----
    waveforms : (batch, samples), float32
    waves : (2 · bins, 1, win_length), the cosines, then the sines; as `waves_of` gives them
    log-mels : (batch, n_mels, frames), dB
    """

    waves: torch.Tensor

    def forward(self, waveforms: torch.Tensor, waves: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """(batch, samples) → (batch, n_mels, frames)."""
        self.waves = waves
        return self._log_mels(waveforms)

    def _frame_powers(self, padded: torch.Tensor) -> torch.Tensor:
        spectrum = functional.conv1d(padded[:, None], self.waves, stride=self.settings.hop_length)
        bins = self.settings.n_fft // 2 + 1
        return (spectrum[:, :bins].square() + spectrum[:, bins:].square()).transpose(1, 2)


class ExportableWaveformRow(WaveformRow):
    """`WaveformRow` with the inputs of `ExportableLogMel`; it needs no waves."""

    def forward(self, waveforms: torch.Tensor, waves: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """(batch, samples) → (batch, 1, samples)."""
        return super().forward(waveforms)


def exportable_features(settings: SpectrogramSettings) -> ExportableLogMel | ExportableWaveformRow:
    """What `audiotag.features.torch_log_mel.crop_features` gives, for a graph."""
    return ExportableWaveformRow() if settings.network_input == "waveform" else ExportableLogMel(settings)


def one_period(n_fft: int) -> np.ndarray:
    """A period of a cosine and of a sine, shape (2, n_fft), float32."""
    phases = 2 * np.pi * np.arange(n_fft) / n_fft
    return np.stack([np.cos(phases), np.sin(phases)]).astype(np.float32)


def waves_of(settings: SpectrogramSettings) -> torch.Tensor:
    """What `ExportableLogMel` takes as ``waves``. Bin k at sample n has the phase k·n mod n_fft."""
    phases = np.outer(np.arange(settings.n_fft // 2 + 1), np.arange(settings.win_length)) % settings.n_fft
    waves = one_period(settings.n_fft)[:, phases] * window(settings.window, settings.win_length)
    return torch.from_numpy(waves.reshape(-1, 1, settings.win_length))


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
