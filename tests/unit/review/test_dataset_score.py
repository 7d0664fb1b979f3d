"""The score of what an ensemble found is that of its submission, and says what was left out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.review.dataset_score import labelled_clips, score_of
from audiotag.review.ensemble_scores import EnsembleScores, score_clips
from audiotag.review.submissions import submission_path
from audiotag.scoring import score_submission
from audiotag.workspace import Workspace

ROWS = ("a.wav,Bark,train", "b.wav,Bell,train", "c.wav,Hiss,test", "d.wav,Bark,test", "e.wav,Purr,test")


@pytest.fixture
def root(tmp_path: Path, tone: Callable, write_wav: Callable) -> Path:
    """Two training clips and three test clips, one of a label that no ensemble here knows."""
    root = tmp_path / "sounds"
    for number, row in enumerate(ROWS):
        write_wav(root / row.split(",")[0], tone(300 + 400 * number, 0.5))
    (root / "t.csv").write_text("\n".join(["fname,label,split", *ROWS]) + "\n")
    return root


@pytest.fixture
def dataset(root: Path) -> Dataset:
    return open_dataset(root)


def scored(dataset: Dataset, ensemble: Path, part) -> EnsembleScores:
    job = EnsembleScores.of(dataset, ensemble, Workspace(), part)
    score_clips(job, Workspace())
    return job


def test_the_score_of_test_clips_is_that_of_the_submission_in_the_workspace(
    dataset: Dataset, tiny_ensemble: Path, tmp_path: Path
) -> None:
    job = scored(dataset, tiny_ensemble, "test")  # which need not know its training clips
    found = job.read(dataset, Workspace())
    score = score_of(found, dataset, "test")
    assert score is not None
    assert score.scores.index.tolist() == ["c.wav", "d.wav", "e.wav"]
    assert score.notes == ("The ensemble does not know Purr: these labels get the score 0.",)
    table = pd.read_csv(submission_path(dataset.name, "tiny", "test", Workspace())).assign(Purr=0)
    table.to_csv(tmp_path / "submission.csv", index=False)
    (tmp_path / "truth.csv").write_text("fname,labels\nc.wav,Hiss\nd.wav,Bark\ne.wav,Purr\n")
    wanted = score_submission(tmp_path / "submission.csv", tmp_path / "truth.csv")
    assert (score.lwlrap, score.accuracy, score.clips) == (wanted.lwlrap, wanted.accuracy, 3)
    pd.testing.assert_frame_equal(score.per_clip, wanted.per_clip)


def test_training_clips_are_scored_by_folds_that_were_not_trained_on_them(
    root: Path, dataset: Dataset, knowing_ensemble: Callable
) -> None:
    ensemble = knowing_ensemble([(root / "a.wav", (True, True)), (root / "b.wav", (True, False))])
    job = scored(dataset, ensemble, "training")
    found = job.read(dataset, Workspace())
    score = score_of(found, dataset, "training")
    assert score is not None
    assert score.scores.index.tolist() == ["b.wav"]
    assert score.notes == (
        "Each clip is scored only by the folds that were not trained on it.",
        "1 clip is left out because all folds were trained on it.",
        "The ensemble does not know Purr: these labels get the score 0.",
    )
    assert found.held_out.clips["fold"].tolist() == [2]
    table = pd.read_csv(submission_path(dataset.name, "knowing", "training", Workspace()))
    np.testing.assert_allclose(table[["Bark", "Bell", "Hiss"]].to_numpy(), found.held_out.scores, atol=1e-6)


def test_both_parts_are_kept_apart_and_only_labelled_clips_are_scored(root: Path, knowing_ensemble: Callable) -> None:
    (root / "t.csv").write_text("fname,label,split\na.wav,Bark,train\nc.wav,Bell,test\n")
    dataset = open_dataset(root)
    ensemble = knowing_ensemble([(root / "a.wav", (True, False))])
    test, training = (EnsembleScores.of(dataset, ensemble, Workspace(), part) for part in ("test", "training"))
    assert test.folder != training.folder
    assert [labelled_clips(dataset, part)["clip"].tolist() for part in ("test", "training")] == [["c.wav"], ["a.wav"]]
    assert score_of(test.read(dataset, Workspace()), dataset, "test") is None  # nothing is scored yet
