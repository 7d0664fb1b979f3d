"""How pages keep what they load in memory, and the keys that change with files.

What a function with the decorator `cached` returns is shared between sessions, so nobody may change it.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import streamlit as st

# As `streamlit.cache_resource`, which cannot hash a path that is not valid UTF-8.
cached = partial(st.cache_resource, hash_funcs={type(Path()): os.fsencode})


def file_stamp(path: Path) -> tuple[int, ...]:
    """A key that changes when the file changes; empty while there is no file."""
    try:
        stat = path.stat()
    except OSError:
        return ()
    return stat.st_mtime_ns, stat.st_size
