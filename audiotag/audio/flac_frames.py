"""Find out from a few bytes whether a FLAC is whole, and where files that were joined to it begin (RFC 9639).

The first block of a FLAC states its number of samples. Some programs do not know it, and others cut or join files
without correcting it. The header of the last frame says where in the sound that frame is.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO, NamedTuple

from audiotag.audio.byte_ranges import Range, open_source

MAGIC = b"fLaC"
STREAMINFO_BYTES = 34
INFO_BYTES = 4 + 4 + STREAMINFO_BYTES
MAX_FRAME_BYTES = 1 << 17  # where it is not stated
TAG_BYTES = 4096  # that may follow the last frame
READ_BYTES = 1 << 22
SYNC = re.compile(rb"\xff[\xf8\xf9][\x10-\xfe](?=...)", re.DOTALL)
BLOCK_SIZES = (0, 192, 576, 1152, 2304, 4608, 0, 0, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768)


class StreamInfo(NamedTuple):
    """What the first block of a FLAC states; 0 where it does not know."""

    block_size: int
    max_frame_bytes: int
    rate: int
    samples: int


def read_info(content: bytes) -> StreamInfo | None:
    """The first block of a FLAC from its first bytes; None for anything else."""
    if (
        len(content) < INFO_BYTES
        or content[:4] != MAGIC
        or int.from_bytes(content[5:8], "big") != STREAMINFO_BYTES
        or content[4] & 0x7F
    ):
        return None
    packed = int.from_bytes(content[18:26], "big")
    return StreamInfo(
        int.from_bytes(content[10:12], "big"),
        int.from_bytes(content[15:18], "big"),
        packed >> 44,
        packed & (1 << 36) - 1,
    )


def states_its_length(source: Path | bytes, checks_last_frame: bool = False) -> bool:
    """Whether the last frame of a FLAC ends at the sample that its first block states, and no other FLAC follows.

    Parameters
    ----------
    source : Path or bytes
    checks_last_frame : bool
        Whether nothing may be missing of that frame, and nothing may follow. That takes some milliseconds.
    """
    with open_source(source) as file:
        size, start = file.seek(0, 2), id3_end(file)
        file.seek(start)
        info = read_info(file.read(INFO_BYTES))
        if info is None or not info.samples or not info.block_size:
            return False
        most = (info.samples // info.block_size + 1) * info.max_frame_bytes
        if 0 < most < size - start and _find_magic(file, start + len(MAGIC)):  # more than the frames that it states
            return False
        file.seek(max(size - (info.max_frame_bytes or MAX_FRAME_BYTES) - TAG_BYTES, start))
        tail = file.read()
    return any(
        end == info.samples and not (checks_last_frame and checksum_16(tail[at:]))
        for at, end in _frame_ends(tail, info.block_size)
    )


def joined_files(source: Path | bytes) -> tuple[tuple[Range, ...], list[StreamInfo]]:
    """The bytes of each FLAC in a file, one after the other, and what each of them states."""
    infos = []
    with open_source(source) as file:
        size, at = file.seek(0, 2), id3_end(file)
        starts = [at]
        while at := _find_magic(file, at + len(MAGIC)):
            starts.append(at)
        for start in starts:
            file.seek(start)
            if info := read_info(file.read(INFO_BYTES)):
                infos.append(info)
    return tuple(zip(starts, (*starts[1:], size), strict=True)), infos


def id3_end(file: BinaryIO) -> int:
    """Position after an ID3 tag at the start; 0 without one."""
    file.seek(0)
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))


def _find_magic(file: BinaryIO, at: int) -> int:
    """Where the next FLAC begins; 0 if none does."""
    while True:
        file.seek(at)
        data = file.read(READ_BYTES)
        found = data.find(MAGIC)
        while found >= 0:
            file.seek(at + found)
            if read_info(file.read(INFO_BYTES)):
                return at + found
            found = data.find(MAGIC, found + 1)
        if len(data) < READ_BYTES:
            return 0
        at += len(data) - len(MAGIC)


def _frame_ends(data: bytes, block_size: int) -> list[tuple[int, int]]:
    """The place of each frame, and the sample after it, whose header is in ``data`` (section 9.1)."""
    ends = []
    for found in SYNC.finditer(data):
        head = data[found.start() : found.start() + 16]
        code, number_bytes = head[2] >> 4, _coded_bytes(head[4])
        if not number_bytes:
            continue
        number = _coded_number(head[4 : 4 + number_bytes])
        place = 4 + number_bytes
        size = BLOCK_SIZES[code]
        if code in (6, 7):
            size = int.from_bytes(head[place : place + code - 5], "big") + 1
            place += code - 5
        place += {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
        if place < len(head) and checksum(head[:place]) == head[place]:
            last = (number if head[1] & 1 else number * block_size) + size
            ends.append((found.start(), last))
    return ends


def _coded_bytes(first: int) -> int:
    """Bytes of a number that is coded like a character of UTF-8, by its first byte; 0 if it begins no such number."""
    ones = 8 - (~first & 0xFF).bit_length()
    return 1 if ones == 0 else ones if 2 <= ones <= 7 else 0


def _coded_number(content: bytes) -> int:
    if len(content) == 1:
        return content[0]
    value = content[0] & 0x7F >> len(content)
    for byte in content[1:]:
        value = value << 6 | byte & 0x3F
    return value


def checksum(content: bytes) -> int:
    """The CRC-8 at the end of a frame's header (section 9.1.8).

    >>> checksum(b"123456789")
    244
    """
    crc = 0
    for byte in content:
        crc = CRC_8[crc ^ byte]
    return crc


def checksum_16(content: bytes) -> int:
    """The CRC-16 at the end of a frame (section 9.3); 0 for a whole frame with its own.

    >>> checksum_16(b"123456789")
    65256
    """
    crc = 0
    for byte in content:
        crc = (crc << 8 & 0xFFFF) ^ CRC_16[crc >> 8 ^ byte]
    return crc


def _table(polynomial: int, bits: int) -> tuple[int, ...]:
    def remainder(byte: int) -> int:
        value = byte << bits - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> bits - 1 else 0)
        return value

    return tuple(map(remainder, range(256)))


CRC_8, CRC_16 = _table(0x107, 8), _table(0x18005, 16)
