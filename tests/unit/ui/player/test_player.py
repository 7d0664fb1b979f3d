"""The block that the player gets has the right levels, extremes, times and names."""

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile

from audiotag.features.log_mel import display_log_mel, log_mel
from audiotag.features.mel import mel_corners, mel_frequencies
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.ui.player.player import (
    MAX_COLUMNS,
    PlayerOptions,
    Region,
    TimelineRow,
    band_edges,
    envelope,
    pack_block,
    quantise,
    reduce_columns,
)

Tone = Callable[..., np.ndarray]

CAPSTONE = PRESETS["capstone"]
SETTINGS = {**PRESETS, "amplitude": SpectrogramSettings(power=1.0, top_db=120.0)}


@pytest.fixture
def noise() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal(44_100) * np.linspace(0, 1, 44_100) ** 2).astype(np.float32)


def unpacked(block: bytes) -> tuple[dict[str, Any], np.ndarray, np.ndarray, bytes]:
    """Header, levels, envelope and sound, as the browser reads them."""
    end = 4 + int.from_bytes(block[:4], "little")
    header = json.loads(block[4:end])
    sizes = header["parts"]
    assert end + sum(sizes) == len(block)
    levels, outline, sound = (block[end + sum(sizes[:at]) :][:size] for at, size in enumerate(sizes))
    shape = (header["spectrogram"]["rows"], header["spectrogram"]["columns"])
    return (
        header,
        np.frombuffer(levels, np.uint8).reshape(shape),
        np.frombuffer(outline, np.float32).reshape(2, -1),
        sound,
    )


# The spectrogram


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_levels_come_back_to_within_half_a_step(settings: SpectrogramSettings, noise: np.ndarray) -> None:
    spectrogram = log_mel(noise, settings)
    steps, floor_db = quantise(spectrogram, settings)
    step_db = settings.top_db / 255
    assert np.abs(floor_db + steps * step_db - spectrogram).max() <= step_db / 2 + 1e-4
    assert steps.max() == 255


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_silence_is_dark(settings: SpectrogramSettings) -> None:
    spectrogram = log_mel(np.zeros(44_100, np.float32), settings)
    steps, floor_db = quantise(spectrogram, settings)
    assert not steps.any()
    assert floor_db == pytest.approx(float(spectrogram.max()))


