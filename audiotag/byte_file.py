"""The part of a file for reading that does not depend on where its bytes come from."""

from __future__ import annotations

import io
from abc import abstractmethod


class ByteFile(io.RawIOBase):
    """A file of ``size`` bytes that can be read from any position; subclasses give the bytes.

    Parameters
    ----------
    size : int
    """

    def __init__(self, size: int) -> None:
        self._size, self._at = size, 0

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def seekable(self) -> bool:
        """Whether it can be read from any position: always."""
        return True

    def tell(self) -> int:
        """The position in the file."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seek; −1 if there is no such position, as damaged sizes may ask for."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}.get(whence)
        if base is None or base + offset < 0:
            return -1
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """The next bytes: fewer than ``size`` only at the end, or where `piece_at` gives none."""
        size = max(self._size - self._at, 0) if size is None or size < 0 else size
        pieces = []
        while size > 0 and self._at < self._size:
            if not (piece := self.piece_at(self._at, size)):
                break
            pieces.append(piece)
            self._at += len(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As `read`, into a buffer."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    @abstractmethod
    def piece_at(self, at: int, size: int) -> bytes:
        """At most ``size`` bytes from position ``at`` on; empty if they cannot be read."""
