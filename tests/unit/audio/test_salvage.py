"""All sound of a file is read, whatever its header says, and what is lost is said.

Every test also holds the rule of the index: the length of `read_header` is that of the decoded sound.
"""

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from audiotag.audio.flac_frames import states_its_length
from audiotag.audio.header import Sound
from audiotag.audio.levels import rms_dbfs
from audiotag.audio.mp3_frames import read_frames
from audiotag.audio.ogg_pages import checksum, read_pages
from audiotag.audio.reading import read_crop, read_header, read_sound
from audiotag.data.index import scan
from audiotag.data.layouts import open_dataset
from audiotag.features.measures import measure
from audiotag.inspection.faults import find_faults

RATE = 44_100
ID3 = b"ID3\x03\0\0\0\0\x07\x76" + bytes(1014)
ID3V1 = b"TAG" + bytes(125)
APE = b"APETAGEX" + bytes(4) + (64).to_bytes(4, "little") + bytes(4) + b"\0\0\0\xa0" + bytes(8) + bytes(64)
JUNK = b"\x55" * 700


def encoded(duration_s: float, format: str, rate: int = RATE, channels: int = 1, subtype: str | None = None) -> bytes:
    """A tone of 1 kHz, in an Ogg with noise, without which there is one page; an MP3 has a constant bit rate."""
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(round(duration_s * rate)) / rate)
    if format == "OGG":
        tone += 0.01 * np.random.default_rng(0).normal(size=len(tone))
    buffer = io.BytesIO()
    options = {"bitrate_mode": "CONSTANT", "compression_level": 0.5} if format == "MP3" else {}
    soundfile.write(buffer, np.stack([tone] * channels, axis=1), rate, subtype, format=format, **options)
    return buffer.getvalue()


