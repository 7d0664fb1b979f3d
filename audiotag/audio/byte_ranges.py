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


class RangesFile(io.RawIOBase):
    """Ranges of a file, one after the other, as one file.

    Parameters
    ----------
    file : BinaryIO
        It stays open when this object is closed.
    ranges : tuple of (int, int)
        In the order in which they are read.
    """

    def __init__(self, file: BinaryIO, ranges: tuple[Range, ...]) -> None:
        self._file, self._ranges, self._at = file, ranges, 0
        self._starts = [0, *accumulate(stop - start for start, stop in ranges)]

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def seekable(self) -> bool:
        """Whether it can be read from any position: always."""
        return True

    def tell(self) -> int:
        """The position in the joined ranges."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seek; −1 if there is no such position, as damaged sizes may ask for."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}.get(whence)
        if base is None or base + offset < 0:
            return -1
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """The next bytes: fewer than ``size`` only at the end."""
        size = max(self._starts[-1] - self._at, 0) if size is None or size < 0 else size
        pieces = []
        while size > 0 and self._at < self._starts[-1]:
            number = bisect_right(self._starts, self._at) - 1
            start = self._ranges[number][0] + self._at - self._starts[number]
            self._file.seek(start)
            piece = self._file.read(min(size, self._ranges[number][1] - start))
            if not piece:
                break
            pieces.append(piece)
            self._at += len(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
