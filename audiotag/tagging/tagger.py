"""From a clip to its tags, by an ensemble of folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from audiotag.errors import AudiotagError
from audiotag.sound.audio import SILENCE_DBFS, Sound, Source, peak_dbfs, read_sound
from audiotag.sound.on_device import NetworkInput
from audiotag.sound.settings import SpectrogramSettings
from audiotag.sound.spectrogram import fit_length, kept_bounds, log_mel
from audiotag.tagging.ensemble import Card, load_networks, read_card
from audiotag.tagging.result import Tag, Tags

WINDOWS_AT_ONCE = 32  # bounds memory, whatever the clip's length


class Tagger:
    """An ensemble in memory, ready to tag.

    Parameters
    ----------
    folder : Path
        Of the ensemble.
    folds : tuple[int, ...], optional
        Use only these of its folds.

    Raises
    ------
    AudiotagError
        If the folder is no whole ensemble, or has no such fold.
    """

    def __init__(self, folder: Path, folds: tuple[int, ...] = ()) -> None:
        self.card: Card = read_card(folder)
        known = [fold.fold for fold in self.card.folds]
        if unknown := sorted(set(folds) - set(known)):
            raise AudiotagError(f"folds must be among {', '.join(map(str, known))} in {folder.name}, got {unknown[0]}.")
        networks = load_networks(folder, self.card)
        chosen = [fold.fold in folds or not folds for fold in self.card.folds]
        self.finish = NetworkInput(self.card.spectrogram)
        self.networks = [
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            for network, wanted in zip(networks, chosen, strict=True)
            if wanted
        ]

    def tag(self, source: Source, name: str | None = None) -> Tags:
        """Tag a sound file, or the bytes of one.

        Raises
        ------
        AudiotagError
            If it cannot be read as a sound; see `audiotag.sound.audio.read_sound`.
        """
        return self.tag_sound(read_sound(source, self.card.spectrogram.sample_rate, name))

    def tag_sound(self, sound: Sound) -> Tags:
        """Tag a decoded sound; it must have the card's sample rate."""
        settings = self.card.spectrogram
        if peak_dbfs(sound.waveform) < SILENCE_DBFS:
            nothing = np.zeros((len(self.networks), 1, len(self.card.labels)), dtype=np.float32)
            return self._tags(sound, nothing, np.zeros(1))
        first, last = kept_bounds(sound.waveform, settings)
        trimmed = sound.waveform[first:last]
        starts = window_starts(len(trimmed), settings)
        scores = np.concatenate(
            [
                self.score(
                    [trimmed[start : start + settings.clip_samples] for start in starts[at : at + WINDOWS_AT_ONCE]]
                )
                for at in range(0, len(starts), WINDOWS_AT_ONCE)
            ],
            axis=1,
        )
        return self._tags(sound, scores, (first + np.array(starts)) / settings.sample_rate)

    def score(self, windows: list[np.ndarray]) -> np.ndarray:
        """Scores of waveforms, each padded to the clip length, shape ``(folds, windows, labels)``."""
        settings = self.card.spectrogram
        log_mels = np.stack([log_mel(fit_length(window, settings), settings) for window in windows])
        batch = self.finish(torch.from_numpy(log_mels)).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            return np.stack([network(batch).sigmoid().numpy() for network in self.networks])

    def _tags(self, sound: Sound, scores: np.ndarray, starts_s: np.ndarray) -> Tags:
        over_windows = scores.max(axis=1) if self.card.windows == "max" else scores.mean(axis=1)
        clip_scores = over_windows.mean(axis=0)
        thresholds = np.array(self.card.thresholds)
        agreeing = ((over_windows >= thresholds) & (over_windows > 0)).sum(axis=0)
        ranking = tuple(
            Tag(self.card.labels[i], float(clip_scores[i]), float(thresholds[i]), int(agreeing[i]))
            for i in np.argsort(-clip_scores, kind="stable")
        )
        return Tags(
            sound.name, ranking, len(self.networks), clip_scores, scores.mean(axis=0), starts_s, tuple(sound.notes)
        )


def window_starts(samples: int, settings: SpectrogramSettings) -> list[int]:
    """Where windows of the clip length start: every half window, the last one ending with the sound.

    >>> window_starts(44_100 * 5, SpectrogramSettings(clip_s=2.0))
    [0, 44100, 88200, 132300]
    """
    last = max(samples - settings.clip_samples, 0)
    return [*range(0, last, settings.clip_samples // 2), last]
