"""What the caches of pages have in common: `cached`, and stamps of files.

Everything that they return is shared between sessions, so nobody may change it.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import streamlit as st

# As `streamlit.cache_resource`, which cannot hash a path that is not valid UTF-8.
cached = partial(st.cache_resource, hash_funcs={type(Path()): os.fsencode})


def file_stamp(folder: Path, name: str) -> tuple[int, ...]:
    """A key that changes when the file of this name changes; empty while there is none."""
    file = folder / name
    return (file.stat().st_mtime_ns,) if file.is_file() else ()
