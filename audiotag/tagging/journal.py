"""Write each result of a long bulk job into a journal on disk, which becomes the file at the end.

The journal is a hidden file of JSON lines beside the file that is to be written: first what the results depend on, then
one line per clip, in the order in which the clips were finished. Each line ends with a checksum of itself. The process
may be killed at any moment: a line that is incomplete or altered is dropped, and the next command continues with the
clips that are missing, failed or have changed. Memory holds a few bytes per clip: where its line begins, and, if work
is resumed, a checksum of its name, size and time.

Work on a cluster is committed by shards of clips, in any order (`audiotag.tagging.shards`): the rows of a shard are a
Parquet file beside the journal (`audiotag.tagging.parts`), and its line only names that file. A journal may have lines
of both kinds, so work that was begun on one machine continues on a cluster, and the other way round.

A second file beside it notes which files are being decoded (`audiotag.in_hand`): if a decoder ends the process, the
next command decodes them in a process of their own, and names the file that ends that one, too.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import zlib
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, NamedTuple, Self

import numpy as np

from audiotag import in_hand
from audiotag.errors import AudiotagError
from audiotag.tagging.export.csv import csv_lines
from audiotag.tagging.export.rows import Row
from audiotag.tagging.parts import PartEntry, PartFolder
from audiotag.tagging.sound_files import SoundFile
from audiotag.workspace import open_atomic

IN_PART = 1 << 62  # from here on a place is not where a line begins: it has the number of a part and a row in it
ROW_BITS = 24  # of the number of the row


class PendingClip(NamedTuple):
    """A clip to tag: its position among all files, the file, and what the system says about it (None: nothing)."""

    position: int
    file: SoundFile
    stat: os.stat_result | None

    def key(self) -> int:
        """The checksum by which the clip is found again; 0 where it cannot be."""
        return _file_key(self.file, self.stat) if self.stat and not self.file.problem else 0


class Journal:
    """Results of clips on their way into a file. A context manager; a second process that opens it gets an error.

    Parameters
    ----------
    out : Path
        The file that the results are for.
    fingerprint : dict
        What the results depend on, by names that a message may use. Unfinished work is resumed only if its
        fingerprint is the same.
    say : callable
        Gets a sentence for the user if there is unfinished work.

    Attributes
    ----------
    path : Path
        Where its lines are.
    resumed : int
        Clips that `todo` has skipped so far because they were done before.
    is_resumed : bool
        Whether it continues unfinished work; known once it is open.

    Raises
    ------
    AudiotagError
        If another process writes the same file.
    """

    kind: ClassVar[str] = "partial"  # in the names of its files

    def __init__(self, out: Path, fingerprint: dict[str, Any], say: Callable[[str], None]) -> None:
        from filelock import FileLock

        self._out, self.path = out, journal_path(out, self.kind)
        self._fingerprint: dict[str, Any] = json.loads(json.dumps(fingerprint))
        self._say = say
        self._closing = ExitStack()
        self._lock = FileLock(out.with_name(f".{out.name}.partial.lock"))
        self._parts = PartFolder(out.with_name(f".{out.name}.{self.kind}.parts"))
        self._places = array("q")  # of the clips in the order of the files; -1 before a clip is done
        self._pending: deque[PendingClip] = deque()  # clips that `todo` has yielded
        self._resumed_keys, self._resumed_places = np.empty(0, np.uint64), np.empty(0, np.int64)
        self.resumed, self.is_resumed = 0, False

    def __enter__(self) -> Self:
        from filelock import Timeout

        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise AudiotagError(
                f"another audiotag is writing {self._out.name}; wait until it has finished, or choose another file."
            ) from None
        try:
            self.is_resumed = self._resume()
            if not self.is_resumed:
                self._parts.remove()
                self.path.write_bytes(sealed(json.dumps(self._fingerprint).encode()))
            self._file = self._closing.enter_context(self.path.open("ab"))
            notes = self._out.with_name(f".{self._out.name}.{self.kind}.in-hand")
            if suspects := self._closing.enter_context(in_hand.noting(notes)):
                self._say(in_hand.suspects_sentence(suspects))
        except BaseException:
            self._closing.close()
            self._release()
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            self._closing.__exit__(*error)
        finally:
            self._release()

    def _release(self) -> None:
        if sys.platform == "win32":  # does not remove a file that is open here or in another process
            self._lock.release()
        with suppress(OSError):
            os.unlink(self._lock.lock_file)
        self._lock.release()  # after it: else another process may have the lock of the file that is removed

    def todo(self, files: Iterable[SoundFile]) -> Iterator[SoundFile]:
        """The files that are not done yet; give their results to `add` in this order."""
        for clip in self.pending(files):
            self._pending.append(clip)
            yield clip.file

    def pending(self, files: Iterable[SoundFile]) -> Iterator[PendingClip]:
        """The clips that are not done yet; give their results to `commit`, in any order."""
        for file in files:
            stat = None
            with suppress(OSError):
                stat = file.path.stat()
            clip = PendingClip(len(self._places), file, stat)
            place = self._resumed_place(key) if (key := clip.key()) else -1
            self._places.append(place)
            if place < 0:
                yield clip
            else:
                self.resumed += 1

    def add(self, row: Row) -> None:
        """Write the result of the next file of `todo`; the next command tries a row with a ``problem`` again."""
        position, file, stat = self._pending.popleft()
        line: dict[str, Any] = {"clip": file.clip, "path": str(file.path), "row": row}
        if stat and "problem" not in row:
            line |= {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        self._places[position] = self._write(line)

    def commit(self, positions: Sequence[int], part: bytes) -> None:
        """Write the results of a shard.

        Parameters
        ----------
        positions : sequence of int
            Those of its clips, see `PendingClip`.
        part : bytes
            Their rows in the same order, as `audiotag.tagging.parts.part_bytes` makes them.
        """
        entry = self._parts.write(part)
        self._write({"part": entry.number, "checksum": entry.checksum})
        first = IN_PART + (len(self._parts) - 1 << ROW_BITS)
        for row, position in enumerate(positions):
            self._places[position] = first + row

    def rows(self) -> Iterator[Row]:
        """The rows of all files, in the order of the files.

        Raises
        ------
        AudiotagError
            If the journal was altered since its lines were written or checked.
        """
        with self.path.open("rb") as file:
            for place in self._places:
                try:
                    row = self._row_at(place, file)
                except (ValueError, FileNotFoundError) as error:
                    raise AudiotagError(
                        f"{self.path} was altered or its disk is damaged; run the same command again, which tags "
                        "again what is lost."
                    ) from error
                yield row

    def remove(self) -> None:
        """Delete the journal, once the file is written."""
        self._file.close()
        self.path.unlink()
        self._parts.remove()  # in this order: a journal without its parts would be damaged

    def _write(self, line: dict[str, Any]) -> int:
        """Write a line; returns where it begins."""
        start = self._file.tell()
        self._file.write(sealed(json.dumps(line).encode()))
        self._file.flush()  # from here on it survives the end of this process
        return start

    def _row_at(self, place: int, file: BinaryIO) -> Row:
        if place >= IN_PART:
            return self._parts.row((place - IN_PART) >> ROW_BITS, place & (1 << ROW_BITS) - 1)
        file.seek(place)
        row: Row = json.loads(unsealed(file.readline()))["row"]
        return row

    def _resume(self) -> bool:
        """Find the results of unfinished work; returns whether any of them can be used."""
        try:
            with self.path.open("rb") as file:
                fingerprint, end = json.loads(unsealed(file.readline())), file.tell()
                if what := self._differing(fingerprint):
                    self._say(
                        f"{self._out.name} is unfinished, but cannot be resumed because this has changed: {what}. "
                        "Starting again from the beginning."
                    )
                    return False
                end = self._read_lines(file, end)
        except FileNotFoundError:  # no unfinished work
            return False
        except (ValueError, AttributeError):  # its first line is incomplete or altered
            self._say(
                f"{self._out.name} is unfinished, but cannot be resumed because its journal is damaged, or was written "
                "by an earlier version of audiotag. Starting again from the beginning."
            )
            return False
        os.truncate(self.path, end)
        done = len(np.unique(self._resumed_keys))
        self._say(f"Resuming {self._out.name}: {done:,} clips are already tagged.")
        return True

    def _differing(self, begun: dict[str, Any]) -> str:
        """Names of what unfinished work depended on and what is now different, in words; empty if nothing is."""
        names = [name for name in self._fingerprint if begun.get(name) != self._fingerprint[name]]
        return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)

    def _read_lines(self, file: BinaryIO, end: int) -> int:
        """Note where the result of each clip is; returns where the last complete line ends."""
        keys, places = array("Q"), array("q")
        while (line := file.readline()).endswith(b"\n"):
            # An altered line or part, one that is missing, or a clip that failed.
            with suppress(ValueError, KeyError, TypeError, FileNotFoundError):
                entry = json.loads(unsealed(line))
                if "part" in entry:
                    of_part = self._parts.open(PartEntry(entry["part"], entry["checksum"]))
                    first = IN_PART + (len(self._parts) - 1 << ROW_BITS)
                    keys.frombytes(of_part.tobytes())
                    places.frombytes(np.arange(first, first + len(of_part), dtype=np.int64).tobytes())
                else:
                    keys.append(_key(entry["clip"], entry["path"], entry["size"], entry["mtime_ns"]))
                    places.append(end)
            end += len(line)
        if keys:
            unsorted = np.frombuffer(keys, np.uint64)
            order = np.argsort(unsorted, kind="stable")
            order = order[unsorted[order] != 0]  # clips of parts that failed
            self._resumed_keys, self._resumed_places = unsorted[order], np.frombuffer(places, np.int64)[order]
        return end

    def _resumed_place(self, key: int) -> int:
        """Where the last result of a clip is; -1 if it has none."""
        position = int(np.searchsorted(self._resumed_keys, np.uint64(key), side="right")) - 1
        if position < 0 or self._resumed_keys[position] != key:
            return -1
        return int(self._resumed_places[position])


def journal_path(out: Path, kind: str = Journal.kind) -> Path:
    """Where the journal for a file is."""
    return out.with_name(f".{out.name}.{kind}.jsonl")


def read_new_rows(path: Path, start: int = 0) -> Iterator[tuple[int, Row]]:
    """The rows of a journal that is being written, as clips were finished; altered ones are left out.

    Parameters
    ----------
    path : Path
    start : int
        Position in bytes where a line begins; 0 for all rows.

    Yields
    ------
    tuple[int, dict]
        The position where the row's line ends, and the row.
    """
    with path.open("rb") as file:
        if not start:
            file.readline()  # what the results depend on
        else:
            file.seek(start)
        while (line := file.readline()).endswith(b"\n"):
            with suppress(ValueError, KeyError, TypeError):
                yield file.tell(), json.loads(unsealed(line))["row"]


def write_problems(out: Path, rows: Iterable[Row], for_spreadsheet: bool = False) -> None:
    """Write the rows that have a ``problem`` into a CSV file: ``fname``, ``path``, ``problem``; see `csv_lines`."""
    problems = ([row["clip"], row["path"], row["problem"]] for row in rows if "problem" in row)
    with open_atomic(out) as file:
        file.writelines(csv_lines(["fname", "path", "problem"], problems, for_spreadsheet))


def sealed(content: bytes) -> bytes:
    """A line of the journal: its content and a checksum.

    >>> sealed(b"{}")
    b'{} a3a6bf43\\n'
    """
    return b"%s %08x\n" % (content, zlib.crc32(content))


def unsealed(line: bytes) -> bytes:
    """The content of a line; raises `ValueError` if it does not fit its checksum."""
    content = line[: -len(" 01234567\n")]
    if sealed(content) != line:
        raise ValueError("the line was altered")
    return content


def _file_key(file: SoundFile, stat: os.stat_result) -> int:
    return _key(file.clip, str(file.path), stat.st_size, stat.st_mtime_ns)


def _key(clip: str, path: str, size: int, mtime_ns: int) -> int:
    """Checksum of 64 bits by which a clip is found again."""
    return checksum("\0".join([clip, path, str(int(size)), str(int(mtime_ns))]))


def checksum(text: str) -> int:
    """Checksum of 64 bits of a text with file names in it."""
    return int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "little")
