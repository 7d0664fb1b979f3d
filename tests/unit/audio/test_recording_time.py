"""The time at which a recording began comes back from each kind of metadata and name; hostile files harm nothing."""

import struct
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from audiotag.audio import recording_time as module
from audiotag.audio.reading import read_header, wav_bytes
from audiotag.audio.recording_time import recording_time, time_in_name

PLAIN = wav_bytes(0.1 * np.sin(np.arange(800)), 8000)
GUANO = b"GUANO|Version:  1.0\n\nTimestamp:  2012-03-29T03:58:01+04:00\nNote: at Timestamp: never\n"
COMMENT = (
    b"Recorded at 21:30:00 28/05/2019 (UTC%s) by AudioMoth 24E144085F254B92 at medium gain while battery was 4.2V."
)


def chunk(kind: bytes, content: bytes, size: int | None = None) -> bytes:
    return kind + struct.pack("<I", len(content) if size is None else size) + content + b"\0" * (len(content) % 2)


def info(*texts: bytes) -> bytes:
    return chunk(b"LIST", b"INFO" + b"".join(texts))


def bext(date: bytes, time: bytes, samples: int = 0) -> bytes:
    head = b"Take 1".ljust(320, b"\0") + date.ljust(10, b"\0") + time.ljust(8, b"\0") + struct.pack("<Q", samples)
    return chunk(b"bext", head + bytes(256))


def wav_with(*before: bytes, after: bytes = b"") -> bytes:
    """A sound with chunks before and behind its samples."""
    body = PLAIN[12:36] + b"".join(before) + PLAIN[36:] + after
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def iso(source: bytes | Path, name: str = "") -> tuple[str, str] | None:
    found = recording_time(source, name)
    return found and (found.iso(), found.origin)


def test_the_made_files_are_sounds() -> None:
    assert (PLAIN[12:16], PLAIN[36:40]) == (b"fmt ", b"data")
    for content in (wav_with(chunk(b"guan", GUANO)), wav_with(after=chunk(b"guan", GUANO))):
        assert read_header(content).frames == 800


@pytest.mark.parametrize("where", ["before", "behind"])
def test_guano_states_the_time_with_its_zone(where: str) -> None:
    guano = chunk(b"guan", GUANO)
    content = wav_with(guano) if where == "before" else wav_with(after=guano)
    assert iso(content) == ("2012-03-29T03:58:01+04:00", "GUANO metadata")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Timestamp: 2015-12-31T23:59:59", "2015-12-31T23:59:59"),
        ("Timestamp:2015-12-31T23:59:59.123Z\0\0", "2015-12-31T23:59:59.123000+00:00"),
        ("  Timestamp : 2015-12-31 23:59:59-05:30 \r", "2015-12-31T23:59:59-05:30"),
        ("Timestamp: yesterday", None),
        ("Timestamp: 0001-01-01T00:00:00Z", None),
        ("X|Timestamp: 2015-12-31T23:59:59", None),
        ("", None),
    ],
)
def test_every_form_of_time_that_guano_allows_is_read(text: str, expected: str | None) -> None:
    found = recording_time(wav_with(chunk(b"guan", text.encode())))
    assert (found and found.iso()) == expected


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        (b"", "2019-05-28T21:30:00+00:00"),
        (b"+2", "2019-05-28T21:30:00+02:00"),
        (b"-11", "2019-05-28T21:30:00-11:00"),
        (b"+5:30", "2019-05-28T21:30:00+05:30"),
        (b"-0:30", "2019-05-28T21:30:00-00:30"),
    ],
)
def test_the_comment_of_an_audiomoth_states_the_time_with_its_zone(zone: bytes, expected: str) -> None:
    comment = info(chunk(b"IART", b"AudioMoth 24E1440"), chunk(b"ICMT", (COMMENT % zone).ljust(256, b"\0")))
    assert iso(wav_with(comment)) == (expected, "AudioMoth comment")


def test_the_first_firmware_of_audiomoths_wrote_utc_without_saying_so() -> None:
    comment = info(chunk(b"ICMT", b"Recorded at 21:30:00 28/05/2019 by AudioMoth 0123 at gain setting 2"))
    assert iso(wav_with(comment)) == ("2019-05-28T21:30:00+00:00", "AudioMoth comment")
    for text in (
        b"Recorded in May",
        b"Recorded at 25:30:00 28/05/2019 (UTC)",
        b"Recorded at 21:30:00 31/02/2019 (UTC)",
    ):
        assert recording_time(wav_with(info(chunk(b"ICMT", text)))) is None


def test_the_broadcast_extension_states_a_time_without_a_zone() -> None:
    assert iso(wav_with(bext(b"2019-05-28", b"21:30:00", 5))) == ("2019-05-28T21:30:00", "broadcast extension")
    assert iso(wav_with(bext(b"2019_05_28", b"21-30-00")))[0] == "2019-05-28T21:30:00"
    samples = 8000 * (21 * 3600 + 30 * 60) + 4000  # since midnight, where the time itself is empty
    assert iso(wav_with(bext(b"2019-05-28", b"", samples)))[0] == "2019-05-28T21:30:00.500000"
    for date, time, samples in ((b"", b"21:30:00", 0), (b"2019-13-28", b"21:30:00", 0), (b"2019-05-28", b"", 2**63)):
        assert recording_time(wav_with(bext(date, time, samples))) is None


