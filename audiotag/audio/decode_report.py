"""Report what is wrong with a decoded sound: what is lost, salvaged, silent or out of range.

Conventions: a block is float32 with shape ``(samples, channels)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from audiotag.audio.containers import promised_length
from audiotag.audio.header import Header, Source
from audiotag.audio.isolation import IsolatedFile
from audiotag.audio.levels import SILENCE_DBFS, peak_dbfs
from audiotag.audio.limits import MAX_FLOAT_PEAK_DBFS, MAX_PEAK_DBFS, require_peak
from audiotag.audio.pcm_file import find_layout
from audiotag.audio.pcm_layout import PCM_CONTAINERS
from audiotag.errors import AudiotagError
from audiotag.wording import as_number, shortened

if TYPE_CHECKING:
    from audiotag.audio.decoding import BlockReader
    from audiotag.audio.opening import OpenFile

MIN_COMPLETE_FRACTION = 0.999  # of the promised length
MAX_CODEC_FRAME = 8192  # samples: a length that is a little longer than stated may be that of whole codec frames
MIN_LOST_S = 0.005  # less is how the last frame of a codec and the container's clock differ
MIN_RESAMPLED_S = 0.05  # a shorter sound may have its samples between those of a lower rate


@dataclass
class DecodeReport:
    """Facts about a decoded sound, collected at once or block by block.

    Attributes
    ----------
    frames : int
        Decoded samples per channel.
    decoder_failed : bool
        Whether the decoder failed before the end.
    peak_dbfs, mean_dbfs : float
        Level of the largest sample of all channels, and of the largest sample of their mean.
    resampled_dbfs : float
        Level of the largest sample after the mean was resampled; that of the mean without resampling.
    channel_peaks : numpy.ndarray, shape=(channels,)
        Largest sample of each of several channels, up to the first block whose mean is not silent, without it.
    non_finite : int
        Number of samples that are NaN or infinite.
    lost : int
        Samples that could not be decoded.
    promised : int, optional
        Samples per channel that a damaged, cut or wrong file states, 0 if that is unknown; None for libsndfile, which
        does not say.
    is_cut : bool
        Whether the structure of the container continues after the last byte of the file.
    damage : str
        What is damaged, as a part of a sentence.
    structure_notes : tuple[str, ...]
        Sentences about the parts of the file and their places.
    """

    frames: int = 0
    decoder_failed: bool = False
    peak_dbfs: float = float("-inf")
    mean_dbfs: float = float("-inf")
    resampled_dbfs: float = float("-inf")
    channel_peaks: np.ndarray = field(default_factory=lambda: np.zeros(1))
    non_finite: int = 0
    lost: int = 0
    promised: int | None = None
    is_cut: bool = False
    damage: str = ""
    structure_notes: tuple[str, ...] = ()

    def take_structure(self, file: OpenFile, decoded: BlockReader | None = None) -> None:
        """Take into account what an open file tells about itself, and what happened while all of it was decoded."""
        if decoded is not None:
            self.decoder_failed, self.lost = decoded.decoder_failed, decoded.lost
        if isinstance(file, IsolatedFile) and file.stated is not None:
            self.promised, self.is_cut, self.damage = file.promised, file.is_cut, file.damage
            self.structure_notes = tuple(file.notes)

    def add(self, samples: np.ndarray) -> bool:
        """Take the next block into account, ``(samples, channels)``.

        Returns
        -------
        bool
            Whether all samples so far are values that a sound can have.
        """
        self.frames += len(samples)
        peak = peak_dbfs(samples)
        if not peak < float("inf"):  # infinite or NaN
            self.non_finite += int(np.count_nonzero(~np.isfinite(samples)))
        elif peak > self.peak_dbfs:
            self.peak_dbfs = peak
        return not self.non_finite and self.peak_dbfs <= MAX_PEAK_DBFS

    def add_mean(self, samples: np.ndarray, mean: np.ndarray) -> None:
        """Take the mean of the channels of the last block into account, shape ``(samples,)``."""
        if samples.shape[1] == 1:
            self.mean_dbfs = self.peak_dbfs
            return
        self.mean_dbfs = max(self.mean_dbfs, peak_dbfs(mean))
        if self.mean_dbfs < SILENCE_DBFS and len(samples):
            self.channel_peaks = np.maximum(self.channel_peaks, np.abs(samples).max(axis=0))

    def require_sound(self, name: str) -> None:
        """Raise `AudiotagError` if there are no samples, or if a sample has a value that no sound has."""
        if not self.frames:
            raise AudiotagError(f"{name} is empty: its header states 0 samples; leave it out or record it again.")
        self.require_values(name)

    def require_values(self, name: str) -> None:
        """Raise `AudiotagError` if a sample has a value that no sound has."""
        if self.non_finite:
            raise AudiotagError(
                f"{name} holds {self.non_finite} samples that are not numbers (NaN or infinite); "
                "sound must be finite, so export it again from its source."
            )
        require_peak(name, self.peak_dbfs)

    def structure(self, name: str, source: Source, header: Header) -> tuple[tuple[str, ...], bool]:
        """Compare what was decoded with what the file states.

        Returns
        -------
        tuple[str, ...]
            One sentence for everything that is lost, salvaged or in another place than one would expect.
        bool
            Whether the sound is truncated.
        """
        notes, rate = [], header.sample_rate
        layout = find_layout(source) if header.container in PCM_CONTAINERS else None
        if layout:
            promised, is_cut = layout.promise()
        elif self.promised is None:
            promised, is_cut = promised_length(source, header)
        else:
            promised, is_cut = self.promised, self.is_cut
        is_too_short = self.frames < MIN_COMPLETE_FRACTION * promised
        truncated = (is_too_short and not self.damage) or self.decoder_failed or is_cut
        missing = max(promised - self.frames, self.lost)
        if self.damage:
            lost = f"{missing / rate:.2f} s of {max(promised, self.frames) / rate:.2f} s are lost, " if missing else ""
            notes.append(f"{name} is damaged: {self.damage}; {lost}the rest is used.")
        elif is_too_short:
            notes.append(
                f"{name} is truncated: its header states {promised / rate:.2f} s, but the file has "
                f"{self.frames / rate:.2f} s; that part is used."
            )
        elif self.lost > MIN_LOST_S * rate and not truncated:
            notes.append(f"{name} is damaged: {self.lost / rate:.2f} s cannot be decoded; the rest is used.")
        elif self.promised and self.frames > promised + MAX_CODEC_FRAME:
            notes.append(
                f"{name} states {promised / rate:.2f} s in its header, but it has {self.frames / rate:.2f} s; all of "
                "it is used."
            )
        if truncated and not is_too_short:
            notes.append(f"{name} is truncated: its end is missing; the part before is used.")
        if layout and (salvaged := layout.salvage_note(name, self.frames)):
            notes.append(salvaged)
        return (*notes, *self.structure_notes), truncated

    def cancelling_note(self, name: str) -> str:
        """A sentence about a sound whose channels cancel each other; empty for any other sound."""
        if not self.mean_dbfs < SILENCE_DBFS <= self.peak_dbfs:
            return ""
        with np.errstate(divide="ignore"):
            levels = 20 * np.log10(self.channel_peaks)
        names = ("left", "right") if len(levels) == 2 else [f"channel {n + 1}" for n in range(len(levels))]
        heard = {channel: level for channel, level in zip(names, levels, strict=True) if level >= SILENCE_DBFS}
        if len(heard) == 1:
            (channel, level), *_ = heard.items()
            side = channel if len(levels) > 2 else f"{channel} channel"
            why, which = f"only its {side} has sound, up to {as_number(level, '.0f')} dBFS", "that channel"
        else:
            peaks = ", ".join(f"{channel} {as_number(level, '.0f')} dBFS" for channel, level in heard.items())
            why = f"its channels cancel each other, with peaks of: {shortened(peaks)}"
            which = "the left or the right channel" if len(levels) == 2 else "one channel"
        return f"{name} is silent in the mono mix that is used: {why}; export {which} as a file of its own."

    def notes(self, name: str, header: Header, tracks: int, sample_rate: int) -> tuple[str, ...]:
        """Describe what is unusual about the sound.

        Parameters
        ----------
        name : str
            The name that messages use for the sound.
        header : Header
            With the notes of `structure`.
        tracks : int
            Number of sound tracks in the file.
        sample_rate : int
            Rate in Hz that the sound is resampled to.

        Returns
        -------
        tuple[str, ...]
            One sentence for each unusual property.
        """
        notes = list(header.notes)
        if tracks > 1:
            notes.append(f"{name} has {tracks} sound tracks; the first is used.")
        if header.channels > 2:
            notes.append(f"{name} has {header.channels} channels; their mean is used.")
        if header.sample_rate < sample_rate / 2:
            notes.append(
                f"{name} was sampled at {header.sample_rate} Hz: it holds nothing above "
                f"{header.sample_rate / 2000:g} kHz, so tags that need higher frequencies are doubtful."
            )
        if self.peak_dbfs > MAX_FLOAT_PEAK_DBFS:
            notes.append(
                f"{name} has a peak of {self.peak_dbfs:.0f} dBFS, where full scale is 0 dBFS: its samples seem to be "
                "integers stored as floats; divide them by their full scale, 32768 for 16 bits."
            )
        if self.peak_dbfs < SILENCE_DBFS:
            notes.append(f"{name} is silent: no sample is above {as_number(SILENCE_DBFS, 'g')} dBFS.")
        elif cancels := self.cancelling_note(name):
            notes.append(cancels)
        elif self.resampled_dbfs < SILENCE_DBFS and self.frames > MIN_RESAMPLED_S * header.sample_rate:
            notes.append(
                f"{name} has all its sound above {sample_rate / 2000:g} kHz, so it is silent at {sample_rate} Hz."
            )
        return tuple(notes)
