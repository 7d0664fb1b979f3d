"""A crop has the same samples as the whole sound, in every format and up to the end."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from audiotag.audio.reading import read_crop, read_header, read_sound

RATE = 48_000
LENGTH_S = 2.3
LIBSNDFILE_FORMATS = [
    ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "IMA_ADPCM"), ("WAV", "MS_ADPCM"),
    ("WAV", "G721_32"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
    ("AIFF", "PCM_24"), ("AIFF", "IMA_ADPCM"), ("CAF", "ALAC_16"), ("AU", "ULAW"), ("W64", "PCM_16"),
]  # fmt: skip
FFMPEG_FORMATS = [
    ("ipod", "alac"), ("mov", "alac"), ("mp4", "flac"), ("mov", "pcm_s16le"), ("ipod", "aac"), ("webm", "libopus"),
    ("matroska", "flac"), ("adts", "aac"), ("ogg", "libopus"), ("mp3", "libmp3lame"), ("wav", "ac3"), ("caf", "alac"),
    ("avi", "pcm_s16le"),
]  # fmt: skip


def noise(seed: int = 0, length_s: float = LENGTH_S) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.3, 0.3, round(length_s * RATE)).astype(np.float32)


def encode(path: Path, container: str, codec: str, gap: int = 0) -> None:
    """Noise; with a gap between the times of the first two packets, or with an overlap."""
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=RATE, layout="mono")
        resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=RATE)
        samples, queue = noise(), av.AudioFifo()
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        for converted in [*resampler.resample(frame), *resampler.resample(None)]:
            queue.write(converted)
        at = 0
        for part in [*queue.read_many(stream.codec_context.frame_size or 4096), *filter(None, [queue.read()])]:
            part.pts, part.time_base = at + (gap if at else 0), Fraction(1, RATE)
            at += part.samples
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))


def check_crops(path: Path, seed: int = 0) -> None:
    """Crops at random places and at the end are slices of the whole, and the index has its length."""
    whole = read_sound(path).waveform
    rng = np.random.default_rng(seed)
    starts = [0, 1, *rng.integers(0, len(whole), 5), *(len(whole) - np.array([1, 2, 700, 3000, 9000, 40_000]))]
    for start in [int(start) for start in starts if start >= 0]:
        frames = int(rng.integers(1, 5000))
        np.testing.assert_allclose(
            read_crop(path, start, frames), whole[start : start + frames], atol=1e-6, err_msg=f"{start} of {len(whole)}"
        )
    assert len(read_crop(path, len(whole), 100)) == 0


@pytest.mark.parametrize(("container", "subtype"), LIBSNDFILE_FORMATS)
def test_a_crop_is_a_slice_of_the_whole(tmp_path: Path, container: str, subtype: str) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(), RATE, format=container, subtype=subtype)
    check_crops(path)


@pytest.mark.parametrize(("container", "codec"), FFMPEG_FORMATS)
def test_a_crop_that_ffmpeg_decodes_is_a_slice_of_the_whole(tmp_path: Path, container: str, codec: str) -> None:
    path = tmp_path / "a.wav"
    encode(path, container, codec)
    check_crops(path)


@pytest.mark.parametrize("gap", [448, -448])
@pytest.mark.parametrize(("container", "codec"), [("ipod", "alac"), ("mp4", "flac")])
def test_times_with_a_gap_do_not_shift_a_crop(tmp_path: Path, container: str, codec: str, gap: int) -> None:
    path = tmp_path / "a.m4a"
    encode(path, container, codec, gap)
    assert read_header(path).frames == len(noise()) == len(read_sound(path).waveform)
    check_crops(path)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("length_s", [0.02, 0.4, 1.7, 5.1])
def test_the_last_page_of_an_ogg_is_not_shifted(tmp_path: Path, length_s: float, channels: int) -> None:
    path = tmp_path / "a.ogg"
    soundfile.write(path, np.stack([noise(seed, length_s) for seed in range(channels)], axis=1), RATE, subtype="VORBIS")
    check_crops(path)


def test_a_decoder_in_another_process_gives_the_same_crops(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    soundfile.write(path, noise(), RATE, subtype="VORBIS")
    whole = read_sound(path).waveform
    np.testing.assert_allclose(read_crop(path, len(whole) - 900, 500, isolated=True), whole[-900:-400], atol=1e-6)


@pytest.mark.parametrize("name", ["1-17808-B", "1-187207-A", "1-46272-A", "1-56311-A", "2-107351-B", "1-100032-A"])
def test_published_oggs_have_the_same_samples_near_their_end(shared: Path, name: str) -> None:
    check_crops(shared / f"data/esc10/audio/{name}.ogg")
