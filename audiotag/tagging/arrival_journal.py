"""The journal of a watched folder: it stays, and the results file is written from it again and again.

It has the lines of `audiotag.tagging.journal`, in the order in which clips were tagged. The last line of a clip counts,
and its row stands where the clip's first one did: a file that was replaced replaces its row, and clips whose files were
deleted keep theirs. Memory holds about 120 bytes per clip.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from audiotag.errors import AudiotagError
from audiotag.tagging.export.rows import Row
from audiotag.tagging.journal import Journal, checksum, unsealed
from audiotag.tagging.sound_files import SoundFile


class ArrivalJournal(Journal):
    """Results of the clips that arrived in a folder.

    A clip that could not be tagged counts as done, too, until its file changes or is given other permissions.

    Raises
    ------
    AudiotagError
        If another process writes the same file; when it is opened, also if it was begun with another fingerprint, or if
        it is damaged: it may have results of files that are gone, so it is never begun anew by itself.
    """

    kind: ClassVar[str] = "watch"

    def __init__(self, out: Path, fingerprint: dict[str, Any], say: Callable[[str], None]) -> None:
        super().__init__(out, fingerprint, say)
        self._numbers: dict[int, int] = {}  # of the clips, by the checksums of their names
        self._stamps = array("Q")  # checksums of what the system said about each file
        self._bad = array("B")  # 1 for a clip that could not be tagged
        self.bad = 0

    def __len__(self) -> int:
        return len(self._places)

    @property
    def good(self) -> int:
        """Number of clips that are tagged; `bad` is the number of those that could not be."""
        return len(self) - self.bad

    def is_done(self, file: SoundFile, stat: os.stat_result) -> bool:
        """Whether a file has a result, and is still as it was then."""
        number = self._numbers.get(checksum(file.clip))
        return number is not None and self._stamps[number] in (_stamp(stat), _stamp(stat, is_bad=True))

    def has(self, file: SoundFile) -> bool:
        """Whether a clip has a result, whatever its file was like."""
        return checksum(file.clip) in self._numbers

    def add_arrival(self, file: SoundFile, stat: os.stat_result, row: Row) -> None:
        """Write the result of a file; it is in the journal when this returns, and replaces an earlier one."""
        is_bad = "problem" in row
        line: dict[str, Any] = {"clip": file.clip, "stamp": _stamp(stat, is_bad), "row": row}
        self._note(file.clip, line["stamp"], self._write(line), is_bad)

    def _note(self, clip: str, stamp: int, place: int, is_bad: bool) -> None:
        key = checksum(clip)
        number = self._numbers.setdefault(key, len(self._places))
        if number == len(self._places):
            self._places.append(place)
            self._stamps.append(stamp)
            self._bad.append(is_bad)
        else:
            self.bad -= self._bad[number]
            self._places[number], self._stamps[number], self._bad[number] = place, stamp, is_bad
        self.bad += is_bad

    def _resume(self) -> bool:
        damaged = AudiotagError(
            f"{self.path} is damaged, so what {self._out.name} holds cannot be continued; move both away to begin anew."
        )
        try:
            with self.path.open("rb") as file:
                first = file.readline()
                if not first.endswith(b"\n"):  # killed as the journal was begun
                    return False
                what = self._differing(json.loads(unsealed(first)))
                end = 0 if what else self._read_lines(file, file.tell())
        except FileNotFoundError:
            return False
        except (ValueError, AttributeError):
            raise damaged from None
        if what:
            raise AudiotagError(
                f"{self._out} was begun with other settings ({what}); give those again, or choose another file."
            )
        os.truncate(self.path, end)
        return True

    def _read_lines(self, file: BinaryIO, end: int) -> int:
        while (line := file.readline()).endswith(b"\n"):
            with suppress(ValueError, KeyError, TypeError, OverflowError):  # an altered line
                entry = json.loads(unsealed(line))
                self._note(entry["clip"], entry["stamp"], end, "problem" in entry["row"])
            end += len(line)
        return end


def _stamp(stat: os.stat_result, is_bad: bool = False) -> int:
    """Checksum of a file's size and time of change; of a bad file, new permissions are a change, too."""
    times = (stat.st_mtime_ns, stat.st_ctime_ns) if is_bad else (stat.st_mtime_ns,)
    return checksum("\0".join(map(str, (stat.st_size, *times))))
