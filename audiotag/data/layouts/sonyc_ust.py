"""SONYC-UST, urban sounds of New York that several people annotated (https://zenodo.org/record/3966543).

``annotations.csv`` has a row per clip and annotator, and a column per label with 1, 0 or -1 (nobody said). Labels are
coarse (``1_engine_presence``) and fine (``1-1_small-sounding-engine_presence``); the coarse ones are used.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Dataset, Reading
from audiotag.data.layouts.annotated import ClipLabels, folder_of_sounds, header_cells, missing_sounds, without_wrapping
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.folder_names import split_of
from audiotag.data.layouts.reading import Findings
from audiotag.data.sound_paths import SoundPaths
from audiotag.data.tables import read_table
from audiotag.errors import AudiotagError

TABLE = "annotations.csv"
FILE, ANNOTATOR, SPLIT, GROUP = "audio_filename", "annotator_id", "split", "sensor_id"
COARSE = re.compile(r"\d+_(.+)_presence")
AGREED = "0"  # the annotator's number in the rows on which the dataset's authors agreed
HALF = 0.5


@register_layout("sonyc-ust")
class SonycUst(Layout):
    """A clip has the labels of the row on which the authors agreed; without one, those that half of its rows have."""

    title = "SONYC-UST: labels by several annotators"
    order = 24

    def recognises(self, path: Path) -> bool:
        """Whether the table has the columns of SONYC-UST."""
        table = _table(without_wrapping(path))
        columns = header_cells(table) if table.suffix.lower() == ".csv" else []
        return FILE in columns and any(COARSE.fullmatch(column) for column in columns)

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read the coarse labels of all clips."""
        path = without_wrapping(path)
        table = _table(path)
        if not self.recognises(path):
            raise AudiotagError(f"{path} has no {TABLE} with the columns of SONYC-UST; choose another layout.")
        root = folder_of_sounds(path)
        cells = read_table(table)
        columns = [column for column in cells.columns if COARSE.fullmatch(column)]
        names = [COARSE.sub(r"\1", column) for column in columns]
        given, votes = _agreed_labels(cells, columns)
        sounds = SoundPaths(root)
        findings, clips = Findings(), ClipLabels(sounds)
        first = cells.drop_duplicates(FILE).set_index(FILE)
        paths = sounds.find_all(given.index.tolist())
        for name, row in zip(given.index.tolist(), given.to_numpy(), strict=True):
            if found := paths[name]:
                labels = [label for label, has in zip(names, row, strict=True) if has]
                clips.add(found, labels, split=_split(first, name), group=_cell(first, GROUP, name))
        missing_sounds([name for name, found in paths.items() if found is None], table.name, root, findings)
        roles = {"file": FILE, "split": SPLIT, "group": GROUP, "annotator": ANNOTATOR}
        findings.readings.append(
            Reading(
                source=table.name,
                columns=tuple(map(str, cells.columns)),
                roles={"labels": tuple(columns)}
                | {role: (column,) for role, column in roles.items() if column in cells.columns},
                label_format="columns of 1, 0 and -1 (not known), one per label",
                ignored=(
                    "The coarse labels are used, not the fine ones, nor how near a sound is.",
                    "A clip has the labels on which the authors agreed (annotator 0), else those that at least half of "
                    f"its annotators gave; clips of the second kind: {votes:,}.",
                    *clips.notes(),
                ),
            )
        )
        return clips.dataset(root, findings)


def _agreed_labels(cells: pd.DataFrame, columns: list[str]) -> tuple[pd.DataFrame, int]:
    """Which labels each clip has, one row per clip in the table's order; and how many clips were voted on."""
    values = cells[columns].apply(pd.to_numeric, errors="coerce")
    values = values.where(values >= 0)  # -1: not known
    is_agreed = cells[ANNOTATOR].str.strip().eq(AGREED) if ANNOTATOR in cells else pd.Series(False, cells.index)
    by_vote = values[~is_agreed].groupby(cells[FILE], sort=False).mean() >= HALF
    agreed = values[is_agreed].groupby(cells[FILE], sort=False).max() > 0
    given = pd.concat([agreed, by_vote[~by_vote.index.isin(agreed.index)]])
    order = cells[FILE].dropna().drop_duplicates()
    return given.reindex(order), len(given) - len(agreed)


def _table(path: Path) -> Path:
    return path / TABLE if path.is_dir() else path


def _split(first: pd.DataFrame, name: str) -> str | None:
    cell = _cell(first, SPLIT, name)
    return split_of(cell) if cell else None


def _cell(first: pd.DataFrame, column: str, name: str) -> str:
    value = first.at[name, column] if column in first.columns else ""
    return value if isinstance(value, str) else ""
