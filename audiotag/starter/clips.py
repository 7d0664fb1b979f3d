"""One clip of the starter set: what is drawn for it, and its sound.

`sample_clip` says what is heard and what the table lists, without making a sound; `render_clip` makes it. Both depend on
(seed, subset, index) alone. Several voices are mixed to mono in a room drawn for the clip, over a noise floor, and the
whole is set to a random peak between -24 and -1 dB of full scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from audiotag.starter.voices import LABELS, SAMPLE_RATE, STRANGERS, VOICES, Player, Voice, sample_phrase

WRONG_SHARE = 0.4
PUBLIC_SHARE = 0.25
_BLOCK = len(LABELS)


@dataclass(frozen=True)
class SubsetPlan:
    """How the clips of one subset are drawn; levels in dB re the loudest labelled sound."""

    folder: str
    number: int
    sound_shares: tuple[float, float, float]
    median_s: float
    spread: float
    longest_s: float
    floor_db: tuple[float, float]
    stranger_share: float
    hum_share: float


CURATED = SubsetPlan("train_curated", 0, (0.90, 0.08, 0.02), 1.5, 0.85, 8.0, (-70.0, -40.0), 0.05, 0.0)
NOISY = SubsetPlan("train_noisy", 1, (0.72, 0.20, 0.08), 12.0, 0.9, 4.0, (-38.0, -16.0), 0.6, 0.35)
TEST = SubsetPlan("test", 2, (0.85, 0.12, 0.03), 1.6, 0.85, 8.0, (-70.0, -40.0), 0.05, 0.0)
SUBSETS = (CURATED, NOISY, TEST)


@dataclass(frozen=True)
class ClipPlan:
    """What is in a clip (`voices`, `heard`) and what its table says is in it (`listed`)."""

    subset: int
    index: int
    duration_s: float
    voices: tuple[Voice, ...]
    heard: tuple[str, ...]
    listed: tuple[str, ...]
    is_public: bool


def _rank(seed: int, subset: int, index: int, stream: int) -> int:
    """Place of a clip in a random order of its block: every block of clips gets each place once."""
    block, place = divmod(index, _BLOCK)
    return int(np.random.default_rng((seed, subset, block, stream)).permutation(_BLOCK)[place])


def sample_clip(seed: int, subset_number: int, index: int) -> ClipPlan:
    """What is heard in a clip and what is listed: labels, length, no sound yet."""
    subset = SUBSETS[subset_number]
    rng = np.random.default_rng((seed, subset_number, index))
    n_sounds = 1 + int(rng.choice(3, p=subset.sound_shares))
    main = LABELS[_rank(seed, subset_number, index, stream=1)]
    others = [label for label in LABELS if label != main]
    voices = []
    for label in [main, *rng.choice(others, size=n_sounds - 1, replace=False)]:
        choices = [voice for voice in VOICES if voice.labels[0] == label]
        voices.append(choices[rng.integers(len(choices))])
    heard = tuple(sorted({label for voice in voices for label in voice.labels}))
    length_s = subset.median_s * math.exp(subset.spread * rng.standard_normal())
    listed = heard
    if subset is NOISY and _rank(seed, subset_number, index, stream=2) < round(WRONG_SHARE * _BLOCK):
        listed = _mislabel(rng, heard)
    return ClipPlan(
        subset_number,
        index,
        float(np.clip(length_s, 0.3, subset.longest_s)),
        tuple(voices),
        heard,
        listed,
        _rank(seed, subset_number, index, stream=3) < round(PUBLIC_SHARE * _BLOCK),
    )


def _mislabel(rng: np.random.Generator, heard: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out one label, or name another in its place; never gives back `heard` nor nothing."""
    kept = list(heard)
    kept.pop(int(rng.integers(len(kept))))
    if not kept or rng.random() < 0.5:
        kept.append(str(rng.choice([label for label in LABELS if label not in heard])))
    return tuple(sorted(kept))


def render_clip(seed: int, subset_number: int, index: int) -> np.ndarray:
    """One clip, shape=(samples,), int16, mono at 44100 Hz."""
    clip, subset = sample_clip(seed, subset_number, index), SUBSETS[subset_number]
    rng = np.random.default_rng((seed, subset_number, index, 9))
    samples = round(clip.duration_s * SAMPLE_RATE)
    mix = np.zeros(samples)
    for i, voice in enumerate(clip.voices):
        # The first is the loudest; the next ones may come in later.
        late_s = rng.uniform(0.0, 0.4) * clip.duration_s if i else 0.0
        mix += _sound(rng, voice, samples, late_s) * _gain(rng.uniform(-5.0, 0.0) if i else 0.0)
    if rng.random() < subset.stranger_share:
        stranger = STRANGERS[rng.integers(len(STRANGERS))]
        mix += _sound(rng, stranger, samples, 0.0) * _gain(rng.uniform(-22.0, -10.0))
    mix = _place_in_room(rng, mix)
    # Relative to the sounds as they are after the room, which changes their level.
    mix /= _active_rms(mix)
    mix += _noise(rng, samples) * _gain(rng.uniform(*subset.floor_db))
    if rng.random() < subset.hum_share:
        mix += _hum(rng, samples) * _gain(rng.uniform(-35.0, -12.0))
    peak = _gain(rng.uniform(-24.0, -1.0))
    return np.round(mix * (peak / np.abs(mix).max()) * 32767.0).astype(np.int16)


