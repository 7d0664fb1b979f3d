"""One table and one folder of sounds per split, as competitions on Kaggle have them: ``train.csv`` and ``train/``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.known_tables import fold_of_validation
from audiotag.data.layouts.published import PublishedLayout, audio_of, visible_folders
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, list_tables, read_subset
from audiotag.data.layouts.table_columns import read_columns
from audiotag.data.sound_paths import SoundPaths
from audiotag.data.tables import read_table
from audiotag.errors import AudiotagError

FIRST_ROWS = 100  # of which one must name a sound
SPLITS = {  # what tables and folders are called
    "train": ("train", "training", "audio_train", "train_audio", "train_wav", "train_labels"),
    "validation": ("val", "valid", "validation", "dev", "audio_val", "val_audio", "val_labels", "validation_labels"),
    "test": ("test", "testing", "eval", "evaluation", "audio_test", "test_audio", "test_wav", "test_labels"),
}


@register_layout("split-tables")
class SplitTables(PublishedLayout):
    """``train.csv`` beside ``train/``, perhaps with the same for validation and test; or beside one folder for all.

    A table without labels, as test tables of competitions are, is left out.
    """

    title = "one table per split, like train.csv"
    order = 30
    mark = "train.csv that names the sounds of a folder train"

    def is_release(self, folder: Path) -> bool:
        """Whether a table for training names sounds, of the folder for it or beside the table of another split."""
        tables = _tables_of(folder)
        sounds = _folder_of(folder, "train")
        if "train" not in tables or (sounds is None and len(tables) == 1):
            return False
        return _names_sounds(tables["train"], sounds or audio_of(folder))

    def read(self, root: Path, options: OpenOptions, findings: Findings) -> list[pd.DataFrame]:
        """The clips of each table, by its columns; the splits are those of the tables where these have none."""
        found = {}
        for split, file in _tables_of(root).items():
            folder = _folder_of(root, split)
            labels = findings.readings[0].roles["labels"] if findings.readings else ()
            if split != "train" and not set(labels) <= set(read_table(file, options.separator).columns):
                findings.missing.append(f"{file.name} has no column {labels[0]}: its clips are left out.")
                continue
            subset = SubsetTable(
                "test" if split == "test" else "curated", file, folder or audio_of(root), shares_folder=folder is None
            )
            found[split] = read_subset(subset, ReadingRules(options=options), findings)
        if len(found) == 1:
            return list(found.values())
        for split, clips in found.items():
            clips["split"] = clips["split"].fillna(split)
            if clips["fold"].isna().all():
                clips["fold"] = fold_of_validation(clips["split"])
        return list(found.values())


def _tables_of(folder: Path) -> dict[str, Path]:
    """The table of each split that has one, the one for training first."""
    tables = {table.stem.lower(): table for table in list_tables(folder)}
    named = {split: next((tables[name] for name in names if name in tables), None) for split, names in SPLITS.items()}
    return {split: table for split, table in named.items() if table}


def _names_sounds(table: Path, folder: Path) -> bool:
    """Whether it is a table of clips; a table of something else names none of the sounds."""
    sounds = SoundPaths(folder)
    try:
        names = read_columns(table, sounds, OpenOptions()).rows.names
    except AudiotagError:
        return False
    return not sounds.sounds or any(map(sounds.find, names.dropna().head(FIRST_ROWS)))


def _folder_of(root: Path, split: str) -> Path | None:
    folders = {folder.name.lower(): folder for folder in visible_folders(root)}
    return next((folders[name] for name in SPLITS[split] if name in folders), None)
