"""A damaged or unusual file is decoded as far as possible, and a note says what is wrong with it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.audio import limits
from audiotag.audio.decoding import BlockReader
from audiotag.audio.reading import read_crop, read_header, read_sound
from audiotag.errors import AudiotagError

RATE = 44_100
Tone = Callable[..., np.ndarray]


def truncate(path: Path, share: float) -> Path:
    """A copy of a file that ends after this fraction of its bytes."""
    cut = path.with_name(f"cut{path.suffix}")
    cut.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    return cut


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg"])
@pytest.mark.parametrize("share", [0.98, 0.6])
def test_a_truncated_file_is_decoded_to_its_end_with_a_note(tmp_path: Path, suffix: str, share: float) -> None:
    whole = tmp_path / f"whole.{suffix}"
    noise = 0.3 * np.random.default_rng(0).uniform(-1, 1, 5 * RATE).astype(np.float32)
    soundfile.write(whole, noise, RATE)
    sound = read_sound(truncate(whole, share), RATE)
    fraction = len(sound.waveform) / len(noise)
    assert share - 0.15 < fraction < share + 0.01
    # The last frames of an MP3 depend on frames that are missing.
    equal = len(sound.waveform) - (2400 if suffix == "mp3" else 0)
    # Another library decodes an MP3 that is not whole, with other rounding.
    np.testing.assert_allclose(sound.waveform[:equal], read_sound(whole, RATE).waveform[:equal], atol=1e-5)
    assert len(sound.notes) == 1
    assert sound.notes[0].startswith(f"cut.{suffix} is truncated: ")
    if suffix != "ogg":
        assert f"states 5.00 s, but the file has {5 * fraction:.2f} s" in sound.notes[0]


def test_a_crop_of_a_truncated_flac_equals_the_same_samples_of_the_whole(tmp_path: Path) -> None:
    whole = tmp_path / "whole.flac"
    soundfile.write(whole, 0.3 * np.random.default_rng(0).uniform(-1, 1, 2 * RATE), RATE)
    cut = truncate(whole, 0.5)
    waveform = read_sound(cut, RATE).waveform
    np.testing.assert_array_equal(read_crop(cut, len(waveform) - 2000, 2000), waveform[-2000:])


@pytest.mark.parametrize("whole", [True, False])
def test_a_flac_of_unknown_length_is_read_to_its_end(tmp_path: Path, whole: bool) -> None:
    path = tmp_path / "stream.flac"
    noise = 0.3 * np.random.default_rng(0).uniform(-1, 1, 2 * RATE)
    soundfile.write(path, noise, RATE)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # number of samples, 36 bits, 0 for unknown (RFC 9639, section 8.2)
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
def test_reading_by_blocks_or_crops_equals_reading_at_once(
    tmp_path: Path, tone: Tone, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone(421, 3.0), RATE)
    at_once = read_sound(path, RATE).waveform
    for start in range(0, 2 * RATE, 9973):
        np.testing.assert_allclose(read_crop(path, start, 5000), at_once[start : start + 5000], atol=1e-6)
    monkeypatch.setattr(limits, "MAX_VALUES_AT_ONCE", 3000)
    np.testing.assert_allclose(read_sound(path, RATE).waveform, at_once, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_finite_is_refused(tmp_path: Path, tone: Tone, write_wav: Callable, value: float) -> None:
    waveform = tone()
    waveform[[5, 700]] = value
    path = write_wav(tmp_path / "diverged.wav", waveform, RATE, "FLOAT")
    with pytest.raises(AudiotagError, match=r"diverged\.wav holds 2 samples that are not numbers"):
        read_sound(path, RATE)


def test_silence_is_read_with_a_note(tmp_path: Path, write_wav: Callable) -> None:
    sound = read_sound(write_wav(tmp_path / "quiet.wav", np.zeros(1000), RATE), RATE)
    assert len(sound.waveform) == 1000
    assert sound.notes == ("quiet.wav is silent: no sample is above −90 dBFS.",)
    just_audible = np.full(1000, 10 ** (-89 / 20))
    assert read_sound(write_wav(tmp_path / "q.wav", just_audible, RATE, "FLOAT"), RATE).notes == ()


@pytest.mark.parametrize(
    ("gains", "reason"),
    [
        ((1, -1), "its channels cancel each other, with peaks of: left −6 dBFS, right −6 dBFS; export the left or the"),
        (
            (1, -0.5, -0.5, 0),
            "its channels cancel each other, with peaks of: channel 1 −6 dBFS, channel 2 −12",
        ),
        ((0, 1e-4), "only its right channel has sound, up to −86 dBFS; export that channel as a file of its own."),
    ],
)
@pytest.mark.parametrize("rate", [RATE, 16_000])
def test_channels_that_cancel_are_named(
    tmp_path: Path, write_wav: Callable, gains: tuple[float, ...], reason: str, rate: int
) -> None:
    waveform = 0.5 * np.random.default_rng(0).choice([-1.0, 1.0], RATE // 2)
    path = write_wav(tmp_path / "a.wav", waveform[:, None] * np.array(gains), RATE, "FLOAT")
    assert read_sound(path, rate).notes[-1].startswith(f"a.wav is silent in the mono mix that is used: {reason}")


def test_a_mono_file_has_no_channels_that_cancel(tmp_path: Path, write_wav: Callable) -> None:
    ultrasound = np.sin(2 * np.pi * 40_000 / 96_000 * np.arange(96_000)) * np.hanning(96_000)
    path = write_wav(tmp_path / "bat.wav", 0.5 * ultrasound, 96_000, "FLOAT")
    assert read_sound(path).notes == ()
    assert read_sound(path, 16_000).notes == ("bat.wav has all its sound above 8 kHz, so it is silent at 16000 Hz.",)


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU"])
@pytest.mark.parametrize("fails_from", [None, 0, 30_000])
def test_16_bit_samples_are_those_of_libsndfile_also_after_a_block_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: str, fails_from: int | None
) -> None:
    path = tmp_path / "stereo.wav"
    samples = np.random.default_rng(0).uniform(-1, 1, (50_000, 2))
    soundfile.write(path, samples, RATE, subtype="PCM_16", format=container)
    expected = soundfile.read(path, dtype="float32")[0]
    read = soundfile.SoundFile.read

    def failing(file: soundfile.SoundFile, *arguments: object, **options: object) -> np.ndarray:
        out = options.get("out")
        if (
            fails_from is not None
            and isinstance(out, np.ndarray)
            and out.dtype == np.int16
            and file.tell() >= fails_from
        ):
            file.seek(len(samples))
            raise soundfile.LibsndfileError(2)
        return read(file, *arguments, **options)

    monkeypatch.setattr(soundfile.SoundFile, "read", failing)
    with soundfile.SoundFile(path) as file:
        blocks = list(BlockReader(file, block_samples=20_000))
    assert [len(block) for block in blocks] == [20_000, 20_000, 10_000]
    np.testing.assert_array_equal(np.concatenate(blocks), expected)
