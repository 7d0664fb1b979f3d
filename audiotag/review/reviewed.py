"""What reviewers said about a dataset so far, and which labels that corrects."""

from __future__ import annotations

from dataclasses import dataclass

from audiotag.data.corrections import Correction, find_corrections
from audiotag.data.dataset import Dataset
from audiotag.data.index import with_keys
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.inspection.measurement_job import MeasurementJob, with_measures
from audiotag.workspace import Workspace


@dataclass(frozen=True)
class Reviewed:
    """The verdicts on a dataset, oldest first, and the corrections that follow from them."""

    verdicts: tuple[Verdict, ...]
    corrections: tuple[Correction, ...]

    @property
    def verdicts_by_reviewer(self) -> dict[str, int]:
        """The number of verdicts of each reviewer, by name."""
        names = [verdict.reviewer for verdict in self.verdicts]
        return {name: names.count(name) for name in sorted(set(names))}


def read_reviewed(dataset: Dataset, workspace: Workspace) -> Reviewed:
    """What is known now; the labels that a run would be trained on if it began now.

    Parameters
    ----------
    dataset : Dataset
        With the labels of its own tables.
    workspace : Workspace
        Has the journal, and the measures by which copies and renamed clips are found.
    """
    verdicts = VerdictJournal.of(dataset.root, workspace).verdicts()
    clips = dataset.clips
    if verdicts and len(clips):
        measures = MeasurementJob.of(dataset.root, dataset.name, workspace).table()
        clips = with_measures(with_keys(clips), measures) if len(measures) else clips
    return Reviewed(tuple(verdicts), tuple(find_corrections(clips, verdicts)))
