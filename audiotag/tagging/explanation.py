"""Find which part of time and frequency an ensemble used for a label, and let that part be heard.

A section of a sound, one window of the ensemble, is scored again and again with another patch of its log-mel covered
(`audiotag.tagging.occlusion`); where networks take waveforms, with that patch of time and frequency removed. One pass
gives the maps of all labels. What a map marks is then kept in the waveform, or removed from it
(`audiotag.features.masking`), and both sounds are tagged like any other: their scores show whether the map is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audiotag.audio.levels import SILENCE_DBFS
from audiotag.checks import readable, require
from audiotag.errors import AudiotagError
from audiotag.features.log_mel import display_log_mel
from audiotag.features.masking import MaskableSound, TimeFrequencyMap
from audiotag.features.mel import mel_frequencies
from audiotag.tagging.fold_fusion import MIN_SCORE
from audiotag.tagging.occlusion import Grid, top_share
from audiotag.tagging.section import Section, read_section, section_start
from audiotag.tagging.section_inputs import Filling, Window
from audiotag.tagging.section_scores import Progress, SectionScorer
from audiotag.tagging.waveform_source import Taggable, readable_source
from audiotag.wording import as_number

if TYPE_CHECKING:
    from audiotag.tagging.result import Tags
    from audiotag.tagging.settings import TagSettings
    from audiotag.tagging.tagger import Tagger

SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)  # of time and frequency that the part which is heard may have
NEARLY = 0.05  # a difference of scores that is worth no larger part
LEVEL_POWER = 2
SMOOTHING = (1.0, 2.0)  # of the level: standard deviations in bands and frames, so that parts have no specks


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a section in time and frequency, and what the ensemble says with it alone and without it.

    Attributes
    ----------
    share : float
        Of time and frequency, 0 to 1; at most so much is in the part.
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
    levels : numpy.ndarray, shape=(bands, frames)
        Of the section's log-mel at the bands and frames of maps: 0 at its floor to 1 at its loudest point.
    """

    section: Section
    labels: tuple[str, ...]
    scores: np.ndarray
    covered_scores: np.ndarray
    grid: Grid
    levels: np.ndarray

    def column(self, label: str) -> int:
        """Where a label is among `labels`."""
        _check_label(label, self.labels)
        return self.labels.index(label)

    def score(self, label: str) -> float:
        """The label's score for the section as it is."""
        return float(self.scores[self.column(label)])

    def map_of(self, label: str) -> TimeFrequencyMap:
        """How much the label needs each time and frequency: how far its score's logit falls when that is covered.

        Covering changes a point the more, the further it is above the floor. So within a patch the fall is due to what
        is loud in it, and the map of the patches is multiplied by the level, to a power that was chosen on recordings
        (docs/lab.md). Positive where the ensemble used what is there for the label, negative where that speaks
        against it.
        """
        column = self.column(label)
        before, covered = self.scores[column], self.covered_scores[:, column]
        of_patches = self.grid.map_of(_logit(before) - _logit(covered))
        return replace(of_patches, values=of_patches.values * self.levels**LEVEL_POWER)


@dataclass(frozen=True, eq=False)
class LabelExplanation:
    """Which part of a sound an ensemble used for one label.

    Attributes
    ----------
    label : str
    section : Section
        The part of the sound that is explained.
    score : float
        Of the label for the section, 0 to 1.
    map : TimeFrequencyMap
        See `Explanation.map_of`; its times are relative to the section.
    part : Part
        What can be heard.
    """

    label: str
    section: Section
    score: float
    map: TimeFrequencyMap
    part: Part


def explain_sound(
    tagger: Tagger,
    source: Taggable,
    label: str | None = None,
    at_s: float | None = None,
    share: float | None = None,
    sample_rate: int | None = None,
    progress: Progress = lambda done, total: None,
) -> LabelExplanation:
    """Explain a label of a sound.

    Parameters
    ----------
    tagger : Tagger
        Of an ensemble or of a blend.
    source : str, Path, bytes or numpy.ndarray
        As for `Tagger.tag`.
    label : str, optional
        By default the label that scores highest.
    at_s : float, optional
        A time in the window to explain, in seconds; by default the window in which the label scores highest.
    share : float, optional
        Share of time and frequency that is heard, above 0 to 1; by default that of `SHARES` for which the scores with
        the part alone and without it differ most.
    sample_rate : int, optional
        Sample rate of a waveform in Hz.
    progress : callable
        Gets (network inputs done, in total).

    Raises
    ------
    AudiotagError
        If the sound cannot be read, is silent and no label is named, the ensemble does not have the label, or the
        time is not in the sound.
    """
    tags = tagger.tag(source, sample_rate=sample_rate)
    if label is None:
        label = _highest_label(tags)
    _check_label(label, tagger.card.labels)
    require(share is None or 0 < share <= 1, "share", "be above 0, at most 1", share, "write 0.1 for 10 %")
    start_s = section_start(tagger, tags, label, at_s)
    section = read_section(tagger, readable_source(source, sample_rate), start_s, tags.name, tags.content)
    explanation = explain_section(tagger, section, progress=progress)
    parts = hear_parts(tagger, explanation, label, shares=SHARES if share is None else (share,))
    return LabelExplanation(label, section, explanation.score(label), explanation.map_of(label), best_part(parts))


