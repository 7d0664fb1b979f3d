"""Folds: every clip is held out once, labels are spread, and the same seed gives the same parts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold

from audiotag.errors import AudiotagError
from audiotag.metrics import multi_hot
from audiotag.training.folds import assign_folds
from audiotag.training.recipe import Recipe, load_recipe

LABELS = tuple("abcdefgh")


@pytest.fixture
def recipe() -> Recipe:
    return replace(load_recipe("quick"), folds=5, seed=42)


def clips(count: int, own: list[int | None] | None = None) -> pd.DataFrame:
    """Clips of one to three labels, the first label far more frequent than the last."""
    draw = np.random.default_rng(7)
    weights = 1 / np.arange(1, len(LABELS) + 1)
    labels = [
        tuple(sorted(draw.choice(LABELS, size=draw.integers(1, 4), replace=False, p=weights / weights.sum())))
        for _ in range(count)
    ]
    return pd.DataFrame({"labels": labels, "fold": pd.array(own or [pd.NA] * count, dtype="Int64")})


@pytest.mark.parametrize("method", ["stratified", "shuffled"])
@pytest.mark.parametrize("count", [5, 23, 100])
def test_every_clip_is_held_out_of_exactly_one_fold(recipe: Recipe, method: str, count: int) -> None:
    folds = assign_folds(clips(count), LABELS, replace(recipe, fold_method=method))
    assert folds.shape == (count,)
    assert set(folds) <= {1, 2, 3, 4, 5}
    if method == "shuffled" or count == 100:
        assert set(folds) == {1, 2, 3, 4, 5}


def test_own_folds_are_kept_by_their_own_numbers(recipe: Recipe) -> None:
    own = [3, 1, 7, 7, 1, 3]
    assert assign_folds(clips(6, own), LABELS, recipe).tolist() == own


def test_own_folds_count_only_where_every_clip_has_one(recipe: Recipe) -> None:
    folds = assign_folds(clips(10, [9] * 9 + [None]), LABELS, recipe)
    assert set(folds) == {1, 2, 3, 4, 5}


def test_shuffled_folds_are_those_of_scikit_learn(recipe: Recipe) -> None:
    wanted = np.zeros(57, dtype=int)
    for number, (_, held_out) in enumerate(KFold(5, shuffle=True, random_state=42).split(np.zeros(57)), start=1):
        wanted[held_out] = number
    assert assign_folds(clips(57), LABELS, replace(recipe, fold_method="shuffled")).tolist() == wanted.tolist()


def test_stratified_folds_spread_each_label_more_evenly_than_chance(recipe: Recipe) -> None:
    table = clips(200)
    truth = multi_hot(list(table["labels"]), LABELS)

    def unevenness(folds: np.ndarray) -> np.ndarray:
        counts = np.array([truth[folds == fold].sum(axis=0) for fold in range(1, 6)])
        return counts.max(axis=0) - counts.min(axis=0)

    stratified = unevenness(assign_folds(table, LABELS, recipe))
    shuffled = unevenness(assign_folds(table, LABELS, replace(recipe, fold_method="shuffled")))
    assert stratified.max() <= 3
    assert stratified.sum() < shuffled.sum() / 2


def test_label_rarer_than_the_folds_is_no_error(recipe: Recipe) -> None:
    table = clips(20)
    table.at[0, "labels"] = ("h",)
    table["labels"] = [row if number == 0 else ("a",) for number, row in enumerate(table["labels"])]
    assert len(assign_folds(table, LABELS, recipe)) == 20


@pytest.mark.parametrize("method", ["stratified", "shuffled"])
def test_fewer_clips_than_folds_is_an_error_that_says_how_many(recipe: Recipe, method: str) -> None:
    with pytest.raises(AudiotagError, match=r"at most the number of clips \(4\), got 5"):
        assign_folds(clips(4), LABELS, replace(recipe, fold_method=method))


@pytest.mark.parametrize("method", ["stratified", "shuffled"])
def test_same_seed_same_folds_another_seed_others(recipe: Recipe, method: str) -> None:
    table = clips(60)
    recipe = replace(recipe, fold_method=method)
    first = assign_folds(table, LABELS, recipe)
    np.random.default_rng().random()
    np.random.seed(1)  # noqa: NPY002  (the global state has no say)
    assert assign_folds(table, LABELS, recipe).tolist() == first.tolist()
    assert assign_folds(table, LABELS, replace(recipe, seed=43)).tolist() != first.tolist()
