"""One clip of the starter set: its plan, drawn at random, and its waveform.

`sample_clip` draws which voices a clip has and which labels its table lists; `render_clip` renders the waveform. Both
depend only on (seed, subset, index). Several voices are mixed to mono in a random room, noise is added, and the result
gets a random peak between -24 and -1 dB of full scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from audiotag.starter.voices import BACKGROUND_VOICES, LABELS, SAMPLE_RATE, VOICES, Player, Voice, sample_phrase

WRONG_LABELS_SHARE = 0.4  # of the noisy clips
PUBLIC_SHARE = 0.25  # of the test clips
BLOCK_CLIPS = len(LABELS)  # within so many consecutive clips, labels and shares are exactly balanced


@dataclass(frozen=True)
class SubsetPlan:
    """Distributions that the clips of one subset are drawn from; levels are in dB re the loudest labelled sound.

    Attributes
    ----------
    folder : str
    number : int
        Place of the subset in `SUBSETS`.
    sound_shares : tuple[float, float, float]
        Probabilities that a clip has one, two or three voices.
    median_s, spread, longest_s : float
        Median, standard deviation of the natural logarithm, and maximum of the duration.
    floor_db : tuple[float, float]
        Range of the level of the noise floor.
    background_share, hum_share : float
        Probabilities of a background voice and of mains hum.
    """

    folder: str
    number: int
    sound_shares: tuple[float, float, float]
    median_s: float
    spread: float
    longest_s: float
    floor_db: tuple[float, float]
    background_share: float
    hum_share: float


CURATED = SubsetPlan("train_curated", 0, (0.90, 0.08, 0.02), 1.5, 0.85, 8.0, (-70.0, -40.0), 0.05, 0.0)
NOISY = SubsetPlan("train_noisy", 1, (0.72, 0.20, 0.08), 12.0, 0.9, 4.0, (-38.0, -16.0), 0.6, 0.35)
TEST = SubsetPlan("test", 2, (0.85, 0.12, 0.03), 1.6, 0.85, 8.0, (-70.0, -40.0), 0.05, 0.0)
SUBSETS = (CURATED, NOISY, TEST)


@dataclass(frozen=True)
class ClipPlan:
    """What a clip contains (`voices`, with their `true_labels`), and the labels in its table (`table_labels`)."""

    subset: int
    index: int
    duration_s: float
    voices: tuple[Voice, ...]
    true_labels: tuple[str, ...]
    table_labels: tuple[str, ...]
    is_public: bool


def _rank(seed: int, subset: int, index: int, stream: int) -> int:
    """Place of a clip in a random order of its block; each place occurs once per block."""
    block, place = divmod(index, BLOCK_CLIPS)
    return int(np.random.default_rng((seed, subset, block, stream)).permutation(BLOCK_CLIPS)[place])


def sample_clip(seed: int, subset_number: int, index: int) -> ClipPlan:
    """Draw the plan of a clip: voices, labels and duration."""
    subset = SUBSETS[subset_number]
    rng = np.random.default_rng((seed, subset_number, index))
    n_sounds = 1 + int(rng.choice(3, p=subset.sound_shares))
    main = LABELS[_rank(seed, subset_number, index, stream=1)]
    others = [label for label in LABELS if label != main]
    voices = []
    for label in [main, *rng.choice(others, size=n_sounds - 1, replace=False)]:
        candidates = [voice for voice in VOICES if voice.labels[0] == label]
        voices.append(candidates[rng.integers(len(candidates))])
    true_labels = tuple(sorted({label for voice in voices for label in voice.labels}))
    length_s = subset.median_s * math.exp(subset.spread * rng.standard_normal())
    table_labels = true_labels
    if subset is NOISY and _rank(seed, subset_number, index, stream=2) < round(WRONG_LABELS_SHARE * BLOCK_CLIPS):
        table_labels = _mislabel(rng, true_labels)
    return ClipPlan(
        subset_number,
        index,
        float(np.clip(length_s, 0.3, subset.longest_s)),
        tuple(voices),
        true_labels,
        table_labels,
        _rank(seed, subset_number, index, stream=3) < round(PUBLIC_SHARE * BLOCK_CLIPS),
    )


def _mislabel(rng: np.random.Generator, true_labels: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out one label or replace it by another; the result is never empty and never equal to `true_labels`."""
    labels = list(true_labels)
    labels.pop(int(rng.integers(len(labels))))
    if not labels or rng.random() < 0.5:
        labels.append(str(rng.choice([label for label in LABELS if label not in true_labels])))
    return tuple(sorted(labels))


