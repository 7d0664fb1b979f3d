"""Of every uncompressed sound all samples are read, and nothing but samples, whatever sizes its header states."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from audiotag.audio.levels import rms_dbfs
from audiotag.audio.pcm_file import find_layout
from audiotag.audio.reading import read_crop, read_header, read_sound

RATE = 16_000
TONE_HZ = 1000
LEVEL_DBFS = 20 * np.log10(0.5 / np.sqrt(2))
SAMPLES = (0.5 * np.sin(2 * np.pi * TONE_HZ / RATE * np.arange(RATE // 2))).astype(np.float32)
PCM = np.round(32_767 * SAMPLES).astype("<i2").tobytes()
LIST = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf58.29.100\0"
ID3 = b"id3 " + struct.pack("<I", 7) + b"ID3\3\0\0\0\0"
XML = b"iXML" + struct.pack("<I", 400_000) + b"<a/>" * 100_000
CRASHED = "states no length in its header, as after a recorder's crash; all 0.50 s in it are used."
STALE = "holds more than the 0.25 s that its header states, as after a recorder's crash; all 0.50 s in it are used."
WRITABLE = [
    (container, subtype, endian)
    for container in ("WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU", "NIST", "IRCAM", "SVX", "PAF", "AVR")
    for subtype in ("PCM_U8", "PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
    for endian in ("LITTLE", "BIG")
    if soundfile.check_format(container, subtype, endian)
]


def written(container: str, subtype: str = "PCM_16", endian: str | None = None) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, SAMPLES, RATE, format=container, subtype=subtype, endian=endian)
    return buffer.getvalue()


def form(tag: int = 1, bits: int = 16, block: int | None = None, rate: int | None = None, extra: bytes = b"") -> bytes:
    block = (bits + 7) // 8 if block is None else block
    body = struct.pack("<HHIIHH", tag, 1, RATE, RATE * block if rate is None else rate, block, bits) + extra
    return b"fmt " + struct.pack("<I", len(body)) + body


def extensible(bits: int, valid: int, block: int) -> bytes:
    guid = bytes.fromhex("0100000000001000800000aa00389b71")
    return form(0xFFFE, bits, block, extra=struct.pack("<HHI", 22, valid, 0) + guid)


def chunk(kind: bytes, content: bytes = b"", size: int | None = None) -> bytes:
    return kind + struct.pack("<I", len(content) if size is None else size) + content


def riff(*chunks: bytes, size: int | None = None, magic: bytes = b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return magic + struct.pack("<I", len(body) if size is None else size) + body


def wav(size: int, before: bytes = b"", after: bytes = b"", riff_size: int | None = None) -> bytes:
    """A WAV whose data chunk states this size."""
    return riff(form(), before, chunk(b"data", PCM, size), after, size=riff_size)


def ds64(data_bytes: int) -> bytes:
    return chunk(b"ds64", struct.pack("<QQQI", (data_bytes + 72) % 2**64, data_bytes, data_bytes // 2, 0))


def at(content: bytes, position: int, new: bytes) -> bytes:
    return content[:position] + new + content[position + len(new) :]


def aiff(frames: int, size: int, content: bytes | None = None) -> bytes:
    content = written("AIFF") if content is None else content
    content = at(content, content.find(b"COMM") + 10, struct.pack(">I", frames))
    return at(content, content.find(b"SSND") + 4, struct.pack(">I", size))


def caf(size: int) -> bytes:
    content = written("CAF")
    return at(content, content.find(b"data") + 4, struct.pack(">q", size))


def w64(size: int) -> bytes:
    content = written("W64")
    return at(content, content.find(b"data") + 16, struct.pack("<q", size))


def check_is_the_tone(content: bytes, frequency_of: Callable, tolerance_db: float = 0.1) -> tuple[str, ...]:
    """Index, decoded sound and crops are the whole tone and nothing else; gives the notes."""
    header, sound = read_header(content, "a.wav"), read_sound(content, name="a.wav")
    assert header.frames == sound.header.frames == len(sound.waveform) == len(SAMPLES)
    assert (header.container, header.sample_rate, header.channels) == (sound.header.container, RATE, 1)
    assert rms_dbfs(sound.waveform) == pytest.approx(LEVEL_DBFS, abs=tolerance_db)
    assert frequency_of(sound.waveform, RATE) == pytest.approx(TONE_HZ, abs=1)
    return sound.notes


@pytest.fixture(scope="module")
def frequency_of() -> Callable[[np.ndarray, int], float]:
    """The strongest frequency in Hz, to 0.5 Hz; quicker than that of the other tests."""

    def measure(waveform: np.ndarray, sample_rate: int) -> float:
        spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)), 2 * sample_rate))
        return float(spectrum.argmax()) / 2

    return measure


@pytest.mark.parametrize(("container", "subtype", "endian"), WRITABLE)
def test_duration_in_the_index_is_that_decoded_and_the_truth(
    container: str, subtype: str, endian: str, frequency_of: Callable
) -> None:
    notes = check_is_the_tone(written(container, subtype, endian), frequency_of)
    assert notes == ()


@pytest.mark.parametrize("container", ["wav", "w64", "aiff", "caf", "au"])
@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_f32le", "pcm_f32be"])
def test_sounds_that_ffmpeg_writes_are_whole(container: str, codec: str, frequency_of: Callable) -> None:
    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format=container) as file:
            stream = file.add_stream(codec, rate=RATE, layout="mono")
            frame = av.AudioFrame.from_ndarray(SAMPLES[None], format="flt", layout="mono")
            frame.sample_rate = RATE
            for converted in av.AudioResampler(format=stream.format.name, layout="mono", rate=RATE).resample(frame):
                file.mux(stream.encode(converted))
            file.mux(stream.encode(None))
    except (ValueError, av.FFmpegError):
        pytest.skip(f"FFmpeg writes no {codec} into {container}")
    assert check_is_the_tone(buffer.getvalue(), frequency_of) == ()


@pytest.mark.parametrize("after", [b"", LIST, ID3, LIST + ID3, XML], ids=["", "LIST", "id3", "both", "iXML"])
@pytest.mark.parametrize("before", [b"", chunk(b"bext", bytes(602)), chunk(b"LIST", b"INFOx") + b"\0"])
@pytest.mark.parametrize(
    ("size", "riff_size", "is_crash"),
    [
        (0, 0, True),  # a recorder without power
        (0, None, True),
        (0xFFFFFFFF, 0xFFFFFFFF, False),  # FFmpeg to a pipe
        (0xFFFFFFDB, 0xFFFFFFFF, False),
        (0x7FFFF000, 0x7FFFF024, False),  # SoX to a pipe
        (0x80000000, None, False),  # arecord to a pipe
        (len(PCM), 0, False),
        (len(PCM), 0xFFFFFFFF, False),
    ],
)
def test_a_wav_of_unknown_size_is_read_up_to_what_is_no_sound(
    size: int, riff_size: int | None, is_crash: bool, before: bytes, after: bytes, frequency_of: Callable
) -> None:
    notes = check_is_the_tone(wav(size, before, after, riff_size), frequency_of)
    assert notes == ((f"a.wav {CRASHED}",) if is_crash else ())


CRASHES = {
    "aiff": aiff(0, 0), "aiff, head only": aiff(0, 8), "aiff-c": aiff(0, 0, written("AIFF", "FLOAT")),
    "caf": caf(0), "caf, head only": caf(4), "w64": w64(0), "w64, head only": w64(24),
    "au": at(written("AU"), 8, bytes(4)), "rf64": riff(ds64(0), form(), chunk(b"data", PCM, 0xFFFFFFFF), magic=b"RF64"),
    "ulaw": at(written("WAV", "ULAW"), written("WAV", "ULAW").find(b"data") + 4, bytes(4)),
}  # fmt: skip
STALE_FILES = {
    "wav": wav(len(PCM) // 2), "wav, both sizes": wav(len(PCM) // 2, riff_size=36 + len(PCM) // 2),
    "aiff": aiff(len(SAMPLES) // 2, 8 + len(PCM) // 2), "caf": caf(4 + len(PCM) // 2), "w64": w64(24 + len(PCM) // 2),
    "au": at(written("AU"), 8, struct.pack(">I", len(PCM) // 2)),
}  # fmt: skip
RIGHT_FILES = {
    "aiff of unknown size": aiff(0xFFFFFFFF, 0xFFFFFFFF),
    "aiff, frames unknown": aiff(0, 8 + len(PCM)),
    "aiff with tags": written("AIFF") + b"ID3 " + struct.pack(">I", 10) + bytes(10),
    "caf of unknown size": caf(-1),
    "caf with tags": written("CAF") + b"info" + struct.pack(">q", 5000) + bytes(5000),
    "w64 of unknown size": w64((1 << 63) - 1),
    "au of unknown size": at(written("AU"), 8, b"\xff" * 4),
    "bw64": riff(ds64(len(PCM)), form(), chunk(b"data", PCM, 0xFFFFFFFF), chunk(b"axml", b"<a/>"), magic=b"BW64"),
    "rf64 of unknown size": riff(ds64((1 << 64) - 1), form(), chunk(b"data", PCM, 0xFFFFFFFF), magic=b"RF64"),
    "rf64 without sizes": riff(form(), chunk(b"data", PCM, 0xFFFFFFFF), magic=b"RF64"),
    "two data chunks": riff(form(), chunk(b"data", PCM[:8000]), LIST, chunk(b"data", PCM[8000:])),
    "an empty data chunk": riff(form(), chunk(b"data"), chunk(b"data", PCM)),
    "format behind": riff(chunk(b"data", PCM), form()),
    "an unpadded chunk": riff(chunk(b"LIST", b"INFOx"), form(), chunk(b"data", PCM)),
    "junk": riff(chunk(b"JUNK", bytes(28)), form(), chunk(b"FLLR", bytes(4000)), chunk(b"data", PCM)),
    "zeros behind": wav(len(PCM)) + bytes(9000),
    "tag behind": wav(len(PCM)) + b"TAG" + bytes(125),
    "tag before": b"ID3\3\0\0\0\0\0\x0a" + bytes(10) + wav(len(PCM)),
    "block of 0": riff(form(block=0), chunk(b"data", PCM)),
    "block of 1": riff(form(block=1), chunk(b"data", PCM)),
    "block of 4": riff(form(block=4), chunk(b"data", PCM)),
    "byte rate": riff(form(rate=7), chunk(b"data", PCM)),
}  # fmt: skip


@pytest.mark.parametrize("content", CRASHES.values(), ids=CRASHES)
def test_what_a_recorder_had_written_before_its_crash_is_salvaged(content: bytes, frequency_of: Callable) -> None:
    assert check_is_the_tone(content, frequency_of) == (f"a.wav {CRASHED}",)


@pytest.mark.parametrize("content", STALE_FILES.values(), ids=STALE_FILES)
def test_samples_that_the_header_does_not_count_are_salvaged(content: bytes, frequency_of: Callable) -> None:
    assert check_is_the_tone(content, frequency_of) == (f"a.wav {STALE}",)


@pytest.mark.parametrize("content", RIGHT_FILES.values(), ids=RIGHT_FILES)
def test_unusual_headers_are_read_without_a_note(content: bytes, frequency_of: Callable) -> None:
    assert check_is_the_tone(content, frequency_of) == ()


@pytest.mark.parametrize(
    ("bits", "shift", "head"),
    [
        (20, 4, form(bits=20, block=3)),
        (20, 4, extensible(24, 20, 3)),
        (24, 8, extensible(32, 24, 4)),
        (24, 8, extensible(24, 24, 4)),
        (24, 8, form(bits=24, block=4)),
        (12, 4, form(bits=12)),
    ],
)
def test_samples_of_odd_width_have_their_level(bits: int, shift: int, head: bytes, frequency_of: Callable) -> None:
    width = {12: 2, 20: 3, 24: 4}[bits]
    stored = np.round(SAMPLES * (2.0 ** (bits - 1) - 1)).astype("<i4") << shift
    data = stored.view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
    assert check_is_the_tone(riff(head, chunk(b"data", data)), frequency_of) == ()


def test_big_endian_wav_is_read_in_its_byte_order(frequency_of: Callable) -> None:
    swapped = np.frombuffer(PCM, "<i2").astype(">i2").tobytes()
    head = b"fmt " + struct.pack(">IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    for size in (len(PCM), 0):
        content = b"RIFX" + struct.pack(">I", 36 + len(PCM)) + b"WAVE" + head + b"data" + struct.pack(">I", size)
        assert len(check_is_the_tone(content + swapped, frequency_of)) == (not size)


@pytest.mark.parametrize("container", ["WAV", "AIFF", "CAF", "AU", "W64"])
@pytest.mark.parametrize("missing", [1001, 2000])
def test_a_file_cut_in_a_sample_ends_with_the_last_whole_one(container: str, missing: int) -> None:
    content = written(container)[:-missing]
    sound = read_sound(content, name="a.wav")
    assert len(sound.waveform) == read_header(content).frames == (len(PCM) - missing) // 2
    assert (sound.truncated, len(sound.notes)) == (True, 1)
    np.testing.assert_array_equal(sound.waveform, read_sound(written(container)).waveform[: len(sound.waveform)])


def test_wavs_one_after_the_other_are_one_sound() -> None:
    content = wav(len(PCM), after=LIST) + wav(len(PCM))
    sound = read_sound(content, name="a.wav")
    assert sound.notes == ("a.wav is several WAV files one after the other; all 1.00 s in it are used.",)
    assert len(sound.waveform) == read_header(content).frames == 2 * len(SAMPLES)
    np.testing.assert_array_equal(sound.waveform[: len(SAMPLES)], sound.waveform[len(SAMPLES) :])


def test_a_wav_without_samples_stays_empty() -> None:
    for content in (riff(form(), chunk(b"data")), riff(form(), chunk(b"data"), LIST)):
        with pytest.raises(ValueError, match=r"^a\.wav is empty: its header states 0 samples"):
            read_header(content, "a.wav")


@pytest.mark.parametrize("start", [0, 1, 3999, 4000, 7000])
@pytest.mark.parametrize("name", ["two data chunks", "caf of unknown size", "bw64"])
def test_a_crop_of_a_mended_file_is_a_slice_of_the_whole(tmp_path: Path, name: str, start: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(RIGHT_FILES[name])
    whole = read_sound(path)
    np.testing.assert_array_equal(read_crop(path, start, 2000), whole.waveform[start : start + 2000])
    np.testing.assert_array_equal(read_sound(path, isolated=True).waveform, whole.waveform)


@pytest.mark.parametrize("stated", ["wrapped", "zero", "largest"])
def test_a_wav_above_4_gib_is_as_long_as_its_file(tmp_path: Path, stated: str) -> None:
    path, data_bytes = tmp_path / "long.wav", 9 * 2**29 + 2000
    size = {"wrapped": data_bytes % 2**32, "zero": 0, "largest": 0xFFFFFFFF}[stated]
    with path.open("wb") as file:
        file.write(riff(form(), chunk(b"data", size=size), size=size))
        file.truncate(44 + data_bytes)  # a hole of zeros, which takes no space
        file.seek(44 + data_bytes - 2000)
        file.write(PCM[:2000])
    header, layout = read_header(path), find_layout(path)
    assert header.frames == data_bytes // 2
    np.testing.assert_array_equal(read_crop(path, header.frames - 1000, 1000), np.frombuffer(PCM, "<i2")[:1000] / 32768)
    note = "long.wav is larger than 4 GiB, which its header cannot state; all 41 h 57 min in it are used."
    assert layout is not None
    assert layout.salvage_note("long.wav", header.frames) == ("" if stated == "largest" else note)


@pytest.mark.parametrize(
    ("container", "codec", "rate", "block_s"),
    [
        ("wav", "ac3", 48_000, 0.064),
        ("wav", "mp3", 48_000, 0.05),
        ("wav", "mp2", 48_000, 0.05),
        ("wav", "adpcm_ms", 22_050, 0.1),
        ("wav", "adpcm_ima_wav", 22_050, 0.1),
        ("wav", "adpcm_yamaha", 22_050, 0.1),
        ("wav", "g722", 16_000, 0.001),
        ("w64", "ac3", 48_000, 0.064),
        ("aiff", "adpcm_ima_qt", 22_050, 0.01),
        ("caf", "mp3", 48_000, 0.05),
        ("caf", "alac", 48_000, 1e-9),
    ],
)
def test_compressed_sounds_in_these_containers_are_as_long_as_they_are_decoded(
    container: str, codec: str, rate: int, block_s: float, frequency_of: Callable
) -> None:
    content = encoded(container, codec, rate)
    header, sound = read_header(content), read_sound(content)
    assert header.frames == len(sound.waveform)
    assert header.duration_s == pytest.approx(0.5, abs=block_s)
    middle = sound.waveform[rate // 8 : -rate // 8]
    assert rms_dbfs(middle) == pytest.approx(LEVEL_DBFS, abs=0.5)
    assert frequency_of(middle, rate) == pytest.approx(TONE_HZ, abs=3)


def test_surround_sound_that_pretends_to_be_samples_is_decoded() -> None:
    burst = encoded("spdif", "ac3", 48_000)
    head = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 2, 48_000, 192_000, 4, 16)
    sound = read_sound(riff(head, chunk(b"data", burst)))
    assert sound.header.codec == "AC3"
    assert rms_dbfs(sound.waveform[5000:20_000]) == pytest.approx(LEVEL_DBFS, abs=0.5)


def encoded(container: str, codec: str, rate: int) -> bytes:
    """Half a second of the tone."""
    tone = (0.5 * np.sin(2 * np.pi * TONE_HZ / rate * np.arange(rate // 2))).astype(np.float32)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        queue = av.AudioFifo()
        for converted in av.AudioResampler(format=stream.format.name, layout="mono", rate=rate).resample(frame):
            queue.write(converted)
        size = stream.codec_context.frame_size or 1024
        for part in [*queue.read_many(size), *filter(None, [queue.read()])]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return buffer.getvalue()


def test_the_published_crash_file_is_two_seconds_of_1_khz(shared: Path, frequency_of: Callable) -> None:
    path = shared / "cases/sounds/h_size0.wav"
    sound = read_sound(path)
    assert read_header(path).duration_s == sound.duration_s == 2.0
    assert frequency_of(sound.waveform, sound.sample_rate) == pytest.approx(1000, abs=1)
    assert sound.notes == (
        "h_size0.wav states no length in its header, as after a recorder's crash; all 2.00 s in it are used.",
    )
