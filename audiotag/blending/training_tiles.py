"""Score the training clips of a blend's members by windows, each clip by the folds that held it out.

These are the inputs that stackers are fitted to. Windows of the members are put onto those of the first member, see
`audiotag.tagging.blend_fusion`, and overlap by three quarters, as in lRomul/argus-freesound.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audiotag.blending.common_folds import common_held_out
from audiotag.data.corrections import apply_corrections, find_corrections
from audiotag.data.label_names import LabelNames
from audiotag.data.saved_options import open_whole
from audiotag.data.verdicts import VerdictJournal
from audiotag.errors import AudiotagError
from audiotag.metrics import multi_hot
from audiotag.tagging.blend_tagger import BlendTagger
from audiotag.tagging.bulk import score_files
from audiotag.tagging.known_clips import key_of
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.sound_files import SoundFile
from audiotag.training.clip_contents import with_contents
from audiotag.workspace import Workspace

OVERLAP = 0.75


@dataclass(frozen=True, eq=False)
class TrainingTiles:
    """Out-of-fold scores of training clips.

    Attributes
    ----------
    tiles : numpy.ndarray, shape=(tiles, members * labels), float32
        Scores of the windows of all clips, one clip after the other.
    counts : numpy.ndarray, shape=(clips,), int
        Number of windows of each clip.
    clip_scores : numpy.ndarray, shape=(members, clips, labels), float32
        Each member's score of each clip, as it tags.
    targets : numpy.ndarray, shape=(clips, labels), float32
    folds : numpy.ndarray, shape=(clips,), int
        The fold that held the clip out.
    """

    tiles: np.ndarray
    counts: np.ndarray
    clip_scores: np.ndarray
    targets: np.ndarray
    folds: np.ndarray

    @property
    def ends(self) -> np.ndarray:
        """Where the windows of each clip end in ``tiles``."""
        return np.cumsum(self.counts)

    def clip_means(self) -> np.ndarray:
        """The mean over the windows of each clip, ``(clips, inputs)``: what a stacker gets when it tags."""
        return np.add.reduceat(self.tiles, self.ends - self.counts, axis=0) / self.counts[:, None]


def score_training_tiles(
    folder: Path,
    dataset: Path,
    say: Callable[[str], None] = lambda sentence: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TrainingTiles:
    """Score the clips that one fold of every member held out and all its other folds were trained on.

    Their labels are those of the dataset's tables, as reviewers have corrected them. What the members' recipes relabel
    by lists does not count, because other members may have other lists.

    Parameters
    ----------
    folder : Path
        Of a blend without stackers, whose members have the same folds.
    dataset : Path
        What the members were trained on. A clip with a label that they do not know is left out.
    say : callable, optional
        Gets sentences for the user.
    progress : callable(done, total), optional
        Called as clips are scored.

    Raises
    ------
    AudiotagError
        If the dataset has none of these clips, or fewer than two folds of them.
    """
    tagger = BlendTagger(folder, TagSettings(overlap=OVERLAP), say=say)
    files, labels, folds = _held_out_clips(tagger, folder, dataset)
    tiles, clip_scores, rows = [], [], []
    with closing(score_files(tagger, files)) as results:
        for row, result in enumerate(results):
            if result.evidence is None:
                say(f"left out: {result.problem}")
            else:
                tags = tagger.member_tags(result.evidence, tagger.settings)
                tiles.append(np.concatenate(tagger.timelines(tags), axis=1).astype(np.float32))
                clip, _ = tagger.voter_scores(result.evidence, tags, "mean")
                clip_scores.append(clip.astype(np.float32))
                rows.append(row)
            progress(row + 1, len(files))
    found = np.array([folds[row] for row in rows])
    if len(np.unique(found)) < 2:
        raise AudiotagError(
            f"out-of-fold scores need training clips of at least two folds; {dataset} has readable ones of "
            f"{len(np.unique(found))}. Give the dataset that the members were trained on."
        )
    return TrainingTiles(
        tiles=np.concatenate(tiles),
        counts=np.array([len(of_clip) for of_clip in tiles]),
        clip_scores=np.array(clip_scores).transpose(1, 0, 2),
        targets=multi_hot([labels[row] for row in rows], tagger.card.labels).astype(np.float32),
        folds=found,
    )


def _held_out_clips(
    tagger: BlendTagger, folder: Path, root: Path
) -> tuple[list[SoundFile], list[tuple[str, ...]], list[int]]:
    """The clips with known labels that one fold held out: their files, labels and folds."""
    cards = [member.card for member in tagger.members]
    common = common_held_out([folder / member.folder for member in tagger.blend.members], cards)
    if isinstance(common, str):
        raise AudiotagError(common)
    dataset, workspace = open_whole(root, Workspace()), Workspace()
    names = LabelNames(tagger.card.labels)
    clips = dataset.clips[dataset.clips["subset"] != "test"]
    contents = with_contents(clips[["subset", "clip"]], dataset, workspace)
    content_of = dict(zip(zip(contents["subset"], contents["clip"], strict=True), contents["content"], strict=True))
    clips = clips.assign(
        content=[content_of.get(name, "") for name in zip(clips["subset"], clips["clip"], strict=True)]
    )
    corrections = find_corrections(clips, VerdictJournal.of(dataset.root, workspace).verdicts())
    clips = apply_corrections(replace(dataset, clips=clips), corrections).clips
    files, labels, folds = [], [], []
    for clip, path, own, content in clips[["clip", "path", "labels", "content"]].itertuples(index=False, name=None):
        fold = common.get(key_of(content)) if content else None
        known_labels = [names.find(label) for label in own]
        if fold is not None and known_labels and None not in known_labels:
            files.append(SoundFile(path, clip))
            labels.append(tuple(label for label in known_labels if label is not None))
            folds.append(fold)
    return files, labels, folds
