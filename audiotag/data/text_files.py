"""Open the text files of tables, whatever their encoding, compressed by gzip or not, and within bounds."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, BinaryIO, cast

from audiotag.data.table_bounds import check_text_blocks, check_text_size, require_file, require_text
from audiotag.errors import AudiotagError

BLOCK_CHARS = 2**20
GZIP = b"\x1f\x8b"
MARKS = (  # the longer ones first: UTF-32 begins as UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WITHOUT_MARK_BYTES = 4096
NOT_UTF8 = (
    "{} is not UTF-8 text; it was read as Western European text (Windows-1252). If names or labels look wrong, save it "
    "as UTF-8."
)
PARTLY_UTF8 = "{} has bytes that are not UTF-8 text; they are shown as \N{REPLACEMENT CHARACTER}. Save it as UTF-8."


@dataclass(frozen=True)
class TextFile:
    """A text file that is within the bounds of tables, and how it is decoded.

    Attributes
    ----------
    path : Path
    encoding, errors : str
        As `open` takes them.
    lines : int
        Number of lines, at most one too many.
    notes : tuple[str, ...]
        Sentences about a guess.
    """

    path: Path
    encoding: str
    errors: str = "strict"
    lines: int = 0
    notes: tuple[str, ...] = ()

    @contextmanager
    def open(self) -> Iterator[IO[str]]:
        """The text, with its own line ends."""
        with open_bytes(self.path) as raw, io.TextIOWrapper(raw, self.encoding, self.errors, newline="") as file:
            yield file


def is_gzip(path: Path) -> bool:
    """Whether a file is compressed by gzip, whatever its name."""
    with path.open("rb") as file:
        return file.read(len(GZIP)) == GZIP


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed if it is compressed by gzip.

    Raises
    ------
    AudiotagError
        If the compressed data is damaged, also while it is read.
    """
    try:
        with gzip.open(path) if is_gzip(path) else path.open("rb") as file:
            yield cast(BinaryIO, file)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise AudiotagError(
            f"{path.name} is a damaged or incomplete gzip file; compress or download it again."
        ) from error


def open_text_file(path: Path) -> TextFile:
    """Find the encoding of a text file, and check that it is within the bounds of tables; reads it block by block.

    Raises
    ------
    AudiotagError
        If it is beyond the bounds of `audiotag.data.table_bounds`, or holds no text.
    """
    require_file(path)
    check_text_size(path)
    with open_bytes(path) as file:
        start = file.read(BLOCK_CHARS)
    require_text(path, start)
    for text in _possible(path, start):
        try:
            with text.open() as decoded:
                lines = check_text_blocks(path, _blocks(decoded))
        except UnicodeError:
            continue
        return replace(text, lines=lines)
    raise AudiotagError(f"{path.name} cannot be read: it is not plain text; save it as CSV in UTF-8.")


def _blocks(file: IO[str]) -> Iterator[str]:
    while block := file.read(BLOCK_CHARS):
        yield block


def _possible(path: Path, start: bytes) -> Iterator[TextFile]:
    """The ways in which a file may be decoded, the first one that works is right."""
    if encoding := next((encoding for mark, encoding in MARKS if start.startswith(mark)), ""):
        yield TextFile(path, encoding)
        return
    if encoding := _utf16_without_mark(start[:WITHOUT_MARK_BYTES]):
        yield TextFile(path, encoding, notes=(f"{path.name} was read as UTF-16 text.",))
        return
    yield TextFile(path, "utf-8")
    text = start.decode("utf-8", "replace")
    damaged = text.count("\N{REPLACEMENT CHARACTER}")
    if sum(not char.isascii() for char in text) >= 2 * damaged:  # most of them are right
        yield TextFile(path, "utf-8", "replace", notes=(PARTLY_UTF8.format(path.name),))
        return
    for encoding in ("cp1252", "latin-1"):
        yield TextFile(path, encoding, notes=(NOT_UTF8.format(path.name),))


def _utf16_without_mark(start: bytes) -> str:
    """The byte order of UTF-16 text without a byte order mark, of which most characters are ASCII; else empty."""
    half = len(start) // 2
    low, high = start[0::2].count(0), start[1::2].count(0)
    if half and high > 0.4 * half and low < 0.02 * half:
        return "utf-16-le"
    return "utf-16-be" if half and low > 0.4 * half and high < 0.02 * half else ""
