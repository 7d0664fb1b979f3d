"""Make ``.venv`` and install audiotag and exactly the packages of requirements.txt into it; safe to repeat.

Needs nothing but Python itself, so that it runs before anything is installed, with or without make.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements.txt"
DONE = VENV / "installed"  # holds what was installed; written last, so an interrupted install is begun again
PYTHONS = ((3, 11), (3, 12))
SYSTEMS = {"Linux": ("x86_64",), "Darwin": ("arm64",), "Windows": ("AMD64",)}


def unsupported() -> str | None:
    """Why this Python or system cannot run audiotag, as one sentence; None if it can."""
    version, system, machine = sys.version_info[:2], platform.system(), platform.machine()
    if version not in PYTHONS:
        wanted = " or ".join(".".join(map(str, python)) for python in PYTHONS)
        return (
            f"audiotag needs Python {wanted}, this is {version[0]}.{version[1]} ({sys.executable}); "
            "name another, as in `make app PYTHON=python3.12`, or run install.py with it."
        )
    if machine not in SYSTEMS.get(system, ()):
        return (
            f"audiotag runs on Linux (x86_64), macOS on Apple silicon and 64-bit Windows, for which every "
            f"package it needs is built; this is {system} on {machine}."
        )
    return None


def fingerprint() -> str:
    """Of everything that decides what gets installed."""
    parts = [
        REQUIREMENTS.read_bytes(),
        (ROOT / "pyproject.toml").read_bytes(),
        sys.version.encode(),
        str(ROOT).encode(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def main() -> int:
    """Install unless it is done already."""
    if reason := unsupported():
        print(reason, file=sys.stderr)
        return 1
    if DONE.is_file() and DONE.read_text() == fingerprint():
        return 0
    print("Installing into .venv; the first time takes a few minutes (on Linux PyTorch alone is 5 GB).", flush=True)
    DONE.unlink(missing_ok=True)
    settings = VENV / "pyvenv.cfg"
    of_another = settings.is_file() and f"version = {platform.python_version()}\n" not in settings.read_text()
    venv.create(VENV, with_pip=True, clear=of_another, symlinks=platform.system() != "Windows")
    python = VENV / ("Scripts/python.exe" if platform.system() == "Windows" else "bin/python")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--no-deps"]
    for step in (
        # Each package is pinned with its hash, so nothing is resolved anew: that lets fastaudio's old pins through.
        [*pip, "--require-hashes", "--only-binary=:all:", "-r", str(REQUIREMENTS)],
        [*pip, "--quiet", "--no-build-isolation", "--editable", str(ROOT)],
    ):
        if subprocess.call(step) != 0:
            print(
                "The install did not finish; see the message above, then run the same command again.", file=sys.stderr
            )
            return 1
    DONE.write_text(fingerprint())
    return 0


if __name__ == "__main__":
    sys.exit(main())
