"""Augmentations of waveforms: crop, gain and noise; the conventions of `audiotag.augmentation.spectrograms` hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from audiotag.arrays import Array, Domain, beside, cast, items_of, namespace, on_device, require_fit, working_dtype
from audiotag.checks import require_one_of, require_probability, require_range
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import crop_start, fit_length

Colour = Literal["white", "pink"]

MIN_POWER = 1e-20  # mean square far below any sound's, so that nothing is divided by 0


@dataclass(frozen=True, eq=False)
class RandomCropParams:
    """Place of each crop, 0 to 1, shape ``(batch,)``: the ``at`` of `audiotag.features.trimming.fit_length`."""

    at: np.ndarray


@dataclass(frozen=True)
class RandomCrop:
    """Clips of any length cut, or padded, to the settings' length at a random place."""

    spectrogram: SpectrogramSettings
    domain: ClassVar[Domain] = "waveform"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> RandomCropParams:
        """Places; of ``shape`` only the number of clips matters, for their lengths may differ."""
        return RandomCropParams(rng.random(shape[0]))

    def apply(self, batch: Array, params: RandomCropParams) -> Array:
        """Crops of one length.

        Parameters
        ----------
        batch : list of numpy.ndarray of shape (samples,), or an array or tensor of shape (batch, samples)
        draw : CropDraw

        Returns
        -------
        numpy.ndarray or torch.Tensor, shape=(batch, clip_samples)
        """
        require_fit(params.at, batch)
        if all(isinstance(clip, np.ndarray) for clip in batch):
            return _fitted(batch, self.spectrogram, params.at)
        xp, samples = namespace(batch), batch.shape[1]
        start = np.array([crop_start(samples, self.spectrogram, float(at)) for at in params.at])
        places = xp.arange(self.spectrogram.clip_samples, device=batch.device)
        places = places + on_device(start[:, None], batch, xp.int64)
        repeated = xp.take_along_dim(batch, places % samples, 1)
        if self.spectrogram.padding == "repeat":
            return repeated
        return xp.where((places >= 0) & (places < samples), repeated, xp.zeros_like(repeated))


@dataclass(frozen=True, eq=False)
class GainParams:
    """Gain of each clip in dB, shape ``(batch,)``."""

    gain_db: np.ndarray


@dataclass(frozen=True)
class Gain:
    """Louder or quieter by a drawn number of dB; what then exceeds ±1 is not clipped.

    >>> louder = Gain(min_db=6.0206, max_db=6.0206)
    >>> clip = np.array([[0.1, -0.2]])
    >>> louder.apply(clip, louder.draw(np.random.default_rng(0), clip.shape)).round(4)
    array([[ 0.2, -0.4]])
    """

    min_db: float = -6.0
    max_db: float = 6.0
    p: float = 1.0
    domain: ClassVar[Domain] = "waveform"

    def __post_init__(self) -> None:
        require_range(("min_db", "max_db"), (self.min_db, self.max_db), -120, 60, "in dB? negative is quieter")
        require_probability(self.p)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> GainParams:
        """Gains, evenly in dB."""
        items = items_of(shape, self.domain)
        gain_db = rng.uniform(self.min_db, self.max_db, items)
        return GainParams(np.where(rng.random(items) < self.p, gain_db, 0.0))

    def apply(self, batch: Array, params: GainParams) -> Array:
        """Waveforms times their factor."""
        return batch * beside(10 ** (params.gain_db / 20), batch)


@dataclass(frozen=True, eq=False)
class NoiseParams:
    """Signal-to-noise ratio in dB, shape ``(batch,)``, infinite for no noise, and the noise's seed, ``(batch, 2)``."""

    snr_db: np.ndarray
    seed: np.ndarray


