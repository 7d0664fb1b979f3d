"""What differs where one network is trained on the clips of all folds: what it is watched on, and which recipes can."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from audiotag.errors import AudiotagError
from audiotag.metrics import multi_hot
from audiotag.training.clips import LabelledClips, prepare_clips
from audiotag.training.recipe import Recipe
from audiotag.training.teaching import Teaching


def check_teaching(recipe: Recipe, teaching: Teaching) -> None:
    """Raise `AudiotagError` if networks of this recipe cannot be taught by an ensemble of the same recipe."""
    if recipe.network.outputs_per_label > 1:
        raise AudiotagError(
            f"recipe {recipe.name} has {recipe.network.outputs_per_label} targets per label in training, and a teacher "
            "gives one score per label; distil an ensemble of another recipe."
        )
    if teaching.is_single and any(stage.agreement for stage in recipe.stages):
        raise AudiotagError(
            f"recipe {recipe.name} adds noisy clips by the agreement of all folds, and a single network has no other "
            "folds to agree with; distil an ensemble of another recipe."
        )


def separate_test_clips(clips: pd.DataFrame, content: pd.Series, labels: Sequence[str]) -> pd.DataFrame:
    """Rows of labelled test clips without copies of training clips.

    Parameters
    ----------
    clips : pandas.DataFrame
        All clips of a dataset.
    content : pandas.Series
        The number of each clip's content, or NA, as `audiotag.training.session.Session.content` gives it.
    labels : sequence of str
        The vocabulary; test clips with other labels are left out.
    """
    is_test = (clips["subset"] == "test") & (clips["labels"].map(len) > 0)
    is_test &= clips["labels"].map(set(labels).issuperset)
    trained = content[clips["subset"] != "test"].dropna()
    return clips[is_test & ~content.isin(list(trained)).to_numpy(dtype=bool)].reset_index(drop=True)


def clips_to_watch(
    rows: pd.DataFrame, labels: tuple[str, ...], recipe: Recipe, index: pd.DataFrame
) -> LabelledClips | None:
    """The usable clips of `separate_test_clips`; None if there are none."""
    prepared, _ = prepare_clips(rows, recipe.spectrogram, index)
    rows = rows[[clip is not None for clip in prepared]]
    used = [clip for clip in prepared if clip is not None]
    targets = multi_hot(list(rows["labels"]), labels)
    return LabelledClips(used, targets, np.zeros(len(used), np.int8)) if used else None
