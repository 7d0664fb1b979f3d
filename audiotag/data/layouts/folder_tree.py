"""The sounds below a folder, with what the folders around each of them mean; two layouts share this."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Dataset, Problem, Reading
from audiotag.data.layouts.base import OpenOptions
from audiotag.data.layouts.folder_levels import FolderMeanings, Meaning, read_folders
from audiotag.data.layouts.known_tables import fold_of_validation
from audiotag.data.layouts.nested_labels import Folder
from audiotag.data.layouts.reading import Findings, build_dataset, clip_table, list_tables
from audiotag.data.sound_paths import SoundPaths
from audiotag.wording import as_text

MAX_NAMED = 5


@dataclass(frozen=True)
class Sound:
    """A sound below a dataset's folder: its path relative to that folder, and what the folders around it mean."""

    clip: str
    meaning: Meaning


class FolderTree:
    """All sounds below a folder, at any depth, without those in hidden and system folders.

    Parameters
    ----------
    root : Path
        It may be a file or not exist; then there are no sounds.
    options : OpenOptions, optional
        Its ``folders`` say what each level means.
    """

    def __init__(self, root: Path, options: OpenOptions | None = None) -> None:
        self.root = root
        self.paths = SoundPaths(root)
        self._roles = (options.folders or None) if options else None

    @cached_property
    def meanings(self) -> FolderMeanings:
        """What each folder with sounds means."""
        return read_folders(self._counts, self._roles)

    @cached_property
    def sounds(self) -> list[Sound]:
        """The sounds, sorted by folder and name."""
        files = sorted(self._files, key=lambda file: file.split("/"))
        by_folder = {"/".join(folder): meaning for folder, meaning in self.meanings.of.items()}
        return [Sound(file, by_folder[file.rpartition("/")[0]]) for file in files]

    @property
    def are_classes(self) -> bool:
        """Whether folders are labels, of at least half of the sounds that may have one."""
        labelled = unlabelled = 0
        for folder, count in self._counts.items():
            meaning = self.meanings.of[folder]
            if meaning.labels:
                labelled += count
            elif not (meaning.is_unlabelled or meaning.split == "test"):
                unlabelled += count
        return labelled > 0 and labelled >= unlabelled

    def problems(self) -> list[Problem]:
        """Folders that cannot be read."""
        return [
            Problem(as_text(folder or self.root.name), as_text(sentence), "missing")
            for folder, sentence in self.paths.unread_folders.items()
        ]

    def dataset(self, sounds: list[Sound], findings: Findings, notes: list[str]) -> Dataset:
        """The dataset of some of the sounds; ``notes`` say what was left out or read in an unexpected way."""
        meanings = [sound.meaning for sound in sounds]
        clips = clip_table(
            clip=[sound.clip for sound in sounds],
            path=[self.root / sound.clip for sound in sounds],
            subset=["test" if meaning.split == "test" else "curated" for meaning in meanings],
            labels=[meaning.labels for meaning in meanings],
            fold=[pd.NA if meaning.fold is None else meaning.fold for meaning in meanings],
            group=[pd.NA if meaning.group is None else as_text(meaning.group) for meaning in meanings],
            split=[meaning.split or pd.NA for meaning in meanings],
        )
        findings.problems += self.problems()
        has_labels = bool(clips["labels"].map(bool).any())
        findings.readings.append(self._reading(has_labels, notes, tables_are_used=bool(findings.readings)))
        return build_dataset(self.root, [with_validation_fold(clips)], findings)

    def _reading(self, has_labels: bool, notes: list[str], tables_are_used: bool) -> Reading:
        roles, examples = self.meanings.levels(), self.meanings.examples()
        if not has_labels:
            roles.pop("labels", None)
        if tables := [as_text(table.name) for table in list_tables(self.root)] if not tables_are_used else []:
            notes = [*notes, f"Tables beside the folders are not used: {_listed(tables)}."]
        skipped = [as_text(name) for name in self.paths.skipped_folders]
        if skipped:
            notes = [*notes, f"Hidden and system folders are not read: {_listed(skipped)}."]
        return Reading(
            source="folders",
            columns=tuple(examples),
            roles=roles,
            label_format="one label: the name of a folder" if has_labels else "",
            ignored=(*self.meanings.notes, *notes),
            examples=examples,
        )

    @cached_property
    def _files(self) -> list[str]:
        return self.paths.sounds

    @cached_property
    def _counts(self) -> Counter[Folder]:
        by_folder = Counter(file.rpartition("/")[0] for file in self._files)
        return Counter({_parts(folder): count for folder, count in by_folder.items()})


def with_validation_fold(clips: pd.DataFrame) -> pd.DataFrame:
    """The clips with fold 1 for those of the split validation, if no clip has a fold and there is one to train on.

    Training then holds out what the dataset's authors held out.
    """
    is_trained_on = clips["subset"] != "test"
    splits = set(clips.loc[is_trained_on, "split"].dropna())
    if clips.loc[is_trained_on, "fold"].notna().any() or splits != {"train", "validation"}:
        return clips
    return clips.assign(fold=fold_of_validation(clips["split"]))


def sentences_of_unlabelled(sounds: list[Sound]) -> list[str]:
    """A sentence per folder whose name says that its sounds have no label."""
    counts = Counter(sound.clip.rpartition("/")[0] for sound in sounds)
    return [
        f"{as_text(folder)} holds {count:,} {'sound' if count == 1 else 'sounds'} without a label; "
        f"{'it is' if count == 1 else 'they are'} left out."
        for folder, count in counts.items()
    ]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def _parts(folder: str) -> Folder:
    return tuple(folder.split("/")) if folder else ()
