"""Find the doubts of a dataset by out-of-fold scores, and keep them, and the verdicts on them, until files change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from audiotag.data.dataset import Dataset
from audiotag.data.verdicts import JournalReader, Verdict, VerdictJournal
from audiotag.review.doubts import Doubt
from audiotag.review.evidence import Evidence
from audiotag.review.ranking import find_doubts
from audiotag.training.held_out import HeldOutScores, file_names, read_held_out
from audiotag.training.run_progress import plan_of, subsets_of
from audiotag.training.runs import Run
from audiotag.ui import caching, dataset_cache


@dataclass(frozen=True, eq=False)
class Review:
    """What there is to review in a dataset.

    Attributes
    ----------
    doubts : tuple[Doubt, ...]
        The most doubtful first.
    evidence : Evidence
    contents : Mapping
        The hash of the samples of each clip that is measured, by its subset and name.
    """

    doubts: tuple[Doubt, ...]
    evidence: Evidence
    contents: Mapping[tuple[str, str], str]

    def content(self, doubt: Doubt) -> str:
        """The hash of the samples of a doubt's clip; empty if it is not measured."""
        return self.contents.get((doubt.subset, doubt.clip), "")


def load_run_scores(run: Run) -> HeldOutScores:
    """The out-of-fold scores of a run's finished folds; the same object until more folds finish.

    Raises
    ------
    AudiotagError
        If no fold is finished, or a file is damaged or missing.
    """
    return _run_scores(run.folder, _stamp_of_scores(run))


def find_review(dataset: Dataset, held_out: HeldOutScores, aliases: Mapping[str, str]) -> Review:
    """What there is to review in a dataset by these scores, with the faults that are found so far."""
    dataset_cache.load_index(dataset)  # the first time with a progress bar
    stamps = dataset_cache.dataset_key(dataset.root), dataset_cache.measurement_job(dataset).stamp()
    key = repr((id(held_out), sorted(aliases.items()), stamps))
    review, _ = _review(dataset.root, key, dataset, held_out, dict(aliases))
    return review


def read_verdicts(journal: VerdictJournal) -> list[Verdict]:
    """The verdicts in a journal, of which only new lines are read."""
    return _reader(journal.path).verdicts()


def _stamp_of_scores(run: Run) -> str:
    """Changes when a fold has finished, or when a file of scores is replaced."""
    plan = plan_of(run.events())
    scored = plan["stages"][-1]["subset"] if plan else ""
    names = {name for subset in (subsets_of(plan) if plan else ()) for name in file_names(subset, scored)}
    times = []
    for fold in run.finished_folds():
        for name in sorted(names):
            path = run.fold_folder(fold) / name
            times.append((fold, name, path.stat().st_mtime_ns if path.is_file() else 0))
    return repr(times)


@caching.cached(max_entries=4, show_spinner=False)
def _run_scores(folder: Path, stamp: str) -> HeldOutScores:
    return read_held_out(Run(folder))


@caching.cached(max_entries=4, show_spinner="Finding doubtful labels …")
def _review(
    root: Path, key: str, _dataset: Dataset, _held_out: HeldOutScores, _aliases: dict[str, str]
) -> tuple[Review, HeldOutScores]:
    doubts = find_doubts(_dataset, _held_out, dataset_cache.find_faults(_dataset), _aliases)
    index = dataset_cache.load_index(_dataset)
    contents = {}
    if "content" in index:
        measured = index[index["content"].notna()]
        keys = zip(measured["subset"], measured["clip"], strict=True)
        contents = dict(zip(keys, measured["content"], strict=True))
    evidence = Evidence(_dataset, _held_out, doubts, _aliases)
    return Review(tuple(doubts), evidence, contents), _held_out  # which keeps its id while this is kept


@caching.cached(max_entries=8, show_spinner=False)
def _reader(path: Path) -> JournalReader:
    return JournalReader(VerdictJournal(path))
