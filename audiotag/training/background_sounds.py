"""Render background sounds: noise, hum, tones, sweeps, clicks and silence, varied at random, from a seed.

They are negative examples for a training. The noise gate (`audiotag.trust`) measures with sounds of its own. Its noises
and its hum are of the same families as these, with other seeds and fixed spectra; its wind, speech and babble have no
counterpart here, so they tell whether a network has learnt more than these sounds.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiotag.disk import locked
from audiotag.features.settings import SpectrogramSettings
from audiotag.trust.noise_sounds import Kind, at_level, shaped_noise, silence, slow_curve
from audiotag.workspace import write_bytes

VERSION = 1  # part of the name of a folder of rendered sounds
STREAM = 23  # part of the seed, so that no other draw from the recipe's seed is the same
HELD_OUT_FROM = 1_000_000  # numbers of sounds that no training uses
LEVELS_DBFS = (-60.0, -6.0)  # RMS
LOWEST_HZ = 20.0


@dataclass(frozen=True)
class Background(Kind):
    """A kind of background sound.

    Attributes
    ----------
    plural : str
        Its name in a list.
    parts : int
        How often it comes in a round of all kinds.
    """

    plural: str = ""
    parts: int = 1


def varied_noise(rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    """Gaussian noise of a random colour, band and unevenness, steady or with a changing level.

    Its power falls by −3 to +6.6 dB per octave. Wind in a microphone, which falls by 9 dB, is not among it.
    """
    colour, nyquist = rng.uniform(-1.0, 2.2), sample_rate / 2
    low = np.exp(rng.uniform(np.log(20), np.log(2000))) if rng.random() < 0.5 else LOWEST_HZ
    high = np.exp(rng.uniform(np.log(max(2 * low, 500)), np.log(nyquist))) if rng.random() < 0.5 else nyquist
    steepness = rng.integers(1, 5)  # of both edges: 6 to 24 dB per octave
    uneven_db = rng.normal(0, rng.choice([0.0, 2.0, 5.0]), 12)  # at points that are evenly spread over octaves

    def amplitude(hz: np.ndarray) -> np.ndarray:
        at = np.maximum(hz, LOWEST_HZ)
        octaves = np.log2(at / LOWEST_HZ) / np.log2(nyquist / LOWEST_HZ) * (len(uneven_db) - 1)
        gain_db = np.interp(octaves, np.arange(len(uneven_db)), uneven_db)
        edges = np.sqrt(1 + (low / at) ** (2 * steepness)) * np.sqrt(1 + (at / high) ** (2 * steepness))
        return at ** (-colour / 2) * 10 ** (gain_db / 20) / edges

    noise = shaped_noise(rng, samples, sample_rate, amplitude)
    if rng.random() < 0.5:
        return noise
    time_s = np.exp(rng.uniform(np.log(0.05), np.log(3.0)))
    return noise * 10 ** (rng.uniform(0.5, 4.0) * slow_curve(rng, samples, sample_rate, time_s) / 20)


def varied_hum(rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    """Hum of the mains or of a transformer: 50 or 60 Hz with random harmonics, over a little noise."""
    mains_hz, highest = rng.choice([50.0, 60.0]), rng.integers(3, 40)
    slope, even = rng.uniform(0.3, 2.0), 10 ** (rng.uniform(-10, 10) / 20)
    wander = 0.05 * np.cumsum(slow_curve(rng, samples, sample_rate, 5.0)) / sample_rate
    turns = mains_hz * np.arange(samples) / sample_rate + wander
    waveform = np.zeros(samples)
    for harmonic in range(1, 1 + int(min(highest, sample_rate / 2 // mains_hz))):
        amplitude = harmonic**-slope * (even if harmonic % 2 == 0 else 1.0) * np.exp(rng.normal(0, 0.5))
        waveform += amplitude * np.sin(2 * np.pi * (harmonic * turns + rng.random()))
    return over_noise(rng, waveform, sample_rate)


def tones(rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    """One to three steady sine tones that have no harmonic relation, over a little noise."""
    time_s = np.arange(samples) / sample_rate
    waveform = np.zeros(samples)
    for _ in range(rng.integers(1, 4)):
        hz = np.exp(rng.uniform(np.log(60), np.log(0.4 * sample_rate)))
        waveform += rng.uniform(0.1, 1) * np.sin(2 * np.pi * (hz * time_s + rng.random()))
    return over_noise(rng, waveform, sample_rate)


def sweep(rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    """A sine that rises or falls evenly in octaves, once or several times, over a little noise."""
    lowest, highest = np.log(40.0), np.log(0.45 * sample_rate)
    start, end = rng.uniform(lowest, highest, 2)
    passes = rng.integers(1, 6)
    hz = np.exp(start + (end - start) * (np.arange(samples) * passes / samples % 1))
    return over_noise(rng, np.sin(2 * np.pi * np.cumsum(hz) / sample_rate), sample_rate)


def clicks(rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    """Single clicks at random times, two per second on average at most, over a little noise."""
    length = max(2, int(rng.uniform(0.0005, 0.01) * sample_rate))
    click = rng.standard_normal(length) * np.exp(-np.arange(length) * 5 / length)
    waveform = np.zeros(samples + length)
    for start in rng.integers(0, samples, rng.integers(1, 2 + 2 * samples // sample_rate)):
        waveform[start : start + length] += rng.uniform(0.1, 1) * click
    return over_noise(rng, waveform[:samples], sample_rate)


def over_noise(rng: np.random.Generator, waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """A waveform with varied noise that is 10 to 60 dB softer."""
    noise, below_db = varied_noise(rng, len(waveform), sample_rate), rng.uniform(10, 60)
    ratio = np.sqrt(np.mean(waveform**2) / (np.mean(noise**2) or 1))
    return waveform + noise * ratio * 10 ** (-below_db / 20)


NOISES = ("noise", "white noise", "pink noise", "static", "background noise", "environmental noise")
BACKGROUNDS = (
    Background("noise", varied_noise, NOISES, "noises", 5),
    Background("hum", varied_hum, ("hum", "mains hum", "electric hum", "buzz"), "hums", 2),
    Background("tone", tones, ("tone", "sine wave", "pure tone", "beep", "beep, bleep"), "tones"),
    Background("sweep", sweep, ("sweep", "sine sweep", "chirp tone", "siren", "whistle"), "sweeps"),
    Background(
        "clicks", clicks,
        ("click", "clicks", "clicking", "mouse click", "crackle", "crackling", "fire crackling", "crackling fire",
         "tick", "tick tock", "clock tick", "tap", "typing", "keyboard typing", "computer keyboard"),
        "clicks",
    ),
    Background("silence", silence, ("silence",), "silences"),
)  # fmt: skip


def kinds_without(labels: Sequence[str]) -> tuple[list[Background], list[tuple[Background, str]]]:
    """The kinds that no label names, and the others, each with the label that does.

    >>> [kind.name for kind in kinds_without(("Tick-tock", "Rain"))[0]]
    ['noise', 'hum', 'tone', 'sweep', 'silence']
    """
    used, left_out = [], []
    for kind in BACKGROUNDS:
        own = next((label for label in labels if kind.is_own_label(label)), None)
        if own is None:
            used.append(kind)
        else:
            left_out.append((kind, own))
    return used, left_out


def background_sound(kind: Background, seed: int, number: int, samples: int, sample_rate: int) -> np.ndarray:
    """A sound of a kind, shape ``(samples,)``, float32, −1 to 1: its level, too, follows from seed and number."""
    rng = np.random.default_rng((seed, STREAM, BACKGROUNDS.index(kind), number))
    level_dbfs = rng.uniform(*LEVELS_DBFS)
    waveform = at_level(kind.render(rng, samples, sample_rate), level_dbfs)
    if kind.render is silence and number % 2:  # silence of a recorder is not digital: its last bit changes
        waveform = (rng.integers(-1, 2, samples) / 32768).astype(np.float32)
    return waveform


def render_background_sounds(
    folder: Path, settings: SpectrogramSettings, labels: Sequence[str], seed: int, count: int, held_out: bool = False
) -> list[Path]:
    """Write background sounds as WAV files of 16 bits, each as long as a clip; those that are there stay.

    Parameters
    ----------
    folder : Path
        Sounds of each sample rate, length and seed have a folder in it.
    settings : SpectrogramSettings
    labels : sequence of str
        Kinds of sound that one of these names are left out.
    seed : int
    count : int
        Number of sounds; fewer come first among more.
    held_out : bool
        Whether they are other ones, for measuring.

    Returns
    -------
    list of Path
        Empty where each kind is a label.
    """
    kinds, _ = kinds_without(labels)
    turns = [kind for turn in range(max(kind.parts for kind in BACKGROUNDS)) for kind in kinds if kind.parts > turn]
    if not turns:
        return []
    name = f"v{VERSION}-{settings.sample_rate}-{settings.clip_samples}-{seed}"
    paths = []
    with locked(folder / name / "rendering", wait_s=-1):
        for place in range(count):
            kind, number = turns[place % len(turns)], place // len(turns) + HELD_OUT_FROM * held_out
            turn = sum(kind is earlier for earlier in turns[: place % len(turns)])
            number = number * len(BACKGROUNDS) + turn  # a kind may have several turns
            path = folder / name / f"{kind.name}-{number}.wav"
            if not path.exists():
                sound = background_sound(kind, seed, number, settings.clip_samples, settings.sample_rate)
                write_bytes(path, _wav(sound, settings.sample_rate))
            paths.append(path)
    return paths


def _wav(waveform: np.ndarray, sample_rate: int) -> bytes:
    import soundfile

    content = io.BytesIO()
    soundfile.write(content, waveform, sample_rate, format="WAV", subtype="PCM_16")
    return content.getvalue()
