"""The figures of each step of an ensemble are those of tagging with its settings, on held-out clips only."""

import argparse
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from audiotag.cli.ablation import add_ablation
from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.metrics import accuracy, lwlrap, multi_hot
from audiotag.tagging import ablation_measurement
from audiotag.tagging.ablation import FILE, Ablation, read_ablation, write_ablation
from audiotag.tagging.ablation_measurement import measure_ablation
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.out_of_fold import FILE as OUT_OF_FOLD
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger

LABELS = ("Bark", "Bell", "Hiss")
TEST = {"a.wav": "Bark", "b.wav": "Bell", "c.wav": "Hiss", "d.wav": '"Bark,Hiss"', "e.wav": "Bell", "f.wav": "Hiss"}
CURATED = {"k.wav": "Bark", "l.wav": "Bell"}
STEPS = {  # the settings of a row, and the row that it is compared with
    "all folds, arithmetic mean": (TagSettings(), "one fold"),
    "geometric mean": (TagSettings(combine="geometric"), "all folds, arithmetic mean"),
    "weighted": (TagSettings(combine="weighted"), "all folds, arithmetic mean"),
    "with test-time augmentation": (TagSettings(tta=True), "all folds, arithmetic mean"),
    "geometric mean with test-time augmentation": (TagSettings(combine="geometric", tta=True), "geometric mean"),
}


@pytest.fixture(scope="module", autouse=True)
def _few_timed_clips_by_the_reference() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ablation_measurement, "MAX_TIMED_CLIPS", 2)
        patched.setenv("AUDIOTAG_ENGINE", "torch")
        yield


def write_clips(folder: Path, write_wav: Callable[..., Path], test: dict[str, str]) -> Path:
    """Tones, sweeps and noise of 0.4 to 2.5 s in the competition's layout."""
    rng = np.random.default_rng(7)
    for subset, truth, clips in (("train_curated", "train_curated", CURATED), ("test", "test_truth", test)):
        for name in clips:
            time_s = np.arange(round(rng.uniform(0.4, 2.5) * 44_100)) / 44_100
            sweep = np.sin(2 * np.pi * rng.uniform(100, 3000) * (time_s + rng.uniform(0, 0.5) * time_s**2))
            noise = rng.normal(size=len(time_s)) / 4
            write_wav(folder / subset / name, (rng.uniform(0, 0.6) * sweep + rng.uniform(0, 0.4) * noise).clip(-1, 1))
        rows = "".join(f"{name},{labels}\n" for name, labels in clips.items())
        (folder / f"{truth}.csv").write_text(f"fname,labels\n{rows}")
    return folder


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory, write_wav: Callable[..., Path]) -> Path:
    return write_clips(tmp_path_factory.mktemp("ablation") / "sounds", write_wav, TEST)


@pytest.fixture
def broken_sounds(tmp_path: Path, write_wav: Callable[..., Path]) -> Path:
    """Three test clips, one of which cannot be read."""
    folder = write_clips(tmp_path / "broken", write_wav, {name: TEST[name] for name in ("a.wav", "b.wav", "c.wav")})
    (folder / "test" / "c.wav").write_text("no sound")
    return folder


@pytest.fixture
def dataset(sounds: Path) -> Dataset:
    return open_dataset(sounds)


@pytest.fixture(scope="module")
def weighable(tiny_ensemble: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny ensemble with out-of-fold scores, in which the first fold is the better one."""
    folder = shutil.copytree(tiny_ensemble, tmp_path_factory.mktemp("weighable") / "tiny")
    rng = np.random.default_rng(3)
    targets = np.eye(3, dtype=np.float32)[rng.integers(3, size=40)]
    folds = np.repeat([1, 2], 20)
    scores = np.clip(np.where(folds == 1, 0.6, 0.1)[:, None] * targets + rng.uniform(0.05, 0.3, (40, 3)), 0, 1)
    content = OutOfFold(scores.astype(np.float32), targets, folds).to_bytes()
    (folder / OUT_OF_FOLD).write_bytes(content)
    change(folder, out_of_fold=hashlib.sha256(content).hexdigest())
    return folder


@pytest.fixture
def ensemble(weighable: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(weighable, tmp_path / "ensembles" / "tiny")


class Measured(NamedTuple):
    ablation: Ablation
    progress: list[tuple[int, int]]


@pytest.fixture(scope="module")
def measured(weighable: Path, sounds: Path) -> Measured:
    """An ablation of the test clips, measured once."""
    calls: list[tuple[int, int]] = []
    ablation = measure_ablation(
        weighable, open_dataset(sounds), progress=lambda done, total: calls.append((done, total))
    )
    return Measured(ablation, calls)


def change(folder: Path, **values: object) -> None:
    """Other values on an ensemble's card."""
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | values))


def figures_of(folder: Path, settings: TagSettings, sounds: Path, test: dict[str, str]) -> tuple[float, float]:
    """lwlrap and accuracy of the ensemble's tags, clip by clip."""
    tagger = Tagger(folder, settings)
    target = multi_hot([tuple(labels.strip('"').split(",")) for labels in test.values()], LABELS)
    scores = np.stack([tagger.tag(sounds / "test" / name).scores for name in test])
    return lwlrap(target, scores), accuracy(target, scores)


