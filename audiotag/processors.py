"""Find out which processors a process may use and which number formats they compute fast."""

from __future__ import annotations

import os


def usable_cpus() -> int:
    """Number of logical CPUs that this process may use; on a shared machine fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_has_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16; torch emulates them on any other, which is slow."""
    import torch

    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
