"""Find which part of time and frequency an ensemble used for a label, and let that part be heard.

A section of a sound, one window of the ensemble, is scored again and again with another patch of its log-mel covered
(`audiotag.tagging.occlusion`). One pass gives the maps of all labels. What a map marks is then kept in the waveform, or
removed from it (`audiotag.features.masking`), and both sounds are tagged like any other: their scores show whether the
map is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from audiotag.audio.header import Source
from audiotag.audio.levels import SILENCE_DBFS, peak_dbfs
from audiotag.audio.opening import source_name
from audiotag.audio.reading import read_short_sound
from audiotag.audio.streaming import read_part
from audiotag.checks import readable, require
from audiotag.features.masking import MaskableSound, TimeFrequencyMap
from audiotag.features.mel import mel_frequencies
from audiotag.features.trimming import trimmed_bounds
from audiotag.tagging.clip_inputs import MAX_WHOLE_CLIP_S
from audiotag.tagging.fold_fusion import MIN_SCORE, fuse_windows
from audiotag.tagging.occlusion import Grid, top_share
from audiotag.tagging.result import Evidence
from audiotag.tagging.section_inputs import SectionWindow, section_windows
from audiotag.tagging.waveform_source import readable_source

if TYPE_CHECKING:
    from audiotag.tagging.result import Tags
    from audiotag.tagging.settings import TagSettings
    from audiotag.tagging.tagger import Tagger

INPUTS_AT_ONCE = 32
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)  # of time and frequency that the part which is heard may have

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Section:
    """The part of a sound that is explained: as long as a window of the ensemble, or the whole of a shorter sound.

    Attributes
    ----------
    name : str
        Name of the sound.
    waveform : numpy.ndarray, shape=(samples,), float32
    sample_rate : int
        In Hz.
    start_s : float
        Where it begins in the sound.
    content : str
        Hash of the samples of the whole sound, by which folds that were trained on it do not vote.
    """

    name: str
    waveform: np.ndarray
    sample_rate: int
    start_s: float = 0.0
    content: str = ""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.waveform) / self.sample_rate


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a section in time and frequency, and what the ensemble says with it alone and without it.

    Attributes
    ----------
    share : float
        Of time and frequency, 0 to 1.
    mask : TimeFrequencyMap
        1 in the part, 0 elsewhere.
    only, without : numpy.ndarray, shape=(samples,), float32
        The waveform with only that part, and without it; their sum is that of the section.
    only_score, without_score : float
        The label's score for each of the two.
    """

    share: float
    mask: TimeFrequencyMap
    only: np.ndarray
    without: np.ndarray
    only_score: float
    without_score: float


@dataclass(frozen=True, eq=False)
class Explanation:
    """What an ensemble used of a section, for all its labels.

    Attributes
    ----------
    section : Section
    labels : tuple[str, ...]
    scores : numpy.ndarray, shape=(labels,)
        Of the section as it is, 0 to 1.
    covered_scores : numpy.ndarray, shape=(patches, labels)
        With each patch of `grid` covered.
    grid : Grid
    """

    section: Section
    labels: tuple[str, ...]
    scores: np.ndarray
    covered_scores: np.ndarray
    grid: Grid

    def column(self, label: str) -> int:
        """Where a label is among `labels`."""
        hint = f"{self.labels[0]} is one"
        require(label in self.labels, "label", "be a label of the ensemble", readable(label), hint)
        return self.labels.index(label)

    def score(self, label: str) -> float:
        """The label's score for the section as it is."""
        return float(self.scores[self.column(label)])

    def map_of(self, label: str) -> TimeFrequencyMap:
        """How much the label needs each time and frequency: the fall of its score's logit when that is covered.

        Positive where the ensemble used what is there for the label, negative where that speaks against it.
        """
        column = self.column(label)
        before, covered = self.scores[column], self.covered_scores[:, column]
        return self.grid.map_of(_logit(before) - _logit(covered))


