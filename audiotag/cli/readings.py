"""Show how a dataset was read: which column or folder is what, what is not used, and what the first clips give."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from audiotag.cli.printing import print_line

if TYPE_CHECKING:
    from audiotag.data.dataset import Dataset

FOLDERS = "folders"  # source of a reading of folders
FIRST_CLIPS = 3
MAX_NAMES = 6  # of columns with one role
FACTS = ("subset", "split", "fold", "group")


def print_readings(dataset: Dataset) -> None:
    """Print a short block per table, and the first clips; nothing for a folder of sounds without labels."""
    readings = [reading for reading in dataset.readings if reading.roles or reading.ignored]
    for reading in readings:
        print_line()
        what = "The folders were" if reading.source == FOLDERS else f"{reading.source} was"
        print_line(f"{what} read like this:")
        for role, columns in reading.roles.items():
            more = f" and {len(columns) - MAX_NAMES} more" if len(columns) > MAX_NAMES else ""
            how = f" ({reading.label_format})" if role == "labels" and reading.label_format else ""
            examples = [example for column in columns for example in reading.examples.get(column, ())]
            like = f", like {', '.join(examples[:MAX_NAMES])}" if examples else ""
            print_line(f"  {role}: {', '.join(columns[:MAX_NAMES])}{more}{how}{like}")
        for sentence in reading.ignored:
            print_line(f"  {sentence}")
    if readings:
        print_line("The first clips:")
        for clip in _first_clips(dataset):
            facts = [f"{name} {clip[name]}" for name in FACTS if clip[name] is not None]
            labels = " | ".join(clip["labels"]) or "no label"
            print_line(f"  {clip['clip']}: {labels} ({', '.join(facts)})")


def readings_as_json(dataset: Dataset) -> dict[str, Any]:
    """The readings and the first clips as plain values."""
    return {"readings": [asdict(reading) for reading in dataset.readings], "first_clips": _first_clips(dataset)}


def _first_clips(dataset: Dataset) -> list[dict[str, Any]]:
    """The first clips with what the table gives them, or None for what it does not."""
    rows = dataset.clips.head(FIRST_CLIPS)[["clip", "labels", *FACTS]].astype(object)
    rows = rows.where(rows.notna(), None)
    return [row | {"labels": list(row["labels"])} for row in rows.to_dict("records")]
