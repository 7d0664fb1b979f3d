"""Folders of sounds, one per label, at any depth: also below folders for splits, folds, recordings or speakers."""

from __future__ import annotations

from pathlib import Path

from audiotag.data.dataset import Dataset, Problem
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.folder_tree import FolderTree, sentences_of_unlabelled
from audiotag.data.layouts.reading import Findings
from audiotag.data.sound_paths import SoundPaths
from audiotag.errors import AudiotagError
from audiotag.wording import as_text


@register_layout("folder-per-class")
class FolderPerClass(Layout):
    """Each clip has the name of a folder around it as its label; `folder_levels` decides which one.

    If sounds also lie beside these folders, the majority decides between this layout and a bare folder of sounds; the
    others are listed as problems.
    """

    title = "one folder per class"
    order = 40
    looks_for = "sounds in a folder for each class"
    reads_folders = True

    def recognises(self, path: Path) -> bool:
        """Whether at least half of the sounds are in the folder of a class."""
        return path.is_dir() and FolderTree(path).are_classes

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Label each clip with the name of its folder; there are no tables to read."""
        tree = FolderTree(path, options)
        findings, kept, unlabelled, others = Findings(), [], [], []
        is_test_labelled = any(sound.meaning.labels and sound.meaning.split == "test" for sound in tree.sounds)
        has_labels = any(sound.meaning.labels for sound in tree.sounds)
        if not has_labels and not options.folders:
            reasons = [f"{path} has no sounds in folders that are labels; choose another layout.", *tree.paths.unread]
            raise AudiotagError(" ".join(reasons))
        for sound in tree.sounds:
            if options.keep_unlabelled:
                kept.append(sound)
            elif sound.meaning.is_unlabelled:
                unlabelled.append(sound)
            elif sound.meaning.labels or not has_labels or (sound.meaning.split == "test" and not is_test_labelled):
                kept.append(sound)
            else:
                others.append(as_text(sound.clip))
        findings.problems += [
            Problem(clip, f"{clip} is not in the folder of a class; it is left out.") for clip in others
        ]
        notes = sentences_of_unlabelled(unlabelled)
        labels = {label for sound in kept for label in sound.meaning.labels}
        if len(labels) == 1 and not options.folders:
            notes.append(
                f"All labelled sounds have the label {as_text(*labels)}, the name of a folder; if that is not a label, "
                "use the option folders with - for it, or open the table that has the labels."
            )
        return tree.dataset(kept, findings, notes)

    def hint(self, path: Path) -> str:
        """Which folders cannot be read, and which are not read because they are hidden or of a system."""
        paths = SoundPaths(path)
        skipped = (
            [f"Hidden and system folders, like {paths.skipped_folders[0]}, are not read."]
            if paths.skipped_folders
            else []
        )
        return " ".join([*paths.unread, *skipped])
