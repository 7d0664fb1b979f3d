"""Sounds come back as they were written; what is wrong with a file is a sentence that names it; no file is touched."""

import struct
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.audio import decoding
from audiotag.audio.levels import peak_dbfs, rms_dbfs
from audiotag.audio.reading import read_crop, read_header, read_sound, resample, wav_bytes
from audiotag.errors import AudiotagError
from audiotag.features.trimming import trim_bounds
from audiotag.training.backend.fastaudio_compat import import_fastaudio

RATE = 44_100
Tone = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def remove_silence() -> Callable[[np.ndarray, int], np.ndarray]:
    fastaudio: types.ModuleType = import_fastaudio()
    import torch

    transform = fastaudio.RemoveSilence()

    def trimmed(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        sound = fastaudio.AudioTensor(torch.from_numpy(waveform.copy())[None], sr=sample_rate)
        return transform.encodes(sound).numpy()[0]

    return trimmed


def riff(pcm: bytes, data_size: int, before: bytes = b"", after: bytes = b"") -> bytes:
    """A 16-bit mono WAV whose data chunk announces ``data_size`` bytes."""
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    body = b"WAVE" + form + before + b"data" + struct.pack("<I", data_size) + pcm + after
    return b"RIFF" + struct.pack("<I", min(len(body), 0xFFFFFFFF)) + body


def without_count(mp3: bytes) -> bytes:
    """An MP3 less its first frame, the one that counts the others; with ID3 tags at both ends, as music has."""
    kilobits = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)[mp3[2] >> 4]
    first_frame = 144_000 * kilobits // RATE + (mp3[2] >> 1 & 1)
    return b"ID3\x03\0\0\0\0\x07\x76" + bytes(1014) + mp3[first_frame:] + b"TAG" + bytes(125)


def truncated(path: Path, share: float) -> Path:
    cut = path.with_name(f"cut{path.suffix}")
    cut.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    return cut


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("from_upload", [False, True])
def test_a_tone_keeps_level_length_and_frequency(
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
def test_wav_samples_come_back_to_within_one_step(
    tmp_path: Path, tone: Tone, write_wav: Callable, subtype: str, step: float
) -> None:
    waveform = tone(440, 0.5)
    sound = read_sound(write_wav(tmp_path / "tone.wav", waveform, RATE, subtype), RATE)
    np.testing.assert_allclose(sound.waveform, waveform, atol=step)
    assert sound.notes == ()


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
def test_bits_a_sample_are_those_that_were_written_and_lossy_codecs_have_none(
    tmp_path: Path, tone: Tone, container: str, subtype: str, bits: int | None
) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(440, 0.5, sample_rate=48_000), 48_000, format=container, subtype=subtype)
    assert read_header(path).bits == read_sound(path).header.bits == bits


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_bits_times_frames_and_channels_are_the_size_of_a_wav(
    tmp_path: Path, write_wav: Callable, subtype: str
) -> None:
    path = write_wav(tmp_path / "noise.wav", np.zeros((10_000, 2)), RATE, subtype)
    header = read_header(path)
    assert header.bits is not None
    samples_bytes = header.bits * header.frames * header.channels / 8
    assert samples_bytes < path.stat().st_size < samples_bytes + 200


@pytest.mark.parametrize("subtype", ["ULAW", "MS_ADPCM", "GSM610", "G721_32"])
def test_old_telephone_codecs_are_read_and_cropped(
    tmp_path: Path, tone: Tone, write_wav: Callable, subtype: str
) -> None:
    path = write_wav(tmp_path / "call.wav", tone(400, 1.0, sample_rate=8000), 8000, subtype)
    sound = read_sound(path, 8000)
    assert sound.notes == ()
    assert rms_dbfs(sound.waveform[:8000]) == pytest.approx(-9, abs=0.5)
    np.testing.assert_array_equal(read_crop(path, 1000, 500), sound.waveform[1000:1500])


def test_six_channels_become_their_mean(tmp_path: Path, tone: Tone, write_wav: Callable) -> None:
    waveform = tone(440, 0.3)
    channels = np.stack([gain * waveform for gain in (0, 0.1, 0.2, 0.3, 0.4, 1.0)], axis=1)
    path = write_wav(tmp_path / "six.wav", channels, RATE, "FLOAT")
    sound = read_sound(path, RATE)
    np.testing.assert_allclose(sound.waveform, waveform / 3, atol=1e-6)
    assert sound.notes == ("six.wav has 6 channels; their mean is used.",)
    np.testing.assert_array_equal(read_crop(path, 100, 50), sound.waveform[100:150])


