"""Make the sets of ``noisy.py``: curated, noisy, held-out and test clips that are mixed of real recordings.

A clip is a recording, or a mix of recordings of different classes at random levels; no recording, and no other clip of
its source, is in more than one of the sets. The labels of curated and test clips are exact; each label of a noisy clip
is missing or wrong with a probability of `WRONG_LABEL_SHARE`.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from esc10 import ESC10
from kitchen20 import KITCHEN20, read_table

from audiotag.audio.reading import read_sound
from audiotag.data.layouts import open_dataset

SETS = ("esc10", "kitchen20", "both")
LABELS = ("mixes", "fsd")
CLASSES = {"esc10": 10, "kitchen20": 20, "both": 30}
RATE = 44_100
CLIP_S = 5
CLIPS_OF_TEN_CLASSES = {"curated": 100, "noisy": 400, "test": 200, "held-out": 20}
SHARES = {"curated": 0.2, "noisy": 0.4, "held-out": 0.1, "test": 0.3}  # of each class's recordings
WRONG_LABEL_SHARE = 0.4
MIN_LEVEL_DB = -12.0  # of the quieter recordings of a clip, relative to the loudest
HELD_OUT = 1  # the fold that is scored; measuring its epochs needs a few clips
OTHER_FOLDS = (2, 3, 4, 5)  # of the other clips; only the way warm-up trains these folds, to choose noisy clips
# Shares of clips with a single label in the tables of FSDKaggle2019; the others have two here, and more there.
FSD_SINGLE = {"train_curated": 0.86, "train_noisy": 0.84, "test": 0.71}


@dataclass(frozen=True)
class NoisySets:
    """What the sets of a seed are made of.

    Attributes
    ----------
    recordings : "esc10", "kitchen20" or "both"
    labels : "mixes" or "fsd"
        Whether each clip has two or three labels, or one or two as in Freesound Audio Tagging 2019.
    counts : dict
        Clips of each set; by default so many per class as the sets of ESC-10 have.
    """

    recordings: str = "esc10"
    labels: str = "mixes"
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.counts:
            tens = CLASSES[self.recordings] // 10
            object.__setattr__(self, "counts", {name: tens * count for name, count in CLIPS_OF_TEN_CLASSES.items()})

    @property
    def name(self) -> str:
        """Of files and folders; empty for the sets that came first."""
        return "" if (self.recordings, self.labels) == (SETS[0], LABELS[0]) else f"{self.recordings}-{self.labels}"

    def count_labels(self, subset: str, rng: np.random.Generator) -> int:
        """Draw how many recordings the next clip is mixed of.

        Noisy clips lose labels, so fewer of them are made with one label than have one in the end.
        """
        if self.labels == "mixes":
            return int(rng.integers(2, 4))
        share = FSD_SINGLE[subset]
        if subset == "train_noisy":
            dropped = WRONG_LABEL_SHARE / 2
            becomes_single = 1 - (1 - dropped) ** 2  # of two labels at least one is dropped
            share = (share - becomes_single) / (1 - becomes_single)
        return 1 if rng.random() < share else 2


def read_recordings(recordings: str, esc10: Path = ESC10, kitchen20: Path = KITCHEN20) -> pd.DataFrame:
    """One row per recording: ``path``, ``label`` and ``group``, its source.

    Numbers of sources are those of Freesound in both datasets, so equal ones are one source.
    """
    parts = []
    if recordings in ("esc10", "both"):
        clips = open_dataset(esc10).clips
        labels = [labels[0].replace(" ", "_") for labels in clips["labels"]]
        parts.append(clips[["path", "group"]].assign(label=labels))
    if recordings in ("kitchen20", "both"):
        table = read_table(kitchen20)
        paths = [kitchen20 / path for path in table["path"]]
        parts.append(pd.DataFrame({"path": paths, "group": table["usr_id"], "label": table["category"]}))
    return pd.concat(parts, ignore_index=True)


def make_sets(recordings: pd.DataFrame, folder: Path, seed: int, sets: NoisySets) -> None:
    """Write the sets in the layout of Freesound Audio Tagging 2019; the noisy table is written last.

    Parameters
    ----------
    recordings : pandas.DataFrame
        As `read_recordings`.
    folder : Path
    seed : int
    sets : NoisySets
    """
    if (folder / "train_noisy.csv").exists():
        return
    sounds = [_at_common_level(read_sound(path, RATE).waveform) for path in recordings["path"]]
    labels, classes = recordings["label"].to_numpy(), sorted(set(recordings["label"]))
    rng = np.random.default_rng((2019, seed))
    pools = split_recordings(recordings, rng)
    rows: dict[str, list[tuple[str, str, int]]] = {"test": [], "train_curated": [], "train_noisy": []}
    wanted = [
        ("test", "test", (HELD_OUT,)),
        ("curated", "train_curated", OTHER_FOLDS),
        ("held-out", "train_curated", (HELD_OUT,)),
        ("noisy", "train_noisy", OTHER_FOLDS),
        ("held-out", "train_noisy", (HELD_OUT,)),
    ]
    for pool, subset, folds in wanted:
        (folder / subset).mkdir(parents=True, exist_ok=True)
        for number in range(sets.counts[pool]):
            waveform, clip_labels = _mix(pools[pool], labels, sounds, sets, subset, rng)
            if subset == "train_noisy":
                clip_labels = corrupt_labels(clip_labels, classes, rng)
            name = f"{pool}-{number:03}.wav"
            soundfile.write(folder / subset / name, waveform, RATE)
            rows[subset].append((name, ",".join(clip_labels), folds[number % len(folds)]))
    for subset, lines in rows.items():
        table = "test_truth.csv" if subset == "test" else f"{subset}.csv"
        with (folder / table).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("fname", "labels", "fold"), *lines])


def split_recordings(recordings: pd.DataFrame, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Rows of each set's recordings; clips of one source stay together, and each class is split in the same shares.

    A source with several classes is in the set that it came to with the first of them; the other sources of a class
    fill the sets up to their shares.
    """
    set_of: dict[str, str] = {}
    for _, of_class in recordings.groupby("label", sort=True):
        sources = rng.permutation(of_class["group"].unique())
        ends = np.round(np.cumsum(list(SHARES.values())) * len(sources)).astype(int)
        places = [name for name, count in zip(SHARES, np.diff([0, *ends]), strict=True) for _ in range(count)]
        for source in sources:
            if (taken := set_of.get(source)) in places:
                places.remove(taken)
        for source in sources:
            if source not in set_of:
                set_of[source] = places.pop(0)
    sets = recordings["group"].map(set_of)
    rows = {name: recordings.index[sets == name].to_numpy() for name in SHARES}
    order = recordings["label"].to_numpy()
    return {name: numbers[np.argsort(order[numbers], kind="stable")] for name, numbers in rows.items()}


