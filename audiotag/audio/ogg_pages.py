"""Read the pages of an Ogg file: which streams it holds, which pages are damaged or missing, and the promised length.

Decoders go on at the next good page after a bad one, without a word. The pages are numbered and have a checksum and the
position of their last sample, the granule position (RFC 3533, section 6), so what is lost can be told from them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from audiotag.audio.byte_ranges import Range, join_ranges, open_source

MAGIC = b"OggS"
HEADER_BYTES = 27
MAX_PAGE_BYTES = 65_307
READ_BYTES = 1 << 22  # at once
CONTINUES, BEGINS, ENDS = 1, 2, 4  # flags of a page
REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
OPUS_RATE_HZ = 48_000  # of granule positions, whatever the rate of the sound
MAX_OPUS_PACKET_SAMPLES, MAX_FLAC_PACKET_SAMPLES = 5760, 65_535


class Page(NamedTuple):
    """A page whose checksum is right; positions are bytes of the file."""

    start: int
    stop: int
    flags: int
    granule: int
    serial: int
    number: int
    packets: int


@dataclass
class Stream:
    """One logical stream: the pages with one serial number, from its first to its last.

    Attributes
    ----------
    codec : str
        ``VORBIS``, ``OPUS``, ``SPEEX`` or ``FLAC``; empty for video and anything else.
    rate : int
        Granule positions per second.
    pre_skip : int
        Granules before the first sample that is heard.
    max_packet : int
        Most granules in a packet; 0 if unknown.
    last_granule : int
    first_granule : int
        Of the first page with sound.
    first_packets : int
        Packets that end on that page.
    is_begun_whole : bool
        Whether no page before that one is missing.
    missing : int
        Numbers of pages that are not there, or whose checksum is wrong.
    repeated : int
        Pages that come a second time, or too late.
    is_ended : bool
        Whether its last page says that it is the last one.
    channels : int
        0 if unknown.
    misplaced : int
        Pages whose granule position cannot be right.
    """

    codec: str = ""
    rate: int = 0
    pre_skip: int = 0
    max_packet: int = 0
    number: int = -1
    last_granule: int = 0
    first_granule: int = -1
    first_packets: int = 0
    is_begun_whole: bool = False
    missing: int = 0
    repeated: int = 0
    is_ended: bool = False
    channels: int = 0
    misplaced: int = 0

    @property
    def frames(self) -> int:
        """Promised length in granules; a recording of a broadcast begins anywhere."""
        start = self.pre_skip if self.first_granule < 0 or not self.begins_late else self.first_granule
        return max(self.last_granule - start, 0)

    @property
    def is_exact(self) -> bool:
        """Whether granules are samples, and the last one is known."""
        return self.codec in ("VORBIS", "OPUS", "FLAC") and self.is_ended and not self.misplaced

    def may_be_at(self, page: Page) -> bool:
        """Whether the next page may have its granule position, where packets end on it."""
        if self.first_granule < 0:  # a header, or the first page with sound
            return True
        most = self.last_granule + page.packets * self.max_packet if self.max_packet else page.granule
        return self.last_granule <= page.granule <= most

    @property
    def begins_late(self) -> bool:
        """Whether granule positions do not begin at 0."""
        return self.is_begun_whole and self.first_granule > self.first_packets * self.max_packet > 0


@dataclass
class Link:
    """Streams that begin and end together; a chained file has several links, one after the other.

    Attributes
    ----------
    ranges : list of (int, int)
        Bytes of its good pages.
    streams : dict[int, Stream]
        By serial number, in the order of their first pages.
    """

    ranges: list[Range] = field(default_factory=list)
    streams: dict[int, Stream] = field(default_factory=dict)
    has_content: bool = False

    @property
    def sounds(self) -> list[Stream]:
        """The streams that hold sound."""
        return [stream for stream in self.streams.values() if stream.codec]

    def take(self, page: Page, first_packet: bytes) -> None:
        """Add a page, unless it was there before."""
        stream = self.streams.get(page.serial)
        if page.flags & BEGINS and stream is None:
            stream = self.streams[page.serial] = _stream_of(first_packet)
        if stream is None:  # its first page is lost: nothing can decode it
            stream = self.streams[page.serial] = Stream()
        if page.number <= stream.number:
            stream.repeated += 1
            return
        skipped = page.number - stream.number - 1
        stream.missing += skipped
        stream.number, stream.is_ended = page.number, bool(page.flags & ENDS)
        self.has_content = self.has_content or not page.flags & BEGINS
        if page.packets and not skipped and not stream.may_be_at(page):
            stream.misplaced += 1
        elif page.granule > 0:
            stream.last_granule = max(stream.last_granule, page.granule)
            if stream.first_granule < 0:
                stream.first_granule, stream.first_packets = page.granule, page.packets
                stream.is_begun_whole = not stream.missing
        self.ranges.append((page.start, page.stop))


@dataclass(frozen=True)
class OggFile:
    """What the pages of a file tell.

    Attributes
    ----------
    links : tuple[Link, ...]
        Those that hold sound.
    damaged_bytes : int
        Bytes between the good pages.
    is_cut : bool
        Whether the file ends inside a page, or without the flag that ends its stream.
    """

    links: tuple[Link, ...]
    damaged_bytes: int
    is_cut: bool

    @property
    def is_plain(self) -> bool:
        """Whether it is one whole stream of sound, which any library reads; its end may be missing."""
        if len(self.links) != 1 or len(self.links[0].streams) != 1 or self.damaged_bytes:
            return False
        (sound,) = self.links[0].sounds
        return not (sound.missing or sound.repeated or sound.begins_late or sound.misplaced)


def read_pages(source: Path | bytes) -> OggFile:
    """Read all pages of an Ogg file, about 1 GB/s."""
    links = [Link()]
    end = damaged = 0
    with open_source(source) as file:
        size = file.seek(0, 2)
        at = 0
        data, base = b"", 0
        while at < size:
            if at < base or min(at + MAX_PAGE_BYTES, size) > base + len(data):
                file.seek(at)
                data, base = file.read(READ_BYTES), at
            if not data:
                break
            page = _page_at(data, at - base, base)
            if page is None:
                found = data.find(MAGIC, at - base + 1)
                at = base + found if found >= 0 else max(at + 1, base + len(data) - len(MAGIC) + 1)
                continue
            damaged += page.start - end
            at = end = page.stop
            if page.flags & BEGINS and links[-1].has_content:
                links.append(Link())
            links[-1].take(page, data[page.start - base + HEADER_BYTES + data[page.start - base + 26] :][:80])
        rest = size - end
    sounding = tuple(link for link in links if link.sounds)
    is_ended = bool(sounding) and all(stream.is_ended for stream in sounding[-1].sounds[:1])
    # What follows the last page is its cut-off successor, or not of Ogg, like a tag.
    return OggFile(sounding, damaged, not is_ended or _begins_page(source, end, rest))


def link_ranges(link: Link) -> tuple[Range, ...]:
    """The good pages of a link as few ranges."""
    return join_ranges(link.ranges)


def _begins_page(source: Path | bytes, at: int, rest: int) -> bool:
    """Whether a page begins after the last good one."""
    if rest < len(MAGIC):
        return False
    with open_source(source) as file:
        file.seek(at)
        return MAGIC in file.read(MAX_PAGE_BYTES)


def _page_at(data: bytes, at: int, base: int) -> Page | None:
    """The page at a position of ``data``, which is at ``base`` of the file; None if there is no whole page."""
    if data[at : at + 4] != MAGIC or at + HEADER_BYTES > len(data):
        return None
    segments = data[at + HEADER_BYTES : at + HEADER_BYTES + data[at + 26]]
    stop = at + HEADER_BYTES + len(segments) + sum(segments)
    if len(segments) < data[at + 26] or stop > len(data):
        return None
    content = data[at : at + 22] + bytes(4) + data[at + 26 : stop]
    if int.from_bytes(data[at + 22 : at + 26], "little") != checksum(content):
        return None
    granule = int.from_bytes(data[at + 6 : at + 14], "little", signed=True)
    serial, number = (int.from_bytes(data[at + place : at + place + 4], "little") for place in (14, 18))
    packets = len(segments) - segments.count(255)
    return Page(base + at, base + stop, data[at + 5], granule, serial, number, packets)


def checksum(page: bytes) -> int:
    """The checksum of a page whose own field is 0 (RFC 3533, section 6).

    It is the CRC of zlib with the bits of every byte in the other order, from 0 and not inverted.
    """
    reversed_crc = zlib.crc32(page.translate(REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(reversed_crc.to_bytes(4, "little").translate(REVERSED_BITS), "big")


def _stream_of(packet: bytes) -> Stream:
    """The codec of a stream and what its first packet says."""
    if packet[:7] == b"\x01vorbis" and len(packet) >= 29:
        # A packet gives at most half a long block and half of the one before (Vorbis I, section 1.3.2).
        return Stream(
            "VORBIS", int.from_bytes(packet[12:16], "little"), max_packet=1 << (packet[28] >> 4), channels=packet[11]
        )
    if packet[:8] == b"OpusHead" and len(packet) >= 12:
        pre_skip = int.from_bytes(packet[10:12], "little")
        return Stream("OPUS", OPUS_RATE_HZ, pre_skip, MAX_OPUS_PACKET_SAMPLES)
    if packet[:8] == b"Speex   " and len(packet) >= 40:
        in_packet = int.from_bytes(packet[56:60], "little") * max(int.from_bytes(packet[64:68], "little"), 1)
        return Stream("SPEEX", int.from_bytes(packet[36:40], "little"), max_packet=in_packet)
    if packet[:5] == b"\x7fFLAC" and len(packet) >= 30:
        return Stream("FLAC", int.from_bytes(packet[27:30], "big") >> 4, max_packet=MAX_FLAC_PACKET_SAMPLES)
    return Stream()
