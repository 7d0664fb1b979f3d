"""Play noises and speech to an ensemble, and count the tags that it gives to them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from audiotag.audio.header import Header, Sound
from audiotag.checks import Within, check
from audiotag.disk import locked
from audiotag.tagging.card import CARD
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.settings import MEASURED
from audiotag.trust.noise_gate import NoiseGate, Played
from audiotag.trust.noise_sounds import NOISES, SILENCE, Kind, at_level
from audiotag.trust.speech import speech_kind
from audiotag.workspace import read_json, write_json

if TYPE_CHECKING:
    from audiotag.tagging.tagger import Tagger

SEED = 2019
LEVELS_DBFS = (-60.0, -40.0, -20.0)
WINDOWS_PER_BLOCK = 12  # rendered at a time: bounds memory, and each block is another take of the sound


@dataclass(frozen=True)
class GateSettings:
    """What is played.

    Attributes
    ----------
    windows : int
        Windows of each kind of sound at each level, 1 to 10,000; with windows of 5 s, 48 are four minutes.
    """

    windows: Annotated[int, Within(1, 10_000, "windows"), "48 is the default"] = 48

    def __post_init__(self) -> None:
        check(self)


def measure_noise_gate(
    tagger: Tagger,
    settings: GateSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
    kinds: tuple[Kind, ...] | None = None,
) -> NoiseGate:
    """Count the false tags of silence, noises, hum, wind and speech, each at several levels.

    Parameters
    ----------
    tagger : Tagger
        Tags without overlap of windows. The card's thresholds are used.
    settings : GateSettings, optional
    progress : callable(done, total), optional
        Called as windows are tagged.
    kinds : tuple[Kind, ...], optional
        By default all, with speech as the last.

    Returns
    -------
    NoiseGate
        The same at each call, as long as speech is rendered by the same program.
    """
    settings = settings or GateSettings()
    speech, renderer = speech_kind()
    kinds = (*NOISES, speech) if kinds is None else kinds
    plan = [(kind, _levels(kind)) for kind in kinds]
    total, done, played = settings.windows * sum(len(levels) for _, levels in plan), 0, []
    for number, (kind, levels) in enumerate(plan):
        not_counted = tuple(label for label in tagger.card.labels if kind.is_own_label(label))
        counts: dict[float | None, Counter[str]] = {level: Counter() for level in levels}
        tagged: Counter[float | None] = Counter()
        for block, windows in enumerate(_blocks(settings.windows)):
            rng = np.random.default_rng((SEED, number, block))
            spectrogram = tagger.card.spectrogram
            waveform = kind.render(rng, windows * spectrogram.clip_samples, spectrogram.sample_rate)
            for level in levels:
                tags = window_tags(tagger, waveform if level is None else at_level(waveform, level), kind.name)
                tags[:, [tagger.card.labels.index(label) for label in not_counted]] = False
                tagged[level] += int(tags.any(axis=1).sum())
                for label, count in zip(tagger.card.labels, tags.sum(axis=0), strict=True):
                    counts[level][label] += int(count)
                done += windows
                if progress:
                    progress(done, total)
        for level in levels:
            of_level = {label: count for label, count in counts[level].most_common() if count}
            played.append(Played(kind.name, level, settings.windows, tagged[level], of_level, not_counted))
    return NoiseGate(tuple(played), tagger.card.spectrogram.clip_s, renderer, time.strftime("%Y-%m-%d"))


def window_tags(tagger: Tagger, waveform: np.ndarray, name: str) -> np.ndarray:
    """Whether each window of a waveform gets each label, shape ``(windows, labels)``, bool.

    The windows follow each other without overlap, from the start of the waveform.
    """
    size, rate = tagger.card.spectrogram.clip_samples, tagger.card.spectrogram.sample_rate
    thresholds, tags = np.array(tagger.card.thresholds), []
    for start in range(0, len(waveform), size):
        window = np.asarray(waveform[start : start + size], dtype=np.float32)
        found = tagger.tag_sound(Sound(name, window, rate, Header(len(window), rate, 1, "WAV", "FLOAT")))
        tags.append((found.scores >= thresholds) & (found.scores > 0))
    return np.array(tags)


def gate_tagger(folder: Path, say: Callable[[str], None] = lambda sentence: None) -> Tagger:
    """The ensemble in a folder as the noise gate uses it: all folds, their mean, no test-time augmentation."""
    from audiotag.tagging.opening import open_tagger

    return open_tagger(folder, MEASURED, say=say)


def save_noise_gate(folder: Path, gate: NoiseGate) -> None:
    """Write a measured noise gate into the card of the ensemble in a folder; the rest of the card stays as it is.

    Raises
    ------
    AudiotagError
        If the card cannot be read.
    """
    with locked(folder / CARD):
        read_card(folder)  # refuses what is not a card
        write_json(folder / CARD, read_json(folder / CARD) | {"noise_gate": gate.to_dict()})


def _levels(kind: Kind) -> tuple[float | None, ...]:
    return (None,) if kind.name == SILENCE else LEVELS_DBFS


def _blocks(windows: int) -> list[int]:
    """Numbers of windows of the blocks that make up so many windows.

    >>> _blocks(30)
    [12, 12, 6]
    """
    whole, rest = divmod(windows, WINDOWS_PER_BLOCK)
    return [WINDOWS_PER_BLOCK] * whole + [rest] * bool(rest)
