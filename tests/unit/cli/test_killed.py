"""Commands that are killed at any point leave no process and no port, and what they began can be done again."""

import http.client
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from audiotag.starter.render import StarterCounts, is_whole, render_starter
from audiotag.workspace import Workspace

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
RENDER = """
import sys
from pathlib import Path
from audiotag.starter import render

def progress(done, total):
    if done == int(sys.argv[2]):
        print("done", done)
        sys.stdin.read()  # until it is killed

render.CLIPS_PER_TASK = 1
counts = render.StarterCounts(8, 2, 2)
render.render_starter(Path(sys.argv[1]), counts=counts, workers=2, progress=progress, say=print)
"""
COUNTS = StarterCounts(8, 2, 2)
WaitUntil = Callable[..., None]
Start = Callable[..., subprocess.Popen]


@pytest.fixture
def start() -> Iterator[Start]:
    """``start(*arguments)``: a Python process in a session of its own; all that is left of it in the end is killed."""
    started: list[subprocess.Popen] = []

    def start_process(*arguments: object) -> subprocess.Popen:
        command = [sys.executable, *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.PIPE}
        started.append(subprocess.Popen(command, text=True, start_new_session=True, **pipes))  # type: ignore[call-overload]
        return started[-1]

    yield start_process
    for process in started:
        process.kill()
        process.communicate()


def descendants(process: subprocess.Popen) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def end(process: subprocess.Popen, number: int) -> str:
    """Send a signal, wait until the process and all below it have ended, and return what it wrote as errors."""
    below = descendants(process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    _, alive = psutil.wait_procs(below, timeout=30)
    for child in alive:
        child.kill()
    assert alive == [], [child.cmdline() for child in alive]
    return errors


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_starter(tmp_path_factory.mktemp("undisturbed") / "set", counts=COUNTS, workers=1)


def test_render_that_was_killed_leaves_no_process_and_is_completed_with_the_same_bytes(
    undisturbed: Path, tmp_path: Path, start: Start, contents: Callable[[Path], dict]
) -> None:
    folder = tmp_path / "set"
    process = start("-u", "-c", RENDER, folder, 2)
    assert process.stdout.readline() == "done 2\n"
    assert len(descendants(process)) == 3  # two workers, and multiprocessing's tracker
    end(process, signal.SIGKILL)
    assert not is_whole(folder)
    render_starter(folder, counts=COUNTS, workers=1)
    assert is_whole(folder)
    digests = [{name: digest for name, (digest, _) in contents(each).items()} for each in (folder, undisturbed)]
    assert digests[0] == digests[1]


def test_renders_into_one_folder_at_once_take_turns(
    undisturbed: Path, tmp_path: Path, start: Start, contents: Callable[[Path], dict]
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    with FileLock(folder / ".starter.lock"):  # as a third render has it
        processes = [start("-u", "-c", RENDER, folder, -1) for _ in range(2)]
        for process in processes:
            assert process.stdout.readline().startswith("Another audiotag renders into")
        assert [path.name for path in folder.iterdir()] == [".starter.lock"]
    for process in processes:
        out, errors = process.communicate(timeout=120)
        assert (process.returncode, out, errors) == (0, "", "")
    digests = [{name: digest for name, (digest, _) in contents(each).items()} for each in (folder, undisturbed)]
    assert digests[0] == digests[1]
    assert (folder / ".starter.lock").exists()


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_demo_ends_with_all_its_processes(tmp_path: Path, start: Start, wait_until: WaitUntil, name: str) -> None:
    number = getattr(signal, name)
    process = start("-m", "audiotag", "demo", tmp_path / "set")
    wait_until(lambda: len(descendants(process)) >= 3)
    errors = end(process, number)
    assert process.returncode == (-number if name == "SIGKILL" else 128 + number)
    assert "Traceback" not in errors


@pytest.fixture
def port(dataset: Path) -> int:
    """A free port; the workspace has a dataset, so that the app renders nothing."""
    Workspace().remember_dataset(dataset)
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_app_that_is_killed_while_its_server_starts_leaves_no_server(
    port: int, start: Start, wait_until: WaitUntil
) -> None:
    process = start("-m", "audiotag", "app", "--port", port)
    wait_until(lambda: descendants(process) != [])
    end(process, signal.SIGKILL)
    socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_app_that_serves_ends_with_its_server_and_its_port_is_free_at_once(
    port: int, start: Start, wait_until: WaitUntil, name: str
) -> None:
    number = getattr(signal, name)
    process = start("-m", "audiotag", "app", "--port", port)
    wait_until(lambda: answers(port))
    errors = end(process, number)
    assert process.returncode == (-number if name == "SIGKILL" else 128 + number)
    assert "Traceback" not in errors
    socket.create_server(("127.0.0.1", port)).close()


def test_of_two_apps_on_one_port_one_serves_and_the_other_names_another_port(
    port: int, start: Start, wait_until: WaitUntil
) -> None:
    processes = [start("-m", "audiotag", "app", "--port", port) for _ in range(2)]
    wait_until(lambda: any(process.poll() is not None for process in processes))
    (refused,) = [process for process in processes if process.poll() is not None]
    _, errors = refused.communicate(timeout=60)
    assert refused.returncode == 2
    assert re.search(rf"port {port} is in use; choose another one, for example --port \d+\.", errors)
    wait_until(lambda: answers(port))