def render_clip(seed: int, subset_number: int, index: int) -> np.ndarray:
    """Render a clip: shape=(samples,), int16, mono at 44100 Hz."""
    clip, subset = sample_clip(seed, subset_number, index), SUBSETS[subset_number]
    rng = np.random.default_rng((seed, subset_number, index, 9))
    samples = round(clip.duration_s * SAMPLE_RATE)
    mix = np.zeros(samples)
    for i, voice in enumerate(clip.voices):
        # The first voice is the loudest; the others may start later.
        delay_s = rng.uniform(0.0, 0.4) * clip.duration_s if i else 0.0
        mix += _render_voice(rng, voice, samples, delay_s) * _amplitude_ratio(rng.uniform(-5.0, 0.0) if i else 0.0)
    if rng.random() < subset.background_share:
        voice = BACKGROUND_VOICES[rng.integers(len(BACKGROUND_VOICES))]
        mix += _render_voice(rng, voice, samples, 0.0) * _amplitude_ratio(rng.uniform(-22.0, -10.0))
    mix = _place_in_room(rng, mix)
    # The levels of noise and hum are relative to the sounds in the room, which changes their level.
    mix /= _active_rms(mix)
    mix += _noise(rng, samples) * _amplitude_ratio(rng.uniform(*subset.floor_db))
    if rng.random() < subset.hum_share:
        mix += _hum(rng, samples) * _amplitude_ratio(rng.uniform(-35.0, -12.0))
    peak = _amplitude_ratio(rng.uniform(-24.0, -1.0))
    return np.round(mix * (peak / np.abs(mix).max()) * 32767.0).astype(np.int16)


def _render_voice(rng: np.random.Generator, voice: Voice, samples: int, delay_s: float) -> np.ndarray:
    """A voice's phrase in mono, shape=(samples,), with an active RMS of 1, starting at `delay_s`."""
    delay = round(delay_s * SAMPLE_RATE)
    phrase = sample_phrase(rng, voice, (samples - delay) / SAMPLE_RATE)
    stereo = _player().play(phrase, samples - delay).astype(np.float64)
    angle = rng.uniform(0.15, 0.85) * math.pi / 2
    mono = (stereo[0] * math.cos(angle) + stereo[1] * math.sin(angle)) / 2
    if rng.random() < 0.3:
        # A fade-in or fade-out over the clip, by up to 24 dB.
        mono *= 10.0 ** (np.linspace(0.0, rng.uniform(-24.0, 12.0), len(mono)) / 20.0)
    return np.concatenate([np.zeros(delay), mono / _active_rms(mono)])


@lru_cache(maxsize=1)
def _player() -> Player:
    return Player()


def _amplitude_ratio(level_db: float) -> float:
    """Amplitude ratio of a level difference in dB; ``_amplitude_ratio(-20)`` is 0.1."""
    return float(10.0 ** (level_db / 20.0))


def _active_rms(waveform: np.ndarray) -> float:
    """RMS over those 20 ms frames that are within 20 dB of the loudest, so that pauses between strokes do not count.

    The waveform, shape=(samples,), must be at least 20 ms long.
    """
    frame = SAMPLE_RATE // 50
    power = np.mean(waveform[: len(waveform) // frame * frame].reshape(-1, frame) ** 2, axis=1)
    return float(np.sqrt(np.mean(power[power > 0.01 * power.max()])))


def _place_in_room(rng: np.random.Generator, mix: np.ndarray) -> np.ndarray:
    """Filter a mix, shape=(samples,), with a random room and microphone; this changes its level.

    The room is a tail of decaying noise, the microphone a spectral tilt and a low-pass filter.
    """
    from scipy import fft

    decay_s = float(np.exp(rng.uniform(math.log(0.1), math.log(1.2))))
    wet = _amplitude_ratio(rng.uniform(-30.0, -10.0))
    tail_s = np.arange(round(decay_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(tail_s)) * 10.0 ** (-3.0 * tail_s / decay_s)
    n_fft = fft.next_fast_len(len(mix) + len(tail), real=True)
    hz = np.maximum(fft.rfftfreq(n_fft, 1.0 / SAMPLE_RATE), 20.0)
    norm = np.sqrt(np.sum(np.square(tail)))  # not by BLAS, whose threads would wait for those of other renderers
    response = 1.0 + wet * fft.rfft(tail / norm, n_fft)
    response *= 10.0 ** (rng.uniform(-1.5, 1.5) * np.log2(hz / 1000.0) / 20.0)
    cutoff_hz = float(np.exp(rng.uniform(math.log(9000.0), math.log(22000.0))))
    response /= np.sqrt(1.0 + (hz / cutoff_hz) ** 8)
    return fft.irfft(fft.rfft(mix, n_fft) * response, n_fft)[: len(mix)]


def _noise(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Coloured noise with an RMS of 1, shape=(samples,): its power is 1 / f ** colour, from white (0) to brown (2)."""
    from scipy import fft

    n_fft = fft.next_fast_len(samples, real=True)
    spectrum = fft.rfft(rng.standard_normal(n_fft))
    hz = np.maximum(fft.rfftfreq(n_fft, 1.0 / SAMPLE_RATE), 20.0)
    noise = fft.irfft(spectrum * hz ** (-rng.uniform(0.0, 2.0) / 2), n_fft)[:samples]
    return noise / np.sqrt(np.mean(noise**2))


def _hum(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Mains hum with an RMS of 1, shape=(samples,): 50 or 60 Hz and seven overtones."""
    time_s = np.arange(samples) / SAMPLE_RATE
    mains_hz = float(rng.choice([50.0, 60.0]))
    levels, phases = rng.uniform(0.1, 1.0, 8), rng.uniform(0.0, 2 * math.pi, 8)
    hum = sum(
        a / k * np.sin(2 * math.pi * k * mains_hz * time_s + phase)
        for k, a, phase in zip(range(1, 9), levels, phases, strict=True)
    )
    return np.asarray(hum / np.sqrt(np.mean(np.square(hum))))
