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


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


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
    port = free_port()
    outcome = run("app", "--port", port)
    assert (outcome.status, outcome.err) == (0, "")
    ((arguments, options),) = served
    assert arguments[1:] == ["-m", "audiotag.ui.server", "--address", "127.0.0.1", "--port", str(port)]
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


def test_app_says_what_another_address_opens(
    run: Callable[..., CommandResult], served: list[tuple[list[str], dict[str, Any]]]
) -> None:
    outcome = run("app", "--port", free_port(), "--address", "0.0.0.0", "--allow-host", "studio.example", "--no-token")
    assert outcome.status == 0
    assert "Whoever has the address with its token can read all sounds and tables that you can read" in outcome.err
    assert "whoever reaches the port can do all this" in outcome.err
    ((arguments, _),) = served
    assert arguments[3:5] == ["--address", "0.0.0.0"]
    assert arguments[7:] == ["--allow-host", "studio.example", "--no-token"]


def test_app_passes_a_token_in_the_environment_alone_and_refuses_a_short_one(
    run: Callable[..., CommandResult],
    served: list[tuple[list[str], dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUDIOTAG_TOKEN", "short")
    outcome = run("app", "--port", free_port())
    assert (outcome.status, served) == (2, [])
    assert "AUDIOTAG_TOKEN must have at least 16 characters" in outcome.err
    monkeypatch.setenv("AUDIOTAG_TOKEN", "a-token-of-some-length")
    assert run("app", "--port", free_port()).status == 0
    ((arguments, options),) = served
    assert "a-token-of-some-length" not in " ".join(arguments)
    assert options["env"]["AUDIOTAG_TOKEN"] == "a-token-of-some-length"
