"""Runs are deleted and restored as they were, several at once; running ones and wrong names are refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.errors import AudiotagError
from audiotag.training.deleted_runs import delete_runs, deleted_runs, remove_deleted_runs, restore_runs, size_bytes
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import Run, RunSettings, create_run, find_run, list_runs
from audiotag.workspace import Workspace

from .conftest import PLAN, by_this_process


@pytest.fixture
def runs(workspace: Workspace, tmp_path: Path) -> list[Run]:
    """Three runs that were stopped, the newest last."""
    found = []
    for _ in range(3):
        found.append(create_run(workspace, RunSettings(str(tmp_path), load_recipe("quick"))))
        found[-1].write_event("run-started", **PLAN)
        found[-1].write_status("stopped")
    return found


def test_deleted_runs_are_out_of_the_list_and_come_back_as_they_were(
    workspace: Workspace, runs: list[Run], contents: Callable[[Path], dict]
) -> None:
    before = [contents(run.folder) for run in runs]
    size = size_bytes(runs[1:])
    deleted = delete_runs(workspace, runs[1:])
    assert list_runs(workspace) == runs[:1]
    assert {run.name for run in deleted_runs(workspace)} == {run.name for run in runs[1:]}
    assert size_bytes(deleted) == size > 0
    with pytest.raises(AudiotagError, match="no run named"):
        find_run(workspace, runs[2].name)
    assert restore_runs(workspace, [run.name for run in deleted]) == runs[1:]
    assert [contents(run.folder) for run in runs] == before
    assert deleted_runs(workspace) == []


def test_an_earlier_deletion_can_be_undone_after_a_later_one(workspace: Workspace, runs: list[Run]) -> None:
    for run in runs[:2]:
        delete_runs(workspace, [run])
    assert restore_runs(workspace, [runs[0].name]) == runs[:1]
    assert [run.name for run in deleted_runs(workspace)] == [runs[1].name]


def test_of_several_runs_none_is_deleted_if_one_is_running(workspace: Workspace, runs: list[Run]) -> None:
    (runs[1].folder / "status.json").unlink()
    by_this_process(runs[1])
    with pytest.raises(AudiotagError, match=f"run {runs[1].name} is running; stop it .* Nothing was deleted"):
        delete_runs(workspace, runs)
    assert len(list_runs(workspace)) == 3


def test_two_runs_of_one_name_can_both_be_deleted_and_the_taken_name_is_not_overwritten(
    workspace: Workspace, runs: list[Run]
) -> None:
    name = runs[0].name
    delete_runs(workspace, runs[:1])
    runs[1].folder.rename(runs[0].folder)
    with pytest.raises(AudiotagError, match="another run has its name"):
        restore_runs(workspace, [name])
    (second,) = delete_runs(workspace, [Run(runs[0].folder)])
    assert restore_runs(workspace, [name, second.name])[1].name == f"{name}-2"


@pytest.mark.parametrize("name", ["", ".", "..", "../..", "a/b", "nothing"])
def test_nothing_but_a_deleted_run_is_brought_back(workspace: Workspace, runs: list[Run], name: str) -> None:
    delete_runs(workspace, runs[:1])
    (workspace.runs / ".deleted" / "a" / "b").mkdir(parents=True)
    with pytest.raises(AudiotagError, match="not among the deleted runs"):
        restore_runs(workspace, [name])


def test_what_is_removed_for_good_is_gone_and_other_runs_stay(workspace: Workspace, runs: list[Run]) -> None:
    delete_runs(workspace, runs[:1])
    remove_deleted_runs(workspace)
    assert deleted_runs(workspace) == []
    assert len(list_runs(workspace)) == 2
