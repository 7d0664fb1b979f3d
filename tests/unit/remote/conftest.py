"""An S3 server and a web server on this machine, and what was asked of them."""

from __future__ import annotations

import importlib.util
import itertools
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from audiotag.remote import addresses, reading, storage

_numbers = itertools.count()


class Bucket:
    """A bucket of its own for one test."""

    def __init__(self, client: Any) -> None:
        self.client, self.name = client, f"bucket-{next(_numbers)}"
        client.create_bucket(Bucket=self.name)

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def put_folder(self, folder: Path, prefix: str) -> str:
        """Copy a folder; gives its address."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        return f"s3://{self.name}/{prefix}"

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)


@pytest.fixture(scope="session")
def _s3_server() -> Iterator[str]:
    for package in ("moto", "s3fs", "flask_cors"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}: an S3 server on this machine")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def _s3_access(_s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    access = {
        "AWS_ENDPOINT_URL": _s3_server,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in access.items():
        monkeypatch.setenv(name, value)
    yield
    storage._anonymous.clear()


@pytest.fixture(scope="session")
def _s3_client(_s3_server: str) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=_s3_server,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        region_name="us-east-1",
    )


@pytest.fixture
def bucket(_s3_client: Any, _s3_access: None) -> Bucket:
    return Bucket(_s3_client)


@pytest.fixture
def fetched_bytes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of every answer with content of sounds."""
    sizes: list[int] = []

    def counted(read: Callable[..., bytes], *arguments: Any) -> bytes:
        content = read(*arguments)
        sizes.append(len(content))
        return content

    monkeypatch.setattr(storage, "read", partial(counted, storage.read))
    monkeypatch.setattr(storage, "read_whole", partial(counted, storage.read_whole))
    return sizes


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a web server on this machine, and the folder that it serves."""
    if importlib.util.find_spec("aiohttp") is None:
        pytest.skip("needs aiohttp: opens addresses of the web")
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _forget_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test knows what another one has asked or was given access to."""
    monkeypatch.setattr(reading, "_asked_at", {})
    monkeypatch.delenv(addresses._SECRETS, raising=False)
