"""The command ``audiotag app``: serve the pages on this machine."""

from __future__ import annotations

import argparse
import os
import sys

from audiotag.cli.dataset import render_starter_sounds
from audiotag.cli.printing import say
from audiotag.errors import AudiotagError
from audiotag.shipped import APP
from audiotag.workspace import Workspace

ADDRESS = "127.0.0.1"
DEFAULT_PORT = 8501


def add_app(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``audiotag app``."""
    sub.add_argument(
        "--port", type=_parse_port, default=DEFAULT_PORT, help=f"port to serve on (default: {DEFAULT_PORT})"
    )


def app(options: argparse.Namespace) -> int:
    """Serve the app on 127.0.0.1 until it is interrupted."""
    import socket
    import subprocess

    workspace = Workspace()
    if not workspace.dataset_folders():
        say("No dataset has been opened yet: rendering the starter sounds.")
        try:
            render_starter_sounds(workspace.starter)
        except AudiotagError as error:  # the app works without them
            say(f"audiotag: {error}")
    with socket.socket() as client:
        if client.connect_ex((ADDRESS, options.port)) == 0:
            raise AudiotagError(f"port {options.port} is in use; choose another one with --port.")
    # Streamlit looks for .streamlit/config.toml, which binds it to 127.0.0.1, in the folder that it starts in.
    return subprocess.call(
        [sys.executable, "-m", "streamlit", "run", APP.name, "--server.port", str(options.port)],
        cwd=APP.parent,
        env=os.environ | {"AUDIOTAG_HOME": str(workspace.root)},
    )


def _parse_port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to 65535, got {text}")
    return int(text)
