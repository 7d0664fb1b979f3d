"""Everything that labelled scores say about an ensemble or a run, computed once for page, command and report."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from audiotag.trust.confusion import Confusion, confusion
from audiotag.trust.labelled_scores import OUT_OF_FOLD, LabelledScores
from audiotag.trust.reliability import Reliability, highest_scores, reliability, reliability_per_label
from audiotag.trust.tag_quality import overall_quality, tag_quality
from audiotag.trust.temperature import Calibration, cross_fitted, fit_calibration, fit_temperature, scale

EVERY_SCORE, HIGHEST_SCORE = "all scores", "the highest score of each clip"
AS_SCORED, CALIBRATED = "as scored", "calibrated"
NOTABLE = 0.1  # difference of a temperature from 1 that is worth a sentence


@dataclass(frozen=True, eq=False)
class Findings:
    """What scores with known labels say.

    Attributes
    ----------
    labelled : LabelledScores
    temperature : float or None
        Of the ensemble that gave held-out scores. Out-of-fold scores need none: theirs is fitted to other folds.
    """

    labelled: LabelledScores
    temperature: float | None = None

    @cached_property
    def calibrated(self) -> LabelledScores | None:
        """The scores as probabilities; None where they cannot be, or where no temperature is known.

        Those out of fold are cross-fitted, so that no clip is measured with a temperature that was fitted to it.
        """
        if not self.labelled.are_probabilities:
            return None
        if self.labelled.origin == OUT_OF_FOLD:
            return self.labelled.with_scores(cross_fitted(self.labelled))
        if self.temperature is not None:
            return self.labelled.with_scores(scale(self.labelled.scores, self.temperature))
        return None

    @cached_property
    def calibration(self) -> Calibration | None:
        """The temperature fitted to the scores, and what it gains; only of scores out of fold."""
        fits = self.labelled.origin == OUT_OF_FOLD and self.labelled.are_probabilities
        return fit_calibration(self.labelled, self.calibrated.scores if self.calibrated else None) if fits else None

    @cached_property
    def tendency(self) -> str:
        """What is wrong with the scores as a whole, by the temperature that fits them best: a phrase, or nothing."""
        if not self.labelled.are_probabilities:
            return ""
        best = fit_temperature(self.labelled.scores, self.labelled.targets)
        if best < 1 - NOTABLE:
            return "The scores are too cautious: high ones are too low, and low ones too high."
        if best > 1 + NOTABLE:
            return "The scores are too sure: high ones are too high, and low ones too low."
        return ""

    def curves(self, of: str) -> dict[str, Reliability]:
        """Reliability before and after calibration.

        Parameters
        ----------
        of : str
            `EVERY_SCORE`, `HIGHEST_SCORE`, or a label.

        Returns
        -------
        dict[str, Reliability]
            `AS_SCORED` and, where it is known, `CALIBRATED`; empty if the scores are not 0 to 1.
        """
        if not self.labelled.are_probabilities:
            return {}
        every = {AS_SCORED: self.labelled, CALIBRATED: self.calibrated}
        return {name: _curve(scores, of) for name, scores in every.items() if scores is not None}

    @cached_property
    def labels(self) -> pd.DataFrame:
        """One row per label: the columns of `audiotag.trust.tag_quality` and those of the label's calibration."""
        table = tag_quality(self.labelled.labels, self.labelled.targets, self.labelled.tags)
        if self.labelled.are_probabilities:
            calibration = reliability_per_label(self.labelled)
            table = table.join(calibration[["score", "share", "ece", "chance_ece", "brier"]])
        return table

    @cached_property
    def overall(self) -> pd.Series:
        """Precision and recall of all tags together."""
        return overall_quality(self.labelled.targets, self.labelled.tags)

    @cached_property
    def cross_fitted_overall(self) -> pd.Series | None:
        """The same with thresholds that were chosen on the clips of other folds; None without folds."""
        tags = self.labelled.cross_fitted_tags() if self.labelled.thresholds is not None else None
        return None if tags is None else overall_quality(self.labelled.targets, tags)

    @cached_property
    def confused_tags(self) -> Confusion:
        """Which label is mistaken for which, by the tags."""
        return confusion(self.labelled.labels, self.labelled.targets, self.labelled.tags)

    @cached_property
    def confused_ranks(self) -> Confusion:
        """The same if every clip gets as many tags as it has labels, so that no label is missed without a wrong tag."""
        return confusion(self.labelled.labels, self.labelled.targets, self.labelled.best_tags)


def _curve(labelled: LabelledScores, of: str) -> Reliability:
    if of == EVERY_SCORE:
        return reliability(labelled.targets, labelled.scores)
    if of == HIGHEST_SCORE:
        return reliability(*highest_scores(labelled))
    column = labelled.labels.index(of)
    return reliability(labelled.targets[:, column], labelled.scores[:, column])


def percent(value: float) -> str:
    """A proportion in per cent; "unknown" if it is NaN.

    >>> percent(0.873), percent(0.998), percent(float("nan"))
    ('87 %', '99.8 %', 'unknown')
    """
    if np.isnan(value):
        return "unknown"
    return (
        f"{value:.1%}".replace("%", " %") if 0.99 < value < 1 or 0 < value < 0.01 else f"{value:.0%}".replace("%", " %")
    )
