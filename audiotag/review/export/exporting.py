"""Export a dataset's tables with corrected labels, each in its own format, or all clips in a plain table."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from audiotag.data.corrections import Correction, apply_corrections
from audiotag.data.dataset import Dataset, Reading, TableRows
from audiotag.data.label_cells import WORDS
from audiotag.data.label_columns import FLAGS, PROBABILITIES
from audiotag.data.layouts import OpenOptions
from audiotag.data.saved_options import open_whole
from audiotag.errors import AudiotagError
from audiotag.reasons import plain_reason
from audiotag.review.export.cell_changes import CannotRewriteError, Changes
from audiotag.review.export.class_columns import changed_class_cells
from audiotag.review.export.new_cells import STYLES, Style, changed_label_cells, label_format_of
from audiotag.review.export.plain_table import plain_table
from audiotag.review.export.reopening import dataset_folder, labels_by_clip, relative_name, reopened
from audiotag.review.export.rewriting import read_again, rewrite
from audiotag.wording import as_text
from audiotag.workspace import Workspace, write_bytes

PLAIN_NAME = "corrected-labels.csv"
FIRST_NAME = "labels.csv"  # of a folder in which nothing had a label
ZIP = ".zip"


@dataclass(frozen=True)
class Export:
    """Tables with corrected labels.

    Attributes
    ----------
    files : dict[str, bytes]
        Contents by their paths relative to the dataset's folder.
    notes : tuple[str, ...]
        Sentences about what the tables could not take over.
    is_own_format : bool
        Whether these are the dataset's own tables; otherwise they are a plain table of all clips.
    is_first : bool
        Whether the dataset had no labels of its own, so that this is its first table.
    dataset : Dataset
        As its tables have it.
    """

    files: dict[str, bytes]
    notes: tuple[str, ...]
    is_own_format: bool
    dataset: Dataset
    is_first: bool = False

    @property
    def file_name(self) -> str:
        """A name for the one file that has all of it."""
        if len(self.files) == 1:
            name = next(iter(self.files)).rpartition("/")[2]
            return f"corrected-{name}" if self.is_own_format else name
        return f"{self.dataset.name}-corrected.zip"

    def to_bytes(self) -> bytes:
        """The one file that has all of it: the table, or a zip of several."""
        return next(iter(self.files.values())) if len(self.files) == 1 else self.to_zip()

    def to_zip(self) -> bytes:
        """A zip with the tables at their places in the dataset's folder."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, table in self.files.items():
                archive.writestr(name, table)
        return content.getvalue()

    def write(self, out: Path) -> list[Path]:
        """Write one table to a file, or several to a zip or into a folder; returns what was written.

        Raises
        ------
        AudiotagError
            If a file of the dataset has that name: the dataset is never changed.
        OSError
            If the disk refuses.
        """
        out = Path(os.path.abspath(out))
        if out.suffix.lower() == ZIP:
            contents = {out: self.to_zip()}
        elif len(self.files) == 1 and not out.is_dir():
            contents = {out: self.to_bytes()}
        else:
            contents = {out / name: content for name, content in self.files.items()}
        for path in contents:
            require_elsewhere(path, self.dataset)
        for path, content in contents.items():
            write_bytes(path, content)
        return list(contents)


def export_labels(
    dataset: Dataset, corrections: Sequence[Correction], workspace: Workspace, for_spreadsheet: bool = False
) -> Export:
    """The tables of a dataset with corrected labels.

    Only the cells of corrected clips change, in the columns of labels and in those that number the labels. The result
    was opened in place of the dataset's own tables, and has the corrected labels and no others. Where that cannot be,
    because a table cannot hold them or the dataset has no table, the result is a plain table, and a note says why.

    Parameters
    ----------
    dataset : Dataset
        It is read again, so that its tables are those that lie on the disk now.
    corrections : sequence of Correction
    workspace : Workspace
        Has the options by which the dataset is read.
    for_spreadsheet : bool
        Of a plain table: disarm text that a spreadsheet would take for a formula. Tables in their own format stay as
        they are.

    Raises
    ------
    AudiotagError
        If the dataset cannot be read any more, or no clip has a label.
    """
    whole = open_whole(dataset.root, workspace)
    options = OpenOptions.from_dict(workspace.dataset_options(dataset.root))
    job = _ExportJob(whole, corrections, options)
    if not job.has_labels:
        raise AudiotagError(f"{whole.name} has no labels to export; review some clips first.")
    if job.is_first:
        return job.first(for_spreadsheet)
    reason = ""
    for style in STYLES:
        try:
            return job.own_format(style)
        except CannotRewriteError as error:
            is_read_otherwise = isinstance(error, _ReadOtherwiseError)
            reason = reason or (job.too_many_labels() if is_read_otherwise else "") or plain_reason(error)
    return job.plain(reason, for_spreadsheet)


