"""``audiotag submit`` writes a submission in the form of the dataset's sample."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.cli import progress
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger

from ..conftest import CommandResult
from .conftest import RATE, stopped_after, table_of


@pytest.fixture
def competition(tmp_path: Path) -> Path:
    """A dataset in the competition's layout: a sample submission, and no labels of the test clips."""
    folder = tmp_path / "competition"
    for part in ("train_curated", "train_noisy", "test"):
        (folder / part).mkdir(parents=True)
        for number in range(4):
            waveform = np.random.default_rng(number).normal(0, 0.1, RATE // 2)
            soundfile.write(folder / part / f"{part}-{number}.wav", waveform, RATE)
        if part != "test":
            rows = "".join(
                f"{part}-{number}.wav,{label}\n" for number, label in enumerate(("Hiss", "Bark", "Meow", "Hiss"))
            )
            (folder / f"{part}.csv").write_text(f"fname,labels\n{rows}")
    names = ("test-2.wav", "test-0.wav", "test-gone.wav", "test-3.wav", "test-1.wav")
    (folder / "sample_submission.csv").write_text(
        "fname,Hiss,Meow,Bark\n" + "".join(f"{name},0,0,0\n" for name in names)
    )
    return folder


def test_submission_has_the_samples_columns_and_order_and_zeros_for_what_is_unknown(
    run: Callable[..., CommandResult], competition: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    (competition / "test/test-3.wav").write_text("Dear sir")
    out = tmp_path / "submission.csv"
    result = run("submit", competition, "--ensemble", tiny_ensemble, "--out", out)
    assert (result.status, result.out) == (1, "")
    assert "tiny does not know Meow: 1 of 3 labels get zeros." in result.err
    assert "2 left out:" in result.err
    assert "test-gone.wav does not exist" in result.err
    rows = table_of(out)
    assert list(rows[0]) == ["fname", "Hiss", "Meow", "Bark"]
    assert [row["fname"] for row in rows] == ["test-2.wav", "test-0.wav", "test-gone.wav", "test-3.wav", "test-1.wav"]
    library = Tagger(tiny_ensemble)
    for row in rows:
        scores = [float(row[label]) for label in ("Hiss", "Meow", "Bark")]
        if row["fname"] in ("test-gone.wav", "test-3.wav"):
            assert scores == [0, 0, 0]
        else:
            bark, _, hiss = library.tag(competition / "test" / row["fname"]).scores
            assert scores == pytest.approx([hiss, 0, bark], abs=2e-6)
    assert [row["fname"] for row in table_of(tmp_path / "submission.problems.csv")] == ["test-gone.wav", "test-3.wav"]


def test_submission_takes_folds_and_passes(
    run: Callable[..., CommandResult], competition: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    out = tmp_path / "submission.csv"
    run("submit", competition, "--ensemble", tiny_ensemble, "--folds", "2", "--tta", "--out", out)
    library = Tagger(tiny_ensemble, TagSettings(folds=(2,), tta=True))
    for row in table_of(out):
        if row["fname"] != "test-gone.wav":
            expected = library.tag(competition / "test" / row["fname"]).scores[0]
            assert float(row["Bark"]) == pytest.approx(expected, abs=2e-6)


def test_submission_without_a_sample_has_all_test_clips_and_the_ensembles_labels(
    run: Callable[..., CommandResult],
    competition: Path,
    tiny_ensemble: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (competition / "sample_submission.csv").unlink()
    refused = run("submit", competition, "--ensemble", tiny_ensemble)
    assert refused.status == 2
    assert "competition has no test clips and no sample_submission.csv" in refused.err
    names = ("test-1.wav", "test-0.wav", "test-3.wav", "test-2.wav")
    (competition / "test_truth.csv").write_text("fname,labels\n" + "".join(f"{name},Hiss\n" for name in names))
    result = run("submit", competition, "--ensemble", tiny_ensemble)
    assert result.status == 0
    assert "submission.csv has 4 clips;" in result.err
    rows = table_of(tmp_path / "submission.csv")
    assert list(rows[0]) == ["fname", "Bark", "Bell", "Hiss"]
    assert [row["fname"] for row in rows] == list(names)
    scored = run("score", tmp_path / "submission.csv", "--truth", competition / "test_truth.csv", "--json")
    assert scored.json()["clips"] == 4


def test_submission_is_refused_if_the_ensemble_knows_no_label_of_it(
    run: Callable[..., CommandResult], competition: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    (competition / "sample_submission.csv").write_text("fname,Meow,Purr\ntest-0.wav,0,0\n")
    (competition / "train_curated.csv").write_text("fname,labels\ntrain_curated-0.wav,Meow\n")
    (competition / "train_noisy.csv").write_text("fname,labels\ntrain_noisy-0.wav,Purr\n")
    result = run("submit", competition, "--ensemble", tiny_ensemble, "--out", tmp_path / "s.csv")
    assert (result.status, result.out) == (2, "")
    assert "tiny knows none of the 2 labels of sample_submission.csv, it knows Bark, Bell, Hiss" in result.err
    assert not (tmp_path / "s.csv").exists()


def test_stopped_submission_goes_on(
    run: Callable[..., CommandResult], competition: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    command = ("submit", competition, "--ensemble", tiny_ensemble, "--out")
    run(*command, tmp_path / "alone.csv")
    with pytest.MonkeyPatch.context() as stop:
        stop.setattr(progress.Progress, "count", stopped_after(2))
        assert run(*command, tmp_path / "stopped.csv").status == 130
    went_on = run(*command, tmp_path / "stopped.csv")
    assert "Resuming stopped.csv: 2 clips are already tagged." in went_on.err
    assert (tmp_path / "stopped.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()
