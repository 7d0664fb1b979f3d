"""Import corrections that others made: a table of clips and their labels, or the JSON file of another audiotag.

Nothing is written before the user has seen what would change: `plan_import` reads the file, and `ImportPlan.apply`
appends its verdicts to the journal, as one action, which one undo takes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from audiotag.data.column_names import normalised_name
from audiotag.data.corrections import corrected_labels
from audiotag.data.dataset import SUBSETS, Dataset
from audiotag.data.label_names import LabelNames
from audiotag.data.layouts import OpenOptions
from audiotag.data.layouts.table_columns import ClipRows, read_columns
from audiotag.data.sound_paths import SoundPaths
from audiotag.data.table_files import read_table_file
from audiotag.data.verdicts import Verdict, VerdictJournal, clean_reviewer
from audiotag.errors import AudiotagError
from audiotag.review.export.reopening import dataset_folder, relative_name
from audiotag.review.interchange import read_corrections_json
from audiotag.wording import as_text, shortened

MAX_NAMED = 20
TO = "labelsto"  # the column of our own table of differences, see `audiotag.review.differences`
Key = tuple[str, str]


@dataclass(frozen=True)
class ImportOptions:
    """How corrections are imported.

    Attributes
    ----------
    reviewer : str
        In whose name; by default the name of the file, and for the verdicts of a JSON file those who gave them.
    confirm_same : bool
        Whether clips that have the same labels in the file count as confirmed; otherwise nothing is said about them.
    new_labels : bool
        Whether labels are taken that no clip of the dataset has; otherwise they are left out.
    """

    reviewer: str = ""
    confirm_same: bool = False
    new_labels: bool = False


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do.

    Attributes
    ----------
    verdicts : tuple[Verdict, ...]
        What would be appended to the journal.
    notes : tuple[str, ...]
        Sentences about what is left out, and why.
    left_out : bool
        Whether clips or labels are left out because the dataset does not have them.
    """

    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    left_out: bool = False

    @property
    def reviewers(self) -> tuple[str, ...]:
        """Those in whose name the verdicts are."""
        return tuple(dict.fromkeys(verdict.reviewer for verdict in self.verdicts))

    @property
    def sentence(self) -> str:
        """What would change, in words."""
        if not self.verdicts:
            return "Nothing would change."
        changed = len({(one.subset, one.clip) for one in self.verdicts if set(one.before) != set(one.after)})
        others = sum(set(one.before) == set(one.after) for one in self.verdicts)
        parts = [_count(changed, "clip gets other labels", "clips get other labels")]
        if others:
            parts.append(_count(others, "verdict changes no label", "verdicts change no labels"))
        return f"{', '.join(parts)}, in the name of {' and '.join(self.reviewers)}."

    def table(self) -> pd.DataFrame:
        """The verdicts as a table for people: subset, clip, from, to, reviewer."""
        rows = [
            (one.subset, one.clip, ", ".join(one.before), ", ".join(one.after), one.reviewer) for one in self.verdicts
        ]
        return pd.DataFrame(rows, columns=["subset", "clip", "from", "to", "reviewer"], dtype="str")

    def apply(self, journal: VerdictJournal) -> None:
        """Append the verdicts to the journal of the dataset; `undo_import` takes them back."""
        if self.verdicts:
            journal.append(self.verdicts)


def undo_import(journal: VerdictJournal, plan: ImportPlan) -> int:
    """Take back what an import appended last; returns how many verdicts that were."""
    return sum(len(journal.undo(reviewer)) for reviewer in plan.reviewers)


def plan_import(
    path: Path,
    dataset: Dataset,
    verdicts: Sequence[Verdict],
    options: ImportOptions | None = None,
    aliases: Mapping[str, str] | None = None,
) -> ImportPlan:
    """Find out what the corrections in a file would change.

    Parameters
    ----------
    path : Path
        A table of any kind that audiotag reads, with a column of clips and one of labels, or columns of 0 and 1; a
        table of differences that audiotag wrote; or its JSON file.
    dataset : Dataset
        With the labels of its own tables.
    verdicts : sequence of Verdict
        Those that the journal has, oldest first.
    options : ImportOptions, optional
    aliases : Mapping[str, str], optional
        Labels that mean the same, see `audiotag.data.label_names`.

    Raises
    ------
    AudiotagError
        If the file cannot be read, or names no clip of the dataset.
    """
    options = options or ImportOptions()
    reader = _Reader(path, dataset, options, aliases or {})
    imported = read_corrections_json(path)
    if imported is not None:
        return reader.plan_of_verdicts(imported, verdicts)
    return reader.plan_of_table(verdicts)


