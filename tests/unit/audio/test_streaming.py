"""A sound read by blocks is the sound read at once: same samples, notes and refusals, in memory that does not grow."""

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
from audiotag.audio.streaming import LongSound
from audiotag.errors import AudiotagError
from audiotag.tagging import clip_inputs
from audiotag.tagging.clip_inputs import window_starts
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger, joined_evidence

RATE = 44_100
SUFFIXES = ("wav", "flac", "ogg", "mp3", "m4a")


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BLOCK", 10_007)


def noise(duration_s: float, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """Noise that swells and fades, ``(samples, channels)``: a block too many, too few or out of place shows."""
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
def test_blocks_are_the_samples_that_are_read_at_once(tmp_path: Path, suffix: str, rate: int, channels: int) -> None:
    path = write(tmp_path / f"made.{suffix}", noise(2.7, rate, channels), rate)
    whole = read_sound(path, RATE)
    waveform, sound = streamed(path)
    assert len(whole.waveform) > 2.6 * RATE
    np.testing.assert_allclose(waveform, whole.waveform, atol=1e-6)
    assert (sound.name, sound.notes) == (whole.name, whole.notes)
    assert bool(sound.notes) == (rate == 16_000)  # which says what it lacks


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bytes_are_read_as_the_file_is(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"made.{suffix}", noise(2))
    waveform, sound = streamed(path.read_bytes(), name="an upload")
    np.testing.assert_array_equal(waveform, streamed(path)[0])
    assert sound.name == "an upload"


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aac"])
def test_a_truncated_sound_says_so_in_the_same_words(tmp_path: Path, suffix: str) -> None:
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
def test_silence_says_so_in_the_same_words(tmp_path: Path, samples: np.ndarray) -> None:
    path = write(tmp_path / "quiet.wav", samples)
    assert streamed(path)[1].notes == read_sound(path, RATE).notes != ()


@pytest.mark.parametrize("places", [(0,), (1.5 * RATE, 1.5 * RATE + 1, 2.9 * RATE)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_counted_and_refused_alike(
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


@pytest.mark.parametrize("content", [b"", b"Dear sir, this is no sound."])
def test_what_is_no_sound_is_refused_alike(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.wav").write_bytes(content)
    with pytest.raises(AudiotagError) as at_once:
        read_sound(tmp_path / "bad.wav")
    with pytest.raises(AudiotagError) as by_blocks:
        streamed(tmp_path / "bad.wav")
    assert str(by_blocks.value) == str(at_once.value)


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.7])
@pytest.mark.parametrize("duration_s", [8.0001, 9.0, 12.49, 12.5, 13.0, 16.0, 20.77])
def test_a_long_clip_has_the_windows_and_scores_of_a_whole_one(
    tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, duration_s: float, overlap: float
) -> None:
    path = write(tmp_path / "long.wav", noise(duration_s))
    tagger = Tagger(tiny_ensemble, TagSettings(overlap=overlap))
    whole = tagger.evidence_of(read_sound(path, RATE))
    monkeypatch.setattr(clip_inputs, "MAX_WHOLE_CLIP_S", 8.0)
    blocks = list(tagger.inputs(path))
    assert len(blocks) > 1
    by_blocks = joined_evidence([tagger.score(block) for block in blocks])
    starts = window_starts(round(duration_s * RATE), RATE, tagger.settings.hop(RATE))
    np.testing.assert_array_equal(np.concatenate([block.starts for block in blocks]), starts)
    np.testing.assert_array_equal(by_blocks.starts_s, whole.starts_s)
    np.testing.assert_allclose(by_blocks.scores, whole.scores, atol=1e-6)
    assert by_blocks.duration_s == whole.duration_s


def test_a_clip_of_more_than_five_minutes_goes_by_blocks(
    tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "long.wav", noise(320.4, 8000), 8000)
    tagger = Tagger(tiny_ensemble, TagSettings(overlap=0))
    monkeypatch.setattr(clip_inputs, "read_sound", lambda *arguments: pytest.fail("was read whole"))
    starts = np.concatenate([block.starts for block in tagger.inputs(path)])
    assert starts.tolist() == window_starts(round(320.4 * RATE), RATE, RATE)


def peak_of(work: Callable[[], object]) -> int:
    """Bytes that were held at most at a time."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def consumed(things: Iterable[object]) -> None:
    for _ in things:
        pass


def test_an_hour_takes_no_more_memory_than_ten_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BLOCK", 1 << 18)
    minutes = {10: tmp_path / "short.wav", 60: tmp_path / "long.wav"}
    for count, path in minutes.items():
        with soundfile.SoundFile(path, "w", 8000, 2) as file:
            for _ in range(count):
                file.write(noise(60, 8000, 2))
    peaks = {
        count: peak_of(lambda path=path: consumed(LongSound(path, 16_000).blocks())) for count, path in minutes.items()
    }
    assert peaks[60] < 1.05 * peaks[10]
    assert peaks[60] < 0.2 * 60 * 60 * 16_000 * 4  # of what it is whole


def test_pictures_of_a_longer_clip_take_no_more_memory(
    tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_inputs, "MAX_WHOLE_CLIP_S", 10.0)
    tagger = Tagger(tiny_ensemble, TagSettings(overlap=0))
    clips = {duration_s: write(tmp_path / f"{duration_s}.wav", noise(duration_s)) for duration_s in (30, 150)}
    consumed(tagger.inputs(clips[30]))  # what is made once is not counted
    peaks = {duration_s: peak_of(lambda clip=clip: consumed(tagger.inputs(clip))) for duration_s, clip in clips.items()}
    assert peaks[150] < 1.1 * peaks[30]
