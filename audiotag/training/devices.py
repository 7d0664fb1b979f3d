"""What this machine trains on, found without importing torch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache

import psutil

OLDEST_GPU = (7, 5)  # Turing; PyPI's torch 2.11 is built for nothing older


@dataclass(frozen=True)
class Device:
    """A device in words, and a sentence if a GPU that is there cannot be used."""

    name: str
    problem: str = ""


@lru_cache(maxsize=1)
def describe_device() -> Device:
    """The GPU that training uses, or the CPU and why."""
    cpu = f"CPU, {psutil.cpu_count(logical=True)} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB"
    if sys.platform == "darwin":
        return Device("Apple GPU (MPS)")
    if not (tool := shutil.which("nvidia-smi")):
        return Device(cpu)
    try:
        output = subprocess.run(
            [tool, "--query-gpu=name,compute_cap,memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        ).stdout
        name, capability, memory_mib = (part.strip() for part in output.splitlines()[0].split(","))
        version = tuple(int(part) for part in capability.split("."))
    except (subprocess.SubprocessError, OSError, ValueError, IndexError):
        return Device(cpu)
    if sys.platform == "win32":
        return Device(cpu, f"PyPI's PyTorch for Windows has no GPU support, so {name} is not used; WSL2 would use it.")
    if problem := too_old(name, version):
        return Device(cpu, problem)
    return Device(f"{name}, {int(memory_mib) / 1024:.0f} GiB")


def too_old(name: str, capability: tuple[int, ...]) -> str:
    """A sentence if a GPU of this compute capability cannot run this torch; empty if it can.

    >>> too_old("Tesla P100", (6, 0))
    'Tesla P100 (compute capability 6.0) is too old for this PyTorch, which needs 7.5 or newer; the CPU is used.'
    """
    if capability >= OLDEST_GPU:
        return ""
    has, needs = (".".join(map(str, version)) for version in (capability, OLDEST_GPU))
    return (
        f"{name} (compute capability {has}) is too old for this PyTorch, which needs {needs} or newer; the CPU is used."
    )
