"""Names of known families give their recordings; labels, counters and names without structure give no groups."""

import random
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from audiotag.data.name_fields import split_names
from audiotag.data.name_groups import NameGroups, find_name_groups

ANIMALS = ("dog", "cat", "bird", "cow", "pig", "hen")
BASE64 = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


def found(names: Sequence[str], labels: Sequence[str] | None = None) -> NameGroups:
    """The groups of these names; without labels, labels say nothing about them."""
    if labels is None:
        rng = random.Random(0)
        labels = [rng.choice(ANIMALS) for _ in names]
    return find_name_groups(pd.DataFrame({"clip": list(names), "labels": [(label,) for label in labels]}))


def identifiers(count: int) -> list[int]:
    return sorted(random.Random(1).sample(range(10_000, 260_000), count))


FAMILIES: dict[str, tuple[list[str], Callable[[str], str]]] = {
    "ESC-50": (
        [f"{1 + n % 5}-{i}-{take}-{n % 50}.wav" for n, i in enumerate(identifiers(60)) for take in "ABC"[: 1 + n % 3]],
        lambda name: name.split("-")[1],
    ),
    "an identifier in several folds": (
        [f"fold{1 + n % 3}/{1 + n % 3}-{i}-{'ABC'[n]}.wav" for i in identifiers(60) for n in range(3)],
        lambda name: name.split("-")[1],
    ),
    "UrbanSound8K": (
        [f"fold{1 + i % 10}/{i}-{c}-{o}-{97 * o}.wav" for i in identifiers(40) for c in (1, 5) for o in (0, 1)],
        lambda name: name.split("/")[1].split("-")[0],
    ),
    "counted recordings": (
        [f"rec{a:02}_{b:03}.wav" for a in range(20) for b in range(1, 9)],
        lambda name: name[:5],
    ),
    "counted recordings with a word": (
        [f"session_{a:02}_clip_{b}.wav" for a in range(20) for b in range(8)],
        lambda name: name[:10].replace("_", "-"),
    ),
    "training and test folders": (
        [f"{('train', 'test')[b % 2]}/rec{a:02}_{b:03}.wav" for a in range(20) for b in range(8)],
        lambda name: name.split("/")[1][:5],
    ),
    "a folder per recording": (
        [f"audio/mic3_{a:03}/{b:03}.wav" for a in range(20) for b in range(8)],
        lambda name: name[6:14].replace("_", "-"),
    ),
    "offsets in milliseconds": (
        [f"rec{a:02}_{10_000 * b:07}.wav" for a in range(20) for b in range(8)],
        lambda name: name[:5],
    ),
    "date and site": (
        [f"2021-05-{d:02}_site{s}_{b:04}.wav" for d in range(1, 6) for s in range(4) for b in range(9)],
        lambda name: name[:16].replace("_", "-"),
    ),
    "AudioMoth, a day": (
        [f"202105{d:02}_{h:02}{m:02}00.WAV" for d in range(1, 9) for h in range(4, 9) for m in (0, 10, 20)],
        lambda name: name[:8],
    ),
    "AudioMoth, a day of each recorder": (
        [f"AM{a:02}_202105{d:02}_{h:02}0000.WAV" for a in range(4) for d in range(1, 4) for h in range(4, 9)],
        lambda name: name[:13].replace("_", "-"),
    ),
    "AudioMoth, cut": (
        [f"202105{d:02}_{h:02}0000_{c:03}.WAV" for d in range(1, 4) for h in range(4, 9) for c in range(6)],
        lambda name: name[:15].replace("_", "-"),
    ),
    "xeno-canto": (
        [f"XC{i}_{part}.ogg" for i in identifiers(50) for part in range(3)],
        lambda name: name.split("_")[0],
    ),
    "augmented copies": (
        [f"{number:05}_aug{copy}.wav" for number in range(60) for copy in range(3)],
        lambda name: name[:5],
    ),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_names_of_a_family_give_its_recordings(family: str) -> None:
    names, recording = FAMILIES[family]
    groups = found(names)
    assert groups.keys.tolist() == list(map(recording, names))
    (pattern,) = groups.patterns
    assert (pattern.recording, pattern.clips) == (recording(pattern.example), len(names))


def test_videos_are_known_by_their_identifier_although_it_may_have_dashes() -> None:
    rng = random.Random(2)
    videos = ["-0xzrMun0Rs", *("".join(rng.choices(BASE64, k=11)) for _ in range(79))]
    names = [f"{video}_{start}.000.wav" for video in videos for start in (30, 40)]
    assert found(names).keys.tolist() == [name[:11] for name in names]


@pytest.mark.parametrize("pattern", ["{label}_{n:03}.wav", "{label}/{n:03}.wav", "{label}s-{n}.wav"])
def test_labels_before_a_counter_are_no_recordings(pattern: str) -> None:
    names = [pattern.format(label=label, n=n) for label in ANIMALS for n in range(30)]
    assert found(names, [name.split("_")[0].split("/")[0].split("-")[0] for name in names]).patterns == ()


def test_words_before_a_counter_are_no_recordings_where_labels_do_not_tell() -> None:
    names = [f"{label}_{n:03}.wav" for label in ANIMALS for n in range(30)]
    assert found(names, ["animal"] * len(names)).patterns == ()
    no_labels = pd.DataFrame({"clip": names, "labels": [()] * len(names)})
    assert find_name_groups(no_labels).patterns == ()


def test_words_that_have_clips_of_several_labels_are_places() -> None:
    names = [f"{place}_{n:03}.wav" for place in ("Mill", "Harbour", "Forest", "Beach", "Yard") for n in range(20)]
    assert found(names).keys.tolist() == [name.split("_")[0] for name in names]


def test_recordings_that_are_counted_in_each_label_stay_apart() -> None:
    names = [f"{label}_rec{a:02}_{b}.wav" for label in ANIMALS for a in range(5) for b in range(4)]
    groups = found(names, [name.split("_")[0] for name in names])
    assert groups.keys.tolist() == ["-".join(name.split("_")[:2]) for name in names]


WITHOUT_STRUCTURE: dict[str, Callable[[np.random.Generator], str]] = {
    "numbers": lambda rng: f"{rng.integers(1_000_000)}.wav",
    "hexadecimal numbers": lambda rng: f"{rng.integers(16**8):08x}.wav",
    "two numbers": lambda rng: f"{rng.integers(1000)}_{rng.integers(1000)}.wav",
    "a number and a digit": lambda rng: f"{rng.integers(1000):03}_{rng.integers(10)}.wav",
    "two hexadecimal numbers": lambda rng: f"{rng.integers(16**4):04x}-{rng.integers(16**4):04x}.wav",
    "a word and a number": lambda rng: f"{rng.choice(['fox', 'elm', 'sea', 'sky', 'red'])}_{rng.integers(9999)}.wav",
    "two words": lambda rng: f"{rng.choice(list('abcdefgh'))}oak {rng.choice(list('abcdefgh'))}elm.wav",
    "UUIDs": lambda rng: "-".join(f"{rng.integers(16**k):0{k}x}" for k in (8, 4, 4, 4, 12)) + ".wav",
    "folders and numbers": lambda rng: f"{rng.choice(ANIMALS)}/{rng.integers(100_000)}.wav",
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", WITHOUT_STRUCTURE)
def test_names_without_structure_give_no_groups(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = list({WITHOUT_STRUCTURE[kind](rng) for _ in range(600)})
    assert found(names).patterns == ()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("family", ["counted recordings", "xeno-canto", "date and site"])
def test_the_groups_do_not_depend_on_the_order_of_the_clips(family: str, seed: int) -> None:
    names, recording = FAMILIES[family]
    shuffled = random.Random(seed).sample(names, len(names))
    assert found(shuffled).keys.tolist() == list(map(recording, shuffled))


def test_one_counter_and_few_clips_give_no_groups() -> None:
    assert found([f"sound_{n:04}.wav" for n in range(300)]).patterns == ()
    assert found(["rec1_1.wav", "rec1_2.wav", "rec2_1.wav", "rec2_2.wav"]).patterns == ()
    assert find_name_groups(pd.DataFrame({"clip": [], "labels": []})).patterns == ()


def test_codes_of_many_short_numbers_are_no_recordings() -> None:
    names = [f"03-01-0{e}-0{i}-0{s}-{a:02}.wav" for e in range(1, 9) for i in (1, 2) for s in (1, 2) for a in range(24)]
    assert found(names).patterns == ()


def test_names_of_other_shapes_have_no_recording() -> None:
    names = FAMILIES["counted recordings"][0]
    others = ["bark.wav", "hum 2.wav", "Übung.wav", ".wav", "a\ufffd.wav"]
    groups = found([*names, *others])
    assert groups.keys.isna().tolist() == [False] * len(names) + [True] * len(others)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("audio/1-12345-A-0.wav", "number number letter number"),
        ("site4/20210503_060000_3.wav", "mixed date time number"),
        ("20211503_0001.wav", "number number"),  # there is no month 15
        ("train/fold1/x.wav", "letter"),
        ("", ""),
    ],
)
def test_kinds_of_fields(name: str, fields: str) -> None:
    kinds = [field.kind for field in split_names([name])[0]]
    assert kinds == fields.split()
