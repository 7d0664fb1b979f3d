"""Which clips a run trains on and holds out: the stages, folds and clips that follow from a dataset and run settings.

The worker, the estimate and the Train page all ask one `Session`, so that they agree. Which rows follow from tables and
headers alone is in `audiotag.training.session_rows`. Only `Session.clips` and `Session.sample` decode clips.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.data.corrections import Correction
from audiotag.data.dataset import has_validation_split
from audiotag.data.index import cache_name
from audiotag.data.list_changes import DROPPED, ListChanges
from audiotag.data.saved_options import open_remembered
from audiotag.data.verdicts import VerdictJournal
from audiotag.errors import AudiotagError
from audiotag.metrics import multi_hot
from audiotag.training.clip_bounds import ClipBoundsStore
from audiotag.training.clips import KINDS, LabelledClips, prepare_clips
from audiotag.training.folds import ONE_SPLIT_FOLDS, available_folds, check_folds, check_keep_together
from audiotag.training.leaks import Copies
from audiotag.training.negative_clips import NegativeClips, gather_negatives
from audiotag.training.pools import subset_of
from audiotag.training.preparation import Report
from audiotag.training.progress import FoldSplit
from audiotag.training.runs import SHARED_FOLD, RunSettings
from audiotag.training.session_rows import SessionRows, folds_of_units
from audiotag.training.single_network import check_teaching, clips_to_watch, separate_test_clips
from audiotag.training.stage import Stage
from audiotag.training.subsets import SubsetClips, is_split, read_subset
from audiotag.workspace import Workspace


class Session(SessionRows):
    """A dataset as one run uses it; parameters and attributes are those of `SessionRows`."""

    @cached_property
    def _clips(self) -> dict[str, SubsetClips]:
        """The subsets that were read."""
        return {}

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
        lists: ListChanges | None = None,
        report: Report | None = None,
    ) -> Session:
        """Open the dataset that the settings name, and check that the run is possible.

        Raises
        ------
        AudiotagError
            If the dataset cannot be opened, no stage would train a fold, or a fold does not exist.
        """
        if report:
            report("Opening the dataset", 0, 0)
        dataset = open_remembered(Path(settings.dataset), workspace)
        session = cls(dataset, settings, workspace, left_out, copies, corrections, keeps_apart, together, lists, report)
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
        if settings.teaching:
            check_teaching(self.recipe, settings.teaching)

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
                if not self.settings.trains_single or stage.shared:
                    self.clips(stage.subset).folds.check_fold(fold)
                if stage.pools and not len(self.fold_split(stage, fold).train.clips):
                    wanted = " or ".join(stage.pools.probabilities)
                    raise AudiotagError(f"fold {fold} of {self.dataset.name} has no {wanted} clips to train on.")

    def count_batches(self, stage: Stage) -> tuple[int, int]:
        """Training batches and held-out batches of one epoch of the first fold.

        Noisy clips that a stage adds by agreement are not counted: they are chosen in the training.
        """
        fold = SHARED_FOLD if stage.shared else self.folds[0]
        train, held_out = self.stage_rows(stage, fold)
        held_out_counts = [len(held_out)]
        if self.also_measures_curated(stage):
            held_out_counts.append(len(self.split_rows("curated", fold)[1]))
        size = self.recipe.batch_size
        batches = self.recipe.batches_per_epoch(stage, len(train))
        return batches, sum(math.ceil(count / (2 * size)) for count in held_out_counts)

    def expected_batches(self) -> dict[int, int]:
        """Training batches of one epoch of each stage, by the stage's number in the recipe; empty without stages.

        Cheap enough for a page: folds are taken to be of one size, and clips that cannot be read are counted too.
        """
        fold_count = len(available_folds(self.dataset, self.recipe, self.settings.held_out))
        batches = {}
        for number, stage in self.stages:
            parts = ONE_SPLIT_FOLDS if stage.shared and not self.dataset.own_folds else fold_count
            if len(self.rows(stage.subset)):
                pools = self.pools_of(stage) or [stage.subset]
                clips = sum(self._expected_clips(kind, max(2, parts)) for kind in pools)
                batches[number] = self.recipe.batches_per_epoch(stage, clips)
        return batches

    def _expected_clips(self, kind: str, folds: int) -> int:
        """About how many clips of a kind a fold trains on."""
        rows = self.rows_of_kind(kind)
        share = 1 - 1 / folds
        if has_validation_split(rows):
            share = float(rows["fold"].isna().mean())
        elif not is_split(rows, subset_of(kind), self.recipe):
            share = 1.0
        return round(len(rows) * share * self.recipe.fraction_of(subset_of(kind)))

    def sample_rows(self, rows: pd.DataFrame, count: int) -> pd.DataFrame:
        """At most ``count`` of the rows, the same ones each time, chosen by the recipe's seed."""
        return rows.sample(min(count, len(rows)), random_state=self.recipe.seed)

    def sample(self, rows: pd.DataFrame, count: int) -> LabelledClips:
        """The usable clips of `sample_rows`, decoded; raises `AudiotagError` if there are none."""
        rows = self.sample_rows(rows, count)
        clips, problems = prepare_clips(rows, self.recipe.spectrogram, self.index, None, self._bounds)
        if len(problems) == len(clips):
            raise AudiotagError(f"none of {len(clips)} clips can be used; the first one: {problems[0].reason}")
        rows = rows[[clip is not None for clip in clips]]
        kinds = np.array([KINDS.index(kind) for kind in rows["kind" if "kind" in rows else "subset"]], np.int8)
        used = [clip for clip in clips if clip is not None]
        return LabelledClips(used, multi_hot(list(rows["labels"]), self.labels), kinds)

    def clips(self, subset: str) -> SubsetClips:
        """The usable clips of a subset, decoded where the index does not say enough; read once."""
        if subset not in self._clips:
            apart = self._is_kept_apart(subset)
            scored = folds_of_units(self.clips(self.scored_subset).folds) if apart else None
            rows = self.rows_with_units(subset)
            out = {*self.left_out, *(rows["path"][rows[DROPPED]] if DROPPED in rows else ())}
            progress = self._steps(f"Preparing {subset} clips")
            self._clips[subset] = read_subset(
                rows, subset, self.labels, self.recipe, self.index, out, scored, progress, self._bounds
            )
        return self._clips[subset]

    @cached_property
    def _bounds(self) -> ClipBoundsStore:
        """What earlier runs found by decoding clips of the dataset."""
        name = cache_name(self._source.root, self._source.name)
        return ClipBoundsStore.of(name, self.recipe.spectrogram, self.workspace)

    def fold_split(self, stage: Stage, fold: int) -> FoldSplit:
        """What a fold trains on and is measured on in a stage."""
        subset = self.clips(stage.subset)
        curated = self.clips("curated").held_out(fold) if self.also_measures_curated(stage) else None
        pools = [self.clips(subset_of(kind)).pool(kind, fold) for kind in self.pools_of(stage)]
        train = sum(pools[1:], pools[0]) if pools else subset.train(fold)
        held_out, negatives = self.held_out(stage.subset, fold), self.negatives
        if negatives is None or not self.recipe.negatives_of(stage):
            return FoldSplit(train, held_out, curated)
        return FoldSplit(train, held_out, curated, negatives.train, negatives.held_out)

    def held_out(self, subset: str, fold: int) -> LabelledClips:
        """The clips of a subset that a fold is measured on.

        A single network that is trained on the clips of all folds is watched on test clips, or else on its own clips.
        """
        if not self.settings.trains_single or fold == SHARED_FOLD:
            return self.clips(subset).held_out(fold)
        return self.test_clips or self.clips(self.scored_subset).labelled

    @cached_property
    def test_clips(self) -> LabelledClips | None:
        """Labelled test clips of which the run trains on no copy; None if there are none."""
        rows = separate_test_clips(self.dataset.clips, self.content, self.labels)
        return clips_to_watch(rows, self.labels, self.recipe, self.index) if len(rows) else None

    @cached_property
    def negatives(self) -> NegativeClips | None:
        """The sounds with none of the labels that the recipe adds; None if it adds none. Rendered or read once."""
        recipe = self.recipe
        if not recipe.negatives:
            return None
        self._report("Preparing sounds without labels", 0, 0)
        return gather_negatives(recipe.negatives, recipe.spectrogram, self.labels, recipe.seed, self.workspace)
