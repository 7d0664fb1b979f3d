"""Speech for the noise gate: by espeak-ng where it is installed, else a babble that is made here.

The babble has what makes speech sound like speech, and no words: a voice with a wandering pitch, three formants that
move from vowel to vowel, fricatives, four to six syllables per second, and pauses between phrases.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from audiotag.trust.noise_sounds import Kind, Render

SPEECH = "speech"
OWN_LABELS = (
    "speech", "human speech", "human voice", "voice", "talking", "conversation", "narration, monologue", "chatter",
    "female speech", "male speech", "child speech", "speech synthesizer", "spoken",
    "female speech and woman speaking", "female speech, woman speaking",
    "male speech and man speaking", "male speech, man speaking",
    "child speech and kid speaking", "child speech, kid speaking",
)  # fmt: skip
TEXT = (
    "The recorder was left running in the yard for three days and nights. On the first morning the neighbours talked "
    "about the weather, then about their holidays. Nobody noticed the microphone under the roof. In the afternoon two "
    "children counted to twenty, and somebody asked for the time. It was a quarter past four. "
)
VOICES = ("en", "en+f3", "en+m3", "de", "fr+f2", "es")
ESPEAK_TIMEOUT_S = 60
# Frequencies of the first three formants of vowels of an average voice, in Hz (Peterson and Barney 1952, rounded)
VOWELS_HZ = (
    (270, 2290, 3010), (390, 1990, 2550), (530, 1840, 2480), (660, 1720, 2410),
    (730, 1090, 2440), (570, 840, 2410), (440, 1020, 2240), (300, 870, 2240),
)  # fmt: skip
FORMANT_WIDTHS_HZ = (70.0, 100.0, 150.0)
INTERNAL_RATE = 16_000  # in Hz; a voice has little above 8 kHz
FADE_S = 0.02


def speech_kind() -> tuple[Kind, str]:
    """The kind of sound, and what renders it, as a phrase for the card."""
    program = shutil.which("espeak-ng")
    if program and (version := version_of(program)):
        return Kind(SPEECH, _espeak(program), OWN_LABELS), version
    return Kind(SPEECH, babble, OWN_LABELS), "synthetic babble without words"


def babble(rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    """Syllables without words, by a source and three resonances; the speaker changes with every phrase."""
    import soxr

    wanted = int(np.ceil(samples / sample_rate * INTERNAL_RATE)) + 1
    pieces: list[np.ndarray] = []
    while sum(map(len, pieces)) < wanted:
        pitch_hz, size = np.exp(rng.uniform(np.log(90), np.log(250))), rng.uniform(0.95, 1.2)
        for _ in range(rng.integers(4, 13)):
            if rng.random() < 0.6:
                pieces.append(_fricative(rng))
            pieces.append(_vowel(rng, pitch_hz * rng.uniform(0.85, 1.2), size))
        pieces.append(np.zeros(int(rng.uniform(0.2, 0.8) * INTERNAL_RATE)))
    waveform = np.concatenate(pieces)[:wanted]
    resampled = soxr.resample(waveform, INTERNAL_RATE, sample_rate)
    return np.pad(resampled, (0, max(0, samples - len(resampled))))[:samples]


def _vowel(rng: np.random.Generator, pitch_hz: float, size: float) -> np.ndarray:
    """A syllable that glides from one vowel to another: pulses of the voice through moving resonances."""
    length = int(rng.uniform(0.1, 0.22) * INTERNAL_RATE)
    glide_hz = pitch_hz * np.linspace(1, rng.uniform(0.85, 1.1), length)
    phase = np.cumsum(glide_hz) / INTERNAL_RATE
    waveform = 2 * (phase % 1) - 1 + 0.05 * rng.standard_normal(length)  # a sawtooth falls by 6 dB per octave
    start, end = (np.array(VOWELS_HZ[place]) * size for place in rng.choice(len(VOWELS_HZ), 2, replace=False))
    for at, width_hz in enumerate(FORMANT_WIDTHS_HZ):
        waveform = _resonate(waveform, np.linspace(start[at], end[at], 8), width_hz)
    return _faded(waveform / (np.abs(waveform).max() + 1e-9))


def _fricative(rng: np.random.Generator) -> np.ndarray:
    """A burst of noise with its peak between 2 and 6 kHz."""
    noise = rng.standard_normal(int(rng.uniform(0.04, 0.1) * INTERNAL_RATE))
    waveform = _resonate(noise, np.array([rng.uniform(2000, 6000)]), 800.0)
    return 0.3 * _faded(waveform / (np.abs(waveform).max() + 1e-9))


def _resonate(waveform: np.ndarray, frequencies_hz: np.ndarray, width_hz: float) -> np.ndarray:
    """A resonance whose frequency moves in steps along the waveform; its state goes on from step to step."""
    from scipy.signal import lfilter

    state, done = np.zeros(2), []
    radius = np.exp(-np.pi * width_hz / INTERNAL_RATE)
    for part, hz in zip(np.array_split(waveform, len(frequencies_hz)), frequencies_hz, strict=True):
        poles = [1.0, -2 * radius * np.cos(2 * np.pi * hz / INTERNAL_RATE), radius**2]
        filtered, state = lfilter([sum(poles)], poles, part, zi=state)
        done.append(filtered)
    return np.concatenate(done)


def _faded(waveform: np.ndarray) -> np.ndarray:
    fade = min(len(waveform) // 2, int(FADE_S * INTERNAL_RATE))
    ramp = np.linspace(0, 1, fade)
    waveform[:fade] *= ramp
    waveform[len(waveform) - fade :] *= ramp[::-1]
    return waveform


def _espeak(program: str) -> Render:
    def render(rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
        """The text in several voices, one after the other, repeated until it is long enough."""
        import soundfile
        import soxr

        pieces = []
        with tempfile.TemporaryDirectory() as folder:
            for voice in VOICES:
                path = Path(folder) / "speech.wav"
                if speak(program, voice, TEXT, int(rng.integers(130, 190)), path):
                    waveform, rate = soundfile.read(path, dtype="float32")
                    pieces.append(soxr.resample(waveform, rate, sample_rate))
        if not pieces:  # no voice is installed
            return babble(rng, samples, sample_rate)
        return np.resize(np.concatenate(pieces), samples)

    return render


def speak(program: str, voice: str, text: str, words_per_minute: int, path: Path, pitch: int = 50) -> bool:
    """Write text spoken by espeak-ng into a WAV file; ``pitch`` is 0 to 99. False where the voice is not installed."""
    command = [program, "-v", voice, "-s", str(words_per_minute), "-p", str(pitch), "-w", str(path), text]
    return subprocess.run(command, capture_output=True, timeout=ESPEAK_TIMEOUT_S).returncode == 0


def version_of(program: str) -> str:
    """Name and version of the installed espeak-ng; empty if it cannot speak."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "speech.wav"
            spoken = subprocess.run([program, "-w", str(path), "one"], capture_output=True, timeout=ESPEAK_TIMEOUT_S)
            if spoken.returncode or not path.is_file():
                return ""
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=ESPEAK_TIMEOUT_S).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    number = next((word for word in said.split() if word[:1].isdigit()), "")
    return f"espeak-ng {number}".strip()
