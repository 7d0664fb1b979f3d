"""Find the samples in an AIFF or AIFF-C, a CAF and an AU.

Sources: Apple's Audio Interchange File Format AIFF-C (1991), Apple's Core Audio Format specification 1.0, NeXT's and
Sun's ``audio_filehdr``.
"""

from __future__ import annotations

import math
import struct

from audiotag.audio.pcm_layout import (
    CRASHED,
    MAX_PARTS,
    Chunk,
    Content,
    PcmLayout,
    after,
    end_without_chunks,
    is_unknown,
    read_chunk_big_endian,
    true_size,
)

AIFF_BY_BITS = {1: "PCM_S8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}
AIFC_SUBTYPES = {
    b"fl32": "FLOAT", b"FL32": "FLOAT", b"fl64": "DOUBLE", b"FL64": "DOUBLE", b"ulaw": "ULAW", b"ULAW": "ULAW",
    b"alaw": "ALAW", b"ALAW": "ALAW", b"in24": "PCM_24", b"in32": "PCM_32", b"raw ": "PCM_U8",
}  # fmt: skip
AIFC_INTEGERS = (b"NONE", b"twos", b"sowt")
AU_SUBTYPES = {
    1: "ULAW", 2: "PCM_S8", 3: "PCM_16", 4: "PCM_24", 5: "PCM_32", 6: "FLOAT", 7: "DOUBLE", 27: "ALAW",
}  # fmt: skip
CAF_IS_FLOAT, CAF_IS_LITTLE_ENDIAN = 1, 2
SAMPLE_BYTES = {
    "PCM_S8": 1, "PCM_U8": 1, "ULAW": 1, "ALAW": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8,
}  # fmt: skip
SSND_HEAD_BYTES = 8  # offset and block size
CAF_EDIT_BYTES = 4  # number of edits, before the samples
MAX_RATE_HZ = 1 << 31
MAX_CHANNELS = 1 << 16


def read_aiff_layout(content: Content) -> PcmLayout | None:
    """The layout of an AIFF or AIFF-C; None for any other file, or without a format or samples."""
    if content.at(0, 4) != b"FORM" or content.at(8, 4) not in (b"AIFF", b"AIFC"):
        return None
    is_compressed = content.at(8, 4) == b"AIFC"
    common, sound, at = b"", None, 12
    for _ in range(MAX_PARTS):
        chunk = read_chunk_big_endian(content, at)
        if chunk is None or (common and sound):
            break
        at = after(chunk)
        if chunk.kind == b"COMM":
            common = content.at(chunk.start, 22 if is_compressed else 18)
        elif chunk.kind == b"SSND":
            sound = chunk
            if chunk.size <= SSND_HEAD_BYTES:
                break
    if len(common) < 18 or sound is None:
        return None
    channels, _, bits = struct.unpack_from(">HIH", common)
    coding = common[18:22] if is_compressed else b"NONE"
    subtype = AIFF_BY_BITS.get((bits + 7) // 8, "") if coding in AIFC_INTEGERS else AIFC_SUBTYPES.get(coding, "")
    skipped = SSND_HEAD_BYTES + int.from_bytes(content.at(sound.start, 4), "big")
    start, stated = sound.start + skipped, sound.size - skipped
    is_little_endian = coding == b"sowt"
    return _layout(
        content, "AIFF", subtype, _extended_float(common[8:18]), channels, not is_little_endian, start,
        max(stated, 0), CRASHED if stated <= 0 else "", True,
    )  # fmt: skip


def read_caf_layout(content: Content) -> PcmLayout | None:
    """The layout of a CAF; None for any other file, or without a format or samples."""
    if content.at(0, 4) != b"caff":
        return None
    form, at = b"", 8
    for _ in range(MAX_PARTS):
        chunk = _read_caf_chunk(content, at)
        if chunk is None:
            return None
        if chunk.kind == b"desc":
            form = content.at(chunk.start, 32)
        elif chunk.kind == b"data" and len(form) == 32:
            rate, coding, flags, _, _, channels, bits = struct.unpack(">d4sIIIII", form)
            subtype = {b"ulaw": "ULAW", b"alaw": "ALAW"}.get(coding, "")
            if coding == b"lpcm":
                integers = {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24", 32: "PCM_32"}
                subtype = ({32: "FLOAT", 64: "DOUBLE"} if flags & CAF_IS_FLOAT else integers).get(bits, "")
            stated = chunk.size - CAF_EDIT_BYTES
            problem = CRASHED if 0 <= chunk.size <= CAF_EDIT_BYTES else ""
            return _layout(
                content, "CAF", subtype, rate, channels, not flags & CAF_IS_LITTLE_ENDIAN,
                chunk.start + CAF_EDIT_BYTES, max(stated, 0), problem, True,
            )  # fmt: skip
        if chunk.size < 0:
            return None
        at = chunk.start + chunk.size
    return None


def read_au_layout(content: Content) -> PcmLayout | None:
    """The layout of an AU, of either byte order; None for any other file, or without samples."""
    head = content.at(0, 24)
    if head[:4] not in (b".snd", b"dns.") or len(head) < 24:
        return None
    is_big_endian = head[:4] == b".snd"
    start, stated, coding, rate, channels = struct.unpack_from(">5I" if is_big_endian else "<5I", head, 4)
    return _layout(
        content, "AU", AU_SUBTYPES.get(coding, ""), rate, channels, is_big_endian, start,
        stated, "" if stated else CRASHED, False,
    )  # fmt: skip


def _layout(
    content: Content,
    container: str,
    subtype: str,
    rate: float,
    channels: int,
    is_big_endian: bool,
    start: int,
    stated: int,
    problem: str,
    has_chunks: bool,
) -> PcmLayout | None:
    """The layout of samples from ``start`` on, of which the header states ``stated`` bytes, 0 if it is unknown."""
    available = content.size - start
    if available <= 0 or not 1 <= rate < MAX_RATE_HZ or not 0 < channels < MAX_CHANNELS:
        return None
    read_chunk = (_read_caf_chunk if container == "CAF" else read_chunk_big_endian) if has_chunks else None
    stated = 0 if is_unknown(stated) else stated
    if stated:
        size, problem = true_size(content, start, stated, read_chunk)
    else:
        size = end_without_chunks(content, start, read_chunk) - start if read_chunk else available
    bytes_per_frame = channels * SAMPLE_BYTES.get(subtype, 0)
    # libsndfile reads to the end of the file, but of a CAF only if the header states just that.
    is_odd = size != min(stated or available, available) or bool(problem) or (container == "CAF" and stated != size)
    return PcmLayout(
        container, subtype, round(rate), channels, bytes_per_frame, is_big_endian, ((start, size),), stated, problem,
        is_odd,
    )  # fmt: skip


def _read_caf_chunk(content: Content, at: int) -> Chunk | None:
    head = content.at(at, 12)
    return Chunk(head[:4], at + 12, struct.unpack_from(">q", head, 4)[0]) if len(head) == 12 else None


def _extended_float(content: bytes) -> float:
    """A number of 80 bits, as AIFF stores the sample rate (IEEE 754); 0 if it is far from any sample rate."""
    exponent, mantissa = struct.unpack(">HQ", content)
    exponent = (exponent & 0x7FFF) - 16_383 - 63
    return math.ldexp(mantissa, exponent) if -200 < exponent < 0 else 0.0
