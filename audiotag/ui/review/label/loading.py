"""Keep what labelling works on in memory: the material until files change, the state until there are more verdicts."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.data.near_duplicates import connect, read_near_duplicates
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.review.queue import item_id, what_was_said
from audiotag.ui import caching, dataset_cache
from audiotag.ui.embeddings import embedding_job
from audiotag.ui.review.label.quick_state import advance, changed_since
from audiotag.ui.review.loading import read_verdicts
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.review.labelling.material import LabellingMaterial
    from audiotag.review.labelling.state import LabellingState
    from audiotag.similarity.embedding_job import Embeddings

MAX_STATES = 8  # of reviewers and datasets

MANY_CLIPS = 3000  # with so many, a state is first computed as far as the answer changes it

Name = tuple[str, str]  # subset and clip

_ids: WeakKeyDictionary[LabellingMaterial, dict[str, int]] = WeakKeyDictionary()
_rows: WeakKeyDictionary[LabellingMaterial, dict[Name, int]] = WeakKeyDictionary()


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
    def clips_per_label(self) -> dict[str, int]:
        """The number of clips of each label, the most frequent first."""
        counts = Counter(label for own in self.state.given for label in own)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @cached_property
    def labels_in_order(self) -> list[str]:
        """The labels in the order in which they were made, so that each keeps its key."""
        made = dict.fromkeys(self.state.material.labels)
        for verdict in self.verdicts:
            made |= dict.fromkeys(verdict.after)
        return [label for label in made if label in self.clips_per_label]


def load_material(dataset: Dataset, ensemble: Path, embeddings: Embeddings) -> LabellingMaterial:
    """The clips with their vectors and clusters; the same object until the files or the vectors change."""
    measuring = dataset_cache.measurement_job(dataset)
    measured = 0 if measuring.is_active() else measuring.stamp()  # else it would be made anew with each part
    stamps = dataset_cache.dataset_key(dataset.root), embedding_job(dataset, ensemble).stamp(), measured
    return _material(dataset.root, ensemble, repr(stamps), dataset, embeddings, bool(measured))


def load_labelling(dataset: Dataset, material: LabellingMaterial, journal: VerdictJournal, reviewer: str) -> Labelling:
    """The state after the verdicts that are in the journal now; the same state until there are others."""
    verdicts = tuple(read_verdicts(journal))
    return Labelling(dataset, _states.after(material, verdicts, reviewer), verdicts, journal, reviewer)


def rows_by_name(material: LabellingMaterial) -> dict[Name, int]:
    """The row of each clip by its subset and name."""
    if material not in _rows:
        names = zip(material.clips["subset"], material.clips["clip"], strict=True)
        _rows[material] = {name: row for row, name in enumerate(names)}
    return _rows[material]


@dataclass(frozen=True, eq=False)
class _Known:
    """A state, the verdicts that it follows from, and the last state of which all was computed."""

    verdicts: Sequence[Verdict]
    state: LabellingState
    whole: LabellingState


class _States:
    """The last states, by material and reviewer; each new one begins from the one before it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[int, str], _Known] = OrderedDict()
        self._background = ThreadPoolExecutor(1, thread_name_prefix="labelling")
        self._waiting: Future[None] | None = None

    def after(self, material: LabellingMaterial, verdicts: Sequence[Verdict], reviewer: str) -> LabellingState:
        key = (id(material), reviewer)
        with self._lock:
            known = self._known.get(key)
        if known is None or known.state.material is not material:
            return self._keep(key, _computed(material, verdicts, reviewer, None))
        if known.verdicts == verdicts:
            return known.state
        if len(material.clips) < MANY_CLIPS:
            return self._keep(key, _computed(material, verdicts, reviewer, known.whole))
        if self._waiting is not None:
            self._waiting.cancel()  # its state would be too old
        self._waiting = self._background.submit(self._compute_later, key, material, verdicts, known.whole)
        return self._keep(key, _advanced(known, verdicts, reviewer))

    def _compute_later(
        self, key: tuple[int, str], material: LabellingMaterial, verdicts: Sequence[Verdict], before: LabellingState
    ) -> None:
        """Compute all of a state; answers that came meanwhile are added to it."""
        whole = _computed(material, verdicts, key[1], before)
        with self._lock:
            newer = self._known.get(key)
        self._keep(key, whole if newer is None else _advanced(whole, newer.verdicts, key[1]))

    def _keep(self, key: tuple[int, str], known: _Known) -> LabellingState:
        with self._lock:
            self._known[key] = known
            self._known.move_to_end(key)
            while len(self._known) > MAX_STATES:
                self._known.popitem(last=False)
        return known.state


def _computed(
    material: LabellingMaterial, verdicts: Sequence[Verdict], reviewer: str, before: LabellingState | None
) -> _Known:
    from audiotag.review.labelling.state import labelling_state

    state = labelling_state(material, verdicts, reviewer, before)
    return _Known(verdicts, state, state)


def _advanced(known: _Known, verdicts: Sequence[Verdict], reviewer: str) -> _Known:
    changed = changed_since(known.verdicts, verdicts)
    rows = rows_by_name(known.state.material)
    return _Known(verdicts, advance(known.state, rows, verdicts, changed, reviewer), known.whole)


_states = _States()


@caching.cached(max_entries=4, show_spinner="Finding clips that sound alike …")
def _material(
    root: Path, ensemble: Path, stamp: str, _dataset: Dataset, _embeddings: Embeddings, _is_measured: bool
) -> LabellingMaterial:
    from audiotag.review.labelling.material import labelling_material

    contents = _measured_contents(dataset_cache.load_index(_dataset)) if _is_measured else {}
    return labelling_material(_dataset, _embeddings, contents, _near_duplicates(_dataset))


def _near_duplicates(dataset: Dataset) -> list[list[Name]]:
    """Groups of clips that were found to be the same recording."""
    clips = dataset.clips
    keys = connect(clips, read_near_duplicates(dataset, Workspace())).dropna()
    names: dict[int, list[Name]] = {}
    for row, key in keys.items():
        names.setdefault(key, []).append((clips.at[row, "subset"], clips.at[row, "clip"]))
    return list(names.values())


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
