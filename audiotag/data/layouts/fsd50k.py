"""FSD50K as its authors released it on Zenodo, and in the form of its copy on Hugging Face.

The clips of ``dev.csv`` are trained on, with a split into train and validation; those of ``eval.csv`` are the test
clips. A clip has several labels: the classes of its sounds, and all classes above these in the hierarchy.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.known_tables import freesound_links, read_known_table
from audiotag.data.layouts.published import PublishedLayout, first_folder, has_table
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, check_rows
from audiotag.data.table_files import read_table_file

NAME = "FSD50K"
TABLES = (f"{NAME}.ground_truth", "labels")  # on Zenodo, on Hugging Face
SOUNDS = {"dev": (f"{NAME}.dev_audio", "clips/dev"), "eval": (f"{NAME}.eval_audio", "clips/eval")}
SUBSETS = {"dev": "curated", "eval": "test"}
MIDS = "mids has the labels once more, as numbers of AudioSet."
MAX_INFO_BYTES = 2**28


@register_layout("fsd50k")
class FSD50K(PublishedLayout):
    """``FSD50K.ground_truth`` beside ``FSD50K.dev_audio`` and ``FSD50K.eval_audio``; any of them may be missing."""

    title = name = NAME
    order = 11
    mark = TABLES[0]
    parts = frozenset({*TABLES, *SOUNDS["dev"], *SOUNDS["eval"], "dev.csv", "eval.csv"})

    def is_release(self, folder: Path) -> bool:
        """Whether the folder of tables is there."""
        on_hugging_face = [folder / TABLES[1] / file for file in ("dev.csv", "eval.csv", "vocabulary.csv")]
        return (folder / TABLES[0]).is_dir() or all(file.is_file() for file in on_hugging_face)

    def read(self, root: Path, options: OpenOptions, findings: Findings) -> list[pd.DataFrame]:
        """The clips for development, then those for evaluation."""
        tables = first_folder(root, *TABLES)
        clips = []
        for part, subset in SUBSETS.items():
            file = tables / f"{part}.csv"
            if not has_table(file, root, part, findings):
                continue
            table = read_known_table(file, options, "comma", file="fname", labels="labels", split="split")
            rows = table.rows(
                split="test" if part == "eval" else None,
                licence=_licences(root, part, table.names, findings),
                source=freesound_links(table.names),
            )
            folder = first_folder(root, *SOUNDS[part])
            clips.append(check_rows(SubsetTable(subset, file, folder), rows, ReadingRules(options=options), findings))
            findings.readings.append(table.reading(root, MIDS))
        _compare_with_vocabulary(tables / "vocabulary.csv", clips, findings)
        return clips


def _licences(root: Path, part: str, names: pd.Series, findings: Findings) -> pd.Series | None:
    """The licence of each clip; None if the file that has them is not there."""
    path = root / f"{NAME}.metadata" / f"{part}_clips_info_{NAME}.json"
    if not path.is_file() or path.stat().st_size > MAX_INFO_BYTES:
        return None
    try:
        clips = json.loads(path.read_text(encoding="utf-8"))
        licences = {clip: str(facts["license"]) for clip, facts in clips.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        findings.missing.append(f"{path.name} is damaged: the licences of the {part} clips are not known.")
        return None
    return names.str.removesuffix(".wav").map(licences)


def _compare_with_vocabulary(vocabulary: Path, clips: list[pd.DataFrame], findings: Findings) -> None:
    """Say which labels of the tables the vocabulary lacks, if there is one."""
    if not vocabulary.is_file():
        return
    table = read_table_file(vocabulary, ",", has_header=False).table
    known = set(table.iloc[:, 1].str.strip()) if table.shape[1] > 1 else set()
    labels = sorted({label for table in clips for row in table["labels"] for label in row})
    unknown = [label for label in labels if label not in known]
    if unknown:
        findings.missing.append(
            f"{vocabulary.name} lacks {len(unknown)} of the {len(labels)} labels of the tables, like {unknown[0]}; "
            "they are used as the tables have them."
        )
