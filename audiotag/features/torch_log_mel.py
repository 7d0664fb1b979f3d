"""Compute log-mel spectrograms and network inputs of whole batches in torch, on a CPU or GPU.

Training on a GPU sends waveforms to the device and computes the network input there. `audiotag.features.log_mel` is the
definition; the results agree within 0.001 dB.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from audiotag.features.log_mel import DELTA_TAPS, MIN_DEVIATION_DB, TOP_LEVEL, Scale, require_samples, samples_before
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
    log-mels : (batch, n_mels, settings.frames_of(samples)), dB

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
        samples, before = waveforms.shape[-1], samples_before(settings)
        require_samples(samples, settings)
        if settings.centred:
            waveforms = functional.pad(waveforms[:, None], (before, settings.win_length - before), mode="reflect")[:, 0]
        # Always in float32, also under autocast: half precision would lose sound 60 dB below the loudest.
        with torch.autocast(waveforms.device.type, enabled=False):
            power = self._frame_powers(waveforms.float())[:, : settings.frames_of(samples)]
            bands = (power.sqrt() if settings.power == 1 else power) @ self.mel.T
            decibels = (20 / settings.power) * (bands + settings.log_offset).clamp(min=AMIN).log10()
            floor = decibels.amax(dim=(1, 2), keepdim=True) - settings.top_db
            return torch.maximum(decibels, floor).transpose(1, 2)

    def _frame_powers(self, padded: torch.Tensor) -> torch.Tensor:
        """Power of each bin in each frame of padded waveforms: (batch, samples) → (batch, frames, bins)."""
        frames = padded.unfold(-1, self.settings.win_length, self.settings.hop_length)
        spectrum = torch.fft.rfft(frames * self.window, n=self.settings.n_fft)
        return spectrum.real.square() + spectrum.imag.square()


class WaveformRow(nn.Module):
    """The features of networks that take waveforms: (batch, samples) → (batch, 1, samples)."""

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        """(batch, samples) → (batch, 1, samples)."""
        return waveforms[:, None]


def crop_features(settings: SpectrogramSettings) -> LogMel | WaveformRow:
    """What turns the waveforms of a batch into features, as `audiotag.features.crop_features` does for one."""
    return WaveformRow() if settings.network_input == "waveform" else LogMel(settings)


class NetworkInput(nn.Module):
    """Network inputs of a batch of log-mels: normalised, with their deltas, resized; waveforms stay as they are.

    Shape
    -----
    log-mels : (batch, n_mels, frames), dB
    network inputs : (batch, settings.channels, settings.height, settings.width)
    """

    def __init__(self, settings: SpectrogramSettings) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, log_mels: torch.Tensor, scales: Sequence[Scale] | None = None) -> torch.Tensor:
        """(batch, n_mels, frames) → (batch, channels, height, width)."""
        if scales is None or self.settings.normalise == "batch":
            return self.assemble(self.normalise(log_mels, *self.scale_of(log_mels)))
        subtracted, divisor = torch.tensor(scales, dtype=log_mels.dtype, device=log_mels.device).T[..., None, None]
        return self.assemble(self.normalise(log_mels, subtracted, divisor))

    def assemble(self, channel: torch.Tensor) -> torch.Tensor:
        """Network inputs of normalised log-mels: with their deltas, and resized."""
        settings = self.settings
        batch = torch.stack([channel] * settings.equal_channels + self._deltas(channel), dim=1)
        if not settings.resize:
            return batch
        mode = "nearest-exact" if settings.resize_filter == "nearest" else "bilinear"
        return functional.interpolate(batch, (settings.height, settings.width), mode=mode)

    def scale_of(self, log_mels: torch.Tensor) -> tuple[torch.Tensor | float, torch.Tensor | float]:
        """What `normalise` subtracts from these log-mels and what it divides them by, as `normalise` takes it."""
        settings = self.settings
        if settings.normalise in ("none", "global"):
            return (settings.mean_db, settings.std_db) if settings.normalise == "global" else (0.0, 1.0)
        if settings.normalise == "range":
            lowest = log_mels.amin(dim=(1, 2), keepdim=True)
            return lowest, log_mels.amax(dim=(1, 2), keepdim=True) - lowest
        axes = (1, 2) if settings.normalise == "clip" else (0, 1, 2)
        return log_mels.mean(dim=axes, keepdim=True), log_mels.std(dim=axes, keepdim=True, correction=0)

    def normalise(
        self, log_mels: torch.Tensor, subtracted: torch.Tensor | float, divisor: torch.Tensor | float
    ) -> torch.Tensor:
        """Log-mels, (batch, n_mels, frames), from which a mean or minimum is subtracted, divided by their scale."""
        settings = self.settings
        if settings.normalise == "none":
            return log_mels
        if settings.normalise == "global":
            return (log_mels - settings.mean_db) / settings.std_db
        assert isinstance(divisor, torch.Tensor)
        scaled = (log_mels - subtracted) / divisor.clamp(min=MIN_DEVIATION_DB)
        if settings.normalise != "range":
            return scaled
        levels = (scaled.clamp(0, 1) * TOP_LEVEL).floor() / TOP_LEVEL
        return (levels - settings.range_mean) / settings.range_std

    def _deltas(self, log_mels: torch.Tensor) -> list[torch.Tensor]:
        """Derivatives along time of ``(batch, n_mels, frames)``, as in `audiotag.features.log_mel.deltas`."""
        orders = self.settings.deltas
        if self.settings.delta_filter == "slope":
            slopes, slope = [], log_mels
            for _ in range(orders):
                slope = _filtered(_edge_repeated(slope), DELTA_TAPS[0])
                slopes.append(slope)
            return slopes
        return [_edge_repeated(_filtered(log_mels, taps)) for taps in DELTA_TAPS[:orders]]


def _edge_repeated(log_mels: torch.Tensor) -> torch.Tensor:
    reach = len(DELTA_TAPS[0]) // 2
    return functional.pad(log_mels, (reach, reach), mode="replicate")


def _filtered(log_mels: torch.Tensor, taps: tuple[float, ...]) -> torch.Tensor:
    kernel = torch.tensor(taps, dtype=log_mels.dtype, device=log_mels.device)[None, None]
    return functional.conv1d(log_mels.flatten(0, 1)[:, None], kernel)[:, 0].unflatten(0, log_mels.shape[:2])