def _sound(rng: np.random.Generator, voice: Voice, samples: int, late_s: float) -> np.ndarray:
    """A voice's phrase as mono, shape=(samples,), of active RMS 1, from `late_s` on."""
    late = round(late_s * SAMPLE_RATE)
    phrase = sample_phrase(rng, voice, (samples - late) / SAMPLE_RATE)
    stereo = _player().play(phrase, samples - late).astype(np.float64)
    angle = rng.uniform(0.15, 0.85) * math.pi / 2
    mono = (stereo[0] * math.cos(angle) + stereo[1] * math.sin(angle)) / 2
    if rng.random() < 0.3:
        # A swell or a decay, up to 24 dB over the clip.
        mono *= 10.0 ** (np.linspace(0.0, rng.uniform(-24.0, 12.0), len(mono)) / 20.0)
    return np.concatenate([np.zeros(late), mono / _active_rms(mono)])


@lru_cache(maxsize=1)
def _player() -> Player:
    return Player()


def _gain(level_db: float) -> float:
    """Factor on the amplitude for a level in dB; ``_gain(-20)`` is 0.1."""
    return float(10.0 ** (level_db / 20.0))


def _active_rms(waveform: np.ndarray) -> float:
    """RMS over the 20 ms frames within 20 dB of the loudest, so that pauses between strokes do not count.

    The waveform, shape=(samples,), must be at least 20 ms long.
    """
    frame = SAMPLE_RATE // 50
    power = np.mean(waveform[: len(waveform) // frame * frame].reshape(-1, frame) ** 2, axis=1)
    return float(np.sqrt(np.mean(power[power > 0.01 * power.max()])))


def _place_in_room(rng: np.random.Generator, mix: np.ndarray) -> np.ndarray:
    """A tail of decaying noise, a spectral tilt and a low-pass: a room and a microphone, drawn for one clip.

    Takes and returns shape=(samples,); the level changes with the room.
    """
    from scipy import fft

    decay_s = float(np.exp(rng.uniform(math.log(0.1), math.log(1.2))))
    wet = _gain(rng.uniform(-30.0, -10.0))
    tail_s = np.arange(round(decay_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(tail_s)) * 10.0 ** (-3.0 * tail_s / decay_s)
    n_fft = fft.next_fast_len(len(mix) + len(tail), real=True)
    hz = np.maximum(fft.rfftfreq(n_fft, 1.0 / SAMPLE_RATE), 20.0)
    response = 1.0 + wet * fft.rfft(tail / np.linalg.norm(tail), n_fft)
    response *= 10.0 ** (rng.uniform(-1.5, 1.5) * np.log2(hz / 1000.0) / 20.0)
    cutoff_hz = float(np.exp(rng.uniform(math.log(9000.0), math.log(22000.0))))
    response /= np.sqrt(1.0 + (hz / cutoff_hz) ** 8)
    return fft.irfft(fft.rfft(mix, n_fft) * response, n_fft)[: len(mix)]


def _noise(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Coloured noise of RMS 1: power falls as 1 / f ** colour, from white to brown; shape=(samples,)."""
    from scipy import fft

    n_fft = fft.next_fast_len(samples, real=True)
    spectrum = fft.rfft(rng.standard_normal(n_fft))
    hz = np.maximum(fft.rfftfreq(n_fft, 1.0 / SAMPLE_RATE), 20.0)
    noise = fft.irfft(spectrum * hz ** (-rng.uniform(0.0, 2.0) / 2), n_fft)[:samples]
    return noise / np.sqrt(np.mean(noise**2))


def _hum(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Mains hum of RMS 1: 50 or 60 Hz and seven overtones; shape=(samples,)."""
    time_s = np.arange(samples) / SAMPLE_RATE
    mains_hz = float(rng.choice([50.0, 60.0]))
    levels, phases = rng.uniform(0.1, 1.0, 8), rng.uniform(0.0, 2 * math.pi, 8)
    hum = sum(
        a / k * np.sin(2 * math.pi * k * mains_hz * time_s + phase)
        for k, a, phase in zip(range(1, 9), levels, phases, strict=True)
    )
    return np.asarray(hum / np.sqrt(np.mean(np.square(hum))))
