"""The sounds of the starter set: which instruments of the SoundFont represent which label, and what they play.

A `Voice` is one way to make a sound; `sample_phrase` draws at random what it plays (keys, rhythm, velocities, tuning),
and `Player.play` renders that. Keys and presets are General MIDI numbers; presets are counted from 0, and bank 128 has
the drum kits. A strummed guitar has two labels, as in FSDKaggle2019.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from audiotag.errors import AudiotagError

SAMPLE_RATE = 44100
SOUNDFONT = "TimGM6mb.sf2"
DRUMS = 128


@dataclass(frozen=True)
class Voice:
    """One way to make a sound.

    Parameters
    ----------
    labels : tuple of str
        Labels of the sound, by FSDKaggle2019 names, the one that it represents first; empty for a background sound.
    presets, keys : tuple of int
        Values to choose from. `ticks` alternates between two of the keys; `strum` takes the first as its lowest root.
    manner : str
        How it is played, see `sample_phrase`.
    bank : int
        0 for instruments, 128 for drum kits.
    chord_share : float in [0, 1]
        Share of a melody's notes that are chords.
    bend : float, semitones
        Half the range of the random tuning.
    rings : bool
        Whether notes decay on their own instead of being damped.
    """

    labels: tuple[str, ...]
    presets: tuple[int, ...]
    keys: tuple[int, ...]
    manner: Literal["melody", "hits", "ticks", "strum", "drone"]
    bank: int = 0
    chord_share: float = 0.0
    bend: float = 0.5
    rings: bool = False


def _keys(low: int, high: int) -> tuple[int, ...]:
    return tuple(range(low, high + 1))


VOICES: tuple[Voice, ...] = (
    Voice(("Accordion",), (21, 23), _keys(41, 67), "melody", chord_share=0.7),
    Voice(("Acoustic_guitar",), (24, 25), _keys(40, 76), "melody", chord_share=0.15, rings=True),
    Voice(("Applause",), (126,), _keys(50, 70), "drone", bend=3.0),
    Voice(("Bass_drum",), (0, 8, 16, 24, 25, 32), (35, 36), "hits", DRUMS, bend=3.0),
    Voice(("Bass_guitar",), (33, 34, 35, 36), _keys(28, 47), "melody"),
    Voice(("Chirp_and_tweet",), (123,), _keys(46, 58), "hits", bend=2.0, rings=True),
    Voice(("Church_bell",), (14,), _keys(48, 77), "melody", chord_share=0.1, rings=True),
    Voice(("Clapping",), (0, 8, 16, 25), (39,), "hits", DRUMS, bend=3.0),
    Voice(("Electric_guitar",), (27, 29, 30), _keys(40, 72), "melody", chord_share=0.35),
    Voice(("Female_singing",), (52, 53), _keys(62, 79), "melody", chord_share=0.2),
    Voice(("Glockenspiel",), (9,), _keys(72, 96), "melody", chord_share=0.1, rings=True),
    Voice(("Gong",), (0, 8, 16), (52,), "hits", DRUMS, bend=5.0, rings=True),
    Voice(("Harmonica",), (22,), _keys(64, 88), "melody", chord_share=0.2),
    Voice(("Hi-hat",), (0, 8, 16, 24, 25, 32), (42, 44, 46), "hits", DRUMS, bend=2.0),
    Voice(("Male_singing",), (52, 53), _keys(41, 57), "melody", chord_share=0.2),
    Voice(("Marimba_and_xylophone",), (12, 13), _keys(52, 88), "melody", chord_share=0.15, rings=True),
    Voice(("Strum", "Acoustic_guitar"), (24, 25), (40,), "strum", rings=True),
    Voice(("Strum", "Electric_guitar"), (27, 29), (40,), "strum", rings=True),
    Voice(("Tap",), (0, 8, 16, 32), (37, 31), "hits", DRUMS, bend=3.0),
    Voice(("Tick-tock",), (0,), (33, 76, 77), "ticks", DRUMS, bend=3.0),
    Voice(("Waves_and_surf",), (122,), _keys(46, 70), "drone", bend=3.0),
)
LABELS: tuple[str, ...] = tuple(sorted({voice.labels[0] for voice in VOICES}))
# Sounds in the background that have none of the labels.
BACKGROUND_VOICES: tuple[Voice, ...] = (
    Voice((), (0, 4, 6), _keys(40, 84), "melody", chord_share=0.4),
    Voice((), (40, 44, 48), _keys(50, 80), "melody", chord_share=0.3),
    Voice((), (56, 57, 60, 65, 71, 73), _keys(50, 76), "melody"),
    Voice((), (0, 8, 16), (41, 45, 48, 38, 40, 56, 61, 64), "hits", DRUMS, bend=3.0),
    Voice((), (125,), _keys(52, 66), "drone", bend=3.0),
    Voice((), (80, 81, 89), _keys(40, 76), "melody", chord_share=0.3),
)
_CHORDS = ((0, 4, 7), (0, 3, 7), (0, 7), (0, 12), (0, 5, 9), (0, 4, 7, 10))
# Semitones above the lowest string: E major, E minor, A major, A minor, D major, C major, G major.
_GUITAR_CHORDS = (
    (0, 7, 12, 16, 19, 24),
    (0, 7, 12, 15, 19, 24),
    (5, 12, 17, 21, 24),
    (5, 12, 17, 20, 24),
    (10, 17, 22, 26),
    (8, 12, 15, 20, 24),
    (3, 7, 10, 15, 19, 27),
)


class Note(NamedTuple):
    """One note; times in seconds from the start of the phrase, key and velocity as in MIDI."""

    start_s: float
    length_s: float
    key: int
    velocity: int


@dataclass(frozen=True)
class Phrase:
    """What one voice plays; `skip_s` seconds are cut from the start, `tuning` is in semitones."""

    bank: int
    preset: int
    tuning: float
    skip_s: float
    notes: tuple[Note, ...]


def sample_phrase(rng: np.random.Generator, voice: Voice, duration_s: float) -> Phrase:
    """Draw at random what a voice plays in `duration_s` seconds; the first note starts within the first tenth.

    Parameters
    ----------
    rng : numpy.random.Generator
    voice : Voice
    duration_s : float
        More than 0.

    Returns
    -------
    Phrase
        `melody`: a random walk over the keys, some notes as chords. `hits`: strokes at a roughly steady rate, some
        omitted. `ticks`: strokes at a steady rate. `strum`: guitar chords, string after string. `drone`: one or two
        keys held throughout, without the beginning of the sound.
    """
    sample_notes = {"melody": _melody, "hits": _hits, "ticks": _ticks, "strum": _strum, "drone": _drone}[voice.manner]
    tuning = float(rng.uniform(-voice.bend, voice.bend))
    preset = int(rng.choice(voice.presets))
    # A drone fades in slowly: a short clip would otherwise have nothing but the fade-in.
    skip_s = float(rng.uniform(0.5, 2.0)) if voice.manner == "drone" else 0.0
    notes = tuple(sample_notes(rng, voice, duration_s + skip_s))
    return Phrase(voice.bank, preset, tuning, skip_s, notes)


def _velocity(rng: np.random.Generator) -> int:
    return int(rng.integers(55, 124))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _melody(rng: np.random.Generator, voice: Voice, duration_s: float) -> list[Note]:
    step_s = _log_uniform(rng, 0.15, 1.5)
    held = rng.uniform(0.5, 1.1)
    key = int(rng.choice(voice.keys))
    start_s = rng.uniform(0.0, 0.1) * duration_s
    notes = []
    while start_s < duration_s:
        length_s = step_s * float(rng.choice([0.5, 1.0, 1.0, 2.0]))
        chord = _CHORDS[rng.integers(len(_CHORDS))] if rng.random() < voice.chord_share else (0,)
        velocity = _velocity(rng)
        for interval in chord:
            sounding_s = length_s + 1.5 if voice.rings else length_s * held
            notes.append(Note(start_s, sounding_s, min(key + interval, 108), velocity))
        key = int(np.clip(key + rng.integers(-7, 8), voice.keys[0], voice.keys[-1]))
        start_s += length_s * (3.0 if rng.random() < 0.1 else 1.0)
    return notes


def _hits(rng: np.random.Generator, voice: Voice, duration_s: float) -> list[Note]:
    step_s = _log_uniform(rng, 0.5, 2.5) if voice.rings else _log_uniform(rng, 0.12, 0.9)
    looseness = rng.uniform(0.0, 0.3)
    key, velocity = int(rng.choice(voice.keys)), _velocity(rng)
    start_s = rng.uniform(0.0, 0.1) * duration_s
    notes: list[Note] = []
    while start_s < duration_s:
        if not notes or rng.random() > 0.15:
            loud = int(np.clip(velocity + rng.integers(-25, 26), 40, 127))
            notes.append(Note(start_s, 4.0 if voice.rings else 0.4, key, loud))
        if rng.random() < 0.15:
            key = int(rng.choice(voice.keys))
        start_s += step_s * (1.0 + looseness * rng.uniform(-1.0, 1.0))
    return notes


def _ticks(rng: np.random.Generator, voice: Voice, duration_s: float) -> list[Note]:
    step_s = _log_uniform(rng, 0.2, 0.6)
    pair, velocity = rng.choice(voice.keys, size=2), _velocity(rng)
    starts = np.arange(rng.uniform(0.0, min(0.1 * duration_s, step_s)), duration_s, step_s)
    return [Note(float(start_s), 0.3, int(pair[i % 2]), velocity - 12 * (i % 2)) for i, start_s in enumerate(starts)]


def _strum(rng: np.random.Generator, voice: Voice, duration_s: float) -> list[Note]:
    step_s, lag_s = _log_uniform(rng, 0.22, 1.2), rng.uniform(0.008, 0.04)
    root = voice.keys[0] + int(rng.integers(0, 8))
    chord = _GUITAR_CHORDS[rng.integers(len(_GUITAR_CHORDS))]
    start_s, downward = rng.uniform(0.0, 0.1) * duration_s, True
    notes = []
    while start_s < duration_s:
        velocity = _velocity(rng)
        strings = chord if downward else chord[::-1]
        for i, interval in enumerate(strings):
            notes.append(Note(start_s + i * lag_s, step_s * 1.3, root + interval, velocity))
        if rng.random() < 0.3:
            chord = _GUITAR_CHORDS[rng.integers(len(_GUITAR_CHORDS))]
        downward = not downward or rng.random() < 0.4
        start_s += step_s * float(rng.choice([0.5, 1.0, 1.0]))
    return notes


def _drone(rng: np.random.Generator, voice: Voice, duration_s: float) -> list[Note]:
    keys = rng.choice(voice.keys, size=int(rng.integers(1, 3)), replace=False)
    return [Note(0.0, duration_s + 1.0, int(key), _velocity(rng)) for key in keys]


def soundfont_path() -> Path:
    """Path of the SoundFont that pretty_midi ships; found without importing pretty_midi, which would take a second.

    Raises
    ------
    AudiotagError
        If pretty_midi is not installed, or does not have this SoundFont.
    """
    spec = importlib.util.find_spec("pretty_midi")
    folders = spec.submodule_search_locations if spec else None
    path = Path(folders[0]) / SOUNDFONT if folders else None
    if path is None or not path.is_file():
        raise AudiotagError(
            f"the starter sounds are rendered from {SOUNDFONT}, which pretty_midi ships, but it was not found; "
            "run: pip install 'audiotag[demo]' and then: pip install --no-deps tinysoundfont"
        )
    return path


class Player:
    """A synthesiser with the SoundFont, loaded once; each phrase starts from silence.

    Raises
    ------
    AudiotagError
        If the synthesiser or the SoundFont is not installed.
    """

    def __init__(self) -> None:
        try:
            import tinysoundfont
        except ImportError as error:
            raise AudiotagError(
                "the starter sounds are rendered by tinysoundfont, which is not installed; "
                "run: pip install 'audiotag[demo]' and then: pip install --no-deps tinysoundfont"
            ) from error
        self._synth: Any = tinysoundfont.Synth(samplerate=SAMPLE_RATE)
        self._font = self._synth.sfload(str(soundfont_path()))

    def play(self, phrase: Phrase, samples: int) -> np.ndarray:
        """Render a phrase.

        Parameters
        ----------
        phrase : Phrase
        samples : int
            Length of the result at 44100 Hz; longer sounds are cut.

        Returns
        -------
        numpy.ndarray, shape=(2, samples), float32
            Left and right, at the level of the SoundFont: a loud chord may exceed 1.0.
        """
        synth = self._synth
        synth.sounds_off()
        # Sounds that are cut off fade out within the next block, which would be audible at the start of this phrase.
        synth.generate(1024)
        synth.program_select(0, self._font, phrase.bank, phrase.preset, phrase.bank == DRUMS)
        synth.set_tuning(0, phrase.tuning)
        skip = round(phrase.skip_s * SAMPLE_RATE)
        events = []
        for note in phrase.notes:
            begin = round(note.start_s * SAMPLE_RATE)
            end = begin + max(round(note.length_s * SAMPLE_RATE), 1)
            # At equal times, "note off" sorts before "note on", so that a key is released before it is struck again.
            events += [(begin, 1, note.key, note.velocity), (end, 0, note.key, 0)]
        pieces, position, end_of_phrase = [], 0, skip + samples
        for at, is_on, key, velocity in [*sorted(events), (end_of_phrase, 0, 0, 0)]:
            upto = min(at, end_of_phrase)
            if upto > position:
                pieces.append(np.frombuffer(synth.generate(upto - position), dtype=np.float32))
                position = upto
            if at >= end_of_phrase:
                break
            if is_on:
                synth.noteon(0, key, velocity)
            else:
                synth.noteoff(0, key)
        return np.concatenate(pieces).reshape(-1, 2).T[:, skip:]
