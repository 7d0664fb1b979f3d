"""Pack a sound for the player in the browser, and show it.

The browser's part is ``player.html``, ``player.css`` and ``player.js`` beside this file; ``sounds.js`` has what other
components that show sounds use as well. It gets one block of bytes, because Streamlit passes bytes on unchanged: the
length of a JSON header (4 bytes, little-endian), the header, then the spectrogram, the envelope and the sound, whose
lengths are in the header. A rerun with the same block sends only its hash.
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
from audiotag.figures.theme import SPECTROGRAM_SCALE

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

FOLDER = Path(__file__).parent
ENVELOPE_POINTS = 1200
MAX_COLUMNS = 2000  # more than a screen has pixels
MAX_WAV_S = 30.0  # a longer sound is sent as FLAC, which halves its size but takes time to encode


@dataclass(frozen=True)
class Region:
    """A part of a sound, in seconds from its start."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class TimelineRow:
    """A row below the spectrogram: ``values`` (0 to 1) at ``times_s`` (ascending), joined by lines."""

    label: str
    times_s: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class PlayerOptions:
    """Further things that the player shows with a sound and its spectrogram.

    Attributes
    ----------
    name : str
        Name of the sound, for screen readers and for the file name of its download.
    untrimmed : Region, optional
        Part that is left after trimming; the rest of the waveform is grey.
    crop : Region, optional
        Part that is framed, with a button that plays it alone. It may reach beyond both ends of the sound, where it is
        padded.
    spectrogram_start_s : float
        Time of the spectrogram's first frame in the sound.
    height : int
        Height of the spectrogram in pixels.
    timeline : tuple[TimelineRow, ...]
    from_s : float
        Start of the sound in a longer one, whose times are shown. All other times are relative to this sound.
    autoplay : bool
        Whether another sound under the same key begins to play as soon as it comes.
    owns_space : bool
        Whether the space key plays this sound wherever the focus is, except where something else needs the key.
    compact : bool
        Whether only a button and the spectrogram are shown.
    """

    name: str
    untrimmed: Region | None = None
    crop: Region | None = None
    spectrogram_start_s: float = 0.0
    height: int = 260
    timeline: tuple[TimelineRow, ...] = ()
    from_s: float = 0.0
    autoplay: bool = False
    owns_space: bool = False
    compact: bool = False


def show_player(
    waveform: np.ndarray, spectrogram: np.ndarray, settings: SpectrogramSettings, options: PlayerOptions, key: str
) -> None:
    """Show a sound that can be played and sought in; this does not run the page again.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,), float32 in [-1, 1]
        At ``settings.sample_rate``.
    spectrogram : numpy.ndarray, shape=(n_mels, frames), dB
        `audiotag.features.log_mel.log_mel` of the waveform, or of a part of it, with ``settings``.
    settings : SpectrogramSettings
    options : PlayerOptions
    key : str
        Key of this place on the page. Another sound under the same key replaces the first; the choice of axis stays.
    """
    show_block(pack_block(waveform, spectrogram, settings, options), key)


def show_block(block: bytes, key: str) -> None:
    """Show a sound that `pack_block` has packed, as `show_player` does."""
    _component()(data=block, key=key)


