"""Locks: of many that change a file at once none is forgotten. Disks that refuse: a sentence; caches are optional."""

import errno
import importlib
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from audiotag import state
from audiotag.data.index import scan
from audiotag.data.layouts import OpenOptions, open_dataset
from audiotag.data.saved_options import open_and_remember
from audiotag.disk import LOCK_WAIT_S, READ_SOON_BYTES, disk_problem, expanded, locked, read_soon
from audiotag.errors import AudiotagError
from audiotag.features.presets import load_preset, save_preset
from audiotag.features.settings import SpectrogramSettings
from audiotag.starter import render
from audiotag.starter.render import StarterCounts, is_whole, render_starter
from audiotag.workspace import Workspace, write_json

from .conftest import write_short_sounds

REMEMBER = """
import sys
from pathlib import Path
from audiotag.workspace import Workspace
for number in range(3):
    Workspace().remember_dataset(Path(sys.argv[1]) / f"{sys.argv[2]}-{number}")
"""
CODES = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES]


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    return write_short_sounds(tmp_path / "sounds")


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """``refusing(code)``: from now on nothing can be written, for this reason."""

    def refuse(code: int) -> None:
        original = io.open

        def opens(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
            if set(mode) & set("wax+"):
                raise OSError(code, os.strerror(code), str(file))
            return original(file, mode, *more, **named)

        def refuses(path: Any, *more: Any, **named: Any) -> None:
            raise OSError(code, os.strerror(code), str(path))

        monkeypatch.setattr(io, "open", opens)  # what pathlib calls
        monkeypatch.setattr("builtins.open", opens)
        for name in ("mkdir", "replace", "rename", "unlink"):
            monkeypatch.setattr(os, name, refuses)
        original_open = os.open

        def low_level(path: Any, flags: int, *more: Any, **named: Any) -> int:
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                refuses(path)
            return original_open(path, flags, *more, **named)

        monkeypatch.setattr(os, "open", low_level)

    return refuse


def test_datasets_that_several_processes_and_threads_open_at_once_are_all_remembered(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", REMEMBER, str(tmp_path), f"process-{number}"]) for number in range(3)
    ]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: Workspace().remember_dataset(tmp_path / f"thread-{number}"), range(24)))
    assert [process.wait() for process in processes] == [0, 0, 0]
    saved = {Path(entry["path"]).name for entry in json.loads((Workspace().root / "datasets.json").read_text())}
    assert saved == {f"thread-{number}" for number in range(24)} | {
        f"process-{process}-{number}" for process in range(3) for number in range(3)
    }


def test_lock_that_another_holds_for_too_long_is_a_sentence(tmp_path: Path) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(tmp_path / "a.json"):
            held.set()
            done.wait(LOCK_WAIT_S)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with pytest.raises(AudiotagError, match=r"a\.json for 0 s; try again"), locked(tmp_path / "a.json", wait_s=0.01):
        pass
    done.set()
    thread.join()
    with locked(tmp_path / "a.json", wait_s=0.01):
        pass


@pytest.mark.parametrize("code", CODES)
def test_dataset_is_scanned_where_nothing_can_be_written(
    sounds: Path, refusing: Callable[[int], None], code: int
) -> None:
    workspace = Workspace()
    expected = scan(open_dataset(sounds))
    state.take_sentences()
    refusing(code)
    for _ in range(2):
        dataset = open_and_remember(sounds, OpenOptions(), workspace)
        index = scan(dataset, workspace.indexes)
    assert index.equals(expected)
    sentences = state.take_sentences()
    assert any("datasets.json" in sentence for sentence in sentences)
    assert any("indexes" in sentence and "are read again" in sentence for sentence in sentences)
    assert all(str(workspace.root) in sentence for sentence in sentences)


@pytest.mark.parametrize("code", CODES)
def test_what_must_be_written_names_the_file_the_reason_and_the_fix(
    tmp_path: Path, refusing: Callable[[int], None], code: int, run: Callable[..., Any]
) -> None:
    refusing(code)
    reason = {
        errno.ENOSPC: "the disk is full; free some space",
        errno.EDQUOT: "your share of the disk is used up; delete some files",
        errno.EROFS: "the disk is read-only; choose another place",
        errno.EACCES: "permission denied; change its permissions",
    }[code]
    with pytest.raises(OSError, match=os.strerror(code)) as raised:
        save_preset("mine", SpectrogramSettings(), Workspace(tmp_path))
    assert reason in disk_problem(raised.value)
    assert str(tmp_path / "presets") in disk_problem(raised.value)
    result = run("demo", tmp_path / "demo")
    assert result.status == 2
    assert reason in result.err
    assert str(tmp_path / "demo") in result.err
    assert "Traceback" not in result.err


