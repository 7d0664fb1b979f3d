"""Datasets without a table of clips, whose file names tell label and source: RAVDESS, CREMA-D, NSynth and others.

Their folders are speakers, splits or nothing, so that folders as labels would be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Dataset, Problem, Reading
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.known_tables import fold_of_validation
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
        The whole name of a file without its suffix, with the folder around it if there is a slash in the pattern. Its
        named groups are ``label`` and perhaps ``source``, the speaker
        or instrument, and ``test``, which only the names of test clips have.
    example : str
        A name, for messages.
    labels : dict[str, str]
        What the codes in the names mean; empty where the label itself is in the name.
    splits : dict[str, str]
        The splits of the folders next to the root.
    """

    name: str
    pattern: re.Pattern[str]
    example: str
    labels: Mapping[str, str] = field(default_factory=dict)
    splits: Mapping[str, str] = field(default_factory=dict)


EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
DATASETS = (
    NamedClips(
        "RAVDESS",
        re.compile(r"0[1-3]-0[12]-(?P<label>0[1-8])-0[12]-0[12]-0[12]-(?P<source>[012]\d)"),
        "03-01-06-01-02-01-12",
        {f"{number:02}": emotion for number, emotion in enumerate(EMOTIONS, start=1)},
    ),
    NamedClips(
        "CREMA-D",
        re.compile(r"(?P<source>1\d{3})_[A-Z]{3}_(?P<label>ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX|X)"),
        "1001_DFA_ANG_XX",
        {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"},
    ),
    NamedClips(
        "TESS",
        re.compile(r"(?P<source>OAF|YAF|OA)_[A-Za-z]+_(?P<label>angry|disgust|fear|happy|neutral|ps|sad)"),
        "OAF_back_angry",
        {"ps": "pleasant_surprise"} | {name: name for name in ("angry", "disgust", "fear", "happy", "neutral", "sad")},
    ),
    NamedClips(
        "SAVEE",
        re.compile(r"(?P<source>DC|JE|JK|KL)_(?P<label>a|d|f|h|n|sa|su)\d\d"),
        "DC_sa01",
        dict(a="anger", d="disgust", f="fear", h="happiness", n="neutral", sa="sadness", su="surprise"),
    ),
    NamedClips(
        "EmoDB",
        re.compile(r"(?P<source>03|08|09|1[0-6])[ab]\d\d(?P<label>[WLEAFTN])[a-g]"),
        "03a01Fa",
        dict(W="anger", L="boredom", E="disgust", A="fear", F="happiness", T="sadness", N="neutral"),
    ),
    NamedClips(  # recordings 0 to 4 of each speaker and digit are for the test
        "Free Spoken Digit Dataset",
        re.compile(r"(?P<label>\d)_(?P<source>george|jackson|lucas|nicolas|theo|yweweler)_((?P<test>[0-4])|\d+)"),
        "7_jackson_12",
    ),
    NamedClips("AudioMNIST", re.compile(r"(?P<source>\d\d)/(?P<label>\d)_(?P=source)_\d{1,2}"), "01/7_01_12"),
    NamedClips(
        "VocalSound",
        re.compile(r"(?P<source>[fm]\d{4})_\d_(?P<label>laughter|sigh|cough|throatclearing|sneeze|sniff)"),
        "f0003_0_cough",
    ),
    NamedClips(
        "NSynth",
        re.compile(
            r"(?P<source>(?P<label>bass|brass|flute|guitar|keyboard|mallet|organ|reed|string|synth_lead|vocal)"
            r"_(acoustic|electronic|synthetic)_\d{3})-\d{3}-\d{3}"
        ),
        "bass_synthetic_068-049-025",
        splits={"nsynth-train": "train", "nsynth-valid": "validation", "nsynth-test": "test"},
    ),
    NamedClips("MUSAN", re.compile(r"(?P<label>music|noise|speech)-[a-z-]+-\d{4}"), "noise-free-sound-0000"),
)


@register_layout("clip-names")
class ClipNames(Layout):
    """Sounds in a folder or up to two folders deeper, most of which are named as in one of `DATASETS`.

    The group of a clip is its speaker or its instrument.
    """

    title = "labels in the names of the files"
    order = 31

    def recognises(self, path: Path) -> bool:
        """Whether more than half of the sounds are named as in one of the datasets."""
        return _dataset_of(some_sounds(path, DEPTH)) is not None

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read the names of the files; sounds that are named otherwise are left out."""
        findings = Findings()
        dataset = _dataset_of(some_sounds(path, DEPTH))
        if dataset is None:
            known = ", ".join(one.name for one in DATASETS[:-1])
            raise AudiotagError(
                f"{path} has no sounds named as in {known} or {DATASETS[-1].name}; choose another layout."
            )
        parsed = {sound: _parse(dataset, sound) for sound in sounds_in(path, DEPTH, findings)}
        names = {sound: name.groupdict() for sound, name in parsed.items() if name}
        for sound in sorted(parsed.keys() - names.keys()):
            reason = f"{sound} is not named like {dataset.example}, so its label is not known; it is left out."
            findings.problems.append(Problem(sound, reason))
        split = pd.Series([_split_of(dataset, sound) for sound in names], dtype="string")
        group = pd.Series([name.get("source") or pd.NA for name in names.values()], dtype="string")
        used = {"labels": True, "group": group.notna().any(), "split": split.notna().any()}
        findings.readings.append(
            Reading(
                source="folders",
                columns=("folder 1", "folder 2", "file name"),
                roles={role: ("file name",) for role, is_used in used.items() if is_used},
                label_format=f"one label: a part of each file name, as in {dataset.name}",
            )
        )
        clips = clip_table(
            clip=list(names),
            path=[path / sound for sound in names],
            subset=["test" if value == "test" else "curated" for value in split.fillna("")],
            labels=[(dataset.labels.get(name["label"], name["label"]),) for name in names.values()],
            fold=fold_of_validation(split),
            group=group,
            split=split,
        )
        return replace(build_dataset(path, [clips], findings), name=dataset.name)


def _dataset_of(sounds: list[str]) -> NamedClips | None:
    """The dataset that more than half of the sounds are named after."""
    for dataset in DATASETS:
        if 2 * sum(_parse(dataset, sound) is not None for sound in sounds) > len(sounds):
            return dataset
    return None


def _parse(dataset: NamedClips, sound: str) -> re.Match[str] | None:
    parts = 2 if "/" in dataset.pattern.pattern else 1
    return dataset.pattern.fullmatch("/".join(sound.rpartition(".")[0].split("/")[-parts:]))


def _split_of(dataset: NamedClips, sound: str) -> object:
    """The split of a sound by its folder or its name; NA if the dataset has no splits."""
    if dataset.splits:
        return dataset.splits.get(sound.partition("/")[0], pd.NA)
    name = _parse(dataset, sound)
    if name is None or "test" not in name.groupdict():
        return pd.NA
    return "test" if name["test"] else "train"
