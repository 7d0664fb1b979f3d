"""Log-mels and network inputs in torch equal those of the NumPy core, for a whole batch at once."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from audiotag.errors import AudiotagError
from audiotag.features.log_mel import deltas, log_mel, network_input, network_inputs
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.features.torch_log_mel import LogMel, NetworkInput

Tone = Callable[..., np.ndarray]
SETTINGS = {
    **PRESETS,
    "odd n_fft and window": SpectrogramSettings(n_fft=2047, win_length=1001, hop_length=500, n_mels=64),
    "amplitude": SpectrogramSettings(power=1.0, window="blackman"),
    "16 kHz": SpectrogramSettings(
        sample_rate=16_000, n_fft=1024, win_length=400, hop_length=160, n_mels=64, f_min=50, f_max=8000, top_db=80
    ),
}
FINISHES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "clip": {"normalise": "clip"},
    "global": {"normalise": "global", "mean_db": -20.0, "std_db": 12.0},
    "deltas": {"deltas": 2, "normalise": "clip"},
    "resize": {"resize": 200},
    "all": {"resize": 256, "deltas": 1, "normalise": "clip"},
}


@pytest.fixture
def sounds(tone: Tone) -> Callable[[SpectrogramSettings], np.ndarray]:
    """A batch: noise, a loud chord, a faint tone after silence, and digital silence."""

    def make(settings: SpectrogramSettings) -> np.ndarray:
        rng = np.random.default_rng(0)
        samples = settings.clip_samples
        chord = sum(tone(hz, settings.clip_s, 0.3, settings.sample_rate) for hz in (220, 1000, 3456.7))
        noise = 0.2 * rng.standard_normal(samples)
        faint = 1e-3 * chord * (np.arange(samples) > samples // 2) + 1e-5 * noise
        return np.stack([noise, chord[:samples] + 1e-2 * noise, faint, np.zeros(samples)]).astype(np.float32)

    return make


@pytest.mark.parametrize("name", SETTINGS)
def test_log_mels_of_a_batch_equal_those_of_the_numpy_core(name: str, sounds: Callable) -> None:
    settings = SETTINGS[name]
    waveforms = sounds(settings)
    theirs = LogMel(settings)(torch.from_numpy(waveforms)).numpy()
    for waveform, spectrogram in zip(waveforms, theirs, strict=True):
        ours = log_mel(waveform, settings)
        assert spectrogram.shape == ours.shape
        above = ours > ours.max() - min(settings.top_db, 60) + 0.01  # below that a float32 FFT is rounding noise
        np.testing.assert_allclose(spectrogram[above], ours[above], atol=1e-3)
        np.testing.assert_allclose(spectrogram, ours, atol=0.02)


def test_a_quiet_clip_keeps_its_own_floor_beside_a_loud_one(tone: Tone) -> None:
    loud, quiet = tone(1000, 2.0, 0.9), 1e-4 * tone(1000, 2.0, 0.9)
    settings = PRESETS["capstone"]
    spectrograms = LogMel(settings)(torch.from_numpy(np.stack([loud, quiet]).astype(np.float32)))
    assert (spectrograms.amax(dim=(1, 2)) - spectrograms.amin(dim=(1, 2))).tolist() == pytest.approx([60, 60], abs=1e-3)
    np.testing.assert_allclose(spectrograms[0] - spectrograms[1], 80, atol=2e-2)


@pytest.mark.parametrize("name", FINISHES)
def test_network_inputs_equal_those_of_the_numpy_core(name: str, sounds: Callable) -> None:
    settings = SpectrogramSettings(**FINISHES[name])
    log_mels = np.stack([log_mel(waveform, settings) for waveform in sounds(settings)])
    theirs = NetworkInput(settings)(torch.from_numpy(log_mels)).numpy()
    ours = np.stack([network_input(spectrogram, settings) for spectrogram in log_mels])
    assert ours.shape == theirs.shape == (4, settings.channels, settings.height, settings.width)
    np.testing.assert_allclose(theirs, ours, atol=1e-3)


@pytest.mark.parametrize("name", [*FINISHES, "batch"])
def test_network_inputs_of_a_batch_in_numpy_equal_those_in_torch(name: str, sounds: Callable) -> None:
    finish = {"normalise": "batch", "deltas": 2, "resize": 200} if name == "batch" else FINISHES[name]
    settings = SpectrogramSettings(**finish)
    log_mels = np.stack([log_mel(waveform, settings) for waveform in sounds(settings)])
    before = log_mels.copy()
    ours = network_inputs(log_mels, settings)
    assert ours.shape == (4, settings.channels, settings.height, settings.width)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, NetworkInput(settings)(torch.from_numpy(log_mels)), atol=1e-3)
    np.testing.assert_array_equal(log_mels, before)


@pytest.mark.parametrize("name", FINISHES)
def test_a_clip_is_the_same_alone_and_in_a_batch(name: str, sounds: Callable) -> None:
    settings = SpectrogramSettings(**FINISHES[name])
    log_mels = np.stack([log_mel(waveform, settings) for waveform in sounds(settings)])
    alone = np.stack([network_input(spectrogram, settings) for spectrogram in log_mels])
    np.testing.assert_array_equal(network_inputs(log_mels, settings), alone)


def test_a_batch_in_numpy_shares_one_mean_and_deviation_and_a_single_clip_has_its_own(sounds: Callable) -> None:
    settings = SpectrogramSettings(normalise="batch")
    log_mels = np.stack([log_mel(waveform, settings) for waveform in sounds(settings)])
    spectrograms = network_inputs(log_mels, settings)
    assert float(spectrograms.mean()) == pytest.approx(0, abs=1e-4)
    assert float(spectrograms.std()) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(spectrograms[:, 0] * log_mels.std() + log_mels.mean(), log_mels, atol=1e-2)
    by_clip = network_input(log_mels[0], settings.with_changes(normalise="clip"))
    np.testing.assert_array_equal(network_input(log_mels[0], settings), by_clip)


def test_a_batch_in_torch_shares_one_mean_and_deviation(sounds: Callable) -> None:
    settings = SpectrogramSettings(normalise="batch")
    log_mels = LogMel(settings)(torch.from_numpy(sounds(settings)))
    spectrograms = NetworkInput(settings)(log_mels)
    assert float(spectrograms.mean()) == pytest.approx(0, abs=1e-4)
    assert float(spectrograms.std(correction=0)) == pytest.approx(1, abs=1e-4)
    assert len({round(float(spectrogram.mean()), 3) for spectrogram in spectrograms}) == 4  # and not one per clip


def test_normalising_does_not_amplify_silence() -> None:
    settings = SpectrogramSettings(normalise="clip")
    spectrogram = network_input(log_mel(np.zeros(settings.clip_samples), settings), settings)
    assert np.abs(spectrogram).max() < 0.2


def test_the_delta_of_a_constant_slope_is_the_slope() -> None:
    rising = np.tile(3.0 * np.arange(40, dtype=np.float32), (5, 1))
    first, second = deltas(rising, 2)
    np.testing.assert_allclose(first[:, 4:-4], 3, rtol=1e-5)
    np.testing.assert_allclose(second[:, 8:-8], 0, atol=1e-5)


def test_deltas_equal_librosas() -> None:
    import librosa

    spectrogram = np.random.default_rng(0).standard_normal((16, 60)).astype(np.float32)
    first, second = deltas(spectrogram, 2)
    np.testing.assert_allclose(first, librosa.feature.delta(spectrogram, mode="nearest"), atol=1e-5)
    again = librosa.feature.delta(librosa.feature.delta(spectrogram, mode="nearest"), mode="nearest")
    np.testing.assert_allclose(second, again, atol=1e-5)


def test_waveforms_too_short_to_mirror_are_refused() -> None:
    with pytest.raises(AudiotagError, match="must be longer than half of n_fft"):
        LogMel(PRESETS["capstone"])(torch.zeros(2, 1280))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_gives_the_same_network_inputs(sounds: Callable) -> None:
    settings = SpectrogramSettings(normalise="clip", deltas=1, resize=200)
    waveforms = torch.from_numpy(sounds(settings))
    modules = torch.nn.Sequential(LogMel(settings), NetworkInput(settings))
    here = modules(waveforms)
    there = modules.to("cuda")(waveforms.to("cuda")).cpu()
    np.testing.assert_allclose(there, here, atol=2e-2)
