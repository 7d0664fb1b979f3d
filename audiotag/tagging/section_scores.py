"""Score a section of a sound with parts covered, and changed waveforms in its place, by all folds that vote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from audiotag.audio.levels import SILENCE_DBFS, peak_dbfs
from audiotag.audio.reading import read_short_sound
from audiotag.tagging.evidence import Evidence
from audiotag.tagging.fold_fusion import fuse_windows
from audiotag.tagging.section import Section
from audiotag.tagging.section_inputs import Filling, Window, section_windows
from audiotag.tagging.waveform_source import readable_source

if TYPE_CHECKING:
    from audiotag.tagging.settings import TagSettings
    from audiotag.tagging.tagger import Tagger

INPUTS_AT_ONCE = 32

Progress = Callable[[int, int], None]


class SectionScorer:
    """Scores of a section with parts covered, and of changed waveforms, by all folds of an ensemble that vote.

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
    def windows(self) -> list[list[Window]]:
        """The windows of the section for each of the tagger's `parts`."""
        return [self._windows(part, self.section.waveform) for part in self.tagger.parts]

    def covered(
        self,
        covered: list[list[np.ndarray]],
        filling: Filling = "floor",
        progress: Progress = lambda done, total: None,
    ) -> np.ndarray:
        """Scores with parts of the windows covered, ``(variants, labels)``; those of a silent section are 0.

        Parameters
        ----------
        covered : list of lists of numpy.ndarray, shape=(variants, bands, frames), bool
            What is covered, for each of the tagger's parts and each of its windows.
        filling : "floor" or "mean"
            What covers: the lowest value of the window, or its mean. Of a waveform, parts are removed.
        progress : callable
            Gets (network inputs done, in total).
        """
        total = sum(len(masks) for of_part in covered for masks in of_part)
        done, evidence = 0, []
        for part, windows, of_part in zip(self.tagger.parts, self.windows, covered, strict=True):
            settings, scores = part.card.spectrogram, []
            for window, masks in zip(windows, of_part, strict=True):
                blocks = []
                for first in range(0, len(masks), INPUTS_AT_ONCE):
                    some = masks[first : first + INPUTS_AT_ONCE]
                    blocks.append(part.networks.run(window.covered_inputs(some, settings, filling)).scores)
                    done += len(some)
                    progress(done, total)
                scores.append(np.concatenate(blocks, axis=1))
            evidence.append(self._evidence(part, np.stack(scores, axis=2)))
        is_audible = _is_audible(self.section.waveform)
        return self._combined([replace(each, audible=np.full(len(each.audible), is_audible)) for each in evidence])

    def waveforms(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        """Scores of waveforms in place of the section's own, ``(waveforms, labels)``: they are tagged like any other.

        Silence scores 0.
        """
        evidence = []
        for part in self.tagger.parts:
            settings = part.card.spectrogram
            windows = [self._windows(part, waveform) for waveform in waveforms]
            inputs = [window.plain_input(settings) for of_one in windows for window in of_one]
            blocks = [
                part.networks.run(np.stack(inputs[first : first + INPUTS_AT_ONCE])).scores
                for first in range(0, len(inputs), INPUTS_AT_ONCE)
            ]
            scores = np.concatenate(blocks, axis=1)
            evidence.append(self._evidence(part, scores.reshape(len(scores), len(waveforms), -1, scores.shape[-1])))
        audible = np.array([_is_audible(waveform) for waveform in waveforms])
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
        return self.tagger.window_tags_of(self.tagger.join_parts(evidence), self._settings).timeline

    def _windows(self, part: Tagger, waveform: np.ndarray) -> list[Window]:
        settings, rate = part.card.spectrogram, self.section.sample_rate
        if settings.sample_rate != rate:
            sound = read_short_sound(readable_source(waveform, rate), settings.sample_rate, np.inf, self.section.name)
            assert sound is not None
            waveform = sound.waveform
        return section_windows(waveform, settings)


def _is_audible(waveform: np.ndarray) -> bool:
    """Whether the tagger gives a waveform scores above 0."""
    return peak_dbfs(waveform) >= SILENCE_DBFS
