"""Have the sounds of the Review page ready before they are shown: read, packed for the player, and hashed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache as once
from functools import lru_cache
from pathlib import Path
from typing import Any

from audiotag.audio.header import Sound
from audiotag.errors import clip_problem, may_pass
from audiotag.features.log_mel import display_log_mel
from audiotag.features.settings import PRESETS
from audiotag.training.clip_contents import content_of
from audiotag.ui import caching, sound_cache
from audiotag.ui.player import PlayerOptions, pack_block
from audiotag.ui.text import Markdown
from audiotag.ui.widgets.sound_panel import PackedSound, pack_sound
from audiotag.wording import as_text

SETTINGS = PRESETS["capstone"]
PLAYER_HEIGHT, COMPACT_HEIGHT = 150, 44  # of the spectrogram, in pixels
MAX_COMPARED_S = 10.0  # of a clip that is there for comparison, only the beginning is played
MAX_PACKED = 12  # sounds of items, at most 20 MiB each: the one that is shown, the next three, some before them
MAX_COMPARED = 60  # at most 1 MiB each
MAX_CONTENTS = 10_000


@dataclass(frozen=True)
class ReadySound:
    """A sound that can be shown at once, or the sentence that says why it cannot be."""

    packed: PackedSound | None
    problem: str = ""


def load_item(path: Path, clip: str, autoplay: bool) -> ReadySound:
    """The sound of an item, with the player that has the page's space key."""
    return _item(path, as_text(clip), sound_cache.content_key(path), autoplay)


def load_compared(path: Path, clip: str) -> ReadySound:
    """The beginning of a clip that is there for comparison, in a compact player."""
    return _compared(path, as_text(clip), sound_cache.content_key(path))


def content_in_time(path: Path, measured: str = "") -> str:
    """The hash of a clip's samples if it is measured, or computed by now; empty otherwise, and if it cannot be read."""
    if measured:
        return measured
    computed = _content(path, sound_cache.content_key(path))
    return computed.result() if computed.done() else ""


def get_ready(tasks: Sequence[Callable[[], Any]]) -> None:
    """Do what is needed soon in the background; what was wanted earlier and has not begun is not done any more."""
    for waiting in _waiting():
        waiting.cancel()
    _waiting()[:] = [_background().submit(task) for task in tasks]


@caching.cached(max_entries=MAX_PACKED, show_spinner=False)
def _item(path: Path, name: str, key: str, autoplay: bool) -> ReadySound:
    options = PlayerOptions(name, height=PLAYER_HEIGHT, autoplay=autoplay, owns_space=True)
    return _ready(path, name, lambda sound: pack_sound(sound, SETTINGS, path, options))


@caching.cached(max_entries=MAX_COMPARED, show_spinner=False)
def _compared(path: Path, name: str, key: str) -> ReadySound:
    return _ready(path, name, _pack_beginning)


def _pack_beginning(sound: Sound) -> PackedSound:
    waveform = sound.waveform[: round(MAX_COMPARED_S * SETTINGS.sample_rate)]
    options = PlayerOptions(sound.name, height=COMPACT_HEIGHT, compact=True)
    length = Markdown(f"{sound.duration_s:.1f} s")
    if len(waveform) < len(sound.waveform):
        length = Markdown(f"first {MAX_COMPARED_S:g} s")
    return PackedSound(pack_block(waveform, display_log_mel(waveform, SETTINGS), SETTINGS, options), (), length)


def _ready(path: Path, name: str, pack: Callable[[Sound], PackedSound]) -> ReadySound:
    try:
        return ReadySound(pack(sound_cache.load_sound(path, SETTINGS.sample_rate, name)))
    except Exception as error:  # whatever is wrong with a sound is that sound's problem
        if may_pass(error):
            raise
        return ReadySound(None, clip_problem(name, error))


@lru_cache(maxsize=MAX_CONTENTS)
def _content(path: Path, key: str) -> Future[str]:
    return _hashing().submit(content_of, path)


@once
def _background() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="review-sounds")


@once
def _hashing() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="review-contents")


@once
def _waiting() -> list[Future[Any]]:
    """What `get_ready` was asked for last."""
    return []
