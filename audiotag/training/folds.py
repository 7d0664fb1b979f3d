"""Which clip is held out of which fold."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.errors import AudiotagError
from audiotag.metrics import multi_hot
from audiotag.training.recipe import Recipe


def available_folds(dataset: Dataset, recipe: Recipe, held_out: int | None = None) -> tuple[int, ...]:
    """The folds that can be trained: the dataset's own but the one held out, else as many as the recipe says."""
    return tuple(fold for fold in dataset.own_folds or range(1, recipe.folds + 1) if fold != held_out)


def check_folds(dataset: Dataset, recipe: Recipe, folds: tuple[int, ...], held_out: int | None) -> None:
    """Raise unless these folds can be trained and that one held out."""
    if held_out is not None and held_out not in dataset.own_folds:
        own = ", ".join(map(str, dataset.own_folds)) or "none"
        raise AudiotagError(
            f"the fold to hold out must be one of the dataset's own, got {held_out}; {dataset.name} has {own}."
        )
    available = available_folds(dataset, recipe, held_out)
    if unknown := sorted(set(folds) - set(available)):
        raise AudiotagError(f"folds must be among {', '.join(map(str, available))} here, got {unknown[0]}.")


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
