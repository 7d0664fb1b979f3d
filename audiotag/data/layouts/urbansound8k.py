"""UrbanSound8K with its table, and without it: then the names of the files tell class and recording."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Dataset, Problem, Reading
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.published import (
    fold_of,
    freesound_links,
    read_known_table,
    release_root,
    require_root,
    separated,
    sounds_in,
)
from audiotag.data.layouts.reading import (
    Findings,
    ReadingRules,
    SubsetTable,
    build_dataset,
    check_rows,
    clip_table,
)

NAME = "UrbanSound8K"
TABLE = f"{NAME}.csv"
PLACES = ("metadata", ".")  # of the table, in its release and in its copy on Kaggle
PARTS = {"audio", "metadata", TABLE}
LICENCE = "CC BY-NC 3.0"
CLASSES = (  # by classID
    "air_conditioner",
    "car_horn",
    "children_playing",
    "dog_bark",
    "drilling",
    "engine_idling",
    "gun_shot",
    "jackhammer",
    "siren",
    "street_music",
)
NUMBER = r"(0|[1-9]\d*)"
CLIP = re.compile(rf"{NUMBER}-(\d)-{NUMBER}-{NUMBER}\.\w+")  # fsID-classID-occurrence-slice.wav
YEARS = range(1900, 2100)  # of names like 2024-5-1-12.wav


@register_layout("urbansound8k")
class UrbanSound8K(Layout):
    """``metadata/UrbanSound8K.csv`` beside ``audio/fold1`` to ``audio/fold10``.

    Without the table, in these folders or all in one: the classes are those of the class number in each name. The group
    of a clip is its recording on Freesound, from which several clips may be cut.
    """

    title = NAME
    order = 14
    looks_for = f"{TABLE} ({NAME})"

    def recognises(self, path: Path) -> bool:
        """Whether the table is there, or most sounds are named as in this dataset."""
        return release_root(path, _is_release, PARTS) is not None

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read the table, or the names of the files if it is missing."""
        root = require_root(path, release_root(path, _is_release, PARTS), self.looks_for)
        findings = Findings()
        table = _table_of(root)
        clips, reading = _read_table(root, table, findings, options) if table else _read_names(root, findings)
        return replace(build_dataset(path, [clips], findings), name=NAME, readings=(reading,))


def _is_release(folder: Path) -> bool:
    if _table_of(folder):
        return True
    if folder.name == "audio" and _table_of(folder.parent):
        return False  # the release is the folder above
    sounds = sounds_in(_folder_of(folder), depth=1)
    names = list(filter(None, map(_parse, sounds)))
    return 2 * len(names) > len(sounds) and any(int(name[1]) not in YEARS for name in names)


def _table_of(root: Path) -> Path | None:
    return next((root / place / TABLE for place in PLACES if (root / place / TABLE).is_file()), None)


def _folder_of(root: Path) -> Path:
    return root / "audio" if (root / "audio").is_dir() else root


def _parse(sound: str) -> re.Match[str] | None:
    return CLIP.fullmatch(sound.rpartition("/")[2])


def _read_table(
    root: Path, file: Path, findings: Findings, options: OpenOptions
) -> tuple[pd.DataFrame, Reading]:
    table = read_known_table(file, options, file="slice_file_name", labels="class", fold="fold", group="fsID")
    folds = table.column("fold")
    names = table.names() if folds is None else "fold" + folds.str.removesuffix(".0") + "/" + table.names()
    rows = table.rows(
        labels=table.labels(separated("", options)),
        names=names,
        licence=pd.Series(LICENCE, index=names.index),
        source=freesound_links(table.column("fsID")),
    )
    folder = _folder_of(root)
    subset = SubsetTable("curated", file, folder, shares_folder=folder == root)
    return check_rows(subset, rows, ReadingRules(options=options), findings), table.reading(root, "one label")


def _read_names(root: Path, findings: Findings) -> tuple[pd.DataFrame, Reading]:
    folder = _folder_of(root)
    parsed = {sound: _parse(sound) for sound in sounds_in(folder, depth=1)}
    names = {sound: name for sound, name in parsed.items() if name}
    for sound in parsed.keys() - names.keys():
        reason = f"{sound} is not named like 100032-3-0-0.wav, so its class is not known; it is left out."
        findings.problems.append(Problem(sound, reason))
    folders = [sound.rpartition("/")[0] for sound in names]
    folds = [fold_of(name) if name.startswith("fold") else pd.NA for name in folders]
    if any(fold is pd.NA for fold in folds):
        findings.missing.append(
            f"{TABLE} is not there, and clips are not in folders fold1 to fold10: their folds are not known."
        )
    recordings = pd.Series([name[1] for name in names.values()])
    clips = clip_table(
        clip=list(names),
        path=[folder / sound for sound in names],
        subset="curated",
        labels=[(CLASSES[int(name[2])],) for name in names.values()],
        fold=folds,
        group=recordings,
        licence=LICENCE,
        source=freesound_links(recordings),
    )
    reading = Reading(
        source="folders",
        columns=("file name",),
        roles={"labels": ("file name",), "group": ("file name",)},
        label_format="the second number of each file name is the class",
    )
    return clips, reading
