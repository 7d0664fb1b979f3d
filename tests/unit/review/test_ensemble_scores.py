"""Clips are scored only by folds that were not trained on them, once, in a process that can be stopped and resumed."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.review import ensemble_scores
from audiotag.review.ensemble_scores import EnsembleScores, score_and_wait, score_clips
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger
from audiotag.workspace import Workspace

LABELS = {"a.wav": "Bark", "b.wav": "Bell", "c.wav": "Hiss", "d.wav": "Bark"}


@pytest.fixture
def root(tmp_path: Path, tone: Callable, write_wav: Callable) -> Path:
    """Four clips with different tones, curated and noisy, and one of the test subset."""
    root = tmp_path / "sounds"
    for number, clip in enumerate([*LABELS, "e.wav"]):
        write_wav(root / clip, tone(300 + 200 * number, 0.4 + number / 2))
    lines = [f"{clip},{label},{'noisy' if clip == 'd.wav' else 'train'}\n" for clip, label in LABELS.items()]
    (root / "t.csv").write_text("fname,label,split\n" + "".join(lines) + "e.wav,Bell,test\n")
    return root


@pytest.fixture
def dataset(root: Path) -> Dataset:
    return open_dataset(root)


@pytest.fixture
def ensemble(root: Path, knowing_ensemble: Callable) -> Path:
    """Fold 1 was trained on a, fold 2 on b, both on c; d is new to both."""
    trained = {"a.wav": (True, False), "b.wav": (False, True), "c.wav": (True, True)}
    return knowing_ensemble([(root / clip, folds) for clip, folds in trained.items()])


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the clips that this process scores, each in a part of its own."""
    names: list[str] = []
    real = ensemble_scores.tag_files

    def counted(tagger, files):
        for result in real(tagger, files, 1):
            names.append(result.file.clip)
            yield result

    monkeypatch.setattr(ensemble_scores, "tag_files", counted)
    monkeypatch.setattr(ensemble_scores, "PART_INTERVAL_S", -1.0)
    return names


def job_of(dataset: Dataset, ensemble: Path) -> EnsembleScores:
    return EnsembleScores.of(dataset, ensemble, Workspace())


def test_no_fold_that_was_trained_on_a_clip_scores_it(root: Path, dataset: Dataset, ensemble: Path) -> None:
    seen: list[tuple[int, int]] = []
    found = score_and_wait(dataset, ensemble, Workspace(), lambda *progress: seen.append(progress))
    held_out = found.held_out
    assert held_out.clips["clip"].tolist() == ["a.wav", "b.wav", "d.wav"]
    assert held_out.clips["fold"].fillna(0).tolist() == [2, 1, 0]
    assert held_out.labels == ("Bark", "Bell", "Hiss")
    for clip, scores, folds in zip(held_out.clips["clip"], held_out.scores, [(2,), (1,), ()], strict=True):
        alone = Tagger(ensemble, TagSettings(folds=folds)).tag(root / clip)
        np.testing.assert_allclose(scores, alone.scores, atol=1e-5)
    np.testing.assert_array_equal(held_out.targets, np.eye(3)[[0, 1, 0]])
    assert (found.trained_by_all, found.unscored, found.problems, found.unknown_labels) == (1, 0, (), ())
    assert seen
    assert seen[-1][1] == 4


def test_each_clip_is_scored_once_and_a_changed_one_again(
    root: Path, dataset: Dataset, ensemble: Path, scored: list[str], tone: Callable, write_wav: Callable
) -> None:
    job = job_of(dataset, ensemble)
    score_clips(job, Workspace())
    score_clips(job, Workspace())
    assert scored == list(LABELS)
    before = job.read(dataset, Workspace()).held_out.scores
    write_wav(root / "d.wav", tone(4000, 0.7))
    assert job.read(dataset, Workspace()).unscored == 1
    score_clips(job, Workspace())
    assert scored == [*LABELS, "d.wav"]
    after = job.read(dataset, Workspace())
    assert after.unscored == 0
    assert (after.held_out.scores[2] != before[2]).any()
    np.testing.assert_array_equal(after.held_out.scores[:2], before[:2])


