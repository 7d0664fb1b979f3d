"""The placeholders of remote objects: files without content, with the size and the time of the object."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from audiotag.remote.addresses import address_of
from audiotag.remote.storage import Facts, facts_of


def known_facts(path: Path) -> Facts | None:
    """What the placeholder at a path says of its object; None if there is none."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return Facts(stat.st_size, stat.st_mtime_ns)


def current_facts(path: Path) -> Facts:
    """What the object is now; its placeholder says so from now on, where that can be written.

    Raises
    ------
    AudiotagError
        If there is no such object, or it cannot be asked for.
    """
    facts = facts_of(address_of(path))
    with suppress(OSError):  # a worker on another machine may have no workspace
        if not _has_content(path):
            place(path, facts)
    return facts


def place(path: Path, facts: Facts) -> None:
    """Make the placeholder of an object, or change it."""
    known = known_facts(path)
    if known == facts:
        return
    if known is None:
        path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as file:
        file.truncate(0)
        file.truncate(facts.size)  # takes no space on disk
    os.utime(path, ns=(facts.modified_ns, facts.modified_ns))


def _has_content(path: Path) -> bool:
    """Whether a file of the mirror is no placeholder: a table or another text, which its listing alone replaces."""
    try:
        with open(path, "rb") as file:
            return any(file.read(1))
    except FileNotFoundError:
        return False
