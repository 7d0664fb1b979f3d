"""The sets of benchmarks/review.py have the errors that it says; its measures are those of their definitions."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sklearn.metrics import roc_auc_score

from audiotag.data.layouts import open_dataset
from audiotag.data.verdicts import VerdictJournal
from audiotag.review.doubts import Doubt
from audiotag.training.recipe_files import load_recipe

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
VOCABULARY = ("Bark", "Hum", "Meow", "Rain")


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.fixture
def labels() -> list[tuple[str, ...]]:
    """Sixty clips of one label and twenty of two."""
    return [(VOCABULARY[n % 4],) if n % 4 else ("Hum", VOCABULARY[2 * (n // 4 % 2)]) for n in range(80)]


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_so_many_clips_get_an_error_and_a_third_of_them_lose_a_label(
    load: Any, labels: list[tuple[str, ...]], share: float
) -> None:
    inject = load("review_sets").inject_errors
    changed = inject(labels, VOCABULARY, share, np.random.default_rng(1))
    pairs = [(set(right), set(given)) for right, given in zip(labels, changed, strict=True) if set(right) != set(given)]
    assert len(pairs) == round(share * 80)
    assert all(given for _, given in pairs)
    dropped = [(right, given) for right, given in pairs if given < right]
    replaced = [(right, given) for right, given in pairs if given - right]
    assert len(dropped) == round(len(pairs) / 3)
    assert all(len(right - given) == len(given - right) == 1 for right, given in replaced)
    assert changed == inject(labels, VOCABULARY, share, np.random.default_rng(1))
    assert changed != inject(labels, VOCABULARY, share, np.random.default_rng(2))


def test_clips_of_one_label_get_another(load: Any) -> None:
    single = [(VOCABULARY[n % 4],) for n in range(40)]
    changed = load("review_sets").inject_errors(single, VOCABULARY, 0.2, np.random.default_rng(1))
    assert sum(right != given for right, given in zip(single, changed, strict=True)) == 8
    assert {len(given) for given in changed} == {1}


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Twenty-four clips of twelve recordings."""
    root = tmp_path / "sounds"
    root.mkdir()
    lines = ["fname,label,source_id"]
    for number in range(24):
        soundfile.write(root / f"{number}.wav", np.random.default_rng(number).normal(0, 0.1, 800), 8000)
        lines.append(f"{number}.wav,{('Dog bark', 'Hum')[number // 2 % 2]},{number // 2}")
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    return root


