"""Keep uploads in temporary files where they cannot be put into the history, as long as a session has them.

Streamlit holds each upload in memory until the session ends. Here its bytes go to a file at once, and Streamlit's copy
is given up. The file is deleted with the last reference to its `StoredUpload`: when the session has ended, or when the
sound was removed and cannot be restored any more.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from streamlit.runtime.scriptrunner import get_script_run_ctx

PREFIX = "audiotag-uploads-"


class StoredUpload:
    """The bytes of an upload in a temporary file, which only this user can read.

    Attributes
    ----------
    path : Path
    """

    def __init__(self, content: bytes) -> None:
        descriptor, name = tempfile.mkstemp(dir=_folder())
        self.path = Path(name)
        weakref.finalize(self, self.path.unlink, missing_ok=True)  # also when the process ends
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)


def release_uploads(uploads: Iterable[Any]) -> None:
    """Free the memory in which Streamlit holds these uploads; their widget must not be shown again."""
    context = get_script_run_ctx()
    if context is not None:
        manager: Any = context.uploaded_file_mgr
        for upload in uploads:
            manager.remove_file(context.session_id, upload.file_id)


@cache
def _folder() -> Path:
    """The folder of this process; those of processes that were killed are deleted."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        process = re.match(rf"{PREFIX}(\d+)-", left.name)
        if process and not psutil.pid_exists(int(process[1])):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    weakref.finalize(_folder, shutil.rmtree, folder, ignore_errors=True)
    return folder
