"""Cut a clip into windows and turn them into network inputs, with or without test-time augmentation.

A window is as long as the crops in training, so a clip's scores do not depend on its length. A clip that is longer
than `MAX_WHOLE_CLIP_S` is read block by block, so memory does not depend on its length either; its ends are not
trimmed. Where windows are cut from the log-mel of the whole clip (`audiotag.tagging.spectrogram_windows`), a long clip
is read twice: its loudest and lowest values, which all its windows depend on, must be known before the first of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from audiotag.audio.header import Sound, Source
from audiotag.audio.levels import SILENCE_DBFS, peak_dbfs
from audiotag.audio.reading import read_short_sound
from audiotag.audio.streaming import LongSound
from audiotag.augmentation.mask import Mask
from audiotag.checks import build, require
from audiotag.errors import AudiotagError
from audiotag.features.crop_features import crop_features
from audiotag.features.frame_stream import facts_of, frame_blocks, measure_whole
from audiotag.features.log_mel import log_mel, network_input
from audiotag.features.trimming import fit_length, trimmed_bounds
from audiotag.features.whole_clip import added_zeros
from audiotag.reasons import plain_reason
from audiotag.tagging.card import Card
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.spectrogram_windows import PeakMeter, SpectrogramPart, starts_in_clip
from audiotag.tagging.training_profile import lowest_bandwidth_hz, sound_levels, unlike_training_sounds

MAX_WHOLE_CLIP_S = 300.0
MAX_EXCESS_FRACTION = 0.01  # of a window: a clip that is longer than one window by at most this has one window
PASSES = 4  # passes of test-time augmentation; fastai's n


@dataclass(frozen=True, eq=False)
class ClipInputs:
    """Network inputs of a clip, or of one block of a long clip.

    Attributes
    ----------
    name : str
        Name of the clip.
    starts : numpy.ndarray, shape=(windows,)
        Start of each window in the clip, in samples.
    end : int
        End of the clip in samples, as far as this block reaches.
    audible : numpy.ndarray, shape=(windows,), bool
        Whether a window has a sample above -90 dBFS.
    plain : numpy.ndarray, shape=(windows, channels, height, width), float32
        Network inputs; empty where no window is audible.
    augmented : numpy.ndarray, shape=(passes, windows, channels, height, width), or None
        Network inputs of each pass of test-time augmentation.
    notes : tuple[str, ...]
        Remarks on the clip, as sentences.
    content : str
        Hash of the decoded samples, in the last block; empty in the others.
    differences : tuple[str, ...]
        Those of the notes that say in what the clip differs from the training sounds.
    """

    name: str
    starts: np.ndarray
    end: int
    audible: np.ndarray
    plain: np.ndarray
    augmented: np.ndarray | None
    notes: tuple[str, ...]
    content: str = ""
    differences: tuple[str, ...] = ()


class InputMaker:
    """Makes the network inputs that an ensemble's card asks for.

    Parameters
    ----------
    card : Card
    settings : TagSettings
        Only ``overlap`` and ``tta`` are used.

    Raises
    ------
    AudiotagError
        If test-time augmentation is on and a mask of the card's recipe is unknown, or larger than the spectrogram; or
        if there is a ``window_rule`` for an ensemble whose crops are cut from waveforms.
    """

    def __init__(self, card: Card, settings: TagSettings) -> None:
        require(
            settings.window_rule is None or card.spectrogram.crop == "spectrogram",
            "window_rule",
            "be left out for an ensemble whose crops are cut from waveforms",
            settings.window_rule,
            "it places windows in spectrograms",
        )
        self.card, self.settings = card, settings
        self.masks = _recipe_masks(card) if settings.tta else ()

    def blocks(self, source: Source, name: str | None = None) -> Iterator[ClipInputs]:
        """Network inputs of a sound file, in one block, or in several if it is longer than `MAX_WHOLE_CLIP_S`."""
        sample_rate = self.card.spectrogram.sample_rate
        short_sound = read_short_sound(source, sample_rate, MAX_WHOLE_CLIP_S, name)
        if short_sound is not None:
            yield self.of_sound(short_sound)
            return
        if self.card.spectrogram.crop == "spectrogram":
            yield from self._spectrogram_blocks(source, name)
            return
        window = self.card.spectrogram.clip_samples
        hop = self.settings.hop(window)
        step = hop * (1 + round(MAX_WHOLE_CLIP_S / 2 * sample_rate) // hop)
        sound = LongSound(source, sample_rate, name, hashed=True)
        notes: tuple[str, ...] = ()
        offset, parts = 0, [np.empty(0, np.float32)]
        for part in sound.blocks():
            parts.append(part)
            while sum(map(len, parts)) > step + window:  # a window follows, so that the last block has at least one
                rest = np.concatenate(parts)
                notes = notes if offset else self._profile_notes(sound.name, rest)
                yield self._block(sound.name, rest[: step - hop + window], np.arange(0, step, hop), offset)
                offset, parts = offset + step, [rest[step:]]
        rest = np.concatenate(parts)
        notes = notes if offset else self._profile_notes(sound.name, rest)
        starts = np.array(window_starts(len(rest), window, hop))
        block = self._block(sound.name, rest, starts, offset)
        yield replace(block, notes=(*sound.notes, *notes), content=sound.content, differences=notes)

    def of_sound(self, sound: Sound) -> ClipInputs:
        """Network inputs of a decoded sound, which must have the card's sample rate."""
        settings = self.card.spectrogram
        first, last = trimmed_bounds(sound.waveform, settings)
        differences = self._profile_notes(sound.name, sound.waveform)
        notes = (*sound.notes, *differences)
        if settings.crop == "spectrogram":
            block = self._whole_clip(sound.name, sound.waveform[first:last], first)
            return replace(block, end=len(sound.waveform), notes=notes, content=sound.content, differences=differences)
        window = settings.clip_samples
        excess = last - first - window
        # Encoders lengthen a clip by some milliseconds: it then has one window, its middle as in training, and not two.
        is_one_window = 0 <= excess <= window * MAX_EXCESS_FRACTION
        starts = [excess // 2] if is_one_window else window_starts(last - first, window, self.settings.hop(window))
        block = self._block(sound.name, sound.waveform[first:last], np.array(starts), first)
        return replace(block, end=len(sound.waveform), notes=notes, content=sound.content, differences=differences)

    def window_input(
        self, waveform: np.ndarray, start: int, position: float = 0.5, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """Network input of one window.

        Parameters
        ----------
        waveform : numpy.ndarray, shape=(samples,)
        start : int
            First sample of the window.
        position : float
            Where a clip shorter than the window is placed in it: 0 at its start, 1 at its end.
        rng : numpy.random.Generator, optional
            Where given, the masks of the recipe are drawn from it and applied.

        Returns
        -------
        numpy.ndarray, shape=(channels, height, width), float32
        """
        settings = self.card.spectrogram
        crop = fit_length(waveform[start : start + settings.clip_samples], settings, position)
        features = crop_features(crop, settings)
        if rng is not None:
            for mask in self.masks:
                features = mask.apply(features[None, None], mask.sample(rng, (1, 1, *features.shape)))[0, 0]
        return network_input(features, settings)

    def _whole_clip(self, name: str, waveform: np.ndarray, offset: int) -> ClipInputs:
        """Inputs of all windows of a trimmed clip that begins at sample ``offset`` of its file."""
        settings = self.card.spectrogram
        before, after = added_zeros(len(waveform), settings)
        padded = np.pad(waveform, (before, after))
        meter = PeakMeter(settings.hop_length)
        meter.add(padded)
        decibels = log_mel(padded, settings)
        part = SpectrogramPart(decibels, 0, facts_of(decibels, settings), before)
        starts = starts_in_clip(part.facts.frames, settings, self.settings)
        return self._windows(name, part, starts, meter, offset)

    def _spectrogram_blocks(self, source: Source, name: str | None) -> Iterator[ClipInputs]:
        """Inputs of a clip that does not fit into memory, from its second reading."""
        settings, rate = self.card.spectrogram, self.card.spectrogram.sample_rate
        meter, beginning = PeakMeter(settings.hop_length), np.empty(0, np.float32)

        def first_reading() -> Iterator[np.ndarray]:
            nonlocal meter, beginning
            meter, beginning = PeakMeter(settings.hop_length), np.empty(0, np.float32)
            for block in LongSound(source, rate, name).blocks():
                meter.add(block)
                if len(beginning) < MAX_WHOLE_CLIP_S / 2 * rate:
                    beginning = np.concatenate([beginning, block])
                yield block

        facts = measure_whole(first_reading, settings)
        starts = starts_in_clip(facts.frames, settings, self.settings)
        at_once = 1 + round(MAX_WHOLE_CLIP_S / 2 * rate) // (self.settings.hop(settings.frames) * settings.hop_length)
        *groups, last_group = (starts[at : at + at_once] for at in range(0, len(starts), at_once))
        sound = LongSound(source, rate, name, hashed=True)
        part = SpectrogramPart(np.empty((settings.n_mels, 0), np.float32), 0, facts)
        notes = self._profile_notes(sound.name, beginning)
        for frames in frame_blocks(sound.blocks(), settings):
            part = replace(part, log_mel=np.concatenate([part.log_mel, frames], axis=1))
            while groups and part.first + part.log_mel.shape[1] >= groups[0][-1] + settings.frames:
                yield self._windows(sound.name, part, groups.pop(0), meter, 0)
                part = part.without(max((groups[0] if groups else last_group)[0], 0))
        for group in groups:  # whose last windows end after the clip
            yield self._windows(sound.name, part, group, meter, 0)
        block = self._windows(sound.name, part, last_group, meter, 0)
        all_notes = (*sound.notes, *notes)
        yield replace(block, end=meter.samples, notes=all_notes, content=sound.content, differences=notes)

    def _windows(
        self, name: str, part: SpectrogramPart, starts: np.ndarray, meter: PeakMeter, offset: int
    ) -> ClipInputs:
        """Inputs of the windows at the frames ``starts`` of a trimmed clip that begins at sample ``offset``."""
        settings = self.card.spectrogram
        audible = meter.audible(starts, settings.frames)
        plain = np.empty(0, np.float32)
        augmented = np.empty((PASSES, 0), np.float32) if self.settings.tta else None
        if audible.any():
            plain = part.inputs(starts, settings)
            if self.settings.tta:
                max_shift = self.settings.hop(settings.frames) // 2
                augmented = part.augmented(starts, settings, max_shift, self.masks, PASSES)
        samples = offset - part.zeros_before + starts * settings.hop_length
        end = int(samples[-1]) + settings.clip_samples
        return ClipInputs(name, np.maximum(samples, offset), end, audible, plain, augmented, ())

    def _block(self, name: str, waveform: np.ndarray, starts: np.ndarray, offset: int) -> ClipInputs:
        """Inputs of the windows at ``starts`` in a waveform that begins ``offset`` samples after its clip."""
        window = self.card.spectrogram.clip_samples
        audible = np.array([peak_dbfs(waveform[start : start + window]) >= SILENCE_DBFS for start in starts])
        plain = np.empty(0, np.float32)
        augmented = np.empty((PASSES, 0), np.float32) if self.settings.tta else None
        if audible.any():
            plain = np.stack([self.window_input(waveform, start) for start in starts])
            if self.settings.tta:
                augmented = self._augmented_passes(waveform, starts)
        return ClipInputs(name, starts + offset, offset + len(waveform), audible, plain, augmented, ())

    def _augmented_passes(self, waveform: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Passes over windows that are shifted by up to half their distance and masked as in training.

        A clip shorter than a window is placed at random between zeros. The generator is seeded by the samples
        themselves, so that a clip gets the same scores whatever is tagged before it.
        """
        settings = self.card.spectrogram
        digest = hashlib.blake2b(np.ascontiguousarray(waveform).tobytes(), digest_size=8).digest()
        rng = np.random.default_rng(int.from_bytes(digest, "little"))
        max_shift, last = self.settings.hop(settings.clip_samples) // 2, max(len(waveform) - settings.clip_samples, 0)
        passes = []
        for _ in range(PASSES):
            shifted = np.clip(starts + rng.integers(-max_shift, max_shift + 1, len(starts)), 0, last)
            passes.append(np.stack([self.window_input(waveform, start, rng.random(), rng) for start in shifted]))
        return np.stack(passes)

    def _profile_notes(self, name: str, waveform: np.ndarray) -> tuple[str, ...]:
        """How the clip differs from the training sounds."""
        if not self.card.sounds:
            return ()
        sounds = self.card.sounds
        levels = sound_levels(waveform, self.card.spectrogram.sample_rate, lowest_bandwidth_hz(sounds))
        return tuple(unlike_training_sounds(name, levels, sounds))


def window_starts(samples: int, window: int, hop: int) -> list[int]:
    """Starts of the windows in samples: one every ``hop`` samples, the last one ending with the sound.

    >>> window_starts(44_100 * 5, 2 * 44_100, 44_100)
    [0, 44100, 88200, 132300]
    """
    last = max(samples - window, 0)
    return [*range(0, last, hop), last]


def _recipe_masks(card: Card) -> tuple[Mask, ...]:
    """Masks of the recipe that the ensemble was trained by, sampled once so that one that is too wide is an error."""
    entries = [entry for entry in card.recipe.get("augment", ()) if entry.get("kind") == "mask"]
    try:
        masks = tuple(
            build(Mask, {name: value for name, value in entry.items() if name != "kind"}, "mask.") for entry in entries
        )
    except AudiotagError as error:
        raise AudiotagError(
            f"{card.name} has a mask in its recipe that cannot be used: {plain_reason(error)}; copy the ensemble again."
        ) from error
    for mask in masks:
        mask.sample(np.random.default_rng(0), (1, 1, card.spectrogram.n_mels, card.spectrogram.frames))
    return masks
