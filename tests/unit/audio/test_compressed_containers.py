"""The length in the index is the length that is decoded, and the true one, in every container and codec.

A second of a 1 kHz tone is written with every encoder in every container that PyAV or libsndfile can write here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from audiotag.audio.levels import rms_dbfs
from audiotag.audio.reading import read_header, read_sound

Tone = Callable[..., np.ndarray]
TONE_DBFS = -9.03  # of a sine wave with a peak of 0.5


@dataclass(frozen=True)
class Made:
    """How a file is made, the samples per frame of its codec, and how far its level may be off."""

    suffix: str
    muxer: str
    encoder: str
    frame: int
    rate: int = 44_100
    bit_rate: int = 128_000
    video: str = ""
    level_db: float = 0.1
    channels: int = 1

    def __str__(self) -> str:
        return f"{self.suffix}-{self.encoder}{'-video' if self.video else ''}"


# LAME lowers the level of a tone by 0.4 dB; AMR and RealAudio 14.4 are made for speech.
MADE = [
    Made("ac3", "ac3", "ac3", 1536, 48_000),
    Made("eac3", "eac3", "eac3", 1536, 48_000),
    Made("tta", "tta", "tta", 1, bit_rate=0),
    Made("wv", "wv", "wavpack", 1, bit_rate=0),
    Made("amr", "amr", "libopencore_amrnb", 160, 8000, 12_200, level_db=5),
    Made("ts", "mpegts", "aac", 2048, 48_000),
    Made("mts", "mpegts", "ac3", 1536, 48_000, video="mpeg2video"),
    Made("m2ts", "mpegts", "mp2", 1152, 48_000, video="mpeg2video"),
    Made("mpg", "mpeg", "mp2", 1152, video="mpeg1video"),
    Made("vob", "vob", "ac3", 1536, 48_000, video="mpeg2video"),
    Made("mpeg", "mpeg", "mp2", 1152, 48_000),
    Made("flv", "flv", "libmp3lame", 2304, video="flv", level_db=0.5),
    Made("flv", "flv", "aac", 2048),
    Made("f4v", "f4v", "aac", 1024),
    Made("mp2", "mp2", "mp2", 1152),
    Made("mp3", "mp3", "libmp3lame", 1152, level_db=0.5),
    Made("wmv", "asf", "wmav2", 2048, bit_rate=64_000),
    Made("asf", "asf", "wmav1", 2048, bit_rate=64_000),
    Made("m4b", "ipod", "aac", 1024),
    Made("3g2", "3g2", "aac", 1024, bit_rate=64_000),
    Made("oga", "ogg", "flac", 1, bit_rate=0),
    Made("opus", "ogg", "libopus", 960, 48_000, 64_000),
    Made("ogg", "ogg", "vorbis", 1024, channels=2),
    Made("mka", "matroska", "libopus", 960, 48_000, 64_000),
    Made("mka", "matroska", "ac3", 1536, 48_000),
    Made("mka", "matroska", "libmp3lame", 1152, level_db=0.5),
    Made("mka", "matroska", "pcm_s16le", 1, bit_rate=0),
    Made("mka", "matroska", "wavpack", 1, bit_rate=0),
    Made("mkv", "matroska", "flac", 1, bit_rate=0, video="mpeg4"),
    Made("webm", "webm", "libopus", 960, 48_000, 64_000),
    Made("weba", "webm", "vorbis", 1024, channels=2),
    Made("rm", "rm", "ac3", 1536, 44_100),
    Made("ra", "rm", "real_144", 160, 8000, 0, level_db=2),
    Made("latm", "latm", "aac", 2048),
    Made("mxf", "mxf", "pcm_s16le", 1920, 48_000, 0, video="mpeg2video"),
    Made("flac", "flac", "flac", 1, bit_rate=0),
    Made("avi", "avi", "ac3", 1536, 48_000, video="mpeg4"),
    Made("mp4", "mp4", "ac3", 1536, 48_000),
    Made("mov", "mov", "alac", 1, bit_rate=0),
    Made("sox", "sox", "pcm_s32le", 1, bit_rate=0),
    Made("aac", "adts", "aac", 2048),
    Made("wav", "wav", "libmp3lame", 2304, level_db=0.5),
]
SNDFILE = [
    ("ogg", "VORBIS", 44_100, 1),
    ("opus", "OPUS", 48_000, 1),
    ("opus", "OPUS", 16_000, 1),
    ("flac", "PCM_16", 44_100, 1),
    ("flac", "PCM_24", 96_000, 1),
    ("mp3", "MPEG_LAYER_III", 44_100, 1152),
    ("mp3", "MPEG_LAYER_III", 22_050, 576),
]


def write(path: Path, made: Made, mono: np.ndarray) -> Path:
    """Encode a waveform of shape ``(samples,)``."""
    layout = "stereo" if made.channels == 2 else "mono"
    with av.open(path, "w", format=made.muxer) as file:
        video = file.add_stream(made.video, rate=25) if made.video else None
        options = {"strict": "-2"} if made.encoder == "vorbis" else {}
        sound = file.add_stream(made.encoder, rate=made.rate, layout=layout, options=options)
        if made.bit_rate:
            sound.bit_rate = made.bit_rate
        if video:
            video.width = video.height = 64
            for number in range(round(25 * len(mono) / made.rate) + 1):
                picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number % 255, np.uint8))
                picture.pts = number
                file.mux(video.encode(picture))
            file.mux(video.encode(None))
        samples = np.repeat(mono, made.channels).astype(np.float32)[None]
        whole = av.AudioFrame.from_ndarray(samples, format="flt", layout=layout)
        whole.sample_rate, whole.pts, whole.time_base = made.rate, 0, Fraction(1, made.rate)
        size = sound.codec_context.frame_size or 1024
        resampler = av.AudioResampler(sound.format.name, layout, made.rate, frame_size=size)
        for frame in [*resampler.resample(whole), *resampler.resample(None)]:
            file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    return path


def decode_plainly(path: Path) -> np.ndarray:
    """The first channel of a file, as FFmpeg gives it; shape ``(samples,)``."""
    with av.open(path) as file:
        to_floats = av.AudioResampler(format="fltp")
        frames = [each for frame in file.decode(audio=0) for each in to_floats.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def check(path: Path, frame: int, rate: int, level_db: float) -> None:
    """The length, level and frequency of a second of 1 kHz; nothing is noted about a whole file.

    An encoder may lower the level by up to ``level_db``. The reader keeps what is in the file within 0.1 dB.
    """
    header, sound = read_header(path), read_sound(path)
    assert header.frames == sound.header.frames == len(sound.waveform)
    assert abs(len(sound.waveform) - rate) <= frame
    assert (header.sample_rate, header.notes) == (rate, ())
    assert not [note for note in sound.notes if "kHz" not in note]
    middle = sound.waveform[rate // 4 : 3 * rate // 4]
    assert rms_dbfs(middle) == pytest.approx(TONE_DBFS, abs=level_db)
    if level_db > 0.1:
        assert rms_dbfs(middle) == pytest.approx(rms_dbfs(decode_plainly(path)[rate // 4 : 3 * rate // 4]), abs=0.1)
    assert np.abs(np.fft.rfft(middle * np.hanning(len(middle)))).argmax() == 500  # of half a second: 1000 Hz


@pytest.mark.parametrize("made", MADE, ids=str)
def test_index_and_decoder_give_the_true_length(tmp_path: Path, tone: Tone, made: Made) -> None:
    path = write(tmp_path / f"tone.{made.suffix}", made, tone(1000, 1.0, sample_rate=made.rate))
    check(path, made.frame, made.rate, made.level_db)


@pytest.mark.parametrize(("suffix", "subtype", "rate", "frame"), SNDFILE)
def test_index_and_decoder_give_the_true_length_of_what_libsndfile_writes(
    tmp_path: Path, tone: Tone, suffix: str, subtype: str, rate: int, frame: int
) -> None:
    path = tmp_path / f"tone.{suffix}"
    container = "OGG" if suffix == "opus" else None
    soundfile.write(path, tone(1000, 1.0, sample_rate=rate), rate, subtype, format=container)
    check(path, frame, rate, 0.5 if suffix == "mp3" else 0.1)
