"""What a sound file's container is and promises, where the decoder does not say.

libsndfile reads a truncated WAV or OGG without a word, and for an MP3 that does not say its length it reports a guess,
so a promise has to be read from the container itself and compared with what came out. FFmpeg opens what it is told is
an MP4 or any other, so what a file is has to be seen from its first bytes, never from its name.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from audiotag.audio.header import Header

UNKNOWN_FRAMES = 2**63 - 1  # what libsndfile says of a FLAC that was written to a pipe
OGG_PAGE_HEADER = 27
OGG_LARGEST_PAGE = 65_307
# What writers to a pipe put for the size that they do not know yet: FFmpeg the largest, SoX and arecord about 2 GiB.
UNKNOWN_SIZES = (range(0, 1), range(0x7FFF_F000, 0x8000_0001), range(0xFFFF_FFFF, 0x1_0000_0000))
PCM_TAG = 1  # of a WAV's format
ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # that a file may begin with
EBML = b"\x1aE\xdf\xa3"
MATROSKA_SEGMENT = b"\x18S\x80g"
ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ADTS_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
ADTS_FRAME = 1024  # samples


def container_by_content(source: Path | bytes) -> str:
    """Which of `ENDS` a file is, by its first bytes; empty where it is none of these.

    >>> container_by_content(bytes(4) + b"ftypM4A "), container_by_content(b"Dear sir, this is no sound.")
    ('MP4', '')
    """
    try:
        with _opened(source) as file:
            start = file.read(64)
            file.seek(_after_id3(file))
            frame = file.read(7)
    except OSError:  # who opens it next says so
        return ""
    if start[4:8] in ISO_BOXES:
        # QuickTime came before there was a box to say what a file is.
        return "MOV" if start[4:8] != b"ftyp" or start[8:12] == b"qt  " else "MP4"
    if start.startswith(EBML):
        return "WEBM" if b"webm" in start else "MATROSKA"
    if start.startswith(ASF_HEADER):
        return "ASF"
    if start.startswith(b"RIFF") and start[8:12] == b"AVI ":
        return "AVI"
    return "ADTS" if _adts_frame_bytes(frame, 0) else ""


def promised_end(source: Path | bytes, header: Header) -> tuple[int, bool]:
    """Where a sound should end, to be compared with where it does.

    Returns
    -------
    int
        Frames that the container promises; 0 where it promises none.
    bool
        Whether its own structure goes on after the file's last byte.
    """
    with _opened(source) as file:
        if header.container in ("WAV", "WAVEX"):
            return _wav_frames(file), False
        if header.container == "MP3" and not _mp3_has_count(file):
            return 0, False
        if header.container == "OGG":
            return 0, _ogg_ends_early(file)
    if header.container not in ENDS:
        return header.frames, False
    early = ends_early(source, header.container)
    # Of a whole file the header may count milliseconds, whole frames of the codec, or the longest of its tracks.
    return (header.frames if early else 0), early


def ends_early(source: Path | bytes, container: str) -> bool:
    """Whether the structure of one of `ENDS` goes on after the file's last byte; False where it does not tell."""
    with _opened(source) as file:
        return ENDS[container](file)


def adts_length(source: Path | bytes) -> tuple[int, int]:
    """Samples of an AAC stream and their rate in Hz, by the headers of all its frames (ISO 13818-7, section 6.2)."""
    with _opened(source) as file:
        file.seek(_after_id3(file))
        data = file.read()
    starts, _ = _adts_frames(data)
    rate = ADTS_RATES[min(data[starts[0] + 2] >> 2 & 15, len(ADTS_RATES) - 1)] if starts else ADTS_RATES[0]
    return ADTS_FRAME * len(starts), rate


class WavLayout(NamedTuple):
    """Where a WAV's samples lie: the format's tag, channels, bytes a frame, and the ``data`` chunk's place and size."""

    tag: int
    channels: int
    bytes_a_frame: int
    offset: int
    size: int

    @property
    def is_pcm_16(self) -> bool:
        """Whether the samples are whole numbers of 16 bit."""
        return self.tag == PCM_TAG and self.channels > 0 and self.bytes_a_frame == 2 * self.channels


def wav_layout(file: BinaryIO) -> WavLayout | None:
    """The layout of a WAV (RIFF, little-endian), by its chunks; None where it is none or lacks one."""
    if file.read(4) != b"RIFF":
        return None
    file.seek(12)
    tag = channels = bytes_a_frame = 0
    while len(chunk := file.read(8)) == 8:
        kind, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        if kind == b"fmt ":
            body = file.read(size)
            if len(body) >= 14:
                tag, channels, bytes_a_frame = (struct.unpack_from("<H", body, at)[0] for at in (0, 2, 12))
            file.seek(size % 2, 1)
        elif kind == b"data":
            return WavLayout(tag, channels, bytes_a_frame, file.tell(), size)
        else:
            file.seek(size + size % 2, 1)
    return None


def _wav_frames(file: BinaryIO) -> int:
    """Frames by the size of the ``data`` chunk; 0 where that is not said."""
    layout = wav_layout(file)
    if layout is None or not layout.bytes_a_frame or any(layout.size in sizes for sizes in UNKNOWN_SIZES):
        return 0
    return layout.size // layout.bytes_a_frame


