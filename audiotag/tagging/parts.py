"""Results of whole shards on their way into a file: one Parquet file per shard, a *part*, in a folder beside that file.

A part has one row per clip, in the order of the shard: ``row`` is the clip's row (`audiotag.tagging.export.rows`) as
JSON, and ``key`` the checksum by which the journal finds a clip again, 0 for a clip that could not be tagged. A part
counts only if the journal names it, with the checksum of its bytes: what a killed process wrote without naming it is
written over.
"""

from __future__ import annotations

import io
import json
import shutil
import zlib
from array import array
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audiotag.tagging.export.rows import Row
from audiotag.workspace import write_bytes

PARTS_IN_MEMORY = 4  # clips of neighbouring shards alternate where a resumed command has tagged some of them later


class PartEntry(NamedTuple):
    """What the journal holds about a part.

    Attributes
    ----------
    number : int
        Names its file.
    checksum : int
        CRC-32 of its bytes.
    """

    number: int
    checksum: int


def part_bytes(keys: Sequence[int], rows: Sequence[Row]) -> bytes:
    """The content of a part; ``keys`` has one number per row, and those of rows with a ``problem`` become 0."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = [0 if "problem" in row else key for key, row in zip(keys, rows, strict=True)]
    table = pa.table({"key": pa.array(found, pa.uint64()), "row": pa.array(map(json.dumps, rows), pa.string())})
    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd", use_dictionary=False)
    return content.getvalue()


class PartFolder:
    """The parts of one file that is being written.

    Parameters
    ----------
    folder : Path
        It exists while there are parts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers, self._checksums = array("q"), array("Q")
        self._rows_of = lru_cache(PARTS_IN_MEMORY)(self._read_rows)

    def __len__(self) -> int:
        return len(self._numbers)

    def write(self, content: bytes) -> PartEntry:
        """Write one more part, whose place in this object is the last one; returns what the journal must hold."""
        self.folder.mkdir(exist_ok=True)
        entry = PartEntry(max(self._numbers, default=0) + 1, zlib.crc32(content))
        write_bytes(self._path(entry.number), content)
        self._add(entry)
        return entry

    def open(self, entry: PartEntry) -> np.ndarray:
        """Take in a part that the journal names; returns the keys of its clips, uint64.

        Raises
        ------
        ValueError, OSError
            If it is missing or altered; it is then left out.
        """
        keys: np.ndarray = self._read(entry, "key").to_numpy()
        self._add(entry)
        return keys

    def row(self, part: int, place: int) -> Row:
        """A row by the place of its part in this object, and its own place in the part.

        Raises
        ------
        ValueError, OSError
            If the part is missing or altered.
        """
        row: Row = json.loads(self._rows_of(part)[place].as_py())
        return row

    def remove(self) -> None:
        """Delete the folder with all parts."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _add(self, entry: PartEntry) -> None:
        self._numbers.append(entry.number)
        self._checksums.append(entry.checksum)

    def _read_rows(self, part: int):  # type: ignore[no-untyped-def]  # pyarrow has no types
        return self._read(PartEntry(self._numbers[part], self._checksums[part]), "row")

    def _read(self, entry: PartEntry, column: str):  # type: ignore[no-untyped-def]
        import pyarrow.parquet as pq

        content = self._path(entry.number).read_bytes()
        if zlib.crc32(content) != entry.checksum:
            raise ValueError("the part was altered")
        return pq.read_table(io.BytesIO(content), columns=[column])[column].combine_chunks()

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:06}.parquet"
