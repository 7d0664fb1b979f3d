"""The sets of benchmarks/noisy.py are what it says: sources apart, so many clips, so many lies, levels in bounds."""

import csv
import importlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiotag.data.layouts import open_dataset
from audiotag.training.stage import Stage

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
RATE = 44_100


FEW = {"curated": 6, "noisy": 12, "test": 6, "held-out": 20}


@pytest.fixture
def sets(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("noisy_sets")


@pytest.fixture
def noisy(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("noisy")


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Six classes of ten recordings, each a tone of its own, two takes a source."""
    folder = tmp_path / "recordings"
    (folder / "audio").mkdir(parents=True)
    rows = [("fname", "label", "fold", "source_id")]
    for number in range(60):
        time_s = np.arange(2 * RATE) / RATE
        name = f"{number:02}.wav"
        soundfile.write(folder / "audio" / name, 0.3 * np.sin(2 * np.pi * (200 + 50 * number) * time_s), RATE)
        rows.append((name, f"Class {number % 6}", str(1 + number % 5), str(number // 12 * 6 + number % 6)))
    with (folder / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def make(sets: Any, recordings: Path, folder: Path, seed: int, labels: str = "mixes") -> None:
    sets.make_sets(sets.read_recordings("esc10", recordings), folder, seed, sets.NoisySets("esc10", labels, FEW))


def test_sets_are_whole_and_no_recording_is_heard_in_two_of_them(sets: Any, recordings: Path, tmp_path: Path) -> None:
    make(sets, recordings, tmp_path / "sets", seed=1)
    dataset = open_dataset(tmp_path / "sets")
    clips = dataset.clips
    assert (clips["subset"] == "test").sum() == 6
    counts = clips[clips["subset"] != "test"].groupby(["subset", "fold"]).size().to_dict()
    made = {"curated": (20, 2, 2, 1, 1), "noisy": (20, 3, 3, 3, 3)}
    assert counts == {(subset, fold): n for subset, of_folds in made.items() for fold, n in enumerate(of_folds, 1)}
    assert not dataset.problems
    tones_of_set: dict[str, set[int]] = {}
    for path in clips["path"]:
        waveform, rate = soundfile.read(path)
        assert rate == RATE
        assert len(waveform) == 5 * RATE
        assert np.abs(waveform).max() == pytest.approx(0.5, abs=1e-3)  # full scale is far
        power = np.square(np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)))))
        tones = [int(np.argmax(power[5 * at - 40 : 5 * at + 40])) + 5 * at - 40 for at in range(200, 3200, 50)]
        loud = {at for at, bin_ in enumerate(tones) if power[bin_] > power.max() * 10**-1.5}
        assert 2 <= len(loud) <= 3
        tones_of_set.setdefault(path.name.rsplit("-", 1)[0], set()).update(loud)
    assert tones_of_set.keys() == {"curated", "noisy", "held-out", "test"}
    for one, other in itertools.combinations(tones_of_set, 2):
        assert not tones_of_set[one] & tones_of_set[other]


def test_labels_of_curated_clips_are_what_is_heard_and_the_same_seed_makes_the_same(
    sets: Any, recordings: Path, tmp_path: Path
) -> None:
    for name in ("one", "other"):
        make(sets, recordings, tmp_path / name, seed=3)
    tables = [(tmp_path / name / "train_noisy.csv").read_bytes() for name in ("one", "other")]
    assert tables[0] == tables[1]
    for clip in open_dataset(tmp_path / "one").subset("curated").itertuples():
        power = np.square(np.abs(np.fft.rfft(soundfile.read(clip.path)[0] * np.hanning(5 * RATE))))
        for label in clip.labels:
            own = [5 * (200 + 50 * number) for number in range(60) if number % 6 == int(label[-1])]
            assert max(power[at - 40 : at + 40].max() for at in own) > power.max() * 10**-1.5


def test_two_fifths_of_the_labels_are_wrong_or_missing(sets: Any) -> None:
    draw, classes = np.random.default_rng(0), [f"c{number}" for number in range(10)]
    right = listed = missing = 0
    for _ in range(3000):
        true_labels = sorted(draw.choice(classes, 3, replace=False))
        table_labels = sets.corrupt_labels(true_labels, classes, draw)
        assert table_labels == sorted(set(table_labels))
        assert table_labels
        right += len(set(table_labels) & set(true_labels))
        listed += len(table_labels)
        missing += 3 - len(table_labels)
    assert right / 9000 == pytest.approx(0.6, abs=0.02)
    assert (listed - right) / 9000 == pytest.approx(0.2, abs=0.03)  # one is made up where none would be left
    assert missing / 9000 == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("recordings_of", ["esc10", "kitchen20", "both"])
def test_every_way_trains_on_about_as_many_network_inputs(noisy: Any, sets: Any, recordings_of: str) -> None:
    from audiotag.training.recipe_files import load_recipe

    counts = sets.NoisySets(recordings_of).counts
    inputs = 120 * counts["curated"]
    chosen = counts["noisy"] // 8  # about so many noisy clips are added

    def clips_of(stage: Stage) -> int:
        adds = stage.agreed or stage.agreement
        return stage.draws or max(stage.min_clips, counts[stage.subset] + (chosen if adds else 0))

    for way in noisy.WAYS:
        stages = noisy.stages_of(way, load_recipe("default"), inputs, counts)
        assert sum(stage.epochs * clips_of(stage) for stage in stages) == pytest.approx(inputs, rel=0.02)


def test_as_many_noisy_clips_have_one_label_as_in_fsdkaggle2019(sets: Any) -> None:
    rng, classes = np.random.default_rng(0), [f"c{number}" for number in range(20)]
    made = sets.NoisySets("kitchen20", "fsd")
    counts = [made.count_labels("train_noisy", rng) for _ in range(5000)]
    assert set(counts) == {1, 2}
    in_table = [len(sets.corrupt_labels(classes[:count], classes, rng)) for count in counts]
    assert np.mean(np.equal(in_table, 1)) == pytest.approx(0.84, abs=0.02)
    exact = [made.count_labels("train_curated", rng) for _ in range(5000)]
    assert np.mean(np.equal(exact, 1)) == pytest.approx(0.86, abs=0.02)


def test_a_source_with_several_classes_is_in_one_set_and_every_class_in_each(sets: Any) -> None:
    rng = np.random.default_rng(5)
    rows = [(f"class {number % 8}", f"source {number // 3}") for number in range(24 * 8)]  # three classes per source
    rows += [(f"class {number}", f"own {number}-{copy}") for number in range(8) for copy in range(20)]
    recordings = pd.DataFrame(rows, columns=["label", "group"])
    split = sets.split_recordings(recordings, rng)
    assert sorted(np.concatenate(list(split.values()))) == list(range(len(recordings)))
    for one, other in itertools.combinations(split.values(), 2):
        assert not set(recordings["group"][one]) & set(recordings["group"][other])
    for name, share in sets.SHARES.items():
        classes = recordings["label"][split[name]].value_counts()
        assert len(classes) == 8
        assert classes.to_numpy() == pytest.approx(44 * share, abs=6)


def test_clips_of_one_sound_have_one_label_and_one_tone(sets: Any, recordings: Path, tmp_path: Path) -> None:
    make(sets, recordings, tmp_path / "sets", seed=2, labels="fsd")
    clips = open_dataset(tmp_path / "sets").subset("test")
    assert {len(labels) for labels in clips["labels"]} <= {1, 2}
    for clip in clips.itertuples():
        power = np.square(np.abs(np.fft.rfft(soundfile.read(clip.path)[0] * np.hanning(5 * RATE))))
        peaks = [power[5 * at - 40 : 5 * at + 40].max() for at in range(200, 3200, 50)]
        assert sum(peak > power.max() * 10**-1.5 for peak in peaks) == len(clip.labels)


def test_results_of_other_sets_are_kept_apart_and_old_ones_are_of_the_first_sets(
    noisy: Any, sets: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audiotag.training.recipe_files import load_recipe

    monkeypatch.setattr(noisy, "FILE", tmp_path / "noisy.jsonl")
    base, first = load_recipe("quick"), sets.NoisySets()
    recipe = noisy.recipe_of("curated", base, 1200, first)
    old = noisy.key_of("curated", base, recipe, 1200, first)
    old = {name: value for name, value in old.items() if name not in ("set", "labels")}  # as they were written
    noisy.record(noisy.FILE, old)
    for made in (first, sets.NoisySets("kitchen20"), sets.NoisySets("esc10", "fsd")):
        key = noisy.key_of("curated", base, noisy.recipe_of("curated", base, 1200, made), 1200, made)
        assert noisy.is_recorded(noisy.FILE, key, noisy.DEFAULTS) == (made is first)
        assert len(noisy.rows_of(made)) == (made is first)


def test_a_blend_is_compared_with_two_networks_on_curated_clips(
    noisy: Any, sets: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noisy, "RESULTS", tmp_path)
    monkeypatch.setattr(noisy, "FILE", tmp_path / "noisy.jsonl")
    made, rng = sets.NoisySets("both", "fsd"), np.random.default_rng(6)
    truth = np.eye(5, dtype=bool)[np.arange(100) % 5]
    scores_of = {}
    for way in ("curated", "curated-again", "noisy"):
        scores_of[way] = (rng.normal(size=truth.shape) + truth).astype(np.float32)
        path = noisy.scores_path(made, "default", way, 1, 1200)
        path.parent.mkdir(exist_ok=True)
        np.savez_compressed(path, truth=truth, scores=scores_of[way])
    values = {"sets": noisy.VERSION, "set": "both", "labels": "fsd", "recipe": "default", "way": "noisy"}
    noisy.record(noisy.FILE, values)
    lines = noisy.pairs_table(made, [1], 1200).splitlines()
    two, blend = (
        noisy.lwlrap(truth, (scores_of["curated"] + scores_of[other]) / 2) for other in ("curated-again", "noisy")
    )
    (line,) = [line for line in lines if "default, curated and default, noisy |" in line]
    assert f"| {blend:.3f} | {blend - two:+.3f} |" in line
    alone = noisy.lwlrap(truth, scores_of["noisy"]) - noisy.lwlrap(truth, scores_of["curated"])
    assert any(line.startswith("| default, noisy |") and f"| {alone:+.3f} |" in line for line in lines)
