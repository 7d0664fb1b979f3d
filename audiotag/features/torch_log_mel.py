"""Compute log-mel spectrograms and network inputs of whole batches in torch, on a CPU or GPU.

Training on a GPU sends waveforms to the device and computes the network input there. `audiotag.features.log_mel` is the
definition; the results agree within 0.001 dB.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from audiotag.errors import AudiotagError
from audiotag.features.log_mel import DELTA_REACH_FRAMES, MIN_DEVIATION_DB
from audiotag.features.mel import AMIN, mel_matrix, window
from audiotag.features.settings import SpectrogramSettings


class LogMel(nn.Module):
    """Log-mel spectrograms of a batch in dB re 1.0; each clip has its own floor, ``top_db`` below its loudest value.

    Parameters
    ----------
    settings : SpectrogramSettings

    Shape
    -----
    waveforms : (batch, samples), float32 in [-1, 1], padded to the clip length
    log-mels : (batch, n_mels, 1 + samples // hop_length), dB

    Raises
    ------
    AudiotagError
        If the waveforms are too short to be mirrored at their ends.
    """

    window: torch.Tensor
    mel: torch.Tensor

    def __init__(self, settings: SpectrogramSettings) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("window", torch.from_numpy(window(settings.window, settings.win_length)), persistent=False)
        # Dense, because a GPU multiplies a dense matrix with many zeros faster than a sparse one.
        self.register_buffer("mel", torch.from_numpy(mel_matrix(settings).toarray()), persistent=False)

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        """(batch, samples) → (batch, n_mels, frames)."""
        clips_at_once = 1 if waveforms.device.type == "cpu" else len(waveforms)  # whose spectra fit a CPU's cache
        return torch.cat([self._log_mels(clips) for clips in waveforms.split(clips_at_once)])

    def _log_mels(self, waveforms: torch.Tensor) -> torch.Tensor:
        settings = self.settings
        samples, half = waveforms.shape[-1], settings.n_fft // 2
        if samples <= half:
            raise AudiotagError(
                f"the waveform must be longer than half of n_fft ({half} samples), got {samples}; "
                "pad it to the clip length first."
            )
        before = half - (settings.n_fft - settings.win_length) // 2
        padded = functional.pad(waveforms[:, None], (before, settings.win_length - before), mode="reflect")[:, 0]
        frames = padded.unfold(-1, settings.win_length, settings.hop_length)[:, : 1 + samples // settings.hop_length]
        # Always in float32, also under autocast: half precision would lose sound 60 dB below the loudest.
        with torch.autocast(waveforms.device.type, enabled=False):
            spectrum = torch.fft.rfft(frames.float() * self.window, n=settings.n_fft)
            power = spectrum.real.square() + spectrum.imag.square()
            bands = (power.sqrt() if settings.power == 1 else power) @ self.mel.T
            decibels = (20 / settings.power) * bands.clamp(min=AMIN).log10()
            floor = decibels.amax(dim=(1, 2), keepdim=True) - settings.top_db
            return torch.maximum(decibels, floor).transpose(1, 2)


class NetworkInput(nn.Module):
    """Network inputs of a batch of log-mels: normalised, with their deltas, resized.

    Shape
    -----
    log-mels : (batch, n_mels, frames), dB
    network inputs : (batch, settings.channels, settings.height, settings.width)
    """

    def __init__(self, settings: SpectrogramSettings) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, log_mels: torch.Tensor) -> torch.Tensor:
        """(batch, n_mels, frames) → (batch, channels, height, width)."""
        channels = [self._normalise(log_mels)]
        for _ in range(self.settings.deltas):
            channels.append(_slope(channels[-1]))
        batch = torch.stack(channels, dim=1)
        if not self.settings.resize:
            return batch
        return functional.interpolate(batch, (self.settings.height, self.settings.width), mode="bilinear")

    def _normalise(self, log_mels: torch.Tensor) -> torch.Tensor:
        settings = self.settings
        if settings.normalise == "none":
            return log_mels
        if settings.normalise == "global":
            return (log_mels - settings.mean_db) / settings.std_db
        axes = (1, 2) if settings.normalise == "clip" else (0, 1, 2)
        mean = log_mels.mean(dim=axes, keepdim=True)
        deviation = log_mels.std(dim=axes, keepdim=True, correction=0)
        return (log_mels - mean) / deviation.clamp(min=MIN_DEVIATION_DB)


def _slope(log_mels: torch.Tensor) -> torch.Tensor:
    """Slope along time of ``(batch, n_mels, frames)``, as in `audiotag.features.log_mel.deltas`."""
    taps = torch.arange(-DELTA_REACH_FRAMES, DELTA_REACH_FRAMES + 1, dtype=log_mels.dtype, device=log_mels.device)
    taps = taps / taps.square().sum()
    padded = functional.pad(log_mels, (DELTA_REACH_FRAMES, DELTA_REACH_FRAMES), mode="replicate")
    return padded.unfold(-1, len(taps), 1) @ taps
