"""All that reviewers said about a dataset as one JSON file, which another audiotag can import."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from audiotag.data.corrections import SHAPE, Correction
from audiotag.data.dataset import Dataset
from audiotag.data.verdicts import VERDICT_SHAPE, Verdict
from audiotag.errors import AudiotagError
from audiotag.foreign import read_foreign_json
from audiotag.review.agreement import find_disagreements
from audiotag.review.differences import iso_time
from audiotag.state import fits

FORMAT, VERSION = "audiotag-corrections", 1
MAX_BYTES = 2**28
FILE_SHAPE = {"format": str, "version": int, "dataset": str, "labels": [str], "verdicts": [VERDICT_SHAPE],
              "corrections?": [SHAPE]}  # fmt: skip


def corrections_json(dataset: Dataset, corrections: Sequence[Correction], verdicts: Iterable[Verdict]) -> bytes:
    """The verdicts on a dataset, the corrections that follow from them, and the disagreements, as JSON (UTF-8)."""
    said = list(verdicts)
    disagreements = [
        {
            "subset": one.subset,
            "clip": one.clip,
            "label": one.label,
            "statements": [statement._asdict() | {"time": iso_time(statement.time)} for statement in one.statements],
        }
        for one in find_disagreements(said)
    ]
    values = {
        "format": FORMAT,
        "version": VERSION,
        "dataset": dataset.name,
        "labels": list(dataset.labels),
        "verdicts": [verdict.to_dict() for verdict in said],
        "corrections": [correction.to_dict() for correction in corrections],
        "disagreements": disagreements,
    }
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def read_corrections_json(path: Path) -> list[Verdict] | None:
    """The verdicts in such a file, oldest first; None if it is another file, which may be a table.

    Raises
    ------
    AudiotagError
        If it is such a file, and it is damaged or of a newer audiotag.
    """
    if path.suffix.lower() != ".json":
        return None
    try:
        values: Any = read_foreign_json(path, MAX_BYTES)
    except AudiotagError:
        return None  # the reader of tables says what is wrong with it
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        return None
    if values.get("version") != VERSION:
        raise AudiotagError(
            f"{path.name} has version {values.get('version')!r} of corrections, this audiotag reads version {VERSION}; "
            "update audiotag, or export a table instead."
        )
    if not fits(values, FILE_SHAPE):
        raise AudiotagError(f"{path.name} is damaged: a verdict in it lacks a field; export it again.")
    return [Verdict.from_dict(verdict) for verdict in values["verdicts"]]
