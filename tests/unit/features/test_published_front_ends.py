"""The front-ends of published systems, by reference numbers of their code (`tests/fixtures/systems`)."""

import json
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import scipy.signal
import torch

from audiotag.features.log_mel import deltas, log_mel, network_input
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.features.torch_log_mel import LogMel, NetworkInput
from audiotag.features.trimming import SilenceTrimmer, trimmed_bounds
from audiotag.features.whole_clip import WholeClip

ARGUS, WARM_UP = PRESETS["argus"], PRESETS["warm-up"]
TIME_S = np.arange(44_100) / 44_100
TONE = np.sin(2 * np.pi * 1000 * TIME_S).astype(np.float32)
CHIRP = (0.5 * np.sin(2 * np.pi * (200 * TIME_S + 4000 * TIME_S**2)) * np.exp(-3 * TIME_S)).astype(np.float32)
SIX = slice(0, 101, 20)


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    path = Path(__file__).parents[2] / "fixtures/systems/reference_numbers.json"
    return dict(json.loads(path.read_text()))


def by_torch(waveform: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    return LogMel(settings)(torch.from_numpy(waveform)[None])[0].numpy()


@pytest.mark.parametrize("compute", [log_mel, by_torch])
def test_log_mels_of_argus_equal_the_published_ones(compute: Any, reference: dict[str, Any]) -> None:
    published = reference["argus_log_mel_1kHz"]
    ours = compute(TONE, ARGUS)
    assert list(ours.shape) == published["shape"]
    assert ours.max() == pytest.approx(published["max"], abs=1e-4)
    assert ours.min() == pytest.approx(published["min"], abs=1e-4)
    assert np.unravel_index(ours.argmax(), ours.shape)[0] == published["row_of_max"]
    np.testing.assert_allclose(ours[:5, :5], published["float64_by_hand_first_5x5"], atol=1e-3)
    np.testing.assert_allclose(ours[40:45, 30], published["rows_40_44_frame_30"], atol=1e-3)
    published = reference["argus_log_mel_chirp"]
    name = "float64_by_hand_rows_0_20_40_60_80_100_frames_0_10_20_30_40_50_60"
    np.testing.assert_allclose(compute(CHIRP, ARGUS)[SIX, 0:61:10], published[name], atol=1e-3)


def test_network_inputs_of_argus_are_decibels_and_their_deltas_over_100() -> None:
    whole = WholeClip.of(CHIRP, ARGUS)
    decibels = log_mel(CHIRP, ARGUS)
    channels = network_input(whole.log_mel, ARGUS, whole.scale)
    by_scipy = [scipy.signal.savgol_filter(decibels, 9, order, deriv=order, axis=-1, mode="interp") for order in (1, 2)]
    np.testing.assert_allclose(channels, np.stack([decibels, *by_scipy]) / 100, atol=1e-6)
    assert (ARGUS.channels, ARGUS.height, ARGUS.width) == (3, 128, 256)


def test_images_of_warm_up_equal_the_published_ones(reference: dict[str, Any]) -> None:
    published = reference["warmup_image_chirp"]
    whole = WholeClip.of(CHIRP, WARM_UP)
    assert whole.zeros_before == 22_050
    for channels in (
        network_input(whole.log_mel, WARM_UP, whole.scale),
        NetworkInput(WARM_UP)(torch.from_numpy(whole.log_mel)[None], [whole.scale])[0].numpy(),
    ):
        assert list(channels.shape) == [3, *published["shape"]]
        assert (channels == channels[0]).all()
        levels = 255 * channels[0]
        name = "uint8_rows_0_20_40_60_80_100_frames_30_40_50_60_70_80_90"
        np.testing.assert_allclose(levels[SIX, 30:91:10], published[name], atol=1e-3)
        assert levels.mean() == pytest.approx(published["mean"], abs=1e-3)


@pytest.mark.parametrize("sound", ["of [0,1,4,...,121] (k^2, 12 frames)", "impulse at frame 6 of 13"])
def test_deltas_equal_the_published_ones(sound: str, reference: dict[str, Any]) -> None:
    values = np.arange(12, dtype=np.float32) ** 2 if "k^2" in sound else np.eye(13, dtype=np.float32)[6]
    found = deltas(values[None], 2, "savitzky-golay")
    for ours, name in zip(found, ("delta1", "delta2"), strict=True):
        np.testing.assert_allclose(ours[0], reference["argus_deltas"][sound][name], atol=1e-5)


@pytest.mark.parametrize("delta_filter", ["slope", "savitzky-golay"])
@pytest.mark.parametrize("frames", [9, 10, 40])
def test_deltas_equal_those_of_librosa(delta_filter: str, frames: int) -> None:
    values = np.random.default_rng(0).normal(0, 20, (3, frames)).astype(np.float32)
    first, second = deltas(values, 2, delta_filter)  # type: ignore[arg-type]
    if delta_filter == "slope":
        theirs = [librosa.feature.delta(values, mode="nearest")]
        theirs.append(librosa.feature.delta(theirs[0], mode="nearest"))
    else:
        theirs = [librosa.feature.delta(values, order=order, mode="interp") for order in (1, 2)]
    np.testing.assert_allclose(first, theirs[0], atol=1e-4)
    np.testing.assert_allclose(second, theirs[1], atol=1e-4)


def bounds_of_librosa_0_6(waveform: np.ndarray, threshold_db: float) -> tuple[int, int]:
    """As ``librosa.effects.trim`` of 0.6.3, whose frames mirror the ends: today's librosa pads with zeros instead."""
    padded = np.pad(waveform, 1024, mode="reflect")
    power = np.square(librosa.util.frame(padded, frame_length=2048, hop_length=512)).mean(axis=0)
    loud = np.flatnonzero(librosa.power_to_db(power, ref=np.max, top_db=None) > -threshold_db)
    return int(loud[0]) * 512, min(len(waveform), (int(loud[-1]) + 1) * 512)


def test_trimming_equals_the_published_one(reference: dict[str, Any]) -> None:
    sound = np.zeros(44_100, dtype=np.float32)
    at = np.arange(10_000, 20_000)
    sound[at] = 0.3 * np.sin(2 * np.pi * 440 * at / 44_100)
    settings = ARGUS.with_changes(min_s=0.0)
    assert list(trimmed_bounds(sound, settings)) == reference["trim_60dB"]["kept"]
    assert trimmed_bounds(sound, settings) == bounds_of_librosa_0_6(sound, 60)


@pytest.mark.parametrize("samples", [1, 2, 700, 1024, 1025, 1026, 2048, 5000, 44_100])
def test_trimming_does_not_depend_on_blocks_and_mirrors_the_ends(samples: int) -> None:
    rng = np.random.default_rng(samples)
    for fades in (np.geomspace(1e-5, 1, samples), np.geomspace(1, 1e-5, samples), np.ones(samples)):
        sound = (rng.normal(0, 0.1, samples) * fades).astype(np.float32)
        wanted = bounds_of_librosa_0_6(sound, 60)
        for step in (samples, 1000, 333):
            trimmer = SilenceTrimmer(44_100, 60, rule="librosa")
            for first in range(0, samples, step):
                trimmer.add(sound[first : first + step])
            assert trimmer.bounds() == wanted


@pytest.mark.parametrize(
    ("start", "end", "samples", "bounds"),
    [
        (20_000, 21_000, 44_100, (9475, 31_525)),  # 11,025 samples on both sides of the sound's middle
        (0, 1000, 44_100, (0, 11_525)),
        (43_000, 44_100, 44_100, (32_525, 44_100)),
        (3000, 5000, 9000, (0, 9000)),
    ],
)
def test_short_sounds_are_extended_around_their_own_middle(
    start: int, end: int, samples: int, bounds: tuple[int, int]
) -> None:
    """Unlike in argus' code, which takes the middle as if the sound began with the file."""
    sound = np.zeros(samples, dtype=np.float32)
    sound[start:end] = np.random.default_rng(0).normal(0, 0.1, end - start)
    found = trimmed_bounds(sound, ARGUS)
    # Trimming is exact to a frame; the loud frames reach half a frame beyond the sound.
    assert abs(found[0] - bounds[0]) <= 1100
    assert abs(found[1] - bounds[1]) <= 1100
    assert found[0] <= start < end <= found[1]
    whole = WholeClip.of(sound[slice(*found)], ARGUS)
    assert whole.log_mel.shape[1] >= 1 + 22_050 // 690


def test_log_mels_of_the_baseline_are_natural_logarithms_of_magnitudes() -> None:
    """DCASE 2019 task 2's baseline: ln(magnitude in HTK bands + 0.001), frames that begin with the sound."""
    settings = SpectrogramSettings(
        clip_s=1.015, n_fft=2048, win_length=1102, hop_length=441, n_mels=96, top_db=200.0, power=1.0, trim_db=0.0,
        crop="spectrogram", padding="zero-db-after", centred=False, log_offset=0.001, normalise="global",
        std_db=20 / np.log(10),
    )  # fmt: skip
    assert settings.frames == 100
    frames = librosa.util.frame(CHIRP, frame_length=1102, hop_length=441).T
    magnitudes = np.abs(np.fft.rfft(frames * scipy.signal.get_window("hann", 1102), n=2048, axis=1))
    bands = librosa.filters.mel(sr=44_100, n_fft=2048, n_mels=96, fmin=20, fmax=20_000, htk=True, norm=None)
    theirs = np.log(magnitudes @ bands.T + 0.001).T
    for spectrogram in (log_mel(CHIRP, settings), by_torch(CHIRP, settings)):
        apart = np.abs(network_input(spectrogram, settings)[0] - theirs)
        assert apart.mean() < 5e-4
        assert apart.max() < 0.02  # 60 dB below the loudest band, from rounding in the FFT and of the bands' corners


@pytest.mark.parametrize("preset", ["argus", "warm-up"])
@pytest.mark.parametrize("resize", [{}, {"resize": 64}, {"resize": 200, "resize_filter": "nearest"}])
def test_torch_makes_the_same_network_inputs(preset: str, resize: dict[str, Any]) -> None:
    settings = PRESETS[preset].with_changes(**resize, range_mean=0.3, range_std=0.2)
    rng = np.random.default_rng(0)
    log_mels = rng.uniform(-60, 20, (3, settings.n_mels, settings.frames)).astype(np.float32)
    wholes = [WholeClip.of(rng.normal(0, 0.1, 100_000).astype(np.float32), settings) for _ in log_mels]
    for scales in (None, [whole.scale for whole in wholes]):
        ours = np.stack(
            [network_input(one, settings, scales and scales[number]) for number, one in enumerate(log_mels)]
        )
        theirs = NetworkInput(settings)(torch.from_numpy(log_mels), scales).numpy()
        assert ours.shape == (3, settings.channels, settings.height, settings.width)
        steps = 1.01 / 255 / settings.range_std if settings.normalise == "range" else 0  # a rounding may cost a step
        far = np.abs(ours - theirs) > 1e-4
        assert far.mean() < 0.001
        np.testing.assert_allclose(ours, theirs, atol=1e-4 + steps)


def test_doubling_by_nearest_repeats_every_value() -> None:
    """As the 6th place's code does with the crops of warm-up's images, by the default of the Pillow of its time."""
    settings = WARM_UP.with_changes(resize=256, resize_filter="nearest", normalise="none")
    decibels = np.random.default_rng(0).uniform(-60, 20, (128, 128)).astype(np.float32)
    np.testing.assert_array_equal(network_input(decibels, settings)[0], decibels.repeat(2, axis=0).repeat(2, axis=1))
