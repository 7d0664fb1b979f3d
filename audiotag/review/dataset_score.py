"""Score what an ensemble found about the clips of a dataset against their labels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.review.ensemble_scores import EnsembleResult
from audiotag.review.submissions import Part
from audiotag.scoring import Score, leaderboards_of, score_clips
from audiotag.tagging.submission import DIGITS

MAX_NAMED = 10  # labels in a sentence


def labelled_clips(dataset: Dataset, part: Part) -> pd.DataFrame:
    """The clips of a part that have labels, so that their scores can be judged."""
    clips = dataset.clips[(dataset.clips["subset"] == "test") == (part == "test")]
    return clips[clips["labels"].map(len).astype(bool)]


def score_of(found: EnsembleResult, dataset: Dataset, part: Part) -> Score | None:
    """The score of the labelled clips that are scored so far; None if there are none.

    A label of the dataset that the ensemble does not know gets the score 0 for each clip. Labels that only the ensemble
    has are left out. Scores are rounded as in a submission, so that both have the same score.

    Parameters
    ----------
    found : EnsembleResult
    dataset : Dataset
        Of whose clips ``found`` is.
    part : "training" or "test"
    """
    held_out = found.held_out
    known = labelled_clips(dataset, part)
    labels_of = dict(zip(zip(known["subset"], known["clip"], strict=True), known["labels"], strict=True))
    keys = list(zip(held_out.clips["subset"], held_out.clips["clip"], strict=True))
    rows = [row for row, key in enumerate(keys) if key in labels_of]
    if not rows:
        return None
    clips = [keys[row][1] for row in rows]
    columns = {label: number for number, label in enumerate(held_out.labels)}
    matrix = np.zeros((len(rows), len(dataset.labels)))
    for number, label in enumerate(dataset.labels):
        if label in columns:
            matrix[:, number] = np.round(held_out.scores[rows, columns[label]].astype(float), DIGITS)
    leaderboards = leaderboards_of(dataset) if part == "test" else {}
    return score_clips(
        pd.DataFrame(matrix, index=clips, columns=list(dataset.labels)),
        [labels_of[keys[row]] for row in rows],
        [leaderboards.get(clip) for clip in clips] if leaderboards else None,
        _notes(found, dataset, part),
    )


def _notes(found: EnsembleResult, dataset: Dataset, part: Part) -> tuple[str, ...]:
    """How the clips were scored, and what was left out, as sentences."""
    notes = ["Each clip is scored only by the folds that were not trained on it."] if part == "training" else []
    if found.problems:
        notes.append(f"{_clips(len(found.problems))} left out because their files cannot be read.")
    if found.trained_by_all:
        which = "it" if found.trained_by_all == 1 else "them"
        notes.append(f"{_clips(found.trained_by_all)} left out because all folds were trained on {which}.")
    if found.unknown_labels:
        few, more = found.unknown_labels[:MAX_NAMED], len(found.unknown_labels) - MAX_NAMED
        rest = f" and {more:,} more" if more > 0 else ""
        notes.append(f"The ensemble does not know {', '.join(few)}{rest}: these labels get the score 0.")
    only = set(found.held_out.labels) - set(dataset.labels)
    if only:
        labels = "1 label" if len(only) == 1 else f"{len(only):,} labels"
        notes.append(f"{labels} of the ensemble that the dataset does not have are left out.")
    return tuple(notes)


def _clips(count: int) -> str:
    return "1 clip is" if count == 1 else f"{count:,} clips are"
