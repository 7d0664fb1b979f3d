"""What a sound file's container promises, where the decoder does not say.

libsndfile reads a truncated WAV or OGG without a word and reports the full length of a truncated MP3, so a promise
has to be read from the container itself and compared with what came out.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from audiotag.sound.audio import Header

OGG_PAGE_HEADER = 27
OGG_LARGEST_PAGE = 65_307


def promised_frames(source: Path | bytes, header: Header) -> int:
    """Frames that the container announces; 0 where it announces none, −1 where it is known to be cut short."""
    import io

    with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file:
        if header.container in ("WAV", "WAVEX"):
            return _wav_frames(file)
        if header.container == "OGG":
            return 0 if _ogg_has_end(file) else -1
    return 0


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
            # Streams of unknown length announce 0 or the largest size; that is no promise.
            return 0 if size in (0, 0xFFFFFFFF) or not bytes_a_frame else size // bytes_a_frame
        else:
            file.seek(size + size % 2, 1)
    return 0


def _ogg_has_end(file: BinaryIO) -> bool:
    """Whether the last page carries the end-of-stream flag (RFC 3533, section 6)."""
    file.seek(0, 2)
    file.seek(max(0, file.tell() - OGG_LARGEST_PAGE))
    tail = file.read()
    last = tail.rfind(b"OggS")
    return last >= 0 and len(tail) - last >= OGG_PAGE_HEADER and bool(tail[last + 5] & 0x04)
