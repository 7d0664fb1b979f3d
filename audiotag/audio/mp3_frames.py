"""Walk through the frames of an MP3: where each sound in it begins, and how many samples it has.

Conventions: an MP3 has no length but the sum of its frames. The Xing or Info frame that most encoders put first counts
them, but is missing in some files and false in others; where files were joined, it counts only those of the first.
Layers 1 and 2 have frames of the same kind. Tags and damage between frames are passed over.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from audiotag.audio.byte_ranges import Range, join_ranges, open_source

READ_BYTES = 1 << 20  # at once
MAX_JUNK_BYTES = 1 << 22  # between two frames; what follows more of it is not looked at
MAX_TAGS = 1 << 12  # before the first frame
MAY_BEGIN = re.compile(rb"\xff[\xe2-\xff][\x10-\xef]|ID3|APETAGEX|LYRICSBEGIN")  # a frame, or a tag
MAX_FRAME_BYTES = 8192
DECODER_DELAY = 529  # samples that every decoder adds, which the counts of LAME do not contain
RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # MPEG 1, 2, 2.5
BIT_RATES_KB = {  # by whether it is MPEG 1, and by the layer's field: 3 is layer 1 (ISO 11172-3, section 2.4.2.3)
    (True, 3): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 1): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 3): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 1): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
MONO = 3
LAYER_3 = 1
COUNTERS = (b"Xing", b"Info")
ID3V1_BYTES = 128
APE_TAG, APE_FOOTER_BYTES = b"APETAGEX", 32


class FrameHeader(NamedTuple):
    """What the first four bytes of a frame say."""

    size: int
    samples: int
    rate: int
    channels: int
    is_mpeg_1: bool
    layer: int


@dataclass
class Mp3Part:
    """Frames of one kind that follow each other, from one encoder.

    Attributes
    ----------
    rate, channels, layer : int
    frames : int
        Frames that hold sound.
    samples_per_frame : int
    has_counter : bool
        Whether it begins with a Xing, Info or VBRI frame.
    counted : int
        Frames by that frame; −1 if it does not say.
    delay, padding : int
        Samples that the encoder added at both ends, by LAME's tag; 0 if it does not say.
    ranges : list of (int, int)
        Bytes of the frames that hold sound.
    """

    rate: int
    channels: int
    layer: int
    samples_per_frame: int
    frames: int = 0
    has_counter: bool = False
    counted: int = -1
    delay: int = 0
    padding: int = 0
    ranges: list[Range] = field(default_factory=list)

    @property
    def skip(self) -> int:
        """Samples to leave out at the start."""
        return self.delay + DECODER_DELAY if self.delay else 0

    @property
    def length(self) -> int:
        """Samples per channel of the sound; the padding is there unless frames are missing."""
        return self._samples_of(self.frames, is_padded=self.frames >= self.counted)

    @property
    def promised(self) -> int:
        """Samples per channel by its first frame, which may be false; 0 if that does not say."""
        return self._samples_of(self.counted, is_padded=True) if self.counted > 0 else 0

    def _samples_of(self, frames: int, is_padded: bool) -> int:
        padding = max(self.padding - DECODER_DELAY, 0) if is_padded else 0
        return max(frames * self.samples_per_frame - self.skip - padding, 0)

    def joined_ranges(self) -> tuple[Range, ...]:
        """The bytes of its frames as few ranges."""
        return join_ranges(self.ranges)


@dataclass(frozen=True)
class Mp3File:
    """What the frames of a file tell.

    Attributes
    ----------
    parts : tuple[Mp3Part, ...]
    damaged_bytes : int
        Bytes between frames that do not belong to a tag.
    is_cut : bool
        Whether the file ends inside a frame.
    """

    parts: tuple[Mp3Part, ...]
    damaged_bytes: int
    is_cut: bool

    @property
    def is_plain(self) -> bool:
        """Whether it is one sound whose first frame counts the others rightly, which any library reads."""
        return len(self.parts) == 1 and self.parts[0].counted == self.parts[0].frames and not self.damaged_bytes


def read_frames(source: Path | bytes) -> Mp3File:
    """Walk through all frames of an MP3; without any part if it is not one."""
    with open_source(source) as file:
        return _Walk(file).result()


def begins_with_frame(start: bytes) -> bool:
    """Whether a file may begin with a frame of MP3, by its first bytes; frames of AAC have layer 0.

    >>> begins_with_frame(bytes.fromhex("fffb9064")), begins_with_frame(bytes.fromhex("fff15080"))
    (True, False)
    """
    return start[:1] == b"\xff" and start[1:2] >= b"\xe0" and bool(start[1] & 6)


def has_free_bit_rate(start: bytes) -> bool:
    """Whether a file begins with a frame whose header does not state its size; only libsndfile decodes these."""
    return begins_with_frame(start) and start[1] >> 1 & 3 == LAYER_3 and len(start) > 2 and not start[2] >> 4


class _Walk:
    """One pass through a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._size = file, file.seek(0, 2)
        self._data, self._base = b"", 0
        self._headers: dict[int, FrameHeader | None] = {}
        self.parts: list[Mp3Part] = []
        self.damaged, self.is_cut = 0, False

    def result(self) -> Mp3File:
        at = passed = 0
        while at + 4 <= self._size and (self.parts or passed < MAX_TAGS):
            if not (follow := self._frames_from(at)):
                follow = self._next_start(at)
                passed += 1
            at = follow
        return Mp3File(tuple(part for part in self.parts if part.frames), self.damaged, self.is_cut)

    def _frames_from(self, at: int) -> int:
        """Take the frames that follow each other from ``at`` on; the position after the last, 0 without any."""
        first = self._header(at)
        if first is None or not self._is_confirmed(at, first):
            return 0
        part = self._part_for(at, first)
        kind, start, mark = first[2:], at, 4 + _side_bytes(first)
        sizes: dict[bytes, int] = {}  # of the headers that were seen: nearly all frames have one of a few
        while True:
            place = at - self._base
            if place + MAX_FRAME_BYTES > len(self._data):
                self._window(at)
                place = at - self._base
            data = self._data
            word = data[place : place + 4]
            size = sizes.get(word)
            if size is None:
                head = self._header(at)
                if head is None or head[2:] != kind:
                    break
                size = sizes[word] = head.size
            if at + size > self._size:
                self.is_cut = True
                break
            if data[place + mark : place + mark + 4] in COUNTERS and at > start:  # a joined file begins
                break
            part.frames += 1
            at += size
        begin = start + first.size if part.has_counter and not part.ranges else start
        if at > begin:
            part.ranges.append((begin, at))
        return self._size if self.is_cut else at

    def _part_for(self, at: int, head: FrameHeader) -> Mp3Part:
        """The part to which a frame belongs: the last one, or a new one."""
        count = self._count_of(at, head)
        last = self.parts[-1] if self.parts else None
        if count is None and last and (last.rate, last.channels, last.layer) == (head.rate, head.channels, head.layer):
            return last
        part = Mp3Part(head.rate, head.channels, head.layer, head.samples)
        if count is not None:
            part.has_counter, part.frames = True, -1  # the frame that counts the others holds no sound
            part.counted, part.delay, part.padding = count
        self.parts.append(part)
        return part

    def _is_confirmed(self, at: int, head: FrameHeader) -> bool:
        """Whether a frame of the same kind follows, or the end of the file, or a tag."""
        after = at + head.size
        if after >= self._size:
            return bool(self.parts) or after == self._size
        follow = self._header(after)
        return (follow is not None and follow[2:] == head[2:]) or bool(self._tag_end(after))

    def _next_start(self, at: int) -> int:
        """Where the next frames may begin after something else: a tag, or damage."""
        if end := self._tag_end(at):
            return min(end, self._size)
        here = at + 1
        limit = min(self._size, at + MAX_JUNK_BYTES)
        while here + 4 <= limit:
            data = self._window(here)
            found = MAY_BEGIN.search(data, here - self._base)
            if found is None:
                here = max(here + 1, self._base + len(data) - len(b"APETAGEX"))
                continue
            here = self._base + found.start()
            head = self._header(here)
            if (head is not None and self._is_confirmed(here, head)) or self._tag_end(here):
                break
            here += 1
        else:
            here = self._size
        if self.parts and (here < self._size or limit < self._size):
            self.damaged += here - at
        return here

    def _tag_end(self, at: int) -> int:
        """Where a tag ends that begins at a position; 0 if none does."""
        head = self._bytes(at, 32)
        if head[:3] == b"ID3" and len(head) >= 10 and not any(byte & 0x80 for byte in head[6:10]):
            footer = 10 if head[5] & 0x10 else 0
            size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
            end = at + 10 + size + footer
            return end if end <= self._size else at + 10  # a size that is false
        if head[:3] == b"TAG":  # in its extended form it is longer
            return self._size if self._size - at <= ID3V1_BYTES + 227 else at + ID3V1_BYTES
        if head[:8] == APE_TAG:
            size = struct.unpack_from("<I", head.ljust(32, b"\0"), 12)[0]
            is_header = bool(head[23:24] and head[23] & 0x20)
            return at + (size + APE_FOOTER_BYTES if is_header else APE_FOOTER_BYTES)
        if head[:11] == b"LYRICSBEGIN":
            return self._size if self._size - at < 1 << 16 else 0
        return 0

    def _count_of(self, at: int, head: FrameHeader) -> tuple[int, int, int] | None:
        """Frames, delay and padding by a Xing, Info or VBRI frame; None for a frame of sound."""
        if head.layer != 3:
            return None
        side = _side_bytes(head)
        frame = self._bytes(at, min(head.size, 192))
        if frame[36:40] == b"VBRI":
            return int.from_bytes(frame[50:54], "big"), 0, 0
        if frame[4 + side : 8 + side] not in COUNTERS:
            return None
        flags, place = int.from_bytes(frame[8 + side : 12 + side], "big"), 12 + side
        counted = int.from_bytes(frame[place : place + 4], "big") if flags & 1 else -1
        place += 4 * bool(flags & 1) + 4 * bool(flags & 2) + 100 * bool(flags & 4) + 4 * bool(flags & 8)
        lame = frame[place : place + 24]
        if len(lame) < 24 or lame[:4] not in (b"LAME", b"Lavf", b"Lavc", b"L3.9"):
            return counted, 0, 0
        return counted, lame[21] << 4 | lame[22] >> 4, (lame[22] & 15) << 8 | lame[23]

    def _header(self, at: int) -> FrameHeader | None:
        data = self._window(at)
        place = at - self._base
        if place + 4 > len(data):
            return None
        word = int.from_bytes(data[place : place + 4], "big")
        if word < 0xFFE00000:
            return None
        word &= 0xFFFEFEC0  # without what changes from frame to frame: the checksum, private bit, emphasis and mode
        try:
            return self._headers[word]
        except KeyError:
            header = self._headers[word] = parse_header(word)
            return header

    def _window(self, at: int) -> bytes:
        """Bytes of the file around a position; it is at ``at - self._base``."""
        end = self._base + len(self._data)
        if at < self._base or (at > end - MAX_FRAME_BYTES and end < self._size):
            self._file.seek(at)
            self._data, self._base = self._file.read(READ_BYTES), at
        return self._data

    def _bytes(self, at: int, size: int) -> bytes:
        data = self._window(at)
        return data[at - self._base : at - self._base + size]


