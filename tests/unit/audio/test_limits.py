"""What no sound can be is refused by every reader with the same sentence, and no block is larger than its bound."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.audio import limits, streaming
from audiotag.audio.decoding import BlockReader
from audiotag.audio.limits import MAX_PEAK_DBFS, frames_at_once
from audiotag.audio.opening import open_audio
from audiotag.audio.reading import read_crop, read_header, read_short_sound, read_sound
from audiotag.audio.streaming import LongSound, read_part
from audiotag.errors import AudiotagError
from audiotag.features.log_mel import log_mel
from audiotag.features.measures import measure
from audiotag.features.settings import SpectrogramSettings
from audiotag.tagging.tagger import Tagger

RATE = 44_100
READERS: dict[str, Callable[[Path], object]] = {
    "whole": read_sound,
    "resampled": lambda path: read_sound(path, 16_000),
    "upload": lambda path: read_sound(path.read_bytes(), name=path.name),
    "blocks": lambda path: list(LongSound(path, RATE).blocks()),
    "part": lambda path: read_part(path, RATE, 0, 10**9),
    "short": lambda path: read_short_sound(path, RATE, 60.0),
    "crop": lambda path: read_crop(path, 0, 10**6),
    "measures": measure,
}


def float_wav(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("value", [1.01e10, -1e11, 1e20, 1e30, -3e38, np.nan, np.inf, -np.inf])
def test_values_that_no_sound_has_are_refused_by_name(tmp_path: Path, value: float, read: Callable) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (3000, 2)).astype(np.float32)
    samples[1234, 1] = value
    path = float_wav(tmp_path / "odd.wav", samples)
    rule = "a sound must have at most 200 dBFS" if np.isfinite(value) else "that are not numbers"
    with pytest.raises(AudiotagError, match=rf"^odd\.wav .*{rule}.*; .*export it again from its source\.$"):
        read(path)


@pytest.mark.parametrize("value", [1e300, -1e39])
def test_doubles_beyond_float32_are_refused_as_infinite(tmp_path: Path, value: float) -> None:
    with pytest.raises(AudiotagError, match=r"odd\.wav holds 1 samples that are not numbers"):
        read_sound(float_wav(tmp_path / "odd.wav", np.array([0.1, value, 0.2]), subtype="DOUBLE"))


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("gain", [1.0, 31.6, 32_768.0, 2.0**31, 0.999e10])
def test_sounds_beyond_full_scale_are_read(tmp_path: Path, gain: float, read: Callable) -> None:
    samples = np.sin(np.arange(4000) / 9).astype(np.float32) * np.float32(gain)
    assert read(float_wav(tmp_path / "hot.wav", samples)) is not None


@pytest.mark.parametrize(("gain", "is_noted"), [(1.0, False), (100.0, False), (32_768.0, True), (2.0**31, True)])
def test_integers_stored_as_floats_get_a_note(tmp_path: Path, gain: float, is_noted: bool) -> None:
    samples = np.sin(np.arange(4000) / 9).astype(np.float32) * np.float32(gain)
    notes = read_sound(float_wav(tmp_path / "hot.wav", samples)).notes
    assert bool(notes) == is_noted
    assert not is_noted or "seem to be integers stored as floats; divide them" in notes[0]


def test_the_loudest_sound_that_is_read_overflows_nowhere(tmp_path: Path, tiny_ensemble: Path) -> None:
    loudest = np.float32(10 ** (MAX_PEAK_DBFS / 20) * 0.999)
    samples = np.random.default_rng(0).choice(np.array([-loudest, loudest]), 3 * RATE)
    for shape in (samples, np.ones_like(samples) * loudest):
        path = float_wav(tmp_path / "hot.wav", shape)
        with np.errstate(over="raise", invalid="raise"):
            measures = measure(path)
            waveform = read_sound(path, 32_000).waveform
            settings = SpectrogramSettings(n_fft=65_536, win_length=32_768, hop_length=32_768)
            assert np.isfinite(log_mel(read_sound(path).waveform[: settings.clip_samples], settings)).all()
            tags = Tagger(tiny_ensemble).tag(path)
        assert np.isfinite([measures.rms_dbfs, measures.loudness_lufs, *measures.third_octaves]).all()
        assert np.isfinite(waveform).all()
        assert np.isfinite(tags.scores).all()


@pytest.mark.parametrize("read", [*READERS.values(), read_header], ids=[*READERS, "header"])
@pytest.mark.parametrize("rate", [1, 20, 49, 99, 10_000_001, 2_000_000_000])
def test_rates_that_no_sound_has_are_refused_by_name(tmp_path: Path, rate: int, read: Callable) -> None:
    path = float_wav(tmp_path / "odd.wav", np.zeros(2000, np.float32), rate)
    with pytest.raises(AudiotagError, match=rf"^odd\.wav has a sample rate of {rate:,} Hz, but a sound must have at"):
        read(path)


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("rate", [100, 101, 999, 384_000, 10_000_000])
@pytest.mark.parametrize("samples", [1, 2, 2000])
def test_all_other_rates_and_lengths_are_read(tmp_path: Path, rate: int, samples: int, read: Callable) -> None:
    assert read(float_wav(tmp_path / "odd.wav", np.full(samples, 0.5, np.float32), rate)) is not None


@pytest.mark.parametrize("rate", [100, 8000, RATE, 96_000, 1_000_000])
@pytest.mark.parametrize("channels", [1, 2, 1024])
def test_no_block_is_larger_than_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: int, channels: int
) -> None:
    monkeypatch.setattr(limits, "MAX_VALUES_AT_ONCE", 4096)
    monkeypatch.setattr(streaming, "RESAMPLED_AT_ONCE", 2048)
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (20_000 // channels + 7, channels)).astype(np.float32)
    path = float_wav(tmp_path / "many.wav", samples, rate)
    with open_audio(path, "many.wav") as file:
        assert max(block.size for block in BlockReader(file)) <= 4096
    blocks = list(LongSound(path, RATE).blocks(512))
    held_back = 1000 * max(1, RATE // rate)  # by the filter, until it has as many samples as it needs
    assert max(map(len, blocks)) <= 2048 + held_back + 4096 * (rate == RATE)
    monkeypatch.undo()
    np.testing.assert_array_equal(np.concatenate(blocks), read_sound(path, RATE).waveform)


@pytest.mark.parametrize("channels", [1, 2, 8, 1024, 65_535])
def test_many_channels_are_decoded_in_shorter_blocks(channels: int) -> None:
    assert 1 <= frames_at_once(channels, 1 << 20) * channels <= max(limits.MAX_VALUES_AT_ONCE, channels)


@pytest.mark.parametrize("rate", [100, RATE, 48_000])
@pytest.mark.parametrize("span", [(0, 1), (0, 10_000), (5000, 5001), (20_000, 90_000), (10**8, 10**8 + 1)])
def test_a_part_has_the_samples_of_the_whole(tmp_path: Path, rate: int, span: tuple[int, int]) -> None:
    path = float_wav(tmp_path / "a.wav", np.random.default_rng(0).uniform(-0.5, 0.5, rate * 2), rate)
    np.testing.assert_array_equal(read_part(path, RATE, *span), read_sound(path, RATE).waveform[slice(*span)])


def test_a_sound_is_short_by_its_header_and_by_its_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = float_wav(tmp_path / "a.wav", np.full(5 * RATE, 0.5, np.float32))
    whole = read_short_sound(path, RATE, 5.0)
    assert whole is not None
    assert len(whole.waveform) == 5 * RATE
    assert read_short_sound(path, RATE, 4.9) is None
    monkeypatch.setattr("audiotag.audio.streaming._stated_frames", lambda _: 0)
    assert read_short_sound(path, RATE, 2.6) is not None
    assert read_short_sound(path, RATE, 2.4) is None
