"""``audiotag familiarity`` measures an ensemble, and ``tag --hold-back-unfamiliar`` gives strange sounds no tags."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from audiotag.workspace import Workspace


@pytest.fixture
def mine(tiny_ensemble: Path) -> Path:
    return shutil.copytree(tiny_ensemble, Workspace().ensembles / "mine")


def test_tags_are_held_back_and_listed(
    run: Callable[..., Any], mine: Path, make_strange: Callable[[Path, float], None], tmp_path: Path, tone: Any
) -> None:
    make_strange(mine, 0.05)
    soundfile.write(tmp_path / "a.wav", tone(440, 2.0), 44_100)
    plain = run("tag", tmp_path / "a.wav", "--ensemble", "mine", "--json").json()[0]
    assert plain["tags"]
    assert (plain["familiarity"], plain["unlike"], plain["held_back"]) == (0.0099, True, [])
    held = run("tag", tmp_path / "a.wav", "--ensemble", "mine", "--json", "--hold-back-unfamiliar").json()[0]
    assert (held["tags"], held["held_back"], held["scores"]) == ([], plain["tags"], plain["scores"])
    printed = run("tag", tmp_path / "a.wav", "--ensemble", "mine", "--hold-back-unfamiliar").out
    assert "Held back, because unlike the training sounds: " in printed


def test_ensemble_that_does_not_know_its_clips_says_what_to_do(
    run: Callable[..., Any], mine: Path, tmp_path: Path, tone: Any
) -> None:
    (tmp_path / "sounds" / "Bark").mkdir(parents=True)
    soundfile.write(tmp_path / "sounds" / "Bark" / "a.wav", tone(440, 1.0), 44_100)
    result = run("tag", tmp_path / "sounds", "--ensemble", "mine", "--hold-back-unfamiliar")
    assert result.status != 0
    assert "run audiotag familiarity" in result.err
    result = run("familiarity", "mine", tmp_path / "sounds")
    assert result.status != 0
    assert "publish its run again" in result.err
