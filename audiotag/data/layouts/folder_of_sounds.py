"""Sounds without labels, in a folder or in folders below it: they can be looked at and tagged, not trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audiotag.data.dataset import Dataset
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.folder_tree import FolderTree, Sound
from audiotag.data.layouts.reading import Findings
from audiotag.errors import AudiotagError
from audiotag.wording import as_text


@register_layout("folder-of-sounds")
class FolderOfSounds(Layout):
    """All sounds below a folder; the folders may still say which split, fold or group a sound belongs to."""

    title = "folder of sounds, without labels"
    order = 50
    looks_for = "sounds without labels"

    def recognises(self, path: Path) -> bool:
        """Whether there are sounds in the folder or below it."""
        return path.is_dir() and bool(FolderTree(path).paths.sounds)

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """List the sounds; there are no tables to read."""
        tree = FolderTree(path, options)
        if not tree.sounds:
            raise AudiotagError(" ".join([f"{path} has no sounds; choose another folder.", *tree.paths.unread]))
        named = next((sound for sound in tree.sounds if sound.meaning.labels), None)
        notes = []
        if named:
            notes.append(
                f"The names of folders, like that of {as_text(named.clip)}, are not used as labels, because most "
                "sounds lie outside of such folders; if they are labels, use the layout folder-per-class."
            )
        return tree.dataset([_without_label(sound) for sound in tree.sounds], Findings(), notes)


def _without_label(sound: Sound) -> Sound:
    return replace(sound, meaning=replace(sound.meaning, labels=()))
