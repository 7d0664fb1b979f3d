"""Temporary files of processes that were killed are removed, and nothing that is in use or not ours."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from audiotag import leftovers
from audiotag.leftovers import sweep, sweep_workspace, temporary_file, temporary_folder
from audiotag.workspace import Workspace, open_atomic, write_json

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no locks on folders")
# Has half a file and half a folder, says so, and waits.
WRITER = """
import sys
from pathlib import Path
from audiotag.leftovers import temporary_folder
from audiotag.workspace import open_atomic
folder = Path(sys.argv[1])
with open_atomic(folder / "tags.csv") as file, temporary_folder(folder / "mine") as aside:
    file.write(b"half")
    file.flush()
    (aside / "fold-1.safetensors").write_bytes(b"half")
    print("ready", flush=True)
    sys.stdin.read()
"""


def hidden(folder: Path) -> list[str]:
    return sorted(path.name.rsplit(".", 1)[0] for path in folder.iterdir() if path.name.startswith("."))


@pytest.fixture(autouse=True)
def _nothing_swept_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_swept", set())


def leave(folder: Path) -> None:
    """Have a writer killed in the middle of its work; while it lives nothing is swept."""
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        sweep(folder)
        assert hidden(folder) == [".mine", ".tags.csv"]
        writer.kill()
    assert hidden(folder) == [".mine", ".tags.csv"]


def test_what_a_killed_process_left_goes_with_the_next_file_that_is_written_there(tmp_path: Path) -> None:
    leave(tmp_path)
    write_json(tmp_path / "other.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["other.json"]


def test_what_killed_processes_left_in_the_workspace_is_swept_wherever_it_is(tmp_path: Path) -> None:
    root = tmp_path / "home"
    for place in ("", "runs/a/fold-1", "compiled/mine-1"):
        (root / place).mkdir(parents=True, exist_ok=True)
        leave(root / place)
    write_json(root / "runs" / "a" / "settings.json", {})
    sweep_workspace(root)
    assert [path.name for path in root.rglob(".*")] == []
    assert (root / "runs" / "a" / "settings.json").exists()


def test_files_of_others_stay(tmp_path: Path) -> None:
    names = [".tags.csv.0123456789abcdef0123456789abcdef", ".tags.csv.partial.jsonl", ".gitignore", "a.audiotag-0"]
    names += ["..audiotag-0123456789abcdeg", "tags.csv.audiotag-0123456789abcdef", ".x.audiotag-0123456789ABCDEF"]
    for name in names:
        (tmp_path / name).write_text("not ours")
        os.utime(tmp_path / name, (0, 0))
    sweep(tmp_path)
    write_json(tmp_path / "new.json", {})
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, "new.json"])


def test_links_are_removed_and_never_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / ".a.audiotag-0123456789abcdef").symlink_to(tmp_path / "precious")
    (folder / ".b.audiotag-0123456789abcdef").symlink_to(tmp_path / "precious" / "file")
    sweep(folder)
    assert (tmp_path / "precious" / "file").read_text() == "mine"


def test_leftovers_of_an_earlier_version_go_from_the_workspace_after_a_day(tmp_path: Path) -> None:
    old, new = Workspace(tmp_path).ensembles, Workspace(tmp_path).presets
    for folder, is_old in ((old, True), (new, False)):
        for name in (".card.json." + "0" * 32, ".mine.a1b2c3d_"):
            (folder / name).mkdir(parents=True)
            if is_old:
                os.utime(folder / name, (0, 0))
    sweep_workspace(tmp_path)
    assert hidden(old) == []
    assert hidden(new) == [".card.json", ".mine"]


def test_folder_of_a_run_that_never_began_goes_and_others_stay(tmp_path: Path) -> None:
    for name in ("empty", "fresh", "begun", "foreign"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    write_json(tmp_path / "runs" / "begun" / "settings.json", {})
    (tmp_path / "runs" / "foreign" / "notes.txt").write_text("mine")
    for name in ("empty", "begun", "foreign"):
        os.utime(tmp_path / "runs" / name, (0, 0))
    sweep_workspace(tmp_path)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["begun", "foreign", "fresh"]


def test_what_was_swept_before_its_lock_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, calls = leftovers._lock_new, []

    def lock_after_a_sweep(descriptor: int, path: Path) -> bool:
        calls.append(path)
        if len(calls) % 2:
            sweep(tmp_path)  # as another process may, between the file and its lock
        return lock(descriptor, path)

    monkeypatch.setattr(leftovers, "_lock_new", lock_after_a_sweep)
    with temporary_file(tmp_path / "tags.csv") as file, temporary_folder(tmp_path / "mine") as folder:
        assert Path(file.name).exists()
        assert folder.is_dir()
    assert len(calls) == 4
    assert list(tmp_path.iterdir()) == []


def test_whoever_is_about_to_lock_what_he_made_waits_until_a_sweep_has_removed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    remove, removed = leftovers._remove, []

    def remove_while_the_owner_tries_to_lock(path: Path) -> None:
        owner = os.open(path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(owner)
        remove(path)
        removed.append(path.name)

    monkeypatch.setattr(leftovers, "_remove", remove_while_the_owner_tries_to_lock)
    (tmp_path / ".a.audiotag-0123456789abcdef").touch()
    (tmp_path / ".b.audiotag-0123456789abcdef").mkdir()
    sweep(tmp_path)
    assert len(removed) == 2
    assert list(tmp_path.iterdir()) == []


def test_without_locks_only_what_is_older_than_a_day_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", no_locks)
    names = [".a.audiotag-0123456789abcdef", ".b.audiotag-0123456789abcdef"]
    for name in names:
        (tmp_path / name).touch()
    os.utime(tmp_path / names[0], (0, 0))
    with open_atomic(tmp_path / "c") as file:
        file.write(b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [names[1], "c"]
