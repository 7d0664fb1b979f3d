"""The clips of a dataset as a run uses them: those that can be read, with their targets and folds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from audiotag.data.dataset import Dataset
from audiotag.data.index import scan
from audiotag.errors import AudiotagError
from audiotag.inspection.measurement_job import MeasurementJob, with_measures
from audiotag.metrics import multi_hot
from audiotag.training.clips import Clip, LabelledClips, prepare_clips
from audiotag.training.folds import assign_folds, one_split
from audiotag.training.recipe import Recipe, Stage
from audiotag.training.runs import SHARED_FOLD, RunSettings
from audiotag.workspace import Workspace


@dataclass(frozen=True)
class SubsetClips:
    """The usable clips of one subset.

    Attributes
    ----------
    clips : list of Clip
    targets : numpy.ndarray, shape=(clips, labels), float32
    folds : numpy.ndarray, shape=(clips,), int
        Which fold holds each out.
    in_shared : numpy.ndarray, shape=(clips,), bool
        Which clips a network that feeds all folds holds out.
    problems : tuple[str, ...]
        Why clips were left out.
    """

    recipe: Recipe
    clips: list[Clip]
    targets: np.ndarray
    folds: np.ndarray
    in_shared: np.ndarray
    problems: tuple[str, ...]

    def train(self, fold: int) -> LabelledClips:
        """What the fold trains on; of it the recipe's fraction, the same clips each time."""
        rows = np.flatnonzero(~self._out(fold))
        if self.recipe.fraction < 1:
            count = max(1, round(self.recipe.fraction * len(rows)))
            rows = np.sort(np.random.default_rng((self.recipe.seed, fold + 1)).choice(rows, count, replace=False))
        return self._all.rows(rows)

    def held_out(self, fold: int) -> LabelledClips:
        """What the fold is measured on."""
        return self._all.rows(np.flatnonzero(self._out(fold)))

    def check_fold(self, fold: int, name: str) -> None:
        """Raise unless the fold has clips on both sides."""
        if not 0 < np.count_nonzero(self._out(fold)) < len(self.clips):
            raise AudiotagError(
                f"fold {fold} must hold out some of the {len(self.clips)} {name} clips and train on others; "
                "use other folds, or hold out fewer."
            )

    def _out(self, fold: int) -> np.ndarray:
        return self.in_shared if fold == SHARED_FOLD else self.folds == fold

    @property
    def _all(self) -> LabelledClips:
        return LabelledClips(self.clips, self.targets)


def stages_for(dataset: Dataset, recipe: Recipe) -> list[tuple[int, Stage]]:
    """The recipe's stages that the dataset has clips for, each with its number in the recipe.

    Raises
    ------
    AudiotagError
        If none of them would train a fold.
    """
    stages = [(number, stage) for number, stage in enumerate(recipe.stages) if stage.subset in dataset.subsets]
    if all(stage.shared for _, stage in stages):
        wanted = ", ".join(dict.fromkeys(stage.subset for stage in recipe.stages))
        raise AudiotagError(f"recipe {recipe.name} trains on {wanted} clips, {dataset.name} has none; choose another.")
    return stages


def read_subset(dataset: Dataset, name: str, settings: RunSettings, workspace: Workspace) -> SubsetClips:
    """Find out which clips of a subset can be used; what the index and its measures know is not decoded again."""
    recipe = settings.recipe
    rows = dataset.subset(name)
    if settings.held_out is not None:
        rows = rows[rows["fold"] != settings.held_out].reset_index(drop=True)
    known = with_measures(
        scan(dataset, workspace.indexes), MeasurementJob.of(dataset.root, dataset.name, workspace).table()
    )
    prepared, problems = prepare_clips(rows, recipe.spectrogram, known)
    usable = [clip is not None for clip in prepared]
    rows = rows[usable].reset_index(drop=True)
    shared = any(stage.shared and stage.subset == name for stage in recipe.stages)
    return SubsetClips(
        recipe,
        [clip for clip in prepared if clip is not None],
        multi_hot(list(rows["labels"]), dataset.labels),
        assign_folds(rows, dataset.labels, recipe),
        one_split(rows, dataset.labels, recipe) if shared else np.zeros(len(rows), dtype=bool),
        tuple(problem.reason for problem in problems),
    )


def fingerprint(subsets: dict[str, SubsetClips], labels: tuple[str, ...]) -> str:
    """Of all clips, their targets and folds: a run goes on only with what it began with."""
    digest = hashlib.sha256(repr(labels).encode())
    for name, subset in sorted(subsets.items()):
        digest.update(repr((name, [(clip.name, clip.start, clip.end) for clip in subset.clips])).encode())
        digest.update(subset.targets.tobytes() + subset.folds.tobytes() + subset.in_shared.tobytes())
    return digest.hexdigest()
