"""Connect to a Ray cluster, whose nodes train folds and tag clips.

A *place* is a text that says where work is done: empty on this machine, by its own processes and without Ray; ``ray``
on the cluster that ``RAY_ADDRESS`` names or that runs on this machine, else on one that is started here and ends with
the command; ``HOST:PORT`` or ``ray://HOST:PORT`` on that cluster. ``HOST:PORT`` is the address that ``ray start``
prints, and works on the cluster's own nodes; ``ray://`` goes through the head node's client server from any machine,
but the work ends if the connection is lost for more than half a minute.

Nothing here imports Ray until a connection is made.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from audiotag.errors import AudiotagError

RAY = "ray"  # the place that names no address
CLIENT = "ray://"
CLIENT_PORT = 10001  # of the head node's client server, where the address names none
NAMESPACE = "audiotag"
INSTALL = "pip install 'audiotag[ray]'"
ANSWER_TIMEOUT_S = 10.0  # Ray itself tries for several minutes
START_TIMEOUT_S = 120  # of a cluster that is started here, which takes a minute on a busy machine
OBJECT_STORE_BYTES = 2**28  # of a cluster that is started here: paths and results go through it, never waveforms

_ADDRESS = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})")
# How an HTTP/2 connection begins, which Ray's servers speak: the preface, and settings without a value (RFC 9113, 3.4).
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_SETTINGS_TYPE = 4  # of the frame that the server sends first


def check_place(on: str) -> str:
    """The place in its normal form.

    Parameters
    ----------
    on : str
        Empty, ``ray``, ``HOST:PORT``, ``ray://HOST`` or ``ray://HOST:PORT``.

    Raises
    ------
    AudiotagError
        If the text is not a place, or a cluster is named and Ray is not installed.

    Examples
    --------
    >>> check_place("")
    ''
    """
    place = on.strip()
    if not place:
        return ""
    if place.startswith(CLIENT) and not re.search(r":\d+$", place):
        place = f"{place}:{CLIENT_PORT}"
    if place != RAY:
        found = _ADDRESS.fullmatch(place.removeprefix(CLIENT))
        if not found or not 0 < int(found["port"]) < 2**16:
            raise AudiotagError(
                f"on must be ray, HOST:PORT or ray://HOST:PORT, or empty for this machine, got {on!r}; "
                "check the address."
            )
    _require_ray()
    return place


@contextmanager
def connected(on: str) -> Iterator[Any]:
    """Connect to the cluster of a place that is not empty, and leave it at the end of the context.

    A cluster that was started here ends too. A connection that this process has already is used, and stays.

    Yields
    ------
    module
        Ray, connected.

    Raises
    ------
    AudiotagError
        If Ray is not installed, the cluster does not answer within `ANSWER_TIMEOUT_S`, or its versions differ.
    """
    place = check_place(on)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # Ray would report to its makers how it is used
    os.environ.setdefault("RAY_raylet_start_wait_time_s", str(START_TIMEOUT_S))
    ray = importlib.import_module("ray")
    if ray.is_initialized():
        yield ray
        return
    address = _address_of_running() if place == RAY else place
    if address:
        require_answer(address)
    on_terminate = signal.getsignal(signal.SIGTERM)
    options: dict[str, Any] = {"address": address, "namespace": NAMESPACE, "logging_level": logging.ERROR}
    if not address:
        options |= {"address": "local", "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    try:
        ray.init(log_to_driver=False, **options)
    except (Exception, SystemExit) as error:
        with suppress(Exception):
            ray.shutdown()
        raise AudiotagError(why_not(address, error)) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_terminate)  # Ray replaces it
    try:
        yield ray
    finally:
        ray.shutdown()


def require_answer(address: str, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
    """Raise `AudiotagError` unless a server that may be Ray's answers at an address.

    Parameters
    ----------
    address : str
        ``HOST:PORT`` or ``ray://HOST:PORT``.
    timeout_s : float
        How long it may take to answer.
    """
    if os.environ.get("RAY_USE_TLS", "0") == "1":  # it answers only those who have its certificates
        return
    host, port = address.removeprefix(CLIENT).rsplit(":", 1)
    head = b""
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout_s) as connection:
            connection.settimeout(timeout_s)
            with suppress(ConnectionError):  # closed by a server that understands no HTTP/2
                connection.sendall(_PREFACE)
                head = connection.recv(9)
    except OSError as error:
        fault = "does not answer" if isinstance(error, TimeoutError) else "cannot be reached"
        raise AudiotagError(
            f"the cluster at {address} {fault}; check the address, and that ray status on its head node shows it "
            "running."
        ) from error
    if len(head) < 4 or head[3] != _SETTINGS_TYPE:
        raise AudiotagError(
            f"what answers at {address} is not Ray; the port must be the one that ray start printed, usually 6379, or "
            f"with ray:// that of the client server, usually {CLIENT_PORT}."
        )


def _require_ray() -> None:
    try:
        spec = importlib.util.find_spec("ray")
    except ValueError:  # what stands in for it has no spec
        spec = None
    if spec is None or spec.origin is None:  # a folder named ray in the current folder has no origin
        raise AudiotagError(f"work on a cluster needs Ray, which is not installed; run {INSTALL}.")


def _address_of_running() -> str | None:
    """The address of the cluster that the environment names, or that was started last on this machine and answers."""
    named = os.environ.get("RAY_ADDRESS", "").strip()
    if named == "local":
        return None
    if named not in ("", "auto"):
        with suppress(AudiotagError):
            if (place := check_place(named)) != RAY:
                return place
        raise AudiotagError(
            f"RAY_ADDRESS must be HOST:PORT, ray://HOST:PORT, auto or local, got {named!r}; give the address that ray "
            "start printed, or unset it."
        )
    with suppress(ImportError, AttributeError, OSError, AudiotagError):
        from ray._private.services import find_bootstrap_address  # has no public name

        if address := find_bootstrap_address(None):
            require_answer(address)  # the file that names it outlives it
            return str(address)
    return None


def why_not(address: str | None, error: BaseException) -> str:
    """The sentence for what `ray.init` raised."""
    text = str(error)
    if not address:
        return (
            "Ray could not be started on this machine; free memory and space below /tmp, or leave out --on to work "
            "without it."
        )
    if len(versions := re.findall(r"(?:Ray|Python): [\w.]+", text)) == 4:
        there, here = (" and ".join(versions[part]).replace(":", "") for part in (slice(2), slice(2, 4)))
        return f"the cluster at {address} has {there}, and here is {here}; install the same versions."
    if "ray[client]" in text:
        return f"{address} needs Ray's client; run pip install 'ray[client]', or use HOST:PORT on one of its nodes."
    if "token" in text.lower():
        return f"the cluster at {address} asks for a token; set RAY_AUTH_MODE and RAY_AUTH_TOKEN as on its nodes."
    if address.startswith(CLIENT):
        return f"the cluster at {address} cannot be used from here; ray status on its head node shows whether it runs."
    return (
        f"the cluster at {address} cannot be used from here; HOST:PORT works only on a node of the cluster, from "
        f"elsewhere give ray://HOST:{CLIENT_PORT}."
    )
