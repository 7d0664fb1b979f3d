"""Delete runs and bring them back: deleted runs are moved to the folder ``.deleted`` beside the others.

They stay there, and take space, until they are restored or removed for good.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from audiotag.disk import locked
from audiotag.errors import AudiotagError
from audiotag.training.runs import DELETED_FOLDER, Run
from audiotag.workspace import Workspace


def delete_runs(workspace: Workspace, runs: Sequence[Run]) -> list[Run]:
    """Move runs out of the list; `restore_runs` brings them back.

    Returns
    -------
    list[Run]
        The runs where they are now.

    Raises
    ------
    AudiotagError
        If one of them is running or waiting; none is deleted then.
    """
    if active := [f"{run.name} is {run.state()}" for run in runs if run.is_active()]:
        what = f"run {active[0]}; stop it before you delete it."
        if len(active) > 1:
            what = f"runs {', '.join(active)}; stop them before you delete them."
        raise AudiotagError(what + (" Nothing was deleted." if len(runs) > 1 else ""))
    moved = []
    with locked(workspace.runs / DELETED_FOLDER):
        folder = workspace.runs / DELETED_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        for run in runs:
            names = (f"{run.name}-{number}" if number > 1 else run.name for number in itertools.count(1))
            target = next(folder / name for name in names if not (folder / name).exists())
            os.replace(run.folder, target)
            moved.append(Run(target))
    return moved


def deleted_runs(workspace: Workspace) -> list[Run]:
    """The runs that were deleted and can be restored, newest first."""
    paths = (workspace.runs / DELETED_FOLDER).glob("*/settings.json")
    return [Run(path.parent) for path in sorted(paths, reverse=True)]


def restore_runs(workspace: Workspace, names: Sequence[str]) -> list[Run]:
    """Bring deleted runs back.

    Raises
    ------
    AudiotagError
        If one was not deleted, or another run has its name; the runs before it are restored.
    """
    restored = []
    with locked(workspace.runs / DELETED_FOLDER):
        for name in names:
            deleted = workspace.runs / DELETED_FOLDER / name
            if name in ("", ".", "..") or Path(name).name != name or not (deleted / "settings.json").exists():
                raise AudiotagError(f"run {name} cannot be restored: it is not among the deleted runs.")
            if (workspace.runs / name).exists():
                raise AudiotagError(f"run {name} cannot be restored: another run has its name; delete that run first.")
            os.replace(deleted, workspace.runs / name)
            restored.append(Run(workspace.runs / name))
    return restored


def remove_deleted_runs(workspace: Workspace) -> None:
    """Remove the deleted runs for good."""
    with locked(workspace.runs / DELETED_FOLDER):
        shutil.rmtree(workspace.runs / DELETED_FOLDER, ignore_errors=True)


def size_bytes(runs: Sequence[Run]) -> int:
    """The space that the folders of runs take."""
    paths = (path for run in runs for path in run.folder.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in paths)
