"""``audiotag sweep`` says what it will train, trains what is missing, and prints the leader board."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.training import sweep_estimate
from audiotag.training.sweeps import Sweep, list_sweeps
from audiotag.workspace import Workspace

from ..conftest import CommandResult, write_short_sounds

Command = Callable[..., CommandResult]


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    return write_short_sounds(tmp_path / "short")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Sweep]:
    """The sweeps that are started; no process is, and nothing is measured."""
    sweeps: list[Sweep] = []
    monkeypatch.setattr(Sweep, "start", lambda sweep: sweeps.append(sweep))
    monkeypatch.setattr(sweep_estimate, "estimate_sweep", lambda sweep: 600.0)
    return sweeps


def test_the_number_of_runs_and_the_time_are_said_before_the_start(
    run: Command, sounds: Path, started: list[Sweep]
) -> None:
    command = ("sweep", sounds, "--vary", "n_mels=64,128", "--vary", "clip_s=2,4", "--folds", "1", "--detach")
    outcome = run(*command)
    (sweep,) = started
    assert (outcome.status, outcome.out) == (0, f"{sweep.name}\n")
    assert "4 runs: n_mels=64,128 × clip_s=2,4\n" in outcome.err
    assert "about 10 min in all" in outcome.err
    again = run(*command)
    assert started == [sweep, sweep]
    assert "this sweep exists already: 0 of 4 runs are finished.\n" in again.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "nothing is varied; say what to compare, such as --vary n_mels=64,128."),
        (
            ("--vary", "n_mels=64,4"),
            "n_mels 4: n_mels must be a whole number from 8 to 512 bands, got 4; 128 is common",
        ),
        (("--vary", "n_mels=64,128", "--folds", "9"), "folds must be among 1, 2, 3, 4, 5 here, got 9."),
        (
            ("--vary", "n_mels=64,128", "--hold-out", "1"),
            "the fold to hold out must be one of the dataset's own, got 1",
        ),
        (("--table",), "there are no sweeps yet; start one with audiotag sweep DATASET --vary n_mels=64,128."),
    ],
)
def test_faults_are_said_before_anything_is_made(
    run: Command, sounds: Path, started: list[Sweep], options: tuple[str, ...], message: str
) -> None:
    outcome = run("sweep", sounds, *options)
    assert outcome.status == 2
    assert outcome.err.startswith(f"audiotag: {message}")
    assert (started, list_sweeps(Workspace())) == ([], [])


def test_the_leader_board_and_the_list_are_printed_and_given_as_json(
    run: Command, sounds: Path, scored_sweep: Callable[..., Sweep]
) -> None:
    sweep = scored_sweep(Workspace(), sounds, (0, 50), "n_mels=64,128,256")
    lines = run("sweep", "--table").out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["rank", "1", "2", "–"]
    assert lines[1].split()[1:4] == ["n_mels", "128", "1.0000"]
    assert "not started" in lines[3]
    assert any(line.startswith("The best is n_mels 128: lwlrap 1.0000 on 16 clips") for line in lines)
    assert any("was chosen on the clips that it is measured on" in line for line in lines)
    board = run("sweep", "--table", sweep.name, "--json").json()
    assert [entry["values"]["n_mels"] for entry in board["entries"]] == [128, 64, 256]
    (row,) = run("sweep", "--list", "--json").json()
    assert (row["sweep"], row["runs"], row["finished"], row["is_running"]) == (sweep.name, 3, 2, False)
    assert run("sweep", "--list").out == f"{sweep.name}  2 of 3 runs  n_mels=64,128,256  {sounds}\n"
