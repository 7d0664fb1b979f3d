"""Create ``.venv`` and install audiotag and exactly the packages of requirements.txt into it.

This script needs only Python itself, so it runs before anything is installed, with or without make. Running it again
does nothing if everything is installed already.
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
INSTALL_STAMP = VENV / "installed"  # holds the fingerprint of the install; written last, so it marks a complete install
SUPPORTED_PYTHONS = ((3, 11), (3, 12))
SUPPORTED_MACHINES = {"Linux": ("x86_64",), "Darwin": ("arm64",), "Windows": ("AMD64",)}


def reason_unsupported() -> str | None:
    """Why this Python or this system cannot run audiotag, and what to do; None if it can."""
    version, system, machine = sys.version_info[:2], platform.system(), platform.machine()
    if version not in SUPPORTED_PYTHONS:
        supported = " or ".join(".".join(map(str, python)) for python in SUPPORTED_PYTHONS)
        return (
            f"audiotag needs Python {supported}, but this is Python {version[0]}.{version[1]} ({sys.executable}). "
            "Choose another Python, as in `make app PYTHON=python3.12`, or run install.py with it."
        )
    if machine not in SUPPORTED_MACHINES.get(system, ()):
        return (
            "audiotag runs on Linux (x86_64), macOS on Apple silicon and 64-bit Windows, because all its packages are "
            f"available for these systems; this is {system} on {machine}."
        )
    return None


def install_fingerprint() -> str:
    """Hash of everything that decides what is installed: requirements, project settings, Python and folder."""
    parts = [
        REQUIREMENTS.read_bytes(),
        (ROOT / "pyproject.toml").read_bytes(),
        sys.version.encode(),
        str(ROOT).encode(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def has_other_python() -> bool:
    """Whether ``.venv`` was created by a Python of another version."""
    settings = VENV / "pyvenv.cfg"
    return settings.is_file() and f"version = {platform.python_version()}\n" not in settings.read_text()


def main() -> int:
    """Install everything unless it is installed already; return the exit code."""
    if reason := reason_unsupported():
        print(reason, file=sys.stderr)
        return 1
    if INSTALL_STAMP.is_file() and INSTALL_STAMP.read_text() == install_fingerprint():
        return 0
    print("Installing into .venv. The first time takes a few minutes (on Linux PyTorch alone is 5 GB).", flush=True)
    INSTALL_STAMP.unlink(missing_ok=True)
    on_windows = platform.system() == "Windows"
    venv.create(VENV, with_pip=True, clear=has_other_python(), symlinks=not on_windows)
    python = VENV / ("Scripts/python.exe" if on_windows else "bin/python")
    pip_install = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--no-deps"]
    for command in (
        # Every package is pinned with its hash. With --no-deps pip does not check fastaudio's outdated version limits.
        [*pip_install, "--require-hashes", "--only-binary=:all:", "-r", str(REQUIREMENTS)],
        [*pip_install, "--quiet", "--no-build-isolation", "--editable", str(ROOT)],
    ):
        if subprocess.call(command) != 0:
            print("The installation failed: see the message above, then run the same command again.", file=sys.stderr)
            return 1
    INSTALL_STAMP.write_text(install_fingerprint())
    return 0


if __name__ == "__main__":
    sys.exit(main())
