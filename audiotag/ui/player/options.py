"""What the player can be given besides a sound and its spectrogram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiotag.features.settings import SpectrogramSettings


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
class Values:
    """What a spectrogram holds that is not in dB: the values of its darkest and its brightest colour, and their unit.

    Such a spectrogram may have any numbers of rows and columns: they share the bands and the frames of one crop evenly.
    """

    low: float
    high: float
    unit: str


@dataclass(frozen=True)
class Beside:
    """A second spectrogram (B) of the same sound under other settings.

    Both have the same time axis, zoom and cursor; B is beside the first one (A), or below it where there is no space.

    Attributes
    ----------
    label : str
        Name of B; that of A is `PlayerOptions.label`.
    spectrogram : numpy.ndarray, shape=(n_mels, frames), dB
        `audiotag.features.log_mel.log_mel` with ``settings``.
    settings : SpectrogramSettings
    spectrogram_start_s : float
        Time of the spectrogram's first frame in the sound.
    waveform : numpy.ndarray, shape=(samples,), optional
        The sound at ``settings.sample_rate``, of the same duration: it can then be listened to in place of A.
    crop : Region, optional
        Part that is framed in B; by default that of A.
    values : Values, optional
        Of the spectrogram, where they are not in dB.
    """

    label: str
    spectrogram: np.ndarray
    settings: SpectrogramSettings
    spectrogram_start_s: float = 0.0
    waveform: np.ndarray | None = None
    crop: Region | None = None
    values: Values | None = None


@dataclass(frozen=True)
class OtherSound:
    """A further version of the same sound that can be listened to in its place, with the same duration."""

    label: str
    waveform: np.ndarray
    sample_rate: int


@dataclass(frozen=True)
class Highlight:
    """What matters in the spectrogram: the rest of it is dimmed, and one part has an outline.

    Attributes
    ----------
    label : str
        Of the button that shows and hides it.
    values : numpy.ndarray, shape of the spectrogram
        0 where the spectrogram is dimmed to 1 where it is as bright as without.
    part : numpy.ndarray, shape of the spectrogram, bool
        What has an outline.
    """

    label: str
    values: np.ndarray
    part: np.ndarray


@dataclass(frozen=True)
class Jump:
    """A position that the player goes to when ``number`` is another one than before; a sound that plays goes on."""

    time_s: float
    number: int


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
    label : str
        Name of this version of the sound, where others can be seen or heard beside it.
    beside : Beside, optional
        A second spectrogram of the same sound.
    other_sounds : tuple[OtherSound, ...]
        Versions of the sound that can be listened to in its place, at the same position.
    highlight : Highlight, optional
        Of the (first) spectrogram.
    jump : Jump, optional
        Where to go when another jump was asked for.
    values : Values, optional
        Of the spectrogram, where they are not in dB.
    identity : str
        What tells this sound from others of its name, where its samples do not: position and region stay when it comes
        at another sample rate.
    view : Region, optional
        Part of the time axis that is shown first, and whenever it is another part than before; by default all of it.
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
    label: str = "A"
    beside: Beside | None = None
    other_sounds: tuple[OtherSound, ...] = ()
    highlight: Highlight | None = None
    jump: Jump | None = None
    values: Values | None = None
    identity: str = ""
    view: Region | None = None
