"""The sets of benchmarks/noisy.py are what it says: sources apart, so many clips, so many lies, levels in bounds."""

import csv
import importlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audiotag.data.layouts import open_dataset
from audiotag.training.stage import Stage

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
RATE = 44_100


@pytest.fixture
def noisy(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    module = importlib.import_module("noisy")
    monkeypatch.setattr(module, "CLIPS", {"curated": 6, "noisy": 12, "test": 6})
    return module


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


def test_sets_are_whole_and_no_recording_is_heard_in_two_of_them(noisy: Any, recordings: Path, tmp_path: Path) -> None:
    noisy.make_sets(recordings, tmp_path / "sets", seed=1)
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
    noisy: Any, recordings: Path, tmp_path: Path
) -> None:
    for name in ("one", "other"):
        noisy.make_sets(recordings, tmp_path / name, seed=3)
    tables = [(tmp_path / name / "train_noisy.csv").read_bytes() for name in ("one", "other")]
    assert tables[0] == tables[1]
    for clip in open_dataset(tmp_path / "one").subset("curated").itertuples():
        power = np.square(np.abs(np.fft.rfft(soundfile.read(clip.path)[0] * np.hanning(5 * RATE))))
        for label in clip.labels:
            own = [5 * (200 + 50 * number) for number in range(60) if number % 6 == int(label[-1])]
            assert max(power[at - 40 : at + 40].max() for at in own) > power.max() * 10**-1.5


def test_two_fifths_of_the_labels_are_wrong_or_missing(noisy: Any) -> None:
    draw, classes = np.random.default_rng(0), [f"c{number}" for number in range(10)]
    right = listed = missing = 0
    for _ in range(3000):
        true_labels = sorted(draw.choice(classes, 3, replace=False))
        table_labels = noisy._corrupt_labels(true_labels, classes, draw)
        assert table_labels == sorted(set(table_labels))
        assert table_labels
        right += len(set(table_labels) & set(true_labels))
        listed += len(table_labels)
        missing += 3 - len(table_labels)
    assert right / 9000 == pytest.approx(0.6, abs=0.02)
    assert (listed - right) / 9000 == pytest.approx(0.2, abs=0.03)  # one is made up where none would be left
    assert missing / 9000 == pytest.approx(0.2, abs=0.03)


def test_every_way_trains_on_about_as_many_pictures(noisy: Any) -> None:
    from audiotag.training.recipe_files import load_recipe

    monkey_clips = {"curated": 100, "noisy": 400, "test": 200}
    noisy.CLIPS.update(monkey_clips)
    chosen = monkey_clips["noisy"] // 8  # about so many noisy clips are added

    def clips_of(stage: Stage) -> int:
        adds = stage.agreed or stage.agreement
        return stage.draws or monkey_clips[stage.subset] + (chosen if adds else 0)

    for way in noisy.WAYS:
        stages = noisy.stages_of(way, load_recipe("default"), noisy.INPUTS)
        pictures = sum(stage.epochs * clips_of(stage) for stage in stages)
        assert pictures == pytest.approx(noisy.INPUTS, rel=0.02)
