"""Reliability is counted as scikit-learn counts it, and its error is what its definition says."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from audiotag.trust.labelled_scores import LabelledScores
from audiotag.trust.reliability import highest_scores, label_weighted_ece, reliability, reliability_per_label


def test_curve_and_brier_score_are_those_of_scikit_learn(labelled: LabelledScores) -> None:
    found = reliability(labelled.targets, labelled.scores)
    targets, scores = labelled.targets.ravel(), labelled.scores.ravel().astype(float)
    share, mean = calibration_curve(targets, scores, n_bins=10, strategy="uniform")
    np.testing.assert_allclose(found.bins["share"], share)
    np.testing.assert_allclose(found.bins["score"], mean)
    assert found.brier == pytest.approx(brier_score_loss(targets, scores))
    assert found.bins["pairs"].sum() == found.pairs == targets.size
    for row in found.bins.itertuples():
        wanted = binomtest(row.right, row.pairs).proportion_ci(method="wilson")
        assert (row.share_low, row.share_high) == pytest.approx((wanted.low, wanted.high))


def test_calibration_error_is_the_mean_distance_weighted_by_counts(labelled: LabelledScores) -> None:
    found = reliability(labelled.targets, labelled.scores)
    distances = (found.bins["share"] - found.bins["score"]).abs()
    assert found.ece == pytest.approx(np.average(distances, weights=found.bins["pairs"]))
    assert found.ece > 3 * found.chance_ece


def test_calibration_error_counted_by_hand() -> None:
    # Two bins: 0.2 and 0.3 of which one is right, 0.9 twice of which both are right.
    found = reliability(np.array([0, 1, 1, 1]), np.array([0.2, 0.3, 0.9, 0.9]), bins=2)
    assert found.bins["right"].tolist() == [1, 2]
    assert found.ece == pytest.approx((2 * abs(0.5 - 0.25) + 2 * abs(1 - 0.9)) / 4)


def test_a_score_on_a_bound_belongs_to_the_bin_below() -> None:
    found = reliability(np.zeros(4), np.array([0.0, 0.1, 0.2, 1.0]))
    assert found.bins["pairs"].tolist() == [2, 1, 1]
    assert found.bins["high"].tolist() == pytest.approx([0.1, 0.2, 1.0])


def test_calibrated_scores_have_the_error_that_chance_gives() -> None:
    rng = np.random.default_rng(3)
    scores = rng.beta(0.3, 2, 2000)
    errors = [reliability(rng.random(2000) < scores, scores).ece for _ in range(100)]
    assert np.mean(errors) == pytest.approx(reliability(scores > 0.5, scores).chance_ece, rel=0.06)


def test_each_label_is_measured_by_itself_and_weighted_by_its_clips(labelled: LabelledScores) -> None:
    table = reliability_per_label(labelled)
    for column, row in enumerate(table.itertuples()):
        alone = reliability(labelled.targets[:, column], labelled.scores[:, column])
        assert (row.ece, row.brier, row.chance_ece) == (alone.ece, alone.brier, alone.chance_ece)
        assert row.positives == labelled.targets[:, column].sum()
    assert label_weighted_ece(table) == pytest.approx(np.average(table["ece"], weights=table["positives"]))


def test_highest_score_of_a_clip_is_right_if_its_label_is_true() -> None:
    scores = np.array([[0.9, 0.2], [0.1, 0.4], [0.3, 0.2]])
    targets = np.array([[1, 1], [1, 0], [1, 0]])
    hits, highest = highest_scores(LabelledScores(("a", "b"), scores, targets, "held out"))
    assert hits.tolist() == [1, 0, 1]
    assert highest.tolist() == [0.9, 0.4, 0.3]


def test_what_is_no_probability_is_refused(labelled: LabelledScores) -> None:
    logits = replace(labelled, scores=8 * labelled.scores - 4)
    assert labelled.are_probabilities
    assert not logits.are_probabilities
    with pytest.raises(ValueError, match="0 to 1"):
        reliability(logits.targets, logits.scores)
    with pytest.raises(ValueError, match="not empty"):
        reliability(np.zeros(0), np.zeros(0))