class SectionScorer:
    """Scores of changed log-mels and of changed waveforms of a section by all folds of an ensemble that vote.

    Parameters
    ----------
    tagger : Tagger
        Of an ensemble or of a blend.
    section : Section
    settings : TagSettings, optional
        How folds and windows are combined; by default the tagger's.
    """

    def __init__(self, tagger: Tagger, section: Section, settings: TagSettings | None = None) -> None:
        self.tagger, self.section = tagger, section
        self._settings = replace(settings or tagger.settings, tta=False, hold_back=False)

    @cached_property
    def windows(self) -> list[list[SectionWindow]]:
        """The windows of the section for each of the tagger's `parts`."""
        return [self._windows(part, self.section.waveform) for part in self.tagger.parts]

    def covered(self, covered: list[list[np.ndarray]], progress: Progress = lambda done, total: None) -> np.ndarray:
        """Scores with parts of the log-mels at their lowest value, ``(variants, labels)``.

        Parameters
        ----------
        covered : list of lists of numpy.ndarray, shape=(variants, bands, frames), bool
            What is covered, for each of the tagger's parts and each of its windows.
        progress : callable
            Gets (network inputs done, in total).
        """
        total = sum(len(masks) for of_part in covered for masks in of_part)
        done, evidence = 0, []
        for part, windows, of_part in zip(self.tagger.parts, self.windows, covered, strict=True):
            settings, scores = part.card.spectrogram, []
            for window, masks in zip(windows, of_part, strict=True):
                filling = window.log_mel.min()
                blocks = []
                for first in range(0, len(masks), INPUTS_AT_ONCE):
                    some = masks[first : first + INPUTS_AT_ONCE]
                    changed = np.where(some, filling, window.log_mel)
                    inputs = np.stack([window.input_of(each, settings) for each in changed])
                    blocks.append(part.engine(inputs).scores)
                    done += len(some)
                    progress(done, total)
                scores.append(np.concatenate(blocks, axis=1))
            evidence.append(self._evidence(part, np.stack(scores, axis=2)))
        return self._combined(evidence)

    def waveforms(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        """Scores of waveforms in place of the section's own, ``(waveforms, labels)``: they are tagged like any other.

        Silence scores 0.
        """
        evidence = []
        for part in self.tagger.parts:
            settings = part.card.spectrogram
            windows = [self._windows(part, waveform) for waveform in waveforms]
            inputs = [window.input_of(window.log_mel, settings) for of_one in windows for window in of_one]
            blocks = [
                part.engine(np.stack(inputs[first : first + INPUTS_AT_ONCE])).scores
                for first in range(0, len(inputs), INPUTS_AT_ONCE)
            ]
            scores = np.concatenate(blocks, axis=1)
            evidence.append(self._evidence(part, scores.reshape(len(scores), len(waveforms), -1, scores.shape[-1])))
        audible = np.array([peak_dbfs(waveform) >= SILENCE_DBFS for waveform in waveforms])
        return self._combined([replace(each, audible=audible) for each in evidence])

    def _evidence(self, part: Tagger, scores: np.ndarray) -> Evidence:
        """Scores ``(folds, variants, windows, labels)`` as evidence in which each variant is a window."""
        variants = scores.shape[1]
        return Evidence(
            name=self.section.name,
            duration_s=float(variants),
            starts_s=np.arange(variants, dtype=np.float64),
            window_s=1.0,
            audible=np.ones(variants, dtype=bool),
            scores=fuse_windows(scores, self._settings.windows or part.card.windows),
            augmented=None,
            notes=(),
            content=self.section.content,
        )

    def _combined(self, evidence: list[Evidence]) -> np.ndarray:
        return self.tagger.tags_of(self.tagger.join_parts(evidence), self._settings).timeline

    def _windows(self, part: Tagger, waveform: np.ndarray) -> list[SectionWindow]:
        settings, rate = part.card.spectrogram, self.section.sample_rate
        if settings.sample_rate != rate:
            sound = read_short_sound(readable_source(waveform, rate), settings.sample_rate, np.inf, self.section.name)
            assert sound is not None
            waveform = sound.waveform
        return section_windows(waveform, settings)


def section_start(tagger: Tagger, tags: Tags, label: str) -> float:
    """Where the section begins in which a label scores highest, in seconds.

    Parameters
    ----------
    tagger : Tagger
    tags : Tags
        Of the whole sound.
    label : str
    """
    column = tagger.card.labels.index(label)
    best = int(np.argmax(tags.timeline[:, column])) if len(tags.timeline) else 0
    start_s = float(tags.starts_s[best]) if len(tags.starts_s) else 0.0
    middle_s = start_s + min(tags.window_s, tags.duration_s - start_s) / 2
    length_s = section_length(tagger)
    return max(0.0, min(middle_s - length_s / 2, tags.duration_s - length_s))


def section_length(tagger: Tagger) -> float:
    """Length of a section in seconds: that of a window; of a blend, that of the longest window."""
    return max(part.card.spectrogram.clip_s for part in tagger.parts)


def read_section(tagger: Tagger, source: Source, start_s: float, name: str | None = None, content: str = "") -> Section:
    """Read the section of a sound that begins at a time; silence that the ensemble trims is not in it.

    Parameters
    ----------
    tagger : Tagger
    source : Path or bytes
        Of a sound file.
    start_s : float
        From the start of the sound; a section that would end after the sound begins earlier.
    name : str, optional
    content : str
        Of the whole sound, `Tags.content`.

    Raises
    ------
    AudiotagError
        If the sound cannot be read, or ends before ``start_s``.
    """
    settings = tagger.card.spectrogram
    rate, length = settings.sample_rate, round(section_length(tagger) * settings.sample_rate)
    start = round(start_s * rate)
    sound = read_short_sound(source, rate, MAX_WHOLE_CLIP_S, name)
    if sound is not None:
        first, last = trimmed_bounds(sound.waveform, settings)
        start = max(first, min(start, last - length))
        waveform = sound.waveform[start : min(start + length, last)]
    else:
        waveform = read_part(source, rate, start, start + length, name)
    called = name or source_name(source)
    require(
        len(waveform) > 0, f"the time to explain in {called}", "be in the sound", f"{start_s:g} s", "is it shorter?"
    )
    return Section(called, waveform, rate, start / rate, content)


def explain_section(
    tagger: Tagger,
    section: Section,
    settings: TagSettings | None = None,
    progress: Progress = lambda done, total: None,
) -> Explanation:
    """Explain all labels of a section.

    Parameters
    ----------
    tagger : Tagger
        Of an ensemble or of a blend.
    section : Section
    settings : TagSettings, optional
        How folds and windows are combined; by default the tagger's.
    progress : callable
        Gets (network inputs done, in total).
    """
    scorer = SectionScorer(tagger, section, settings)
    grid = Grid(tagger.parts[0].card.spectrogram, section.duration_s)
    covered = [[_with_nothing_first(grid, part, window) for window in windows] for part, windows in _pairs(scorer)]
    scores = scorer.covered(covered, progress)
    return Explanation(section, tagger.card.labels, scores[0], scores[1:], grid)


def hear_parts(
    tagger: Tagger,
    explanation: Explanation,
    label: str,
    settings: TagSettings | None = None,
    shares: Sequence[float] = SHARES,
) -> tuple[Part, ...]:
    """For each share of time and frequency, the part that a label needs most, and the scores with and without it.

    Parameters
    ----------
    tagger : Tagger
        That the explanation is of.
    explanation : Explanation
    label : str
    settings : TagSettings, optional
        Those of the explanation.
    shares : sequence of float
        0 to 1.
    """
    sound = MaskableSound(explanation.section.waveform, explanation.section.sample_rate)
    needed = explanation.map_of(label)
    masks = [replace(needed, values=top_share(needed.values, share).astype(np.float64)) for share in shares]
    only = [sound.part(mask) for mask in masks]
    without = [sound.waveform - part for part in only]
    scores = SectionScorer(tagger, explanation.section, settings).waveforms([*only, *without])[
        :, explanation.column(label)
    ]
    return tuple(
        Part(share, mask, only[n], without[n], float(scores[n]), float(scores[len(masks) + n]))
        for n, (share, mask) in enumerate(zip(shares, masks, strict=True))
    )


def best_part(parts: Sequence[Part]) -> Part:
    """The part that explains a label best: with it alone the score is highest compared with the score without it."""
    return max(parts, key=lambda part: part.only_score - part.without_score)


def _pairs(scorer: SectionScorer) -> list[tuple[Tagger, list[SectionWindow]]]:
    return list(zip(scorer.tagger.parts, scorer.windows, strict=True))


def _with_nothing_first(grid: Grid, part: Tagger, window: SectionWindow) -> np.ndarray:
    """What each variant covers in a window: the first one nothing, then each patch."""
    patches = grid.covered(mel_frequencies(part.card.spectrogram), window.times_s)
    return np.concatenate([np.zeros_like(patches[:1]), patches])


def _logit(scores: np.ndarray) -> np.ndarray:
    clipped = np.clip(np.asarray(scores, dtype=np.float64), MIN_SCORE, 1 - MIN_SCORE)
    return np.log(clipped) - np.log1p(-clipped)
