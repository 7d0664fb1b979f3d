"""Detect the container of an audio file from its bytes, and the length that the container promises.

libsndfile reads a truncated OGG without an error, and guesses the length of an MP3 that does not state it. So
the promised length is read from the container itself and compared with the number of decoded samples. FFmpeg trusts
the container format that it is given, so the format is detected from the first bytes of the file, never from its name.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from audiotag.audio.byte_ranges import open_source
from audiotag.audio.pcm_layout import MAX_PARTS, UNKNOWN_SIZES
from audiotag.audio.signatures import SIGNATURE_BYTES, recognise

if TYPE_CHECKING:
    from audiotag.audio.header import Header

UNKNOWN_FRAMES = 2**63 - 1  # the length that libsndfile reports for a FLAC that was written to a pipe
OGG_PAGE_HEADER_BYTES = 27
OGG_MAX_PAGE_BYTES = 65_307
ISO_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # a file may begin with any
EBML_MAGIC = b"\x1aE\xdf\xa3"
MATROSKA_SEGMENT = b"\x18S\x80g"
ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ADTS_RATES_HZ = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
ADTS_FRAME_SAMPLES = 1024
ADTS_HEADER_BYTES = 7
SCAN_BYTES = 1 << 20  # read at once


def detect_container(source: Path | bytes) -> str:
    """The container of a file by its first bytes, as FFmpeg reads it; an empty string for any other content.

    >>> detect_container(bytes(4) + b"ftypM4A "), detect_container(b"Dear sir, this is a letter.")
    ('MP4', '')
    """
    try:
        with open_source(source) as file:
            start = file.read(SIGNATURE_BYTES)
            file.seek(_id3_end(file))
            frame = file.read(7)
    except OSError:  # opening the file next raises a clear error
        return ""
    if start[4:8] in ISO_FIRST_BOXES:
        # QuickTime files are older than the ftyp box, which names the format.
        return "MOV" if start[4:8] != b"ftyp" or start[8:12] == b"qt  " else "MP4"
    if start.startswith(EBML_MAGIC):
        return "WEBM" if b"webm" in start[:64] else "MATROSKA"
    if start.startswith(ASF_HEADER):
        return "ASF"
    if start.startswith(b"RIFF") and start[8:12] == b"AVI ":
        return "AVI"
    if frame.startswith(b"fLaC"):  # also after a tag
        return "FLAC"
    return "ADTS" if len(_find_adts_headers(frame)[0]) else recognise(start)


def promised_length(source: Path | bytes, header: Header) -> tuple[int, bool]:
    """The length that a container promises, and whether the file is cut off.

    Returns
    -------
    int
        Promised samples per channel; 0 if the container promises none.
    bool
        Whether the structure of the container continues after the last byte of the file.
    """
    with open_source(source) as file:
        if header.container == "MP3" and not _mp3_counts_frames(file):
            return 0, False
        if header.container == "OGG":
            return 0, _is_ogg_cut(file)
    if header.container not in CUT_CHECKS:
        return header.frames, False
    cut = is_cut(source, header.container)
    # In a complete file the header may count milliseconds, whole codec frames, or the longest of several tracks.
    return (header.frames if cut else 0), cut


def is_cut(source: Path | bytes, container: str) -> bool:
    """Whether the structure of a container continues after the last byte of the file; False if that is unknown.

    Parameters
    ----------
    source : Path or bytes
    container : str
        As `detect_container` returns it.
    """
    if container not in CUT_CHECKS:
        return False
    with open_source(source) as file:
        return CUT_CHECKS[container](file)


def ogg_seek_limit(source: Path | bytes) -> int:
    """The last position in samples up to which libsndfile seeks rightly in an Ogg: where its last page begins.

    It counts back from the end of a page. The last one often ends before its last packet does, where the sound ends
    (RFC 3533, section 6), and all positions in it are then shifted. A page without the end of a packet has no position.
    """
    with open_source(source) as file:
        size = _file_size(file)
        start = max(0, size - 2 * OGG_MAX_PAGE_BYTES)
        tail = _read_at(file, start, size - start)
    at = end = tail.rfind(b"OggS")
    while at > 0:
        at = tail.rfind(b"OggS", 0, at)
        if at < 0 or at + _ogg_page_bytes(tail[at : at + OGG_PAGE_HEADER_BYTES + 255]) != end:
            continue
        end = at
        if (position := int.from_bytes(tail[at + 6 : at + 14], "little", signed=True)) >= 0:
            return position
    return 0


def _ogg_page_bytes(page: bytes) -> int:
    """Size of a page by its header."""
    if len(page) < OGG_PAGE_HEADER_BYTES:
        return 0
    segments = page[26]
    return OGG_PAGE_HEADER_BYTES + segments + sum(page[OGG_PAGE_HEADER_BYTES : OGG_PAGE_HEADER_BYTES + segments])


def adts_length(source: Path | bytes) -> tuple[int, int]:
    """Samples per channel of an AAC stream and their rate in Hz, from its frame headers (ISO 13818-7, section 6.2)."""
    with open_source(source) as file:
        frames, rate, _ = _scan_adts(file)
    return ADTS_FRAME_SAMPLES * frames, rate


def _is_ogg_cut(file: BinaryIO) -> bool:
    """Whether the last page is cut off or lacks the end-of-stream flag (RFC 3533, section 6)."""
    file.seek(0, 2)
    file.seek(max(0, file.tell() - OGG_MAX_PAGE_BYTES))
    tail = file.read()
    page = tail[max(tail.rfind(b"OggS"), 0) :]
    if len(page) < OGG_PAGE_HEADER_BYTES:
        return True
    return not page[5] & 0x04 or len(page) < _ogg_page_bytes(page)


def _mp3_counts_frames(file: BinaryIO) -> bool:
    """Whether the first frame is a Xing, Info or VBRI tag, which counts the frames.

    Without such a tag libsndfile guesses the length.
    """
    file.seek(_id3_end(file))
    frame = file.read(64)
    return any(tag in frame for tag in (b"Xing", b"Info", b"VBRI"))


def _id3_end(file: BinaryIO) -> int:
    """Position of the first byte after an ID3 tag at the start; 0 without a tag."""
    file.seek(0)
    start = file.read(10)
    if start[:3] != b"ID3" or len(start) < 10:
        return 0
    # The size is stored in four bytes of seven bits (ID3v2, section 3.1).
    return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(start[6:], (21, 14, 7, 0), strict=True))


def _is_iso_cut(file: BinaryIO) -> bool:
    """Whether a box of an MP4 or MOV that holds sound or its index is cut off (ISO 14496-12, section 4.2)."""
    size, at = _file_size(file), 0
    for _ in range(MAX_PARTS):
        if len(head := _read_at(file, at, 16)) < 8:
            return False
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1 and len(head) == 16:
            length = int.from_bytes(head[8:], "big")
        if length < 8:  # 0 means up to the end; 1 to 7 are not a box, like the zeros that some programs append
            return False
        at += length
        if at > size:
            return kind in (b"moov", b"moof", b"mdat")
    return False


def _is_matroska_cut(file: BinaryIO) -> bool:
    """Whether the segment, which holds everything but the header, is cut off (RFC 8794 and 9559)."""
    head, length = _read_ebml_size(file, len(EBML_MAGIC))
    at = head + length
    if _read_at(file, at, 4) != MATROSKA_SEGMENT:
        return False
    start, length = _read_ebml_size(file, at + 4)
    unknown = (1 << 7 * (start - at - 4)) - 1  # all ones: a live stream, whose length is not known in advance
    return length != unknown and start + length > _file_size(file)


def _read_ebml_size(file: BinaryIO, at: int) -> tuple[int, int]:
    """Position after an EBML size, and its value; the leading zeros of its first byte count its further bytes."""
    first = (_read_at(file, at, 1) or b"\x80")[0]
    width = 9 - first.bit_length()
    value = int.from_bytes(_read_at(file, at, width), "big")
    return at + width, value & ((1 << 7 * width) - 1)


def _is_asf_cut(file: BinaryIO) -> bool:
    """Whether the file is shorter than its properties state (ASF specification, section 3.2).

    A broadcast does not state its size.
    """
    head = _read_at(file, 0, 1 << 16)
    properties = head[max(head.find(ASF_FILE_PROPERTIES), 0) :]
    if not properties.startswith(ASF_FILE_PROPERTIES) or len(properties) < 92:
        return False
    size, flags = struct.unpack_from("<Q", properties, 40)[0], struct.unpack_from("<I", properties, 88)[0]
    return not flags & 1 and size > _file_size(file)


def _is_avi_cut(file: BinaryIO) -> bool:
    """Whether a RIFF chunk is cut off; a long AVI has several."""
    size, at = _file_size(file), 0
    for _ in range(MAX_PARTS):
        head = _read_at(file, at, 8)
        if head[:4] != b"RIFF" or len(head) < 8:
            return False
        length = struct.unpack("<I", head[4:])[0]
        if any(length in sizes for sizes in UNKNOWN_SIZES):
            return False
        at += 8 + length + length % 2
        if at - length % 2 > size:
            return True
    return False


def _is_adts_cut(file: BinaryIO) -> bool:
    """Whether the last frame of an AAC stream is cut off."""
    return _scan_adts(file)[2] > _file_size(file)


def _scan_adts(file: BinaryIO) -> tuple[int, int, int]:
    """Number of frames of an AAC stream, its sample rate in Hz, and where its last frame ends.

    Bytes between frames are skipped.
    """
    frames, rate, end = 0, ADTS_RATES_HZ[0], 0
    start = _id3_end(file)
    while len(data := _read_at(file, start, SCAN_BYTES)) >= ADTS_HEADER_BYTES:
        positions, lengths = _find_adts_headers(data)
        number = 0
        while number < len(positions):
            at = positions[number]
            if not frames:
                rate = ADTS_RATES_HZ[data[at + 2] >> 2 & 15]
            frames += 1
            end = start + at + int(lengths[number])
            number += 1
            if number < len(positions) and positions[number] < end - start:  # bytes inside a frame, not a header
                number = bisect_left(positions, end - start, number)
        start = max(start + len(data) - ADTS_HEADER_BYTES + 1, end)
    return frames, rate, end


def _find_adts_headers(data: bytes) -> tuple[list[int], np.ndarray]:
    """Positions at which a frame of AAC may begin, and its sizes in bytes (ISO 13818-7, section 6.2).

    The layer field of an AAC frame is 0, which tells it from an MP3 frame. The search is vectorised because damage may
    be millions of bytes long.
    """
    content = np.frombuffer(data, np.uint8)
    (at,) = np.nonzero((content[:-6] == 0xFF) & (content[1:-5] & 0xF6 == 0xF0))
    rates = content[at + 2] >> 2 & 15
    high, middle, low = (content[at + byte].astype(np.int64) for byte in (3, 4, 5))
    lengths = (high & 3) << 11 | middle << 3 | low >> 5
    is_header = (rates < len(ADTS_RATES_HZ)) & (lengths > ADTS_HEADER_BYTES)
    return at[is_header].tolist(), lengths[is_header]


def _file_size(file: BinaryIO) -> int:
    return file.seek(0, 2)


def _read_at(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


CUT_CHECKS = {
    "MP4": _is_iso_cut,
    "MOV": _is_iso_cut,
    "MATROSKA": _is_matroska_cut,
    "WEBM": _is_matroska_cut,
    "ASF": _is_asf_cut,
    "AVI": _is_avi_cut,
    "ADTS": _is_adts_cut,
}
