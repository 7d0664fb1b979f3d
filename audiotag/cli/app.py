"""The command ``audiotag app``: serve the pages on this machine."""

from __future__ import annotations

import argparse
import os
import sys

from audiotag.cli.dataset import render_starter_sounds
from audiotag.errors import AudiotagError
from audiotag.shipped import APP
from audiotag.workspace import Workspace

ADDRESS = "127.0.0.1"
DEFAULT_PORT = 8501
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
    import socket
    import subprocess

    if not options.no_token and 0 < len(os.environ.get("AUDIOTAG_TOKEN", "")) < MIN_TOKEN_CHARACTERS:
        raise AudiotagError(
            f"AUDIOTAG_TOKEN must have at least {MIN_TOKEN_CHARACTERS} characters; a shorter token can be guessed. "
            "Without the variable a token is made at each start."
        )
    workspace = Workspace()
    if not workspace.dataset_folders():
        print("No dataset has been opened yet: rendering the starter sounds.", file=sys.stderr)
        try:
            render_starter_sounds(workspace.starter)
        except AudiotagError as error:  # the app works without them
            print(f"audiotag: {error}", file=sys.stderr)
    with socket.socket() as client:
        if client.connect_ex((ADDRESS, options.port)) == 0:
            raise AudiotagError(f"port {options.port} is in use; choose another one with --port.")
    if options.address not in (ADDRESS, "localhost", "::1"):
        print(f"audiotag: other machines can reach this app. {OPENS}", file=sys.stderr)
        if options.no_token:
            print("audiotag: there is no token: whoever reaches the port can do all this.", file=sys.stderr)
    command = [sys.executable, "-m", "audiotag.ui.server", "--address", options.address, "--port", str(options.port)]
    for name in options.allow_host:
        command += ["--allow-host", name]
    if options.no_token:
        command.append("--no-token")
    # Streamlit looks for .streamlit/config.toml in the folder that it starts in.
    return subprocess.call(command, cwd=APP.parent, env=os.environ | {"AUDIOTAG_HOME": str(workspace.root)})


def _parse_port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to 65535, got {text}")
    return int(text)
