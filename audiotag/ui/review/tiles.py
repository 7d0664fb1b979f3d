"""Read the sounds of a grid's clips and pack them as tiles, several at a time, and keep those that were packed last.

A tile has the beginning of its sound. The hash of all of its samples comes with it where the sound is not longer, and
is otherwise computed in the background while the grid is on the page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from audiotag.audio.reading import read_header
from audiotag.audio.streaming import LongSound
from audiotag.errors import may_pass
from audiotag.features.log_mel import display_log_mel
from audiotag.features.settings import PRESETS
from audiotag.processors import usable_cpus
from audiotag.review.grid import GridClip
from audiotag.training.clip_contents import content_of
from audiotag.ui.player import PlayerOptions, pack_block
from audiotag.ui.player.packing import MAX_WAV_S
from audiotag.ui.review.clip_grid import Tile
from audiotag.ui.sound_cache import content_key
from audiotag.wording import as_text, format_duration

MAX_TILE_S = MAX_WAV_S
MAX_HASHED_S = 600.0  # a longer sound would take too long to decode for its hash alone
MAX_TILES = 48  # kept in memory, at most 2.7 MB each: two grids of two reviewers
SETTINGS = PRESETS["capstone"]


@dataclass(frozen=True)
class ClipTile:
    """A clip of a grid, its tile, and the hash of its samples once it is computed: empty if it cannot be read whole."""

    clip: GridClip
    tile: Tile
    content: Future[str]

    def known_content(self) -> str:
        """The hash of the samples; empty while it is being computed."""
        return self.content.result() if self.content.done() else ""


@dataclass(frozen=True)
class _TileSound:
    block: bytes
    length: str
    content: Future[str]


def pack_tiles(clips: Sequence[GridClip], count: int) -> tuple[list[ClipTile], int]:
    """Tiles of the first ``count`` clips that can be read, and the number of clips before and among them.

    The difference is the number of clips that cannot be read.
    """
    tiles: list[ClipTile] = []
    at = 0
    with ThreadPoolExecutor(usable_cpus()) as pool:
        while len(tiles) < count and at < len(clips):
            some = clips[at : at + count - len(tiles)]
            at += len(some)
            for clip, sound in zip(some, pool.map(_load_sound, some), strict=True):
                if sound is not None:
                    tile = Tile(_tile_id(clip), as_text(clip.clip), clip.score, sound.length, sound.block)
                    tiles.append(ClipTile(clip, tile, sound.content))
    return tiles, at


def _tile_id(clip: GridClip) -> str:
    name = f"{clip.subset}/{clip.clip}".encode(errors="surrogateescape")
    return hashlib.blake2b(name, digest_size=8).hexdigest()


def _load_sound(clip: GridClip) -> _TileSound | None:
    try:
        return _packed(clip.path, as_text(clip.clip), content_key(clip.path))
    except Exception:  # the system's failure: the next run of the page tries again
        return None


@lru_cache(maxsize=MAX_TILES)
def _packed(path: Path, name: str, key: str) -> _TileSound | None:
    """A packed sound; None for a clip that cannot be read. ``key`` changes with the file."""
    try:
        waveform, length_s, content = _read(path, name)
    except Exception as error:  # whatever is wrong with a clip is that clip's problem
        if may_pass(error):
            raise
        return None
    block = pack_block(waveform, display_log_mel(waveform, SETTINGS), SETTINGS, PlayerOptions(name)).joined()
    is_whole = length_s <= MAX_TILE_S
    length = f"{length_s:.1f} s" if is_whole else f"first {MAX_TILE_S:.0f} s of {format_duration(length_s)}"
    return _TileSound(block, length, content)


def _read(path: Path, name: str) -> tuple[np.ndarray, float, Future[str]]:
    """At most the first `MAX_TILE_S` of a sound, the length of all of it in seconds, and its hash."""
    sound = LongSound(path, SETTINGS.sample_rate, name, hashed=True)
    limit = round(MAX_TILE_S * SETTINGS.sample_rate)
    blocks, samples = [], 0
    for block in sound.blocks():
        blocks.append(block)
        samples += len(block)
        if samples > limit:
            length_s = read_header(path, name).duration_s
            return np.concatenate(blocks)[:limit], length_s, _hash_later(path, length_s)
    content: Future[str] = Future()
    content.set_result(sound.content)
    return np.concatenate(blocks), samples / SETTINGS.sample_rate, content


def _hash_later(path: Path, length_s: float) -> Future[str]:
    if length_s <= MAX_HASHED_S:
        return _background().submit(content_of, path)
    content: Future[str] = Future()
    content.set_result("")
    return content


@cache
def _background() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="content-of-clips")