def test_a_stopped_job_continues_with_the_clips_that_are_left(
    dataset: Dataset, ensemble: Path, scored: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(dataset, ensemble)
    monkeypatch.setattr(EnsembleScores, "is_stop_requested", lambda self: len(scored) in (2, 3))
    score_clips(job, Workspace())
    assert job.read(dataset, Workspace()).unscored == 2
    assert job.progress() == {"done": 2, "total": 4, "left_s": job.progress()["left_s"]}
    score_clips(job, Workspace())
    score_clips(job, Workspace())
    assert scored == list(LABELS)
    assert job.read(dataset, Workspace()).unscored == 0


def test_an_unreadable_clip_is_named_and_tried_again(
    root: Path, dataset: Dataset, ensemble: Path, scored: list[str]
) -> None:
    whole = (root / "b.wav").read_bytes()
    (root / "b.wav").write_text("no sound")
    job = job_of(dataset, ensemble)
    score_clips(job, Workspace())
    found = job.read(dataset, Workspace())
    assert len(found.problems) == 1
    assert found.problems[0].startswith("b.wav ")
    assert found.held_out.clips["clip"].tolist() == ["a.wav", "d.wav"]
    score_clips(job, Workspace())
    assert scored == [*LABELS, "b.wav"]
    (root / "b.wav").write_bytes(whole)
    score_clips(job, Workspace())
    assert job.read(dataset, Workspace()).problems == ()
    assert job.read(dataset, Workspace()).held_out.clips["clip"].tolist() == ["a.wav", "b.wav", "d.wav"]


@pytest.mark.parametrize("damage", [b"", b"PAR1 nonsense PAR1", "other"])
def test_clips_of_a_damaged_part_are_scored_again(
    dataset: Dataset, ensemble: Path, scored: list[str], damage: bytes | str
) -> None:
    job = job_of(dataset, ensemble)
    score_clips(job, Workspace())
    first = job.folder / "part-000000.parquet"
    if isinstance(damage, str):  # a part of an ensemble with other labels
        rows = [("a.wav", "curated", 1, 1, "2", np.array([0.5], np.float32), None)]
        first.unlink()
        job.write_part(rows)
        os.replace(job.folder / "part-000004.parquet", first)
    else:
        first.write_bytes(damage)
    assert job.read(dataset, Workspace()).unscored == 1
    assert (job.folder / "part-000000.parquet.damaged").exists()
    score_clips(job, Workspace())
    assert scored == [*LABELS, "a.wav"]
    assert job.read(dataset, Workspace()).unscored == 0


def test_an_ensemble_that_does_not_know_its_training_clips_is_refused(dataset: Dataset, tiny_ensemble: Path) -> None:
    with pytest.raises(AudiotagError, match=r"tiny does not say which clips each of its folds was trained on.*publish"):
        job_of(dataset, tiny_ensemble)


def test_an_ensemble_of_other_labels_is_refused_until_an_alias_says_that_they_are_the_same(
    root: Path, knowing_ensemble: Callable
) -> None:
    ensemble = knowing_ensemble([(root / "a.wav", (True, False))])
    (root / "t.csv").write_text("fname,label\na.wav,dog\nb.wav,cat\n")
    dataset = open_dataset(root)
    with pytest.raises(AudiotagError, match=r"tiny knows none of the 2 labels of t, it knows Bark, Bell, Hiss"):
        job_of(dataset, ensemble)
    Workspace().root.mkdir(exist_ok=True)
    (Workspace().root / "label-aliases.toml").write_text('dog = "Bark"\n')
    job = job_of(dataset, ensemble)
    score_clips(job, Workspace())
    found = job.read(dataset, Workspace())
    assert found.held_out.labels == ("dog", "Bell", "Hiss")
    np.testing.assert_array_equal(found.held_out.targets, [[1, 0, 0], [0, 0, 0]])
    assert found.unknown_labels == ("cat",)


def test_scores_of_one_ensemble_are_not_those_of_another(
    root: Path, dataset: Dataset, ensemble: Path, knowing_ensemble: Callable
) -> None:
    other = knowing_ensemble([(root / "d.wav", (True, False))], "other")
    assert job_of(dataset, ensemble).folder != job_of(dataset, other).folder
    copied = shutil.copytree(ensemble, ensemble.with_name("copied"))
    assert job_of(dataset, copied).folder == job_of(dataset, ensemble).folder


def test_a_process_that_fails_says_why(
    dataset: Dataset, ensemble: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (ensemble / "fold-1.safetensors").write_bytes(b"damaged")
    job = job_of(dataset, ensemble)
    monkeypatch.setattr("sys.argv", ["", *job.arguments()])
    with pytest.raises(SystemExit):
        ensemble_scores.main()
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setattr("audiotag.jobs.is_alive", lambda *process: False)
    assert re.match(r"Scoring failed: .*fold-1\.safetensors.* The complete log is in .*log\.txt\.$", job.failure())
    started: list[EnsembleScores] = []
    monkeypatch.setattr(EnsembleScores, "start", lambda job: started.append(job))
    with pytest.raises(AudiotagError, match="Scoring failed: "):
        score_and_wait(dataset, ensemble, Workspace())
    assert started == [job]


def test_the_dataset_stays_as_it_is(root: Path, dataset: Dataset, ensemble: Path, contents: Callable) -> None:
    before = contents(root), contents(ensemble)
    score_clips(job_of(dataset, ensemble), Workspace())
    assert (contents(root), contents(ensemble)) == before
