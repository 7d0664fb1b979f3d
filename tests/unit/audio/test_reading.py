"""Sounds are read as they were written, whole or as a crop, and no file is changed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.audio.levels import peak_dbfs, rms_dbfs
from audiotag.audio.reading import read_crop, read_header, read_sound, wav_bytes

RATE = 44_100
Tone = Callable[..., np.ndarray]


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("from_upload", [False, True])
def test_a_tone_has_its_level_length_and_frequency_after_reading(
    tmp_path: Path, tone: Tone, frequency_of: Callable, suffix: str, from_upload: bool
) -> None:
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone(1000, 2.0, level=0.5), RATE)
    sound = read_sound(path.read_bytes(), RATE, path.name) if from_upload else read_sound(path, RATE)
    assert sound.notes == ()
    assert sound.name == path.name
    assert (sound.sample_rate, len(sound.waveform), sound.waveform.dtype) == (RATE, 2 * RATE, np.float32)
    assert rms_dbfs(sound.waveform) == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.1)
    assert frequency_of(sound.waveform, RATE) == pytest.approx(1000, abs=0.5)
    header = read_header(path)
    assert (header.frames, header.channels, header.duration_s) == (2 * RATE, 1, 2.0)


@pytest.mark.parametrize(
    ("subtype", "step"),
    [("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_24", 2**-23), ("PCM_32", 2**-24), ("FLOAT", 1e-9), ("DOUBLE", 1e-9)],
)
def test_wav_samples_are_read_within_one_quantisation_step(
    tmp_path: Path, tone: Tone, write_wav: Callable, subtype: str, step: float
) -> None:
    waveform = tone(440, 0.5)
    sound = read_sound(write_wav(tmp_path / "tone.wav", waveform, RATE, subtype), RATE)
    np.testing.assert_allclose(sound.waveform, waveform, atol=step)
    assert sound.notes == ()


@pytest.mark.parametrize("subtype", ["ULAW", "MS_ADPCM", "GSM610", "G721_32"])
def test_old_telephone_codecs_are_read_and_cropped(
    tmp_path: Path, tone: Tone, write_wav: Callable, subtype: str
) -> None:
    path = write_wav(tmp_path / "call.wav", tone(400, 1.0, sample_rate=8000), 8000, subtype)
    sound = read_sound(path, 8000)
    assert sound.notes == ()
    assert len(sound.waveform) == pytest.approx(8000, abs=300)
    assert rms_dbfs(sound.waveform[:8000]) == pytest.approx(-9, abs=0.5)
    np.testing.assert_array_equal(read_crop(path, 1000, 500), sound.waveform[1000:1500])


def test_six_channels_are_mixed_to_their_mean(tmp_path: Path, tone: Tone, write_wav: Callable) -> None:
    waveform = tone(440, 0.3)
    channels = np.stack([gain * waveform for gain in (0, 0.1, 0.2, 0.3, 0.4, 1.0)], axis=1)
    path = write_wav(tmp_path / "six.wav", channels, RATE, "FLOAT")
    sound = read_sound(path, RATE)
    np.testing.assert_allclose(sound.waveform, waveform / 3, atol=1e-6)
    assert sound.notes == ("six.wav has 6 channels; their mean is used.",)
    np.testing.assert_array_equal(read_crop(path, 100, 50), sound.waveform[100:150])


def test_a_sound_of_8_khz_keeps_its_tone_and_has_a_note_about_its_bandwidth(
    tmp_path: Path, tone: Tone, write_wav: Callable, frequency_of: Callable
) -> None:
    sound = read_sound(write_wav(tmp_path / "old.wav", tone(1000, 2.0, sample_rate=8000), 8000), RATE)
    assert len(sound.waveform) == 2 * RATE
    assert sound.header.sample_rate == 8000
    assert frequency_of(sound.waveform, RATE) == pytest.approx(1000, abs=0.5)
    assert rms_dbfs(sound.waveform) == pytest.approx(-9.03, abs=0.1)
    assert len(sound.notes) == 1
    assert sound.notes[0].startswith("old.wav was sampled at 8000 Hz: it holds nothing above 4 kHz")


def test_resampling_to_a_lower_rate_suppresses_aliases(tone: Tone) -> None:
    assert peak_dbfs(read_sound(wav_bytes(tone(15_000), RATE), 16_000).waveform[1000:-1000]) < -60


@pytest.mark.parametrize("suffix", ["opus", "oga"])
def test_opus_in_an_ogg_is_read_and_cropped(tmp_path: Path, tone: Tone, frequency_of: Callable, suffix: str) -> None:
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone(1000, 2.0, sample_rate=48_000), 48_000, format="OGG", subtype="OPUS")
    sound = read_sound(path)
    assert sound.notes == ()
    assert (len(sound.waveform), sound.header.container, sound.header.codec) == (96_000, "OGG", "OPUS")
    assert rms_dbfs(sound.waveform) == pytest.approx(-9.03, abs=0.2)
    assert frequency_of(sound.waveform, 48_000) == pytest.approx(1000, abs=0.5)
    for start in range(0, 96_000, 9973):
        np.testing.assert_allclose(read_crop(path, start, 5000), sound.waveform[start : start + 5000], atol=1e-6)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_reading_does_not_change_the_file(tmp_path: Path, contents: Callable, suffix: str) -> None:
    path = tmp_path / f"mine.{suffix}"
    soundfile.write(path, 0.3 * np.random.default_rng(0).uniform(-1, 1, 2 * RATE), RATE)
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(path.read_bytes()[: int(0.7 * path.stat().st_size)])
    before = contents(tmp_path)
    read_header(path)
    read_sound(path, 8000)
    read_crop(path, 1000, 1000)
    read_sound(cut, RATE)
    assert contents(tmp_path) == before
    assert len(before) == 2


def test_a_crop_stops_at_the_end_of_the_file(tmp_path: Path, write_wav: Callable) -> None:
    ramp = np.arange(1000, dtype=np.float32) / 1000
    path = write_wav(tmp_path / "ramp.wav", ramp, RATE, "FLOAT")
    np.testing.assert_array_equal(read_crop(path, 300, 200), ramp[300:500])
    np.testing.assert_array_equal(read_crop(path, 900, 200), ramp[900:])


def test_wav_bytes_keep_the_level(tone: Tone) -> None:
    waveform = tone(1000, 0.5, level=0.01)
    sound = read_sound(wav_bytes(waveform, RATE), RATE)
    np.testing.assert_allclose(sound.waveform, waveform, atol=2**-15)
    assert read_sound(wav_bytes(np.full(10, 3.0), RATE), RATE).waveform.max() == pytest.approx(1, abs=2**-14)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8", "FLOAT"])
@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
def test_a_crop_of_a_wav_is_a_slice_of_the_whole_bit_for_bit(
    tmp_path: Path, container: str, subtype: str, channels: int
) -> None:
    """16-bit WAVs are read without libsndfile, which must not change the samples."""
    path = tmp_path / "a.wav"
    noise = np.random.default_rng(0).uniform(-1, 1, (3000, channels))
    soundfile.write(path, noise, 44_100, format=container, subtype=subtype)
    whole = read_sound(path).waveform
    for start, frames in ((0, 3000), (1, 100), (2500, 500), (2999, 1), (0, 0)):
        np.testing.assert_array_equal(read_crop(path, start, frames), whole[start : start + frames])
    np.testing.assert_array_equal(read_crop(path, 2900, 500), whole[2900:])  # up to the end of the file


def test_a_crop_of_a_truncated_wav_stops_at_its_last_sample(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, 3000), 44_100, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:-2001])
    whole = read_sound(path).waveform
    np.testing.assert_array_equal(read_crop(path, 1500, 1000), whole[1500:2500])
