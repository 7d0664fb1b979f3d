"""What pages say of a run before it starts: its folds, their leaks, what its lists change; kept until that changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.data.list_changes import ListChanges
from audiotag.data.name_groups import find_name_groups
from audiotag.data.near_duplicates import connect, read_near_duplicates
from audiotag.data.verdicts import VerdictJournal
from audiotag.errors import AudiotagError
from audiotag.ui.caching import cached
from audiotag.ui.dataset_cache import dataset_key, load_dataset, load_index, measurement_job
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.training.runs import RunSettings, Together
    from audiotag.training.split_report import SplitReport

MAX_DRAWN = 2000  # clips that a page draws folds of without being asked; it takes less than a second


def fold_leaks(dataset: Dataset, settings: RunSettings) -> tuple[str, ...]:
    """Sentences about what the folds of a run do not keep together, as far as the dataset is measured."""
    from audiotag.training.folds import with_fold_source

    if settings.recipe.fold_method != "stratified" or with_fold_source(dataset, settings.folds_from).own_folds:
        load_index(dataset)  # the first time with a progress bar
    return _fold_leaks(*_splits_key(dataset, settings), settings)


def list_changes(dataset: Dataset, settings: RunSettings) -> ListChanges:
    """What the lists of a run's recipe change in the dataset; raises `AudiotagError` if they do not fit it."""
    lists = settings.recipe.lists
    if not lists:
        return ListChanges()
    verdicts = VerdictJournal.of(dataset.root, Workspace()).path
    said = verdicts.stat().st_size if settings.corrected and verdicts.exists() else 0
    return _list_changes(dataset.root, dataset_key(dataset.root), repr((lists.stamp(), said)), settings)


def groups_to_keep(dataset: Dataset) -> dict[Together, int]:
    """How many groups of two or more training clips a run can keep together on request, by kind; none without any."""
    return _groups_to_keep(dataset.root, dataset_key(dataset.root))


def split_report(dataset: Dataset, settings: RunSettings) -> SplitReport:
    """What the folds of a run keep together, as far as the dataset is measured.

    Raises
    ------
    AudiotagError
        If the run is not possible with this dataset.
    """
    load_index(dataset)  # the first time with a progress bar
    return _split_report(*_splits_key(dataset, settings), settings)


def _splits_key(dataset: Dataset, settings: RunSettings) -> tuple[Path, str, int, str]:
    """What the report of a run's folds depends on."""
    recipe = settings.recipe
    stages = [(stage.subset, stage.subsets) for stage in recipe.stages]
    key = (recipe.name, recipe.folds, recipe.fold_method, recipe.seed, stages, recipe.lists.stamp())
    chosen = (settings.folds_from, settings.held_out, settings.keep_together)
    return dataset.root, dataset_key(dataset.root), measurement_job(dataset).stamp(), repr((key, chosen))


@cached(max_entries=16, show_spinner=False)
def _fold_leaks(root: Path, stamp: str, parts: int, key: str, _settings: RunSettings) -> tuple[str, ...]:
    from audiotag.training.run_splits import leak_sentences
    from audiotag.training.session import Session

    session = Session(load_dataset(root), _settings, Workspace())
    try:
        return leak_sentences(session, draw=len(session.dataset.clips) <= MAX_DRAWN)
    except AudiotagError:  # whatever it is, the run says it
        return ()


@cached(max_entries=8, show_spinner=False)
def _list_changes(root: Path, stamp: str, key: str, _settings: RunSettings) -> ListChanges:
    from audiotag.training.session import Session

    return Session(load_dataset(root), _settings, Workspace()).lists


@cached(max_entries=8, show_spinner=False)
def _groups_to_keep(root: Path, stamp: str) -> dict[Together, int]:
    from audiotag.training.leaks import groups_of

    dataset = load_dataset(root)
    near = connect(dataset.clips, read_near_duplicates(dataset, Workspace()))
    keys: dict[Together, pd.Series] = {"names": find_name_groups(dataset.clips).keys, "near-duplicates": near}
    counts = {kind: len(groups_of(dataset.clips, values)) for kind, values in keys.items()}
    return {kind: count for kind, count in counts.items() if count}


@cached(max_entries=16, show_spinner="Comparing groups of clips with the folds …")
def _split_report(root: Path, stamp: str, parts: int, key: str, _settings: RunSettings) -> SplitReport:
    from audiotag.training.run_splits import report_run_splits
    from audiotag.training.session import Session

    session = Session(load_dataset(root), _settings, Workspace())
    session.check()
    return report_run_splits(session)
