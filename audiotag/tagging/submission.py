"""Find out what a submission for a dataset's test clips must contain, and write its table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from audiotag.data.dataset import Dataset
from audiotag.data.label_names import LabelNames
from audiotag.data.tables import FILE_COLUMNS, column_of, read_table
from audiotag.errors import AudiotagError
from audiotag.tagging.card import Card
from audiotag.tagging.export.csv import csv_lines
from audiotag.tagging.export.rows import Row
from audiotag.tagging.sound_files import SoundFile
from audiotag.workspace import open_atomic

SAMPLE = "sample_submission.csv"
DIGITS = 6  # of a score: ranks count in a submission, and four digits make ties


@dataclass(frozen=True)
class Sheet:
    """Layout of a submission.

    Attributes
    ----------
    columns : list[str]
        In the order of the sample submission.
    file_column : str
        The column that names the files.
    files : list[SoundFile]
        The clips to score, in the order of the sample submission.
    """

    columns: list[str]
    file_column: str
    files: list[SoundFile]

    @classmethod
    def of(cls, dataset: Dataset, card: Card) -> Self:
        """The layout of the dataset's sample submission; without one, all its test clips and the ensemble's labels.

        Raises
        ------
        AudiotagError
            If there are neither a sample nor test clips, or the sample has no column of file names.
        """
        test = dataset.subset("test")
        paths = dict(zip(test["clip"], test["path"], strict=True))
        root = dataset.root if dataset.root.is_dir() else dataset.root.parent
        if not (root / SAMPLE).is_file():
            if not paths:
                raise AudiotagError(f"{dataset.name} has no test clips and no {SAMPLE}; audiotag tag takes any folder.")
            return cls(["fname", *card.labels], "fname", [SoundFile(path, clip) for clip, path in paths.items()])
        sample = read_table(root / SAMPLE)
        file_column = column_of(sample, FILE_COLUMNS, root / SAMPLE)
        clips = sample[file_column].dropna().tolist()
        # Where the labels of the test clips are not published, only the sample names these clips.
        files = [SoundFile(paths.get(clip, root / "test" / clip), clip) for clip in clips]
        return cls(list(sample.columns), file_column, files)

    def note(self, card: Card) -> str:
        """Which labels get zeros because the ensemble does not know them, as a sentence; empty if it knows all.

        Raises
        ------
        AudiotagError
            If the ensemble does not know any of them.
        """
        labels = [column for column in self.columns if column != self.file_column]
        names = LabelNames(card.labels)
        unknown = [label for label in labels if names.find(label) is None]
        if len(unknown) == len(labels):
            raise AudiotagError(
                f"{card.name} knows none of the {len(labels)} labels of {SAMPLE}, it knows {', '.join(card.labels)}; "
                "choose an ensemble that was trained on this dataset."
            )
        if not unknown:
            return ""
        return f"{card.name} does not know {', '.join(unknown)}: {len(unknown)} of {len(labels)} labels get zeros."


def write_submission(out: Path, rows: Iterable[Row], sheet: Sheet) -> None:
    """Write rows with ``clip`` and ``scores`` as a CSV file with the columns of the sheet.

    A label that the ensemble does not know, and every label of a clip that could not be read, gets 0.
    """
    names: dict[str, str | None] = {}  # of the columns in the ensemble, which may spell them differently

    def cells_of(row: Row) -> list[object]:
        scores = row.get("scores", {})
        if scores and not names:
            labels = LabelNames(scores)
            names.update({column: labels.find(column) for column in sheet.columns})
        return [row["clip"] if name == sheet.file_column else scores.get(names.get(name), 0) for name in sheet.columns]

    cells = map(cells_of, rows)
    with open_atomic(out) as file:
        file.writelines(csv_lines(sheet.columns, cells))
