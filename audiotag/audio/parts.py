"""The parts of a file that are decoded one after the other, and what is wrong with it.

Most files are one part. A chained Ogg and files that were joined have several, of which libsndfile reads the first; of
damaged files a part leaves out what no decoder can use.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from audiotag.audio.byte_ranges import Range
from audiotag.audio.containers import UNKNOWN_FRAMES
from audiotag.audio.flac_frames import joined_files, states_its_length
from audiotag.audio.mp3_frames import read_frames
from audiotag.audio.ogg_pages import link_ranges, read_pages

if TYPE_CHECKING:
    import soundfile

MIN_MP3_FRAMES = 4  # fewer may be chance
Result = TypeVar("Result")
KNOWN_FILES = 4096  # whose structure is remembered: a clip is opened in every epoch of a training


@dataclass(frozen=True)
class Part:
    """One sound in a file.

    Attributes
    ----------
    ranges : tuple of (int, int), optional
        Its bytes; the whole file by default.
    skip : int
        Decoded samples to leave out at its start.
    length : int, optional
        Samples per channel after those, if that is known without decoding.
    """

    ranges: tuple[Range, ...] | None = None
    skip: int = 0
    length: int | None = None


@dataclass(frozen=True)
class Plan:
    """How a file is decoded, and what its structure tells.

    Attributes
    ----------
    parts : tuple[Part, ...]
    promised : int
        Samples per channel that the file promises; 0 if it promises none.
    promised_rate : int
        Rate in Hz of those; 0 for that of the sound.
    damage : str
        What is damaged, as a part of a sentence; empty if nothing is.
    is_cut : bool
        Whether the end of the file is missing.
    rates : tuple[int, ...]
        Sample rates of the parts in Hz, if they are known.
    channels : tuple[int, ...]
        Channels of the parts, if they are known.
    """

    parts: tuple[Part, ...] = (Part(),)
    promised: int = 0
    promised_rate: int = 0
    damage: str = ""
    is_cut: bool = False
    rates: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()

    def notes(self, name: str) -> list[str]:
        """Sentences about a file of several parts."""
        if len(self.parts) < 2:
            return []
        note = f"{name} holds {len(self.parts)} sounds one after the other; all of them are used"
        if len(set(self.rates)) > 1:
            rates = ", ".join(str(rate) for rate in dict.fromkeys(self.rates))
            note += f", at the sample rate of the first (they have {rates} Hz)"
        elif len(set(self.channels)) > 1:
            note += ", each as the mean of its channels"
        return [f"{note}."]


def plan_of(source: Path | bytes, container: str) -> Plan:
    """How FFmpeg decodes a file of a container."""
    planner = PLANNERS.get(container)
    return planner(source) if planner else Plan()


def reads_all(file: soundfile.SoundFile, source: Path | bytes) -> bool:
    """Whether libsndfile decodes all of an open file, and knows its length; remembered until the file changes."""
    if file.subtype.startswith("MPEG") and file.format != "MP3":  # it guesses the length of an MP3 in a WAV
        return False
    if file.format not in CHECKS:
        return True
    return _remember(file.format, source, partial(CHECKS[file.format], file, source))


def mp3_kind(source: Path | bytes) -> str:
    """``plain`` for an MP3 that any library reads, ``odd`` for any other file with frames of MP3, else empty.

    It is remembered until the file changes.
    """
    return _remember("frames", source, partial(_mp3_kind, source))


def _mp3_kind(source: Path | bytes) -> str:
    mp3 = read_frames(source)
    if mp3.is_plain:
        return "plain"
    is_mp3 = sum(part.frames for part in mp3.parts) >= MIN_MP3_FRAMES or any(part.has_counter for part in mp3.parts)
    return "odd" if is_mp3 else ""


def _remember(what: str, source: Path | bytes, check: Callable[[], Result]) -> Result:
    """The result of a check, which is made once for each file on disk until that changes."""
    if isinstance(source, bytes):
        return check()
    try:
        stat = os.stat(source)
    except OSError:  # decoding says what is wrong
        return check()
    key = (what, os.fspath(source), stat.st_size, stat.st_mtime_ns)
    if key not in _known:
        if len(_known) >= KNOWN_FILES:
            _known.clear()
        _known[key] = check()
    return _known[key]


def _is_plain_ogg(file: soundfile.SoundFile, source: Path | bytes) -> bool:
    ogg = read_pages(source)
    return file.frames != UNKNOWN_FRAMES and ogg.is_plain and not ogg.is_cut


def _is_plain_mp3(file: soundfile.SoundFile, source: Path | bytes) -> bool:
    mp3 = read_frames(source)
    return not mp3.parts or (mp3.is_plain and mp3.parts[0].length == file.frames)


def _is_plain_flac(file: soundfile.SoundFile, source: Path | bytes) -> bool:
    """Whether the last sample is in the last frame of the file, and can be decoded."""
    import soundfile

    if not states_its_length(source):
        return False
    try:
        file.seek(file.frames - 1)
        is_whole = len(file.read(1)) == 1
        file.seek(0)
    except soundfile.LibsndfileError:
        return False
    return is_whole


def _plan_ogg(source: Path | bytes) -> Plan:
    ogg = read_pages(source)
    if not ogg.links:
        return Plan()
    sounds = [link.sounds[0] for link in ogg.links]
    missing, repeated = sum(sound.missing for sound in sounds), sum(sound.repeated for sound in sounds)
    rate = sounds[0].rate
    promised = sum(round(sound.frames * rate / sound.rate) if sound.rate else 0 for sound in sounds)
    if any(sound.begins_late for sound in sounds):  # the length of the first page is not known
        promised = 0
    misplaced = sum(sound.misplaced for sound in sounds)
    damage = ""
    if missing:
        total = sum(sound.number + 1 for sound in sounds)
        damage = f"{missing} of its {total} pages {'is' if missing == 1 else 'are'} damaged or missing"
    elif repeated:
        damage = f"{repeated} of its pages {'is' if repeated == 1 else 'are'} there twice"
    elif misplaced:
        damage = f"{misplaced} of its pages {'states' if misplaced == 1 else 'state'} a false place in the sound"
    elif ogg.damaged_bytes:
        damage = f"{ogg.damaged_bytes} bytes between its pages are no sound"
    # FFmpeg decodes the last packet of a short stream to its end, beyond the last sample.
    lengths = [None if sound.missing or sound.begins_late or not sound.is_exact else sound.frames for sound in sounds]
    parts = tuple(Part(link_ranges(link), 0, length) for link, length in zip(ogg.links, lengths, strict=True))
    if len(parts) == 1 and ogg.is_plain:
        parts = (Part(None, 0, parts[0].length),)
    return Plan(parts, promised, rate, damage, ogg.is_cut, tuple(sound.rate for sound in sounds))


def _plan_mp3(source: Path | bytes) -> Plan:
    mp3 = read_frames(source)
    if not mp3.parts:
        return Plan()
    rate = mp3.parts[0].rate
    parts = tuple(Part(part.joined_ranges(), part.skip, part.length) for part in mp3.parts)
    is_miscounted = all(part.counted not in (part.frames, -1) for part in mp3.parts)
    promised = sum(round(part.promised * rate / part.rate) for part in mp3.parts) if is_miscounted else 0
    damage = f"{mp3.damaged_bytes} of its bytes are no sound" if mp3.damaged_bytes else ""
    rates, channels = tuple(part.rate for part in mp3.parts), tuple(part.channels for part in mp3.parts)
    return Plan(parts, promised, rate, damage, mp3.is_cut, rates, channels)


def _plan_flac(source: Path | bytes) -> Plan:
    ranges, infos = joined_files(source)
    if not infos:
        return Plan()
    rate = infos[0].rate
    promised = sum(round(info.samples * rate / info.rate) for info in infos if info.rate)
    parts = tuple(Part((part,)) for part in ranges) if len(ranges) > 1 else (Part(),)
    return Plan(parts, promised, rate, rates=tuple(info.rate for info in infos))


PLANNERS: dict[str, Callable[[Path | bytes], Plan]] = {"OGG": _plan_ogg, "MP3": _plan_mp3, "FLAC": _plan_flac}
CHECKS: dict[str, Callable[[soundfile.SoundFile, Path | bytes], bool]] = {
    "OGG": _is_plain_ogg,
    "MP3": _is_plain_mp3,
    "FLAC": _is_plain_flac,
}
_known: dict[tuple[str, str, int, int], Any] = {}
