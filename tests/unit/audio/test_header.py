"""The header gives the bits of a stored sample, and none for a lossy codec."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.audio.reading import read_header, read_sound

RATE = 44_100
Tone = Callable[..., np.ndarray]


@pytest.mark.parametrize(
    ("container", "subtype", "bits"),
    [
        ("WAV", "PCM_U8", 8),
        ("WAV", "PCM_16", 16),
        ("WAV", "PCM_24", 24),
        ("WAV", "PCM_32", 32),
        ("WAV", "FLOAT", 32),
        ("WAV", "DOUBLE", 64),
        ("WAV", "ULAW", 8),
        ("WAV", "ALAW", 8),
        ("FLAC", "PCM_S8", 8),
        ("FLAC", "PCM_16", 16),
        ("FLAC", "PCM_24", 24),
        ("CAF", "ALAC_20", 20),
        ("WAV", "MS_ADPCM", None),
        ("OGG", "VORBIS", None),
        ("OGG", "OPUS", None),
        ("MP3", "MPEG_LAYER_III", None),
    ],
)
def test_bits_per_sample_are_those_of_the_codec_and_lossy_codecs_have_none(
    tmp_path: Path, tone: Tone, container: str, subtype: str, bits: int | None
) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(440, 0.5, sample_rate=48_000), 48_000, format=container, subtype=subtype)
    assert read_header(path).bits == read_sound(path).header.bits == bits


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_bits_times_frames_times_channels_is_the_size_of_a_wav(
    tmp_path: Path, write_wav: Callable, subtype: str
) -> None:
    path = write_wav(tmp_path / "noise.wav", np.zeros((10_000, 2)), RATE, subtype)
    header = read_header(path)
    assert header.bits is not None
    samples_bytes = header.bits * header.frames * header.channels / 8
    assert samples_bytes < path.stat().st_size < samples_bytes + 200
