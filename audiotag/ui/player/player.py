"""The one player: waveform, log-mel and timeline over one time axis, with one moving cursor.

The browser's side is ``player.html``, ``player.css`` and ``player.js`` beside this file. It gets one block of bytes,
the one form that Streamlit passes on as it is: the length of a JSON header (4 bytes, little-endian), the header, and
then the picture, the envelope and the sound, whose lengths the header holds. A rerun with the same block sends no more
than its hash.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from audiotag.audio.reading import wav_bytes
from audiotag.features.mel import AMIN, hz_to_mel, mel_frequencies, mel_to_hz
from audiotag.features.settings import SpectrogramSettings
from audiotag.figures.theme import PICTURE_SCALE

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

ENVELOPE_POINTS = 1200
MOST_COLUMNS = 2000  # more than a screen has pixels
LONGEST_WAV_S = 30.0  # a longer sound is sent as FLAC, half the size; a short one is not worth the time it takes


@dataclass(frozen=True)
class Region:
    """A part of a sound, in seconds from its start."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class TimelineRow:
    """A row below the picture: ``values`` (0 to 1) at ``times_s`` (ascending), joined by lines, held at both ends."""

    label: str
    times_s: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class PlayerOptions:
    """What the player shows besides a sound and its picture.

    Attributes
    ----------
    name : str
        What the sound is called, for those who cannot see it and for its download.
    kept : Region, optional
        What the trim keeps; the rest of the waveform is grey.
    crop : Region, optional
        Framed, and played alone by a button; may reach over both ends of the sound, where zeros are.
    picture_start_s : float
        Where the picture's first frame lies in the sound.
    height : int
        Of the picture, in pixels.
    timeline : tuple[TimelineRow, ...]
    from_s : float
        Where the sound begins in a longer one, whose times are shown; all other times are the sound's own.
    """

    name: str
    kept: Region | None = None
    crop: Region | None = None
    picture_start_s: float = 0.0
    height: int = 260
    timeline: tuple[TimelineRow, ...] = ()
    from_s: float = 0.0


def player(
    waveform: np.ndarray, picture: np.ndarray, settings: SpectrogramSettings, options: PlayerOptions, key: str
) -> None:
    """Show a sound that can be played and sought in; the page is not run again by it.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,), float32 in [-1, 1]
        At ``settings.sample_rate``.
    picture : numpy.ndarray, shape=(n_mels, frames), dB
        `audiotag.features.log_mel.log_mel` of the waveform, or of a part of it, with ``settings``.
    settings : SpectrogramSettings
    options : PlayerOptions
    key : str
        Of this place on the page: another sound under the same key takes the place of the first, the choice of axis
        stays.
    """
    _component()(data=packed(waveform, picture, settings, options), key=key)


def packed(waveform: np.ndarray, picture: np.ndarray, settings: SpectrogramSettings, options: PlayerOptions) -> bytes:
    """What the browser gets of the arguments of `player`."""
    columns, frames_a_column = fewer_columns(picture, MOST_COLUMNS)
    levels, floor_db = quantised(columns, settings)
    suffix, sound = _encoded(waveform, settings.sample_rate)
    frame_s = settings.hop_length / settings.sample_rate
    outline = envelope(waveform, ENVELOPE_POINTS)
    parts = (levels.tobytes(), outline.tobytes(), sound)
    header = {
        "name": options.name,
        "height": options.height,
        "duration_s": len(waveform) / settings.sample_rate,
        "from_s": round(options.from_s, 3),
        "kept": _ends(options.kept),
        "crop": _ends(options.crop),
        "picture": {
            "rows": levels.shape[0],
            "columns": levels.shape[1],
            "start_s": options.picture_start_s - frame_s / 2,  # a frame is drawn around its middle
            "column_s": frame_s * frames_a_column,
            "floor_db": floor_db,
            "ceiling_db": floor_db + settings.top_db,
            "centres_hz": _rounded(mel_frequencies(settings)),
            "edges_hz": _rounded(band_edges(settings)),
            "colours": _colours(),
        },
        "timeline": [
            {"label": row.label, "times_s": _rounded(row.times_s), "values": _rounded(row.values)}
            for row in options.timeline
        ],
        "sound": {
            "id": hashlib.blake2b(options.name.encode() + sound, digest_size=12).hexdigest(),
            "type": f"audio/{suffix}",
            "file": f"{Path(options.name).stem}.{suffix}",
        },
        "parts": [len(part) for part in parts],
    }
    head = json.dumps(header, allow_nan=False).encode()
    return b"".join((len(head).to_bytes(4, "little"), head, *parts))


