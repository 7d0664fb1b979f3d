"""A name and a note that the user gives a run: ``note.json`` in its folder, on which nothing else depends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from audiotag.errors import AudiotagError
from audiotag.state import read_json_state
from audiotag.training.runs import Run
from audiotag.wording import as_text
from audiotag.workspace import write_json

FILE = "note.json"
MAX_TITLE_CHARS = 100
MAX_NOTE_CHARS = 2000
SHAPE = {"title": str, "note": str}


@dataclass(frozen=True)
class RunNote:
    """What the user calls a run, and what they noted about it; both may be empty.

    Line breaks and other control characters become spaces.

    Raises
    ------
    AudiotagError
        If one is longer than 100 or 2,000 characters.

    >>> RunNote(" first\\ntry ", "").title
    'first try'
    """

    title: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        for name, most in (("title", MAX_TITLE_CHARS), ("note", MAX_NOTE_CHARS)):
            text = re.sub(r"\s+", " ", as_text(getattr(self, name))).strip()
            if len(text) > most:
                what = "name" if name == "title" else "note"
                raise AudiotagError(f"the {what} of a run must have at most {most:,} characters, got {len(text):,}.")
            object.__setattr__(self, name, text)


def read_note(run: Run) -> RunNote:
    """The name and the note of a run; empty where there are none, or where their file is damaged and set aside."""
    otherwise = f"run {run.name} has no name of its own and no note; give them again"
    values = read_json_state(run.folder / FILE, SHAPE, {"title": "", "note": ""}, otherwise)
    return RunNote(values["title"][:MAX_TITLE_CHARS], values["note"][:MAX_NOTE_CHARS])


def write_note(run: Run, note: RunNote) -> None:
    """Write the name and the note of a run; without both the file is removed.

    Raises
    ------
    AudiotagError
        If the run was deleted meanwhile.
    """
    if not (run.folder / "settings.json").exists():
        raise AudiotagError(f"run {run.name} does not exist any more, so its note cannot be written.")
    if note == RunNote():
        (run.folder / FILE).unlink(missing_ok=True)
    else:
        write_json(run.folder / FILE, asdict(note))


def display_name(run: Run) -> str:
    """The name that the user gave the run, else the name of its folder."""
    return read_note(run).title or run.name


def display_names(runs: Iterable[Run]) -> dict[str, str]:
    """What to call each run, by the name of its folder; runs that are called the same have that name with them."""
    names = {run.name: display_name(run) for run in runs}
    counts = Counter(names.values())
    return {run: f"{name} · {run}" if counts[name] > 1 else name for run, name in names.items()}