def _side_bytes(head: FrameHeader) -> int:
    """Bytes between the header of a frame and its sound."""
    if head.is_mpeg_1:
        return 32 if head.channels == 2 else 17
    return 17 if head.channels == 2 else 9


def parse_header(word: int) -> FrameHeader | None:
    """The header of a frame from its first four bytes as a number, big-endian; None if no frame has it.

    >>> parse_header(0xFFFB9064)
    FrameHeader(size=417, samples=1152, rate=44100, channels=2, is_mpeg_1=True, layer=3)
    """
    version, layer, bit_rate, rate = word >> 19 & 3, word >> 17 & 3, word >> 12 & 15, word >> 10 & 3
    if word >> 21 != 0x7FF or version == 1 or layer == 0 or bit_rate in (0, 15) or rate == 3:
        return None
    rate_hz, kilobits, padding = RATES_HZ[version][rate], BIT_RATES_KB[version == 3, layer][bit_rate], word >> 9 & 1
    if layer == 3:
        samples, size = 384, (12_000 * kilobits // rate_hz + padding) * 4
    else:
        samples = 576 if layer == 1 and version != 3 else 1152
        size = samples // 8 * 1000 * kilobits // rate_hz + padding
    channels = 1 if word >> 6 & 3 == MONO else 2
    return FrameHeader(size, samples, rate_hz, channels, version == 3, 4 - layer)
