"""The labels that runs of one dataset are measured on, whatever labels each was trained on, as the dataset is now."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from audiotag.data.left_out import left_out_clips
from audiotag.data.list_changes import ListChanges
from audiotag.errors import AudiotagError
from audiotag.training.leaks import add_units
from audiotag.training.paired_clips import ClipKey
from audiotag.training.runs import RunSettings
from audiotag.training.session import Session
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.data.dataset import Dataset

Truth = Literal["corrected", "tables"]
TRUTHS: dict[Truth, str] = {
    "corrected": "labels as reviewers corrected them",
    "tables": "labels in the dataset's tables",
}


@dataclass(frozen=True)
class TrueLabels:
    """What held-out scores are compared with.

    Attributes
    ----------
    labels : mapping of (subset, clip) to collection of str
        Of all clips that the dataset has, test clips apart.
    groups : mapping of (subset, clip) to hashable
        Clips of equal value are resampled together: clips of one recording, and copies of a sound.
    left_out : collection of (subset, clip)
        Clips that the user left out of the dataset.
    """

    labels: Mapping[ClipKey, Collection[str]]
    groups: Mapping[ClipKey, Hashable]
    left_out: Collection[ClipKey] = ()


def true_labels(dataset: Dataset, settings: RunSettings, workspace: Workspace, truth: Truth) -> TrueLabels:
    """The labels of a dataset's clips, and which clips belong together.

    Parameters
    ----------
    dataset : Dataset
    settings : RunSettings
        Of one of the runs; which labels it was trained on, and its held-out fold, do not matter.
    workspace : Workspace
        Holds the journal of verdicts, and the measures by which copies of a sound are found.
    truth : Truth

    Raises
    ------
    AudiotagError
        If ``truth`` is not one of `TRUTHS`.
    """
    if truth not in TRUTHS:
        raise AudiotagError(f"truth must be {' or '.join(TRUTHS)}, got {truth!r}.")
    settings = replace(settings, corrected=truth == "corrected", held_out=None)
    session = Session(dataset, settings, workspace, lists=ListChanges())  # on the dataset's labels
    clips = session.dataset.clips
    clips = add_units(clips[clips["subset"] != "test"], session.copies, session.together)
    keys = list(zip(clips["subset"], clips["clip"], strict=True))
    return TrueLabels(
        dict(zip(keys, clips["labels"], strict=True)),
        dict(zip(keys, clips["unit"], strict=True)),
        [(clip.subset, clip.clip) for clip in left_out_clips(dataset.root, workspace)],
    )
