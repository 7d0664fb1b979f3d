"""Keep what labelling works on in memory: the material until files change, the state until there are more verdicts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.review.queue import item_id, what_was_said
from audiotag.ui import cache
from audiotag.ui.embeddings import embedding_job
from audiotag.ui.review.loading import read_verdicts

if TYPE_CHECKING:
    from audiotag.review.labelling.material import LabellingMaterial
    from audiotag.review.labelling.state import LabellingState
    from audiotag.similarity.embedding_job import Embeddings

MAX_STATES = 8  # of reviewers and datasets

_ids: WeakKeyDictionary[LabellingMaterial, dict[str, int]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Labelling:
    """What one reviewer labels, after the verdicts so far.

    Attributes
    ----------
    dataset : Dataset
    state : LabellingState
    verdicts : tuple[Verdict, ...]
        Of all reviewers, oldest first.
    journal : VerdictJournal
    reviewer : str
        Empty as long as no name is given; then nothing can be answered.
    """

    dataset: Dataset
    state: LabellingState
    verdicts: tuple[Verdict, ...]
    journal: VerdictJournal
    reviewer: str

    def id_of(self, row: int) -> str:
        """What stands for a clip in the address and in keys of widgets."""
        clips = self.state.material.clips
        return item_id(clips.at[row, "subset"], clips.at[row, "clip"], "")

    def row_of(self, item: str) -> int | None:
        """The row of the clip that an id stands for; None if there is no such clip."""
        return _rows_by_id(self.state.material).get(item)

    @cached_property
    def history(self) -> list[int]:
        """The rows that the reviewer has answered, each once, in the order of the last answers."""
        rows = rows_by_name(self.state.material)
        answered: dict[int, None] = {}
        for verdict in self.verdicts:
            row = rows.get((verdict.subset, verdict.clip))
            if verdict.reviewer == self.reviewer and row is not None:
                answered.pop(row, None)
                answered[row] = None
        return list(answered)

    @cached_property
    def pace_s(self) -> float | None:
        """Seconds that the reviewer takes per answer; None before the first few."""
        return what_was_said(self.verdicts, self.reviewer).pace_s

    @cached_property
    def labels_in_order(self) -> list[str]:
        """The labels in the order in which they were made, so that each keeps its key."""
        made = dict.fromkeys(self.state.material.labels)
        for verdict in self.verdicts:
            made |= dict.fromkeys(verdict.after)
        there = set(self.state.labels)
        return [label for label in made if label in there]


def load_material(dataset: Dataset, ensemble: Path, embeddings: Embeddings) -> LabellingMaterial:
    """The clips with their vectors and clusters; the same object until the files or the vectors change."""
    measuring = cache.measurement_job(dataset)
    measured = 0 if measuring.is_active() else measuring.stamp()  # else it would be made anew with each part
    stamps = cache.dataset_key(dataset.root), embedding_job(dataset, ensemble).stamp(), measured
    return _material(dataset.root, ensemble, repr(stamps), dataset, embeddings, bool(measured))


def load_labelling(dataset: Dataset, material: LabellingMaterial, journal: VerdictJournal, reviewer: str) -> Labelling:
    """The state after the verdicts that are in the journal now; the same state until there are others."""
    verdicts = tuple(read_verdicts(journal))
    return Labelling(dataset, _states.after(material, verdicts, reviewer), verdicts, journal, reviewer)


def rows_by_name(material: LabellingMaterial) -> dict[tuple[str, str], int]:
    """The row of each clip by its subset and name."""
    names = zip(material.clips["subset"], material.clips["clip"], strict=True)
    return {name: row for row, name in enumerate(names)}


class _States:
    """The last states, by material and reviewer; each new one begins from the one before it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[int, str], tuple[Sequence[Verdict], LabellingState]] = OrderedDict()

    def after(self, material: LabellingMaterial, verdicts: Sequence[Verdict], reviewer: str) -> LabellingState:
        from audiotag.review.labelling.state import labelling_state

        key = (id(material), reviewer)
        with self._lock:
            known, state = self._known.get(key, ((), None))
        if state is not None and state.material is material and known == verdicts:
            return state
        state = labelling_state(material, verdicts, reviewer, state if state and state.material is material else None)
        with self._lock:
            self._known[key] = (verdicts, state)
            self._known.move_to_end(key)
            while len(self._known) > MAX_STATES:
                self._known.popitem(last=False)
        return state


_states = _States()


@cache.cached(max_entries=4, show_spinner="Finding clips that sound alike …")
def _material(
    root: Path, ensemble: Path, stamp: str, _dataset: Dataset, _embeddings: Embeddings, _is_measured: bool
) -> LabellingMaterial:
    from audiotag.review.labelling.material import labelling_material

    contents = _measured_contents(cache.load_index(_dataset)) if _is_measured else {}
    return labelling_material(_dataset, _embeddings, contents)


def _measured_contents(index: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Hashes of the samples of the clips that are measured, by subset and clip."""
    if "content" not in index:
        return {}
    measured = index[index["content"].notna()]
    return dict(zip(zip(measured["subset"], measured["clip"], strict=True), measured["content"], strict=True))


def _rows_by_id(material: LabellingMaterial) -> dict[str, int]:
    if material not in _ids:
        _ids[material] = {item_id(*name, ""): row for name, row in rows_by_name(material).items()}
    return _ids[material]
