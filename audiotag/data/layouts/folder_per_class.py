"""One folder of sounds per class: each clip is labelled with the name of the folder that it is in."""

from __future__ import annotations

from pathlib import Path

from audiotag.data.dataset import Dataset, Problem
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.reading import Findings, build_dataset, clip_table, list_sounds
from audiotag.errors import AudiotagError


@register_layout("folder-per-class")
class FolderPerClass(Layout):
    """Folders of sounds, one for each label.

    If sounds also lie beside these folders, the majority decides between this layout and a bare folder of sounds; the
    others are listed as problems. Sounds that lie deeper are reported as missing: there, the folder of the class cannot
    be distinguished from the folder of a subset or a session.
    """

    title = "one folder per class"
    order = 40
    looks_for = "sounds in a folder for each class"

    def recognises(self, path: Path) -> bool:
        """Whether at least half of the sounds are in folders."""
        by_class = list_sounds(path.glob("*/*")) if path.is_dir() else []
        return bool(by_class) and len(by_class) >= len(list_sounds(path.glob("*")))

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Label each clip with the name of its folder; there are no tables to read."""
        files = list_sounds(path.glob("*/*"))
        if not files:
            raise AudiotagError(
                f"{path} has no sounds in folders; choose another layout. {hint_of_deeper(path)}".strip()
            )
        findings = Findings()
        if deeper := hint_of_deeper(path):
            findings.missing.append(deeper)
        for file in list_sounds(path.glob("*")):
            findings.problems.append(
                Problem(file.name, f"{file.name} is not in the folder of a class; it is left out.")
            )
        clips = clip_table(
            clip=[str(file.relative_to(path)) for file in files],
            path=files,
            subset="curated",
            labels=[(file.parent.name,) for file in files],
        )
        return build_dataset(path, [clips], findings)

    def hint(self, path: Path) -> str:
        """Where deeper sounds are, if there are any."""
        return hint_of_deeper(path)


def hint_of_deeper(folder: Path) -> str:
    """A sentence about sounds that lie deeper than one folder; empty if there are none."""
    deeper = next((file for file in folder.glob("*/*/*") if list_sounds([file])), None)
    if deeper is None:
        return ""
    return (
        f"Sounds that lie deeper than one folder, like {deeper.relative_to(folder)}, are left out; open "
        f"{deeper.parent.parent} to see them."
    )
