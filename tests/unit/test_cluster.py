import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from audiotag import cluster
from audiotag.cluster import check_place, connected, require_answer, why_not
from audiotag.errors import AudiotagError


@pytest.fixture
def with_ray(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package named ray that can be found, but must not be imported."""
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "ray", raising=False)


@pytest.fixture
def answers(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that sends the bytes of the parameter to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(request.param)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("on", "place"),
    [
        ("", ""),
        (" ray ", "ray"),
        ("head:6379", "head:6379"),
        ("ray://10.0.0.1:20001", "ray://10.0.0.1:20001"),
        ("ray://head.cluster", "ray://head.cluster:10001"),
        ("[fd00::1]:6379", "[fd00::1]:6379"),
    ],
)
@pytest.mark.usefixtures("with_ray")
def test_a_place_has_one_normal_form_and_checking_it_imports_no_ray(on: str, place: str) -> None:
    assert check_place(on) == place


@pytest.mark.parametrize(
    "on", ["Ray", "head", "head:", "head:0", "head:65536", "http://head:1", "ray:", "ray://", "a b:1"]
)
@pytest.mark.usefixtures("with_ray")
def test_what_is_no_place_is_refused_by_name(on: str) -> None:
    with pytest.raises(AudiotagError, match="HOST:PORT") as refused:
        check_place(on)
    assert repr(on) in str(refused.value)


def test_without_ray_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(AudiotagError, match=re.escape("pip install 'audiotag[ray]'")):
        check_place("ray")
    with pytest.raises(AudiotagError, match=re.escape("pip install 'audiotag[ray]'")), connected("head:6379"):
        pass
    assert check_place("") == ""  # needs no Ray


def test_a_folder_named_ray_is_not_taken_for_the_package(tmp_path: Path) -> None:
    (tmp_path / "ray").mkdir()
    code = (
        "import sys\nsys.path = [p for p in sys.path if 'site-packages' not in p] + ['.']\n"
        "import importlib.util\nfrom audiotag.cluster import check_place\n"
        "assert importlib.util.find_spec('ray') is not None\n"
        "try:\n    check_place('ray')\nexcept ValueError as error:\n    print(error)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(root)!r})\n{code}"],
                          cwd=tmp_path, capture_output=True, text=True)  # fmt: skip
    assert "Ray, which is not installed" in done.stdout, done.stderr


def test_a_cluster_that_is_not_there_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(AudiotagError, match=f"the cluster at {address} cannot be reached; check the address"):
        require_answer(address)


def test_a_server_that_stays_silent_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(AudiotagError, match=f"the cluster at {address} does not answer"):
            require_answer(address, timeout_s=0.01)


@pytest.mark.parametrize("answers", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 400 Bad Request\r\n", b""], indirect=True)
def test_another_server_is_not_taken_for_ray(answers: str) -> None:
    with pytest.raises(AudiotagError, match="is not Ray; the port must be the one that ray start printed"):
        require_answer(answers)


@pytest.mark.parametrize("answers", [bytes((0, 0, 6, 4, 0, 0, 0, 0, 0)) + bytes(6)], indirect=True)
def test_an_answer_as_ray_gives_it_is_enough(answers: str) -> None:
    require_answer(answers)


def test_other_versions_are_named() -> None:
    raised = RuntimeError(
        "Version mismatch: The cluster was started with:\n    Ray: 2.50.1\n    Python: 3.12.4\n"
        "This process on 10.0.0.2 was started with:\n    Ray: 2.60.0\n    Python: 3.11.9\n"
    )
    assert why_not("head:6379", raised) == (
        "the cluster at head:6379 has Ray 2.50.1 and Python 3.12.4, and here is Ray 2.60.0 and Python 3.11.9; "
        "install the same versions."
    )


@pytest.mark.parametrize(
    ("named", "found"),
    [("", "127.0.0.1:6379"), ("auto", "127.0.0.1:6379"), ("local", None), ("head:6379", "head:6379")],
)
def test_cluster_that_runs_here_is_used_unless_the_environment_names_another(
    named: str, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    services: Any = ModuleType("ray._private.services")
    services.find_bootstrap_address = lambda folder: "127.0.0.1:6379"
    for name, module in {"ray": ModuleType("ray"), "ray._private": ModuleType("ray._private")}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "ray._private.services", services)
    monkeypatch.setattr(cluster, "require_answer", lambda address: None)
    monkeypatch.setattr(cluster, "_require_ray", lambda: None)
    monkeypatch.setenv("RAY_ADDRESS", named)
    assert cluster._address_of_running() == found


def test_address_in_the_environment_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    with pytest.raises(
        AudiotagError, match=r"^RAY_ADDRESS must be .*, got 'http://127\.0\.0\.1:8265'; give the address"
    ):
        cluster._address_of_running()
