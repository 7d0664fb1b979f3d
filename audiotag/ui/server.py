"""Serve the app behind the gate: ``python -m audiotag.ui.server``, which ``audiotag app`` starts."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

import streamlit as st
from starlette.middleware import Middleware

from audiotag.crash_log import start_log, unexpected, watch_for_crashes
from audiotag.jobs import end_with_parent
from audiotag.shipped import APP
from audiotag.ui import warm_up
from audiotag.ui.gate import LOOPBACK, TOKEN, Access, Gate
from audiotag.ui.page_errors import keep_tracebacks_off_the_terminal, show_uncaught

UNEXPECTED_ERROR = 70  # as in `audiotag.cli.exit_codes`, which this layer may not import
TOKEN_VARIABLE = "AUDIOTAG_TOKEN"  # not an option: other users of the machine can read the arguments of a process


def main() -> None:
    """Serve until interrupted, or until the command that started this process has ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, help="PID of the command, with which this process ends")
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--allow-host", action="append", default=[])
    parser.add_argument("--no-token", action="store_true")
    options = parser.parse_args()
    end_with_parent(options.parent)
    start_log()
    signal.signal(signal.SIGTERM, _end)  # uvicorn has its own while it serves, and raises the signal again at its end
    try:
        with watch_for_crashes(_say):
            _serve(options)
    except KeyboardInterrupt:
        _end(signal.SIGINT, None)
    except Exception as error:
        _say(unexpected("the app", error))
        sys.exit(UNEXPECTED_ERROR)


def _serve(options: argparse.Namespace) -> None:
    given = os.environ.pop(TOKEN_VARIABLE, "")  # trainings that pages start must not inherit it
    token = "" if options.no_token else given or secrets.token_urlsafe(32)
    access = access_for(options.address, options.allow_host, token)
    address = page_address(options.address, options.port, token)

    @asynccontextmanager
    async def print_address(_: st.App) -> AsyncIterator[None]:
        print(f"\n  audiotag is served at\n\n  {address}\n", flush=True)
        warm_up.begin()
        yield

    keep_tracebacks_off_the_terminal()
    sys.argv = [str(APP)]  # Streamlit reads .streamlit/config.toml beside it
    app = st.App(
        APP, middleware=[Middleware(Gate, access=access)], lifespan=print_address, on_script_error=show_uncaught
    )
    app.run(
        config={
            "server.address": options.address,
            "server.port": options.port,
            "server.allowedHosts": ["*"],  # the gate knows them, and asks for them in every request
            "runner.postScriptGC": False,  # `warm_up` does it while no page runs
            "logger.enableRich": False,  # `page_errors` filters what its own log prints
            "logger.hideWelcomeMessage": True,  # it would print the address without the token
        }
    )


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _say(sentence: str) -> None:
    print(f"audiotag: {sentence}", file=sys.stderr, flush=True)


def access_for(address: str, allowed_hosts: list[str], token: str) -> Access:
    """Who may use an app that is bound to an address: names are only those of this machine and those given."""
    if address in LOOPBACK:
        return Access(token, tuple(name.lower() for name in allowed_hosts))
    own = {socket.gethostname(), socket.getfqdn(), address}
    return Access(token, tuple(name.lower() for name in (*sorted(own), *allowed_hosts)), any_address=True)


def page_address(address: str, port: int, token: str) -> str:
    """The address to open in a browser.

    >>> page_address("127.0.0.1", 8501, "secret")
    'http://127.0.0.1:8501/?token=secret'
    >>> page_address("::1", 8501, "")
    'http://[::1]:8501/'
    """
    host = socket.gethostname() if address in ("0.0.0.0", "::") else address
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{port}/" + (f"?{TOKEN}={token}" if token else "")


if __name__ == "__main__":
    main()
