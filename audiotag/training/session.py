"""Which clips a run trains on and holds out: the stages, folds and rows that follow from a dataset and run settings.

Clips whose labels nobody knows take no part: they are neither trained on, as if no label fitted them, nor held out.

The worker, the estimate and the Train page all ask one `Session`, so that they agree. It works on the dataset's tables
and its index; clips are decoded only by `Session.clips` and `Session.sample`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.data.contents import cache_path, same_content
from audiotag.data.corrections import Correction, apply_corrections, clips_with_known_labels, find_corrections
from audiotag.data.dataset import Dataset, has_validation_split
from audiotag.data.index import cache_name, scan
from audiotag.data.name_groups import find_name_groups
from audiotag.data.near_duplicates import connect, read_near_duplicates
from audiotag.data.saved_options import open_remembered
from audiotag.data.verdicts import VerdictJournal
from audiotag.errors import AudiotagError
from audiotag.inspection.measurement_job import MeasurementJob, with_measures
from audiotag.metrics import multi_hot
from audiotag.training.clips import KINDS, LabelledClips, prepare_clips
from audiotag.training.folds import (
    ONE_SPLIT_FOLDS,
    available_folds,
    check_folds,
    check_keep_together,
    with_fold_source,
)
from audiotag.training.leaks import Copies, add_units, groups_of
from audiotag.training.progress import FoldSplit
from audiotag.training.recipe import Stage
from audiotag.training.runs import SHARED_FOLD, RunSettings, Together
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
    copies : sequence of sequence of str, optional
        The clips with the same content, as known when the run began: what is measured meanwhile must not change its
        folds. By default those that are known now.
    corrections : sequence of Correction, optional
        The corrected labels as they were when the run began; by default those that reviewers have given so far, if the
        settings ask for them.
    keeps_apart : bool
        Whether a fold trains on no clip of another subset that has a unit in common with the clips it is scored on;
        a run that began with an earlier version did not look at that.
    together : sequence of Copies, optional
        What the settings' ``keep_together`` keeps together, a list of groups per kind, as known when the run began; by
        default as it is known now.

    Attributes
    ----------
    stages : list of tuple[int, Stage]
        The recipe's stages that the dataset has clips for, each with its number in the recipe, from 0.
    subsets : tuple[str, ...]
        The subsets that these stages train on.
    folds : tuple[int, ...]
        The folds to train.
    corrections : list of Correction
        The labels that differ from those in the dataset's tables.
    """

    def __init__(
        self,
        dataset: Dataset,
        settings: RunSettings,
        workspace: Workspace | None = None,
        left_out: Collection[Path] = (),
        copies: Copies | None = None,
        corrections: Sequence[Correction] | None = None,
        keeps_apart: bool = True,
        together: Sequence[Copies] | None = None,
    ) -> None:
        self._given_together = together
        self.left_out, self._given_copies, self._keeps_apart = left_out, copies, keeps_apart
        self.settings, self.workspace = settings, workspace or Workspace()
        self._source = dataset
        self.corrections = self._find_corrections() if corrections is None else list(corrections)
        known = clips_with_known_labels(apply_corrections(dataset, self.corrections))
        self.dataset = with_fold_source(known, settings.folds_from)
        self.recipe, self.labels = settings.recipe, self.dataset.labels
        self.stages = [
            (number, stage) for number, stage in enumerate(self.recipe.stages) if stage.subset in dataset.subsets
        ]
        self.subsets: tuple[str, ...] = tuple(dict.fromkeys(stage.subset for _, stage in self.stages))
        self.folds = settings.folds or available_folds(self.dataset, self.recipe, settings.held_out)
        self._clips: dict[str, SubsetClips] = {}
        self._rows_and_folds: dict[str, tuple[pd.DataFrame, SubsetFolds]] = {}

    @classmethod
    def open(
        cls,
        settings: RunSettings,
        workspace: Workspace,
        left_out: Collection[Path] = (),
        copies: Copies | None = None,
        corrections: Sequence[Correction] | None = None,
        keeps_apart: bool = True,
        together: Sequence[Copies] | None = None,
    ) -> Session:
        """Open the dataset that the settings name, and check that the run is possible.

        Raises
        ------
        AudiotagError
            If the dataset cannot be opened, no stage would train a fold, or a fold does not exist.
        """
        dataset = open_remembered(Path(settings.dataset), workspace)
        session = cls(dataset, settings, workspace, left_out, copies, corrections, keeps_apart, together)
        session.check()
        return session

    def check(self) -> None:
        """Raise `AudiotagError` unless there are labels, a stage trains the folds, and the settings' folds exist."""
        self.check_labels()
        if all(stage.shared for _, stage in self.stages):
            wanted = ", ".join(dict.fromkeys(stage.subset for stage in self.recipe.stages))
            raise AudiotagError(
                f"recipe {self.recipe.name} trains on {wanted} clips, but {self.dataset.name} has none of them; "
                "choose another recipe."
            )
        settings = self.settings
        check_folds(self.dataset, self.recipe, settings.folds, settings.held_out, settings.folds_from)
        check_keep_together(self.dataset, self.recipe, settings.keep_together)

    def check_labels(self) -> None:
        """Raise `AudiotagError` unless a clip has a label."""
        if not self.labels or not len(self.dataset.clips):
            raise AudiotagError(self.why_no_labels())

    def why_no_labels(self) -> str:
        """The sentence to show where no clip has a label."""
        name = self.dataset.name
        if not self.settings.corrected and VerdictJournal.of(self._source.root, self.workspace).verdicts():
            return f"the tables of {name} have no labels; use the labels that reviewers gave, which is the default."
        return f"the clips of {name} have no labels; label some on the Review page, or open a table that has labels."

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
        return self._without_held_out(self.dataset.subset(subset))

    def _without_held_out(self, rows: pd.DataFrame) -> pd.DataFrame:
        held_out = self.settings.held_out
        return rows if held_out is None else rows[rows["fold"] != held_out].reset_index(drop=True)

    def rows_with_units(self, subset: str) -> pd.DataFrame:
        """`rows` with ``unit`` and ``content``, as `audiotag.training.leaks.add_units` adds them."""
        clips = self._clips_with_units
        return self._without_held_out(clips[clips["subset"] == subset].reset_index(drop=True))

    @cached_property
    def _clips_with_units(self) -> pd.DataFrame:
        clips = self.dataset.clips
        return add_units(clips[clips["subset"] != "test"], self.copies, self.together)

    @cached_property
    def copies(self) -> Copies:
        """The groups of clips with the same content."""
        if self._given_copies is not None:
            return self._given_copies
        return groups_of(self.dataset.clips, self.content)

    @cached_property
    def together(self) -> Sequence[Copies]:
        """The groups of clips that the settings ask to keep together, a list of groups per kind."""
        if self._given_together is not None:
            return self._given_together
        return [groups_of(self.dataset.clips, self._keys_of(kind)) for kind in self.settings.keep_together]

    def _keys_of(self, kind: Together) -> pd.Series:
        """The group of each clip by one kind, or NA."""
        clips = self.dataset.clips
        if kind == "names":
            return find_name_groups(clips).keys
        return connect(clips, read_near_duplicates(self._source, self.workspace))

    @cached_property
    def content(self) -> pd.Series:
        """The number of each clip's content, as far as the dataset is measured, as `same_content` gives it."""
        cache = cache_path(self.workspace.indexes, cache_name(self.dataset.root, self.dataset.name))
        names = zip(self.index["subset"], self.index["clip"], strict=True)
        numbers = dict(zip(names, same_content(self.index, cache), strict=True))
        clips = self.dataset.clips  # without those whose labels nobody knows
        keys = zip(clips["subset"], clips["clip"], strict=True)
        return pd.Series([numbers[key] for key in keys], index=clips.index, dtype="Int64")

    @property
    def scored_subset(self) -> str:
        """The subset on which finished folds are scored: that of the last stage."""
        return self.stages[-1][1].subset

    def _is_kept_apart(self, subset: str) -> bool:
        """Whether no fold trains on clips of this subset that have a unit in common with those it is scored on.

        Folds that are not drawn to keep units together are used as they are.
        """
        are_units = self.recipe.fold_method == "stratified" and not self.dataset.own_folds
        return self._keeps_apart and are_units and subset != self.scored_subset

    @cached_property
    def index(self) -> pd.DataFrame:
        """The dataset's index with the measures taken so far: what is known of each clip without decoding it."""
        measures = MeasurementJob.of(self._source.root, self._source.name, self.workspace).table()
        return with_measures(scan(self._source, self.workspace.indexes), measures)

    def _find_corrections(self) -> list[Correction]:
        """What the verdicts so far correct; nothing if the settings do not ask for it."""
        verdicts = VerdictJournal.of(self._source.root, self.workspace).verdicts() if self.settings.corrected else []
        return find_corrections(self.index, verdicts) if verdicts else []

    def split_rows(self, subset: str, fold: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Rows that a fold trains on and holds out, without clips that the index knows to be broken.

        Raises
        ------
        AudiotagError
            If one of the two is empty.
        """
        rows, folds = self._split_subset(subset)
        folds.check_fold(fold)
        return rows.iloc[folds.training_rows(fold)], rows.iloc[folds.held_out_rows(fold)]

    def scored_with(self, subset: str) -> pd.Series:
        """The fold that each usable clip of a subset must not be trained on by, with the clip's path as index."""
        rows, folds = self._split_subset(subset)
        return pd.Series(folds.scored_with, index=rows["path"])

    def _split_subset(self, subset: str) -> tuple[pd.DataFrame, SubsetFolds]:
        if subset not in self._rows_and_folds:
            is_broken = self.index["error"].notna() | self.index["measure_error"].notna()
            rows = self.rows_with_units(subset)
            require_usable(rows, subset, self.index)
            rows = rows[~rows["path"].isin(list(self.index.loc[is_broken, "path"]))].reset_index(drop=True)
            scored = None
            if self._is_kept_apart(subset):
                scored = _fold_of_units(self._split_subset(self.scored_subset)[1])
            self._rows_and_folds[subset] = rows, assign_subset_folds(rows, subset, self.labels, self.recipe, scored)
        return self._rows_and_folds[subset]

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
            rows = self.rows(stage.subset)
            if clips := len(rows):
                parts = ONE_SPLIT_FOLDS if stage.shared and not self.dataset.own_folds else fold_count
                share = 1 - 1 / max(2, parts)
                if has_validation_split(rows):
                    share = float(rows["fold"].isna().mean())
                in_training = round(clips * share * self.recipe.fraction)
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
        rows = rows[[clip is not None for clip in clips]]
        kinds = np.array([KINDS.index(subset) for subset in rows["subset"]], np.int8)
        used = [clip for clip in clips if clip is not None]
        return LabelledClips(used, multi_hot(list(rows["labels"]), self.labels), kinds)

    def clips(self, subset: str) -> SubsetClips:
        """The usable clips of a subset, decoded where the index does not say enough; read once."""
        if subset not in self._clips:
            apart = self._is_kept_apart(subset)
            scored = _fold_of_units(self.clips(self.scored_subset).folds) if apart else None
            rows = self.rows_with_units(subset)
            self._clips[subset] = read_subset(rows, subset, self.labels, self.recipe, self.index, self.left_out, scored)
        return self._clips[subset]

    def fold_split(self, stage: Stage, fold: int) -> FoldSplit:
        """What a fold trains on and is measured on in a stage."""
        subset = self.clips(stage.subset)
        curated = self.clips("curated").held_out(fold) if self.also_measures_curated(stage) else None
        return FoldSplit(subset.train(fold), subset.held_out(fold), curated)


def _fold_of_units(folds: SubsetFolds) -> dict[int, int]:
    """The fold that holds out each unit of a subset whose folds keep units together."""
    return {} if folds.units is None else dict(zip(folds.units.tolist(), folds.folds.tolist(), strict=True))
