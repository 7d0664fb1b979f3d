"""Which rows of a dataset's tables a run trains on and holds out, from tables and headers alone.

`audiotag.training.session.Session` adds the decoded clips to it. Clips whose labels nobody knows take no part: they are
neither trained on, as if no label fitted them, nor held out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from pathlib import Path

import pandas as pd

from audiotag.data.contents import cache_path, same_content
from audiotag.data.corrections import (
    Correction,
    clips_with_known_labels,
    find_corrections,
    settled_labels,
    verdicts_per_clip,
)
from audiotag.data.dataset import Dataset
from audiotag.data.index import cache_name, scan
from audiotag.data.list_changes import (
    DROPPED,
    TRUSTED,
    ClipName,
    ListChanges,
    find_list_changes,
    restored_by,
    without_dropped,
)
from audiotag.data.name_groups import find_name_groups
from audiotag.data.near_duplicates import connect, read_near_duplicates
from audiotag.data.verdicts import VerdictJournal
from audiotag.inspection.measurement_job import MeasurementJob, with_measures
from audiotag.training.folds import (
    available_folds,
    with_fold_source,
)
from audiotag.training.leaks import Copies, add_units, groups_of
from audiotag.training.pools import subset_of
from audiotag.training.preparation import Report
from audiotag.training.runs import SHARED_FOLD, RunSettings, Together
from audiotag.training.stage import Stage
from audiotag.training.subsets import (
    SubsetFolds,
    assign_subset_folds,
    is_split,
    require_usable,
)
from audiotag.workspace import Workspace

LEFT_OUT_KINDS = ("labels", "missing")  # of a dataset's problems: those clips are named by its tables, but not in it


class SessionRows:
    """The rows of a dataset as one run uses them: its stages, which clips belong together, and the folds.

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
    lists : ListChanges, optional
        What the recipe's lists of clips change, as it was when the run began; by default as it is now.
    report : callable(step, done, total), optional
        Called while headers are read, files compared, clips prepared and folds drawn.

    Attributes
    ----------
    stages : list of tuple[int, Stage]
        The recipe's stages that the dataset has clips for, each with its number in the recipe, from 0.
    subsets : tuple[str, ...]
        The subsets that these stages train on.
    folds : tuple[int, ...]
        The folds to train.
    corrections : list of Correction
        The labels that reviewers have corrected.
    lists : ListChanges
        What the recipe's lists of clips change.
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
        lists: ListChanges | None = None,
        report: Report | None = None,
    ) -> None:
        self._report = report or (lambda step, done, total: None)
        self._given_together = together
        self.left_out, self._given_copies, self._keeps_apart = left_out, copies, keeps_apart
        self.settings, self.workspace = settings, workspace or Workspace()
        self.recipe = settings.recipe
        restored = restored_by(dataset, self.recipe.lists) if lists is None else lists.restored
        self._source = dataset.with_flagged(restored)
        self.lists = find_list_changes(dataset, self.recipe.lists, self._reviewed()) if lists is None else lists
        self.corrections = self._find_corrections() if corrections is None else list(corrections)
        known = clips_with_known_labels(self.lists.apply(self._source, self.corrections))
        self.dataset = with_fold_source(known, settings.folds_from)
        self.labels = self.dataset.labels
        self.stages = [
            (number, stage) for number, stage in enumerate(self.recipe.stages) if stage.subset in dataset.subsets
        ]
        self.subsets: tuple[str, ...] = tuple(
            dict.fromkeys(subset for _, stage in self.stages for subset in self.subsets_of(stage))
        )
        self.folds = settings.folds or available_folds(self.dataset, self.recipe, settings.held_out)
        if settings.trains_single:  # it is none of the folds, so it trains on the clips of all
            self.folds = (max(self.folds, default=0) + 1,)
        self._rows_and_folds: dict[str, tuple[pd.DataFrame, SubsetFolds]] = {}

    @cached_property
    def barriers(self) -> list[int]:
        """The stages, numbered from 0, before which each fold waits until the others are as far."""
        return [number for number, stage in self.stages if stage.agreement and "noisy" in self.subsets]

    @cached_property
    def scored_stages(self) -> set[int]:
        """The stages, numbered from 0, at whose ends each fold scores the noisy clips that it holds out."""
        asked = [stage.agreement.stages for number, stage in self.stages if number in self.barriers and stage.agreement]
        return {number - 1 for numbers in asked for number in numbers}

    def subsets_of(self, stage: Stage) -> tuple[str, ...]:
        """The subsets that a stage trains on, as far as the dataset has them."""
        return tuple(subset for subset in stage.subsets if subset in self._source.subsets)

    @property
    def has_shared_stages(self) -> bool:
        """Whether the first stages are trained once, for all folds."""
        return any(stage.shared for _, stage in self.stages)

    def also_measures_curated(self, stage: Stage) -> bool:
        """Whether the stage's epochs are also measured on the curated clips that the fold holds out later."""
        is_noisy = stage.subset == "noisy" and not stage.shared
        return is_noisy and "curated" in self.subsets and not self.settings.trains_single

    def dataset_problems(self) -> list[str]:
        """Why clips that the dataset's tables name are not in the dataset, one sentence per clip."""
        return [problem.reason for problem in self.dataset.problems if problem.kind in LEFT_OUT_KINDS]

    def rows(self, subset: str) -> pd.DataFrame:
        """Rows of a subset's clips, without the fold that is held out for testing, and without dropped clips."""
        return without_dropped(self._without_held_out(self.dataset.subset(subset)))

    def _without_held_out(self, rows: pd.DataFrame) -> pd.DataFrame:
        held_out = self.settings.held_out
        return rows if held_out is None else rows[rows["fold"] != held_out].reset_index(drop=True)

    def rows_of_kind(self, kind: str) -> pd.DataFrame:
        """`rows` of the pool of one kind; trusted clips are in the pool of noisy ones too."""
        rows = self.rows(subset_of(kind))
        if kind != "trusted":
            return rows
        return rows[rows[TRUSTED]].reset_index(drop=True) if TRUSTED in rows else rows[:0]

    def rows_with_units(self, subset: str) -> pd.DataFrame:
        """`rows` and dropped ones with ``unit`` and ``content``, as `audiotag.training.leaks.add_units` adds them."""
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
        numbers = dict(zip(names, same_content(self.index, cache, self._steps("Comparing files")), strict=True))
        clips = self.dataset.clips  # without those whose labels nobody knows
        keys = zip(clips["subset"], clips["clip"], strict=True)
        return pd.Series([numbers[key] for key in keys], index=clips.index, dtype="Int64")

    @property
    def scored_subset(self) -> str:
        """The subset on which finished folds are scored: that of the last stage."""
        return self.stages[-1][1].subset

    def _is_kept_apart(self, subset: str) -> bool:
        """Whether no fold trains on clips of this subset that have a unit in common with those it is scored on.

        Folds that are not drawn to keep units together are used as they are. A subset that has no folds is kept apart
        from any that are drawn.
        """
        if not self._keeps_apart or self.dataset.own_folds or subset == self.scored_subset:
            return False
        return self.recipe.fold_method == "stratified" or not is_split(self.rows(subset), subset, self.recipe)

    @property
    def kept_apart(self) -> list[str]:
        """The subsets of which no fold trains on clips that have a unit in common with those it is scored on."""
        return [subset for subset in self.subsets if self._is_kept_apart(subset)]

    @cached_property
    def index(self) -> pd.DataFrame:
        """The dataset's index with the measures taken so far: what is known of each clip without decoding it."""
        measures = MeasurementJob.of(self._source.root, self._source.name, self.workspace).table()
        return with_measures(scan(self._source, self.workspace.indexes, self._steps("Reading headers")), measures)

    def _steps(self, step: str) -> Callable[[int, int], None]:
        """A function that reports (done, total) of a step."""
        return lambda done, total: self._report(step, done, total)

    def _reviewed(self) -> set[ClipName]:
        """Clips about whose labels reviewers decided, if the recipe has lists and the settings ask for corrections."""
        if not self.recipe.lists or not self.settings.corrected:
            return set()
        verdicts = VerdictJournal.of(self._source.root, self.workspace).verdicts()
        if not verdicts:
            return set()
        names = zip(self.index["subset"], self.index["clip"], strict=True)
        of_clips = verdicts_per_clip(self.index, verdicts)
        return {name for name, said in zip(names, of_clips, strict=True) if settled_labels(said)}

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
        if not self.settings.trains_single or fold == SHARED_FOLD:
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
            has_fold = ~rows["path"].isin(list(self.index.loc[is_broken, "path"]))
            if DROPPED in rows:
                has_fold |= rows[DROPPED]  # as in `read_subset`
            rows = rows[has_fold].reset_index(drop=True)
            scored = None
            if self._is_kept_apart(subset):
                scored = folds_of_units(self._split_subset(self.scored_subset)[1])
            self._report(f"Drawing folds of {subset} clips", 0, 0)
            folds = assign_subset_folds(rows, subset, self.labels, self.recipe, scored)
            if DROPPED in rows:
                folds, rows = folds.rows(~rows[DROPPED].to_numpy(dtype=bool)), without_dropped(rows)
            self._rows_and_folds[subset] = rows, folds
        return self._rows_and_folds[subset]

    def stage_rows(self, stage: Stage, fold: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Rows that a fold trains on in a stage and is measured on, as `split_rows`; pools one after the other.

        The former have ``kind``, the pool that each is drawn from, where there are pools.
        """
        train, held_out = self.split_rows(stage.subset, fold)
        if stage.pools is None:
            return train, held_out
        pools = []
        for kind in self.pools_of(stage):
            rows, folds = self._split_subset(subset_of(kind))
            pools.append(rows.iloc[folds.pool_rows(kind, fold)].assign(kind=kind))
        return pd.concat(pools, ignore_index=True), held_out

    def pools_of(self, stage: Stage) -> list[str]:
        """The pools that a stage draws from, as far as the dataset has their subsets."""
        return [kind for kind in stage.pools.probabilities if subset_of(kind) in self.subsets] if stage.pools else []


def folds_of_units(folds: SubsetFolds) -> dict[int, set[int]]:
    """The folds that hold out clips of each unit of a subset; several only where folds do not keep units together."""
    of_units: dict[int, set[int]] = {}
    if folds.units is not None:
        for unit, fold in zip(folds.units.tolist(), folds.folds.tolist(), strict=True):
            of_units.setdefault(unit, set()).add(fold)
    return of_units
