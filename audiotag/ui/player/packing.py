"""Pack a sound for the browser, in parts that are sent again only when they change.

The browser gets a block: its head, which is JSON, and the parts that the head names by a hash of their content: one per
sound that can be listened to and one per spectrogram. A part is bytes, which Streamlit passes on unchanged: the length
of a JSON header (4 bytes, little-endian), the header, and the rest, which is the sound's envelope and file, or the
spectrogram's levels.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audiotag.audio.reading import wav_bytes
from audiotag.features.full_scale import full_scale_db
from audiotag.features.mel import AMIN, hz_to_mel, mel_to_hz
from audiotag.features.settings import SpectrogramSettings
from audiotag.figures.theme import SPECTROGRAM_SCALE
from audiotag.ui import caching
from audiotag.ui.player.options import Highlight, PlayerOptions, Region, Values

ENVELOPE_POINTS = 1200  # of a short sound, whose samples the browser can read where the user zooms in
ENVELOPE_POINTS_PER_S = 40  # of a long sound
MAX_LEVELS = 1 << 22  # of a spectrogram: five minutes of the published settings have 2.5 million
MAX_WAV_S = 30.0  # a longer sound is sent as FLAC, which halves its size but takes time to encode
MAX_LONG_SOUNDS = 4  # kept encoded, at most 20 MiB each


@dataclass(frozen=True)
class Part:
    """A sound or a spectrogram as the browser gets it; ``id`` is a hash of its bytes."""

    id: str
    data: bytes


@dataclass(frozen=True)
class Block:
    """What the browser gets for one player: the head, as JSON, and the parts that it names."""

    head: bytes
    parts: tuple[Part, ...]

    def joined(self) -> bytes:
        """The block in one piece, for components that show many sounds and keep none.

        The length of a JSON header (4 bytes, little-endian), the header with the head and the lengths of the parts, and
        the parts.
        """
        header = {"head": json.loads(self.head), "parts": [[part.id, len(part.data)] for part in self.parts]}
        return with_header(header, *(part.data for part in self.parts))


def pack_block(
    waveform: np.ndarray, spectrogram: np.ndarray, settings: SpectrogramSettings, options: PlayerOptions
) -> Block:
    """The block that the browser gets for the arguments of `audiotag.ui.player.player.show_player`."""
    sounds = [(options.label, pack_waveform(waveform, settings.sample_rate))]
    spectrograms = [
        (
            options.label,
            _pack_spectrogram(spectrogram, settings, options.spectrogram_start_s, options.values),
            options.crop,
        )
    ]
    beside = options.beside
    if beside is not None:
        part = _pack_spectrogram(beside.spectrogram, beside.settings, beside.spectrogram_start_s, beside.values)
        spectrograms.append((beside.label, part, beside.crop or options.crop))
        if beside.waveform is not None:
            sounds.append((beside.label, pack_waveform(beside.waveform, beside.settings.sample_rate)))
    sounds += [(other.label, pack_waveform(other.waveform, other.sample_rate)) for other in options.other_sounds]
    highlight = None if options.highlight is None else _pack_highlight(options.highlight, spectrogram.shape)
    head = {
        "id": _hash(options.name.encode(), options.identity.encode() or sounds[0][1].data),
        "name": options.name,
        "file": Path(options.name).stem,
        "height": options.height,
        "duration_s": len(waveform) / settings.sample_rate,
        "from_s": round(options.from_s, 3),
        "autoplay": options.autoplay,
        "owns_space": options.owns_space,
        "compact": options.compact,
        "untrimmed": _ends(options.untrimmed),
        "crop": _ends(options.crop),
        "view": _ends(options.view),
        "jump": options.jump and {"time_s": options.jump.time_s, "number": options.jump.number},
        "timeline": [
            {"label": row.label, "times_s": _round_values(row.times_s), "values": _round_values(row.values)}
            for row in options.timeline
        ],
        "colours": colour_scale(),
        "sounds": [{"label": label, "part": part.id} for label, part in sounds],
        "spectrograms": [{"label": label, "part": part.id, "crop": _ends(crop)} for label, part, crop in spectrograms],
        "highlight": highlight and {"part": highlight.id},
    }
    all_parts = [*(part for _, part in sounds), *(part for _, part, _ in spectrograms), *filter(None, [highlight])]
    parts = {part.id: part for part in all_parts}
    return Block(json.dumps(head, allow_nan=False).encode(), tuple(parts.values()))


def pack_waveform(waveform: np.ndarray, sample_rate: int) -> Part:
    """Envelope of a sound, and the sound as a file of 16 bits per sample."""
    if len(waveform) <= MAX_WAV_S * sample_rate:
        return _sound_part("wav", wav_bytes(waveform, sample_rate), envelope(waveform, ENVELOPE_POINTS))
    return _long_sound(hashlib.sha256(np.ascontiguousarray(waveform).data).hexdigest(), sample_rate, waveform)


@caching.cached(max_entries=MAX_LONG_SOUNDS, show_spinner=False)
def _long_sound(digest: str, sample_rate: int, _waveform: np.ndarray) -> Part:
    """A sound as FLAC, found again by the digest of its samples."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(_waveform, -1, 1), sample_rate, format="FLAC", subtype="PCM_16")
    points = ENVELOPE_POINTS_PER_S * len(_waveform) // sample_rate
    return _sound_part("flac", buffer.getvalue(), envelope(_waveform, points))


