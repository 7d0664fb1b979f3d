"""The folds of kitchen20.py keep sources together and share classes evenly; comparisons of trained folds are paired."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
LABELS = 4


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.fixture
def clips() -> pd.DataFrame:
    """Twenty classes of about fifty clips, from sources of one to eleven; every twentieth source has two classes."""
    rng = np.random.default_rng(7)
    rows = []
    for number in range(470):
        classes = [number % 20, (number + 7) % 20] if number % 20 == 0 else [number % 20]
        size = int(np.clip(rng.geometric(0.42), 1, 11))
        rows += [(f"class {classes[clip % len(classes)]}", f"source {number}") for clip in range(size)]
    return pd.DataFrame(rows, columns=["label", "source"])


def folds_of(load: Any, clips: pd.DataFrame) -> np.ndarray:
    return load("kitchen20").draw_folds(clips["label"].to_numpy(dtype=str), clips["source"].to_numpy(dtype=str))


def test_no_source_is_in_two_folds(load: Any, clips: pd.DataFrame) -> None:
    assert clips.assign(fold=folds_of(load, clips)).groupby("source")["fold"].nunique().max() == 1


def test_each_class_is_shared_evenly_among_five_folds(load: Any, clips: pd.DataFrame) -> None:
    folds = folds_of(load, clips)
    counts = pd.crosstab(clips["label"], folds)
    assert list(counts.columns) == [1, 2, 3, 4, 5]
    assert (counts.max(axis=1) - counts.min(axis=1)).max() <= 3
    assert np.ptp(counts.sum()) <= 3


def test_folds_do_not_depend_on_the_order_of_the_clips(load: Any, clips: pd.DataFrame) -> None:
    folds = pd.Series(folds_of(load, clips))
    shuffled = clips.sample(frac=1, random_state=1)
    assert (folds_of(load, shuffled) == folds[shuffled.index].to_numpy()).all()


def test_other_folds_than_those_of_the_recorded_figures_are_refused(
    load: Any, clips: pd.DataFrame, tmp_path: Path
) -> None:
    table = clips.rename(columns={"label": "category", "source": "usr_id"})
    table["path"] = [f"audio/{number}.ogg" for number in range(len(table))]
    table.to_csv(tmp_path / "kitchen20.csv", index=False)
    with pytest.raises(SystemExit, match="must have the digest"):
        load("kitchen20").with_folds(tmp_path)


def scores_of(load: Any, rng: np.random.Generator, gain: float, count: int = 60) -> Any:
    """Clips of twenty sources; the label of a clip stands out by ``gain``."""
    truth = np.eye(LABELS, dtype=bool)[np.arange(count) % LABELS]
    scores = 1 / (1 + np.exp(-(rng.normal(size=truth.shape) + gain * truth)))
    names = np.array([f"{number}.wav" for number in range(count)])
    sources = np.array([f"source {number // 3}" for number in range(count)])
    return load("fold_scores").ClipScores(names, sources, truth, scores.astype(np.float32))


def test_what_is_stored_is_read_again(load: Any, tmp_path: Path) -> None:
    scores = scores_of(load, np.random.default_rng(1), 1)
    scores.save(tmp_path / "scores.npz")
    again = load("fold_scores").ClipScores.load(tmp_path / "scores.npz")
    for name in ("clips", "sources", "truth", "scores"):
        np.testing.assert_array_equal(getattr(again, name), getattr(scores, name))


def test_cross_entropy_is_that_of_scikit_learn(load: Any) -> None:
    scores = scores_of(load, np.random.default_rng(2), 1)
    assert scores.figures()["bce"] == pytest.approx(log_loss(scores.truth.ravel(), scores.scores.ravel()), rel=1e-6)


def test_paired_differences_are_those_of_the_figures(load: Any) -> None:
    rng = np.random.default_rng(3)
    first, second = ([scores_of(load, rng, gain) for _ in range(2)] for gain in (1.0, 3.0))
    found = load("fold_scores").paired_differences(first, second)
    for measure, difference in found.items():
        means = [np.mean([each.figures()[measure] for each in scores]) for scores in (first, second)]
        assert difference.difference == pytest.approx(means[1] - means[0], abs=1e-6)
        assert difference.low < difference.difference < difference.high
        assert difference.units == 20  # those of two seeds count once
    assert found["accuracy"].low > 0 > found["bce"].high


def test_trainings_on_other_clips_are_not_compared(load: Any) -> None:
    rng = np.random.default_rng(4)
    with pytest.raises(ValueError, match="same clips"):
        load("fold_scores").paired_differences([scores_of(load, rng, 1)], [scores_of(load, rng, 1, count=57)])


def test_clips_of_one_source_that_agree_do_not_make_the_error_smaller(load: Any) -> None:
    clustered_error, rng = load("fold_scores").clustered_error, np.random.default_rng(5)
    values = rng.normal(size=50)
    alone = clustered_error(values, np.arange(50))
    assert alone == pytest.approx(values.std(ddof=1) / np.sqrt(50))
    assert clustered_error(np.repeat(values, 4), np.repeat(np.arange(50), 4)) == pytest.approx(alone)


def test_the_table_has_means_over_seeds_and_deviations_over_folds_and_over_seeds(load: Any) -> None:
    accuracies = {(1, 1): 0.8, (1, 2): 0.9, (2, 1): 0.9, (2, 2): 1.0, (3, 1): 0.1}  # the last seed is not finished
    same = {"settings": "new", "threads": 1, "network_input": "1 × 1", "parameters": 1e6, "seconds": 5}
    rows = [
        same | {"recipe": "a", "seed": seed, "fold": fold, "accuracy": value, "lwlrap": value}
        for (seed, fold), value in accuracies.items()
    ]
    rows = [rows[0] | {"settings": "old", "accuracy": 0.0}, *rows]
    line = load("fold_tables").folds_table(rows).splitlines()[-1]
    fold_1, fold_2 = (0.8 + 0.9 + 0.1) / 3, 0.95
    over_folds = abs(fold_2 - fold_1) / np.sqrt(2)
    over_seeds = abs(0.95 - 0.85) / np.sqrt(2)
    assert f"{(fold_1 + fold_2) / 2:.4f} ± {over_folds:.3f} (seeds ± {over_seeds:.3f})" in line


def test_the_mean_of_the_scores_of_complete_seeds_is_beside_one_of_them(load: Any, tmp_path: Path) -> None:
    rng, records = np.random.default_rng(6), load("fold_records").Records("made", tmp_path)
    rows, stored = [], {}
    for seed, fold in ((1, 1), (1, 2), (2, 1), (2, 2), (3, 1)):  # the last seed is not finished
        row = {"recipe": "a", "settings": "new", "seed": seed, "fold": fold}
        stored[seed, fold] = scores_of(load, rng, 1.0)
        stored[seed, fold].save(records.scores_path(row))
        rows.append(row)
    (line,) = load("fold_tables").together_lines(records, rows)
    mean = load("fold_scores").mean_scores
    both = [mean([stored[1, fold], stored[2, fold]]).figures()["lwlrap"] for fold in (1, 2)]
    alone = [stored[seed, fold].figures()["lwlrap"] for seed in (1, 2) for fold in (1, 2)]
    assert "seeds 1, 2 on 2 folds" in line
    assert f"lwlrap {np.mean(both):.4f}; one of them" in line
    assert line.endswith(f"{np.mean(alone):.4f}.")
    assert load("fold_tables").together_lines(records, rows[:2]) == []
