"""Assign clips to folds: which fold holds each clip out of its training."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd

from audiotag.data.contents import connect_rows
from audiotag.data.corrections import SOURCE_LABELS
from audiotag.data.dataset import Dataset, has_own_folds
from audiotag.errors import AudiotagError
from audiotag.metrics import multi_hot
from audiotag.training.recipe import Recipe
from audiotag.training.runs import FoldSource, Together

ONE_SPLIT_FOLDS = 10
NO_FOLD = 0  # of a clip that no fold holds out, where only a validation split is held out


def with_fold_source(dataset: Dataset, source: FoldSource) -> Dataset:
    """The dataset as a run sees it: without its own folds if the run's folds are drawn by the recipe.

    They are also drawn if only some training clips have a fold, such as the curated ones alone.
    """
    if (source == "dataset" and dataset.own_folds) or dataset.clips["fold"].isna().all():
        return dataset
    return replace(dataset, clips=dataset.clips.assign(fold=pd.array([pd.NA] * len(dataset.clips), dtype="Int64")))


def available_folds(dataset: Dataset, recipe: Recipe, held_out: int | None = None) -> tuple[int, ...]:
    """The folds that can be trained: the dataset's own without the one held out, else as many as the recipe says."""
    return tuple(fold for fold in dataset.own_folds or range(1, recipe.folds + 1) if fold != held_out)


def check_folds(
    dataset: Dataset, recipe: Recipe, folds: tuple[int, ...], held_out: int | None, source: FoldSource = "dataset"
) -> None:
    """Raise `AudiotagError` unless these folds exist and ``held_out`` is one of the dataset's own."""
    if held_out is not None and source == "recipe":
        raise AudiotagError(
            f"the fold to hold out must be one of the dataset's own, got {held_out}, but the folds are drawn by the "
            "recipe; hold out nothing, or use the dataset's folds."
        )
    dataset = with_fold_source(dataset, source)
    if held_out is not None and held_out not in dataset.own_folds:
        own = ", ".join(map(str, dataset.own_folds)) or "none"
        raise AudiotagError(
            f"the fold to hold out must be one of the dataset's own, got {held_out}; {dataset.name} has {own}."
        )
    available = available_folds(dataset, recipe, held_out)
    if not available:
        raise AudiotagError(f"no fold is left to train: {dataset.name} has only fold {held_out}; hold out nothing.")
    if unknown := sorted(set(folds) - set(available)):
        raise AudiotagError(f"folds must be among {', '.join(map(str, available))} here, got {unknown[0]}.")


def check_keep_together(dataset: Dataset, recipe: Recipe, keep_together: tuple[Together, ...]) -> None:
    """Raise `AudiotagError` if a run cannot keep clips together by their names; the dataset is as the run sees it.

    Near-duplicates are kept together by default, wherever that is possible.
    """
    if "names" not in keep_together:
        return
    if dataset.own_folds:
        raise AudiotagError(
            f"keep_together is for folds that the recipe draws, got names for folds of {dataset.name}; use folds from "
            "the recipe (--folds-from recipe), or do not keep names together."
        )
    if recipe.fold_method != "stratified":
        raise AudiotagError(
            f"keep_together is for recipes with stratified folds, got names for recipe {recipe.name} with "
            f"{recipe.fold_method} folds; choose another recipe, or do not keep names together."
        )


