"""UrbanSound8K with its table, and without it: then the names of the files tell class and recording."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Problem, Reading
from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.known_tables import freesound_links, read_known_table
from audiotag.data.layouts.published import PublishedLayout, audio_of, first_file, some_sounds, sounds_in
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, check_rows, clip_table
from audiotag.data.split_cells import read_assignment

NAME = "UrbanSound8K"
TABLE = f"{NAME}.csv"
ROLES = {"file": "slice_file_name", "labels": "class", "fold": "fold", "group": "fsID"}
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
CLIP = re.compile(r"([1-9]\d*)-(\d)-(0|[1-9]\d*)-(0|[1-9]\d*)\.\w+")  # fsID-classID-occurrence-slice.wav
LEAST_RECORDING = 1000  # of most recordings: smaller numbers are sessions or takes of other people
YEARS = range(1900, 2100)  # 2024-5-1-12.wav may be a time
NO_FOLDS = f"{TABLE} is not there, and clips are not in folders fold1 to fold10: the folds of these are not known."


@register_layout("urbansound8k")
class UrbanSound8K(PublishedLayout):
    """``metadata/UrbanSound8K.csv`` beside ``audio/fold1`` to ``audio/fold10``.

    Without the table, with the clips in these folders or all in one, the class number in each name tells the class. The
    group of a clip is its recording on Freesound, from which several clips may be cut.
    """

    title = name = NAME
    order = 14
    mark = f"{TABLE}, nor sounds named like 100032-3-0-0.wav"
    parts = frozenset({"audio", "metadata", TABLE})

    def is_release(self, folder: Path) -> bool:
        """Whether the table is there, or more than half of the sounds are named as in this dataset.

        Outside of folders of folds, the first number must also look like one of Freesound.
        """
        if folder.name in self.parts and _table_of(folder.parent).is_file():
            return False  # the release is the folder above
        if _table_of(folder).is_file():
            return True
        sounds = some_sounds(audio_of(folder), depth=1)
        return 2 * sum(map(_is_clip, sounds)) > len(sounds)

    def read(self, root: Path, options: OpenOptions, findings: Findings) -> list[pd.DataFrame]:
        """The clips of the table, or the files if there is none."""
        file = _table_of(root)
        if not file.is_file():
            return [_read_names(audio_of(root), findings)]
        table = read_known_table(file, options, **ROLES)
        folds = None if (cells := table.column("fold")) is None else cells.str.extract(r"(\d+)")[0]
        rows = table.rows(
            names=None if folds is None else ("fold" + folds + "/" + table.names).fillna(table.names),
            licence=LICENCE,
            source=freesound_links(table.column("fsID")),
        )
        findings.readings.append(table.reading(root))
        subset = SubsetTable("curated", file, audio_of(root), shares_folder=audio_of(root) == root)
        return [check_rows(subset, rows, ReadingRules(options=options), findings)]


def _table_of(root: Path) -> Path:
    """The table, in its folder or, as in the copy on Kaggle, beside the folders of the folds."""
    return first_file(root / "metadata" / TABLE, root / TABLE)


def _parse(sound: str) -> re.Match[str] | None:
    return CLIP.fullmatch(sound.rpartition("/")[2])


def _is_clip(sound: str) -> bool:
    name = _parse(sound)
    if name is None or sound.startswith("fold"):
        return name is not None
    return int(name[1]) >= LEAST_RECORDING and int(name[1]) not in YEARS


def _read_names(folder: Path, findings: Findings) -> pd.DataFrame:
    parsed = {sound: _parse(sound) for sound in sounds_in(folder, 1, findings)}
    names = {sound: name for sound, name in parsed.items() if name}
    for sound in sorted(parsed.keys() - names.keys()):
        reason = f"{sound} is not named like 100032-3-0-0.wav, so its class is not known; it is left out."
        findings.problems.append(Problem(sound, reason))
    folders = [sound.rpartition("/")[0] for sound in names]
    numbers = read_assignment("fold", [name for name in folders if name.startswith("fold")]).folds
    folds = [numbers.get(name, pd.NA) for name in folders]
    if any(fold is pd.NA for fold in folds):
        findings.missing.append(NO_FOLDS)
    findings.readings.append(
        Reading(
            source="folders",
            columns=("folder 1", "file name"),
            roles={"labels": ("file name",), "group": ("file name",), "fold": ("folder 1",)},
            label_format="one label: the class number, which is the second number of each name",
        )
    )
    recordings = pd.Series([name[1] for name in names.values()], dtype="string")
    return clip_table(
        clip=list(names),
        path=[folder / sound for sound in names],
        subset="curated",
        labels=[(CLASSES[int(name[2])],) for name in names.values()],
        fold=folds,
        group=recordings,
        licence=LICENCE,
        source=freesound_links(recordings),
    )
