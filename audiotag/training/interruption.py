"""Find out what ended a worker that wrote no status: from its log, and from the files that it had in hand."""

from __future__ import annotations

import re
from pathlib import Path

from audiotag import in_hand

NOTES = ".in-hand"  # in the folder of a run or an estimate; that of a lane has the lane's number added
BEGIN = "worker {pid} begins"  # in the log; what is above it is of earlier workers


def notes_path(folder: Path, lane: int | None = None) -> Path:
    """Where a worker, or one of its lanes, notes the files that it has in hand."""
    return folder / (NOTES if lane is None else f"{NOTES}-{lane}")


def lane_notes(folder: Path) -> list[Path]:
    """The notes of all lanes."""
    return sorted(folder.glob(f"{NOTES}-*"))


def how_it_died(folder: Path) -> str:
    """A sentence about a worker that died: by which signal, and with which files in hand."""
    crash = _crash(folder / "log.txt")
    files = [path for notes in (notes_path(folder), *lane_notes(folder)) for path in in_hand.files_in(notes)]
    cause = f"crashed ({crash})" if crash else "was ended from outside, or memory ran out"
    if not files:
        return f"Its process {cause}."
    return (
        f"Its process {cause}, while it read {in_hand.named(files)}. Those are read in a process of their own when you "
        "resume, which leaves out a file that cannot be read."
    )


def _crash(log: Path) -> str:
    """The signal that ended the last worker in the log, as Python's faulthandler names it; empty if none did."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    text = re.split("^" + BEGIN.format(pid=r"\d+") + "$", text, flags=re.MULTILINE)[-1]
    found = re.findall(r"^Fatal Python error: (.+)$", text, flags=re.MULTILINE)
    return found[-1].lower() if found else ""