def assign_folds(clips: pd.DataFrame, labels: tuple[str, ...], recipe: Recipe) -> np.ndarray:
    """The fold that holds each clip out.

    Stratified folds keep the clips of one source recording together, and clips with the same content, or a network
    would be measured on sounds that it was trained on. Shuffled folds do not: the published method did not use
    recordings, and its folds are reproduced exactly.

    Parameters
    ----------
    clips : pandas.DataFrame
        Clips of one subset, with ``labels``, ``fold`` and ``group`` (source recording, or NA); with ``unit``, if the
        clips that stay together are known (see `audiotag.training.leaks.add_units`), or else by ``group``.
    labels : tuple[str, ...]
        The vocabulary.
    recipe : Recipe
        Its ``folds``, ``fold_method`` and ``seed`` are used if the dataset has no folds of its own.

    Returns
    -------
    numpy.ndarray, shape=(clips,), int
        The dataset's own folds, with its own numbers, if every clip has one; 1 for clips of a validation split that
        holds them out, and `NO_FOLD` for the other clips; else from 1.

    Raises
    ------
    AudiotagError
        If there are fewer clips, or for stratified folds fewer source recordings, than folds.

    Notes
    -----
    "stratified" is iterative stratification (Sechidis et al. 2011) of recordings, each with the labels of all its
    clips; "shuffled" is scikit-learn's ``KFold(folds, shuffle=True, random_state=seed)`` of clips.
    """
    if has_own_folds(clips):
        return clips["fold"].fillna(NO_FOLD).to_numpy(dtype=int)
    units = _unit_numbers(clips, recipe)
    count = _count(units)
    if count < recipe.folds:
        what = "clips" if count == len(clips) else "source recordings or sounds, whose clips stay together"
        raise AudiotagError(f"folds must be at most the number of {what} ({count}), got {recipe.folds}; use fewer.")
    if recipe.fold_method == "shuffled":
        from sklearn.model_selection import KFold

        splitter = KFold(recipe.folds, shuffle=True, random_state=recipe.seed)
        splits = splitter.split(np.zeros(count))
    else:
        from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

        truth = np.zeros((count, max(2, len(labels))), dtype=np.float32)  # the splitter fails on a single column
        np.maximum.at(truth[:, : len(labels)], units, multi_hot(_labels_for_folds(clips), labels))
        splitter = MultilabelStratifiedKFold(recipe.folds, shuffle=True, random_state=recipe.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of labels with fewer clips than folds
            splits = list(splitter.split(np.zeros(count), truth))
    fold = np.zeros(count, dtype=int)
    for number, (_, held_out) in enumerate(splits, start=1):
        fold[held_out] = number
    return fold[units]


def one_split(clips: pd.DataFrame, labels: tuple[str, ...], recipe: Recipe) -> np.ndarray:
    """Which clips the network that feeds all folds holds out: about a tenth.

    Parameters
    ----------
    clips : pandas.DataFrame
        As `assign_folds`.
    labels : tuple[str, ...]
        The vocabulary.
    recipe : Recipe
        Its ``fold_method`` and ``seed`` are used if the dataset has no folds of its own.

    Returns
    -------
    numpy.ndarray, shape=(clips,), bool
        The lowest of the dataset's own folds, or its validation split, if it has one of them; else the first of ten
        folds that `assign_folds` makes, or of fewer if there are fewer clips or recordings.

    Raises
    ------
    AudiotagError
        If there are fewer than two clips, or for stratified folds two source recordings.
    """
    if has_own_folds(clips):
        return (clips["fold"] == clips["fold"].min()).fillna(False).to_numpy(dtype=bool)
    count = _count(_unit_numbers(clips, recipe))
    if count < 2:
        what = "clips" if count == len(clips) else "source recordings"
        raise AudiotagError(
            f"the number of {what} must be at least 2, one to train on and one to hold out, got {count}; add more."
        )
    folds = assign_folds(clips, labels, replace(recipe, folds=min(ONE_SPLIT_FOLDS, count)))
    return folds == folds.min()


def _unit_numbers(clips: pd.DataFrame, recipe: Recipe) -> np.ndarray:
    """The number of the unit that must stay together, for each clip; from 0 in the order of their first clips."""
    if recipe.fold_method == "shuffled":
        return np.arange(len(clips))
    return connect_rows(clips["unit" if "unit" in clips else "group"])


def _labels_for_folds(clips: pd.DataFrame) -> list[tuple[str, ...]]:
    """The labels by which folds are drawn.

    They are those of the tables, because corrected labels must not change the folds: runs before and after a review
    could not be compared. A clip without a label in the tables took no part before it was labelled.
    """
    if SOURCE_LABELS not in clips:
        return clips["labels"].tolist()
    return [before or after for before, after in zip(clips[SOURCE_LABELS], clips["labels"], strict=True)]


def _count(units: np.ndarray) -> int:
    return int(units.max(initial=-1)) + 1