def _sound_part(suffix: str, sound: bytes, outline: np.ndarray) -> Part:
    return _part(
        {"type": f"audio/{suffix}", "suffix": suffix, "envelope_bytes": outline.nbytes}, outline.tobytes(), sound
    )


def _pack_spectrogram(
    spectrogram: np.ndarray, settings: SpectrogramSettings, start_s: float, values: Values | None
) -> Part:
    columns, per_column = reduce_columns(spectrogram, MAX_LEVELS // len(spectrogram))
    rows, frame_s = len(columns), settings.hop_length / settings.sample_rate
    if values is None:
        levels, floor_db = quantise(columns, settings)
        low, high, unit = floor_db, floor_db + settings.top_db, "dBFS"
        zero = [None if np.isnan(level) else round(float(level), 2) for level in full_scale_db(settings)]
    else:
        low, high, unit = values.low, values.high, values.unit
        steps = np.rint((columns - low) * (255 / max(high - low, 1e-9)))
        levels, zero = np.clip(steps, 0, 255).astype(np.uint8), [0.0] * rows
        per_column *= settings.frames / spectrogram.shape[1]
    header = {
        "rows": rows,
        "columns": levels.shape[1],
        "start_s": start_s - frame_s / 2,  # a frame is drawn around its middle
        "column_s": frame_s * per_column,
        "floor_db": low,
        "ceiling_db": high,
        "full_scale_db": zero,
        "unit": unit,
        "centres_hz": _round_values(_band_places(settings, (np.arange(rows) + 0.5) / rows), 2),
        "edges_hz": _round_values(band_edges(settings, rows), 2),
    }
    return _part(header, levels.tobytes())


def _pack_highlight(highlight: Highlight, shape: tuple[int, ...]) -> Part:
    """Its values in 256 steps and which of them are in the part, in columns as the spectrogram has."""
    if highlight.values.shape != shape or highlight.part.shape != shape:
        raise ValueError(f"a highlight must have the shape of its spectrogram, {shape}, got {highlight.values.shape}")
    values, _ = reduce_columns(highlight.values, MAX_LEVELS // len(highlight.values))
    part, _ = reduce_columns(highlight.part, MAX_LEVELS // len(highlight.part))
    levels = np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)
    header = {"label": highlight.label, "rows": levels.shape[0], "columns": levels.shape[1]}
    return _part(header, levels.tobytes(), part.astype(np.uint8).tobytes())


def _part(header: dict[str, Any], *rest: bytes) -> Part:
    data = with_header(header, *rest)
    return Part(_hash(data), data)


def with_header(header: dict[str, Any], *rest: bytes) -> bytes:
    """Bytes that begin with the length of a JSON header (4 bytes, little-endian) and the header."""
    head = json.dumps(header, allow_nan=False).encode()
    return b"".join((len(head).to_bytes(4, "little"), head, *rest))


def _hash(*texts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for text in texts:
        digest.update(text)
    return digest.hexdigest()


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


def band_edges(settings: SpectrogramSettings, rows: int | None = None) -> np.ndarray:
    """Edges of the mel bands, half-way in mel between their centres, shape ``(n_mels + 1,)``, Hz.

    With ``rows``, edges of so many rows that share the bands evenly, shape ``(rows + 1,)``.
    """
    rows = rows or settings.n_mels
    return _band_places(settings, np.arange(rows + 1) / rows)


def _band_places(settings: SpectrogramSettings, shares: np.ndarray) -> np.ndarray:
    """Frequencies in Hz at places from 0 (lower edge of the lowest mel band) to 1 (upper edge of the highest)."""
    lowest, highest = hz_to_mel(np.array([settings.f_min, settings.f_max]), settings.mel_scale)
    places = (shares * settings.n_mels + 0.5) / (settings.n_mels + 1)
    return mel_to_hz(lowest + places * (highest - lowest), settings.mel_scale)


def _ends(region: Region | None) -> list[float] | None:
    return None if region is None else [region.start_s, region.end_s]


def _round_values(values: np.ndarray, digits: int = 3) -> list[float]:
    return np.round(np.asarray(values, dtype=np.float64), digits).tolist()


def colour_scale() -> list[list[Any]]:
    """The colour scale as rows of a position from 0 to 1, red, green and blue."""
    return [[place, *map(int, re.findall(r"\d+", str(colour)))] for place, colour in SPECTROGRAM_SCALE]