def fewer_columns(picture: np.ndarray, most: int) -> tuple[np.ndarray, int]:
    """At most so many columns, each the loudest of as many frames of ``(n_mels, frames)``; and how many those are."""
    frames = picture.shape[1]
    step = max(1, -(-frames // most))
    return np.maximum.reduceat(picture, np.arange(0, frames, step), axis=1), step


def quantised(picture: np.ndarray, settings: SpectrogramSettings) -> tuple[np.ndarray, float]:
    """A log-mel in 256 steps of ``top_db / 255`` dB, and the dB of step 0.

    The highest step is the loudest point, but for a sound so quiet that its floor would lie below that of silence:
    silence is step 0.

    Returns
    -------
    tuple[numpy.ndarray, float]
        uint8 of the picture's shape, and dB.
    """
    silence_db = (20 / settings.power) * float(np.log10(AMIN))
    floor_db = max(float(picture.max()) - settings.top_db, silence_db)
    steps = np.rint((picture - floor_db) * (255 / settings.top_db))
    return np.clip(steps, 0, 255).astype(np.uint8), floor_db


def envelope(waveform: np.ndarray, most: int) -> np.ndarray:
    """Lowest and highest sample of at most so many equal stretches of a waveform, shape ``(2, points)``, float32."""
    starts = np.linspace(0, len(waveform), min(most, len(waveform)), endpoint=False).astype(np.int64)
    ends = (np.minimum.reduceat(waveform, starts), np.maximum.reduceat(waveform, starts))
    return np.stack(ends).astype(np.float32)


def band_edges(settings: SpectrogramSettings) -> np.ndarray:
    """Where each mel band ends and the next begins, half-way in mel between their centres; ``(n_mels + 1,)``, Hz."""
    lowest, highest = hz_to_mel(np.array([settings.f_min, settings.f_max]), settings.mel_scale)
    halves = np.arange(settings.n_mels + 1) + 0.5
    return mel_to_hz(lowest + halves * (highest - lowest) / (settings.n_mels + 1), settings.mel_scale)


def _encoded(waveform: np.ndarray, sample_rate: int) -> tuple[str, bytes]:
    """The sound as a file of 16 bits a sample, and the suffix of its format."""
    if len(waveform) <= LONGEST_WAV_S * sample_rate:
        return "wav", wav_bytes(waveform, sample_rate)
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(waveform, -1, 1), sample_rate, format="FLAC", subtype="PCM_16")
    return "flac", buffer.getvalue()


def _ends(region: Region | None) -> list[float] | None:
    return None if region is None else [region.start_s, region.end_s]


def _rounded(values: np.ndarray) -> list[float]:
    return np.round(np.asarray(values, dtype=np.float64), 3).tolist()


def _colours() -> list[list[Any]]:
    """The picture's scale as rows of a place from 0 to 1, red, green and blue."""
    return [[place, *map(int, re.findall(r"\d+", str(colour)))] for place, colour in PICTURE_SCALE]


@cache
def _component() -> ComponentRenderer:
    """The component, registered when it is first shown."""
    here = Path(__file__).parent
    sources: dict[str, Any] = {
        kind: (here / f"player.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    }
    return st.components.v2.component("audiotag-player", **sources)
