"""A bare folder of sounds, without labels: it can be looked at, listened to and tagged, not trained on."""

from __future__ import annotations

from pathlib import Path

from audiotag.data.dataset import Dataset, Problem
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.folder_per_class import hint_of_deeper
from audiotag.data.layouts.reading import Findings, build_dataset, clip_table, list_sounds
from audiotag.errors import AudiotagError


@register_layout("folder-of-sounds")
class FolderOfSounds(Layout):
    """Sounds in one folder; sounds in folders below it are listed as problems."""

    title = "folder of sounds, without labels"
    order = 50
    looks_for = "sounds"

    def recognises(self, path: Path) -> bool:
        """Whether there are sounds in the folder itself."""
        return path.is_dir() and bool(list_sounds(path.glob("*")))

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """List the sounds; there are no tables to read."""
        files = list_sounds(path.glob("*"))
        if not files:
            raise AudiotagError(f"{path} has no sounds in the folder itself; choose another layout.")
        findings = Findings()
        if deeper := hint_of_deeper(path):
            findings.missing.append(deeper)
        for file in list_sounds(path.glob("*/*")):
            clip = str(file.relative_to(path))
            findings.problems.append(Problem(clip, f"{clip} is not in the folder of most sounds; it is left out."))
        clips = clip_table(clip=[file.name for file in files], path=files, subset="curated", labels=[()] * len(files))
        return build_dataset(path, [clips], findings)
