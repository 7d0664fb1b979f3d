"""Speech Commands: a folder of utterances per word, and lists of those for validation and test."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Reading
from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.known_tables import fold_of_validation
from audiotag.data.layouts.published import PublishedLayout, audio_of, read_split_lists, some_sounds, sounds_in
from audiotag.data.layouts.reading import Findings, clip_table

NAME = "Speech Commands"
LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
NOISE = "_background_noise_"
UTTERANCE = re.compile(r"(.+)_nohash_\d+\.\w+")  # the speaker, as a hash
LICENCE = "CC BY 4.0"


@register_layout("speech-commands")
class SpeechCommands(PublishedLayout):
    """Folders of words beside ``validation_list.txt`` and ``testing_list.txt``; on Kaggle they are in ``train/audio/``.

    The group of a clip is its speaker. ``_background_noise_`` holds long noises to mix in, not a word.
    """

    title = name = NAME
    order = 15
    mark = f"{LISTS['validation']} beside folders of words"
    parts = frozenset({"audio", *LISTS.values()})

    def is_release(self, folder: Path) -> bool:
        """Whether one of the lists is beside folders of sounds, or most sounds are named as in this dataset."""
        if folder.name == "audio" and _has_list(folder.parent):
            return False  # the release is the folder above
        home = _home_of(folder)
        sounds = [sound for sound in some_sounds(audio_of(home), depth=1) if "/" in sound]
        named = sum(_speaker_of(sound) is not pd.NA for sound in sounds)
        return bool(sounds) and (_has_list(home) or 2 * named > len(sounds))

    def read(self, root: Path, options: OpenOptions, findings: Findings) -> list[pd.DataFrame]:
        """All clips of words; those that no list names are for training."""
        home = _home_of(root)
        folder = audio_of(home)
        sounds = [sound for sound in sounds_in(folder, 1, findings) if "/" in sound]
        words = [sound for sound in sounds if not sound.startswith(f"{NOISE}/")]
        lists = {split: home / file for split, file in LISTS.items()}
        splits = read_split_lists(lists, set(words), findings)
        split = pd.Series([splits.get(word, "train") for word in words], dtype="string")
        noises = len(sounds) - len(words)
        ignored = [f"{NOISE} holds {noises} noises to mix in, which are not clips of a word."] if noises else []
        if home != root:
            ignored.append("Only train/ is read: the sounds of the test on Kaggle have no labels.")
        findings.readings.append(
            Reading(
                source="folders",
                columns=("folder 1", "file name"),
                roles={"labels": ("folder 1",), "group": ("file name",)},
                label_format="one label: the name of the folder",
                ignored=tuple(ignored),
            )
        )
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
        return [clips]


def _has_list(folder: Path) -> bool:
    return any((folder / name).is_file() for name in LISTS.values())


def _home_of(root: Path) -> Path:
    """The folder that has the lists: on Kaggle ``train``, beside ``test`` with sounds that have no labels."""
    return root / "train" if _has_list(root / "train") and not _has_list(root) else root


def _speaker_of(clip: str) -> object:
    speaker = UTTERANCE.fullmatch(clip.rpartition("/")[2])
    return speaker[1] if speaker else pd.NA
