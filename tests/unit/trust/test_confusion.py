"""The confusion matrix is scikit-learn's where clips have one label, and otherwise counts every label and tag once."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from audiotag.trust.confusion import NO_LABEL, NO_TAG, confusion
from audiotag.trust.labelled_scores import LabelledScores


def test_with_one_label_and_one_tag_per_clip_it_is_that_of_scikit_learn() -> None:
    rng, names = np.random.default_rng(2), tuple("abcde")
    true, tagged = rng.integers(5, size=300), rng.integers(5, size=300)
    found = confusion(names, np.eye(5)[true], np.eye(5)[tagged] > 0)
    np.testing.assert_array_equal(found.matrix[:5, :5], confusion_matrix(true, tagged))
    assert not found.matrix[5].any()
    assert not found.matrix[:, 5].any()


def test_rows_sum_to_clips_with_the_label_and_columns_to_clips_that_get_it(labelled: LabelledScores) -> None:
    found = confusion(labelled.labels, labelled.targets, labelled.tags)
    np.testing.assert_allclose(found.matrix[:-1].sum(axis=1), labelled.targets.sum(axis=0))
    np.testing.assert_allclose(found.matrix[:, :-1].sum(axis=0), labelled.tags.sum(axis=0))
    right = ((labelled.targets > 0) & labelled.tags).sum(axis=0)
    np.testing.assert_allclose(np.diag(found.matrix)[:-1], right)


@pytest.mark.parametrize(
    ("has", "gets", "cells"),
    [
        ("ab", "ab", {"aa": 1, "bb": 1}),
        ("a", "b", {"ab": 1}),
        ("a", "", {"a-": 1}),
        ("", "b", {"-b": 1}),
        ("ab", "acd", {"aa": 1, "bc": 0.5, "bd": 0.5, "-c": 0.5, "-d": 0.5}),  # one missed, two wrong
        ("abc", "ad", {"aa": 1, "bd": 0.5, "cd": 0.5, "b-": 0.5, "c-": 0.5}),  # two missed, one wrong
        ("a", "ab", {"aa": 1, "-b": 1}),
        ("", "", {}),
    ],
)
def test_cells_of_one_clip(has: str, gets: str, cells: dict[str, float]) -> None:
    names = "abcd"
    rows = [np.array([[name in labels for name in names]]) for labels in (has, gets)]
    found = confusion(tuple(names), *rows).matrix
    wanted = np.zeros((5, 5))
    for (row, column), count in cells.items():
        wanted["abcd-".index(row), "abcd-".index(column)] = count
    np.testing.assert_allclose(found, wanted)


def test_pairs_are_listed_with_the_most_frequent_first() -> None:
    targets = np.eye(3)[[0, 0, 0, 1, 2, 2]]
    tags = np.eye(3)[[1, 1, 0, 1, 1, 2]] > 0
    found = confusion(("a", "b", "c"), targets, tags)
    pairs = found.pairs()
    assert pairs[["label", "tagged as", "clips", "of"]].values.tolist() == [["a", "b", 2.0, 3], ["c", "b", 1.0, 2]]
    assert pairs["share"].tolist() == pytest.approx([2 / 3, 1 / 2])
    part = found.most_confused(2)
    assert part.labels == ("a", "b")
    assert part.matrix.tolist() == [[1, 2, 0], [0, 1, 0], [0, 0, 0]]
    table = found.table()
    assert (table.index[-1], table.columns[-1]) == (NO_LABEL, NO_TAG)
    assert table.loc["a", "b"] == 2
