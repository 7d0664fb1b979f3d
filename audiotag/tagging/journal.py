"""What keeps the work of hours: each clip's result goes to a journal, and the journal becomes the file at the end.

The journal lies hidden beside the file that is to be written, as JSON lines: first what the results depend on, then a
line a clip, in whatever order they were done. Its process may be killed at any moment: a line that is torn is dropped,
and the next run goes on with those that are not done, are done badly, or have changed. In memory are a few bytes a
clip: where its line begins, and for an unfinished run a checksum of its name, size and time.
"""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.tagging.bulk import SoundFile
from audiotag.tagging.export import cells_of, columns_of, csv_lines, json_parts, problems_csv_lines
from audiotag.workspace import open_atomic

FORMS = (".csv", ".json", ".parquet")
ROW_GROUP = 1000  # of a Parquet file, rows


class Journal:
    """Results of clips on their way into a file; a context, and whoever else opens it in the meantime is refused.

    Parameters
    ----------
    out : Path
        The file that they are for.
    fingerprint : dict
        What they depend on, by names that a message may use; the results of an unfinished run count only if it is the
        same.
    say : callable
        Hears a sentence where there is an unfinished run.

    Attributes
    ----------
    kept : int
        Clips that `todo` has passed over so far, for an unfinished run did them.

    Raises
    ------
    AudiotagError
        If another process writes the same file.
    """

    def __init__(self, out: Path, fingerprint: dict[str, Any], say: Callable[[str], None]) -> None:
        from filelock import FileLock

        self._out, self._path = out, out.with_name(f".{out.name}.partial.jsonl")
        self._fingerprint: dict[str, Any] = json.loads(json.dumps(fingerprint))
        self._say = say
        self._lock = FileLock(out.with_name(f".{out.name}.partial.lock"))
        self._order = array("q")  # where the line of each clip begins, in the order of the files; −1 before it is done
        self._places: deque[tuple[int, SoundFile, os.stat_result | None]] = deque()  # of those that are on their way
        self._keys, self._offsets = np.empty(0, np.uint64), np.empty(0, np.int64)
        self.kept = 0

    def __enter__(self) -> Self:
        from filelock import Timeout

        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise AudiotagError(
                f"another audiotag is writing {self._out.name}; wait until it has done so, or choose another file."
            ) from None
        if not self._goes_on():
            self._path.write_bytes(json.dumps(self._fingerprint).encode() + b"\n")
        self._file = self._path.open("ab")
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._lock.release()
        with suppress(OSError):  # Windows lets nobody remove what another one waits for
            os.unlink(self._lock.lock_file)

    def todo(self, files: Iterable[SoundFile]) -> Iterator[SoundFile]:
        """Of these files those that are not done, to be given to `add` in this order."""
        for found in files:
            stat = None
            with suppress(OSError):
                stat = found.path.stat()
            offset = self._offset(_key(found, stat)) if stat and not found.problem else -1
            self._order.append(offset)
            if offset < 0:
                self._places.append((len(self._order) - 1, found, stat))
                yield found
            else:
                self.kept += 1

    def add(self, row: dict[str, Any]) -> None:
        """Write down what came of the next file of `todo`; a row with a ``problem`` is tried again by the next run."""
        place, found, stat = self._places.popleft()
        line: dict[str, Any] = {"clip": found.clip, "path": str(found.path), "row": row}
        if stat and "problem" not in row:
            line |= {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        self._order[place] = self._file.tell()
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()  # from here on it survives the end of this process

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows of all files, in their order."""
        with self._path.open("rb") as file:
            for offset in self._order:
                file.seek(offset)
                yield json.loads(file.readline())["row"]

    def remove(self) -> None:
        """Forget all, once the file is written."""
        self._file.close()
        self._path.unlink()

    def _goes_on(self) -> bool:
        """Whether there is an unfinished run whose results count; finds out where they are."""
        try:
            with self._path.open("rb") as file:
                fingerprint, end = json.loads(file.readline()), file.tell()
                differing = [name for name in self._fingerprint if fingerprint.get(name) != self._fingerprint[name]]
                if differing:
                    what = " and ".join([", ".join(differing[:-1]), differing[-1]] if differing[1:] else differing)
                    self._say(f"An unfinished run for {self._out.name} had another {what}; starting anew.")
                    return False
                end = self._read(file, end)
        except (FileNotFoundError, ValueError, AttributeError):  # none, or torn in its first line
            return False
        os.truncate(self._path, end)
        done = len(np.unique(self._keys))
        self._say(f"Going on with an unfinished run for {self._out.name}: {done:,} clips are done.")
        return True

    def _read(self, file: BinaryIO, end: int) -> int:
        """Find all lines that are whole; gives where the last of them ends."""
        keys, offsets = array("Q"), array("q")
        while (line := file.readline()).endswith(b"\n"):
            with suppress(ValueError, KeyError, TypeError):  # a bad clip, or what a crash of the disk left
                entry = json.loads(line)
                keys.append(_checksum(entry["clip"], entry["path"], entry["size"], entry["mtime_ns"]))
                offsets.append(end)
            end += len(line)
        found = np.frombuffer(keys, np.uint64) if keys else self._keys
        order = np.argsort(found, kind="stable")
        self._keys = found[order]
        self._offsets = np.frombuffer(offsets, np.int64)[order] if offsets else self._offsets
        return end

    def _offset(self, key: int) -> int:
        """Where the last line of a clip begins; −1 if it has none."""
        place = int(np.searchsorted(self._keys, np.uint64(key), side="right")) - 1
        return int(self._offsets[place]) if place >= 0 and self._keys[place] == key else -1


def write_rows(out: Path, rows: Iterable[dict[str, Any]], labels: tuple[str, ...], timeline: bool = False) -> None:
    """Rows into a file of the form that its name says, one of `FORMS`; a row a window for a ``timeline``.

    JSON holds every row as it is, a table those of clips that could be used.
    """
    columns, cells = columns_of(labels, timeline), cells_of(rows, labels, timeline)
    with open_atomic(out) as file:
        if out.suffix.lower() == ".parquet":
            _write_parquet(file, columns, cells)
        else:
            file.writelines(json_parts(rows) if out.suffix.lower() == ".json" else csv_lines(columns, cells))


def write_problems(out: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Of the rows those with a ``problem``, into a CSV file."""
    with open_atomic(out) as file:
        file.writelines(problems_csv_lines(rows))


def _write_parquet(file: BinaryIO, columns: list[str], cells: Iterator[list[str | float]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    texts = ("fname", "tags")
    schema = pa.schema([(name, pa.string() if name in texts else pa.float64()) for name in columns])
    with pa.parquet.ParquetWriter(file, schema) as writer:
        while group := list(islice(cells, ROW_GROUP)):
            arrays = [pa.array(column, of.type) for column, of in zip(zip(*group, strict=True), schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _key(found: SoundFile, stat: os.stat_result) -> int:
    return _checksum(found.clip, str(found.path), stat.st_size, stat.st_mtime_ns)


def _checksum(clip: str, path: str, size: int, mtime_ns: int) -> int:
    text = "\0".join([clip, path, str(int(size)), str(int(mtime_ns))])
    return int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "little")