def _mix(
    pool: np.ndarray,
    labels: np.ndarray,
    sounds: Sequence[np.ndarray],
    sets: NoisySets,
    subset: str,
    rng: np.random.Generator,
) -> tuple[np.ndarray, list[str]]:
    """Mix recordings of different classes, rotated in time, all but the first up to 12 dB softer than it."""
    classes = rng.permutation(np.unique(labels[pool]))[: sets.count_labels(subset, rng)]
    waveform = np.zeros(CLIP_S * RATE, dtype=np.float32)
    for number, label in enumerate(classes):
        sound = sounds[rng.choice(pool[labels[pool] == label])]
        gain_db = rng.uniform(MIN_LEVEL_DB, 0) if number else 0.0
        waveform += np.roll(sound, rng.integers(len(sound))) * np.float32(10 ** (gain_db / 20))
    return waveform * np.float32(0.5 / max(np.abs(waveform).max(), 1e-9)), sorted(classes)


def _at_common_level(sound: np.ndarray) -> np.ndarray:
    """Five seconds whose loudest tenth of a second has −20 dBFS."""
    sound = np.resize(sound, CLIP_S * RATE)
    tenths = np.square(sound.reshape(-1, RATE // 10)).mean(axis=1)
    return (sound * (0.1 / max(np.sqrt(tenths.max()), 1e-9))).astype(np.float32)


def corrupt_labels(labels: Sequence[str], classes: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Drop each label, or replace it by a wrong one, with a probability of `WRONG_LABEL_SHARE`; one label is left."""
    corrupted: list[str] = []
    for label in labels:
        if rng.random() >= WRONG_LABEL_SHARE:
            corrupted.append(label)
        elif rng.random() < 0.5:
            wrong = [other for other in classes if other not in (*labels, *corrupted)]
            corrupted.append(str(rng.choice(wrong)))
    return sorted(corrupted) or [str(rng.choice([other for other in classes if other not in labels]))]
