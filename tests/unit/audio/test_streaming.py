"""A sound read by blocks equals the sound read at once: samples, notes and errors, in constant memory."""

import tracemalloc
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from audiotag.audio import streaming
from audiotag.audio.reading import read_header, read_sound
from audiotag.audio.streaming import LongSound, read_part
from audiotag.errors import AudiotagError
from audiotag.tagging import clip_inputs
from audiotag.tagging.clip_inputs import InputMaker, window_starts
from audiotag.tagging.evidence import Evidence
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger

RATE = 44_100
SUFFIXES = ("wav", "flac", "ogg", "mp3", "m4a")


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BLOCK_SAMPLES", 10_007)


def noise(duration_s: float, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """Noise that swells and fades, ``(samples, channels)``, so that a misplaced block is noticed."""
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (round(duration_s * rate), channels))
    return samples * np.abs(np.sin(np.arange(len(samples)) / rate * 5))[:, None]


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    if path.suffix != ".m4a":
        soundfile.write(path, samples, rate)
        return path
    layout = {1: "mono", 2: "stereo"}[samples.shape[1]]
    with av.open(path, "w", format="ipod") as file:
        stream = file.add_stream("aac", rate=rate, layout=layout, bit_rate=128_000)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T, np.float32), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for part in av.AudioResampler("fltp", layout, rate, frame_size=1024).resample(frame):
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return path


def streamed(source: Path | bytes, rate: int = RATE, name: str | None = None) -> tuple[np.ndarray, LongSound]:
    sound = LongSound(source, rate, name)
    blocks = list(sound.blocks())
    assert len(blocks) > 1
    assert all(block.dtype == np.float32 and block.ndim == 1 for block in blocks)
    return np.concatenate(blocks), sound


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [RATE, 48_000, 16_000])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_blocks_equal_the_sound_read_at_once(tmp_path: Path, suffix: str, rate: int, channels: int) -> None:
    path = write(tmp_path / f"made.{suffix}", noise(2.7, rate, channels), rate)
    whole = read_sound(path, RATE)
    waveform, sound = streamed(path)
    assert len(whole.waveform) > 2.6 * RATE
    np.testing.assert_allclose(waveform, whole.waveform, atol=1e-6)
    assert (sound.name, sound.notes) == (whole.name, whole.notes)
    assert bool(sound.notes) == (rate == 16_000)  # about the missing bandwidth


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_upload_is_read_like_the_file(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"made.{suffix}", noise(2))
    waveform, sound = streamed(path.read_bytes(), name="an upload")
    np.testing.assert_array_equal(waveform, streamed(path)[0])
    assert sound.name == "an upload"


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aac"])
def test_a_truncated_sound_has_the_same_note(tmp_path: Path, suffix: str) -> None:
    if suffix == "aac":
        path = tmp_path / "cut.aac"
        with av.open(path, "w", format="adts") as file, av.open(write(tmp_path / "made.m4a", noise(3))) as made:
            stream = file.add_stream_from_template(made.streams.audio[0])
            for packet in made.demux():
                if packet.dts is not None:
                    packet.stream = stream
                    file.mux(packet)
    else:
        path = write(tmp_path / f"cut.{suffix}", noise(3))
    path.write_bytes(path.read_bytes()[: round(0.6 * path.stat().st_size)])
    whole = read_sound(path, RATE)
    waveform, sound = streamed(path)
    np.testing.assert_allclose(waveform, whole.waveform, atol=1e-6)
    assert sound.notes == whole.notes
    assert "is truncated" in sound.notes[0]


def test_a_flac_of_unknown_length_is_read_to_its_end(tmp_path: Path) -> None:
    path = write(tmp_path / "stream.flac", noise(3))
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # STREAMINFO's count of samples, 36 bits
    content[22:26] = bytes(4)
    path.write_bytes(content)
    waveform, sound = streamed(path)
    np.testing.assert_array_equal(waveform, read_sound(path, RATE).waveform)
    assert len(waveform) >= 3 * RATE - 1
    assert read_header(path).frames == len(waveform)
    assert sound.notes == ()


@pytest.mark.parametrize(
    "samples", [np.zeros((RATE, 1)), noise(1) * np.array([[1.0, -1.0]])], ids=["silent", "cancels"]
)
def test_silence_has_the_same_note(tmp_path: Path, samples: np.ndarray) -> None:
    path = write(tmp_path / "quiet.wav", samples)
    assert streamed(path)[1].notes == read_sound(path, RATE).notes != ()


