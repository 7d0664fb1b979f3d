"""What the tests of training share: forked worker processes, waiting for the end of a run."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from audiotag import jobs
from audiotag.jobs import is_alive
from audiotag.training.runs import Run


class ForkServer:
    """Starts processes that have imported the training already (`fork_server.py`)."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fork_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def start_detached(self, module: str, arguments: list[str], log: Path, **more: Any) -> psutil.Process:
        """As `audiotag.jobs.start_detached`; ``kill`` may say where the process kills itself (see ``kill_itself``)."""
        passed_on = {name for name in os.environ if name.startswith("AUDIOTAG_")} | {"PYTHONPATH"} & set(os.environ)
        environment = {name: os.environ[name] for name in passed_on}
        request = {"run": module, "arguments": arguments, "log": str(log), "environment": environment, **more}
        return psutil.Process(self._ask(request))

    def run(self, module: str, arguments: list[str], log: Path, **more: Any) -> int:
        """Wait for the end of such a process; its exit status, negative for the signal that ended it."""
        return self.wait(self.start_detached(module, arguments, log, **more).pid)

    def wait(self, pid: int) -> int:
        """Wait for the end of a process; its exit status."""
        return self._ask({"wait": pid})

    def close(self) -> None:
        """End the server."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def _ask(self, request: dict[str, Any]) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture
def forked_workers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are forked instead of started anew, where the system can fork."""
    if hasattr(os, "fork"):
        monkeypatch.setattr(jobs, "start_detached", request.getfixturevalue("fork_server").start_detached)


@pytest.fixture(scope="session")
def wait_for_end(wait_until: Callable[..., None]) -> Callable[[Run], None]:
    """``wait_for_end(run)``: until the run has ended, and its process too."""

    def wait(run: Run) -> None:
        process = json.loads((run.folder / "process.json").read_text())
        wait_until(lambda: not run.is_active() and not is_alive(process["pid"], process["started"]))

    return wait
