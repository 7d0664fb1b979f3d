"""The block that the player gets has the right levels, extremes, times and names."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soundfile

from audiotag.features.log_mel import display_log_mel, log_mel, network_input
from audiotag.features.mel import empty_bands, mel_corners, mel_frequencies
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.ui.player.options import Beside, Highlight, Jump, OtherSound, PlayerOptions, Region, TimelineRow, Values
from audiotag.ui.player.packing import (
    Block,
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


def with_header(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and rest of bytes that begin with a header."""
    end = 4 + int.from_bytes(data[:4], "little")
    return json.loads(data[4:end]), data[end:]


def head_of(block: Block) -> dict[str, Any]:
    return json.loads(block.head)


def parts_of(block: Block, kind: str) -> list[tuple[dict[str, Any], bytes]]:
    """Header and rest of the head's ``sounds`` or ``spectrograms``, as the browser reads them."""
    parts = {part.id: part.data for part in block.parts}
    return [with_header(parts[each["part"]]) for each in head_of(block)[kind]]


def levels_of(header: dict[str, Any], rest: bytes) -> np.ndarray:
    return np.frombuffer(rest, np.uint8).reshape(header["rows"], header["columns"])


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
    max_columns = 500
    spectrogram = rng.normal(size=(4, 2 * max_columns + 1)).astype(np.float32)
    fewer, step = reduce_columns(spectrogram, max_columns)
    assert step == 3
    assert fewer.shape == (4, -(-spectrogram.shape[1] // step))
    assert fewer.shape[1] <= max_columns
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
    block = pack_block(waveform, spectrogram, CAPSTONE, options)
    head = head_of(block)
    assert head["duration_s"] == 2.0
    assert (head["untrimmed"], head["crop"]) == ([0.1, 1.9], [-0.5, 1.5])
    assert head["file"] == "a.b"
    [(sound, rest)] = parts_of(block, "sounds")
    assert (sound["type"], sound["suffix"]) == ("audio/wav", "wav")
    outline = np.frombuffer(rest[: sound["envelope_bytes"]], np.float32)
    assert outline.max() == waveform.max()
    played, rate = soundfile.read(io.BytesIO(rest[sound["envelope_bytes"] :]), dtype="float32")
    assert rate == CAPSTONE.sample_rate
    assert np.abs(played - waveform).max() <= 1 / 32_768
    [(shown, rest)] = parts_of(block, "spectrograms")
    frame_s = CAPSTONE.hop_length / CAPSTONE.sample_rate
    assert shown["start_s"] == pytest.approx(0.25 - frame_s / 2)
    assert shown["column_s"] == pytest.approx(frame_s)
    assert shown["ceiling_db"] == pytest.approx(float(spectrogram.max()), abs=1e-4)
    band = int(levels_of(shown, rest).sum(axis=1).argmax())
    assert shown["edges_hz"][band] < 1000 < shown["edges_hz"][band + 1]


def test_levels_of_a_full_scale_sine_are_0_dbfs(tone: Tone) -> None:
    band = 60
    waveform = tone(mel_frequencies(CAPSTONE)[band], 1.0)
    waveform /= np.abs(waveform).max()
    [(shown, rest)] = parts_of(
        pack_block(waveform, log_mel(waveform, CAPSTONE), CAPSTONE, PlayerOptions("a")), "spectrograms"
    )
    step = levels_of(shown, rest)[band, 30] / 255
    level_db = shown["floor_db"] + step * (shown["ceiling_db"] - shown["floor_db"])
    assert level_db - shown["full_scale_db"][band] == pytest.approx(0, abs=0.15)


def test_bands_without_a_bin_have_no_level(noise: np.ndarray) -> None:
    settings = CAPSTONE.with_changes(n_mels=256, n_fft=1024)
    [(shown, _)] = parts_of(pack_block(noise, log_mel(noise, settings), settings, PlayerOptions("a")), "spectrograms")
    empty = empty_bands(settings)
    assert [band for band, level in enumerate(shown["full_scale_db"]) if level is None] == list(empty)


def test_a_network_input_has_its_own_values_at_the_frequencies_and_times_of_the_log_mel(tone: Tone) -> None:
    """A click at one second and a tone of 2 kHz, normalised and resized."""
    settings = CAPSTONE.with_changes(normalise="clip", resize=300)
    waveform = tone(2000, 2.0, 0.05)
    waveform[44_100] = 0.9
    values = network_input(log_mel(waveform, settings), settings)[0]
    options = PlayerOptions("a.wav", values=Values(float(values.min()), float(values.max()), "σ"))
    ((header, rest),) = parts_of(pack_block(waveform, values, settings, options), "spectrograms")
    levels = levels_of(header, rest)
    assert (header["unit"], levels.shape) == ("σ", (300, 300))
    step = (header["ceiling_db"] - header["floor_db"]) / 255
    np.testing.assert_allclose(header["floor_db"] + levels * step, values, atol=0.51 * step)
    assert header["full_scale_db"] == [0.0] * 300
    row = int(levels[:, 20:100].mean(axis=1).argmax())
    assert header["edges_hz"][row] < header["centres_hz"][row] < header["edges_hz"][row + 1]
    assert header["centres_hz"][row] == pytest.approx(2000, rel=0.03)
    column = int(levels[-60:].mean(axis=0).argmax())
    assert header["start_s"] + (column + 0.5) * header["column_s"] == pytest.approx(1.0, abs=0.02)


def test_a_sound_at_another_sample_rate_is_the_same_sound_if_it_has_the_same_identity(noise: np.ndarray) -> None:
    slower = CAPSTONE.with_changes(sample_rate=22_050, f_max=11_025.0)

    def head(identity: str, settings: SpectrogramSettings) -> dict[str, Any]:
        waveform = noise[:: 44_100 // settings.sample_rate]
        options = PlayerOptions("a.wav", identity=identity, view=Region(0.2, 0.4))
        return head_of(pack_block(waveform, display_log_mel(waveform, settings), settings, options))

    assert head("file", CAPSTONE)["id"] == head("file", slower)["id"]
    assert head("file", CAPSTONE)["id"] != head("other file", CAPSTONE)["id"]
    assert head("", CAPSTONE)["id"] != head("", slower)["id"]
    assert head("file", slower)["view"] == [0.2, 0.4]


def test_each_spectrogram_has_its_own_crop(noise: np.ndarray) -> None:
    spectrogram = display_log_mel(noise, CAPSTONE)
    for crop, wanted in ((Region(-1.0, 3.0), [-1.0, 3.0]), (None, [0.1, 0.9])):
        options = PlayerOptions("a.wav", crop=Region(0.1, 0.9), beside=Beside("B", spectrogram, CAPSTONE, crop=crop))
        head = head_of(pack_block(noise, spectrogram, CAPSTONE, options))
        assert [each["crop"] for each in head["spectrograms"]] == [[0.1, 0.9], wanted]


def test_block_says_how_the_player_behaves(tone: Tone) -> None:
    waveform = tone(1000, 0.5)
    spectrogram = log_mel(waveform, CAPSTONE)
    usual, special = (
        head_of(pack_block(waveform, spectrogram, CAPSTONE, PlayerOptions("a.wav", **flags)))
        for flags in ({}, {"autoplay": True, "owns_space": True, "compact": True, "jump": Jump(0.25, 3)})
    )
    assert [usual[flag] for flag in ("autoplay", "owns_space", "compact", "jump")] == [False, False, False, None]
    assert [special[flag] for flag in ("autoplay", "owns_space", "compact")] == [True] * 3
    assert special["jump"] == {"time_s": 0.25, "number": 3}
    assert usual["id"] == special["id"]  # the sound continues when a flag changes


def test_what_has_not_changed_is_the_same_part(noise: np.ndarray) -> None:
    def parts(settings: SpectrogramSettings, options: PlayerOptions) -> tuple[set[str], set[str]]:
        head = head_of(pack_block(noise, log_mel(noise, settings), settings, options))
        return ({each["part"] for each in head["sounds"]}, {each["part"] for each in head["spectrograms"]})

    sounds, spectrograms = parts(CAPSTONE, PlayerOptions("a"))
    other_settings = parts(CAPSTONE.with_changes(n_mels=64), PlayerOptions("a"))
    assert other_settings[0] == sounds
    assert not other_settings[1] & spectrograms
    row = TimelineRow("Hiss", np.array([0.2]), np.array([0.1]))
    assert parts(CAPSTONE, PlayerOptions("b", crop=Region(0, 1), timeline=(row,), jump=Jump(0, 1))) == (
        sounds,
        spectrograms,
    )


def test_second_spectrogram_and_other_sounds_are_parts_of_their_own(noise: np.ndarray) -> None:
    settings = CAPSTONE.with_changes(sample_rate=22_050, f_max=10_000)
    half_rate = noise[::2]
    beside = Beside("B", log_mel(half_rate, settings), settings, 0.5, half_rate)
    options = PlayerOptions(
        "a", label="Mine", beside=beside, other_sounds=(OtherSound("Made back", noise / 2, 44_100),)
    )
    block = pack_block(noise, log_mel(noise, CAPSTONE), CAPSTONE, options)
    assert [each["label"] for each in head_of(block)["sounds"]] == ["Mine", "B", "Made back"]
    assert [each["label"] for each in head_of(block)["spectrograms"]] == ["Mine", "B"]
    rates = [
        soundfile.info(io.BytesIO(rest[sound["envelope_bytes"] :])).samplerate
        for sound, rest in parts_of(block, "sounds")
    ]
    assert rates == [44_100, 22_050, 44_100]
    _, (shown, rest) = parts_of(block, "spectrograms")
    assert levels_of(shown, rest).shape == beside.spectrogram.shape
    assert shown["start_s"] == pytest.approx(0.5 - settings.hop_length / settings.sample_rate / 2)
    silent = pack_block(
        noise, log_mel(noise, CAPSTONE), CAPSTONE, replace(options, beside=replace(beside, waveform=None))
    )
    assert [each["label"] for each in head_of(silent)["sounds"]] == ["Mine", "Made back"]


def test_a_highlight_has_the_places_of_its_spectrogram(noise: np.ndarray) -> None:
    spectrogram = log_mel(noise, CAPSTONE)
    values = np.linspace(-0.5, 1.5, spectrogram.size).reshape(spectrogram.shape)
    part = values > 0.9
    options = PlayerOptions("a", highlight=Highlight("What it used", values, part))
    block = pack_block(noise, spectrogram, CAPSTONE, options)
    header, rest = with_header({each.id: each.data for each in block.parts}[head_of(block)["highlight"]["part"]])
    levels, inside = np.frombuffer(rest, np.uint8).reshape(2, *spectrogram.shape)
    assert header["label"] == "What it used"
    assert np.abs(levels / 255 - values.clip(0, 1)).max() <= 0.5 / 255 + 1e-9
    assert np.array_equal(inside, part)
    assert head_of(pack_block(noise, spectrogram, CAPSTONE, PlayerOptions("a")))["highlight"] is None
    with pytest.raises(ValueError, match="must have the shape of its spectrogram"):
        pack_block(noise, spectrogram, CAPSTONE, replace(options, highlight=Highlight("", values[1:], part[1:])))


def test_block_in_one_piece_holds_head_and_parts(noise: np.ndarray) -> None:
    block = pack_block(noise, log_mel(noise, CAPSTONE), CAPSTONE, PlayerOptions("a"))
    header, rest = with_header(block.joined())
    assert header["head"] == head_of(block)
    at = 0
    for part, (name, size) in zip(block.parts, header["parts"], strict=True):
        assert (name, rest[at : at + size]) == (part.id, part.data)
        at += size
    assert at == len(rest)


def test_a_long_sound_is_sent_without_loss_in_fewer_bytes_with_all_its_frames(tone: Tone) -> None:
    waveform = tone(440, 40.0)
    spectrogram = display_log_mel(waveform, CAPSTONE)
    block = pack_block(waveform, spectrogram, CAPSTONE, PlayerOptions("long.wav"))
    [(sound, rest)] = parts_of(block, "sounds")
    assert sound["suffix"] == "flac"
    assert len(rest) < len(waveform) * 2
    played, _ = soundfile.read(io.BytesIO(rest[sound["envelope_bytes"] :]), dtype="float32")
    assert np.abs(played - waveform).max() <= 1 / 32_768
    [(shown, rest)] = parts_of(block, "spectrograms")
    assert levels_of(shown, rest).shape == spectrogram.shape


def test_only_another_sound_or_name_has_another_id(noise: np.ndarray) -> None:
    def sound_id(waveform: np.ndarray, settings: SpectrogramSettings, options: PlayerOptions) -> str:
        return head_of(pack_block(waveform, log_mel(waveform, settings), settings, options))["id"]

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
    assert (head_of(block)["from_s"], head_of(block)["duration_s"]) == (301.25, 1.0)
