"""When a recording began, from the metadata of a WAV or from its file name.

The first of these that states a time counts:

1. GUANO, the chunk ``guan``: ``Timestamp: 2019-05-28T21:30:00+02:00``
   (https://github.com/riggsd/guano-py/blob/master/doc/guano_specification.md);
2. the comment of an AudioMoth, ``ICMT`` in the list ``INFO``: ``Recorded at 21:30:00 28/05/2019 (UTC+2) by …``; its
   first firmware wrote UTC without saying so (``setHeaderComment`` in OpenAcousticDevices/AudioMoth-Firmware-Basic);
3. the broadcast extension, the chunk ``bext`` (EBU Tech 3285): ``OriginationDate`` with ``OriginationTime`` or, where
   that is empty, with ``TimeReference``, the number of samples since midnight; its time zone is never known;
4. the file name: ``20190528_213000.WAV`` (AudioMoth), ``SITE1_20190528_213000.wav`` (Song Meter and others),
   ``20190528T213000+0200_SITE1.flac``, ``5CEDA858.WAV`` (hexadecimal seconds since 1970 of AudioMoth's first firmware;
   in exactly this spelling, because other datasets have names of eight digits, too).

Only heads of chunks are read, and at most `MAX_TEXT_BYTES` of a chunk with text, whatever sizes a file states.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import PurePath
from typing import Literal

from audiotag.audio.header import Source
from audiotag.audio.pcm_layout import Chunk, Content, after, read_chunk_little_endian
from audiotag.errors import AudiotagError

Origin = Literal["GUANO metadata", "AudioMoth comment", "broadcast extension", "file name"]

MAX_CHUNKS = 256  # a recorder writes about ten
MAX_TEXT_BYTES = 1 << 16
BEXT_BYTES = 346  # up to the end of TimeReference
FIRST_YEAR, LAST_YEAR = 1970, 2100
FIRST_AUDIOMOTH, LAST_AUDIOMOTH = datetime(2016, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
MAX_OFFSET = timedelta(hours=14)

COMMENT = re.compile(
    r"Recorded at (\d\d):(\d\d):(\d\d)(?:\.\d+)? (\d\d)/(\d\d)/(\d{4})(?: \(UTC(?:([+-])(\d{1,2})(?::(\d\d))?)?\))?"
)
DATE_IN_NAME = re.compile(
    r"(?<!\d)(\d{4})(-?)(\d\d)\2(\d\d)([ T_-])(\d\d)([-:.]?)(\d\d)\7(\d\d)(?!\d)(?:(Z)|([+-])(\d\d):?(\d\d)(?!\d))?"
)
HEX_NAME = re.compile(r"[0-9A-F]{8}\.WAV")


@dataclass(frozen=True)
class RecordingTime:
    """When a recording began.

    Attributes
    ----------
    moment : datetime.datetime
        With a time zone where that is known, else without.
    origin : str
        What states it: "GUANO metadata", "AudioMoth comment", "broadcast extension" or "file name".
    """

    moment: datetime
    origin: Origin

    def iso(self) -> str:
        """The time as ISO 8601; with its offset from UTC where that is known.

        >>> RecordingTime(datetime(2019, 5, 28, 21, 30, tzinfo=UTC), "GUANO metadata").iso()
        '2019-05-28T21:30:00+00:00'
        """
        return self.moment.isoformat()

    def __str__(self) -> str:
        """The time for people.

        >>> str(RecordingTime(datetime(2019, 5, 28, 21, 30, tzinfo=UTC), "GUANO metadata"))
        '2019-05-28 21:30:00 UTC'
        >>> str(RecordingTime(datetime(2019, 5, 28, 21, 30), "file name"))
        '2019-05-28 21:30:00'
        """
        return f"{self.moment:%Y-%m-%d %H:%M:%S} {self.moment.tzname() or ''}".rstrip()


def recording_time(source: Source, name: str = "") -> RecordingTime | None:
    """When a recording began; None where neither its metadata nor its name says so.

    Parameters
    ----------
    source : Path or bytes
        A sound file, or the bytes of one; that it cannot be read counts as no metadata.
    name : str
        Name of the file; for a path, its own by default.
    """
    with suppress(OSError, AudiotagError), Content(source) as content:
        if found := _of_wav(content):
            return found
    return time_in_name(name or ("" if isinstance(source, bytes) else source.name))


def time_in_name(name: str) -> RecordingTime | None:
    """The time that a file name states; None if it states none.

    >>> str(time_in_name("night/SITE1_20190528_213000.wav")), str(time_in_name("5CEDA858.WAV"))
    ('2019-05-28 21:30:00', '2019-05-28 21:30:00 UTC')
    >>> time_in_name("0006ae4e.wav"), time_in_name("20190528.wav")
    (None, None)
    """
    base = PurePath(name.replace("\\", "/")).name
    for found in DATE_IN_NAME.finditer(base):
        numbers = [int(found[group]) for group in (1, 3, 4, 6, 8, 9)]
        zone = None
        if found[5] == "T":  # ISO 8601; behind another separator a number is a counter
            zone = UTC if found[10] else _zone(found[11], found[12], found[13])
        if moment := _moment(numbers, zone):
            return RecordingTime(moment, "file name")
    if HEX_NAME.fullmatch(base):
        moment = datetime.fromtimestamp(int(base[:8], 16), UTC)
        return RecordingTime(moment, "file name") if FIRST_AUDIOMOTH <= moment < LAST_AUDIOMOTH else None
    return None


def _of_wav(content: Content) -> RecordingTime | None:
    """The time in the chunks of a WAV, RF64 or BW64; the best of those that state one."""
    if content.at(0, 4) not in (b"RIFF", b"RF64", b"BW64") or content.at(8, 4) != b"WAVE":
        return None
    found: dict[Origin, datetime] = {}
    extension: Chunk | None = None
    rate = 0
    for chunk in _chunks(content):
        if chunk.kind == b"fmt ":
            rate = int.from_bytes(content.at(chunk.start + 4, 4), "little")
        elif chunk.kind == b"bext":
            extension = extension or chunk
        else:
            origin, moment = _of_chunk(content, chunk)
            if moment and origin:
                found.setdefault(origin, moment)
    if extension:  # after all chunks, because it may precede the one with the sample rate
        head = content.at(extension.start, min(extension.size, BEXT_BYTES))
        if moment := _of_bext(head, rate):
            found["broadcast extension"] = moment
    order: tuple[Origin, ...] = ("GUANO metadata", "AudioMoth comment", "broadcast extension")
    return next((RecordingTime(found[origin], origin) for origin in order if origin in found), None)


def _of_chunk(content: Content, chunk: Chunk) -> tuple[Origin | None, datetime | None]:
    if chunk.kind == b"guan":
        return "GUANO metadata", _of_guano(_text(content, chunk))
    if chunk.kind == b"LIST" and content.at(chunk.start, 4) == b"INFO":
        return "AudioMoth comment", _of_list(content, chunk)
    return None, None


def _chunks(content: Content) -> Iterator[Chunk]:
    """The chunks of the file, also behind samples of more than 4 GiB, whose size is in ``ds64``."""
    at, size_64 = 12, 0
    for _ in range(MAX_CHUNKS):
        chunk = read_chunk_little_endian(content, at)
        if chunk is None:
            return
        if chunk.kind == b"ds64":
            size_64 = int.from_bytes(content.at(chunk.start + 8, 8), "little")
        if chunk.kind == b"data" and chunk.size == 0xFFFF_FFFF and size_64:
            chunk = chunk._replace(size=size_64)
        yield chunk
        at = after(chunk)


def _of_list(content: Content, info: Chunk) -> datetime | None:
    """The time in the comment of a list of texts."""
    at, end = info.start + 4, info.start + info.size
    for _ in range(MAX_CHUNKS):
        text = read_chunk_little_endian(content, at) if at + 8 <= end else None
        if text is None:
            return None
        if text.kind == b"ICMT":
            return _of_comment(_text(content, text))
        at = after(text)
    return None


def _text(content: Content, chunk: Chunk) -> str:
    text = content.at(chunk.start, min(chunk.size, MAX_TEXT_BYTES))
    return text.decode("utf-8", "replace")


def _of_guano(text: str) -> datetime | None:
    for line in text.splitlines():
        key, _, value = line.strip("\0 \t").partition(":")
        if key.strip() == "Timestamp":
            with suppress(ValueError):
                return _plausible(datetime.fromisoformat(value.strip("\0 \t\r")))
    return None


def _of_comment(text: str) -> datetime | None:
    found = COMMENT.search(text)
    if found is None:
        return None
    hour, minute, second, day, month, year = (int(found[group]) for group in range(1, 7))
    zone = _zone(found[7], found[8], found[9] or "0") if found[7] else UTC
    return _moment([year, month, day, hour, minute, second], zone)


def _of_bext(head: bytes, rate: int) -> datetime | None:
    if len(head) < BEXT_BYTES:
        return None
    date = re.fullmatch(rb"(\d{4})[^\d](\d\d)[^\d](\d\d)", head[320:330])
    if date is None:
        return None
    day = [int(part) for part in date.groups()]
    if time := re.fullmatch(rb"(\d\d)[^\d](\d\d)[^\d](\d\d)", head[330:338]):
        return _moment([*day, *(int(part) for part in time.groups())], None)
    samples = struct.unpack_from("<Q", head, 338)[0]
    midnight = _moment([*day, 0, 0, 0], None)
    if midnight is None or not rate or samples >= rate * 86_400:
        return None
    return midnight + timedelta(seconds=samples / rate)


def _zone(sign: str | None, hours: str | None, minutes: str | None) -> timezone | None:
    """The time zone of an offset from UTC; None without one, or if no place on earth has it."""
    if not sign or hours is None or minutes is None:
        return None
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset) if offset <= MAX_OFFSET else None


def _moment(numbers: list[int], zone: timezone | None) -> datetime | None:
    """A time from year to second; None if there is no such time."""
    make: Callable[..., datetime] = datetime
    with suppress(ValueError):
        return _plausible(make(*numbers, tzinfo=zone))
    return None


def _plausible(moment: datetime) -> datetime | None:
    return moment if FIRST_YEAR <= moment.year <= LAST_YEAR else None
