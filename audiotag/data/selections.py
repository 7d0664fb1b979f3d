"""Save sets of clips that the user selected, so that an address can name them in a few characters.

A selection is a file of the workspace whose name, its id, is a hash of the clips: the same clips have the same id, and
a selection never changes. The oldest are removed when there are more than `MAX_SELECTIONS` of a dataset.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from audiotag.data.dataset import Dataset
from audiotag.data.index import cache_name
from audiotag.state import fits, is_path, read_state
from audiotag.workspace import Workspace, write_bytes

Name = tuple[str, str]  # subset and clip, which no other clip of the dataset has together
MAX_SELECTIONS = 50
ID_BYTES = 6
_ID = re.compile(f"[0-9a-f]{{{2 * ID_BYTES}}}")


def save_selection(dataset: Dataset, clips: Collection[Name], workspace: Workspace) -> str:
    """Write a selection, and return its id.

    Parameters
    ----------
    dataset : Dataset
    clips : collection of (str, str)
        Subset and name of each clip.
    workspace : Workspace

    Raises
    ------
    OSError
        If the disk refuses.
    """
    content = json.dumps(sorted(clips), ensure_ascii=True).encode()
    found = hashlib.blake2b(content, digest_size=ID_BYTES).hexdigest()
    folder = _folder(dataset, workspace)
    write_bytes(selection_path(dataset, found, workspace), content)  # also if it exists: it is then the newest
    with suppress(OSError):  # another process may be removing the same files
        files = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in files[MAX_SELECTIONS:]:
            path.unlink()
    return found


def read_selection(dataset: Dataset, selection: str, workspace: Workspace) -> frozenset[Name] | None:
    """The subset and name of each clip of a selection; None if the workspace does not have it.

    Parameters
    ----------
    dataset : Dataset
    selection : str
        The id, which may be any text from an address.
    workspace : Workspace
    """
    if not _ID.fullmatch(selection):
        return None
    return read_state(selection_path(dataset, selection, workspace), _parse, None, "select the clips again")


def selection_path(dataset: Dataset, selection: str, workspace: Workspace) -> Path:
    """The file of a selection, which need not exist."""
    return _folder(dataset, workspace) / f"{selection}.json"


def _folder(dataset: Dataset, workspace: Workspace) -> Path:
    return workspace.root / "selections" / cache_name(dataset.root, dataset.name)


def _parse(content: bytes) -> frozenset[Name]:
    pairs = json.loads(content)
    # The name of a clip is a path, whose bytes need not be valid UTF-8.
    if not fits(pairs, [[is_path]]) or any(len(pair) != 2 for pair in pairs):
        raise ValueError("an entry is not a clip")
    return frozenset((subset, clip) for subset, clip in pairs)