def require_elsewhere(path: Path, dataset: Dataset) -> None:
    """Raise `AudiotagError` if writing to a path would replace a file of the dataset."""
    folder = os.path.realpath(dataset_folder(dataset))
    if os.path.lexists(path) and Path(os.path.realpath(path)).is_relative_to(folder):
        raise AudiotagError(f"{path} is a file of the dataset, which is never changed; choose another name.")


class _ReadOtherwiseError(CannotRewriteError):
    """A table could be written, and would be read with other labels."""


class _ExportJob:
    """The export of one dataset."""

    def __init__(self, dataset: Dataset, corrections: Sequence[Correction], options: OpenOptions) -> None:
        self._dataset, self._options = dataset, options
        self._corrected = apply_corrections(dataset, corrections)
        self._folder = dataset_folder(dataset)
        self._root = Path(os.path.relpath(dataset.root, self._folder))
        self._wanted = labels_by_clip(self._corrected, self._folder)
        before = zip(dataset.clips["subset"], dataset.clips["clip"], dataset.clips["labels"], strict=True)
        self._changed = {
            (subset, clip): after
            for (subset, clip, labels), after in zip(before, self._corrected.clips["labels"], strict=True)
            if set(labels) != set(after)
        }
        emptied = sum(not labels for labels in self._changed.values())
        clips = "1 clip has no label left" if emptied == 1 else f"{emptied:,} clips have no label left"
        self._notes = [f"{clips}; audiotag leaves such clips out when it opens the table."] if emptied else []
        negatives = sum(not correction.before and not correction.after for correction in corrections)
        if negatives:
            clips = "1 clip" if negatives == 1 else f"{negatives:,} clips"
            self._notes.append(f"No label fits {clips}, which a table cannot say; the verdicts in the workspace do.")

    @property
    def has_labels(self) -> bool:
        """Whether any clip has labels, or had some before they were corrected."""
        return bool(self._wanted or self._changed)

    @property
    def is_first(self) -> bool:
        """Whether the dataset has no labels of its own, in tables or folders, so that there is no table to correct."""
        return not self._dataset.labels and not self._dataset.table_rows

    def own_format(self, style: Style) -> Export:
        """The tables in their own format, which are checked; raises `CannotRewriteError` if that is not possible."""
        covered = {key for rows in self._dataset.table_rows for key in _keys(rows)}
        if not self._dataset.table_rows or not covered.issuperset(self._changed):
            raise CannotRewriteError("the labels of this dataset are not in a table with one row per clip")
        files, notes = {}, list(self._notes)
        for rows in self._dataset.table_rows:
            name = self._relative(rows.path)
            try:
                files[name], own_notes = self._rewritten(rows, style)
            except CannotRewriteError as error:
                raise CannotRewriteError(f"{name} cannot be written with them: {plain_reason(error)}") from error
            notes += own_notes
        self._check(files, self._root, self._options, f"{' and '.join(files)} would not be read with them")
        return Export(files, tuple(notes), True, self._dataset)

    def too_many_labels(self) -> str:
        """Half a sentence about a clip with several labels in a table of one label per clip; empty without one."""
        for rows in self._dataset.table_rows:
            several = [key for key in _keys(rows) if len(self._changed.get(key, ())) > 1]
            if several and self._reading_of(rows).label_format == WORDS["none"]:
                return f"{self._relative(rows.path)} has one label per clip, and {several[0][1]} has several now"
        return ""

    def plain(self, reason: str, for_spreadsheet: bool) -> Export:
        """A plain table of all clips; ``reason`` says why it is not the dataset's own."""
        sentence = f"The corrected labels are in a plain table of all clips, because {reason}."
        return self._plain(PLAIN_NAME, sentence, for_spreadsheet)

    def first(self, for_spreadsheet: bool) -> Export:
        """The first table of a dataset that had no labels: all clips that have labels now."""
        labelled = int(self._corrected.clips["labels"].map(bool).sum())
        clips = "1 clip" if labelled == 1 else f"{labelled:,} clips"
        sentence = f"The table has the labels of {clips} of {len(self._dataset.clips):,}."
        return replace(self._plain(FIRST_NAME, sentence, for_spreadsheet), is_first=True)

    def _plain(self, name: str, sentence: str, for_spreadsheet: bool) -> Export:
        if not all(path.is_relative_to(self._folder) for path in self._dataset.clips["path"]):
            sentence += " The sounds are not files in the dataset's folder, so the table has the names of the clips."
            content = plain_table(self._corrected, None, for_spreadsheet)
            return Export({name: content}, (sentence, *self._notes), False, self._dataset)
        while os.path.lexists(self._folder / name):
            name = f"x-{name}"
        notes = [f"{sentence} To use it, put it into {self._folder} and open it by its path.", *self._notes]
        content = plain_table(self._corrected, self._folder, for_spreadsheet)
        if not for_spreadsheet:
            try:
                self._check({name: content}, Path(name), OpenOptions(), "audiotag reads the table otherwise")
            except CannotRewriteError as error:
                notes.append(f"Check the table before you use it: {plain_reason(error)}.")
        return Export({name: content}, tuple(notes), False, self._dataset)

    def _rewritten(self, rows: TableRows, style: Style) -> tuple[bytes, list[str]]:
        by_row = {row: self._changed[key] for row, key in zip(rows.clips.index, _keys(rows), strict=True)
                  if key in self._changed}  # fmt: skip
        if not by_row:
            return rows.path.read_bytes(), []
        reading = self._reading_of(rows)
        columns = reading.roles.get("labels", ())
        file = read_again(rows.path, reading, self._options)
        table = file.table
        if not columns or not set(columns) <= set(table.columns):
            raise CannotRewriteError("it has no column of labels")
        _require_one_row_each(rows, by_row, table[list(columns)])
        changes: Changes = changed_label_cells(table, columns, reading.label_format, by_row, style)
        notes: list[str] = []
        if len(columns) == 1 and reading.label_format not in (FLAGS, PROBABILITIES):
            used = {column for role in reading.roles.values() for column in role}
            others = [column for column in table.columns if column not in used]
            cells = table[columns[0]]
            how = label_format_of(cells, reading.label_format)
            following, notes = changed_class_cells(table, others, cells, how, by_row)
            changes |= following
        return rewrite(rows.path, file, changes), [f"{self._relative(rows.path)}: {note}" for note in notes]

    def _reading_of(self, rows: TableRows) -> Reading:
        name = as_text(rows.path.as_posix())
        fitting = [reading for reading in self._dataset.readings if f"/{name}".endswith(f"/{reading.source}")]
        if not fitting:
            raise CannotRewriteError("how it was read is not known")
        return max(fitting, key=lambda reading: len(reading.source))

    def _check(self, files: dict[str, bytes], root: Path, options: OpenOptions, sentence: str) -> None:
        """Raise `CannotRewriteError` unless the dataset has the wanted labels with these files in its folder."""
        try:
            with reopened(self._folder, root, files, options) as (dataset, folder):
                found = labels_by_clip(dataset, folder)
        except AudiotagError as error:
            raise _ReadOtherwiseError(f"{sentence} ({plain_reason(error)})") from error
        wanted = self._wanted
        if root != self._root:  # a plain table has no noisy subset
            found, wanted = ({("", path): own for (_, path), own in each.items()} for each in (found, wanted))
        for key in sorted(wanted.keys() | found.keys()):
            if wanted.get(key) != found.get(key):
                words = f"would have {_words(found.get(key))} instead of {_words(wanted.get(key))}"
                raise _ReadOtherwiseError(f"{sentence}: {as_text(key[1])} {words}")

    def _relative(self, path: Path) -> str:
        return relative_name(path, self._folder)


def _keys(rows: TableRows) -> list[tuple[str, str]]:
    return list(zip(rows.clips["subset"], rows.clips["clip"], strict=True))


def _require_one_row_each(rows: TableRows, by_row: dict[int, tuple[str, ...]], cells: pd.DataFrame) -> None:
    """Raise `CannotRewriteError` if a changed clip is in several rows with other cells: events, perhaps."""
    keys = dict(zip(rows.clips.index, _keys(rows), strict=True))
    first: dict[tuple[str, str], list[str]] = {}
    changed = cells.loc[list(by_row)].fillna("").values.tolist()
    for row, own in zip(by_row, changed, strict=True):
        if own != first.setdefault(keys[row], own):
            raise CannotRewriteError(f"{keys[row][1]} is in several rows with different labels")


def _words(labels: frozenset[str] | None) -> str:
    return " and ".join(sorted(labels)) if labels else "no label"
