"""Freed memory is kept for the next batch where the C library can do that."""

import platform
import subprocess
import sys

import pytest

from audiotag.training.backend.memory import keep_freed_memory

# Page faults of arrays of 2 MB that are allocated and freed, as those of batches are, before and after.
CODE = """
import resource
import numpy as np
from audiotag.training.backend.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        arrays = [np.ones(2**18) for _ in range(8)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first, is_kept, _, after = faults(), keep_freed_memory(), faults(), faults()
print(first, is_kept, after)
"""


def test_arrays_as_large_as_those_before_need_no_new_memory() -> None:
    found = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    first, is_kept, after = found.stdout.split()
    if platform.libc_ver()[0] == "glibc":
        assert is_kept == "True"
        assert int(after) < int(first) / 10
    else:
        assert is_kept == "False"


def test_a_library_without_the_option_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert not keep_freed_memory()