@dataclass(frozen=True)
class Noise:
    """Gaussian noise, so many dB below each clip's own RMS; silence stays silence.

    The level is exact: the noise is scaled by its own RMS. The RMS is over all samples, a clip's padding included.

    Parameters
    ----------
    min_snr_db, max_snr_db : float
    colour : "white" or "pink"
        Pink noise falls by 3 dB an octave, the same power in every octave; it has no offset.
    """

    min_snr_db: float = 10.0
    max_snr_db: float = 40.0
    colour: Colour = "white"
    p: float = 0.5
    domain: ClassVar[Domain] = "waveform"

    def __post_init__(self) -> None:
        bounds = (self.min_snr_db, self.max_snr_db)
        require_range(("min_snr_db", "max_snr_db"), bounds, -60, 120, "in dB? 0 is as loud as the clip")
        require_one_of("colour", self.colour, get_args(Colour))
        require_probability(self.p)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NoiseParams:
        """Ratios, evenly in dB, and seeds; the samples come from the seeds, where the batch is."""
        items = items_of(shape, self.domain)
        snr_db = rng.uniform(self.min_snr_db, self.max_snr_db, items)
        seed = rng.integers(-(2**31), 2**31, (items, 2), dtype=np.int32)
        return NoiseParams(np.where(rng.random(items) < self.p, snr_db, np.inf), seed)

    def apply(self, batch: Array, params: NoiseParams) -> Array:
        """Waveforms plus their noise."""
        signal = cast(batch, working_dtype(batch))
        noise = normal_noise(signal, params.seed)
        if self.colour == "pink":
            noise = pink(noise)
        level = ((signal**2).mean(1, keepdims=True) / ((noise**2).mean(1, keepdims=True) + MIN_POWER)) ** 0.5
        return cast(signal + noise * level * beside(10 ** (-params.snr_db / 20), signal), batch.dtype)


def _fitted(clips: Sequence[np.ndarray], settings: SpectrogramSettings, places: np.ndarray) -> np.ndarray:
    return np.stack([fit_length(clip, settings, float(at)) for clip, at in zip(clips, places, strict=True)])


def normal_noise(batch: Array, seed: np.ndarray) -> Array:
    """White Gaussian noise of a waveform batch's shape, float32, variance 1, from a hash of seed and sample number.

    The libraries' own generators differ from each other and between devices; a hash is the same everywhere. Two of
    its values give two normal ones (Box and Muller 1958).

    Parameters
    ----------
    batch : numpy.ndarray or torch.Tensor, shape=(batch, samples)
    seed : numpy.ndarray, shape=(batch, 2), int32
    """
    xp, samples = namespace(batch), batch.shape[1]
    pairs = (samples + 1) // 2
    first, second = (on_device(seed[:, [column]], batch, xp.int32) for column in (0, 1))
    counter = xp.arange(2 * pairs, device=batch.device, dtype=xp.int32)
    hashed = _scramble(_scramble(counter + first) ^ second)
    uniform = (cast((hashed >> 8) & 0xFFFFFF, xp.float32) + 0.5) * 2**-24  # 24 bits: all that float32 holds; never 0
    radius, angle = (-2 * xp.log(uniform[:, :pairs])) ** 0.5, 2 * np.pi * uniform[:, pairs:]
    return xp.concatenate([radius * xp.cos(angle), radius * xp.sin(angle)], 1)[:, :samples]


def pink(noise: Array) -> Array:
    """White noise of shape ``(batch, samples)`` made to fall by 3 dB an octave, its mean taken out."""
    xp = namespace(noise)
    spectrum = xp.fft.rfft(noise)
    frequency = xp.arange(spectrum.shape[1], device=noise.device, dtype=xp.float32)
    return xp.fft.irfft(spectrum * ((frequency > 0) / frequency.clip(1) ** 0.5), n=noise.shape[1])


def _scramble(numbers: Array) -> Array:
    """A bijection of int32, multiplications wrapping around, that leaves no trace of the order (T. Mueller's hash)."""
    for _ in range(2):
        numbers = (numbers ^ ((numbers >> 16) & 0xFFFF)) * 0x45D9F3B
    return numbers ^ ((numbers >> 16) & 0xFFFF)
