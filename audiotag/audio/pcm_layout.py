"""Find the samples of an uncompressed sound in its file, whatever the sizes in its header say.

Recorders write the sizes last, programs that write to a pipe never, and 32 bits hold no size above 4 GiB. libsndfile
trusts such headers, or refuses them. Here the samples are what lies between the start of the data and the next thing
that is recognised as something else: a chunk, a tag, padding, or the end of the file.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from audiotag.remote.addresses import is_remote
from audiotag.remote.reading import RangedFile
from audiotag.wording import format_duration

HEAD_BYTES = 4096  # read at once: most headers are shorter
TAIL_BYTES = 1 << 20  # at the end of a file of unknown size, searched for chunks
MAX_PARTS = 1 << 18  # boxes or chunks: a fragmented MP4 of 36 h has as many; a file with more is not followed further
STRAY_BYTES = 4096  # after the data: less than that is padding or a tag
MAX_SIZE_32 = 1 << 32
# Sizes that stand for an unknown one in a file written to a pipe: FFmpeg's is the largest, SoX's and arecord's 2 GiB,
# each less a header.
UNKNOWN_SIZES = (range(0, 1), range(0x7FFF_F000, 0x8000_0001), range(0xFFFF_F000, 0x1_0000_0000))
TAGS = (b"TAG", b"APETAGEX", b"ID3")  # of music players, appended to any file
CRASHED = "states no length in its header, as after a recorder's crash"
STALE = "holds more than the {stated} that its header states, as after a recorder's crash"
TOO_LARGE = "is larger than 4 GiB, which its header cannot state"
JOINED = "is several WAV files one after the other"
MIXED = "is several WAV files of different formats one after the other"
PCM_CONTAINERS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU")
KNOWN_CHUNKS = (
    b"(c) ", b"AESD", b"ANNO", b"APPL", b"AUTH", b"CHAN", b"COMM", b"COMT", b"DISP", b"FLLR", b"FVER", b"ID3 ",
    b"INST", b"JUNK", b"JUNQ", b"LIST", b"MARK", b"MIDI", b"NAME", b"PAD ", b"PEAK", b"RIFF", b"SAUR", b"SAXL",
    b"SSND", b"_PMX", b"acid", b"afsp", b"axml", b"basc", b"bext", b"bxml", b"cart", b"cate", b"chan", b"chna",
    b"cue ", b"data", b"edct", b"elm1", b"fact", b"fmt ", b"free", b"guan", b"iXML", b"id3 ", b"info", b"inst",
    b"junk", b"kuki", b"levl", b"mark", b"minf", b"olym", b"pakt", b"plst", b"regn", b"smpl", b"strc", b"strg",
    b"summ", b"trns", b"umid", b"uuid", b"wamd",
)  # fmt: skip
_CHUNK = re.compile(b"|".join(map(re.escape, KNOWN_CHUNKS)))


class PcmLayout(NamedTuple):
    """Where the samples of a file are, and how they are stored.

    Attributes
    ----------
    container, subtype : str
        libsndfile's names, such as ``WAV`` and ``PCM_16``; ``subtype`` is empty for a compressed sound.
    sample_rate, channels : int
    bytes_per_frame : int
        Bytes of one sample of all channels.
    is_big_endian : bool
    parts : tuple[tuple[int, int], ...]
        Offset and size in bytes of the samples, in their order.
    stated_bytes : int
        Size of the samples by the header; 0 if it states none.
    problem : str
        What is wrong with the header, as words that follow the file's name; empty if it is right, or just does not
        state a length, as in a file that was written to a pipe.
    is_odd : bool
        Whether libsndfile would find other samples.
    """

    container: str
    subtype: str
    sample_rate: int
    channels: int
    bytes_per_frame: int
    is_big_endian: bool
    parts: tuple[tuple[int, int], ...]
    stated_bytes: int
    problem: str
    is_odd: bool

    @property
    def stated_frames(self) -> int:
        """Samples per channel by the header; 0 if it states none."""
        return self.stated_bytes // self.bytes_per_frame if self.bytes_per_frame else 0

    def promise(self) -> tuple[int, bool]:
        """As `audiotag.audio.containers.promised_length`: compressed samples cannot be counted, only found cut off."""
        is_cut = self.stated_bytes > sum(size for _, size in self.parts)
        return self.stated_frames, is_cut and not self.stated_frames

    def salvage_note(self, name: str, frames: int) -> str:
        """A sentence about a sound whose header is wrong, but whose samples were found; empty if it is right.

        Parameters
        ----------
        name : str
            The name that messages use for the sound.
        frames : int
            Samples per channel that were decoded.
        """
        if not self.problem:
            return ""
        problem = self.problem.format(stated=_duration(self.stated_frames / self.sample_rate))
        length = _duration(frames / self.sample_rate)
        if self.problem == MIXED:
            return f"{name} {problem}; only the first {length} are used, so split it to use all."
        return f"{name} {problem}; all {length} in it are used."


def is_unknown(stated: int) -> bool:
    """Whether the size of samples that a header states stands for an unknown one."""
    return stated >= 1 << 62 or any(stated in sizes for sizes in UNKNOWN_SIZES)


class Content:
    """The bytes of a file at any position, without reading all of it.

    Attributes
    ----------
    size : int
        In bytes.
    """

    def __init__(self, source: Path | bytes) -> None:
        self._bytes, self._file = b"", -1
        self._remote: RangedFile | None = None
        if is_remote(source):
            self._remote = RangedFile(source)
            self._head, self.size = self._remote.read(HEAD_BYTES), self._remote.seek(0, os.SEEK_END)
        elif isinstance(source, Path):  # without a file object, which would cost as much as all the rest
            self._file = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            try:
                self._head = os.read(self._file, HEAD_BYTES)
                self.size = os.fstat(self._file).st_size
            except OSError:  # a folder
                os.close(self._file)
                raise
        else:
            self._bytes, self._head, self.size = source, source[:HEAD_BYTES], len(source)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file >= 0:
            os.close(self._file)

    def at(self, position: int, size: int) -> bytes:
        """Bytes from a position on; fewer at the end of the file."""
        if position + size <= len(self._head):
            return self._head[position : position + size]
        if not 0 <= position < self.size:
            return b""
        if self._remote is not None:
            self._remote.seek(position)
            return self._remote.read(size)
        if self._file < 0:
            return self._bytes[position : position + size]
        os.lseek(self._file, position, os.SEEK_SET)
        return os.read(self._file, size)


class Chunk(NamedTuple):
    """A chunk of a file: its four letters, and where its content is."""

    kind: bytes
    start: int
    size: int


ReadChunk = Callable[[Content, int], Chunk | None]


def read_chunk_little_endian(content: Content, at: int) -> Chunk | None:
    """The chunk of a RIFF file at a position; None at its end."""
    head = content.at(at, 8)
    return Chunk(head[:4], at + 8, struct.unpack_from("<I", head, 4)[0]) if len(head) == 8 else None


def read_chunk_big_endian(content: Content, at: int) -> Chunk | None:
    """The chunk of an IFF file (AIFF, RIFX) at a position; None at its end."""
    head = content.at(at, 8)
    return Chunk(head[:4], at + 8, struct.unpack_from(">I", head, 4)[0]) if len(head) == 8 else None


def has_chunks(content: Content, at: int, read_chunk: ReadChunk) -> bool:
    """Whether something at a position is a chunk: one of a known kind, or the first of several up to the end."""
    chunk = read_chunk(content, at)
    if chunk is None or not _is_name(chunk.kind):
        return False
    return chunk.kind in KNOWN_CHUNKS or _ends_file(content, at, read_chunk)


def after(chunk: Chunk) -> int:
    """Where the next chunk begins: a chunk of odd size is followed by one byte of padding."""
    return chunk.start + chunk.size + chunk.size % 2


def end_without_chunks(content: Content, start: int, read_chunk: ReadChunk) -> int:
    """Where samples of unknown size end: at the chunks or the tag at the end of the file, or at its last byte."""
    end = content.size
    if content.at(end - 128, 3) == b"TAG" and end - 128 >= start:
        end -= 128
    first = max(start, end - TAIL_BYTES)
    tail = content.at(first, end - first)
    for found in _CHUNK.finditer(tail):
        if _ends_file(content, first + found.start(), read_chunk):
            return first + found.start()
    return end


def true_size(content: Content, start: int, stated: int, read_chunk: ReadChunk | None) -> tuple[int, str]:
    """Size of the samples that begin at a position, and what is wrong with the size that the header states.

    Parameters
    ----------
    content : Content
    start : int
        First byte of the samples.
    stated : int
        Their size by the header, above 0; it may end after the file.
    read_chunk : callable, optional
        Reads a chunk; None for a container in which nothing follows the samples.
    """
    available = content.size - start
    if stated >= available:
        return available, ""
    if _is_followed_rightly(content, start + stated, read_chunk):
        return stated, ""
    unwrapped = stated + (available - stated) // MAX_SIZE_32 * MAX_SIZE_32
    if unwrapped > stated and _is_followed_rightly(content, start + unwrapped, read_chunk):
        return unwrapped, TOO_LARGE
    end = end_without_chunks(content, start, read_chunk) if read_chunk else content.size
    return end - start, TOO_LARGE if stated < MAX_SIZE_32 < available else STALE


def _is_followed_rightly(content: Content, at: int, read_chunk: ReadChunk | None) -> bool:
    """Whether what lies behind the samples is not samples."""
    rest = content.size - at
    if rest < STRAY_BYTES:
        return True
    if read_chunk and any(has_chunks(content, at + shift, read_chunk) for shift in (0, -at % 2, -at % 8)):
        return True
    behind = content.at(at, STRAY_BYTES)
    return behind.startswith(TAGS) or (rest < MAX_SIZE_32 and not any(behind))


def _ends_file(content: Content, at: int, read_chunk: ReadChunk) -> bool:
    """Whether from a position on there are only chunks, the last of which ends with the file."""
    for _ in range(MAX_PARTS):
        chunk = read_chunk(content, at)
        if chunk is None or not _is_name(chunk.kind):
            return False
        at = after(chunk)
        if at - chunk.size % 2 > content.size:
            return False
        if at >= content.size or (content.size - at < STRAY_BYTES and content.at(at, 3) in (b"TAG", b"\0\0\0", b"")):
            return True
    return False


def _is_name(kind: bytes) -> bool:
    return all(0x20 <= letter < 0x7F for letter in kind)


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 90 else format_duration(seconds)
