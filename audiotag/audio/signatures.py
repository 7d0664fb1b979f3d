"""Recognise the containers that only FFmpeg reads by the first bytes of a file.

A signature of two bytes or of a repeated sync byte is looked for twice, because text and damaged files have them, too.
"""

from __future__ import annotations

from typing import NamedTuple

SIGNATURE_BYTES = 4096  # from the start of the file
TS_PACKET_BYTES, M2TS_PACKET_BYTES = 188, 192
AC3_MAX_VERSION, EAC3_MAX_VERSION = 10, 16
AC3_RATES_HZ = (48_000, 44_100, 32_000)
AC3_BIT_RATES_KB = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)


class Signature(NamedTuple):
    """Bytes at a position of a file that belong to one container only."""

    container: str
    content: bytes
    at: int = 0


SIGNATURES = (
    Signature("OGG", b"OggS"),
    Signature("FLAC", b"fLaC"),
    Signature("AMR", b"#!AMR"),
    Signature("FLV", b"FLV\x01"),
    Signature("MPEG", b"\x00\x00\x01\xba"),  # a pack header (ISO 13818-1, section 2.5.3.4)
    Signature("DTS", b"\x7f\xfe\x80\x01"),
    Signature("DTS", b"\xfe\x7f\x01\x80"),
    Signature("DTS", b"\x1f\xff\xe8\x00\x07"),
    Signature("DTS", b"\xff\x1f\x00\xe8"),
    Signature("DTSHD", b"DTSHDHDR"),
    Signature("TRUEHD", b"\xf8\x72\x6f\xba", at=4),
    Signature("MLP", b"\xf8\x72\x6f\xbb", at=4),
    Signature("APE", b"MAC "),
    Signature("WAVPACK", b"wvpk"),
    Signature("TTA", b"TTA1"),
    Signature("TAK", b"tBaK"),
    Signature("MUSEPACK", b"MP+"),
    Signature("MUSEPACK8", b"MPCK"),
    Signature("SHORTEN", b"ajkg"),
    Signature("DSF", b"DSD "),
    Signature("DFF", b"FRM8"),
    Signature("QOA", b"qoaf"),
    Signature("VOC", b"Creative Voice File\x1a"),
    Signature("SOX", b".SoX"),
    Signature("SOX", b"XoS."),
    Signature("OMA", b"EA3\x01"),
    Signature("REAL", b".RMF"),
    Signature("REAL", b".ra\xfd"),
    Signature("MXF", b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02"),
)


def recognise(start: bytes) -> str:
    """The container of a file by its first `SIGNATURE_BYTES`; an empty string if none is recognised.

    >>> recognise(b"#!AMR-WB" + bytes(10)), recognise(b"Dear sir, this is a letter.")
    ('AMR', '')
    """
    for container, content, at in SIGNATURES:
        if start.startswith(content, at):
            return container
    if _repeats(start, 0, TS_PACKET_BYTES) or _repeats(start, M2TS_PACKET_BYTES - TS_PACKET_BYTES, M2TS_PACKET_BYTES):
        return "TS"
    return _dolby(start) or _latm(start)


def _repeats(start: bytes, at: int, distance: int) -> bool:
    """Whether every packet begins with the sync byte of a transport stream (ISO 13818-1, section 2.4.3.2)."""
    syncs = start[at::distance]
    return len(syncs) > 2 and set(syncs) == {0x47}


def _dolby(start: bytes) -> str:
    """The container of a stream of AC-3 or E-AC-3, whose second frame is where the first one ends (ATSC A/52)."""
    if start[:2] != b"\x0b\x77" or len(start) < 6:
        return ""
    version = start[5] >> 3
    if AC3_MAX_VERSION < version <= EAC3_MAX_VERSION:
        words = ((start[2] & 7) << 8 | start[3]) + 1
        return "EAC3" if _follows(start, 2 * words, b"\x0b\x77") else ""
    rate, bit_rate = start[4] >> 6, (start[4] & 63) // 2
    if version > AC3_MAX_VERSION or rate >= len(AC3_RATES_HZ) or bit_rate >= len(AC3_BIT_RATES_KB):
        return ""
    words = 96_000 * AC3_BIT_RATES_KB[bit_rate] // AC3_RATES_HZ[rate]
    words += start[4] & 1 if AC3_RATES_HZ[rate] == 44_100 else 0
    return "AC3" if _follows(start, 2 * words, b"\x0b\x77") else ""


def _latm(start: bytes) -> str:
    """The container of AAC in LOAS frames, whose second frame is where the first one ends (ISO 14496-3)."""
    if len(start) < 3 or start[0] != 0x56 or start[1] & 0xE0 != 0xE0:
        return ""
    return "LATM" if _follows(start, 3 + ((start[1] & 0x1F) << 8 | start[2]), b"\x56") else ""


def _follows(start: bytes, at: int, sync: bytes) -> bool:
    """Whether the next frame begins at a position; also if the file ends there, or what was read of it before."""
    return start.startswith(sync, at) or at >= len(start)