def test_the_broadcast_extension_may_precede_the_chunk_with_the_sample_rate() -> None:
    extension = bext(b"2019-05-28", b"", 8000 * 3600)
    content = PLAIN[:12] + extension + PLAIN[12:]
    assert content.index(b"bext") < content.index(b"fmt ")
    assert iso(content) == ("2019-05-28T01:00:00", "broadcast extension")


def test_guano_counts_before_the_comment_that_before_the_extension_and_all_before_the_name() -> None:
    guano, comment = chunk(b"guan", GUANO), info(chunk(b"ICMT", COMMENT % b""))
    extension, name = bext(b"2018-01-01", b"00:00:00"), "SITE_20170101_000000.wav"
    assert iso(wav_with(extension, comment, after=guano), name)[1] == "GUANO metadata"
    assert iso(wav_with(extension, comment), name)[1] == "AudioMoth comment"
    assert iso(wav_with(extension), name)[1] == "broadcast extension"
    assert iso(PLAIN, name) == ("2017-01-01T00:00:00", "file name")
    assert iso(PLAIN, "a.wav") is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20190528_213000.WAV", "2019-05-28T21:30:00"),
        ("20190528_213000T.WAV", "2019-05-28T21:30:00"),
        ("night/SITE1_20190528_213000.wav", "2019-05-28T21:30:00"),
        ("S4A00123_0_20190528_213000_002.wav", "2019-05-28T21:30:00"),
        (r"D:\cards\SITE-20190528_213000.flac", "2019-05-28T21:30:00"),
        ("2019-05-28_21-30-00.wav", "2019-05-28T21:30:00"),
        ("2019-05-28 21.30.00 garden.mp3", "2019-05-28T21:30:00"),
        ("20190528T213000Z.wav", "2019-05-28T21:30:00+00:00"),
        ("20190528T213000+1000_REC.flac", "2019-05-28T21:30:00+10:00"),
        ("20190528_213000-0001.wav", "2019-05-28T21:30:00"),
        ("5CEDA858.WAV", "2019-05-28T21:30:00+00:00"),
        ("20190528_253000.wav", None),
        ("20190528.wav", None),
        ("120190528_213000.wav", None),
        ("5ceda858.wav", None),
        ("0006ae4e.wav", None),
        ("20190528.WAV", None),
        ("FFFFFFFF.WAV", None),
        ("", None),
    ],
)
def test_names_of_recorders_state_the_time_and_other_names_do_not(name: str, expected: str | None) -> None:
    found = time_in_name(name)
    assert (found and found.iso()) == expected


def test_names_of_fsdkaggle2019_are_no_times(shared: Path) -> None:
    tables = (shared / "data/fsdkaggle2019/FSDKaggle2019.meta").glob("*.csv")
    names = [line.partition(",")[0] for table in tables for line in table.read_text().splitlines()]
    assert len(names) > 20_000
    assert [name for name in names if time_in_name(name)] == []


def test_people_read_the_time_with_the_zone_that_is_known() -> None:
    assert str(recording_time(wav_with(chunk(b"guan", GUANO)))) == "2012-03-29 03:58:01 UTC+04:00"
    assert str(time_in_name("20190528_213000.WAV")) == "2019-05-28 21:30:00"
    assert str(time_in_name("5CEDA858.WAV")) == "2019-05-28 21:30:00 UTC"
    assert datetime.fromisoformat(time_in_name("5CEDA858.WAV").iso()).tzinfo is not None


def test_a_file_is_read_by_its_path_and_its_name_is_that_of_the_path(tmp_path: Path) -> None:
    path = tmp_path / "20190528_213000.wav"
    path.write_bytes(PLAIN)
    assert iso(path) == ("2019-05-28T21:30:00", "file name")
    path.write_bytes(wav_with(after=chunk(b"guan", GUANO)))
    assert iso(path)[1] == "GUANO metadata"
    assert path.read_bytes() == wav_with(after=chunk(b"guan", GUANO))
    assert iso(tmp_path / "gone_20190528_213000.wav") == ("2019-05-28T21:30:00", "file name")
    assert iso(tmp_path) is None


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a text of 4 GiB": lambda: wav_with(after=chunk(b"guan", GUANO[:20], 0xFFFF_FFFF)),
    "a list of 4 GiB": lambda: wav_with(chunk(b"LIST", b"INFO" + chunk(b"ICMT", b"", 0xFFFF_FFF0), 0xFFFF_FFF0)),
    "samples of 16 EiB": lambda: (
        b"RF64\xff\xff\xff\xffWAVE" + chunk(b"ds64", b"\xff" * 28) + chunk(b"data", b"", 2**32 - 1)
    ),
    "an extension that is cut off": lambda: wav_with()[:-1] + chunk(b"bext", b"2019-05-28"),
    "a million empty chunks": lambda: b"RIFF\0\0\0\0WAVE" + chunk(b"junk", b"") * 100_000,
    "a million empty texts": lambda: b"RIFF\0\0\0\0WAVE" + info(chunk(b"IART", b"") * 100_000),
    "zeros": lambda: b"RIFF\0\0\0\0WAVE" + bytes(100_000),
    "a header alone": lambda: b"RIFF",
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_sizes_state_no_time_and_cost_little(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    at = module.Content.at
    monkeypatch.setattr(module.Content, "at", lambda self, start, size: asked.append(size) or at(self, start, size))
    assert recording_time(HOSTILE[kind](), "a.wav") is None
    assert len(asked) < 4 * module.MAX_CHUNKS
    assert max(asked, default=0) <= module.MAX_TEXT_BYTES
