"""Cut the section of a sound that is explained: one window, where a label scores highest or at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audiotag.audio.header import Source
from audiotag.audio.opening import source_name
from audiotag.audio.reading import read_short_sound
from audiotag.audio.streaming import read_part
from audiotag.checks import require
from audiotag.features.trimming import trimmed_bounds
from audiotag.tagging.clip_inputs import MAX_WHOLE_CLIP_S

if TYPE_CHECKING:
    from audiotag.tagging.result import Tags
    from audiotag.tagging.tagger import Tagger


@dataclass(frozen=True, eq=False)
class Section:
    """The part of a sound that is explained: as long as a window of the ensemble, or the whole of a shorter sound.

    Attributes
    ----------
    name : str
        Name of the sound.
    waveform : numpy.ndarray, shape=(samples,), float32
    sample_rate : int
        In Hz.
    start_s : float
        Where it begins in the sound.
    content : str
        Hash of the samples of the whole sound, by which folds that were trained on it do not vote.
    """

    name: str
    waveform: np.ndarray
    sample_rate: int
    start_s: float = 0.0
    content: str = ""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.waveform) / self.sample_rate


def section_start(tagger: Tagger, tags: Tags, label: str, at_s: float | None = None) -> float:
    """Where the section begins in which a label scores highest, in seconds.

    Parameters
    ----------
    tagger : Tagger
    tags : Tags
        Of the whole sound.
    label : str
    at_s : float, optional
        A time that is to be in the middle of the section instead.

    Raises
    ------
    AudiotagError
        If the time is not in the sound.
    """
    length_s = section_length(tagger)
    if at_s is None:
        column = tagger.card.labels.index(label)
        start_s = float(tags.starts_s[np.argmax(tags.timeline[:, column])])
        middle_s = start_s + min(tags.window_s, tags.duration_s - start_s) / 2
    else:
        inside = f"be in the sound, which has {tags.duration_s:.2f} s"
        require(0 <= at_s <= tags.duration_s, "the time to explain", inside, f"{at_s:g} s", "the unit is seconds")
        middle_s = at_s
    return max(0.0, min(middle_s - length_s / 2, tags.duration_s - length_s))


def section_length(tagger: Tagger) -> float:
    """Length of a section in seconds: that of a window; of a blend, that of the longest window."""
    return max(part.card.spectrogram.clip_s for part in tagger.parts)


def read_section(tagger: Tagger, source: Source, start_s: float, name: str | None = None, content: str = "") -> Section:
    """Read the section of a sound that begins at a time; silence that the ensemble trims is not in it.

    Parameters
    ----------
    tagger : Tagger
    source : Path or bytes
        Of a sound file.
    start_s : float
        From the start of the sound; a section that would end after the sound begins earlier.
    name : str, optional
    content : str
        Of the whole sound, `Tags.content`.

    Raises
    ------
    AudiotagError
        If the sound cannot be read, or ends before ``start_s``.
    """
    settings = tagger.card.spectrogram
    rate, length = settings.sample_rate, round(section_length(tagger) * settings.sample_rate)
    start = round(start_s * rate)
    sound = read_short_sound(source, rate, MAX_WHOLE_CLIP_S, name)
    if sound is not None:
        first, last = trimmed_bounds(sound.waveform, settings)
        start = max(first, min(start, last - length))
        waveform = sound.waveform[start : min(start + length, last)]
    else:
        waveform = read_part(source, rate, start, start + length, name)
    called = name or source_name(source)
    require(
        len(waveform) > 0, f"the time to explain in {called}", "be in the sound", f"{start_s:g} s", "is it shorter?"
    )
    return Section(called, waveform, rate, start / rate, content)