def name_of_reviewer(path: Path) -> str:
    """The name in which a file is imported if no other is given: its own, without suffixes.

    >>> name_of_reviewer(Path("ann's corrections.csv.gz"))
    "ann's corrections"
    """
    name = as_text(Path(path.stem).stem if path.suffix.lower() == ".gz" else path.stem)
    return clean_reviewer(name) or "import"


class _Reader:
    """Reads one file for one dataset."""

    def __init__(self, path: Path, dataset: Dataset, options: ImportOptions, aliases: Mapping[str, str]) -> None:
        self._path, self._dataset, self._options = path, dataset, options
        clips = dataset.clips
        keys: list[Key] = list(zip(clips["subset"], clips["clip"], strict=True))
        self._labels = dict(zip(keys, clips["labels"], strict=True))
        self._names = LabelNames(dataset.labels, aliases)
        self._unknown_labels: dict[str, None] = {}

    def plan_of_verdicts(self, imported: Sequence[Verdict], known: Sequence[Verdict]) -> ImportPlan:
        """The plan of the verdicts of a JSON file."""
        reviewer = clean_reviewer(self._options.reviewer)
        present = {_identity(verdict) for verdict in known}
        by_clip: dict[str, list[Key]] = {}
        for key in self._labels:
            by_clip.setdefault(key[1], []).append(key)
        planned, unknown, repeated = [], dict[str, None](), 0
        for verdict in imported:
            key = (verdict.subset, verdict.clip)
            if key not in self._labels:
                keys = by_clip.get(verdict.clip, [])
                if len(keys) != 1:
                    unknown[verdict.clip] = None
                    continue
                key = keys[0]
            new = [label for label, is_in in verdict.decisions.items() if is_in and label not in self._dataset.labels]
            if new and not self._options.new_labels:
                self._unknown_labels |= dict.fromkeys(new)
                continue
            name = reviewer or clean_reviewer(verdict.reviewer) or name_of_reviewer(self._path)
            verdict = replace(verdict, subset=key[0], clip=key[1], reviewer=name, time=0.0, action="")
            if _identity(verdict) in present:
                repeated += 1
            else:
                planned.append(verdict)
        if imported and len(unknown) == len({verdict.clip for verdict in imported}):
            raise self._nothing_known(list(unknown))
        unknown_notes = self._notes_on_unknown(list(unknown))
        notes = [_count(repeated, "verdict is here already.", "verdicts are here already.")] if repeated else []
        return ImportPlan(tuple(planned), (*unknown_notes, *notes), bool(unknown_notes))

    def plan_of_table(self, known: Sequence[Verdict]) -> ImportPlan:
        """The plan of a table of clips and labels."""
        reviewer = clean_reviewer(self._options.reviewer) or name_of_reviewer(self._path)
        rows, may_be_empty = self._read()
        keys = self._find_clips(rows)
        given: dict[Key, dict[str, None]] = {}
        unknown, empty = dict[str, None](), 0
        for name, key, labels in zip(rows.names.tolist(), keys, rows.labels.tolist(), strict=True):
            if key is None:
                unknown |= {name: None} if isinstance(name, str) else {}
                continue
            found = [label for label in map(self._known_label, labels) if label]
            if labels and not found:
                continue  # nothing but labels that are left out
            if not labels and not may_be_empty:
                empty += 1
                continue
            given.setdefault(key, {}).update(dict.fromkeys(found))
        if not given and not self._unknown_labels:
            raise self._nothing_known(list(unknown))
        own: dict[Key, list[Verdict]] = {}
        for verdict in known:
            if verdict.reviewer == reviewer:
                own.setdefault((verdict.subset, verdict.clip), []).append(verdict)
        planned, same = [], 0
        for key, labels in given.items():
            before = corrected_labels(self._labels[key], own.get(key, ()))
            after = tuple(labels)
            if set(before) != set(after):
                planned.append(Verdict(*key, "", "other", before, after, reviewer))
            elif self._options.confirm_same and not any(verdict.decisions for verdict in own.get(key, ())):
                planned.append(Verdict(*key, "", "right", before, before, reviewer))
            else:
                same += 1
        notes = self._notes_on_unknown(list(unknown))
        left_out = bool(notes)
        if empty:
            notes.append(f"{_count(empty, 'clip has', 'clips have')} no label in {self._path.name}; they are left out.")
        if same:
            notes.append(f"{_count(same, 'clip has', 'clips have')} the same labels already.")
        return ImportPlan(tuple(planned), tuple(notes), left_out)

    def _read(self) -> tuple[ClipRows, bool]:
        """The rows of the table, and whether an empty cell of labels means that the clip has none."""
        columns = read_table_file(self._path).table.columns
        to = next((str(name) for name in columns if normalised_name(str(name)) == TO), None)
        if to is not None:
            options = OpenOptions(label_column=to, label_separator="comma")
            return read_columns(self._path, self._all_clips, options).rows, True
        found = [
            read_columns(self._path, self._all_clips, OpenOptions(), known).rows for known in ((), self._dataset.labels)
        ]
        return min(found, key=self._count_unknown), False

    def _count_unknown(self, rows: ClipRows) -> int:
        return sum(self._names.find(label) is None for label in {label for own in rows.labels for label in own})

    def _find_clips(self, rows: ClipRows) -> list[Key | None]:
        """The clip of each row; None where it is not known, or not which of several."""
        names = rows.names.tolist()
        files = self._all_clips.locate(rows.names.dropna().tolist())
        keys = self._key_of_file
        found = [keys[file] if isinstance(name, str) and (file := files[name]) else None for name in names]
        table = read_table_file(self._path).table
        column = next((name for name in map(str, table.columns) if normalised_name(name) == "subset"), None)
        if column is not None:
            for row, subset in enumerate(table[column].reindex(rows.names.index).tolist()):
                if subset in SUBSETS and isinstance(names[row], str) and (subset, names[row]) in self._labels:
                    found[row] = (subset, names[row])
        return found

    @cached_property
    def _all_clips(self) -> SoundPaths:
        return SoundPaths(self._folder, self._key_of_file)

    @cached_property
    def _key_of_file(self) -> dict[str, Key]:
        """The clips by their paths in the dataset's folder, or by their names where their sounds lie elsewhere."""
        clips = self._dataset.clips
        found: dict[str, Key] = {}
        for subset, clip, path in zip(clips["subset"], clips["clip"], clips["path"], strict=True):
            name = relative_name(path, self._folder)
            name = f"{subset}/{clip}" if name.startswith("../") else name
            found[as_text(name)] = (subset, clip)
        return found

    @cached_property
    def _folder(self) -> Path:
        return dataset_folder(self._dataset)

    def _known_label(self, label: str) -> str:
        """The dataset's spelling of a label; empty if it is left out."""
        found = self._names.find(label)
        if found is None and not self._options.new_labels:
            self._unknown_labels[label] = None
            return ""
        return found or label

    def _notes_on_unknown(self, clips: list[str]) -> list[str]:
        name, notes = self._dataset.name, []
        several = {clip: fitting for clip in clips if len(fitting := self._all_clips.candidates(clip)) > 1}
        if unknown := [clip for clip in clips if clip not in several]:
            notes.append(
                f"{_count(len(unknown), 'clip is', 'clips are')} not in {name}, and left out: {_named(unknown)}."
            )
        if several:
            clip, fitting = next(iter(several.items()))
            notes.append(
                f"{_count(len(several), 'name fits', 'names fit')} several clips, and {_count_verb(len(several))} left "
                f"out: {clip} may be {fitting[0]} or {fitting[1]}. Write the folder before the name."
            )
        if labels := list(self._unknown_labels):
            which = _count(len(labels), "label is", "labels are")
            notes.append(
                f"{which} not among those of {name}, and left out: {_named(labels)}. Allow new labels to take them."
            )
        return notes

    def _nothing_known(self, clips: list[str]) -> AudiotagError:
        named = f"like {_named(clips[:3])}" if clips else "because it has none"
        return AudiotagError(
            f"{self._path.name} names no clip of {self._dataset.name}, {named}; is it the table of another dataset?"
        )


def _identity(verdict: Verdict) -> tuple[object, ...]:
    return (
        *(verdict.reviewer, verdict.subset, verdict.clip, verdict.label, verdict.answer),
        *(verdict.before, verdict.after, verdict.note),
    )


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _count_verb(number: int) -> str:
    return "is" if number == 1 else "are"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    return ", ".join(shortened(as_text(name), 120) for name in names[:MAX_NAMED]) + more
