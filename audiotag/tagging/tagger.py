"""From a clip to its tags, by an ensemble of folds.

A clip goes through in windows of the training length, so its tags do not depend on how long it is; one that is longer
than `MAX_WHOLE_CLIP_S` is read block by block, so neither does memory, and its ends are not trimmed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from audiotag.audio.header import Sound, Source
from audiotag.audio.levels import SILENCE_DBFS, peak_dbfs
from audiotag.audio.reading import read_header, read_sound
from audiotag.audio.streaming import LongSound
from audiotag.augmentation.mask import Mask
from audiotag.checks import require
from audiotag.errors import AudiotagError
from audiotag.features.log_mel import log_mel, network_input
from audiotag.features.trimming import fit_length, trimmed_bounds
from audiotag.tagging.engine_selection import Say, select_engine
from audiotag.tagging.ensemble import Card, chosen_folds, read_card
from audiotag.tagging.fold_fusion import clip_tags
from audiotag.tagging.out_of_fold import read_out_of_fold
from audiotag.tagging.result import Evidence, Tags
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.training_profile import sound_levels, unlike_training_sounds

WINDOWS_AT_ONCE = 32  # bounds memory, whatever the clip's length
MAX_WHOLE_CLIP_S = 300.0
MAX_EXCESS_FRACTION = 0.01  # of a window, by which a sound may be longer and still have one
PASSES = 4  # of test-time augmentation; fastai's n


@dataclass(frozen=True, eq=False)
class ClipInputs:
    """A clip, or a block of a long one, on its way to the networks.

    Attributes
    ----------
    name : str
    starts : numpy.ndarray, shape=(windows,)
        Where each window starts in the clip, in samples.
    end : int
        Where the clip, as far as it is known by this block, ends.
    heard : numpy.ndarray, shape=(windows,), bool
        Whether there is anything in a window.
    plain : numpy.ndarray, shape=(windows, channels, height, width), float32
        What the networks get; empty where no window is heard.
    augmented : numpy.ndarray, shape=(passes, windows, channels, height, width), or None
    notes : tuple[str, ...]
    """

    name: str
    starts: np.ndarray
    end: int
    audible: np.ndarray
    plain: np.ndarray
    augmented: np.ndarray | None
    notes: tuple[str, ...]


class Tagger:
    """An ensemble in memory, ready to tag.

    Parameters
    ----------
    folder : Path
        Of the ensemble.
    settings : TagSettings, optional
    thresholds : tuple[float, ...], optional
        One a label, in the order of the card's, 0 to 1; by default the card's.
    say : callable, optional
        Hears a sentence where opening takes long: the first time on a machine.

    Raises
    ------
    AudiotagError
        If the folder is no whole ensemble, has no such fold, or has no out-of-fold scores to fit weights to.
    """

    def __init__(
        self,
        folder: Path,
        settings: TagSettings | None = None,
        thresholds: tuple[float, ...] | None = None,
        say: Say = lambda sentence: None,
    ) -> None:
        self.card: Card = read_card(folder)
        self.settings = settings or TagSettings()
        self._folds = chosen_folds(self.card, self.settings.folds)
        self.thresholds = self.card.thresholds if thresholds is None else thresholds
        if len(self.thresholds) != len(self.card.labels):
            raise AudiotagError(
                f"thresholds must be one a label ({len(self.card.labels)} in {self.card.name}), "
                f"got {len(self.thresholds)}."
            )
        for threshold in self.thresholds:
            require(0 <= threshold <= 1, "a threshold", "be 0 to 1", threshold, "in per cent?")
        self.out_of_fold = read_out_of_fold(folder, self.card)
        self._require_weights(self.settings)
        self.masks = _masks(self.card) if self.settings.tta else ()
        self.engine_name, self._engine = select_engine(folder, self.card, self.settings.folds, say)

    @cached_property
    def weights(self) -> np.ndarray | None:
        """What the chosen folds' logits are worth, see `audiotag.tagging.fold_fusion.fitted_weights`, ``(folds, 2)``.

        None where the ensemble holds no out-of-fold scores to fit them to.
        """
        if self.out_of_fold is None:
            return None
        ascending = sorted(fold.fold for fold in self.card.folds)
        return self.out_of_fold.weights()[[ascending.index(fold.fold) for fold in self._folds]]

    def tag(self, source: Source, name: str | None = None) -> Tags:
        """Tag a sound file, or the bytes of one.

        Raises
        ------
        AudiotagError
            If it cannot be read as a sound; see `audiotag.audio.reading.read_sound`.
        """
        return self.tags_of(self.evidence(source, name))

    def tag_sound(self, sound: Sound) -> Tags:
        """Tag a decoded sound, which must have the card's sample rate."""
        return self.tags_of(self.evidence_of(sound))

    def tags_of(self, evidence: Evidence, settings: TagSettings | None = None) -> Tags:
        """The tags that evidence makes, by the tagger's own settings or by others; networks are not asked again.

        Of other settings ``combine``, ``windows`` and ``tta`` count: other windows and folds are other evidence.

        Raises
        ------
        AudiotagError
            If they ask for weights, or for passes of test-time augmentation, that are not there.
        """
        settings = settings or self.settings
        self._require_weights(settings)
        windows = settings.windows or self.card.windows
        if not settings.tta:
            evidence = replace(evidence, augmented=None)
        elif evidence.augmented is None:
            raise AudiotagError(
                f"{evidence.name} was scored without test-time augmentation; score it again with tta on."
            )
        return clip_tags(evidence, self.card.labels, self.thresholds, windows, settings.combine, self.weights)

    def evidence(self, source: Source, name: str | None = None) -> Evidence:
        """What each fold says of each window of a sound file, or of the bytes of one."""
        return joined_evidence([self.scored(block) for block in self.pictures(source, name)])

    def evidence_of(self, sound: Sound) -> Evidence:
        """`evidence` of a decoded sound, which must have the card's sample rate."""
        rate = self.card.spectrogram.sample_rate
        require(
            sound.sample_rate == rate, f"{sound.name}'s sample rate", f"be {rate} Hz", sound.sample_rate, "resample"
        )
        return self.scored(self._of_whole(sound))

    def pictures(self, source: Source, name: str | None = None) -> Iterator[ClipInputs]:
        """What the networks get of a sound: once, or for a sound longer than `MAX_WHOLE_CLIP_S` block by block."""
        rate = self.card.spectrogram.sample_rate
        if read_header(source, name).duration_s <= MAX_WHOLE_CLIP_S:
            yield self._of_whole(read_sound(source, rate, name))
            return
        window = self.card.spectrogram.clip_samples
        hop = self.settings.hop(window)
        step = hop * (1 + round(MAX_WHOLE_CLIP_S / 2 * rate) // hop)
        sound = LongSound(source, rate, name)
        notes: tuple[str, ...] = ()
        offset, parts = 0, [np.empty(0, np.float32)]
        for part in sound.blocks():
            parts.append(part)
            while sum(map(len, parts)) > step + window:  # a window follows, so that the last block has one at least
                rest = np.concatenate(parts)
                notes = notes if offset else self._unlike(sound.name, rest)
                yield self._block(sound.name, rest[: step - hop + window], np.arange(0, step, hop), offset)
                offset, parts = offset + step, [rest[step:]]
        rest = np.concatenate(parts)
        notes = notes if offset else self._unlike(sound.name, rest)
        starts = np.array(window_starts(len(rest), window, hop))
        yield replace(self._block(sound.name, rest, starts, offset), notes=(*sound.notes, *notes))

    def scored(self, pictures: ClipInputs) -> Evidence:
        """What the networks say of them."""
        settings, windows = self.card.spectrogram, len(pictures.starts)
        augmented = pictures.augmented
        return Evidence(
            name=pictures.name,
            duration_s=pictures.end / settings.sample_rate,
            starts_s=pictures.starts / settings.sample_rate,
            window_s=settings.clip_s,
            audible=pictures.audible,
            scores=self._scores(pictures.plain, windows),
            augmented=None if augmented is None else np.stack([self._scores(one, windows) for one in augmented]),
            notes=pictures.notes,
        )

    def engine(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures, ``(windows, channels, height, width)``, to scores, ``(folds, windows, labels)``, by `engine_name`.

        Raises
        ------
        AudiotagError
            If the scores are not numbers.
        """
        scores = self._engine(pictures)
        if not np.isfinite(scores).all():
            raise AudiotagError(
                f"{self.card.name} gives scores that are no numbers (NaN): its weights are damaged, or its training "
                "diverged; copy it again, or train it with a lower learning rate."
            )
        return scores

    def _scores(self, pictures: np.ndarray, windows: int) -> np.ndarray:
        """Scores of the folds, ``(folds, windows, labels)``; 0 for silence, which has no pictures."""
        if not len(pictures):
            return np.zeros((len(self._folds), windows, len(self.card.labels)), dtype=np.float32)
        parts = [self.engine(pictures[at : at + WINDOWS_AT_ONCE]) for at in range(0, len(pictures), WINDOWS_AT_ONCE)]
        return np.concatenate(parts, axis=1)

    def _of_whole(self, sound: Sound) -> ClipInputs:
        settings = self.card.spectrogram
        first, last = trimmed_bounds(sound.waveform, settings)
        window = settings.clip_samples
        spare = last - first - window
        # Encoders lengthen a clip by some milliseconds: it has one window, the middle as in training, and not two.
        few = 0 <= spare <= window * MAX_EXCESS_FRACTION
        starts = [spare // 2] if few else window_starts(last - first, window, self.settings.hop(window))
        notes = (*sound.notes, *self._unlike(sound.name, sound.waveform))
        block = self._block(sound.name, sound.waveform[first:last], np.array(starts), first)
        return replace(block, end=len(sound.waveform), notes=notes)

    def _block(self, name: str, waveform: np.ndarray, starts: np.ndarray, offset: int) -> ClipInputs:
        """Pictures of windows at ``starts`` in a waveform that lies at ``offset`` in its clip."""
        window = self.card.spectrogram.clip_samples
        audible = np.array([peak_dbfs(waveform[start : start + window]) >= SILENCE_DBFS for start in starts])
        plain = np.empty(0, np.float32)
        augmented = np.empty((PASSES, 0), np.float32) if self.settings.tta else None
        if audible.any():
            plain = np.stack([self._picture(waveform, start) for start in starts])
            if self.settings.tta:
                augmented = self._augmented(waveform, starts)
        return ClipInputs(name, starts + offset, offset + len(waveform), audible, plain, augmented, ())

    def _picture(
        self, waveform: np.ndarray, start: int, at: float = 0.5, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        settings = self.card.spectrogram
        decibels = log_mel(fit_length(waveform[start : start + settings.clip_samples], settings, at), settings)
        if rng is not None:
            for mask in self.masks:
                decibels = mask.apply(decibels[None, None], mask.sample(rng, (1, 1, *decibels.shape)))[0, 0]
        return network_input(decibels, settings)

    def _augmented(self, waveform: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Passes over windows that are shifted by up to half their distance and masked as in training.

        A clip shorter than a window lies between its zeros at random. All chance comes from the samples themselves, so
        that the same clip gets the same scores whatever is tagged before it.
        """
        settings = self.card.spectrogram
        content = hashlib.blake2b(np.ascontiguousarray(waveform).tobytes(), digest_size=8).digest()
        rng = np.random.default_rng(int.from_bytes(content, "little"))
        reach, last = self.settings.hop(settings.clip_samples) // 2, max(len(waveform) - settings.clip_samples, 0)
        passes = []
        for _ in range(PASSES):
            shifted = np.clip(starts + rng.integers(-reach, reach + 1, len(starts)), 0, last)
            passes.append(np.stack([self._picture(waveform, start, rng.random(), rng) for start in shifted]))
        return np.stack(passes)

    def _unlike(self, name: str, waveform: np.ndarray) -> tuple[str, ...]:
        if not self.card.sounds:
            return ()
        return tuple(
            unlike_training_sounds(name, sound_levels(waveform, self.card.spectrogram.sample_rate), self.card.sounds)
        )

    def _require_weights(self, settings: TagSettings) -> None:
        if settings.combine == "weighted" and self.weights is None:
            raise AudiotagError(
                f"{self.card.name} holds no out-of-fold scores to fit weights to; combine its folds by mean or "
                "geometric, or publish it again."
            )


def joined_evidence(blocks: list[Evidence]) -> Evidence:
    """Evidence of a clip from that of its blocks, in their order."""
    augmented = [block.augmented for block in blocks if block.augmented is not None]
    return replace(
        blocks[-1],
        starts_s=np.concatenate([block.starts_s for block in blocks]),
        audible=np.concatenate([block.audible for block in blocks]),
        scores=np.concatenate([block.scores for block in blocks], axis=1),
        augmented=np.concatenate(augmented, axis=2) if augmented else None,
        notes=tuple(note for block in blocks for note in block.notes),
    )


def _masks(card: Card) -> tuple[Mask, ...]:
    """Those of the recipe that the ensemble was trained by; one wider than the picture shows when it is drawn."""
    entries = [entry for entry in card.recipe.get("augment", ()) if entry.get("kind") == "mask"]
    try:
        masks = tuple(Mask(**{name: value for name, value in entry.items() if name != "kind"}) for entry in entries)
    except TypeError as error:
        raise AudiotagError(f"{card.name} has a mask in its recipe that is none: {error}; copy it again.") from error
    for mask in masks:
        mask.sample(np.random.default_rng(0), (1, 1, card.spectrogram.n_mels, card.spectrogram.frames))
    return masks


def window_starts(samples: int, window: int, hop: int) -> list[int]:
    """Where windows start: every ``hop`` samples, the last one ending with the sound.

    >>> window_starts(44_100 * 5, 2 * 44_100, 44_100)
    [0, 44100, 88200, 132300]
    """
    last = max(samples - window, 0)
    return [*range(0, last, hop), last]
