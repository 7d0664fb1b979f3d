"""The evidence about a label: scores by folds that were not trained on a clip, and clips that have the label."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.data.layouts import open_dataset
from audiotag.review.doubts import Doubt
from audiotag.review.evidence import Evidence
from audiotag.training.held_out import HeldOutScores

LABELS = ("Bark", "Hum", "Meow")
CLIPS = {  # name: label in the table, scores by fold
    "a.wav": ("Bark", {1: (0.2, 0.9, 0.4)}),
    "b.wav": ("Bark", {1: (0.7, 0.1, 0.2)}),
    "c.wav": ("Bark", {1: (0.9, 0.2, 0.1), 2: (0.6, 0.2, 0.1)}),
    "d.wav": ("Bark", {2: (0.8, 0.2, 0.1)}),
    "e.wav": ("Hum", {2: (0.3, 0.8, 0.1)}),
    "f.wav": ("Meow", {}),
}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    folder = tmp_path_factory.mktemp("dataset")
    for name in CLIPS:
        (folder / name).touch()
    (folder / "clips.csv").write_text("fname,label\n" + "".join(f"{name},{CLIPS[name][0]}\n" for name in CLIPS))
    dataset = open_dataset(folder)
    rows = [(name, fold, scores) for name, (_, by_fold) in CLIPS.items() for fold, scores in by_fold.items()]
    clips = pd.DataFrame([("curated", name, fold) for name, fold, _ in rows], columns=["subset", "clip", "fold"])
    scores = np.array([scores for *_, scores in rows], np.float32)
    held_out = HeldOutScores(LABELS, clips, scores, np.zeros_like(scores))
    return Evidence(dataset, held_out, [doubt("a.wav"), doubt("d.wav")])


def doubt(clip: str, label: str = "Bark") -> Doubt:
    return Doubt("wrong", "curated", clip, Path(clip), (CLIPS[clip][0],), label, 0.1)


def test_scores_are_the_highest_first_and_say_which_labels_are_given(evidence: Evidence) -> None:
    scores = evidence.scores(doubt("a.wav"), 3)
    assert [(each.label, each.is_given) for each in scores] == [("Hum", False), ("Meow", False), ("Bark", True)]
    assert [each.score for each in scores] == pytest.approx([0.9, 0.4, 0.2])


def test_a_given_label_and_the_one_in_doubt_are_always_among_the_scores(evidence: Evidence) -> None:
    assert [each.label for each in evidence.scores(doubt("a.wav"), 2)] == ["Hum", "Bark"]
    assert [each.label for each in evidence.scores(doubt("b.wav", "Hum"), 2)] == ["Bark", "Hum"]


def test_scores_of_several_folds_are_averaged_and_all_folds_are_named(evidence: Evidence) -> None:
    assert evidence.scores(doubt("c.wav"), 1)[0].score == pytest.approx(0.75)
    assert evidence.folds(doubt("c.wav")) == (1, 2)
    assert evidence.folds(doubt("a.wav")) == (1,)


def test_a_clip_that_no_fold_has_scored_has_no_scores(evidence: Evidence) -> None:
    assert evidence.scores(doubt("f.wav"), 3) == []
    assert evidence.folds(doubt("f.wav")) == ()


def test_examples_have_the_label_without_doubt_those_with_high_scores_first(evidence: Evidence) -> None:
    found = evidence.examples(doubt("e.wav"), 3)
    assert [(each.clip, each.path.name) for each in found] == [("c.wav", "c.wav"), ("b.wav", "b.wav")]
    assert [each.clip for each in evidence.examples(doubt("e.wav"), 1)] == ["c.wav"]
    assert [each.clip for each in evidence.examples(doubt("b.wav"), 3)] == ["c.wav"]  # not the clip itself
    assert evidence.examples(doubt("a.wav", "Unknown"), 3) == []
