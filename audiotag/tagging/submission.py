"""What a submission for a dataset's test clips must look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from audiotag.data.dataset import Dataset
from audiotag.data.tables import FILE_COLUMNS, column_of, read_table
from audiotag.errors import AudiotagError
from audiotag.tagging.bulk import SoundFile
from audiotag.tagging.ensemble import Card

SAMPLE = "sample_submission.csv"


@dataclass(frozen=True)
class Sheet:
    """The columns of a submission, which of them names the files, and the files, all in the order of its sample."""

    columns: list[str]
    file_column: str
    files: list[SoundFile]

    @classmethod
    def of(cls, dataset: Dataset, card: Card) -> Self:
        """By the dataset's sample submission; without one, all its test clips and the ensemble's labels.

        Raises
        ------
        AudiotagError
            If there is neither, or the sample names no files.
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
        # Where the truth is not given away, no table but the sample names the clips.
        files = [SoundFile(paths.get(clip, root / "test" / clip), clip) for clip in clips]
        return cls(list(sample.columns), file_column, files)

    def note(self, card: Card) -> str:
        """Which of the labels get zeros, as a sentence; empty if none.

        Raises
        ------
        AudiotagError
            If the ensemble knows none of them.
        """
        labels = [column for column in self.columns if column != self.file_column]
        lacking = [label for label in labels if label not in card.labels]
        if len(lacking) == len(labels):
            raise AudiotagError(
                f"{card.name} knows none of the {len(labels)} labels of {SAMPLE}, it knows {', '.join(card.labels)}; "
                "choose an ensemble that was trained on this dataset."
            )
        if not lacking:
            return ""
        return f"{card.name} does not know {', '.join(lacking)}: {len(lacking)} of {len(labels)} labels get zeros."