def test_error_that_names_no_file_gets_the_name_of_the_file_that_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_json(tmp_path / "a.json", 1)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space") as raised:
        write_json(tmp_path / "a.json", 2)
    assert disk_problem(raised.value).startswith(f"{tmp_path / 'a.json'} cannot be written: the disk is full")
    assert (tmp_path / "a.json").read_text() == "1\n"
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is always full")
def test_sound_that_does_not_fit_on_the_disk_fails_the_render_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.write_bytes
    monkeypatch.setattr(
        Path,
        "write_bytes",
        lambda path, content: original(Path("/dev/full") if path.suffix == ".wav" else path, content),
    )
    with pytest.raises(OSError, match="No space left") as raised:
        render_starter(tmp_path / "starter", counts=StarterCounts(1, 1, 1), workers=1)
    assert str(tmp_path / "starter" / "train_curated") in disk_problem(raised.value)
    assert not is_whole(tmp_path / "starter")
    monkeypatch.undo()
    assert is_whole(render_starter(tmp_path / "starter", counts=StarterCounts(1, 1, 1), workers=1))


def test_several_renders_into_one_folder_take_turns_and_the_set_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = []
    original = render.render_clip
    monkeypatch.setattr(render, "render_clip", lambda *which: rendered.append(which) or original(*which))
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: render_starter(tmp_path / "s", counts=StarterCounts(2, 1, 1), workers=1), range(3)))
    assert len(rendered) == 4


def test_folder_that_another_process_begins_to_render_into_is_no_strangers_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = Path.iterdir

    def begun_meanwhile(folder: Path) -> Iterator[Path]:
        (folder / render.MARKER).write_text("{}")
        (folder / "train_curated").mkdir(exist_ok=True)
        return listed(folder)

    (tmp_path / "s").mkdir()
    monkeypatch.setattr(Path, "iterdir", begun_meanwhile)
    assert is_whole(render_starter(tmp_path / "s", counts=StarterCounts(1, 1, 1), workers=1))


def test_two_savings_of_a_preset_at_once_leave_one_of_them_whole(tmp_path: Path) -> None:
    settings = [SpectrogramSettings(n_mels=64 + 8 * number) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda one: save_preset("mine", one, Workspace(tmp_path)), settings))
    assert load_preset("mine", Workspace(tmp_path)) in settings


def test_numba_cache_that_is_damaged_or_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numba
    from numba.core.caching import IndexDataCacheFile

    from audiotag.features.kernels import compile_kernel

    (tmp_path / "double.py").write_text("def double(values):\n    return values * 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    double = importlib.import_module("double").double

    def is_hit() -> bool:
        kernel: Any = compile_kernel(double)
        assert kernel(3) == 6
        return bool(kernel.stats.cache_hits)

    def full(*given: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(IndexDataCacheFile, "save", full)
        assert not is_hit()
    assert [is_hit(), is_hit()] == [False, True]
    (index,) = (tmp_path / "cache").rglob("*.nbi")
    index.write_bytes(b"damaged")
    assert [is_hit(), is_hit()] == [False, True]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("https://example.org/a.csv", "https://example.org/a.csv is an address, not a path"),
        ("s3://bucket/sounds", "is an address, not a path"),
        ("~nobody-of-this-name/x", "names a user that does not exist"),
        ("a\0b", "a path must not have NUL characters"),
    ],
)
def test_what_is_not_a_path_is_refused(path: str, sentence: str) -> None:
    with pytest.raises(AudiotagError, match=sentence):
        expanded(path)


def test_folder_that_is_named_like_an_address_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "take:" / "one").mkdir(parents=True)
    assert expanded("take:/one") == Path("take:/one")
    assert expanded("C:/sounds") == Path("C:/sounds")


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="only Linux has such a request")
def test_whatever_is_to_be_read_soon_nothing_is_raised_and_nothing_waits(tmp_path: Path) -> None:
    file, pipe = tmp_path / "file", tmp_path / "pipe"
    file.write_bytes(b"1234")
    os.mkfifo(pipe)
    for path in (file, pipe, tmp_path, tmp_path / "missing"):
        read_soon(path)
    assert file.read_bytes() == b"1234"


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="only Linux has such a request")
def test_the_system_is_asked_for_the_start_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(os, "posix_fadvise", lambda _, *values: asked.append(values))
    (tmp_path / "file").write_bytes(b"1234")
    read_soon(tmp_path / "file")
    assert asked == [(0, READ_SOON_BYTES, os.POSIX_FADV_WILLNEED)]
