"""``audiotag app`` refuses wrong ports, and starts Streamlit where the app is."""

import os
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiotag.shipped import APP
from audiotag.starter.render_job import RenderJob
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

    class Server:
        def __init__(self, arguments: list[str], **options: Any) -> None:
            calls.append((arguments, options))

        def wait(self) -> int:
            return 0

    monkeypatch.setattr(subprocess, "Popen", Server)
    Workspace().remember_dataset(dataset)
    return calls


def test_app_is_served_from_its_folder_with_the_workspace_of_the_command(
    run: Callable[..., CommandResult], served: list[tuple[list[str], dict[str, Any]]]
) -> None:
    port = free_port()
    outcome = run("app", "--port", port)
    assert (outcome.status, outcome.err) == (0, "")
    ((arguments, options),) = served
    assert arguments[-2:] == ["--parent", str(os.getpid())]
    assert arguments[1:-2] == ["-m", "audiotag.ui.server", "--address", "127.0.0.1", "--port", str(port)]
    assert options["cwd"] == APP.parent
    assert (APP.parent / "app.py").is_file()
    assert options["env"]["AUDIOTAG_HOME"] == str(Workspace().root)


def test_app_serves_while_the_starter_sounds_are_rendered_unless_there_is_a_dataset(
    run: Callable[..., CommandResult], served: list[tuple[list[str], dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[Path] = []
    monkeypatch.setattr(RenderJob, "start", lambda job: rendered.append(job.starter))
    run("app", "--port", free_port())
    assert rendered == []
    monkeypatch.setattr(Workspace, "dataset_folders", lambda workspace: [])
    outcome = run("app", "--port", free_port())
    assert rendered == [Workspace().starter]
    assert "the starter sounds are being rendered" in outcome.err
    assert len(served) == 2


def test_app_refuses_a_port_that_is_in_use(
    run: Callable[..., CommandResult], served: list[tuple[list[str], dict[str, Any]]]
) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        outcome = run("app", "--port", port)
    assert (outcome.status, served) == (2, [])
    suggestion = re.search(rf"port {port} is in use; choose another one, for example --port (\d+)\.", outcome.err)
    assert suggestion
    assert int(suggestion[1]) != port
    with socket.create_server(("127.0.0.1", int(suggestion[1]))):
        pass  # it is free


def test_app_names_an_address_that_this_machine_does_not_have(
    run: Callable[..., CommandResult], served: list[tuple[list[str], dict[str, Any]]]
) -> None:
    for address in ("192.0.2.1", "no host"):  # the first is for documentation only
        outcome = run("app", "--port", free_port(), "--address", address)
        assert (outcome.status, served) == (2, [])
        assert f"{address} is not an address of this machine" in outcome.err


def test_app_names_the_port_that_another_program_takes_while_it_starts(
    run: Callable[..., CommandResult], dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []

    class TooLate:
        def __init__(self, arguments: list[str], **options: Any) -> None:
            taken.append(socket.create_server(("127.0.0.1", port)))

        def wait(self) -> int:
            return 1  # as Streamlit

    monkeypatch.setattr(subprocess, "Popen", TooLate)
    Workspace().remember_dataset(dataset)
    port = free_port()
    outcome = run("app", "--port", port)
    taken[0].close()
    assert outcome.status == 2
    assert f"port {port} is in use; choose another one, for example --port" in outcome.err


def test_app_says_what_another_address_opens(
    run: Callable[..., CommandResult], served: list[tuple[list[str], dict[str, Any]]]
) -> None:
    outcome = run("app", "--port", free_port(), "--address", "0.0.0.0", "--allow-host", "studio.example", "--no-token")
    assert outcome.status == 0
    assert "Whoever has the address with its token can read all sounds and tables that you can read" in outcome.err
    assert "whoever reaches the port can do all this" in outcome.err
    ((arguments, _),) = served
    assert arguments[3:5] == ["--address", "0.0.0.0"]
    assert arguments[7:-2] == ["--allow-host", "studio.example", "--no-token"]


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
