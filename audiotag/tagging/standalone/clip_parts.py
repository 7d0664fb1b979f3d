"""What the graph computes of a clip: its windows, their scores by each fold, and the scores of the clip.

These are the steps of `audiotag.tagging.clip_inputs` and `audiotag.tagging.fold_fusion`, for waveforms at the rate of
the ensemble. Numbers of samples, windows and frames are tensors, so that the graph holds for sounds of any length.

This module imports torch, so others import it inside functions.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from audiotag.audio.levels import SILENCE_DBFS
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import FRAME_SAMPLES, HALF_FRAME, LIBROSA_HOP
from audiotag.tagging.clip_inputs import MAX_EXCESS_FRACTION, MAX_WHOLE_CLIP_S
from audiotag.tagging.fold_fusion import MIN_SCORE
from audiotag.tagging.onnx_export import AllFolds
from audiotag.tagging.settings import Combine, TagSettings, Windows
from audiotag.tagging.standalone.front_end import ExportableLogMel, ExportableNetworkInput, exportable_features

LOWEST_POWER = 1e-10  # of a frame, where silence is trimmed


def _size(tensor: torch.Tensor, axis: int = 0) -> torch.Tensor:
    """A size as a tensor, which the exporter follows through arithmetic."""
    return torch._shape_as_tensor(tensor)[axis]


class Trimmer(nn.Module):
    """Cuts the silence at both ends as `audiotag.features.trimming.trimmed_bounds` does: (samples,) → (samples,)."""

    def __init__(self, settings: SpectrogramSettings) -> None:
        super().__init__()
        self.settings = settings
        self.mirrors = settings.trim_rule == "librosa"
        self.hop = LIBROSA_HOP if self.mirrors else int(settings.trim_pad_s * settings.sample_rate)
        self.margin = 0 if self.mirrors else self.hop

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """The trimmed waveform."""
        settings = self.settings
        if not settings.trim_db or not self.hop:
            return waveform
        samples = _size(waveform)
        powers = functional.avg_pool1d(self._padded(waveform).square()[None, None], FRAME_SAMPLES, self.hop)[0, 0]
        levels = 10 * (powers.clamp(min=LOWEST_POWER).log10() - powers.amax().clamp(min=LOWEST_POWER).log10())
        frames = torch.arange(powers.shape[0])
        is_loud = levels > -settings.trim_db
        first = torch.where(is_loud, frames, powers.shape[0]).amin()
        last = torch.where(is_loud, frames, -1).amax()
        start = (torch.minimum(first * self.hop, samples) - self.margin).clamp(min=0)
        end = torch.minimum(torch.minimum((last + 1) * self.hop, samples) + self.margin, samples)
        middle, fewest = start + (end - start) // 2, int(settings.min_s * settings.sample_rate)
        is_short = end - start < fewest
        start = torch.where(is_short, (middle - fewest // 2).clamp(min=0), start)
        end = torch.where(is_short, torch.minimum(middle + fewest - fewest // 2, samples), end)
        # The tagger reads a long sound block by block and does not trim it; and nothing is shorter than a margin.
        is_whole = (samples > int(MAX_WHOLE_CLIP_S * settings.sample_rate)) | (samples < self.margin)
        start, end = torch.where(is_whole, 0, start), torch.where(is_whole, samples, end)
        return waveform[start:end]

    def _padded(self, waveform: torch.Tensor) -> torch.Tensor:
        """The waveform with half a frame of zeros, or of its mirror image, at both ends."""
        if not self.mirrors:
            return functional.pad(waveform[None], (HALF_FRAME, HALF_FRAME))[0]
        period = (2 * _size(waveform) - 2).clamp(min=1)  # a short sound is mirrored several times
        places = torch.arange(-HALF_FRAME, waveform.shape[0] + HALF_FRAME) % period
        return waveform[torch.minimum(places, period - places)]


class WaveformClip(nn.Module):
    """The windows of a clip whose crops are cut from its waveform.

    Shape
    -----
    waveform : (samples,), float32
    waves : see `audiotag.tagging.standalone.front_end.ExportableLogMel`; not used
    sound : (samples,), the trimmed waveform, at least as long as a window
    levels : (samples,), its absolute values
    starts : (windows,), int64, samples
    """

    def __init__(self, settings: SpectrogramSettings, tag_settings: TagSettings) -> None:
        super().__init__()
        self.settings = settings
        self.trimmer = Trimmer(settings)
        self.hop = tag_settings.hop(settings.clip_samples)

    def forward(self, waveform: torch.Tensor, waves: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The sound, the values whose largest is a window's peak, and where in them the windows begin."""
        waveform = self.trimmer(waveform)
        window = self.settings.clip_samples
        excess = _size(waveform) - window
        missing, last = (-excess).clamp(min=0), excess.clamp(min=0)
        is_one_window = (excess >= 0) & (excess <= int(window * MAX_EXCESS_FRACTION))
        starts = (torch.arange((last + self.hop - 1) // self.hop + 1) * self.hop).clamp(max=last)  # type: ignore[call-overload]
        starts = torch.where(is_one_window, last // 2, starts)[: torch.where(is_one_window, 1, starts.shape[0])]
        sound = self._filled(waveform, missing)
        return sound, sound.abs(), starts

    def _filled(self, waveform: torch.Tensor, missing: torch.Tensor) -> torch.Tensor:
        """A waveform that is at least as long as a window, as `audiotag.features.trimming.fit_length` makes it."""
        if self.settings.padding == "repeat":
            samples = _size(waveform)
            return waveform.repeat((samples + missing + samples - 1) // samples)[: samples + missing]  # type: ignore[call-overload]
        before = torch.zeros_like(missing)
        if self.settings.padding == "zeros":
            before = (missing / 2).round().to(torch.int64)  # to the nearest even number, as Python does
        return torch.cat([waveform.new_zeros(before), waveform, waveform.new_zeros(missing - before)])  # type: ignore[call-overload]


class SpectrogramClip(nn.Module):
    """The windows of a clip whose crops are cut from its spectrogram, as `audiotag.tagging.spectrogram_windows` does.

    Shape
    -----
    waveform : (samples,), float32
    waves : see `audiotag.tagging.standalone.front_end.ExportableLogMel`
    sound : (n_mels, frames), the normalised log-mel, filled at its ends as far as windows reach
    levels : (frames,), the peak of the samples of each frame
    starts : (windows,), int64, frames
    """

    def __init__(self, settings: SpectrogramSettings, tag_settings: TagSettings) -> None:
        super().__init__()
        self.settings = settings
        self.trimmer = Trimmer(settings)
        self.log_mel, self.network_input = ExportableLogMel(settings), ExportableNetworkInput(settings)
        self.step = tag_settings.hop(settings.frames)
        self.is_placed_first = settings.padding in ("zeros-after", "zero-db-after")

    def forward(self, waveform: torch.Tensor, waves: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The sound, the values whose largest is a window's peak, and where in them the windows begin."""
        settings = self.settings
        waveform = self._filled(self.trimmer(waveform))
        log_mel = self.log_mel(waveform[None], waves)
        frames, window = _size(log_mel, -1), settings.frames
        starts = self._starts(frames)
        before, after = (-starts[0]).clamp(min=0), (starts[-1] + window - frames).clamp(min=0)
        places = torch.arange(-before, frames + after)  # type: ignore[call-overload]
        is_outside = (places < 0) | (places >= frames)
        if settings.padding == "repeat":
            is_outside = is_outside & (frames >= window)
        # With all axes kept: ONNX Runtime moves transpositions across reductions, and cannot do so where axes go.
        floor = log_mel.amax(dim=(1, 2), keepdim=True) - settings.top_db
        filling = torch.zeros_like(floor)
        if settings.padding != "zero-db-after":
            filling = log_mel.amin(dim=(1, 2), keepdim=True)
        whole = torch.where(is_outside, torch.maximum(filling, floor), log_mel[:, :, places % frames])
        sound = self.network_input.normalise(whole, *self.network_input.scale_of(log_mel))[0]
        whole_hops = functional.pad(waveform.abs()[None, None], (0, settings.hop_length - 1))
        peaks = functional.max_pool1d(whole_hops, settings.hop_length)[0, 0]
        levels = torch.cat([peaks.new_zeros(before), peaks, peaks.new_zeros(after + window)])  # type: ignore[call-overload]
        return sound, levels, starts + before

    def _filled(self, waveform: torch.Tensor) -> torch.Tensor:
        """The waveform with the zeros of `audiotag.features.whole_clip.added_zeros`."""
        settings = self.settings
        fewest = max(settings.fewest_samples, int(settings.min_s * settings.sample_rate))
        if settings.padding in ("zeros", "zeros-after"):
            fewest = max(fewest, settings.clip_samples)
        missing = (fewest - _size(waveform)).clamp(min=0)
        before = torch.zeros_like(missing) if self.is_placed_first else missing // 2
        return torch.cat([waveform.new_zeros(before), waveform, waveform.new_zeros(missing - before)])  # type: ignore[call-overload]

    def _starts(self, frames: torch.Tensor) -> torch.Tensor:
        """The first frame of each window: one for a short clip, else those of the rule ``tiles``."""
        window, step = self.settings.frames, self.step
        rest = frames - (window - step)
        count = ((rest + step - 1) // step).clamp(min=1)
        short_start = torch.zeros_like(frames) if self.is_placed_first else -((window - frames) // 2)
        is_short = frames <= window
        first = torch.where(is_short, short_start, -((step * count - rest) // 2))
        return first + step * torch.arange(torch.where(is_short, 1, count))  # type: ignore[call-overload]


class WindowScores(nn.Module):
    """Scores some windows of a clip, and adds them to what its earlier windows scored.

    Shape
    -----
    sound, levels : from `WaveformClip` or `SpectrogramClip`
    starts : (windows,), int64
    offsets : (length,), int64, 0 to the length of a window in samples or frames
    waves : see `audiotag.tagging.standalone.front_end.ExportableLogMel`
    earlier : (folds, labels), the highest scores of the earlier windows, or their sums
    later : (folds, labels), the same with these windows
    """

    def __init__(self, settings: SpectrogramSettings, folds: AllFolds, windows: Windows) -> None:
        super().__init__()
        self.cuts_spectrograms = settings.crop == "spectrogram"
        self.features, self.network_input = exportable_features(settings), ExportableNetworkInput(settings)
        self.folds, self.windows = folds, windows

    def forward(
        self,
        sound: torch.Tensor,
        levels: torch.Tensor,
        starts: torch.Tensor,
        offsets: torch.Tensor,
        waves: torch.Tensor,
        earlier: torch.Tensor,
    ) -> torch.Tensor:
        """The highest scores, or the sums of the scores, so far."""
        places = starts[:, None] + offsets
        if self.cuts_spectrograms:
            inputs = self.network_input.assemble(sound[:, places].transpose(0, 1))
        else:
            inputs = self._of_waveforms(sound[places], waves)
        is_audible = levels[places].amax(dim=1) >= 10 ** (SILENCE_DBFS / 20)
        scores = torch.where(is_audible[:, None], self.folds(inputs)[0], 0)  # (folds, windows, labels)
        return torch.maximum(earlier, scores.amax(dim=1)) if self.windows == "max" else earlier + scores.sum(dim=1)

    def _of_waveforms(self, waveforms: torch.Tensor, waves: torch.Tensor) -> torch.Tensor:
        """Network inputs of windows, shape (windows, samples); each is a batch of its own."""
        features = self.features(waveforms, waves)
        network_input = self.network_input
        return network_input.assemble(network_input.normalise(features, *network_input.scale_of(features)))


class ClipScores(nn.Module):
    """Combines the scores of the folds: (folds, labels) and (windows,), of which only the number counts → (labels,)."""

    def __init__(self, windows: Windows, combine: Combine, temperature: float) -> None:
        super().__init__()
        self.windows, self.combine, self.temperature = windows, combine, temperature

    def forward(self, of_folds: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
        """The scores of the clip, 0 to 1."""
        if self.windows == "mean":
            of_folds = of_folds / starts.shape[0]
        if self.combine == "mean":
            scores = of_folds.mean(dim=0)
        else:
            scores = of_folds.clamp(min=MIN_SCORE).log().mean(dim=0).exp()
            scores = torch.where(of_folds.amax(dim=0) > 0, scores, 0)
        if self.temperature == 1:
            return scores
        logits = (scores.log() - (1 - scores).log()) / self.temperature
        return torch.where(scores > 0, logits.sigmoid(), 0)