def test_figures_are_those_of_tagging_with_the_settings_of_each_step(
    measured: Measured, weighable: Path, sounds: Path
) -> None:
    rows = {row.step: row for row in measured.ablation.rows}
    assert list(rows) == ["one fold", *STEPS]
    alone = [figures_of(weighable, TagSettings(folds=(fold,)), sounds, TEST) for fold in (1, 2)]
    assert len(set(alone)) == 2
    assert (rows["one fold"].lwlrap, rows["one fold"].accuracy) == pytest.approx(tuple(np.mean(alone, axis=0)))
    assert (rows["one fold"].over, rows["one fold"].gain) == ("", None)
    for step, (settings, over) in STEPS.items():
        row = rows[step]
        assert (row.lwlrap, row.accuracy) == pytest.approx(figures_of(weighable, settings, sounds, TEST)), step
        assert row.over == over
        assert row.gain == pytest.approx(row.lwlrap - rows[over].lwlrap)
    assert all(row.ms_per_clip > 0 for row in rows.values())


def test_ablation_names_what_was_measured(measured: Measured, weighable: Path) -> None:
    ablation = measured.ablation
    assert (ablation.dataset, ablation.subset, ablation.clips, ablation.labels) == ("sounds", "test", 6, 3)
    assert ablation.folds == tuple(fold.sha256 for fold in read_card(weighable).folds)
    assert ablation.engine == "torch"
    assert ablation.notes == ablation.unreadable == ()


def test_progress_goes_to_the_last_clip(measured: Measured) -> None:
    assert measured.progress == [(done, 6) for done in range(1, 7)]


def test_weights_need_out_of_fold_scores(tiny_ensemble: Path, dataset: Dataset) -> None:
    steps = [row.step for row in measure_ablation(tiny_ensemble, dataset, "curated").rows]
    assert steps == ["one fold", *(step for step in STEPS if step != "weighted")]


def test_a_single_fold_has_nothing_to_combine(tiny_ensemble: Path, tmp_path: Path, dataset: Dataset) -> None:
    folder = shutil.copytree(tiny_ensemble, tmp_path / "one")
    change(folder, folds=json.loads((folder / "card.json").read_text())["folds"][:1])
    first, second = measure_ablation(folder, dataset, "curated").rows
    assert (first.step, second.step, second.over) == ("one fold", "with test-time augmentation", "one fold")


def test_clips_with_a_label_that_the_ensemble_lacks_are_left_out_and_counted(
    ensemble: Path, tmp_path: Path, write_wav: Callable[..., Path]
) -> None:
    known = {name: labels for name, labels in TEST.items() if "Hiss" not in labels}
    sounds = write_clips(tmp_path / "other", write_wav, known | {"x.wav": "Meow", "y.wav": '"Bark,Meow"'})
    ablation = measure_ablation(ensemble, open_dataset(sounds))
    assert (ablation.clips, ablation.labels) == (3, 2)  # no clip has Hiss, so it does not compete with Bark and Bell
    assert ablation.notes == ("2 clips left out: a label that tiny does not have.",)


def test_labels_that_the_dataset_lacks_do_not_count(
    ensemble: Path, tmp_path: Path, write_wav: Callable[..., Path]
) -> None:
    sounds = write_clips(tmp_path / "other", write_wav, {"a.wav": "Bark", "b.wav": "Bell", "e.wav": "Bell"})
    tagger = Tagger(ensemble)
    scores = np.stack([tagger.tag(sounds / "test" / name).scores[:2] for name in ("a.wav", "b.wav", "e.wav")])
    ablation = measure_ablation(ensemble, open_dataset(sounds))
    assert ablation.rows[1].lwlrap == pytest.approx(lwlrap(np.array([[1, 0], [0, 1], [0, 1]]), scores))


def test_clip_that_cannot_be_read_is_named_and_the_rest_is_measured(ensemble: Path, broken_sounds: Path) -> None:
    ablation = measure_ablation(ensemble, open_dataset(broken_sounds))
    assert ablation.clips == 2
    assert ablation.notes == ("1 clip left out: unreadable.",)
    assert ablation.unreadable[0].startswith("c.wav cannot be read as a sound")


def test_training_clips_are_refused_test_clips_are_not(ensemble: Path, dataset: Dataset) -> None:
    change(ensemble, dataset={"name": "sounds", "clips": 8, "fingerprint": dataset.fingerprint})
    for subset in ("curated", "all"):
        with pytest.raises(AudiotagError, match=rf"so the subset of its clips must be test, got {subset}"):
            measure_ablation(ensemble, dataset, subset)
    assert measure_ablation(ensemble, dataset, "test").clips == 6


def test_dataset_of_the_same_name_with_other_clips_gets_a_note(ensemble: Path, dataset: Dataset) -> None:
    change(ensemble, dataset={"name": "sounds", "clips": 8, "fingerprint": "of others"})
    ablation = measure_ablation(ensemble, dataset, "curated")
    assert ablation.clips == 2
    (note,) = ablation.notes
    assert note.startswith("tiny was trained on a dataset of the same name")


