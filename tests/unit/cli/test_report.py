"""The command ``audiotag report`` writes the report of a run, whose dataset need not be there any more."""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import RunSettings, create_run
from audiotag.workspace import Workspace

from ..conftest import CommandResult

STAGE = {"stage": 0, "subset": "curated", "epochs": 1, "clips": 9, "pixels": 9, "shared": False}


def test_report_is_written_where_it_is_asked_for_and_says_how_to_train_again(
    run: Callable[..., CommandResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sounds").mkdir()
    trained = create_run(Workspace(), RunSettings(str(tmp_path / "sounds"), load_recipe("quick"), (1,)))
    assert "has not finished an epoch yet" in run("report", trained.name).err
    trained.write_event("run-started", folds=[1], labels=["a"], stages=[STAGE], devices=["cpu"])
    losses = {"train_loss": 0.5, "valid_loss": 0.6, "lr": 1e-3, "seconds": 2.0}
    trained.write_event("epoch", fold=1, epoch=1, stage=0, subset="curated", lwlrap=0.5, accuracy=0.5, **losses)
    trained.write_status("finished")
    for arguments, file in (((), f"{trained.name}.html"), (("--out", "out/mine.html"), "out/mine.html")):
        outcome = run("report", trained.name, *arguments)
        assert (outcome.status, outcome.out) == (0, f"the report is in {file}\n")
        html = (tmp_path / file).read_text()
        command = f"audiotag train {tmp_path / 'sounds'} --recipe quick --folds 1"
        assert f"{command} --keep-together none --no-corrections" in html
    assert run("report", "nothing").status != 0


def test_report_of_an_ensemble_is_written_in_the_format_of_its_suffix(
    run: Callable[..., CommandResult], tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments, file, begin in (
        ((), "tiny.html", "<!doctype html>"),
        (("--format", "md"), "tiny.md", "---\nlicense: "),
        (("--out", "out/README.md"), "out/README.md", "---\nlicense: "),
        (("--out", "card.txt", "--format", "html"), "card.txt", "<!doctype html>"),
    ):
        outcome = run("report", tiny_ensemble, *arguments)
        assert (outcome.status, outcome.out) == (0, f"the report is in {file}\n")
        assert (tmp_path / file).read_text().startswith(begin)
    assert "--out must end in .html or .md, got card.pdf" in run("report", tiny_ensemble, "--out", "card.pdf").err
    unknown = run("report", "nothing")
    assert unknown.status == 2
    assert "there is no run named nothing" in unknown.err
    assert "The ensembles are starter." in unknown.err


def test_commands_of_a_report_name_the_ensemble_so_that_it_is_found_from_everywhere(
    run: Callable[..., CommandResult], tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(tiny_ensemble, tmp_path / "my model")
    own = shutil.copytree(tiny_ensemble, Workspace().ensembles / "own")
    for current, subject, reference in (
        (folder, ".", str(folder)),
        (tmp_path, "my model", str(folder)),
        (own, "../own", "own"),
        (own, ".", "own"),
        (tmp_path, "starter", "starter"),
    ):
        monkeypatch.chdir(current)
        assert run("report", subject, "--out", tmp_path / "card.md").status == 0
        text = (tmp_path / "card.md").read_text()
        assert f'audiotag.tag("clip.wav", ensemble={reference!r})' in text
        assert f"audiotag tag sounds --ensemble {shlex.quote(reference)} --out tags.csv" in text