@pytest.mark.parametrize("places", [(0,), (1.5 * RATE, 1.5 * RATE + 1, 2.9 * RATE)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_counted_and_refused_with_the_same_message(
    tmp_path: Path, places: Iterable[float], value: float
) -> None:
    samples = noise(3)
    samples[[int(place) for place in places]] = value
    soundfile.write(tmp_path / "bad.wav", samples, RATE, subtype="FLOAT")
    with pytest.raises(AudiotagError) as at_once:
        read_sound(tmp_path / "bad.wav")
    with pytest.raises(AudiotagError) as by_blocks:
        streamed(tmp_path / "bad.wav")
    assert str(by_blocks.value) == str(at_once.value)


@pytest.mark.parametrize("content", [b"", b"Dear sir, this is a letter."])
def test_a_file_that_is_not_a_sound_is_refused_with_the_same_message(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.wav").write_bytes(content)
    with pytest.raises(AudiotagError) as at_once:
        read_sound(tmp_path / "bad.wav")
    with pytest.raises(AudiotagError) as by_blocks:
        streamed(tmp_path / "bad.wav")
    assert str(by_blocks.value) == str(at_once.value)


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.7])
@pytest.mark.parametrize("duration_s", [8.0001, 9.0, 12.49, 12.5, 13.0, 16.0, 20.77])
def test_a_clip_read_by_blocks_has_the_windows_and_scores_of_one_read_at_once(
    tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, duration_s: float, overlap: float
) -> None:
    path = write(tmp_path / "long.wav", noise(duration_s))
    tagger = Tagger(tiny_ensemble, TagSettings(overlap=overlap))
    whole = tagger.evidence_of(read_sound(path, RATE))
    monkeypatch.setattr(clip_inputs, "MAX_WHOLE_CLIP_S", 8.0)
    blocks = list(tagger.inputs(path))
    assert len(blocks) > 1
    by_blocks = Evidence.of_blocks([tagger.score(block) for block in blocks])
    starts = window_starts(round(duration_s * RATE), RATE, tagger.settings.hop(RATE))
    np.testing.assert_array_equal(np.concatenate([block.starts for block in blocks]), starts)
    np.testing.assert_array_equal(by_blocks.starts_s, whole.starts_s)
    np.testing.assert_allclose(by_blocks.scores, whole.scores, atol=1e-6)
    assert by_blocks.duration_s == whole.duration_s


def test_a_clip_of_more_than_five_minutes_is_read_by_blocks(
    tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "long.wav", noise(320.4, 8000), 8000)
    tagger = Tagger(tiny_ensemble, TagSettings(overlap=0))
    monkeypatch.setattr(InputMaker, "of_sound", lambda *arguments: pytest.fail("was read whole"))
    starts = np.concatenate([block.starts for block in tagger.inputs(path)])
    assert starts.tolist() == window_starts(round(320.4 * RATE), RATE, RATE)


def peak_of(work: Callable[[], object]) -> int:
    """Largest number of bytes that were allocated at a time."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def consumed(things: Iterable[object]) -> None:
    for _ in things:
        pass


def test_memory_does_not_grow_with_the_length_of_the_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BLOCK_SAMPLES", 1 << 15)
    minutes = {1: tmp_path / "short.wav", 6: tmp_path / "long.wav"}
    for count, path in minutes.items():
        with soundfile.SoundFile(path, "w", 8000, 2) as file:
            for _ in range(count):
                file.write(noise(60, 8000, 2))
    peaks = {
        count: peak_of(lambda path=path: consumed(LongSound(path, 16_000).blocks())) for count, path in minutes.items()
    }
    assert peaks[6] < 1.05 * peaks[1]
    assert peaks[6] < 0.2 * 6 * 60 * 16_000 * 4  # of the bytes of the whole waveform


def test_the_end_of_a_long_sound_is_read_in_the_memory_of_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "BLOCK_SAMPLES", 1 << 15)
    path = write(tmp_path / "long.wav", noise(600, 8000), 8000)
    wanted = read_part(path, 16_000, 599 * 16_000, 600 * 16_000)
    assert len(wanted) == 16_000
    peak = peak_of(lambda: read_part(path, 16_000, 599 * 16_000, 600 * 16_000))
    assert peak < 0.1 * 600 * 16_000 * 4  # of the bytes of the whole waveform


def test_network_inputs_of_a_longer_clip_take_no_more_memory(
    tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_inputs, "MAX_WHOLE_CLIP_S", 10.0)
    tagger = Tagger(tiny_ensemble, TagSettings(overlap=0))
    clips = {duration_s: write(tmp_path / f"{duration_s}.wav", noise(duration_s)) for duration_s in (30, 150)}
    consumed(tagger.inputs(clips[30]))  # what is made once is not counted
    peaks = {duration_s: peak_of(lambda clip=clip: consumed(tagger.inputs(clip))) for duration_s, clip in clips.items()}
    assert peaks[150] < 1.1 * peaks[30]
