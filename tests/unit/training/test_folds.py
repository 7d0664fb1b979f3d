"""Folds: every clip is held out once, recordings stay whole, labels are spread, a seed gives the same folds."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold
from sklearn.model_selection import KFold

from audiotag.errors import AudiotagError
from audiotag.metrics import multi_hot
from audiotag.training.folds import assign_folds, one_split
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe

LABELS = tuple("abcdefgh")


@pytest.fixture
def recipe() -> Recipe:
    return replace(load_recipe("quick"), folds=5, seed=42)


def clips(count: int, own: list[int | None] | None = None, groups: list[str | None] | None = None) -> pd.DataFrame:
    """Clips of one to three labels, the first label far more frequent than the last."""
    rng = np.random.default_rng(7)
    weights = 1 / np.arange(1, len(LABELS) + 1)
    labels = [
        tuple(sorted(rng.choice(LABELS, size=rng.integers(1, 4), replace=False, p=weights / weights.sum())))
        for _ in range(count)
    ]
    return pd.DataFrame(
        {
            "labels": labels,
            "fold": pd.array(own or [pd.NA] * count, dtype="Int64"),
            "group": pd.array(groups or [pd.NA] * count, dtype="string"),
        }
    )


def cut_recordings(count: int) -> list[str | None]:
    """The recording of each clip: one to six clips per recording, in random order; a third of the clips have none."""
    rng = np.random.default_rng(11)
    names: list[str | None] = [None] * (count // 3)
    while len(names) < count:
        names += [f"recording {len(names)}"] * int(rng.integers(1, 7))
    return [names[place] for place in rng.permutation(count)]


def unevenness(table: pd.DataFrame, folds: np.ndarray) -> np.ndarray:
    """For each label the difference between the most and the fewest clips of it in a fold."""
    truth = multi_hot(list(table["labels"]), LABELS)
    counts = np.array([truth[folds == fold].sum(axis=0) for fold in range(1, 6)])
    return counts.max(axis=0) - counts.min(axis=0)


def numbered(splitter: KFold | MultilabelStratifiedKFold, *rows: np.ndarray) -> list[int]:
    """The fold that the library holds each row out of."""
    folds = np.zeros(len(rows[0]), dtype=int)
    for number, (_, held_out) in enumerate(splitter.split(*rows), start=1):
        folds[held_out] = number
    return folds.tolist()


@pytest.mark.parametrize("method", ["stratified", "shuffled"])
@pytest.mark.parametrize("count", [5, 23, 100])
def test_every_clip_is_held_out_of_exactly_one_fold(recipe: Recipe, method: str, count: int) -> None:
    folds = assign_folds(clips(count), LABELS, replace(recipe, fold_method=method))
    assert folds.shape == (count,)
    assert set(folds) <= {1, 2, 3, 4, 5}
    if method == "shuffled" or count == 100:
        assert set(folds) == {1, 2, 3, 4, 5}


def test_own_folds_have_their_own_numbers(recipe: Recipe) -> None:
    own = [3, 1, 7, 7, 1, 3]
    assert assign_folds(clips(6, own), LABELS, recipe).tolist() == own


def test_own_folds_count_only_where_every_clip_has_one(recipe: Recipe) -> None:
    folds = assign_folds(clips(10, [9] * 9 + [None]), LABELS, recipe)
    assert set(folds) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("groups", [None, cut_recordings(57)], ids=["no groups", "groups"])
def test_shuffled_folds_are_those_of_scikit_learn_whatever_the_groups(
    recipe: Recipe, groups: list[str | None] | None
) -> None:
    table = clips(57, groups=groups)
    folds = assign_folds(table, LABELS, replace(recipe, fold_method="shuffled"))
    assert folds.tolist() == numbered(KFold(5, shuffle=True, random_state=42), np.zeros(57))


@pytest.mark.parametrize("groups", [None, [f"g{9 - n % 10}{n}" if n % 3 else None for n in range(83)]])
def test_stratified_folds_of_single_clips_are_those_of_the_library(
    recipe: Recipe, groups: list[str | None] | None
) -> None:
    table = clips(83, groups=groups)
    splitter = MultilabelStratifiedKFold(5, shuffle=True, random_state=42)
    wanted = numbered(splitter, np.zeros(83), multi_hot(list(table["labels"]), LABELS))
    assert assign_folds(table, LABELS, recipe).tolist() == wanted


def test_stratified_folds_spread_each_label_more_evenly_than_chance(recipe: Recipe) -> None:
    table = clips(200)
    stratified = unevenness(table, assign_folds(table, LABELS, recipe))
    shuffled = unevenness(table, assign_folds(table, LABELS, replace(recipe, fold_method="shuffled")))
    assert stratified.max() <= 3
    assert stratified.sum() < shuffled.sum() / 2


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [30, 200])
def test_no_recording_is_split_between_stratified_folds(recipe: Recipe, count: int, seed: int) -> None:
    table = clips(count, groups=cut_recordings(count))
    table["fold of"] = assign_folds(table, LABELS, replace(recipe, seed=seed))
    assert table.groupby("group")["fold of"].nunique().max() == 1
    assert set(table["fold of"]) == {1, 2, 3, 4, 5}
    shuffled = assign_folds(table, LABELS, replace(recipe, seed=seed, fold_method="shuffled"))
    assert table.assign(fold=shuffled).groupby("group")["fold"].nunique().max() > 1


def test_labels_are_spread_over_folds_of_whole_recordings_more_evenly_than_by_chance(recipe: Recipe) -> None:
    table = clips(400, groups=cut_recordings(400))
    names = table["group"].fillna(pd.Series([f"alone {row}" for row in range(400)]))
    recordings, rng = names.unique(), np.random.default_rng(5)
    by_chance = []
    for _ in range(50):
        drawn = dict(zip(recordings, rng.permutation(np.arange(len(recordings)) % 5 + 1), strict=True))
        by_chance.append(unevenness(table, names.map(drawn).to_numpy()).sum())
    assert unevenness(table, assign_folds(table, LABELS, recipe)).sum() < min(by_chance)


def test_a_recording_counts_with_the_labels_of_all_its_clips(recipe: Recipe) -> None:
    """Each of ten recordings has a clip of "a" and one of a label of its own: two "a" to a fold."""
    table = clips(20, groups=[f"r{row // 2}" for row in range(20)])
    table["labels"] = [("b",) if row % 2 else ("a",) for row in range(20)]
    folds = assign_folds(table, LABELS, recipe)
    assert np.bincount(folds)[1:].tolist() == [4, 4, 4, 4, 4]


def test_a_clip_without_a_group_belongs_to_no_other(recipe: Recipe) -> None:
    table = clips(12, groups=["r"] * 2 + [None] * 10)
    folds = assign_folds(table, LABELS, recipe)
    assert folds[0] == folds[1]
    assert set(folds[2:]) == {1, 2, 3, 4, 5}


def test_own_folds_win_over_groups(recipe: Recipe) -> None:
    own = [3, 1, 7, 7, 1, 3]
    assert assign_folds(clips(6, own, ["r"] * 6), LABELS, recipe).tolist() == own


def test_label_with_fewer_clips_than_folds_is_accepted(recipe: Recipe) -> None:
    table = clips(20)
    table.at[0, "labels"] = ("h",)
    table["labels"] = [row if number == 0 else ("a",) for number, row in enumerate(table["labels"])]
    assert len(assign_folds(table, LABELS, recipe)) == 20


@pytest.mark.parametrize("method", ["stratified", "shuffled"])
def test_fewer_clips_than_folds_is_an_error_that_says_how_many(recipe: Recipe, method: str) -> None:
    with pytest.raises(AudiotagError, match=r"at most the number of clips \(4\), got 5"):
        assign_folds(clips(4), LABELS, replace(recipe, fold_method=method))


def test_fewer_recordings_than_folds_is_an_error_that_says_how_many(recipe: Recipe) -> None:
    table = clips(9, groups=["a"] * 4 + ["b"] * 4 + [None])
    with pytest.raises(AudiotagError, match=r"at most the number of source recordings.* \(3\), got 5; use fewer"):
        assign_folds(table, LABELS, recipe)
    assert set(assign_folds(table, LABELS, replace(recipe, folds=3))) == {1, 2, 3}
    assert len(assign_folds(table, LABELS, replace(recipe, fold_method="shuffled"))) == 9


@pytest.mark.parametrize("method", ["stratified", "shuffled"])
def test_same_seed_same_folds_another_seed_others(recipe: Recipe, method: str) -> None:
    table = clips(60)
    recipe = replace(recipe, fold_method=method)
    first = assign_folds(table, LABELS, recipe)
    np.random.default_rng().random()
    np.random.seed(1)  # noqa: NPY002  (the global state has no say)
    assert assign_folds(table, LABELS, recipe).tolist() == first.tolist()
    assert assign_folds(table, LABELS, replace(recipe, seed=43)).tolist() != first.tolist()


@pytest.mark.parametrize("method", ["stratified", "shuffled"])
def test_one_split_is_the_first_of_ten_folds(recipe: Recipe, method: str) -> None:
    table = clips(300, groups=cut_recordings(300))
    recipe = replace(recipe, fold_method=method)
    held_out = one_split(table, LABELS, recipe)
    assert held_out.dtype == bool
    assert held_out.tolist() == (assign_folds(table, LABELS, replace(recipe, folds=10)) == 1).tolist()
    assert one_split(table, LABELS, replace(recipe, folds=2)).tolist() == held_out.tolist()
    assert 20 <= held_out.sum() <= 40


def test_one_split_cuts_no_recording_in_two(recipe: Recipe) -> None:
    table = clips(300, groups=cut_recordings(300))
    held_out = one_split(table, LABELS, recipe)
    assert not set(table["group"][held_out].dropna()) & set(table["group"][~held_out].dropna())


def test_one_split_holds_out_the_lowest_own_fold(recipe: Recipe) -> None:
    held_out = one_split(clips(6, [3, 2, 7, 7, 2, 3]), LABELS, recipe)
    assert held_out.tolist() == [False, True, False, False, True, False]


@pytest.mark.parametrize("count", range(2, 10))
@pytest.mark.parametrize("method", ["stratified", "shuffled"])
def test_one_split_of_few_recordings_holds_out_one(recipe: Recipe, method: str, count: int) -> None:
    alone = clips(count)
    assert one_split(alone, LABELS, replace(recipe, fold_method=method)).sum() == 1
    pairs = clips(2 * count, groups=[f"r{row // 2}" for row in range(2 * count)])
    held_out = one_split(pairs, LABELS, recipe)
    assert pairs["group"][held_out].nunique() == 1
    assert held_out.sum() == 2


def test_one_split_of_a_single_recording_is_an_error(recipe: Recipe) -> None:
    with pytest.raises(AudiotagError, match=r"source recordings must be at least 2, .* got 1; add more"):
        one_split(clips(8, groups=["r"] * 8), LABELS, recipe)
    with pytest.raises(AudiotagError, match=r"clips must be at least 2, .* got 1; add more"):
        one_split(clips(1), LABELS, replace(recipe, fold_method="shuffled"))


def test_a_vocabulary_of_one_label_is_split_too(recipe: Recipe) -> None:
    rows = clips(20).assign(labels=[("a",)] * 20)
    assert sorted(assign_folds(rows, ("a",), recipe)) == sorted([1, 2, 3, 4, 5] * 4)
