"""Write sounds in the formats that FFmpeg decodes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

Tone = Callable[..., np.ndarray]


@dataclass(frozen=True)
class Format:
    """How a test file is written, what its header should contain, and the number of samples per frame of its codec."""

    suffix: str
    muxer: str
    encoder: str
    container: str
    codec: str
    frame: int = 1024
    rate: int = 44_100
    video: bool = False
    options: dict[str, str] = field(default_factory=dict)
    shown: str = ""
    level_tolerance_db: float = 1.0
    layout: str = ""

    def __str__(self) -> str:
        return self.shown or f"{self.suffix}-{self.codec}"


M4A = Format("m4a", "ipod", "aac", "MP4", "AAC")
ADTS = Format("aac", "adts", "aac", "ADTS", "AAC")
MOV = Format("mov", "mov", "pcm_s24le", "MOV", "PCM_24", rate=48_000, video=True)
FASTSTART = Format("m4a", "mp4", "aac", "MP4", "AAC", options={"movflags": "faststart"}, shown="m4a-faststart")
FRAGMENTED = Format(
    "mp4", "mp4", "aac", "MP4", "AAC", options={"movflags": "frag_keyframe+empty_moov"}, shown="mp4-fragmented"
)
WEBM = Format("webm", "webm", "libopus", "WEBM", "OPUS", frame=960, rate=48_000)
LIVE = Format(
    "webm", "webm", "libopus", "WEBM", "OPUS", 960, 48_000, video=True, options={"live": "1"}, shown="webm-live"
)
WMA = Format("wma", "asf", "wmav2", "ASF", "WMAV2", frame=2048)
MKV = Format("mkv", "matroska", "aac", "MATROSKA", "AAC", video=True)
FORMATS = [
    M4A,
    FASTSTART,
    FRAGMENTED,
    Format("mp4", "mp4", "aac", "MP4", "AAC", video=True),
    Format("m4v", "mp4", "aac", "MP4", "AAC", rate=16_000, video=True),
    Format("3gp", "3gp", "libopencore_amrnb", "MP4", "AMR_NB", frame=160, rate=8000, level_tolerance_db=5),
    Format("mp4", "mp4", "libopus", "MP4", "OPUS", frame=960, rate=48_000),
    Format("m4a", "ipod", "alac", "MP4", "ALAC_24"),
    Format("mp4", "mp4", "flac", "MP4", "FLAC_16", frame=4608),
    MOV,
    Format("mov", "mov", "pcm_s16be", "MOV", "PCM_16"),
    ADTS,
    WEBM,
    LIVE,
    MKV,
    Format("mka", "matroska", "flac", "MATROSKA", "FLAC_16", frame=4608, rate=96_000),
    WMA,
    Format("avi", "avi", "libmp3lame", "AVI", "MPEG_LAYER_III", frame=1152, video=True),
    Format("avi", "avi", "pcm_s16le", "AVI", "PCM_16", rate=22_050, video=True),
]
LOSSLESS = [form for form in FORMATS if form.codec.startswith(("PCM", "ALAC", "FLAC"))]
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1", 16: "hexadecagonal"}
BIT_RATES = {
    "libopencore_amrnb": 12_200,
    "wmav2": 64_000,
}  # bit/s, the most that they accept; else 128 kbit/s
BITS = {"PCM_16": 16, "PCM_24": 24, "ALAC_24": 24, "FLAC_16": 16}


def write(path: Path, form: Format, *tracks: np.ndarray, late: int = 0) -> Path:
    """Encode sound tracks of shape ``(channels, samples)``, which begin ``late`` samples after a longer video."""
    with av.open(path, "w", format=form.muxer, options=form.options) as file:
        video = add_video(file, form) if form.video else None
        sounds = [
            file.add_stream(
                form.encoder,
                rate=form.rate,
                layout=form.layout or LAYOUTS[len(track)],
                bit_rate=BIT_RATES.get(form.encoder, 128_000),
            )
            for track in tracks
        ]
        if not video:
            file.start_encoding()
        else:
            video.width = video.height = 64
            for number in range(25 + round(25 * max([0, *(track.shape[1] for track in tracks)]) / form.rate)):
                frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number % 255, np.uint8))
                frame.pts = number
                file.mux(video.encode(frame))
            file.mux(video.encode(None))
        for sound, track in zip(sounds, tracks, strict=True):
            for frame in frames_of(track, sound, form.rate):
                frame.pts += late
                file.mux(sound.encode(frame))
            file.mux(sound.encode(None))
    return path


def add_video(file: av.container.OutputContainer, form: Format) -> av.VideoStream:
    if form.muxer == "webm":
        return file.add_stream("libvpx", rate=25, options={"deadline": "realtime", "cpu-used": "8"})
    return file.add_stream("mpeg4", rate=25)


def frames_of(track: np.ndarray, sound: av.AudioStream, rate: int) -> list[av.AudioFrame]:
    """Frames of the samples in the sample format of the encoder."""
    if not track.size:
        return []
    layout = sound.layout.name if len(track) == 8 else LAYOUTS[len(track)]
    interleaved = np.ascontiguousarray(track.T, np.float32).reshape(1, -1)
    whole = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
    whole.sample_rate, whole.pts, whole.time_base = rate, 0, Fraction(1, rate)
    resampler = av.AudioResampler(sound.format.name, layout, rate)
    return [*resampler.resample(whole), *resampler.resample(None)]


def mono(form: Format, tone: Tone, duration_s: float = 2.0, frequency_hz: float = 1000) -> np.ndarray:
    return tone(frequency_hz, duration_s, sample_rate=form.rate)[None]


def noise(form: Format, duration_s: float = 1.5, channels: int = 1) -> np.ndarray:
    """Noise that swells and fades, so that a misplaced frame is noticed."""
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (channels, round(duration_s * form.rate)))
    return samples * np.abs(np.sin(np.arange(samples.shape[1]) / form.rate * 5))
