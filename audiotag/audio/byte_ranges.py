"""Read parts of a file as if they were a file of their own.

A file of several sounds one after the other, or with damage in the middle, is given to a decoder in this way: each
sound by itself, and without the bytes that no decoder can use.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from audiotag.byte_file import ByteFile
from audiotag.remote.addresses import is_remote
from audiotag.remote.reading import RangedFile

BUFFER_BYTES = 1 << 16  # of a remote sound, in which scanners read a few bytes at a time
Range = tuple[int, int]  # the first byte, and the one after the last


def open_source(source: Path | bytes) -> BinaryIO:
    """Open a file, a long remote sound, or the bytes of an upload."""
    if not isinstance(source, Path):
        return io.BytesIO(source)
    return io.BufferedReader(RangedFile(source), BUFFER_BYTES) if is_remote(source) else source.open("rb")


def join_ranges(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """The same bytes in as few ranges as possible.

    >>> join_ranges([(0, 4), (4, 9), (12, 20)])
    ((0, 9), (12, 20))
    """
    joined: list[Range] = []
    for start, stop in ranges:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return tuple(joined)


class RangesFile(ByteFile):
    """Ranges of a file, one after the other, as one file.

    Parameters
    ----------
    file : BinaryIO
        It stays open when this object is closed.
    ranges : tuple of (int, int)
        In the order in which they are read.
    """

    def __init__(self, file: BinaryIO, ranges: tuple[Range, ...]) -> None:
        self._file, self._ranges = file, ranges
        self._starts = [0, *accumulate(stop - start for start, stop in ranges)]
        super().__init__(self._starts[-1])

    def piece_at(self, at: int, size: int) -> bytes:
        """Bytes of the range that position ``at`` is in."""
        number = bisect_right(self._starts, at) - 1
        start = self._ranges[number][0] + at - self._starts[number]
        self._file.seek(start)
        return self._file.read(min(size, self._ranges[number][1] - start))
