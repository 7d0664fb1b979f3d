"""All clips of a dataset with their labels as a plain CSV table, which audiotag opens beside the sounds."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.review.export.reopening import relative_name
from audiotag.spreadsheets import UTF8_MARK, disarm

NEEDS_LIST = set(",;|\n\"'[](){}")
FURTHER = ("split", "fold", "group")  # columns that datasets may have


def plain_table(dataset: Dataset, folder: Path | None, for_spreadsheet: bool = False) -> bytes:
    """A CSV table with the columns ``fname`` and ``labels``, and with splits, folds and groups where there are any.

    Parameters
    ----------
    dataset : Dataset
        Its clips without labels are left out.
    folder : Path or None
        What the paths in ``fname`` are relative to; None for the names of the clips in place of paths.
    for_spreadsheet : bool
        Mark it as UTF-8, and disarm text that a spreadsheet would take for a formula.

    Notes
    -----
    Labels are separated by commas; if a label has a comma, a bracket or the like, all cells are JSON lists.
    """
    clips = dataset.clips[dataset.clips["labels"].map(bool)]
    has_lists = any(set(label) & NEEDS_LIST for labels in clips["labels"] for label in labels)
    columns: dict[str, list[object]] = {
        "fname": [relative_name(path, folder) for path in clips["path"]] if folder else clips["clip"].tolist(),
        "labels": [
            json.dumps(list(labels), ensure_ascii=False) if has_lists else ",".join(labels)
            for labels in clips["labels"]
        ],
    }
    for name in FURTHER:
        if name in clips and clips[name].notna().any():
            columns[name] = ["" if pd.isna(value) else value for value in clips[name]]
    if (clips["subset"] == "noisy").any():
        columns["subset"] = clips["subset"].tolist()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in (tuple(columns), *zip(*columns.values(), strict=True)):
        writer.writerow(map(disarm, row) if for_spreadsheet else row)
    content = text.getvalue().encode("utf-8", "surrogateescape")
    return UTF8_MARK + content if for_spreadsheet else content
