"""Log-mels, network inputs and every augmentation on the device are those of NumPy on the CPU."""

from typing import Any

import numpy as np
import pytest
import torch

from audiotag.augmentation.additive_mixer import AdditiveMixer
from audiotag.augmentation.base import AUGMENTATIONS, Augmentation, Mixer
from audiotag.augmentation.equaliser import Equaliser
from audiotag.augmentation.flip_labels import FlipLabels
from audiotag.augmentation.freq_mixstyle import FreqMixStyle
from audiotag.augmentation.gain import Gain
from audiotag.augmentation.lighting import Lighting
from audiotag.augmentation.mask import Mask
from audiotag.augmentation.mask_pairs import MaskPairs
from audiotag.augmentation.mixup import MixUp
from audiotag.augmentation.noise import Noise
from audiotag.augmentation.one_of import OneOfMixers
from audiotag.augmentation.overlay import Overlay
from audiotag.augmentation.resized_crop import RandomResizedCrop
from audiotag.augmentation.shift import Shift
from audiotag.augmentation.sigmoid_mixer import SigmoidMixer
from audiotag.augmentation.specmix import SpecMix
from audiotag.augmentation.time_crop import TimeCrop
from audiotag.augmentation.zoom import Zoom
from audiotag.features.log_mel import log_mel, network_inputs
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.features.torch_log_mel import LogMel, NetworkInput

AUDIBLE_DB = 60.0  # below the loudest value; further down a float32 FFT is rounding noise
MADE: tuple[Augmentation, ...] = (
    Gain(), Noise(p=1.0), Noise(p=1.0, colour="pink"), Mask("time", 5), Mask("mel", 5, exact=False, fill="minimum"),
    MaskPairs(p=1.0), Shift("time"), Shift("mel", 4), Equaliser(), FreqMixStyle(p=1.0), Overlay(), SpecMix(6, 6),
    Lighting(p=1.0), TimeCrop(40), RandomResizedCrop(p=1.0), Zoom(p=1.0, max_factor=1.5), MixUp(),
    MixUp(domain="waveform"), SigmoidMixer(), AdditiveMixer(),
    OneOfMixers((SigmoidMixer(), AdditiveMixer()), (0.6, 0.4), p=1.0), FlipLabels(),
)  # fmt: skip
SHAPES = {"waveform": (6, 4000), "log-mel": (6, 1, 32, 64), "network-input": (6, 2, 32, 64)}


def waveforms(settings: SpectrogramSettings) -> np.ndarray:
    """Noise, a loud chord in it, and a faint one after silence."""
    rng, time_s = np.random.default_rng(0), np.arange(settings.clip_samples) / settings.sample_rate
    chord = sum(0.25 * np.sin(2 * np.pi * hz * time_s) for hz in (220, 1000, 3456.7))
    noise = rng.standard_normal(settings.clip_samples)
    return np.stack([0.2 * noise, chord + 0.01 * noise, 1e-3 * chord * (time_s > 1) + 1e-5 * noise]).astype(np.float32)


@pytest.mark.parametrize(
    "name", ["capstone", "argus", *(name for name in PRESETS if name not in ("capstone", "argus"))]
)
def test_log_mels_and_network_inputs_are_those_of_the_cpu(name: str, device: torch.device) -> None:
    settings = PRESETS[name]
    sounds = waveforms(settings)
    ours = np.stack([log_mel(sound, settings) for sound in sounds])
    theirs = LogMel(settings).to(device)(torch.from_numpy(sounds).to(device)).cpu().numpy()
    audible = ours > ours.max(axis=(1, 2), keepdims=True) - min(settings.top_db, AUDIBLE_DB) + 0.01
    np.testing.assert_allclose(theirs[audible], ours[audible], rtol=0, atol=1e-3)
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=0.02)
    finished = NetworkInput(settings)(torch.from_numpy(ours).to(device)).cpu().numpy()
    step = 1 / 255 / settings.range_std if settings.normalise == "range" else 0  # a level of an 8-bit image
    np.testing.assert_allclose(finished, network_inputs(ours, settings), rtol=1e-4, atol=1e-4 + 1.01 * step)


@pytest.mark.parametrize("augmentation", MADE, ids=lambda made: f"{made.kind} {made.domain}")
def test_augmentation_on_the_device_is_that_of_numpy(augmentation: Augmentation, device: torch.device) -> None:
    rng, shape = np.random.default_rng(1), SHAPES[augmentation.domain]
    scale = {"waveform": 0.2, "log-mel": 12.0, "network-input": 1.0}[augmentation.domain]
    batch = (scale * rng.standard_normal(shape)).astype(np.float32)
    targets = np.eye(6, dtype=np.float32)
    pools = {"pools": np.arange(6) % 2} if isinstance(augmentation, Mixer) else {}
    params: Any = augmentation.sample(rng, shape, **pools)
    there, labels = torch.from_numpy(batch).to(device), torch.from_numpy(targets).to(device)
    changed, mixed = augmentation.apply(there, params), augmentation.change_targets(labels, params)
    assert changed.device == mixed.device == there.device
    np.testing.assert_allclose(changed.cpu(), augmentation.apply(batch, params), rtol=2e-4, atol=2e-4 * scale)
    np.testing.assert_allclose(mixed.cpu(), augmentation.change_targets(targets, params), rtol=1e-5, atol=1e-6)
    assert torch.equal(there.cpu(), torch.from_numpy(batch))


def test_every_registered_augmentation_is_among_them() -> None:
    assert {augmentation.kind for augmentation in MADE} == set(AUGMENTATIONS.names())
