"""Find the devices that this machine can train on, without importing torch."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache

import psutil

from audiotag.errors import AudiotagError

MIN_COMPUTE_CAPABILITY = (7, 5)  # Turing; PyPI's torch 2.11 is not built for older GPUs
DEVICE_PATTERN = re.compile(r"cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True)
class Device:
    """A device to train on.

    Attributes
    ----------
    key : str
        As torch names it.
    name : str
        In words, for pages.
    problem : str
        Why a GPU of this machine cannot be used, as a sentence; empty otherwise.
    """

    key: str
    name: str
    problem: str = ""


@lru_cache(maxsize=1)
def devices() -> tuple[Device, ...]:
    """The devices that training can use, the best first: GPUs, then the CPU."""
    cpu = f"CPU, {psutil.cpu_count(logical=True)} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB"
    if sys.platform == "darwin" and platform.machine() == "arm64":
        shared_gib = psutil.virtual_memory().total / 2**30
        return Device("mps", f"Apple GPU (MPS), {shared_gib:.0f} GiB shared"), Device("cpu", cpu)
    usable, problems = [], []
    for number, (name, version, memory_mib) in enumerate(_nvidia_gpus()):
        if sys.platform == "win32":
            problems.append(f"PyPI's PyTorch for Windows has no GPU support, so {name} is not used; WSL2 would use it.")
        elif problem := age_problem(name, version):
            problems.append(problem)
        else:
            usable.append(Device(f"cuda:{number}", f"{name}, {memory_mib / 1024:.0f} GiB"))
    return (*usable, Device("cpu", cpu, " ".join(problems)))


def describe_device() -> Device:
    """The device that training uses by default."""
    return devices()[0]


def check_device(asked: str) -> tuple[str, ...]:
    """The devices that a run's ``device`` names; if it is empty, every GPU, or the CPU if there is no GPU.

    >>> check_device("cpu")
    ('cpu',)

    Raises
    ------
    AudiotagError
        If a name is unknown, or this machine has no such device.
    """
    available = [device.key for device in devices()]
    if not asked:
        return tuple(key for key in available if key != "cpu") or ("cpu",)
    first_gpu = next((key for key in available if key.startswith("cuda")), "cuda")
    keys = []
    for part in asked.split(","):
        key = first_gpu if part.strip() == "cuda" else part.strip()
        if not DEVICE_PATTERN.fullmatch(key) or key not in available:
            raise AudiotagError(f"device must be one of {', '.join(available)} on this machine, got {part.strip()!r}.")
        keys.append(key)
    return tuple(keys)


def check_device_on_cluster(asked: str) -> str:
    """What a run's ``device`` asks of the nodes of a cluster: "cuda", "cpu", or empty for GPUs if they have some.

    Raises
    ------
    AudiotagError
        If it is anything else: which GPU a fold gets is for the cluster to say.
    """
    if asked not in ("", "cpu", "cuda"):
        raise AudiotagError(f"device must be cpu, cuda or empty for a run on a cluster, got {asked!r}; leave it out.")
    return asked


def age_problem(name: str, capability: tuple[int, ...]) -> str:
    """Say why a GPU of this compute capability cannot run this torch; empty if it can.

    >>> age_problem("Tesla P100", (6, 0))
    'Tesla P100 (compute capability 6.0) is too old for this PyTorch, which needs 7.5 or newer; the CPU is used.'
    """
    if capability >= MIN_COMPUTE_CAPABILITY:
        return ""
    has, needs = (".".join(map(str, version)) for version in (capability, MIN_COMPUTE_CAPABILITY))
    return (
        f"{name} (compute capability {has}) is too old for this PyTorch, which needs {needs} or newer; the CPU is used."
    )


def _nvidia_gpus() -> list[tuple[str, tuple[int, ...], float]]:
    """Name, compute capability and memory in MiB of each GPU that this process may use, in the order of the bus.

    The worker sets ``CUDA_DEVICE_ORDER`` so that CUDA counts them in the same order.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if not (tool := shutil.which("nvidia-smi")) or visible in ("", "-1"):
        return []
    try:
        output = subprocess.run(
            [tool, "--query-gpu=name,compute_cap,memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        ).stdout
        gpus = []
        for line in output.splitlines():
            name, capability, memory_mib = (part.strip() for part in line.split(","))
            gpus.append((name, tuple(int(part) for part in capability.split(".")), float(memory_mib)))
        return [gpus[int(number)] for number in visible.split(",")] if visible else gpus
    except (subprocess.SubprocessError, OSError, ValueError, IndexError):
        return []
