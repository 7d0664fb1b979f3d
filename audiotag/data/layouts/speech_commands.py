"""Speech Commands: a folder of utterances per word, and lists of those for validation and test."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Dataset, Reading
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.published import fold_of_validation, read_lists, release_root, require_root, sounds_in
from audiotag.data.layouts.reading import Findings, build_dataset, clip_table

NAME = "Speech Commands"
LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
PARTS = {"audio", *LISTS.values()}
NOISE = "_background_noise_"
UTTERANCE = re.compile(r"(.+)_nohash_\d+\.\w+")  # the speaker, as a hash
LICENCE = "CC BY 4.0"


@register_layout("speech-commands")
class SpeechCommands(Layout):
    """Folders of words beside ``validation_list.txt`` and ``testing_list.txt``; on Kaggle they are in ``audio/``.

    The group of a clip is its speaker. ``_background_noise_`` holds long noises to mix in, no word.
    """

    title = NAME
    order = 15
    looks_for = f"{LISTS['validation']} ({NAME})"

    def recognises(self, path: Path) -> bool:
        """Whether one of the lists names sounds in folders, or most sounds are named as in this dataset."""
        return release_root(path, _is_release, PARTS) is not None

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Label each clip with its folder; clips that no list names are those for training."""
        root = require_root(path, release_root(path, _is_release, PARTS), self.looks_for)
        findings = Findings()
        folder = _folder_of(root)
        sounds = sounds_in(folder, depth=1)
        words = [sound for sound in sounds if "/" in sound and not sound.startswith(f"{NOISE}/")]
        lists = {split: root / file for split, file in LISTS.items()}
        splits = read_lists(lists, set(words), findings)
        split = pd.Series([splits.get(word, "train") for word in words], dtype="string")
        clips = clip_table(
            clip=words,
            path=[folder / word for word in words],
            subset=["test" if value == "test" else "curated" for value in split],
            labels=[(word.partition("/")[0],) for word in words],
            fold=fold_of_validation(split),
            group=[_speaker_of(word) for word in words],
            licence=LICENCE,
            split=split,
        )
        noises = sum(sound.startswith(f"{NOISE}/") for sound in sounds)
        reading = Reading(
            source="folders",
            columns=("folder 1", "file name"),
            roles={"labels": ("folder 1",), "group": ("file name",)},
            label_format="one label: the name of the folder",
            ignored=(f"{NOISE} holds {noises} noises to mix in, which are no clips of a word.",) if noises else (),
        )
        return replace(build_dataset(path, [clips], findings), name=NAME, readings=(reading,))


def _folder_of(root: Path) -> Path:
    return root / "audio" if (root / "audio").is_dir() else root


def _is_release(folder: Path) -> bool:
    has_list = any((folder / name).is_file() for name in LISTS.values())
    if not has_list and any((folder.parent / name).is_file() for name in LISTS.values()):
        return False  # one word of a release, or its folder audio
    sounds = [sound for sound in sounds_in(_folder_of(folder), depth=1) if "/" in sound]
    named = sum(bool(UTTERANCE.fullmatch(sound)) for sound in sounds)
    return bool(sounds) and (has_list or 2 * named > len(sounds))


def _speaker_of(clip: str) -> object:
    speaker = UTTERANCE.fullmatch(clip.rpartition("/")[2])
    return speaker[1] if speaker else pd.NA
