"""What the tests of training share: forked worker processes, waiting for the end of a run."""

import json
import os
from collections.abc import Callable

import pytest

from audiotag import jobs
from audiotag.jobs import is_alive
from audiotag.training.runs import Run


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