def test_sets_differ_in_their_labels_alone(load: Any, sounds: Path, tmp_path: Path) -> None:
    sets, recipe = load("review_sets"), replace(load_recipe("quick"), folds=3)
    before = {path: path.read_bytes() for path in sounds.iterdir()}
    clean = open_dataset(sets.write_set(sounds, tmp_path / "clean", 0.0, 1, recipe))
    folder = sets.write_set(sounds, tmp_path / "wrong", 0.25, 1, recipe)
    wrong = open_dataset(folder)
    assert {path: path.read_bytes() for path in sounds.iterdir()} == before
    assert not wrong.problems
    for column in ("clip", "fold", "subset"):
        assert clean.clips[column].tolist() == wrong.clips[column].tolist()
    assert wrong.own_folds == (1, 2, 3)
    recordings = [int(Path(clip).stem) // 2 for clip in wrong.clips["clip"]]
    assert len(set(zip(recordings, wrong.clips["fold"], strict=True))) == 12  # no recording is in two folds
    truth = sets.true_labels(folder)
    keys = list(zip(clean.clips["subset"], clean.clips["clip"], strict=True))
    assert [truth[key] for key in keys] == clean.clips["labels"].tolist()
    assert sum(truth[key] != given for key, given in zip(keys, wrong.clips["labels"], strict=True)) == 6
    assert [path.read_bytes() for path in wrong.clips["path"]] == [before[sounds / clip] for _, clip in keys]
    assert sets.write_set(sounds, folder, 0.9, 2, recipe) == folder  # once written it stays


def test_measures_are_those_of_their_definitions(load: Any) -> None:
    measures, rng = load("review_measures"), np.random.default_rng(3)
    is_error = (rng.random(300) < 0.2).astype(int)
    suspicion = rng.normal(is_error, 1.0)
    best = np.argsort(-suspicion)
    assert measures.precision_at(is_error, suspicion, 25) == pytest.approx(is_error[best[:25]].mean())
    assert measures.recall_at(is_error, suspicion, 60) == pytest.approx(is_error[best[:60]].sum() / is_error.sum())
    assert measures.area_under_roc(is_error, suspicion) == pytest.approx(roc_auc_score(is_error, suspicion))
    coarse = np.round(suspicion)
    assert measures.area_under_roc(is_error, coarse) == pytest.approx(roc_auc_score(is_error, coarse))
    assert np.isnan(measures.precision_at(is_error, suspicion, 301))
    assert np.isnan(measures.area_under_roc(np.zeros(5), np.arange(5)))


def test_equal_suspicions_count_with_the_mean_over_their_orders(load: Any) -> None:
    measures, rng = load("review_measures"), np.random.default_rng(4)
    is_error, suspicion = np.array([1, 0, 1, 0, 0, 1]), np.array([3, 2, 2, 2, 1, 1])
    drawn = []
    for _ in range(4000):
        order = sorted(range(6), key=lambda n: (-suspicion[n], rng.random()))
        drawn.append(is_error[order[:3]].mean())
    assert measures.precision_at(is_error, suspicion, 3) == pytest.approx(np.mean(drawn), abs=0.01)


def test_scripted_reviewer_answers_by_the_truth(load: Any) -> None:
    answer_of = load("review_loop").answer_of
    truth = {("curated", "a.wav"): ("Bark", "Meow")}

    def after(label: str, labels: tuple[str, ...], *suggestions: str) -> tuple[str, set[str]]:
        kind = "wrong" if label in labels else "missing"
        found = tuple((name, 0.5) for name in suggestions)
        doubt = Doubt(kind, "curated", "a.wav", Path("a.wav"), labels, label, 0.1, suggestions=found)
        verdict = answer_of(doubt, truth)
        return verdict.answer, set(verdict.after)

    assert after("Bark", ("Bark",), "Rain") == ("right", {"Bark"})
    assert after("Rain", ("Rain",), "Hum", "Meow") == ("other", {"Meow"})
    assert after("Rain", ("Rain",), "Hum") == ("wrong", set())
    assert after("Meow", ("Bark",), "Meow") == ("add", {"Bark", "Meow"})
    assert after("Rain", ("Bark",), "Rain", "Meow") == ("right", {"Bark"})


def test_share_of_the_loss_that_comes_back(load: Any) -> None:
    loop = load("review_loop")
    counts = np.ones(50)
    sums = np.array([np.full(50, 0.9), np.full(50, 0.5), np.full(50, 0.8)])
    assert loop.share_back(sums, counts) == {"share_back": 0.75, "share_back_interval": [0.75, 0.75]}


def test_review_answers_the_first_doubts_once(
    load: Any, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, sets = load("review_loop"), load("review_sets")
    folder = sets.write_set(sounds, tmp_path / "wrong", 0.25, 1, replace(load_recipe("quick"), folds=3))
    clips = open_dataset(folder).clips
    doubts = [
        Doubt("wrong", row.subset, row.clip, row.path, row.labels, row.labels[0], 0.1, suggestions=(("Hum", 0.5),))
        for row in clips.itertuples()
    ]
    monkeypatch.setattr(loop, "find_doubts", lambda *_: doubts)
    monkeypatch.setattr(loop, "read_held_out", lambda run: None)
    monkeypatch.setattr(loop, "VERDICTS", 20)
    given = loop.review(folder, None)
    assert [verdict.clip for verdict in given] == [doubt.clip for doubt in doubts[:20]]
    assert loop.review(folder, None) == given == VerdictJournal.of(folder.resolve(), loop.Workspace()).verdicts()
