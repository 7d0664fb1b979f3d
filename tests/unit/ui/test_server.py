"""Real servers refuse foreign names on HTTP and on the WebSocket, however they were started."""

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audiotag.shipped import APP
from audiotag.ui.server import access_for

HEADERS = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
Start = Callable[..., tuple[int, Path]]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """``start(*command)``: port and log of a server that answers."""
    servers = []

    def start_server(*command: str) -> tuple[int, Path]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        folder = tmp_path_factory.mktemp("server")
        with (folder / "log.txt").open("w") as log:
            server = subprocess.Popen(
                [sys.executable, "-m", *(part.format(port=port) for part in command)],
                cwd=APP.parent,
                env=os.environ | {"AUDIOTAG_HOME": str(folder), "PYTHONPATH": str(APP.parent)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        servers.append(server)
        deadline = time.monotonic() + 60
        while True:
            try:
                if request(port, "/_stcore/health")[0] == 200:
                    return port, folder / "log.txt"
            except OSError:
                assert server.poll() is None, (folder / "log.txt").read_text()
                assert time.monotonic() < deadline, "the server did not answer within 60 s"
                time.sleep(0.1)

    yield start_server
    for server in servers:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def guarded(start: Start) -> tuple[int, Path]:
    """The server of ``audiotag app``."""
    return start("audiotag.ui.server", "--address", "127.0.0.1", "--port", "{port}")


def request(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    connection.close()
    return answer.status, dict(answer.getheaders())


def upgrade(port: int, **headers: str) -> int:
    """Status of a WebSocket handshake: 101 is accepted."""
    return request(port, "/_stcore/stream", **HEADERS, **headers)[0]


def test_foreign_names_are_refused_on_http_and_websocket(guarded: tuple[int, Path]) -> None:
    port, log = guarded
    (token,) = re.findall(rf"http://127\.0\.0\.1:{port}/\?token=(\S+)", log.read_text())
    cookie = request(port, f"/?token={token}")[1]["set-cookie"].split(";")[0]
    assert request(port, "/tag", Cookie=cookie)[0] == 200
    assert upgrade(port, Cookie=cookie, Origin=f"http://127.0.0.1:{port}") == 101
    for foreign in ({"Host": f"evil.example:{port}"}, {"Origin": "http://evil.example"}):
        for path in ("/", "/_stcore/health", "/_stcore/host-config", "/media/1.wav", "/static/x", "/component/x/y"):
            assert request(port, path, Cookie=cookie, **foreign)[0] == 403
        assert request(port, "/_stcore/upload_file/a/b", "PUT", Cookie=cookie, **foreign)[0] == 403
        assert upgrade(port, Cookie=cookie, **foreign) == 403


def test_without_the_token_nothing_but_the_health_check_answers(guarded: tuple[int, Path]) -> None:
    port, _ = guarded
    assert request(port, "/_stcore/health")[0] == 200
    assert {request(port, path)[0] for path in ("/", "/media/1.wav", "/_stcore/host-config", "/static/x")} == {403}
    assert request(port, "/_stcore/upload_file/a/b", "PUT")[0] == 403
    assert upgrade(port) == 403


def test_started_by_streamlit_itself_the_websocket_still_refuses_foreign_names(start: Start) -> None:
    port, _ = start("streamlit", "run", "app.py", "--server.port", "{port}")
    assert upgrade(port, Origin=f"http://127.0.0.1:{port}") == 101
    assert upgrade(port, Host=f"evil.example:{port}", Origin=f"http://evil.example:{port}") == 403
    assert upgrade(port, Host=f"evil.example:{port}") == 403
    assert upgrade(port, Origin="http://evil.example") == 403


def test_an_app_for_others_answers_under_the_names_of_its_machine() -> None:
    access = access_for("0.0.0.0", ["Studio.example"], "")
    assert access.allows_host("studio.example:443")
    assert access.allows_host(f"{socket.gethostname()}:8501")
    assert access.allows_host("192.168.0.7:8501")
    assert not access.allows_host("evil.example")
    assert not access_for("127.0.0.1", [], "").allows_host("192.168.0.7:8501")
