"""Measure what the training sounds of an ensemble are like, by one pass of its training clips through all folds.

Each fold gets the clips that it was trained on as its reference, and those that it held out to calibrate distances.
Which are which is known by their content (`audiotag.tagging.known_clips`), so the clips may come from any copy of the
dataset; clips that the ensemble was not trained on are left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audiotag.data.dataset import Dataset
from audiotag.data.label_names import LabelNames
from audiotag.data.saved_options import open_whole
from audiotag.disk import locked
from audiotag.errors import AudiotagError
from audiotag.tagging import familiar
from audiotag.tagging.bulk import tag_files
from audiotag.tagging.card import CARD
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.familiar import Familiar
from audiotag.tagging.result import Tags
from audiotag.tagging.settings import MEASURED
from audiotag.tagging.sound_files import SoundFile
from audiotag.trust.familiarity import fit_sounds, over_folds, threshold_of
from audiotag.workspace import Workspace, read_json, write_bytes, write_json

if TYPE_CHECKING:
    from audiotag.tagging.tagger import Tagger

MAX_CLIPS = 3000  # that are tagged for it, at even distances; a pass takes minutes
REFERENCE_SUBSET = "curated"  # labels of other subsets may be wrong; all training clips where there is no such subset


class TrainingClip(NamedTuple):
    """A clip that the ensemble may have been trained on, with its labels as the ensemble spells them."""

    path: Path
    labels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Heard:
    """What is needed of a tagged clip: embeddings of the window of its likeliest label, of its own, of right tags."""

    trained: np.ndarray  # (folds,)
    targets: np.ndarray  # (labels,), bool
    own: np.ndarray  # (folds, features)
    likeliest: np.ndarray  # (folds, features)
    right: np.ndarray  # (folds, right tags, features)


def measure_and_save(
    folder: Path,
    dataset: Path,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] = lambda sentence: None,
) -> Familiar:
    """Measure the familiarity of the ensemble in a folder, and store it with the ensemble.

    Parameters
    ----------
    folder : Path
    dataset : Path
        What it was trained on; clips that were left out since then take part.
    progress : callable(done, total), optional
        Called as clips are tagged.
    say : callable, optional
        Gets a sentence for the user where opening the ensemble takes long.

    Raises
    ------
    AudiotagError
        As `measure_familiarity`, or if the dataset or the ensemble cannot be opened.
    """
    tagger = familiarity_tagger(folder, say)
    clips = training_clips(open_whole(dataset, Workspace()), tagger.card.labels)
    measured = measure_familiarity(tagger, clips, progress)
    save_familiar(folder, measured)
    return measured


def familiarity_tagger(folder: Path, say: Callable[[str], None] = lambda sentence: None) -> Tagger:
    """The ensemble in a folder as the measurement uses it: all folds, their mean, with embeddings."""
    from audiotag.tagging.tagger import Tagger

    return Tagger(folder, MEASURED, say=say, keep_embeddings=True)


def training_clips(dataset: Dataset, labels: Sequence[str]) -> list[TrainingClip]:
    """The clips of a dataset that an ensemble with these labels may have been trained on, at most `MAX_CLIPS`."""
    clips = dataset.clips[dataset.clips["subset"] != "test"]
    reference = clips[clips["subset"] == REFERENCE_SUBSET]
    clips = reference if len(reference) else clips
    rows = np.unique(np.linspace(0, len(clips) - 1, min(len(clips), MAX_CLIPS)).round().astype(int))
    names, found = LabelNames(labels), []
    for path, own in clips.iloc[rows][["path", "labels"]].itertuples(index=False, name=None):
        known = tuple(name for label in own if (name := names.find(label)))
        found.append(TrainingClip(Path(path), known))
    return found


def measure_familiarity(
    tagger: Tagger, clips: Sequence[TrainingClip], progress: Callable[[int, int], None] | None = None
) -> Familiar:
    """Tag the training clips, and find how far those that a fold held out are from those that it was trained on.

    Parameters
    ----------
    tagger : Tagger
        From `familiarity_tagger`.
    clips : sequence of TrainingClip
    progress : callable(done, total), optional
        Called as clips are tagged.

    Raises
    ------
    AudiotagError
        If the ensemble does not know which clips it was trained on, was trained on none of these, or its networks have
        no embeddings.
    """
    name, known = tagger.card.name, tagger.known_clips
    if known is None:
        raise AudiotagError(f"{name} does not know which clips it was trained on; publish its run again.")
    heard: list[_Heard] = []
    files = [SoundFile(clip.path, clip.path.name) for clip in clips]
    for done, (clip, result) in enumerate(zip(clips, tag_files(tagger, files), strict=True), start=1):
        if result.tags is not None and (found := _hear(tagger, result.tags, clip.labels)) is not None:
            heard.append(found)
        if progress:
            progress(done, len(clips))
    if not heard:
        raise AudiotagError(
            f"{name} was trained on none of these {len(clips):,} clips, or its networks have no embeddings; give the "
            "dataset that it was trained on."
        )
    trained = np.array([clip.trained for clip in heard])
    targets = np.array([clip.targets for clip in heard])
    own, likeliest = (np.array([getattr(clip, window) for clip in heard]) for window in ("own", "likeliest"))
    folds = tuple(
        fit_sounds(own[of_fold, place], targets[of_fold], likeliest[~of_fold, place])
        for place, of_fold in enumerate(trained.T)
    )
    measured = Familiar(folds, 0.0)
    right = [_familiarity_of_right(measured, clip) for clip in heard if not clip.trained.all()]
    return Familiar(folds, threshold_of(np.concatenate([np.empty(0), *right])))


def save_familiar(folder: Path, measured: Familiar) -> None:
    """Write what was measured beside the card of the ensemble in a folder, and its checksum into the card.

    Raises
    ------
    AudiotagError
        If the card cannot be read.
    """
    content = measured.to_bytes()
    with locked(folder / CARD):
        read_card(folder)  # refuses what is not a card
        write_bytes(folder / familiar.FILE, content)
        card = read_json(folder / CARD) | {"familiar": hashlib.sha256(content).hexdigest()}
        write_json(folder / CARD, card)


def _hear(tagger: Tagger, tags: Tags, labels: tuple[str, ...]) -> _Heard | None:
    """What is needed of a clip; None for one that no fold was trained on, or that is silent or has no label."""
    card, known = tagger.card, tagger.known_clips
    assert known is not None
    trained = known.trained_folds(tags.content)
    if not trained.any() or not labels or tags.embeddings is None or not tags.embeddings.any():
        return None
    columns = [card.labels.index(label) for label in labels]
    own = int(tags.timeline[:, columns].max(axis=1).argmax())
    likeliest = int(tags.timeline[:, card.labels.index(tags.ranking[0].label)].argmax())
    right = [tags.timeline[:, card.labels.index(tag.label)].argmax() for tag in tags.tags if tag.label in labels]
    embeddings = tags.embeddings
    return _Heard(
        trained,
        np.isin(np.arange(len(card.labels)), columns),
        embeddings[:, own].copy(),
        embeddings[:, likeliest].copy(),
        embeddings[:, np.array(right, dtype=int)],
    )


def _familiarity_of_right(measured: Familiar, clip: _Heard) -> np.ndarray:
    """Familiarity of the windows of a clip's right tags to the folds that held it out."""
    held_out = np.flatnonzero(~clip.trained)
    return over_folds(measured.of_windows(clip.right[held_out], held_out.tolist()))
