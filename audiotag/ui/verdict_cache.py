"""Load what follows from verdicts, corrected labels and comparisons of runs, and keep it until their files change.

As in `audiotag.ui.caching`, what is returned is shared between sessions, so nobody may change it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from audiotag.data.corrections import Correction
from audiotag.data.corrections import find_corrections as find_in
from audiotag.data.dataset import Dataset
from audiotag.data.verdicts import VerdictJournal
from audiotag.errors import AudiotagError
from audiotag.training.held_out import SCORES
from audiotag.training.runs import Run
from audiotag.ui import dataset_cache
from audiotag.ui.caching import cached, file_stamp
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.training.comparison import Comparison
    from audiotag.training.leader_board import LeaderBoard
    from audiotag.training.sweeps import Sweep
    from audiotag.training.true_labels import Truth

Stamp = tuple[object, ...]


def has_verdicts(root: Path) -> bool:
    """Whether there is a verdict on the dataset at a path that is not undone."""
    return _has_verdicts(root, _journal_stamp(root))


def find_corrections(dataset: Dataset) -> list[Correction]:
    """The clips of a dataset whose labels the verdicts so far change."""
    if not has_verdicts(dataset.root):
        return []
    dataset_cache.load_index(dataset)  # the first time with a progress bar
    return _corrections(dataset.root, (*_key(dataset), _journal_stamp(dataset.root)))


def compare_runs(first: Run, second: Run, truth: Truth) -> Comparison:
    """As `audiotag.training.comparison.compare_runs`.

    Raises
    ------
    AudiotagError
        If they cannot be compared; that is cached too.
    """
    dataset = dataset_cache.load_dataset(Path(first.settings().dataset))
    dataset_cache.load_index(dataset)  # the first time with a progress bar
    runs = (_run_stamp(first), _run_stamp(second))
    key = (*_key(dataset), _journal_stamp(dataset.root) if truth == "corrected" else ())
    found = _comparison(first.folder, second.folder, truth, runs, key)
    if isinstance(found, str):
        raise AudiotagError(found)
    return found


def leader_board(sweep: Sweep) -> LeaderBoard:
    """As `audiotag.training.leader_board.leader_board`.

    Raises
    ------
    AudiotagError
        If the runs cannot be ranked; that is cached too.
    """
    dataset = dataset_cache.load_dataset(Path(sweep.settings().options.dataset))
    dataset_cache.load_index(dataset)  # the first time with a progress bar
    runs = tuple((number, run.state(), _run_stamp(run)) for number, run in sorted(sweep.runs().items()))
    key = (*_key(dataset), _journal_stamp(dataset.root), file_stamp(sweep.folder / "costs.json"))
    found = _leader_board(sweep.folder, runs, key)
    if isinstance(found, str):
        raise AudiotagError(found)
    return found


def _key(dataset: Dataset) -> Stamp:
    return dataset_cache.dataset_key(dataset.root), dataset_cache.measurement_job(dataset).stamp()


def _journal_stamp(root: Path) -> Stamp:
    return file_stamp(VerdictJournal.of(root, Workspace()).path)


def _run_stamp(run: Run) -> Stamp:
    return tuple((fold, file_stamp(run.fold_folder(fold) / SCORES)) for fold in run.finished_folds())


@cached(max_entries=8, show_spinner=False)
def _has_verdicts(root: Path, stamp: Stamp) -> bool:
    return bool(stamp and VerdictJournal.of(root, Workspace()).verdicts())


@cached(max_entries=8, show_spinner=False)
def _corrections(root: Path, stamp: Stamp) -> list[Correction]:
    index = dataset_cache.load_index(dataset_cache.load_dataset(root))
    return find_in(index, VerdictJournal.of(root, Workspace()).verdicts())


@cached(max_entries=32, show_spinner="Comparing the runs …")
def _comparison(first: Path, second: Path, truth: Truth, runs: Stamp, stamp: Stamp) -> Comparison | str:
    """The comparison, or the sentence that says why there is none."""
    from audiotag.training.comparison import compare_runs

    try:
        return compare_runs(Run(first), Run(second), Workspace(), truth)
    except AudiotagError as error:
        return str(error)


@cached(max_entries=8, show_spinner="Ranking the settings …")
def _leader_board(folder: Path, runs: Stamp, stamp: Stamp) -> LeaderBoard | str:
    """The leader board, or the sentence that says why there is none."""
    from audiotag.training.leader_board import leader_board
    from audiotag.training.sweeps import Sweep

    try:
        return leader_board(Sweep(folder))
    except AudiotagError as error:
        return str(error)
