"""Which clips a run trains on and holds out: the stages, folds and rows that follow from a dataset and run settings.

The worker, the estimate and the Train page all ask one `Session`, so that they agree. It works on the dataset's tables
and its index; clips are decoded only by `Session.clips` and `Session.sample`.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import cached_property
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.data.index import scan
from audiotag.data.saved_options import open_remembered
from audiotag.errors import AudiotagError
from audiotag.inspection.measurement_job import MeasurementJob, with_measures
from audiotag.metrics import multi_hot
from audiotag.training.clips import LabelledClips, prepare_clips
from audiotag.training.folds import ONE_SPLIT_FOLDS, available_folds, check_folds
from audiotag.training.progress import FoldSplit
from audiotag.training.recipe import Stage
from audiotag.training.runs import SHARED_FOLD, RunSettings
from audiotag.training.subsets import SubsetClips, SubsetFolds, assign_subset_folds, read_subset, require_usable
from audiotag.workspace import Workspace

LEFT_OUT_KINDS = ("labels", "missing")  # of a dataset's problems: those clips are named by its tables, but not in it


class Session:
    """A dataset as one run uses it.

    Parameters
    ----------
    dataset : Dataset
    settings : RunSettings
    workspace : Workspace, optional
        Where the dataset's index is stored; the default workspace where it is not given.
    left_out : collection of Path
        Clips that are left out since the run began.

    Attributes
    ----------
    stages : list of tuple[int, Stage]
        The recipe's stages that the dataset has clips for, each with its number in the recipe, from 0.
    subsets : tuple[str, ...]
        The subsets that these stages train on.
    folds : tuple[int, ...]
        The folds to train.
    """

    def __init__(
        self,
        dataset: Dataset,
        settings: RunSettings,
        workspace: Workspace | None = None,
        left_out: Collection[Path] = (),
    ) -> None:
        self.left_out = left_out
        self.dataset, self.settings, self.workspace = dataset, settings, workspace or Workspace()
        self.recipe, self.labels = settings.recipe, dataset.labels
        self.stages = [
            (number, stage) for number, stage in enumerate(self.recipe.stages) if stage.subset in dataset.subsets
        ]
        self.subsets: tuple[str, ...] = tuple(dict.fromkeys(stage.subset for _, stage in self.stages))
        self.folds = settings.folds or available_folds(dataset, self.recipe, settings.held_out)
        self._clips: dict[str, SubsetClips] = {}
        self._rows_and_folds: dict[str, tuple[pd.DataFrame, SubsetFolds]] = {}

    @classmethod
    def open(cls, settings: RunSettings, workspace: Workspace, left_out: Collection[Path] = ()) -> Session:
        """Open the dataset that the settings name, and check that the run is possible.

        Raises
        ------
        AudiotagError
            If the dataset cannot be opened, no stage would train a fold, or a fold does not exist.
        """
        session = cls(open_remembered(Path(settings.dataset), workspace), settings, workspace, left_out)
        session.check()
        return session

    def check(self) -> None:
        """Raise `AudiotagError` unless a stage trains the folds, and all folds named in the settings exist."""
        if all(stage.shared for _, stage in self.stages):
            wanted = ", ".join(dict.fromkeys(stage.subset for stage in self.recipe.stages))
            raise AudiotagError(
                f"recipe {self.recipe.name} trains on {wanted} clips, but {self.dataset.name} has none of them; "
                "choose another recipe."
            )
        check_folds(self.dataset, self.recipe, self.settings.folds, self.settings.held_out)

    def check_clips(self) -> None:
        """Decode the clips of all stages; raise `AudiotagError` if a fold has none to train on or none to hold out."""
        for subset in self.subsets:
            self.clips(subset)
        for _, stage in self.stages:
            for fold in (SHARED_FOLD,) if stage.shared else self.folds:
                self.clips(stage.subset).folds.check_fold(fold)

    @property
    def has_shared_stages(self) -> bool:
        """Whether the first stages are trained once, for all folds."""
        return any(stage.shared for _, stage in self.stages)

    def also_measures_curated(self, stage: Stage) -> bool:
        """Whether the stage's epochs are also measured on the curated clips that the fold holds out later."""
        return stage.subset == "noisy" and not stage.shared and "curated" in self.subsets

    # From tables and headers alone.

    def dataset_problems(self) -> list[str]:
        """Why clips that the dataset's tables name are not in the dataset, one sentence per clip."""
        return [problem.reason for problem in self.dataset.problems if problem.kind in LEFT_OUT_KINDS]

    def rows(self, subset: str) -> pd.DataFrame:
        """Rows of a subset's clips, without the fold that is held out for testing."""
        rows, held_out = self.dataset.subset(subset), self.settings.held_out
        return rows if held_out is None else rows[rows["fold"] != held_out].reset_index(drop=True)

    @cached_property
    def index(self) -> pd.DataFrame:
        """The dataset's index with the measures taken so far: what is known of each clip without decoding it."""
        measures = MeasurementJob.of(self.dataset.root, self.dataset.name, self.workspace).table()
        return with_measures(scan(self.dataset, self.workspace.indexes), measures)

    def split_rows(self, subset: str, fold: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Rows that a fold trains on and holds out, without clips that the index knows to be broken.

        Raises
        ------
        AudiotagError
            If one of the two is empty.
        """
        if subset not in self._rows_and_folds:
            is_broken = self.index["error"].notna() | self.index["measure_error"].notna()
            rows = self.rows(subset)
            require_usable(rows, subset, self.index)
            rows = rows[~rows["path"].isin(list(self.index.loc[is_broken, "path"]))].reset_index(drop=True)
            self._rows_and_folds[subset] = rows, assign_subset_folds(rows, subset, self.labels, self.recipe)
        rows, folds = self._rows_and_folds[subset]
        folds.check_fold(fold)
        return rows.iloc[folds.training_rows(fold)], rows.iloc[folds.held_out_rows(fold)]

    def count_batches(self, stage: Stage) -> tuple[int, int]:
        """Training batches and held-out batches of one epoch of the first fold."""
        fold = SHARED_FOLD if stage.shared else self.folds[0]
        train, held_out = self.split_rows(stage.subset, fold)
        held_out_counts = [len(held_out)]
        if self.also_measures_curated(stage):
            held_out_counts.append(len(self.split_rows("curated", fold)[1]))
        size = self.recipe.batch_size
        return max(1, len(train) // size), sum(math.ceil(count / (2 * size)) for count in held_out_counts)

    def expected_batches(self) -> dict[int, int]:
        """Training batches of one epoch of each stage, by the stage's number in the recipe; empty without stages.

        Cheap enough for a page: folds are taken to be of one size, and clips that cannot be read are counted too.
        """
        fold_count = len(available_folds(self.dataset, self.recipe, self.settings.held_out))
        batches = {}
        for number, stage in self.stages:
            if clips := len(self.rows(stage.subset)):
                parts = ONE_SPLIT_FOLDS if stage.shared and not self.dataset.own_folds else fold_count
                in_training = round(clips * (1 - 1 / max(2, parts)) * self.recipe.fraction)
                batches[number] = max(1, in_training // self.recipe.batch_size)
        return batches

    def sample_rows(self, rows: pd.DataFrame, count: int) -> pd.DataFrame:
        """At most ``count`` of the rows, the same ones each time, chosen by the recipe's seed."""
        return rows.sample(min(count, len(rows)), random_state=self.recipe.seed)

    # With decoded clips.

    def sample(self, rows: pd.DataFrame, count: int) -> LabelledClips:
        """The usable clips of `sample_rows`, decoded; raises `AudiotagError` if there are none."""
        rows = self.sample_rows(rows, count)
        clips, problems = prepare_clips(rows, self.recipe.spectrogram, self.index)
        if len(problems) == len(clips):
            raise AudiotagError(f"none of {len(clips)} clips can be used; the first one: {problems[0].reason}")
        labels = rows["labels"][[clip is not None for clip in clips]]
        return LabelledClips([clip for clip in clips if clip is not None], multi_hot(list(labels), self.labels))

    def clips(self, subset: str) -> SubsetClips:
        """The usable clips of a subset, decoded where the index does not say enough; read once."""
        if subset not in self._clips:
            self._clips[subset] = read_subset(
                self.rows(subset), subset, self.labels, self.recipe, self.index, self.left_out
            )
        return self._clips[subset]

    def fold_split(self, stage: Stage, fold: int) -> FoldSplit:
        """What a fold trains on and is measured on in a stage."""
        subset = self.clips(stage.subset)
        curated = self.clips("curated").held_out(fold) if self.also_measures_curated(stage) else None
        return FoldSplit(subset.train(fold), subset.held_out(fold), curated)