def _highest_label(tags: Tags) -> str:
    if tags.ranking[0].score == 0:
        raise AudiotagError(
            f"{tags.name} is silent: no sample is above {as_number(SILENCE_DBFS, 'g')} dBFS. All labels score 0, so "
            "there is nothing to explain."
        )
    return tags.ranking[0].label


def explain_section(
    tagger: Tagger,
    section: Section,
    settings: TagSettings | None = None,
    filling: Filling = "floor",
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
    filling : "floor" or "mean"
        What patches are covered with: the lowest value of the window's log-mel, or its mean. Of waveforms they are
        removed.
        `benchmarks/explanation.py` compares both.
    progress : callable
        Gets (network inputs done, in total).
    """
    scorer = SectionScorer(tagger, section, settings)
    grid = Grid(tagger.parts[0].card.spectrogram, section.duration_s)
    covered = [[_with_nothing_first(grid, part, window) for window in windows] for part, windows in _pairs(scorer)]
    scores = scorer.covered(covered, filling, progress)
    return Explanation(section, tagger.card.labels, scores[0], scores[1:], grid, _levels(section, grid))


def hear_parts(
    tagger: Tagger,
    explanation: Explanation,
    label: str,
    settings: TagSettings | None = None,
    shares: Sequence[float] = SHARES,
) -> tuple[Part, ...]:
    """For each share of time and frequency, the part that a label needs most, and the scores with and without it.

    What does not speak for the label is in no part, so a part may be smaller than its share.

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
    masks = [replace(needed, values=_part_mask(needed.values, share)) for share in shares]
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
    """The part that explains a label best: the smallest for which the scores with it alone and without it differ about
    as much as they do for any (`NEARLY`)."""
    most = max(part.only_score - part.without_score for part in parts)
    good = [part for part in parts if part.only_score - part.without_score >= most - NEARLY]
    return min(good, key=lambda part: part.share)


def _part_mask(values: np.ndarray, share: float) -> np.ndarray:
    """1 where a map is highest and speaks for the label, without specks and holes of a few bands and frames."""
    from scipy.ndimage import uniform_filter

    highest = top_share(values, share) & (values > 0)
    return (uniform_filter(highest.astype(np.float64), 5, mode="nearest") > 0.5).astype(np.float64)


def _check_label(label: str, labels: tuple[str, ...]) -> None:
    require(label in labels, "label", "be a label of the ensemble", readable(label), f"{labels[0]} is one")


def _levels(section: Section, grid: Grid) -> np.ndarray:
    """`Explanation.levels`."""
    from scipy.ndimage import gaussian_filter

    decibels = display_log_mel(section.waveform, grid.settings)
    frames_s = np.arange(decibels.shape[1]) * grid.settings.hop_length / grid.settings.sample_rate
    levels = TimeFrequencyMap(decibels, grid.frequencies_hz, frames_s).at(grid.frequencies_hz, grid.times_s)
    levels = gaussian_filter(levels, SMOOTHING)
    return (levels - levels.min()) / max(float(np.ptp(levels)), 1e-9)


def _pairs(scorer: SectionScorer) -> list[tuple[Tagger, list[Window]]]:
    return list(zip(scorer.tagger.parts, scorer.windows, strict=True))


def _with_nothing_first(grid: Grid, part: Tagger, window: Window) -> np.ndarray:
    """What each variant covers in a window: the first one nothing, then each patch."""
    patches = grid.covered(mel_frequencies(part.card.spectrogram), window.times_s)
    return np.concatenate([np.zeros_like(patches[:1]), patches])


def _logit(scores: np.ndarray) -> np.ndarray:
    clipped = np.clip(np.asarray(scores, dtype=np.float64), MIN_SCORE, 1 - MIN_SCORE)
    return np.log(clipped) - np.log1p(-clipped)