def test_fewer_columns_keep_the_loudest_of_each_band() -> None:
    rng = np.random.default_rng(0)
    spectrogram = rng.normal(size=(4, 2 * MAX_COLUMNS + 1)).astype(np.float32)
    fewer, step = reduce_columns(spectrogram, MAX_COLUMNS)
    assert step == 3
    assert fewer.shape == (4, -(-spectrogram.shape[1] // step))
    assert fewer.shape[1] <= MAX_COLUMNS
    for column in range(fewer.shape[1]):
        np.testing.assert_array_equal(fewer[:, column], spectrogram[:, column * step : (column + 1) * step].max(axis=1))


def test_a_spectrogram_that_fits_is_left_as_it_is(noise: np.ndarray) -> None:
    spectrogram = log_mel(noise, CAPSTONE)
    fewer, step = reduce_columns(spectrogram, spectrogram.shape[1])
    assert step == 1
    np.testing.assert_array_equal(fewer, spectrogram)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_bands_end_between_their_centres(settings: SpectrogramSettings) -> None:
    edges = band_edges(settings)
    centres = mel_frequencies(settings)
    assert len(edges) == settings.n_mels + 1
    assert (edges[:-1] < centres).all()
    assert (centres < edges[1:]).all()
    assert mel_corners(settings)[0] < edges[0]
    assert edges[-1] < mel_corners(settings)[-1]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("samples", [100, 30_000, 690 * 1638, 2_646_017])
def test_spectrogram_in_blocks_is_the_log_mel(settings: SpectrogramSettings, samples: int) -> None:
    rng = np.random.default_rng(0)
    waveform = (rng.standard_normal(samples) * np.linspace(0, 0.3, samples) ** 3).astype(np.float32)
    if samples <= settings.n_fft // 2:
        whole = log_mel(np.pad(waveform, (0, settings.clip_samples - samples)), settings)
    else:
        whole = log_mel(waveform, settings)
    np.testing.assert_array_equal(
        display_log_mel(waveform, settings), whole[:, : 1 + len(waveform) // settings.hop_length]
    )


# The waveform


@pytest.mark.parametrize("samples", [1, 7, 1200, 1201, 44_100])
def test_envelope_holds_the_true_extremes_of_every_stretch(samples: int) -> None:
    rng = np.random.default_rng(0)
    waveform = rng.uniform(-1.5, 1.5, samples).astype(np.float32)
    lowest, highest = envelope(waveform, 1200)
    assert len(lowest) == min(samples, 1200)
    edges = np.linspace(0, samples, len(lowest) + 1).astype(int)
    for low, high, start, end in zip(lowest, highest, edges[:-1], edges[1:], strict=True):
        assert (low, high) == (waveform[start:end].min(), waveform[start:end].max())


def test_one_loud_sample_is_in_the_envelope() -> None:
    waveform = np.zeros(1_000_000, np.float32)
    waveform[777_777] = -0.9
    lowest, highest = envelope(waveform, 1200)
    assert lowest.argmin() == 777_777 * 1200 // 1_000_000
    assert lowest.min() == np.float32(-0.9)
    assert not highest.any()


# The block


def test_block_holds_sound_spectrogram_and_times(tone: Tone) -> None:
    waveform = tone(1000, 2.0)
    spectrogram = log_mel(waveform, CAPSTONE)
    options = PlayerOptions("a.b.ogg", Region(0.1, 1.9), Region(-0.5, 1.5), spectrogram_start_s=0.25)
    header, levels, outline, sound = unpacked(pack_block(waveform, spectrogram, CAPSTONE, options))
    assert header["duration_s"] == 2.0
    assert (header["untrimmed"], header["crop"]) == ([0.1, 1.9], [-0.5, 1.5])
    assert header["sound"]["file"] == "a.b.wav"
    assert header["sound"]["type"] == "audio/wav"
    frame_s = CAPSTONE.hop_length / CAPSTONE.sample_rate
    assert header["spectrogram"]["start_s"] == pytest.approx(0.25 - frame_s / 2)
    assert header["spectrogram"]["column_s"] == pytest.approx(frame_s)
    assert header["spectrogram"]["ceiling_db"] == pytest.approx(float(spectrogram.max()), abs=1e-4)
    band = int(levels.sum(axis=1).argmax())
    assert header["spectrogram"]["edges_hz"][band] < 1000 < header["spectrogram"]["edges_hz"][band + 1]
    assert outline.max() == waveform.max()
    played, rate = soundfile.read(io.BytesIO(sound), dtype="float32")
    assert rate == CAPSTONE.sample_rate
    assert np.abs(played - waveform).max() <= 1 / 32_768


def test_block_says_how_the_player_behaves(tone: Tone) -> None:
    waveform = tone(1000, 0.5)
    spectrogram = log_mel(waveform, CAPSTONE)
    usual, special = (
        unpacked(pack_block(waveform, spectrogram, CAPSTONE, PlayerOptions("a.wav", **flags)))
        for flags in ({}, {"autoplay": True, "owns_space": True, "compact": True})
    )
    assert [usual[0][flag] for flag in ("autoplay", "owns_space", "compact")] == [False] * 3
    assert [special[0][flag] for flag in ("autoplay", "owns_space", "compact")] == [True] * 3
    assert usual[0]["sound"]["id"] == special[0]["sound"]["id"]  # the sound continues when a flag changes
    assert usual[3] == special[3]


def test_a_long_sound_is_sent_without_loss_in_fewer_bytes(tone: Tone) -> None:
    waveform = tone(440, 40.0)
    spectrogram = display_log_mel(waveform, CAPSTONE)
    header, levels, _, sound = unpacked(pack_block(waveform, spectrogram, CAPSTONE, PlayerOptions("long.wav")))
    assert header["sound"]["file"] == "long.flac"
    assert len(sound) < len(waveform) * 2
    played, _ = soundfile.read(io.BytesIO(sound), dtype="float32")
    assert np.abs(played - waveform).max() <= 1 / 32_768
    assert levels.shape[1] <= MAX_COLUMNS
    columns_s = levels.shape[1] * header["spectrogram"]["column_s"]
    assert columns_s == pytest.approx(40.0, abs=header["spectrogram"]["column_s"])


def test_only_another_sound_or_name_has_another_id(noise: np.ndarray) -> None:
    def sound_id(waveform: np.ndarray, settings: SpectrogramSettings, options: PlayerOptions) -> str:
        return unpacked(pack_block(waveform, log_mel(waveform, settings), settings, options))[0]["sound"]["id"]

    here = sound_id(noise, CAPSTONE, PlayerOptions("a"))
    assert sound_id(noise, CAPSTONE.with_changes(n_mels=64), PlayerOptions("a", crop=Region(0, 1))) == here
    assert sound_id(noise, CAPSTONE, PlayerOptions("b")) != here
    assert sound_id(noise / 2, CAPSTONE, PlayerOptions("a")) != here


def test_the_same_arguments_give_the_same_block(noise: np.ndarray) -> None:
    spectrogram = log_mel(noise, CAPSTONE)
    options = PlayerOptions("a.wav", timeline=(TimelineRow("Hiss", np.array([0.2, 0.7]), np.array([0.1, 0.9])),))
    assert pack_block(noise, spectrogram, CAPSTONE, options) == pack_block(noise, spectrogram.copy(), CAPSTONE, options)


def test_the_player_of_a_part_gets_the_start_of_the_part() -> None:
    block = pack_block(np.zeros(44_100, np.float32), np.zeros((128, 64)), CAPSTONE, PlayerOptions("a", from_s=301.25))
    header = json.loads(block[4 : 4 + int.from_bytes(block[:4], "little")])
    assert (header["from_s"], header["duration_s"]) == (301.25, 1.0)
