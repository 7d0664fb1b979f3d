"""A temperature is where the likelihood is highest, and it changes scores but neither tags nor ranks."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.metrics import log_loss as sklearn_log_loss

from audiotag.checks import build
from audiotag.errors import AudiotagError
from audiotag.trust.labelled_scores import LabelledScores
from audiotag.trust.reliability import reliability
from audiotag.trust.temperature import (
    Calibration,
    cross_fitted,
    fit_calibration,
    fit_temperature,
    log_loss,
    scale,
    scale_with_thresholds,
)


def test_temperature_is_that_of_another_optimiser(labelled: LabelledScores) -> None:
    def loss(log_temperature: np.ndarray) -> float:
        scores = scale(labelled.scores, float(np.exp(log_temperature[0]))).ravel()
        return float(sklearn_log_loss(labelled.targets.ravel(), scores))

    wanted = float(np.exp(minimize(loss, [0.0], method="Nelder-Mead", options={"xatol": 1e-6}).x[0]))
    assert fit_temperature(labelled.scores, labelled.targets) == pytest.approx(wanted, rel=1e-4)
    assert wanted == pytest.approx(0.6, abs=0.06)  # as the scores were made
    flat = labelled.scores.ravel().astype(float)
    assert log_loss(labelled.scores, labelled.targets) == pytest.approx(
        sklearn_log_loss(labelled.targets.ravel(), flat), rel=1e-6
    )


@pytest.mark.parametrize("temperature", [0.05, 0.674, 1.0, 3.0, 20.0])
def test_tags_and_ranks_stay_the_same(labelled: LabelledScores, temperature: float) -> None:
    rng = np.random.default_rng(5)
    limits = np.sort(rng.random(40))
    edges = np.stack(
        [limits, np.nextafter(limits, 0), np.nextafter(limits, 1), np.zeros(40), np.ones(40), 0 * limits + 1e-300]
    )
    new_scores, new_limits = scale_with_thresholds(edges, limits, temperature)
    np.testing.assert_array_equal(new_scores >= new_limits, edges >= limits)
    np.testing.assert_array_equal(new_scores > 0, edges > 0)
    assert ((new_scores >= 0) & (new_scores <= 1)).all()
    scores, _ = scale_with_thresholds(labelled.scores, np.array(labelled.thresholds), temperature)
    for before, after in zip(labelled.scores, scores, strict=True):
        assert (np.diff(after[np.argsort(before)]) >= 0).all()


def test_temperature_of_1_changes_nothing_and_others_move_away_from_a_half() -> None:
    scores = np.linspace(0, 1, 21)
    np.testing.assert_allclose(scale(scores, 1.0), scores, atol=1e-15)
    assert (np.abs(scale(scores, 0.5) - 0.5) >= np.abs(scores - 0.5)).all()
    np.testing.assert_allclose(scale(scale(scores, 0.5), 2.0), scores, atol=1e-12)


def test_no_clip_is_measured_with_a_temperature_that_was_fitted_to_it(labelled: LabelledScores) -> None:
    assert labelled.folds is not None
    inside = labelled.folds == 3
    other = labelled.targets.copy()
    other[inside] = 1 - other[inside]  # its own labels are others
    before, after = cross_fitted(labelled)[inside], cross_fitted(replace(labelled, targets=other))[inside]
    np.testing.assert_array_equal(before, after)
    temperature = fit_temperature(labelled.scores[~inside], labelled.targets[~inside])
    np.testing.assert_allclose(before, scale(labelled.scores[inside], temperature))


def test_calibration_says_what_it_gains(labelled: LabelledScores) -> None:
    found = fit_calibration(labelled)
    assert found.temperature == pytest.approx(fit_temperature(labelled.scores, labelled.targets), abs=1e-4)
    assert found.ece == pytest.approx(reliability(labelled.targets, labelled.scores).ece, abs=1e-5)
    assert found.calibrated_ece == pytest.approx(reliability(labelled.targets, cross_fitted(labelled)).ece, abs=1e-5)
    assert found.calibrated_ece < 0.4 * found.ece
    assert found.calibrated_log_loss < found.log_loss
    assert build(Calibration, asdict(found)) == found
    one_fold = fit_calibration(replace(labelled, folds=np.ones(400, dtype=int)))
    assert one_fold.calibrated_ece < 0.5 * one_fold.ece


def test_scores_of_exactly_0_and_1_can_be_fitted() -> None:
    targets = np.array([[1, 0], [1, 0], [0, 1]])
    assert 0.05 <= fit_temperature(targets.astype(float), targets) <= 20
    assert fit_temperature(np.zeros((0, 2)), np.zeros((0, 2))) == 1


def test_a_temperature_that_cannot_be_is_refused(labelled: LabelledScores) -> None:
    values = asdict(fit_calibration(labelled))
    for temperature in (0, -1, 1000, "0.7", float("nan")):
        with pytest.raises(AudiotagError, match="temperature"):
            build(Calibration, values | {"temperature": temperature}, "calibration.")
