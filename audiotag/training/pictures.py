"""What training draws from a clip: a random crop of its trimmed sound, as the same log-mel the tagger sees."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.data.dataset import Problem
from audiotag.errors import AudiotagError
from audiotag.sound.audio import read_crop, read_header, read_sound
from audiotag.sound.settings import SpectrogramSettings
from audiotag.sound.spectrogram import fit_length, kept_bounds, log_mel


@dataclass(frozen=True)
class Clip:
    """A clip that training can use: where it is and which samples of it are kept."""

    name: str
    path: Path
    start: int
    end: int
    at_rate: bool  # its own sample rate is the wanted one, so a crop can be read without the rest

    def waveform(self, settings: SpectrogramSettings, at: float) -> np.ndarray:
        """A crop, or the padded whole, of ``settings.clip_samples`` samples; ``at`` is 0 to 1."""
        if not self.at_rate:
            return fit_length(read_sound(self.path, settings.sample_rate).waveform[self.start : self.end], settings, at)
        frames = min(settings.clip_samples, self.end - self.start)
        offset = round(at * (self.end - self.start - frames))
        return fit_length(read_crop(self.path, self.start + offset, frames), settings, at)

    def picture(self, settings: SpectrogramSettings, at: float) -> np.ndarray:
        """Log-mel of `waveform`, shape ``(n_mels, frames)``, dB."""
        return log_mel(self.waveform(settings, at), settings)


def prepare_clips(
    clips: pd.DataFrame, settings: SpectrogramSettings, progress: Callable[[int, int], None] | None = None
) -> tuple[list[Clip | None], list[Problem]]:
    """Decode every clip once, to know that it can be read and where its silence ends.

    Returns
    -------
    list of Clip or None
        In the order of ``clips``; None for a clip that cannot be used.
    list of Problem
        Why.
    """
    prepared: list[Clip | None] = []
    problems = []
    with ThreadPoolExecutor() as pool:
        for path, result in zip(clips["path"], pool.map(lambda p: _prepare(p, settings), clips["path"]), strict=True):
            if isinstance(result, Clip):
                prepared.append(result)
            else:
                prepared.append(None)
                problems.append(Problem(path.name, result))
            if progress:
                progress(len(prepared), len(clips))
    return prepared, problems


def _prepare(path: Path, settings: SpectrogramSettings) -> Clip | str:
    try:
        sound = read_sound(path, settings.sample_rate)
        at_rate = read_header(path).sample_rate == settings.sample_rate
    except (AudiotagError, OSError) as error:
        return str(error)
    start, end = kept_bounds(sound.waveform, settings)
    return Clip(path.name, path, start, end, at_rate)