def test_8_khz_keeps_its_tone_and_says_what_it_lacks(
    tmp_path: Path, tone: Tone, write_wav: Callable, frequency_of: Callable
) -> None:
    sound = read_sound(write_wav(tmp_path / "old.wav", tone(1000, 2.0, sample_rate=8000), 8000), RATE)
    assert len(sound.waveform) == 2 * RATE
    assert sound.header.sample_rate == 8000
    assert frequency_of(sound.waveform, RATE) == pytest.approx(1000, abs=0.5)
    assert rms_dbfs(sound.waveform) == pytest.approx(-9.03, abs=0.1)
    assert len(sound.notes) == 1
    assert sound.notes[0].startswith("old.wav was sampled at 8000 Hz: it holds nothing above 4 kHz")


def test_resampling_downwards_lets_no_alias_through(tone: Tone) -> None:
    assert peak_dbfs(resample(tone(15_000), RATE, 16_000)[1000:-1000]) < -60


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_refused(tmp_path: Path, tone: Tone, write_wav: Callable, value: float) -> None:
    waveform = tone()
    waveform[[5, 700]] = value
    path = write_wav(tmp_path / "diverged.wav", waveform, RATE, "FLOAT")
    with pytest.raises(AudiotagError, match=r"diverged\.wav holds 2 samples that are not numbers"):
        read_sound(path, RATE)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("header.wav", riff(b"", 0), "holds no samples"),
        ("nothing.flac", b"", "is empty (0 bytes)"),
        ("letter.wav", b"Dear sir, this is no sound. " * 50, "cannot be read as a sound"),
        ("letter.mp3", b"Dear sir, this is no sound. " * 50, "cannot be read as a sound"),
        ("letter.ogg", b"Dear sir, this is no sound. " * 50, "cannot be read as a sound"),
        ("letter.flac", b"Dear sir, this is no sound. " * 50, "cannot be read as a sound"),
        ("samples.raw", bytes(1000), "is raw"),
    ],
)
def test_what_is_no_sound_is_refused_by_name(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for read in (lambda: read_sound(path, RATE), lambda: read_header(path)):
        with pytest.raises(AudiotagError) as error:
            read()
        assert str(error.value).startswith(f"{name} {reason}")
        assert "not exist" not in str(error.value)
        assert str(error.value).endswith(".")


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    for name in ("missing.wav", "folder.wav"):
        with pytest.raises(AudiotagError, match=rf"^{name} is not there \(looked for {tmp_path / name}\)"):
            read_sound(tmp_path / name, RATE)


def test_an_upload_is_called_by_the_name_it_was_given() -> None:
    with pytest.raises(AudiotagError, match=r"^dropped\.wav is empty"):
        read_sound(b"", RATE, "dropped.wav")


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg"])
@pytest.mark.parametrize("share", [0.98, 0.6])
def test_a_truncated_file_is_read_as_far_as_it_goes_and_says_so(tmp_path: Path, suffix: str, share: float) -> None:
    whole = tmp_path / f"whole.{suffix}"
    noise = 0.3 * np.random.default_rng(0).uniform(-1, 1, 5 * RATE).astype(np.float32)
    soundfile.write(whole, noise, RATE)
    sound = read_sound(truncated(whole, share), RATE)
    there = len(sound.waveform) / len(noise)
    assert share - 0.15 < there < share + 0.01
    # An MP3's last frames lean on what came before them.
    sure = len(sound.waveform) - (2400 if suffix == "mp3" else 0)
    np.testing.assert_allclose(sound.waveform[:sure], read_sound(whole, RATE).waveform[:sure], atol=1e-6)
    assert len(sound.notes) == 1
    assert sound.notes[0].startswith(f"cut.{suffix} is truncated: ")
    if suffix != "ogg":
        assert f"promises 5.00 s, but the file has {5 * there:.2f} s" in sound.notes[0]


def test_an_ogg_cut_inside_its_last_page_is_noticed(tmp_path: Path, tone: Tone) -> None:
    whole = tmp_path / "whole.ogg"
    soundfile.write(whole, tone(1000, 3.0), RATE)
    cut = tmp_path / "cut.ogg"
    cut.write_bytes(whole.read_bytes()[:-9])
    assert [note.split(":")[0] for note in read_sound(cut, RATE).notes] == ["cut.ogg is truncated"]


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


def test_a_crop_of_a_truncated_flac_is_what_its_whole_has(tmp_path: Path) -> None:
    whole = tmp_path / "whole.flac"
    soundfile.write(whole, 0.3 * np.random.default_rng(0).uniform(-1, 1, 2 * RATE), RATE)
    cut = truncated(whole, 0.5)
    there = read_sound(cut, RATE).waveform
    np.testing.assert_array_equal(read_crop(cut, len(there) - 2000, 2000), there[-2000:])


@pytest.mark.parametrize("whole", [True, False])
def test_a_flac_that_was_written_to_a_pipe_is_read_to_its_end(tmp_path: Path, whole: bool) -> None:
    path = tmp_path / "stream.flac"
    noise = 0.3 * np.random.default_rng(0).uniform(-1, 1, 2 * RATE)
    soundfile.write(path, noise, RATE)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the count of samples, 36 bits, 0 for unknown (RFC 9639, section 8.2)
    content[22:26] = bytes(4)
    path.write_bytes(content if whole else content[: len(content) // 2])
    sound = read_sound(path, RATE)
    np.testing.assert_allclose(sound.waveform, noise[: len(sound.waveform)], atol=2**-15)
    assert read_header(path).frames == len(sound.waveform)
    if whole:
        assert len(noise) - 1 <= len(sound.waveform) <= len(noise)
        assert sound.notes == ()
    else:
        assert 0.4 * len(noise) < len(sound.waveform) < 0.51 * len(noise)
        assert sound.notes == ("stream.flac is truncated: its end is missing; the part before is used.",)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_reading_by_blocks_or_crops_gives_what_reading_at_once_gives(
    tmp_path: Path, tone: Tone, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone(421, 3.0), RATE)
    at_once = read_sound(path, RATE).waveform
    for start in range(0, 2 * RATE, 9973):
        np.testing.assert_allclose(read_crop(path, start, 5000), at_once[start : start + 5000], atol=1e-6)
    monkeypatch.setattr(decoding, "MAX_SAMPLES_AT_ONCE", 5000)
    monkeypatch.setattr(decoding, "BLOCK_SAMPLES", 3000)
    np.testing.assert_allclose(read_sound(path, RATE).waveform, at_once, atol=1e-6)


def test_an_ogg_whose_last_pages_are_missing_is_noticed(tmp_path: Path) -> None:
    whole = tmp_path / "whole.ogg"
    soundfile.write(whole, 0.3 * np.random.default_rng(0).uniform(-1, 1, 5 * RATE), RATE)
    content = whole.read_bytes()
    cut = tmp_path / "cut.ogg"
    cut.write_bytes(content[: content.rfind(b"OggS")])
    assert [note.split(":")[0] for note in read_sound(cut, RATE).notes] == ["cut.ogg is truncated"]


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_file_cut_inside_its_header_is_refused_by_name(tmp_path: Path, tone: Tone, suffix: str) -> None:
    whole = tmp_path / f"whole.{suffix}"
    soundfile.write(whole, tone(), RATE)
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[:30])
    with pytest.raises(AudiotagError, match=rf"^cut\.{suffix} (cannot be read as a sound|holds no samples)"):
        read_sound(cut, RATE)


LIST = b"LIST" + struct.pack("<I", 5) + b"INFOx\0"  # of odd size, so a byte of padding follows


@pytest.mark.parametrize(
    ("before", "after", "data_size"),
    [
        (b"", LIST, None),
        (LIST, b"", None),
        (b"", b"", 0xFFFFFFFF),  # FFmpeg to a pipe
        (b"", b"", 0x7FFFF000),  # SoX to a pipe
        (b"", b"", 0x80000000),  # arecord to a pipe
    ],
)
def test_whole_wavs_with_odd_chunks_are_not_called_truncated(
    tmp_path: Path, tone: Tone, before: bytes, after: bytes, data_size: int | None
) -> None:
    pcm = np.round(32767 * tone()).astype("<i2").tobytes()
    path = tmp_path / "odd.wav"
    path.write_bytes(riff(pcm, len(pcm) if data_size is None else data_size, before, after))
    sound = read_sound(path, RATE)
    assert sound.notes == ()
    assert len(sound.waveform) == RATE


def test_a_wav_with_chunks_before_its_data_is_still_found_truncated(tmp_path: Path, tone: Tone) -> None:
    pcm = np.round(32767 * tone()).astype("<i2").tobytes()
    path = tmp_path / "cut.wav"
    path.write_bytes(riff(pcm[:-2000], len(pcm), before=LIST))
    assert len(read_sound(path, RATE).notes) == 1


@pytest.mark.parametrize("container", ["WAVEX", "RF64", "W64", "AIFF", "AU", "CAF"])
def test_whole_files_of_other_containers_are_not_called_truncated(tmp_path: Path, tone: Tone, container: str) -> None:
    path = tmp_path / "odd.wav"
    soundfile.write(path, tone(), RATE, format=container, subtype="PCM_16")
    sound = read_sound(path, RATE)
    assert sound.header.container == container
    assert sound.notes == ()
    assert len(sound.waveform) == RATE


@pytest.mark.parametrize("duration_s", [0.4, 3.0])
def test_a_whole_mp3_that_does_not_count_its_frames_is_not_called_truncated(
    tmp_path: Path, tone: Tone, duration_s: float
) -> None:
    path = tmp_path / "music.mp3"
    soundfile.write(path, tone(1000, duration_s), RATE, bitrate_mode="CONSTANT", compression_level=0.5)
    path.write_bytes(without_count(path.read_bytes()))
    sound = read_sound(path, RATE)
    assert sound.notes == ()
    assert sound.duration_s == pytest.approx(duration_s, abs=0.06)


def test_no_esc10_recording_is_called_truncated(shared: Path) -> None:
    paths = sorted((shared / "data/esc10/audio").glob("*.ogg"))
    assert len(paths) == 400
    assert [note for path in paths for note in read_sound(path, RATE).notes] == []


def test_silence_is_read_and_noted(tmp_path: Path, write_wav: Callable) -> None:
    sound = read_sound(write_wav(tmp_path / "quiet.wav", np.zeros(1000), RATE), RATE)
    assert len(sound.waveform) == 1000
    assert sound.notes == ("quiet.wav is silent: no sample is above -90 dBFS.",)
    quiet_but_there = np.full(1000, 10 ** (-89 / 20))
    assert read_sound(write_wav(tmp_path / "q.wav", quiet_but_there, RATE, "FLOAT"), RATE).notes == ()


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_reading_leaves_the_file_as_it_was(tmp_path: Path, contents: Callable, suffix: str) -> None:
    path = tmp_path / f"mine.{suffix}"
    soundfile.write(path, 0.3 * np.random.default_rng(0).uniform(-1, 1, 2 * RATE), RATE)
    truncated(path, 0.7)
    before = contents(tmp_path)
    read_header(path)
    read_sound(path, 8000)
    read_crop(path, 1000, 1000)
    read_sound(tmp_path / f"cut.{suffix}", RATE)
    assert contents(tmp_path) == before
    assert len(before) == 2


def test_a_crop_is_those_samples_and_stops_at_the_end(tmp_path: Path, write_wav: Callable) -> None:
    ramp = np.arange(1000, dtype=np.float32) / 1000
    path = write_wav(tmp_path / "ramp.wav", ramp, RATE, "FLOAT")
    np.testing.assert_array_equal(read_crop(path, 300, 200), ramp[300:500])
    np.testing.assert_array_equal(read_crop(path, 900, 200), ramp[900:])


def test_levels_are_those_of_the_definition(tone: Tone) -> None:
    assert peak_dbfs(np.array([0.1, -1.0])) == 0
    assert rms_dbfs(np.array([1.0, -1.0])) == 0
    assert rms_dbfs(tone(1000, 1.0, level=1.0)) == pytest.approx(-3.0103, abs=1e-3)
    assert peak_dbfs(np.zeros(5)) == rms_dbfs(np.zeros(5)) == rms_dbfs(np.zeros(0)) == -np.inf


def assert_trimmed_alike(remove_silence: Callable, waveform: np.ndarray, sample_rate: int) -> None:
    start, end = trim_bounds(waveform, sample_rate)
    np.testing.assert_array_equal(waveform[start:end], remove_silence(waveform, sample_rate))


@pytest.mark.parametrize("sample_rate", [8000, 22_050, 44_100, 48_000])
def test_trimming_equals_fastaudio_on_sounds_between_silences(
    tone: Tone, remove_silence: Callable, sample_rate: int
) -> None:
    rng = np.random.default_rng(0)
    for _ in range(25):
        sound = tone(rng.uniform(100, 3000), rng.uniform(0.01, 1), 10 ** rng.uniform(-3, 0), sample_rate)
        front, back = (np.zeros(rng.integers(0, sample_rate), dtype=np.float32) for _ in range(2))
        waveform = np.concatenate([front, sound, back])
        waveform += (10 ** rng.uniform(-5, -1) * rng.standard_normal(len(waveform))).astype(np.float32)
        assert_trimmed_alike(remove_silence, waveform, sample_rate)


def test_trimming_equals_fastaudio_near_the_quietest_level_it_knows(remove_silence: Callable) -> None:
    rng = np.random.default_rng(2)
    for _ in range(25):
        level = 10 ** rng.uniform(-5, -3.3) * np.repeat(10 ** rng.uniform(-2, 0, 8), 5000)
        assert_trimmed_alike(remove_silence, (level * rng.standard_normal(40_000)).astype(np.float32), RATE)


def test_trimming_cuts_silence_and_keeps_the_sound(tone: Tone) -> None:
    start, end = trim_bounds(tone(1000, 0.5, silence_s=1.0), RATE)
    assert RATE - 4096 < start <= RATE
    assert 1.5 * RATE <= end < 1.5 * RATE + 4096


def test_trimming_equals_fastaudio_on_very_short_clips(remove_silence: Callable) -> None:
    rng = np.random.default_rng(1)
    for length in [1, 2, 3, 441, 880, 881, 882, 883, 1023, 1024, 1025, 1764, 2047, 2048, 2049, 2646, 3000]:
        assert_trimmed_alike(remove_silence, rng.standard_normal(length).astype(np.float32), RATE)


@pytest.mark.parametrize("length", [1, 500, 882, 5000, RATE])
def test_trimming_equals_fastaudio_on_digital_silence(remove_silence: Callable, length: int) -> None:
    assert_trimmed_alike(remove_silence, np.zeros(length, dtype=np.float32), RATE)


def test_trimming_equals_fastaudio_on_field_recordings(shared: Path, remove_silence: Callable) -> None:
    cut = 0
    for path in sorted((shared / "data/esc10/audio").glob("*.ogg"))[::10]:
        waveform = read_sound(path, RATE).waveform
        assert_trimmed_alike(remove_silence, waveform, RATE)
        cut += trim_bounds(waveform, RATE) != (0, len(waveform))
    assert cut > 5  # else the recordings have shown nothing


def test_wav_bytes_keep_the_level(tone: Tone) -> None:
    waveform = tone(1000, 0.5, level=0.01)
    sound = read_sound(wav_bytes(waveform, RATE), RATE)
    np.testing.assert_allclose(sound.waveform, waveform, atol=2**-15)
    assert read_sound(wav_bytes(np.full(10, 3.0), RATE), RATE).waveform.max() == pytest.approx(1, abs=2**-14)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8", "FLOAT"])
@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
def test_crops_of_a_wav_are_slices_of_the_whole_bit_for_bit(
    tmp_path: Path, container: str, subtype: str, channels: int
) -> None:
    """16-bit WAVs are read past libsndfile, and nobody may notice."""
    path = tmp_path / "a.wav"
    noise = np.random.default_rng(0).uniform(-1, 1, (3000, channels))
    soundfile.write(path, noise, 44_100, format=container, subtype=subtype)
    whole = read_sound(path).waveform
    for start, frames in ((0, 3000), (1, 100), (2500, 500), (2999, 1), (0, 0)):
        np.testing.assert_array_equal(read_crop(path, start, frames), whole[start : start + frames])
    np.testing.assert_array_equal(read_crop(path, 2900, 500), whole[2900:])  # what there is of it


def test_a_crop_of_a_wav_that_is_cut_short_is_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, 3000), 44_100, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:-2001])
    whole = read_sound(path).waveform
    np.testing.assert_array_equal(read_crop(path, 1500, 1000), whole[1500:2500])
