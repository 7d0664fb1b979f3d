"""Which clip is held out of which fold."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from audiotag.errors import AudiotagError
from audiotag.metrics import multi_hot
from audiotag.training.recipe import Recipe


def assign_folds(clips: pd.DataFrame, labels: tuple[str, ...], recipe: Recipe) -> np.ndarray:
    """For each clip the fold that it is held out of.

    Parameters
    ----------
    clips : pandas.DataFrame
        Clips of one subset, with ``labels`` and ``fold``.
    labels : tuple[str, ...]
        The vocabulary.
    recipe : Recipe
        Its ``folds``, ``fold_method`` and ``seed`` are used where the dataset has no folds of its own.

    Returns
    -------
    numpy.ndarray, shape=(clips,), int
        The dataset's own folds, by its own numbers, where every clip has one; else from 1.

    Raises
    ------
    AudiotagError
        If there are fewer clips than folds.
    """
    if len(clips) and clips["fold"].notna().all():
        return clips["fold"].to_numpy(dtype=int)
    if len(clips) < recipe.folds:
        raise AudiotagError(f"folds must be at most the number of clips ({len(clips)}), got {recipe.folds}; use fewer.")
    if recipe.fold_method == "shuffled":
        from sklearn.model_selection import KFold

        splitter = KFold(recipe.folds, shuffle=True, random_state=recipe.seed)
        parts = splitter.split(np.zeros(len(clips)))
    else:
        from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

        splitter = MultilabelStratifiedKFold(recipe.folds, shuffle=True, random_state=recipe.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # labels rarer than folds are spread as far as they go
            parts = list(splitter.split(np.zeros(len(clips)), multi_hot(list(clips["labels"]), labels)))
    fold = np.zeros(len(clips), dtype=int)
    for number, (_, held_out) in enumerate(parts, start=1):
        fold[held_out] = number
    return fold
