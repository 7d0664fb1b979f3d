"""``audiotag splits`` prints the report of a run's folds, as lines and as JSON, and starts nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.training.runs import list_runs
from audiotag.workspace import Workspace

from ..conftest import CommandResult


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Ten recordings of two clips, which are in different folds of the table."""
    root = tmp_path / "sounds"
    root.mkdir()
    lines = ["fname,label,fold,source_id"]
    for number in range(20):
        name = f"rec{number // 2:02}_{number % 2}.wav"
        soundfile.write(root / name, np.random.default_rng(number).normal(0, 0.1, 800), 8000)
        lines.append(f"{name},{'ab'[number // 2 % 2]},{1 + number % 2},take {number // 2}")
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    return root


def test_what_straddles_folds_is_printed(sounds: Path, run: Callable[..., CommandResult]) -> None:
    result = run("splits", sounds)
    assert result.status == 0
    assert "clips: 20 clips, 2 folds of the dataset's own" in result.out
    assert "In clips, 10 of 10 source recordings have clips in several of its own folds" in result.out
    assert "source recordings: 10 with two or more clips (20 clips), 10 straddle the folds (20 clips)" in result.out
    assert "take 0: 2 clips in fold 1, fold 2" in result.out
    assert "in rec00_0.wav, rec00 is taken for the recording" in result.out
    assert "Near-duplicates" in result.out
    assert list_runs(Workspace()) == []


def test_json_has_the_counts_of_the_folds_that_are_asked_for(sounds: Path, run: Callable[..., CommandResult]) -> None:
    result = run("splits", sounds, "--folds-from", "recipe", "--keep-together", "names", "--json")
    report = json.loads(result.out)
    assert report["folds"] == "5 folds, drawn by the recipe"
    counts = {each["kind"]: (each["straddling"], each["is_kept_together"]) for each in report["kinds"]}
    assert counts == {"recordings": (0, True), "names": (0, True), "identical": (0, True)}


def test_options_that_contradict_each_other_are_refused(sounds: Path, run: Callable[..., CommandResult]) -> None:
    result = run("splits", sounds, "--keep-together", "names")
    assert result.status != 0
    assert "keep_together is for folds that the recipe draws" in result.err