def pack_block(
    waveform: np.ndarray, spectrogram: np.ndarray, settings: SpectrogramSettings, options: PlayerOptions
) -> bytes:
    """The block of bytes that the browser gets for the arguments of `show_player`."""
    columns, frames_per_column = reduce_columns(spectrogram, MAX_COLUMNS)
    levels, floor_db = quantise(columns, settings)
    suffix, sound = _encode(waveform, settings.sample_rate)
    frame_s = settings.hop_length / settings.sample_rate
    outline = envelope(waveform, ENVELOPE_POINTS)
    parts = (levels.tobytes(), outline.tobytes(), sound)
    header = {
        "name": options.name,
        "height": options.height,
        "duration_s": len(waveform) / settings.sample_rate,
        "from_s": round(options.from_s, 3),
        "autoplay": options.autoplay,
        "owns_space": options.owns_space,
        "compact": options.compact,
        "untrimmed": _ends(options.untrimmed),
        "crop": _ends(options.crop),
        "spectrogram": {
            "rows": levels.shape[0],
            "columns": levels.shape[1],
            "start_s": options.spectrogram_start_s - frame_s / 2,  # a frame is drawn around its middle
            "column_s": frame_s * frames_per_column,
            "floor_db": floor_db,
            "ceiling_db": floor_db + settings.top_db,
            "centres_hz": _round_values(mel_frequencies(settings)),
            "edges_hz": _round_values(band_edges(settings)),
            "colours": _colours(),
        },
        "timeline": [
            {"label": row.label, "times_s": _round_values(row.times_s), "values": _round_values(row.values)}
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


def reduce_columns(spectrogram: np.ndarray, max_columns: int) -> tuple[np.ndarray, int]:
    """At most ``max_columns`` columns of ``(n_mels, frames)``, and the number of frames per column.

    Each column holds the maximum of its frames.
    """
    frames = spectrogram.shape[1]
    step = max(1, -(-frames // max_columns))
    return np.maximum.reduceat(spectrogram, np.arange(0, frames, step), axis=1), step


def quantise(spectrogram: np.ndarray, settings: SpectrogramSettings) -> tuple[np.ndarray, float]:
    """A log-mel in 256 steps of ``top_db / 255`` dB, and the level of step 0 in dB.

    The highest step is the loudest point. In a sound so quiet that its floor would lie below silence, step 0 is
    silence.

    Returns
    -------
    tuple[numpy.ndarray, float]
        uint8 of the spectrogram's shape, and dB.
    """
    silence_db = (20 / settings.power) * float(np.log10(AMIN))
    floor_db = max(float(spectrogram.max()) - settings.top_db, silence_db)
    steps = np.rint((spectrogram - floor_db) * (255 / settings.top_db))
    return np.clip(steps, 0, 255).astype(np.uint8), floor_db


def envelope(waveform: np.ndarray, max_points: int) -> np.ndarray:
    """Lowest and highest sample of at most ``max_points`` equal sections of a waveform, ``(2, points)``, float32."""
    starts = np.linspace(0, len(waveform), min(max_points, len(waveform)), endpoint=False).astype(np.int64)
    ends = (np.minimum.reduceat(waveform, starts), np.maximum.reduceat(waveform, starts))
    return np.stack(ends).astype(np.float32)


def band_edges(settings: SpectrogramSettings) -> np.ndarray:
    """Edges of the mel bands, half-way in mel between their centres, shape ``(n_mels + 1,)``, Hz."""
    lowest, highest = hz_to_mel(np.array([settings.f_min, settings.f_max]), settings.mel_scale)
    halves = np.arange(settings.n_mels + 1) + 0.5
    return mel_to_hz(lowest + halves * (highest - lowest) / (settings.n_mels + 1), settings.mel_scale)


def _encode(waveform: np.ndarray, sample_rate: int) -> tuple[str, bytes]:
    """Suffix of the format, and the sound as a file of 16 bits per sample."""
    if len(waveform) <= MAX_WAV_S * sample_rate:
        return "wav", wav_bytes(waveform, sample_rate)
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(waveform, -1, 1), sample_rate, format="FLAC", subtype="PCM_16")
    return "flac", buffer.getvalue()


def _ends(region: Region | None) -> list[float] | None:
    return None if region is None else [region.start_s, region.end_s]


def _round_values(values: np.ndarray) -> list[float]:
    return np.round(np.asarray(values, dtype=np.float64), 3).tolist()


def _colours() -> list[list[Any]]:
    """The colour scale as rows of a position from 0 to 1, red, green and blue."""
    return [[place, *map(int, re.findall(r"\d+", str(colour)))] for place, colour in SPECTROGRAM_SCALE]


def read_sources(folder: Path, name: str) -> dict[str, Any]:
    """HTML, CSS and JavaScript of the component ``name``, as Streamlit takes them.

    The script begins with ``sounds.js``, which all components that show sounds share.
    """
    sources: dict[str, Any] = {
        kind: (folder / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    }
    shared = (FOLDER / "sounds.js").read_text(encoding="utf-8")
    return sources | {"js": f"{shared}\n{sources['js']}"}


@cache
def _component() -> ComponentRenderer:
    """The component, registered when it is first shown."""
    return st.components.v2.component("audiotag-player", **read_sources(FOLDER, "player"))
