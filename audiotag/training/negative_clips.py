"""The negatives of a run as clips: those that audiotag renders, and those of the user's folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.data.dataset import Problem
from audiotag.disk import expanded
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.training.background_sounds import render_background_sounds
from audiotag.training.clips import Clip, LabelledClips, prepare_clips
from audiotag.training.negatives import Negatives
from audiotag.workspace import Workspace

HELD_OUT_RENDERED = 24  # rendered sounds that no training uses, for the figure of each epoch
HELD_OUT_EVERY = 5  # one in so many sounds of the folder is held out


@dataclass(frozen=True)
class NegativeClips:
    """The negatives of a run.

    Attributes
    ----------
    train : LabelledClips
        All folds train on them; their targets are 0.
    held_out : LabelledClips
        No fold trains on them.
    problems : list of Problem
        Sounds of the folder that cannot be used.
    """

    train: LabelledClips
    held_out: LabelledClips
    problems: list[Problem] = field(default_factory=list)

    @property
    def clips(self) -> list[Clip]:
        """All of them."""
        return self.train.clips + self.held_out.clips


def gather_negatives(
    negatives: Negatives, settings: SpectrogramSettings, labels: tuple[str, ...], seed: int, workspace: Workspace
) -> NegativeClips:
    """Render what is missing, read the folder, and hold some of both out.

    Parameters
    ----------
    negatives : Negatives
    settings : SpectrogramSettings
        Sample rate, length and trimming of the clips.
    labels : tuple[str, ...]
        Kinds of rendered sounds that one of them names are left out.
    seed : int
    workspace : Workspace
        Rendered sounds are written there, once for all trainings with the same rate, length and seed.

    Raises
    ------
    AudiotagError
        If there is nothing to train on: no kind can be rendered, or no sound of the folder can be used.
    """
    rendered, held_out = [
        render_background_sounds(workspace.root / "background-sounds", settings, labels, seed, count, is_held_out)
        for count, is_held_out in ((negatives.rendered, False), (HELD_OUT_RENDERED, True))
    ]
    own = negatives.sounds()
    train = [*rendered, *(path for number, path in enumerate(own) if number % HELD_OUT_EVERY)]
    if len(own) < HELD_OUT_EVERY:
        train = [*rendered, *own]
    else:
        held_out = [*held_out, *own[::HELD_OUT_EVERY]]
    trained, problems = _labelled(train, settings, len(labels), negatives.folder)
    if not trained.clips:
        reason = problems[0].reason if problems else "all kinds of rendered sounds have a label of the dataset"
        raise AudiotagError(f"negatives must have sounds to train on: {reason}; name a folder, or set share to 0.")
    measured, others = _labelled(held_out, settings, len(labels), negatives.folder)
    return NegativeClips(trained, measured, problems + others)


def sample_negatives(
    negatives: Negatives,
    settings: SpectrogramSettings,
    labels: tuple[str, ...],
    seed: int,
    workspace: Workspace,
    count: int,
) -> LabelledClips | None:
    """A few of the sounds that `gather_negatives` gives for training, for a preview; None where there are none.

    Parameters as there; at most ``count`` are rendered, and as many are from the folder.
    """
    if not negatives:
        return None
    folder, rendered = workspace.root / "background-sounds", min(count, negatives.rendered)
    paths = [*render_background_sounds(folder, settings, labels, seed, rendered), *negatives.sounds()[1 : count + 1]]
    clips, _ = _labelled(paths, settings, len(labels), negatives.folder)
    return clips if clips.clips else None


def _labelled(
    paths: list[Path], settings: SpectrogramSettings, n_labels: int, folder: str
) -> tuple[LabelledClips, list[Problem]]:
    """The usable ones of some sounds with targets of 0, and what is wrong with those of the folder."""
    root = expanded(folder)
    is_own = [bool(folder) and path.is_relative_to(root) for path in paths]
    names = [path.relative_to(root).as_posix() if own else path.name for path, own in zip(paths, is_own, strict=True)]
    found, problems = prepare_clips(pd.DataFrame({"path": paths, "clip": names}, dtype=object), settings)
    clips = [clip for clip in found if clip is not None]
    own_names = {name for name, own in zip(names, is_own, strict=True) if own}
    targets = np.zeros((len(clips), n_labels), np.float32)
    return LabelledClips(clips, targets), [problem for problem in problems if problem.clip in own_names]