@pytest.mark.parametrize(
    ("subset", "reason"),
    [
        ("noisy", "sounds has no labelled noisy clips, it has curated and test; choose one of these with --subset"),
        ("private", "subset must be one of curated, noisy, test or all, got private"),
    ],
)
def test_missing_subset_is_refused(ensemble: Path, dataset: Dataset, subset: str, reason: str) -> None:
    with pytest.raises(AudiotagError) as error:
        measure_ablation(ensemble, dataset, subset)
    assert str(error.value).startswith(reason)


def test_no_label_in_common_is_refused(ensemble: Path, tmp_path: Path, write_wav: Callable[..., Path]) -> None:
    write_wav(tmp_path / "cats" / "Meow" / "a.wav", np.ones(4410) / 2)
    with pytest.raises(AudiotagError, match="no label in common: the labels of the first are Bark, Bell, Hiss,"):
        measure_ablation(ensemble, open_dataset(tmp_path / "cats"), "curated")


def test_written_ablation_is_read_back(ensemble: Path, measured: Measured) -> None:
    card = read_card(ensemble)
    assert read_ablation(ensemble, card) is None
    before = {path.name for path in ensemble.iterdir()}
    write_ablation(ensemble, measured.ablation)
    assert read_ablation(ensemble, card) == measured.ablation
    assert {path.name for path in ensemble.iterdir()} == before | {FILE}


def test_file_of_audiotag_0_1_is_read(ensemble: Path, measured: Measured) -> None:
    values = measured.ablation.to_dict()
    (keys,) = {tuple(row) for row in values["rows"]}
    assert keys == ("step", "lwlrap", "accuracy", "over", "gain", "ms_per_clip")
    for row in values["rows"]:
        row["ms_a_clip"] = row.pop("ms_per_clip")
    (ensemble / FILE).write_text(json.dumps(values))
    assert read_ablation(ensemble, read_card(ensemble)) == measured.ablation


def made_up(**values: object) -> Ablation:
    return Ablation(**{"rows": (), "dataset": "d", "subset": "test", "clips": 1, "labels": 1, "date": "2026-01-01",
                    "folds": (), "engine": "torch"} | values)  # type: ignore[arg-type]  # fmt: skip


def test_ablation_of_other_weights_is_not_read(ensemble: Path) -> None:
    write_ablation(ensemble, made_up(folds=("another",)))
    assert read_ablation(ensemble, read_card(ensemble)) is None


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"format": 2}', '{"format": 1, "rows": [{}]}', "\xff"])
def test_damaged_file_is_named(ensemble: Path, content: str) -> None:
    (ensemble / FILE).write_bytes(content.encode("latin-1"))
    with pytest.raises(AudiotagError, match=r"tiny/gains\.json is damaged .* delete it, or measure again"):
        read_ablation(ensemble, read_card(ensemble))


# The command


def run(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    add_ablation(parser.add_subparsers())
    options = parser.parse_args(["gains", *map(str, arguments)])
    return options.run(options)


def test_command_prints_one_row_per_step(
    ensemble: Path,
    sounds: Path,
    measured: Measured,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(ablation_measurement, "measure_ablation", lambda *args: measured.ablation)
    assert run(ensemble, sounds) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("tiny on 6 test clips of sounds, 3 labels")
    for step, (_, over) in STEPS.items():
        assert any(line.startswith(step) and over in line for line in printed.splitlines())
    assert not (ensemble / FILE).exists()


def test_command_stores_the_json_that_it_prints(
    ensemble: Path, sounds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ensemble, sounds, "--subset", "all", "--save", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert json.loads((ensemble / FILE).read_text()) == printed
    stored = read_ablation(ensemble, read_card(ensemble))
    assert stored is not None
    assert [row["lwlrap"] for row in printed["rows"]] == [row.lwlrap for row in stored.rows]
    assert printed["clips"] == stored.clips == 8


def test_command_names_unreadable_clips_and_returns_1(
    ensemble: Path, broken_sounds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ensemble, broken_sounds) == 1
    assert "c.wav cannot be read as a sound" in capsys.readouterr().err


def test_command_refuses_a_missing_ensemble(sounds: Path) -> None:
    with pytest.raises(AudiotagError, match="there is no ensemble named gone"):
        run("gone", sounds)


def test_labels_that_the_dataset_spells_otherwise_are_the_ensembles(
    tiny_ensemble: Path, tmp_path: Path, write_wav: Callable[..., Path]
) -> None:
    from audiotag.tagging.ablation_measurement import with_known_labels

    card, found = read_card(tiny_ensemble), []
    for name, truth in (("same", TEST), ("other", {clip: labels.upper() for clip, labels in TEST.items()})):
        dataset, notes = open_dataset(write_clips(tmp_path / name, write_wav, truth)), []
        clips, labels = with_known_labels(dataset.subset("test"), card, dataset, notes)
        found.append((list(clips["labels"]), labels, len(notes)))
    assert found[0][:2] == found[1][:2]
    assert found[1][2] == found[0][2] + 1  # that labels were matched is said
