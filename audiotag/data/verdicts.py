"""The journal of verdicts: what reviewers said about labels of clips, one JSON object per line, never overwritten.

Undoing a verdict appends a line as well, so that every step can be followed. A verdict is on disk before `append`
returns: a process that is killed between two verdicts loses none. The dataset's own tables are never changed;
`audiotag.data.corrections` computes from the journal which labels differ from theirs.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from audiotag.data.index import cache_name
from audiotag.disk import locked
from audiotag.state import fits, read_state, say
from audiotag.wording import as_text
from audiotag.workspace import Workspace

Answer = Literal["right", "wrong", "add", "other", "unsure", "skip"]
UNDECIDED: tuple[Answer, ...] = ("unsure", "skip")  # answers that say nothing about a label

VERDICT_SHAPE = {
    "time": float, "action": str, "reviewer": str, "subset": str, "clip": str, "content": str, "label": str,
    "answer": lambda value: value in get_args(Answer), "from": [str], "to": [str], "note?": str,
}  # fmt: skip
MAX_REVIEWER_CHARS = 60
UNDO_SHAPE = {"time": float, "reviewer": str, "undoes": str}


@dataclass(frozen=True)
class Verdict:
    """What a reviewer said about one label of one clip.

    Attributes
    ----------
    subset, clip : str
        The clip, as in `audiotag.data.dataset.Dataset.clips`.
    label : str
        The label in doubt; empty where all labels of the clip were given at once, as in imported corrections.
    answer : Answer
        "right": the labels are right as they were; "wrong": the label is not in the sound; "add": it is, and was
        missing; "other": another label is; "unsure" and "skip" decide nothing.
    before, after : tuple[str, ...]
        The clip's labels before and after the verdict.
    reviewer : str
    content : str
        Hash of the clip's samples (`audiotag.audio.content`), by which the clip is found under another name; empty
        where it is not known.
    note : str
    time : float
        When it was given, in seconds since 1970; set by `VerdictJournal.append`.
    action : str
        What was given together is undone together; set by `VerdictJournal.append`.
    """

    subset: str
    clip: str
    label: str
    answer: Answer
    before: tuple[str, ...]
    after: tuple[str, ...]
    reviewer: str
    content: str = ""
    note: str = ""
    time: float = 0.0
    action: str = ""

    @property
    def decisions(self) -> dict[str, bool]:
        """Each label that the verdict decides, and whether it is in the sound."""
        if self.answer in UNDECIDED:
            return {}
        if not self.label:
            return {label: label in self.after for label in sorted({*self.before, *self.after})}
        return {label: label in self.after for label in sorted({self.label, *set(self.before) ^ set(self.after)})}

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain values, as in the journal."""
        return {
            "time": self.time, "action": self.action, "reviewer": self.reviewer, "subset": self.subset,
            "clip": self.clip, "content": self.content, "label": self.label, "answer": self.answer,
            "from": list(self.before), "to": list(self.after), "note": self.note,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Verdict:
        """Read the plain values of `to_dict`, which must have the shape `VERDICT_SHAPE`."""
        before, after = tuple(values["from"]), tuple(values["to"])
        names = ("subset", "clip", "label", "answer", "reviewer", "content", "time", "action")
        fields = {name: values[name] for name in names}
        return cls(**fields, before=before, after=after, note=values.get("note", ""))


def clean_reviewer(name: str) -> str:
    """A reviewer's name on one line, without what a page or a terminal would obey.

    >>> clean_reviewer("  Ann\\n\\u202eBob ")
    'Ann Bob'
    """
    words = " ".join(unicodedata.normalize("NFC", as_text(name)).split())
    return "".join(char for char in words if char.isprintable())[:MAX_REVIEWER_CHARS].strip()


@dataclass(frozen=True)
class VerdictJournal:
    """The verdicts on one dataset.

    Attributes
    ----------
    path : Path
        The file, which exists once there is a verdict.
    """

    path: Path

    @classmethod
    def of(cls, dataset: Path, workspace: Workspace) -> VerdictJournal:
        """The journal of the dataset at a path."""
        return cls(workspace.root / "reviews" / f"{cache_name(dataset, dataset.name)}.jsonl")

    def append(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Write verdicts that were given together; returns them with their time and action.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        now, action = round(time.time(), 3), secrets.token_hex(6)
        given = [replace(verdict, time=now, action=action) for verdict in verdicts]
        self._write([verdict.to_dict() for verdict in given])
        return given

    def undo(self, reviewer: str) -> list[Verdict]:
        """Take back what the reviewer gave last; returns these verdicts, empty if nothing is left to undo."""
        with locked(self.path):
            own = [verdict for verdict in self.verdicts() if verdict.reviewer == reviewer]
            undone = [verdict for verdict in own if verdict.action == own[-1].action]
            if undone:
                self._write([{"time": round(time.time(), 3), "reviewer": reviewer, "undoes": undone[0].action}])
        return undone

    def verdicts(self) -> list[Verdict]:
        """All verdicts that are not undone, oldest first."""
        return JournalReader(self).verdicts()

    def _write(self, lines: list[dict[str, Any]]) -> None:
        """Append lines in one write; they are on disk when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        block = b"".join(json.dumps(line, ensure_ascii=True).encode() + b"\n" for line in lines)
        with self.path.open("ab+") as file:
            if size := file.seek(0, os.SEEK_END):
                file.seek(size - 1)
                if file.read(1) != b"\n":  # a line that a kill cut off
                    block = b"\n" + block
            file.write(block)
            file.flush()
            os.fsync(file.fileno())


class JournalReader:
    """Reads one journal again and again, and each time takes up only the lines that are new.

    Parameters
    ----------
    journal : VerdictJournal
    """

    def __init__(self, journal: VerdictJournal) -> None:
        self.journal = journal
        self._content = b""  # whole lines, of which the next two are made
        self._lines: list[Verdict | _Undo] = []
        self._damaged = 0
        self._lock = threading.Lock()  # of threads that show the same journal

    def verdicts(self) -> list[Verdict]:
        """As `VerdictJournal.verdicts`."""
        otherwise = "the verdicts in it are not used"
        nothing: tuple[list[Verdict | _Undo], int] = ([], 0)
        with self._lock:
            lines, damaged = read_state(self.journal.path, self._parse, nothing, otherwise)
        if damaged:
            which = "1 line is" if damaged == 1 else f"{damaged} lines are"
            say(f"{self.journal.path} is damaged: {which} left out, so verdicts may be missing.", once=True)
        undone = {line for line in lines if isinstance(line, _Undo)}
        verdicts = [line for line in lines if isinstance(line, Verdict)]
        return [verdict for verdict in verdicts if _Undo(verdict.reviewer, verdict.action) not in undone]

    def _parse(self, content: bytes) -> tuple[list[Verdict | _Undo], int]:
        """The lines of a journal, and how many are damaged; a last line that is cut off is not counted."""
        if not content.startswith(self._content):  # another file has taken its place
            self._content, self._lines, self._damaged = b"", [], 0
        end = content.rfind(b"\n") + 1
        for text in filter(None, content[len(self._content) : end].split(b"\n")):
            line = _parse_line(text)
            if line is None:
                self._damaged += 1
            else:
                self._lines.append(line)
        self._content = content[:end]
        last = _parse_line(content[end:])
        return [*self._lines, *([] if last is None else [last])], self._damaged


class _Undo(NamedTuple):
    """A line that takes back what a reviewer gave together."""

    reviewer: str
    action: str


def _parse_line(text: bytes) -> Verdict | _Undo | None:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if fits(line, VERDICT_SHAPE):
        return Verdict.from_dict(line)
    return _Undo(line["reviewer"], line["undoes"]) if fits(line, UNDO_SHAPE) else None
