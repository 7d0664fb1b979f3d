"""Precision and recall are those of scikit-learn, and thresholds that were chosen on other clips flatter nothing."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import precision_recall_fscore_support

from audiotag.metrics import best_f1_thresholds
from audiotag.trust.labelled_scores import LabelledScores
from audiotag.trust.tag_quality import overall_quality, tag_quality, worst_first


def test_precision_recall_and_f1_are_those_of_scikit_learn(labelled: LabelledScores) -> None:
    table = tag_quality(labelled.labels, labelled.targets, labelled.tags)
    wanted = precision_recall_fscore_support(labelled.targets, labelled.tags)
    for name, values in zip(("precision", "recall", "f1", "positives"), wanted, strict=True):
        np.testing.assert_allclose(table[name], values)
    overall = overall_quality(labelled.targets, labelled.tags)
    micro = precision_recall_fscore_support(labelled.targets, labelled.tags, average="micro")
    assert (overall["precision"], overall["recall"], overall["f1"]) == pytest.approx(micro[:3])
    for row in table.itertuples():
        low, high = binomtest(row.right, row.positives).proportion_ci(method="wilson")
        assert (row.recall_low, row.recall_high) == pytest.approx((low, high))


def test_what_has_nothing_to_count_is_unknown() -> None:
    targets, tags = np.array([[1, 0, 0], [1, 0, 1]]), np.array([[1, 1, 0], [0, 1, 0]]) > 0
    table = tag_quality(("has and gets", "only gets", "only has"), targets, tags).set_index("label")
    assert table.loc["only gets", "precision"] == 0
    assert np.isnan(table.loc["only gets", "recall"])
    assert np.isnan(table.loc["only has", "precision"])
    assert table.loc["only has", "recall"] == 0
    assert worst_first(table.reset_index())["label"].tolist() == ["only has", "has and gets", "only gets"]


def test_score_of_0_is_no_tag_and_the_k_best_are_tags_without_thresholds(labelled: LabelledScores) -> None:
    scores, targets = np.array([[0.0, 0.7, 0.2]]), np.array([[1, 0, 1]])
    assert LabelledScores(("a", "b", "c"), scores, targets, "held out", None, (0.0, 0.7, 0.3)).tags.tolist() == [
        [False, True, False]
    ]
    assert LabelledScores(("a", "b", "c"), scores, targets, "held out").tags.tolist() == [[False, True, True]]


def test_thresholds_of_a_fold_are_chosen_on_the_clips_of_the_others(labelled: LabelledScores) -> None:
    tags = labelled.cross_fitted_tags()
    assert tags is not None
    assert labelled.folds is not None
    inside = labelled.folds == 2
    thresholds = best_f1_thresholds(labelled.targets[~inside], labelled.scores[~inside])
    np.testing.assert_array_equal(tags[inside], labelled.scores[inside] >= thresholds)
    one_fold = LabelledScores(labelled.labels, labelled.scores, labelled.targets, "out of fold", np.ones(400))
    assert one_fold.cross_fitted_tags() is None
