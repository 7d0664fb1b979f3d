"""``audiotag overlap`` prints and sets the overlap that an ensemble tags with; ``tag`` uses it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiotag.tagging.card_reading import read_card
from audiotag.workspace import Workspace


@pytest.fixture
def mine(tiny_ensemble: Path) -> Path:
    return shutil.copytree(tiny_ensemble, Workspace().ensembles / "mine")


def test_it_is_set_printed_and_used_by_tag(run: Callable[..., Any], mine: Path, sounds: Path, tmp_path: Path) -> None:
    printed = run("overlap", "mine").out
    assert "* overlap 0.5   120 windows per minute of sound, the usual speed" in printed
    outcome = run("overlap", "mine", "--set", "0.75")
    assert outcome.status == 0
    assert "* overlap 0.75  240 windows per minute of sound, twice as slow" in outcome.out
    assert read_card(mine).overlap == 0.75
    outcome = run("tag", sounds, "--ensemble", "mine", "--timeline", "--out", tmp_path / "own.csv")
    assert "Windows overlap by 75%, as the card of tiny says: 240 windows per minute" in outcome.err
    assert "Windows overlap" not in run("tag", sounds, "--ensemble", "mine", "--overlap", "0.5").err
    run("tag", sounds, "--ensemble", "mine", "--overlap", "0.75", "--timeline", "--out", tmp_path / "given.csv")
    assert (tmp_path / "own.csv").read_bytes() == (tmp_path / "given.csv").read_bytes()
    assert run("overlap", "mine", "--set", "usual").status == 0
    assert read_card(mine).overlap is None


def test_what_cannot_be_is_refused(run: Callable[..., Any], mine: Path) -> None:
    outcome = run("overlap", "mine", "--set", "0.99")
    assert outcome.status == 2
    assert "overlap must be 0 to 0.95 of a window, got 0.99" in outcome.err
    assert read_card(mine).overlap is None
