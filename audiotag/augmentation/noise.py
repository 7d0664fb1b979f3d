"""Add white or pink noise to waveforms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from audiotag.arrays import Array, Domain, beside, cast, items_of, namespace, on_device, working_dtype
from audiotag.augmentation.base import Augmentation, Probability, register_augmentation
from audiotag.checks import Within, require_order

Colour = Literal["white", "pink"]
SnrDb = Annotated[float, Within(-60, 120, "dB"), "the unit is dB; at 0 dB the noise is as loud as the clip"]

MIN_POWER = 1e-20  # mean square far below any sound's, so that nothing is divided by 0


@dataclass(frozen=True, eq=False)
class NoiseParams:
    """Signal-to-noise ratio in dB, shape ``(batch,)``, infinite for no noise, and the noise's seed, ``(batch, 2)``."""

    snr_db: np.ndarray
    seed: np.ndarray


@register_augmentation("noise")
@dataclass(frozen=True)
class Noise(Augmentation):
    """Add Gaussian noise at a random level below each clip's own RMS; silence stays silence.

    The level is exact: the noise is scaled by its own RMS. The RMS is over all samples, a clip's padding included.

    Parameters
    ----------
    min_snr_db, max_snr_db : float
        The signal-to-noise ratio is uniformly distributed between them.
    colour : "white" or "pink"
        Pink noise falls by 3 dB per octave, with the same power in every octave; its mean is 0.
    """

    min_snr_db: SnrDb = 10.0
    max_snr_db: SnrDb = 40.0
    colour: Colour = "white"
    p: Probability = 0.5
    domain: ClassVar[Domain] = "waveform"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_order(self, "min_snr_db", "max_snr_db")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NoiseParams:
        """Ratios and seeds; `apply` makes the samples from the seeds, on the batch's own device."""
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
    hashed = _hash(_hash(counter + first) ^ second)
    uniform = (cast((hashed >> 8) & 0xFFFFFF, xp.float32) + 0.5) * 2**-24  # 24 bits: all that float32 holds; never 0
    radius, angle = (-2 * xp.log(uniform[:, :pairs])) ** 0.5, 2 * np.pi * uniform[:, pairs:]
    return xp.concatenate([radius * xp.cos(angle), radius * xp.sin(angle)], 1)[:, :samples]


def pink(noise: Array) -> Array:
    """White noise of shape ``(batch, samples)``, filtered to fall by 3 dB per octave, its mean removed."""
    xp = namespace(noise)
    spectrum = xp.fft.rfft(noise)
    frequency = xp.arange(spectrum.shape[1], device=noise.device, dtype=xp.float32)
    return xp.fft.irfft(spectrum * ((frequency > 0) / frequency.clip(1) ** 0.5), n=noise.shape[1])


def _hash(numbers: Array) -> Array:
    """A bijection of int32 that leaves no trace of the order (T. Mueller's hash); multiplications wrap around."""
    for _ in range(2):
        numbers = (numbers ^ ((numbers >> 16) & 0xFFFF)) * 0x45D9F3B
    return numbers ^ ((numbers >> 16) & 0xFFFF)