def loud_then_quiet() -> bytes:
    """An MP3 with a variable bit rate that begins with noise: a guess from its first frames is far too short."""
    samples = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE)
    samples[: RATE // 2] = np.random.default_rng(0).uniform(-0.9, 0.9, RATE // 2)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5)
    return buffer.getvalue()


def without_count(mp3: bytes) -> bytes:
    """An MP3 without its first frame, which counts the others."""
    return mp3[read_frames(mp3).parts[0].ranges[0][0] :]


def with_count(mp3: bytes, frames: int) -> bytes:
    place = mp3.find(b"Info") + 8
    return mp3[:place] + frames.to_bytes(4, "big") + mp3[place + 4 :]


def with_total(flac: bytes, samples: int) -> bytes:
    """A FLAC that states another number of samples."""
    fields = int.from_bytes(flac[18:26], "big") >> 36 << 36 | samples
    return flac[:18] + fields.to_bytes(8, "big") + flac[26:]


def pages(ogg: bytes) -> list[bytes]:
    """The pages of an Ogg file."""
    found, at = [], 0
    while at < len(ogg):
        segments = ogg[at + 27 : at + 27 + ogg[at + 26]]
        size = 27 + len(segments) + sum(segments)
        found.append(ogg[at : at + size])
        at += size
    return found


def damaged(content: bytes, share: float, size: int = 20) -> bytes:
    at = round(share * len(content))
    return content[:at] + b"\x55" * size + content[at + size :]


def read(content: bytes, name: str = "clip") -> Sound:
    """The sound, whose header is that of the index."""
    header, sound = read_header(content, name), read_sound(content, name=name)
    assert header.frames == sound.header.frames == len(sound.waveform)
    assert (header.sample_rate, header.channels, header.codec) == (
        sound.header.sample_rate,
        sound.header.channels,
        sound.header.codec,
    )
    return sound


def assert_tone(sound: Sound, seconds: tuple[float, ...]) -> None:
    """There is a tone of 1 kHz around each of these seconds."""
    for second in seconds:
        part = sound.waveform[round((second - 0.1) * sound.sample_rate) :][: round(0.2 * sound.sample_rate)]
        assert rms_dbfs(part) == pytest.approx(-9.03, abs=0.6)
        assert np.abs(np.fft.rfft(part * np.hanning(len(part)))).argmax() == 200


MP3 = encoded(1.0, "MP3")


@pytest.mark.parametrize(
    ("content", "duration_s"),
    [
        (without_count(MP3), 1.0),
        (ID3 + MP3 + ID3V1, 1.0),
        (ID3 + without_count(MP3) + APE + ID3V1, 1.0),
        (JUNK + MP3, 1.0),
        (bytes(5000) + MP3, 1.0),
        (MP3 + encoded(0.5, "MP3"), 1.5),
        (ID3 + MP3 + ID3V1 + ID3 + encoded(0.5, "MP3") + ID3V1, 1.5),
        (without_count(MP3) + without_count(encoded(0.5, "MP3")), 1.5),
        (MP3 + encoded(0.5, "MP3", 22_050), 1.5),
        (MP3 + encoded(0.5, "MP3", channels=2) + MP3, 2.5),
        (with_count(MP3, 10), 1.0),
        (with_count(MP3, 2500), 1.0),
        (with_count(MP3, 0), 1.0),
    ],
    ids=[
        "uncounted", "tagged", "uncounted-tagged", "junk-first", "zeros-first", "joined", "joined-tagged",
        "joined-uncounted", "joined-rates", "joined-channels", "too-few", "too-many", "none",
    ],
)  # fmt: skip
def test_all_frames_of_an_mp3_are_read(content: bytes, duration_s: float) -> None:
    sound = read(content)
    assert sound.duration_s == pytest.approx(duration_s, abs=5 * 1152 / RATE)
    assert_tone(sound, (0.2, 0.8, duration_s - 0.2))


def test_length_of_an_mp3_is_not_guessed_from_its_loud_start(tmp_path: Path) -> None:
    mp3, path = loud_then_quiet(), tmp_path / "a.mp3"
    path.write_bytes(without_count(mp3))
    assert soundfile.info(path).duration < 1.0  # libsndfile's guess
    assert read(without_count(mp3)).duration_s == pytest.approx(2.0, abs=3 * 1152 / RATE)
    assert read(mp3).duration_s == 2.0


def test_a_false_count_of_an_mp3_is_said() -> None:
    assert read(with_count(MP3, 2500)).notes == (
        "clip is truncated: its header states 65.26 s, but the file has 1.02 s; that part is used.",
    )
    assert read(with_count(MP3, 10)).notes == (
        "clip states 0.22 s in its header, but it has 1.00 s; all of it is used.",
    )
    assert read(MP3 + MP3).notes == ("clip holds 2 sounds one after the other; all of them are used.",)


def test_damage_in_the_middle_of_an_mp3_is_passed_over_and_said() -> None:
    sound = read(MP3[:8000] + bytes(3000) + MP3[11_000:])
    assert sound.notes == (
        "clip is damaged: 3134 of its bytes are no sound; 0.14 s of 1.00 s are lost, the rest is used.",
    )


def test_text_has_no_frames_of_mp3() -> None:
    assert read_frames(b"Dear sir, this is a letter. " * 500).parts == ()
    assert read_frames("Dear sir".encode("utf-16") * 500).parts == ()
    assert sum(part.frames for part in read_frames(np.random.default_rng(0).bytes(300_000)).parts) < 4
    assert read_frames(b"\xff" * 300_000).parts == ()


VORBIS, OPUS = encoded(2.5, "OGG"), encoded(2.5, "OGG", 48_000, subtype="OPUS")


@pytest.mark.parametrize(
    ("second", "note"),
    [
        (VORBIS, "."),
        (VORBIS + VORBIS, "."),
        (encoded(2.5, "OGG", channels=2), "."),
        (encoded(2.5, "OGG", 22_050), ", at the sample rate of the first (they have 44100, 22050 Hz)."),
        (OPUS, ", at the sample rate of the first (they have 44100, 48000 Hz)."),
    ],
    ids=["same", "three", "channels", "rate", "codec"],
)
def test_all_links_of_a_chained_ogg_are_read(second: bytes, note: str) -> None:
    count = 3 if len(second) == 2 * len(VORBIS) else 2
    sound = read(VORBIS + second)
    assert sound.duration_s == pytest.approx(2.5 * count, abs=0.03)
    assert_tone(sound, (0.2, 2.2, 2.8, 4.8))
    assert sound.notes == (f"clip holds {count} sounds one after the other; all of them are used{note}",)


def test_all_links_of_a_chained_opus_are_read() -> None:
    sound = read(OPUS + OPUS)
    assert sound.duration_s == pytest.approx(5.0, abs=0.03)
    assert_tone(sound, (0.2, 2.2, 2.8, 4.8))


@pytest.mark.parametrize("ogg", [VORBIS, OPUS], ids=["vorbis", "opus"])
@pytest.mark.parametrize("fault", ["damaged", "missing"])
def test_a_bad_page_of_an_ogg_is_passed_over_and_what_is_lost_is_said(ogg: bytes, fault: str) -> None:
    whole = pages(ogg)
    page = next(number for number in range(2, len(whole)) if len(whole[number]) > 1000)
    bad = [damaged(whole[page], 0.5)] if fault == "damaged" else []
    sound = read(b"".join([*whole[:page], *bad, *whole[page + 1 :]]))
    lost = 2.5 - sound.duration_s
    assert 0.2 < lost < 2.4
    (note,) = sound.notes
    stated = f"clip is damaged: 1 of its {len(whole)} pages is damaged or missing; {lost:.2f} s of 2.50 s are lost"
    assert note == f"{stated}, the rest is used."
    assert_tone(sound, (0.15, sound.duration_s - 0.15))


@pytest.mark.parametrize("ogg", [VORBIS, OPUS], ids=["vorbis", "opus"])
def test_pages_of_an_ogg_that_come_twice_and_junk_between_them_lose_nothing(ogg: bytes) -> None:
    whole, first = read(ogg), pages(ogg)
    for content, kind in (
        (b"".join([*first[:3], first[2], *first[3:]]), "1 of its pages is there twice"),
        (b"".join([*first[:3], JUNK, *first[3:]]), "700 bytes between its pages are no sound"),
    ):
        sound = read(content)
        assert len(sound.waveform) == len(whole.waveform)
        assert sound.notes == (f"clip is damaged: {kind}; the rest is used.",)


@pytest.mark.parametrize("ogg", [VORBIS, OPUS], ids=["vorbis", "opus"])
def test_an_ogg_whose_last_page_is_damaged_or_cut_is_truncated(ogg: bytes) -> None:
    *most, last = pages(ogg)
    for end in (damaged(last, 0.5, 1), last[:-9], b""):
        sound = read(b"".join(most) + end)
        assert sound.truncated
        assert sound.notes == ("clip is truncated: its end is missing; the part before is used.",)


def test_of_a_multiplexed_ogg_the_sound_is_read() -> None:
    other = pages(encoded(2.5, "OGG", 22_050))
    both = pages(VORBIS)
    mixed = [both[0], other[0], both[1], other[1], *both[2:], *other[2:]]
    sound = read(b"".join(mixed))
    assert sound.sample_rate == RATE
    assert sound.duration_s == pytest.approx(2.5, abs=0.03)
    assert sound.notes == ("clip has 2 sound tracks; the first is used.",)


def test_a_recording_of_an_ogg_broadcast_begins_at_its_first_page() -> None:
    """Granule positions of a stream that is recorded from its middle on do not begin at 0."""
    first, late = pages(VORBIS), []
    for page in first:
        granule = int.from_bytes(page[6:14], "little")
        moved = page[:6] + (granule + 10**8 if granule else 0).to_bytes(8, "little") + page[14:22]
        rest = page[26:]
        late.append(moved + checksum(moved + bytes(4) + rest).to_bytes(4, "little") + rest)
    sound = read(b"".join(late))
    assert sound.duration_s == pytest.approx(2.5, abs=0.1)


def test_the_pages_of_an_ogg_promise_its_length() -> None:
    assert [read_pages(ogg).links[0].sounds[0].frames for ogg in (VORBIS, OPUS)] == [2.5 * RATE, 2.5 * 48_000]


FLAC = encoded(1.0, "FLAC")


@pytest.mark.parametrize(
    ("content", "duration_s", "note"),
    [
        (with_total(FLAC, 0), 1.0, ""),
        (with_total(FLAC, RATE // 2), 1.0, "clip states 0.50 s in its header, but it has 1.00 s; all of it is used."),
        (
            with_total(FLAC, 3 * RATE),
            1.0,
            "clip is truncated: its header states 3.00 s, but the file has 1.00 s; that part is used.",
        ),
        (FLAC + FLAC, 2.0, "clip holds 2 sounds one after the other; all of them are used."),
        (FLAC + encoded(0.5, "FLAC"), 1.5, "clip holds 2 sounds one after the other; all of them are used."),
        (ID3 + FLAC, 1.0, ""),
        (FLAC + ID3V1, 1.0, ""),
    ],
    ids=["unknown", "too-short", "too-long", "joined-equal", "joined", "tag-first", "tag-last"],
)
def test_all_frames_of_a_flac_are_read(content: bytes, duration_s: float, note: str) -> None:
    sound = read(content)
    assert sound.duration_s == duration_s
    assert sound.notes == ((note,) if note else ())
    assert_tone(sound, (0.2, duration_s - 0.2))


@pytest.mark.parametrize("missing", [10, 1000])
def test_a_flac_that_lacks_its_end_has_the_length_of_what_is_left(missing: int) -> None:
    sound = read(FLAC[:-missing])
    assert sound.truncated
    assert 0.85 < sound.duration_s < 1.0
    assert not states_its_length(FLAC[:-missing], checks_last_frame=True)


@pytest.mark.parametrize("fault", ["changed", "cut out"])
def test_damaged_frames_of_a_flac_are_silent_and_the_others_keep_their_places(tmp_path: Path, fault: str) -> None:
    middle = len(FLAC) // 2
    content = damaged(FLAC, 0.5) if fault == "changed" else FLAC[:middle] + FLAC[middle + 300 :]
    sound, whole = read(content), read(FLAC)
    assert len(sound.waveform) == RATE
    changed = np.flatnonzero(sound.waveform != whole.waveform)
    assert 0.4 * RATE < changed[0] < changed[-1] < 0.7 * RATE
    assert not sound.waveform[changed].any()
    (note,) = sound.notes
    assert note.startswith("clip is damaged: 0.")
    assert note.endswith(" s cannot be decoded; the rest is used.")
    (tmp_path / "clip.flac").write_bytes(content)
    for start in (0, 15_000, changed[0] - 10, changed[0] + 10, RATE - 500):
        part = sound.waveform[start : start + 2000]
        np.testing.assert_array_equal(read_crop(tmp_path / "clip.flac", int(start), 2000), part)


def contained(muxer: str, encoder: str, duration_s: float = 2.0, video_s: float = 0.0, late_s: float = 0.0) -> bytes:
    """A tone in a container, which begins later than its video."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=muxer) as file:
        video = file.add_stream("mpeg4", rate=25) if video_s else None
        sound = file.add_stream(encoder, rate=RATE, layout="mono", bit_rate=64_000)
        if video:
            video.width = video.height = 64
        for number in range(round(25 * video_s) if video else 0):
            assert video
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number % 255, np.uint8))
            picture.pts = number
            file.mux(video.encode(picture))
        if video:
            file.mux(video.encode(None))
        tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(round(duration_s * RATE)) / RATE)
        whole = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None], format="flt", layout="mono")
        whole.sample_rate, whole.pts, whole.time_base = RATE, 0, Fraction(1, RATE)
        resampler = av.AudioResampler(sound.format.name, "mono", RATE, frame_size=sound.codec_context.frame_size)
        for frame in [*resampler.resample(whole), *resampler.resample(None)]:
            frame.pts += round(late_s * RATE)
            file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize(("muxer", "encoder"), [("matroska", "aac"), ("mp4", "aac"), ("mp4", "flac"), ("mov", "alac")])
def test_a_soundtrack_that_starts_late_has_its_own_length_and_its_start_is_said(muxer: str, encoder: str) -> None:
    sound = read(contained(muxer, encoder, 1.0, video_s=3.0, late_s=1.5))
    assert sound.duration_s == pytest.approx(1.0, abs=3000 / RATE)
    (note,) = sound.notes
    start_s = float(note.removeprefix("The sound of clip begins ").split()[0])
    assert start_s == pytest.approx(1.5, abs=0.05)
    assert note.endswith(" s after the start of the file; times count from its first sample.")
    assert_tone(sound, (0.2, 0.8))


@pytest.mark.parametrize(
    ("muxer", "encoder", "keeps_length"),
    [("ipod", "aac", True), ("ipod", "alac", True), ("mp4", "flac", True), ("adts", "aac", False),
     ("flv", "aac", False), ("matroska", "flac", False), ("mpeg", "mp2", False), ("tta", "tta", False)],
)  # fmt: skip
def test_damage_in_a_container_is_passed_over_and_said(muxer: str, encoder: str, keeps_length: bool) -> None:
    content = contained(muxer, encoder)
    whole, sound = read(content), read(damaged(content, 0.45, 40))
    assert (len(sound.waveform) == len(whole.waveform)) == keeps_length
    assert_tone(sound, (0.2, sound.duration_s - 0.2))
    (note,) = sound.notes
    assert note.startswith("clip is damaged: ")
    assert note.endswith(" s cannot be decoded; the rest is used.")


@pytest.mark.parametrize("share", [0.7, 0.9])
@pytest.mark.parametrize(
    ("muxer", "encoder"),
    [("matroska", "aac"), ("adts", "aac"), ("asf", "wmav2"), ("avi", "mp2"), ("flv", "aac"), ("tta", "tta")],
)
def test_a_truncated_file_has_the_length_of_what_is_left(muxer: str, encoder: str, share: float) -> None:
    content = contained(muxer, encoder)
    sound = read(content[: round(share * len(content))])
    assert sound.truncated
    assert sound.duration_s < 1.99


def test_what_is_salvaged_is_in_the_index_the_measures_and_the_list_of_problems(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "clip.ogg").write_bytes(b"".join(page for page in pages(VORBIS)[:2] + pages(VORBIS)[3:]))
    (tmp_path / "a" / "clip.flac").write_bytes(damaged(FLAC, 0.5))
    (tmp_path / "b" / "clip.flac").write_bytes(FLAC[:-1000])
    (tmp_path / "b" / "clip.mp3").write_bytes(MP3)
    dataset = open_dataset(tmp_path)
    index = scan(dataset, tmp_path / "cache").set_index("clip")
    assert index["error"].isna().all()
    assert index["note"].notna().to_dict() == {
        "a/clip.flac": False,  # only decoding shows it
        "a/clip.ogg": True,
        "b/clip.flac": True,
        "b/clip.mp3": False,
    }
    assert index.loc["a/clip.ogg", "note"].startswith("a/clip.ogg is damaged: 1 of its ")
    faults = find_faults(dataset, scan(dataset, tmp_path / "cache"))
    assert [(kind, clip) for kind, clip in zip(faults["kind"], faults["clip"], strict=True)] == [
        ("salvaged", "a/clip.ogg"),
        ("salvaged", "b/clip.flac"),
    ]
    measures = measure(tmp_path / "a" / "clip.flac", "a/clip.flac")
    assert measures.decode_note.startswith("a/clip.flac is damaged: 0.")
    assert not measures.truncated
    assert measure(tmp_path / "b" / "clip.mp3").decode_note == ""


@pytest.mark.parametrize(
    ("name", "duration_s", "note"),
    [
        ("loud_first_noxing_q4.mp3", 30.0, ""),
        ("real_chained.ogg", 10.0, "holds 2 sounds one after the other"),
        ("late_audio.mkv", 4.04, "begins 1.48 s after the start of the file"),
        ("oga_flac.oga", 2.0, ""),
        ("damaged_page.ogg", 0.19, "1.01 s of 1.20 s are lost"),
        ("damaged_page_original.ogg", 1.2, ""),
    ],
)
def test_known_cases_have_their_true_length(shared: Path, name: str, duration_s: float, note: str) -> None:
    sound = read((shared / "cases/sounds" / name).read_bytes())
    assert sound.duration_s == pytest.approx(duration_s, abs=0.05)
    assert note in " ".join(sound.notes)
    assert bool(sound.notes) == bool(note)


def test_a_whole_file_is_opened_by_libsndfile(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Callable:
        raise AssertionError("FFmpeg was asked")

    monkeypatch.setattr("audiotag.audio.opening.IsolatedFile", refuse)
    for content in (MP3, VORBIS, OPUS, FLAC, ID3 + MP3, MP3 + ID3V1, FLAC + ID3V1, loud_then_quiet()):
        assert read(content).notes == ()
