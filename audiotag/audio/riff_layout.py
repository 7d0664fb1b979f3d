"""Find the samples in a WAV, RF64, BW64 or W64.

Sources: Multimedia Programming Interface 1.0 (RIFF), EBU Tech 3306 (RF64), ITU-R BS.2088 (BW64), Sony Wave64.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from audiotag.audio.pcm_layout import (
    CRASHED,
    HEAD_BYTES,
    JOINED,
    MAX_PARTS,
    MAX_SIZE_32,
    MIXED,
    TOO_LARGE,
    Chunk,
    Content,
    PcmLayout,
    ReadChunk,
    after,
    end_without_chunks,
    has_chunks,
    is_unknown,
    read_chunk_big_endian,
    read_chunk_little_endian,
    true_size,
)

PCM_TAG, FLOAT_TAG, ALAW_TAG, ULAW_TAG, EXTENSIBLE_TAG = 1, 3, 6, 7, 0xFFFE
SUBTYPES = {
    (PCM_TAG, 1): "PCM_U8", (PCM_TAG, 2): "PCM_16", (PCM_TAG, 3): "PCM_24", (PCM_TAG, 4): "PCM_32",
    (FLOAT_TAG, 4): "FLOAT", (FLOAT_TAG, 8): "DOUBLE", (ALAW_TAG, 1): "ALAW", (ULAW_TAG, 1): "ULAW",
}  # fmt: skip
MAX_RATE_HZ = 1 << 31  # of libsndfile
MAX_SIZE_NATIVE = (1 << 31) - 1  # of samples that libsndfile reads where their size is unknown
W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
W64_WAVE = bytes.fromhex("77617665f3acd3118cd100c04f8edb8a")
W64_CHUNK_HEAD_BYTES = 24
# DTS frames by their four bit orders, and the preamble of other surround sound (IEC 61937), between zeros.
SURROUND_SYNCS = tuple(map(bytes.fromhex, ("ff1f00e8", "1fffe800", "7ffe8001", "fe7f0180", "72f81f4e")))
SURROUND_SCAN_BYTES = 1 << 15  # two frames and more


class _Form(NamedTuple):
    tag: int
    channels: int
    sample_rate: int
    block_bytes: int
    bits: int
    is_extensible: bool

    @property
    def bytes_per_sample(self) -> int:
        """By the bits, as block sizes are often wrong; only 24 bits are also stored in 32."""
        size = (self.bits + 7) // 8
        return 4 if (size, self.block_bytes) == (3, 4 * self.channels) else size


def read_riff_layout(content: Content) -> PcmLayout | None:
    """The layout of a WAV, RF64 or BW64; None for any other file, or without a format or samples."""
    base = _id3_end(content)
    head = content.at(base, 12)
    if head[:4] not in (b"RIFF", b"RIFX", b"RF64", b"BW64") or head[8:] != b"WAVE":
        return None
    return _Riff(content, base, head[:4]).layout()


class _Riff:
    """The chunks of a WAV, RF64 or BW64, read one after the other."""

    def __init__(self, content: Content, base: int, magic: bytes) -> None:
        self._content, self._magic, self._at = content, magic, base + 12
        is_big_endian = magic == b"RIFX"
        self._read_chunk, self._order = (
            (read_chunk_big_endian, ">") if is_big_endian else (read_chunk_little_endian, "<")
        )
        self._form: _Form | None = None
        self._parts: list[tuple[int, int]] = []
        self._stated_bytes, self._problem = 0, ""
        self._size_64: int | None = None  # of the samples, where 32 bits are too few
        self._is_odd = bool(base) or magic == b"BW64"

    def layout(self) -> PcmLayout | None:
        """The layout; None without a format or samples."""
        last: Chunk | None = None
        for _ in range(MAX_PARTS):
            chunk = self._next_chunk(last)
            if chunk is None:
                break
            last, self._at = chunk, after(chunk)
            if not self._take(chunk):
                break
            if chunk.kind == b"data" and self._parts:
                last = Chunk(b"data", *self._parts[-1])
        if self._form is None or not self._parts:
            return None
        is_64 = self._magic in (b"RF64", b"BW64")
        container = "RF64" if is_64 else "WAVEX" if self._form.is_extensible else "WAV"
        return _layout(
            self._form,
            container,
            self._order == ">",
            tuple(self._parts),
            self._stated_bytes,
            self._problem,
            self._is_odd,
        )

    def _next_chunk(self, last: Chunk | None) -> Chunk | None:
        if last and last.size % 2 and _is_unpadded(self._content, last, self._read_chunk):
            self._at, self._is_odd = self._at - 1, True
        return self._read_chunk(self._content, self._at)

    def _take(self, chunk: Chunk) -> bool:
        """Take a chunk into account; whether others may follow."""
        if chunk.kind == b"ds64":
            stated = self._content.at(chunk.start + 8, 8)
            self._size_64 = int.from_bytes(stated, "little") if chunk.size >= 16 else None
        elif chunk.kind == b"fmt ":
            form = _read_form(self._content.at(chunk.start, min(chunk.size, 40)), self._order)
            if self._form and form != self._form:  # of another WAV behind this one
                self._problem = MIXED if self._problem == JOINED else self._problem
                return False
            self._form, self._is_odd = form, self._is_odd or bool(self._parts)
        elif chunk.kind == b"data":
            return self._take_samples(chunk)
        elif chunk.kind in (b"RIFF", b"RIFX") and self._parts and self._content.at(chunk.start, 4) == b"WAVE":
            self._at, self._problem, self._is_odd = chunk.start + 4, JOINED, True
        elif self._parts:
            return has_chunks(self._content, chunk.start - 8, self._read_chunk)
        return True

    def _take_samples(self, chunk: Chunk) -> bool:
        stated = chunk.size if chunk.size != 0xFFFF_FFFF or self._size_64 is None else self._size_64
        if is_unknown(stated) or stated > self._content.size - chunk.start:
            return self._take_rest(chunk, stated)
        size, wrong = true_size(self._content, chunk.start, stated, self._read_chunk)
        self._is_odd = self._is_odd or bool(wrong) or bool(self._parts)
        self._stated_bytes, self._problem = self._stated_bytes + stated, wrong or self._problem
        self._parts.append((chunk.start, size))
        self._at = chunk.start + size + size % 2
        return True

    def _take_rest(self, chunk: Chunk, stated: int) -> bool:
        """Take samples up to the end of the file, where the header does not say how many there are, or too many."""
        available = self._content.size - chunk.start
        if not stated and (not available or has_chunks(self._content, chunk.start, self._read_chunk)):
            self._at, self._is_odd = chunk.start, self._is_odd or available > 0  # it is empty
            return True
        size = end_without_chunks(self._content, chunk.start, self._read_chunk) - chunk.start
        if not stated:
            self._problem = TOO_LARGE if self._content.size > MAX_SIZE_32 and self._magic == b"RIFF" else CRASHED
        self._stated_bytes += 0 if is_unknown(stated) else stated
        lacks_size = self._magic == b"RF64" and self._size_64 is None
        fails = not stated or stated >= 1 << 62 or size > MAX_SIZE_NATIVE or lacks_size
        self._is_odd = self._is_odd or size != available or fails
        self._parts.append((chunk.start, size))
        return False


def read_w64_layout(content: Content) -> PcmLayout | None:
    """The layout of a Wave64; None for any other file, or without a format or samples."""
    if content.at(0, 16) != W64_RIFF or content.at(24, 16) != W64_WAVE:
        return None
    form, at = None, 40
    for _ in range(MAX_PARTS):
        chunk = _read_w64_chunk(content, at)
        if chunk is None:
            return None
        if chunk.kind == b"fmt ":
            form = _read_form(content.at(chunk.start, min(chunk.size, 40)), "<")
        elif chunk.kind == b"data":
            available = content.size - chunk.start
            is_stated = 0 < chunk.size < 1 << 62
            problem = CRASHED if -W64_CHUNK_HEAD_BYTES <= chunk.size <= 0 else ""
            size = available
            if is_stated:
                size, problem = true_size(content, chunk.start, chunk.size, _read_w64_chunk)
            if form is None or size <= 0:
                return None
            is_odd = not is_stated or chunk.size != available
            stated_bytes = chunk.size if is_stated else 0
            return _layout(form, "W64", False, ((chunk.start, size),), stated_bytes, problem, is_odd)
        at = max(chunk.start + chunk.size, at + W64_CHUNK_HEAD_BYTES)
    return None


def holds_surround(content: Content, layout: PcmLayout) -> bool:
    """Whether what a WAV states to be samples of 16 bits is DTS, AC-3 or the like, as discs and recorders have it."""
    if layout.subtype != "PCM_16":
        return False
    start = layout.parts[0][0]
    if not content.at(start, HEAD_BYTES - start).lstrip(b"\0").startswith(SURROUND_SYNCS):
        return False
    scanned = content.at(start, SURROUND_SCAN_BYTES)
    return any(scanned.count(sync) > 1 for sync in SURROUND_SYNCS)


def _layout(
    form: _Form,
    container: str,
    is_big_endian: bool,
    parts: tuple[tuple[int, int], ...],
    stated_bytes: int,
    problem: str,
    is_odd: bool,
) -> PcmLayout:
    subtype = SUBTYPES.get((form.tag, form.bytes_per_sample), "")
    bytes_per_frame = form.channels * form.bytes_per_sample if subtype else 0
    # libsndfile takes the bits for the size of a sample, at least of some.
    is_odd = is_odd or (form.bits <= 24 and form.bytes_per_sample == 4)
    return PcmLayout(
        container, subtype, form.sample_rate, form.channels, bytes_per_frame, is_big_endian, parts, stated_bytes,
        problem, is_odd,
    )  # fmt: skip


def _read_form(body: bytes, order: str) -> _Form | None:
    if len(body) < 16:
        return None
    tag, channels, sample_rate, _, block_bytes, bits = struct.unpack_from(order + "HHIIHH", body)
    is_extensible = tag == EXTENSIBLE_TAG and len(body) >= 26
    if is_extensible:
        tag = struct.unpack_from(order + "H", body, 24)[0]
    return (
        _Form(tag, channels, sample_rate, block_bytes, bits, is_extensible)
        if channels and 0 < sample_rate < MAX_RATE_HZ
        else None
    )


def _is_unpadded(content: Content, last: Chunk, read_chunk: ReadChunk) -> bool:
    """Whether the chunk after one of odd size begins without the byte of padding."""
    at = last.start + last.size
    chunk = read_chunk(content, at)
    return chunk is not None and chunk.kind in (b"fmt ", b"data", b"LIST", b"fact") and chunk.start <= content.size


def _read_w64_chunk(content: Content, at: int) -> Chunk | None:
    head = content.at(at, W64_CHUNK_HEAD_BYTES)
    if len(head) < W64_CHUNK_HEAD_BYTES:
        return None
    size = struct.unpack_from("<q", head, 16)[0] - W64_CHUNK_HEAD_BYTES
    padding = 0 if head.startswith(b"data") else -size % 8
    return Chunk(head[:4].replace(b"list", b"LIST"), at + W64_CHUNK_HEAD_BYTES, size + padding)


def _id3_end(content: Content) -> int:
    """Position of the first byte after an ID3 tag at the start; 0 without a tag."""
    start = content.at(0, 10)
    if start[:3] != b"ID3" or len(start) < 10:
        return 0
    # The size is stored in four bytes of seven bits (ID3v2, section 3.1).
    return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(start[6:], (21, 14, 7, 0), strict=True))
