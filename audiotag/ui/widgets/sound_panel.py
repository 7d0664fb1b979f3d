"""Show one sound: the player, and its duration, format and levels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st

from audiotag.audio.file_levels import FileLevels
from audiotag.audio.header import Sound, Source
from audiotag.audio.levels import peak_dbfs, rms_dbfs
from audiotag.features.log_mel import display_log_mel
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import trimmed_bounds
from audiotag.ui import sound_cache
from audiotag.ui.player import (
    Beside,
    Block,
    Jump,
    OtherSound,
    PlayerOptions,
    Region,
    TimelineRow,
    pack_block,
    show_block,
)
from audiotag.ui.sound_cache import MAX_PLAYED_S
from audiotag.ui.text import Markdown, escape
from audiotag.wording import as_number, format_duration

MIN_IN_MINUTES_S = 90.0


@dataclass(frozen=True)
class PackedSound:
    """A sound as the player takes it, with what is written around the player.

    Attributes
    ----------
    block : Block
        From `audiotag.ui.player.pack_block`.
    notes : tuple[str, ...]
        Sentences about how the sound was read.
    facts : Markdown
        Duration, format and levels.
    """

    block: Block
    notes: tuple[str, ...]
    facts: Markdown


def show_sound(
    sound: Sound,
    settings: SpectrogramSettings,
    key: str,
    source: Source,
    timeline: tuple[TimelineRow, ...] = (),
    from_s: float = 0.0,
    jump: Jump | None = None,
    beside: Beside | None = None,
    other_sounds: tuple[OtherSound, ...] = (),
) -> None:
    """Show player and facts of a sound.

    Parameters
    ----------
    sound : Sound
        The sound, at the settings' sample rate.
    settings : SpectrogramSettings
    key : str
        Key of this place on the page.
    source : Path or bytes
        Where the sound comes from: the levels are those of the file, not of its mono mix at another sample rate.
    timeline : tuple[TimelineRow, ...]
        Rows below the spectrogram.
    from_s : float
        Start of this sound within a longer sound of which it is a part, in seconds.
    jump : Jump, optional
        Where to go when another jump was asked for.
    beside : Beside, optional
        A second spectrogram of the same sound.
    other_sounds : tuple[OtherSound, ...]
        Versions of the sound that can be listened to in its place.
    """
    options = PlayerOptions(
        sound.name, timeline=timeline, from_s=from_s, jump=jump, beside=beside, other_sounds=other_sounds
    )
    show_packed(pack_sound(sound, settings, source, options), key)


def show_packed(packed: PackedSound, key: str) -> None:
    """Show player and facts of a sound that `pack_sound` has packed."""
    with st.container():  # a place of its own, so that the player is the same one with and without notes
        for note in packed.notes:
            st.caption(f":material/info: {escape(note)}")
    show_block(packed.block, key)
    facts: Markdown = packed.facts
    st.caption(facts)


def pack_sound(sound: Sound, settings: SpectrogramSettings, source: Source, options: PlayerOptions) -> PackedSound:
    """Pack a sound for `show_packed`, which takes most of the time that showing it takes; works in any thread.

    Parameters
    ----------
    sound, settings, source
        As for `show_sound`.
    options : PlayerOptions
        The part that is left after trimming is added here.
    """
    waveform, notes = sound.waveform[: int(MAX_PLAYED_S * settings.sample_rate)], sound.notes
    if len(waveform) < len(sound.waveform):
        notes = (*notes, f"Only the first {MAX_PLAYED_S / 60:g} minutes are shown and played.")
    start, end = trimmed_bounds(waveform, settings)
    options = replace(options, untrimmed=Region(start / settings.sample_rate, end / settings.sample_rate))
    block = pack_block(waveform, display_log_mel(waveform, settings), settings, options)
    return PackedSound(block, tuple(notes), sound_facts(sound, source, options.from_s))


def sound_facts(sound: Sound, source: Source, from_s: float = 0.0) -> Markdown:
    """Duration, format and levels of a sound; the levels are those of the file where it is short enough."""
    header = sound.header
    levels = sound_cache.load_levels(source, sound.name, sound_cache.content_key(source))
    where = Markdown("")
    if levels is None:
        levels, where = FileLevels(peak_dbfs(sound.waveform), rms_dbfs(sound.waveform)), Markdown(" of this part")
    return Markdown(
        f"{_length(sound, from_s)} · {header.sample_rate:,} Hz · {header.channels:d} channel"
        f"{'s' if header.channels > 1 else ''} · {escape(header.container)} {escape(header.codec)} · "
        f"peak{where} {_level(levels.peak_dbfs)} · RMS{where} {_level(levels.rms_dbfs)}"
    )


def _length(sound: Sound, from_s: float) -> Markdown:
    """The length of the file, of which the sound may be a part."""
    length_s = max(sound.header.duration_s, from_s + sound.duration_s) if _is_part(sound) else sound.duration_s
    minutes = Markdown(f" ({escape(format_duration(length_s))})" if length_s >= MIN_IN_MINUTES_S else "")
    return Markdown(f"{length_s:,.2f} s{minutes}")


def _is_part(sound: Sound) -> bool:
    return sound.duration_s >= MAX_PLAYED_S or sound.header.duration_s > MAX_PLAYED_S


def _level(level_dbfs: float) -> Markdown:
    """A level in words, with a minus sign and without a negative zero.

    >>> _level(-0.04), _level(-27.61)
    ('0.0 dBFS', '−27.6 dBFS')
    """
    return Markdown(f"{as_number(level_dbfs, '.1f')} dBFS")