def _ogg_ends_early(file: BinaryIO) -> bool:
    """Whether the last page is cut or lacks the end-of-stream flag (RFC 3533, section 6)."""
    file.seek(0, 2)
    file.seek(max(0, file.tell() - OGG_LARGEST_PAGE))
    tail = file.read()
    page = tail[max(tail.rfind(b"OggS"), 0) :]
    if len(page) < OGG_PAGE_HEADER:
        return True
    segments = page[26]
    body = sum(page[OGG_PAGE_HEADER : OGG_PAGE_HEADER + segments])
    return not page[5] & 0x04 or len(page) < OGG_PAGE_HEADER + segments + body


def _mp3_has_count(file: BinaryIO) -> bool:
    """Whether the first frame is a Xing, Info or VBRI tag, which counts the frames; else the length is a guess."""
    file.seek(_after_id3(file))
    frame = file.read(64)
    return any(tag in frame for tag in (b"Xing", b"Info", b"VBRI"))


def _after_id3(file: BinaryIO) -> int:
    """Where the sound begins behind an ID3 tag; 0 without one."""
    file.seek(0)
    start = file.read(10)
    if start[:3] != b"ID3" or len(start) < 10:
        return 0
    # Its size: four bytes of seven bits (ID3v2, section 3.1).
    return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(start[6:], (21, 14, 7, 0), strict=True))


def _iso_ends_early(file: BinaryIO) -> bool:
    """Whether a box of an MP4 or MOV that matters is cut (ISO 14496-12, section 4.2)."""
    size, at = _size(file), 0
    while len(head := _read_at(file, at, 16)) >= 8:
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1 and len(head) == 16:
            length = int.from_bytes(head[8:], "big")
        if length < 8:  # 0 is up to the end; what is less is no box, like the zeros that some put behind the last
            return False
        at += length
        if at > size:
            return kind in (b"moov", b"moof", b"mdat")
    return False


def _matroska_ends_early(file: BinaryIO) -> bool:
    """Whether the segment, which holds all but the header, is cut (RFC 8794 and 9559)."""
    head, length = _ebml_size(file, len(EBML))
    at = head + length
    if _read_at(file, at, 4) != MATROSKA_SEGMENT:
        return False
    start, length = _ebml_size(file, at + 4)
    unknown = (1 << 7 * (start - at - 4)) - 1  # all ones: a live stream, which ends where it ends
    return length != unknown and start + length > _size(file)


def _ebml_size(file: BinaryIO, at: int) -> tuple[int, int]:
    """Where a size ends and what it is: as many bytes as the first has zeros in front, and one."""
    first = (_read_at(file, at, 1) or b"\x80")[0]
    width = 9 - first.bit_length()
    value = int.from_bytes(_read_at(file, at, width), "big")
    return at + width, value & ((1 << 7 * width) - 1)


def _asf_ends_early(file: BinaryIO) -> bool:
    """Whether the file is shorter than its properties say, a broadcast's apart (ASF specification, section 3.2)."""
    head = _read_at(file, 0, 1 << 16)
    properties = head[max(head.find(ASF_FILE_PROPERTIES), 0) :]
    if not properties.startswith(ASF_FILE_PROPERTIES) or len(properties) < 92:
        return False
    size, flags = struct.unpack_from("<Q", properties, 40)[0], struct.unpack_from("<I", properties, 88)[0]
    return not flags & 1 and size > _size(file)


def _avi_ends_early(file: BinaryIO) -> bool:
    """Whether one of the RIFF chunks, of which a long AVI has several, is cut."""
    size, at = _size(file), 0
    while (head := _read_at(file, at, 8))[:4] == b"RIFF" and len(head) == 8:
        length = struct.unpack("<I", head[4:])[0]
        if any(length in sizes for sizes in UNKNOWN_SIZES):
            return False
        at += 8 + length + length % 2
        if at - length % 2 > size:
            return True
    return False


def _adts_ends_early(file: BinaryIO) -> bool:
    """Whether the last frame of an AAC stream is cut."""
    file.seek(_after_id3(file))
    data = file.read()
    return _adts_frames(data)[1] > len(data)


def _adts_frames(data: bytes) -> tuple[list[int], int]:
    """Where the frames of an AAC stream begin, and where the last ends; what is between frames is passed over."""
    starts, at, end = [], 0, 0
    while 0 <= at < len(data):
        length = _adts_frame_bytes(data, at)
        if length:
            starts.append(at)
            at = end = at + length
        else:
            at = data.find(b"\xff", at + 1)
    return starts, end


def _adts_frame_bytes(data: bytes, at: int) -> int:
    """Length of the frame that begins there; 0 where none does. Its layer is 0, which no MP3 has."""
    head = data[at : at + 7]
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 >= len(ADTS_RATES):
        return 0
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length > 7 else 0


def _opened(source: Path | bytes) -> BinaryIO:
    import io

    return source.open("rb") if isinstance(source, Path) else io.BytesIO(source)


def _size(file: BinaryIO) -> int:
    return file.seek(0, 2)


def _read_at(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


ENDS = {
    "MP4": _iso_ends_early,
    "MOV": _iso_ends_early,
    "MATROSKA": _matroska_ends_early,
    "WEBM": _matroska_ends_early,
    "ASF": _asf_ends_early,
    "AVI": _avi_ends_early,
    "ADTS": _adts_ends_early,
}
