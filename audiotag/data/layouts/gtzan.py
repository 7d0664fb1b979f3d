"""GTZAN: ten folders of music, one per genre, beside pictures and tables of features."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from audiotag.data.dataset import Dataset, Reading
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.published import release_root, require_root, sounds_in
from audiotag.data.layouts.reading import Findings, build_dataset, clip_table, list_tables

NAME = "GTZAN"
FOLDERS = ("genres_original", "genres")
CLIP = re.compile(r"([^/]+)/\1\.\d{5}\.\w+")  # blues/blues.00000.wav


@register_layout("gtzan")
class GTZAN(Layout):
    """``genres_original/`` or ``genres/`` with a folder per genre, whose clips are named ``blues.00000.wav``.

    The tables of features beside them have labels too, but no others than the folders.
    """

    title = f"{NAME} (music genres)"
    order = 17
    looks_for = f"genres_original ({NAME})"

    def recognises(self, path: Path) -> bool:
        """Whether most sounds are named after the folder that they are in, with five digits."""
        return release_root(path, _is_release, FOLDERS) is not None

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Label each clip with its folder."""
        root = require_root(path, release_root(path, _is_release, FOLDERS), self.looks_for)
        folder = _folder_of(root)
        sounds = [sound for sound in sounds_in(folder, depth=1) if "/" in sound]
        clips = clip_table(
            clip=sounds,
            path=[folder / sound for sound in sounds],
            subset="curated",
            labels=[(sound.partition("/")[0],) for sound in sounds],
        )
        reading = Reading(
            source="folders",
            columns=("folder 1",),
            roles={"labels": ("folder 1",)},
            label_format="one label: the name of the folder",
            ignored=tuple(f"{table.name} has features of the clips, which are not used." for table in list_tables(root)),
        )
        return replace(build_dataset(path, [clips], Findings()), name=NAME, readings=(reading,))


def _folder_of(root: Path) -> Path:
    return next((root / name for name in FOLDERS if (root / name).is_dir()), root)


def _is_release(folder: Path) -> bool:
    if folder.name in FOLDERS and _is_release_folder(folder):
        return False  # the release is the folder above
    return _is_release_folder(_folder_of(folder))


def _is_release_folder(folder: Path) -> bool:
    sounds = [sound for sound in sounds_in(folder, depth=1) if "/" in sound]
    return 2 * sum(bool(CLIP.fullmatch(sound)) for sound in sounds) > len(sounds)
