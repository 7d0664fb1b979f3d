"""Datasets without a table, whose file names tell label and speaker: RAVDESS, CREMA-D, TESS, SAVEE, EmoDB and others.

Their folders are speakers, sessions or nothing, so that folders as labels would be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Dataset, Problem, Reading
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.published import some_sounds, sounds_in
from audiotag.data.layouts.reading import Findings, build_dataset, clip_table
from audiotag.errors import AudiotagError

DEPTH = 2  # RAVDESS: Audio_Speech_Actors_01-24/Actor_01/03-01-01-01-01-01-01.wav


@dataclass(frozen=True)
class NamedClips:
    """A dataset whose clips have speaking names.

    Attributes
    ----------
    name : str
    pattern : re.Pattern
        The whole name of a file without its suffix, with the groups ``label``, ``speaker`` and perhaps ``test``, which
        is not empty in the names of test clips.
    labels : dict[str, str]
        What the codes in the names mean; empty where the label itself is in the name.
    example : str
        A name, for messages.
    """

    name: str
    pattern: re.Pattern[str]
    example: str
    labels: Mapping[str, str] = field(default_factory=dict)


EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
DATASETS = (
    NamedClips(
        "RAVDESS",
        re.compile(r"0[1-3]-0[12]-(?P<label>0[1-8])-0[12]-0[12]-0[12]-(?P<speaker>[012]\d)"),
        "03-01-06-01-02-01-12",
        {f"{number:02}": emotion for number, emotion in enumerate(EMOTIONS, start=1)},
    ),
    NamedClips(
        "CREMA-D",
        re.compile(r"(?P<speaker>1\d{3})_[A-Z]{3}_(?P<label>ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX|X)"),
        "1001_DFA_ANG_XX",
        {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"},
    ),
    NamedClips(
        "TESS",
        re.compile(r"(?P<speaker>OAF|YAF|OA)_[A-Za-z]+_(?P<label>angry|disgust|fear|happy|neutral|ps|sad)"),
        "OAF_back_angry",
        {"ps": "pleasant_surprise"} | {name: name for name in ("angry", "disgust", "fear", "happy", "neutral", "sad")},
    ),
    NamedClips(
        "SAVEE",
        re.compile(r"(?P<speaker>DC|JE|JK|KL)_(?P<label>a|d|f|h|n|sa|su)\d\d"),
        "DC_sa01",
        dict(a="anger", d="disgust", f="fear", h="happiness", n="neutral", sa="sadness", su="surprise"),
    ),
    NamedClips(
        "EmoDB",
        re.compile(r"(?P<speaker>[01]\d)[ab]\d\d(?P<label>[WLEAFTN])[a-g]"),
        "03a01Fa",
        dict(W="anger", L="boredom", E="disgust", A="fear", F="happiness", T="sadness", N="neutral"),
    ),
    NamedClips(  # recordings 0 to 4 of each speaker and digit are for the test
        "Free Spoken Digit Dataset",
        re.compile(r"(?P<label>\d)_(?P<speaker>george|jackson|lucas|nicolas|theo|yweweler)_((?P<test>[0-4])|\d+)"),
        "7_jackson_12",
    ),
    NamedClips("AudioMNIST", re.compile(r"(?P<label>\d)_(?P<speaker>\d\d)_\d{1,2}"), "7_01_12"),
    NamedClips(
        "VocalSound",
        re.compile(r"(?P<speaker>[fm]\d{4})_\d_(?P<label>laughter|sigh|cough|throatclearing|sneeze|sniff)"),
        "f0003_0_cough",
    ),
)


@register_layout("clip-names")
class ClipNames(Layout):
    """Sounds in a folder or up to two folders deeper, most of which are named as in one of `DATASETS`.

    The group of a clip is its speaker.
    """

    title = "labels in the names of the files"
    order = 30
    looks_for = f"sounds named as in {', '.join(dataset.name for dataset in DATASETS[:-1])} or {DATASETS[-1].name}"

    def recognises(self, path: Path) -> bool:
        """Whether more than half of the sounds are named as in one of the datasets."""
        return _dataset_of(some_sounds(path, DEPTH)) is not None

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read the names of the files; sounds that are named otherwise are left out."""
        findings = Findings()
        sounds = sounds_in(path, DEPTH, findings)
        dataset = _dataset_of(sounds)
        if dataset is None:
            raise AudiotagError(f"{path} has no {self.looks_for}; choose another layout.")
        parsed = {sound: _parse(dataset, sound) for sound in sounds}
        names = {sound: name.groupdict() for sound, name in parsed.items() if name}
        for sound in sorted(parsed.keys() - names.keys()):
            reason = f"{sound} is not named like {dataset.example}, so its label is not known; it is left out."
            findings.problems.append(Problem(sound, reason))
        splits = ["test" if name.get("test") else "train" for name in names.values()]
        has_test = "test" in splits
        findings.readings.append(
            Reading(
                source="folders",
                columns=("file name",),
                roles={role: ("file name",) for role in ("labels", "group", *(["split"] if has_test else []))},
                label_format=f"one label: a part of each file name, as in {dataset.name}",
            )
        )
        clips = clip_table(
            clip=list(names),
            path=[path / sound for sound in names],
            subset=["test" if split == "test" else "curated" for split in splits],
            labels=[(dataset.labels.get(name["label"], name["label"]),) for name in names.values()],
            group=[name["speaker"] for name in names.values()],
            split=splits if has_test else pd.NA,
        )
        return replace(build_dataset(path, [clips], findings), name=dataset.name)


def _dataset_of(sounds: list[str]) -> NamedClips | None:
    """The dataset that more than half of the sounds are named after."""
    for dataset in DATASETS:
        if 2 * sum(_parse(dataset, sound) is not None for sound in sounds) > len(sounds):
            return dataset
    return None


def _parse(dataset: NamedClips, sound: str) -> re.Match[str] | None:
    return dataset.pattern.fullmatch(sound.rpartition("/")[2].rpartition(".")[0])
