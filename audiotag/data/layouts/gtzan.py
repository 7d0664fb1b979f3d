"""GTZAN: ten folders of music, one per genre, beside pictures and tables of features."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Problem, Reading
from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.published import PublishedLayout, first_folder, some_sounds, sounds_in
from audiotag.data.layouts.reading import Findings, clip_table, list_tables

NAME = "GTZAN"
FOLDERS = ("genres_original", "genres", ".")  # on Kaggle, in the archive of the authors, given that folder itself
GENRES = "blues|classical|country|disco|hiphop|jazz|metal|pop|reggae|rock"
CLIP = re.compile(rf"({GENRES})/\1\.\d{{5}}\.\w+")  # blues/blues.00000.wav


@register_layout("gtzan")
class GTZAN(PublishedLayout):
    """``genres_original/`` or ``genres/`` with a folder per genre, whose clips are named ``blues.00000.wav``.

    The tables beside them hold features of the clips and the same labels as the folders.
    """

    name = NAME
    title = f"{NAME} (music genres)"
    order = 17
    mark = "genres_original"
    parts = frozenset(FOLDERS)

    def is_release(self, folder: Path) -> bool:
        """Whether more than half of the sounds are named after the genre whose folder they are in, with five digits."""
        if folder.name in FOLDERS and first_folder(folder.parent, *FOLDERS) == folder:
            return False  # the release is the folder above
        sounds = some_sounds(first_folder(folder, *FOLDERS), depth=1)
        return 2 * sum(bool(CLIP.fullmatch(sound)) for sound in sounds) > len(sounds)

    def read(self, root: Path, options: OpenOptions, findings: Findings) -> list[pd.DataFrame]:
        """All clips of genres."""
        folder = first_folder(root, *FOLDERS)
        sounds = sounds_in(folder, 1, findings)
        for sound in sounds:
            if "/" not in sound:
                findings.problems.append(Problem(sound, f"{sound} is not in the folder of a genre; it is left out."))
        sounds = [sound for sound in sounds if "/" in sound]
        findings.readings.append(
            Reading(
                source="folders",
                columns=("folder 1",),
                roles={"labels": ("folder 1",)},
                label_format="one label: the name of the folder",
                ignored=tuple(f"{table.name} has features of the clips, not used here." for table in list_tables(root)),
            )
        )
        clips = clip_table(
            clip=sounds,
            path=[folder / sound for sound in sounds],
            subset="curated",
            labels=[(sound.partition("/")[0],) for sound in sounds],
        )
        return [clips]
