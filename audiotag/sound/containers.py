"""What a sound file's container promises, where the decoder does not say.

libsndfile reads a truncated WAV or OGG without a word, and for an MP3 that does not say its length it reports a guess,
so a promise has to be read from the container itself and compared with what came out.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from audiotag.sound.audio import Header

OGG_PAGE_HEADER = 27
OGG_LARGEST_PAGE = 65_307
# What writers to a pipe put for the size that they do not know yet: FFmpeg the largest, SoX and arecord about 2 GiB.
UNKNOWN_SIZES = (range(0, 1), range(0x7FFF_F000, 0x8000_0001), range(0xFFFF_FFFF, 0x1_0000_0000))


def promised_frames(source: Path | bytes, header: Header) -> int:
    """Frames that the container announces; 0 where it announces none, −1 where it is known to be cut short."""
    import io

    with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file:
        if header.container in ("WAV", "WAVEX"):
            return _wav_frames(file)
        if header.container == "OGG":
            return 0 if _ogg_has_end(file) else -1
        if header.container == "MP3" and not _mp3_has_count(file):
            return 0
    return header.frames


def _wav_frames(file: BinaryIO) -> int:
    """Frames by the size of the ``data`` chunk (RIFF, little-endian)."""
    if file.read(4) != b"RIFF":
        return 0
    file.seek(12)
    bytes_a_frame = 0
    while len(chunk := file.read(8)) == 8:
        kind, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        if kind == b"fmt ":
            body = file.read(size)
            bytes_a_frame = struct.unpack("<H", body[12:14])[0] if len(body) >= 14 else 0
            file.seek(size % 2, 1)
        elif kind == b"data":
            unknown = any(size in sizes for sizes in UNKNOWN_SIZES)
            return 0 if unknown or not bytes_a_frame else size // bytes_a_frame
        else:
            file.seek(size + size % 2, 1)
    return 0


def _ogg_has_end(file: BinaryIO) -> bool:
    """Whether the last page is whole and carries the end-of-stream flag (RFC 3533, section 6)."""
    file.seek(0, 2)
    file.seek(max(0, file.tell() - OGG_LARGEST_PAGE))
    tail = file.read()
    page = tail[max(tail.rfind(b"OggS"), 0) :]
    if len(page) < OGG_PAGE_HEADER:
        return False
    segments = page[26]
    body = sum(page[OGG_PAGE_HEADER : OGG_PAGE_HEADER + segments])
    return bool(page[5] & 0x04) and len(page) >= OGG_PAGE_HEADER + segments + body


def _mp3_has_count(file: BinaryIO) -> bool:
    """Whether the first frame is a Xing, Info or VBRI tag, which counts the frames; else the length is a guess."""
    start = file.read(10)
    if start[:3] == b"ID3" and len(start) == 10:  # its size: four bytes of seven bits (ID3v2, section 3.1)
        size = sum((byte & 0x7F) << shift for byte, shift in zip(start[6:], (21, 14, 7, 0), strict=True))
        file.seek(10 + size)
    else:
        file.seek(0)
    frame = file.read(64)
    return any(tag in frame for tag in (b"Xing", b"Info", b"VBRI"))
