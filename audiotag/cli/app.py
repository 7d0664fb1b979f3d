"""The command ``audiotag app``: serve the pages on this machine."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
from contextlib import suppress

from audiotag.cli.exit_codes import SIGNALLED, SOME_FAILED
from audiotag.cli.printing import say
from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.shipped import APP
from audiotag.workspace import Workspace

ADDRESS = "127.0.0.1"
DEFAULT_PORT = 8501
SHUTDOWN_S = 10.0  # a server that has not ended by itself by then is killed
MIN_TOKEN_CHARACTERS = 16
OPENS = (
    "Whoever has the address with its token can read all sounds and tables that you can read on this machine, start "
    "trainings, and change your workspace. The connection is not encrypted."
)


def add_app(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``audiotag app``."""
    sub.add_argument(
        "--port", type=_parse_port, default=DEFAULT_PORT, help=f"port to serve on (default: {DEFAULT_PORT})"
    )
    sub.add_argument(
        "--address",
        default=ADDRESS,
        help=f"address of this machine to serve on (default: {ADDRESS}, which only this machine reaches). With another "
        f"one, such as 0.0.0.0, other machines reach the app. {OPENS}",
    )
    sub.add_argument(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="also answer under this name, for example that of a proxy; may be given several times",
    )
    sub.add_argument(
        "--no-token",
        action="store_true",
        help="ask for no token: for an app behind a login of your own. By default a new token is made at each start; "
        f"the environment variable AUDIOTAG_TOKEN sets your own (at least {MIN_TOKEN_CHARACTERS} characters)",
    )


def app(options: argparse.Namespace) -> int:
    """Serve the app until it is interrupted, by default on 127.0.0.1."""
    if not options.no_token and 0 < len(os.environ.get("AUDIOTAG_TOKEN", "")) < MIN_TOKEN_CHARACTERS:
        raise AudiotagError(
            f"AUDIOTAG_TOKEN must have at least {MIN_TOKEN_CHARACTERS} characters; a shorter token can be guessed. "
            "Without the variable a token is made at each start."
        )
    _check_port(options.address, options.port)
    workspace = Workspace()
    if not workspace.dataset_folders():
        _begin_to_render(workspace)
    if options.address not in (ADDRESS, "localhost", "::1"):
        say(f"audiotag: other machines can reach this app. {OPENS}")
        if options.no_token:
            say("audiotag: there is no token: whoever reaches the port can do all this.")
    command = [sys.executable, "-m", "audiotag.ui.server", "--address", options.address, "--port", str(options.port)]
    for name in options.allow_host:
        command += ["--allow-host", name]
    if options.no_token:
        command.append("--no-token")
    command += ["--parent", str(os.getpid())]
    status = _serve(command, os.environ | {"AUDIOTAG_HOME": str(workspace.root)})
    if status == SOME_FAILED:  # Streamlit's status where another program took the port after it was checked
        _check_port(options.address, options.port)
    return status


def _begin_to_render(workspace: Workspace) -> None:
    """Start a process that renders the starter sounds, unless one is running; the pages show its progress."""
    from audiotag.starter.render_job import RenderJob

    say("No dataset has been opened yet: the starter sounds are being rendered. The pages show how far they are.")
    try:
        RenderJob.of(workspace).start()
    except OSError as error:  # the app works without them
        say(f"audiotag: {disk_problem(error)}")


def _serve(command: list[str], environment: dict[str, str]) -> int:
    """Run the server until it ends; returns its exit status. Whatever ends this process ends the server too.

    The server is in a session of its own, so that Ctrl-C reaches it through this process alone.
    """
    import subprocess

    # Streamlit looks for .streamlit/config.toml in the folder that it starts in.
    server = subprocess.Popen(command, cwd=APP.parent, env=environment, start_new_session=True)
    try:
        status = server.wait()
    except BaseException:
        server.terminate()
        try:
            server.wait(SHUTDOWN_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        raise
    if status < 0:
        say(f"audiotag: the app was ended by signal {-status}; start it again.")
        return SIGNALLED - status
    return status


def _check_port(address: str, port: int) -> None:
    """Raise `AudiotagError` unless a server can be bound to the port; suggests one that is free."""
    try:
        _bind(address, port)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise AudiotagError(f"{address} is not an address of this machine; choose another --address.") from error
        what = "in use" if error.errno == errno.EADDRINUSE else "not allowed for your account"
        raise AudiotagError(
            f"port {port} is {what}; choose another one, for example --port {_free_port(address, port)}."
        ) from error


def _free_port(address: str, port: int) -> int:
    """The next free port; if the hundred next ones are not, any that is."""
    start = max(port + 1, DEFAULT_PORT)
    for candidate in [*range(start, min(start + 100, 65_536)), 0]:
        with suppress(OSError):
            return _bind(address, candidate)
    return DEFAULT_PORT


def _bind(address: str, port: int) -> int:
    """Bind a server to a port and close it again; the port, which for 0 is one that the system chooses."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family) as server:
        bound: int = server.getsockname()[1]
        return bound


def _parse_port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to 65535, got {text}")
    return int(text)
