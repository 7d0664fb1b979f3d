"""``audiotag app`` refuses wrong ports, and starts Streamlit where the app is."""

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiotag.shipped import APP
from audiotag.workspace import Workspace

from ..conftest import CommandResult


@pytest.mark.parametrize("port", ["0", "99999999", "http"])
def test_app_refuses_text_that_is_not_a_port(run: Callable[..., CommandResult], port: str) -> None:
    outcome = run("app", "--port", port)
    assert outcome.status == 2
    assert f"must be a number from 1 to 65535, got {port}" in outcome.err


@pytest.fixture
def served(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, Any]]]:
    """Arguments of the processes that are started instead of Streamlit; a dataset is remembered."""
    calls: list[tuple[list[str], dict[str, Any]]] = []

    def call(arguments: list[str], **options: Any) -> int:
        calls.append((arguments, options))
        return 0

    monkeypatch.setattr(subprocess, "call", call)
    Workspace().remember_dataset(dataset)
    return calls


def test_app_is_served_from_its_folder_with_the_workspace_of_the_command(
    run: Callable[..., CommandResult], served: list[tuple[list[str], dict[str, Any]]]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert run("app", "--port", port).status == 0
    ((arguments, options),) = served
    assert arguments[1:] == ["-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    assert options["cwd"] == APP.parent
    assert (APP.parent / "app.py").is_file()
    assert options["env"]["AUDIOTAG_HOME"] == str(Workspace().root)


def test_app_refuses_a_port_that_is_in_use(
    run: Callable[..., CommandResult], served: list[tuple[list[str], dict[str, Any]]]
) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        outcome = run("app", "--port", port)
    assert (outcome.status, served) == (2, [])
    assert f"port {port} is in use; choose another one with --port." in outcome.err
