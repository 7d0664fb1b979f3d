"""What each step of an ensemble gains: figures are those of tagging in that way, on clips that it never saw."""

import argparse
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag.cli.ablation import add_ablation
from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.metrics import accuracy, lwlrap, multi_hot
from audiotag.tagging.ablation import FILE, Ablation, read_ablation, write_ablation
from audiotag.tagging.ablation_measurement import measure_ablation
from audiotag.tagging.ensemble import read_card
from audiotag.tagging.out_of_fold import FILE as OUT_OF_FOLD
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger

LABELS = ("Bark", "Bell", "Hiss")
TEST = {"a.wav": "Bark", "b.wav": "Bell", "c.wav": "Hiss", "d.wav": '"Bark,Hiss"', "e.wav": "Bell", "f.wav": "Hiss"}
CURATED = {"k.wav": "Bark", "l.wav": "Bell"}
STEPS = {  # which settings stand behind a row, and which row it builds on
    "all folds, arithmetic mean": (TagSettings(), "one fold"),
    "geometric mean": (TagSettings(combine="geometric"), "all folds, arithmetic mean"),
    "weighted": (TagSettings(combine="weighted"), "all folds, arithmetic mean"),
    "with test-time augmentation": (TagSettings(tta=True), "all folds, arithmetic mean"),
    "geometric mean with test-time augmentation": (TagSettings(combine="geometric", tta=True), "geometric mean"),
}


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


@pytest.fixture
def sounds(tmp_path: Path, write_wav: Callable[..., Path]) -> Path:
    return write_clips(tmp_path / "sounds", write_wav, TEST)


@pytest.fixture
def dataset(sounds: Path) -> Dataset:
    return open_dataset(sounds)


@pytest.fixture
def ensemble(tiny_ensemble: Path, tmp_path: Path) -> Path:
    """Its own copy of the tiny ensemble, with out-of-fold scores in which the first fold is the better one."""
    folder = shutil.copytree(tiny_ensemble, tmp_path / "ensembles" / "tiny")
    rng = np.random.default_rng(3)
    targets = np.eye(3, dtype=np.float32)[rng.integers(3, size=40)]
    folds = np.repeat([1, 2], 20)
    scores = np.clip(np.where(folds == 1, 0.6, 0.1)[:, None] * targets + rng.uniform(0.05, 0.3, (40, 3)), 0, 1)
    content = OutOfFold(scores.astype(np.float32), targets, folds).to_bytes()
    (folder / OUT_OF_FOLD).write_bytes(content)
    change(folder, out_of_fold=hashlib.sha256(content).hexdigest())
    return folder


def change(folder: Path, **values: object) -> None:
    """Other values on an ensemble's card."""
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | values))


def worth(folder: Path, settings: TagSettings, sounds: Path, test: dict[str, str]) -> tuple[float, float]:
    """lwlrap and accuracy of the ensemble's tags, clip by clip."""
    tagger = Tagger(folder, settings)
    target = multi_hot([tuple(labels.strip('"').split(",")) for labels in test.values()], LABELS)
    scores = np.stack([tagger.tag(sounds / "test" / name).scores for name in test])
    return lwlrap(target, scores), accuracy(target, scores)


def test_figures_are_those_of_tagging_in_each_way(ensemble: Path, dataset: Dataset, sounds: Path) -> None:
    rows = {row.step: row for row in measure_ablation(ensemble, dataset).rows}
    assert list(rows) == ["one fold", *STEPS]
    alone = [worth(ensemble, TagSettings(folds=(fold,)), sounds, TEST) for fold in (1, 2)]
    assert len(set(alone)) == 2
    assert (rows["one fold"].lwlrap, rows["one fold"].accuracy) == pytest.approx(tuple(np.mean(alone, axis=0)))
    assert (rows["one fold"].over, rows["one fold"].gain) == ("", None)
    for step, (settings, over) in STEPS.items():
        row = rows[step]
        assert (row.lwlrap, row.accuracy) == pytest.approx(worth(ensemble, settings, sounds, TEST)), step
        assert row.over == over
        assert row.gain == pytest.approx(row.lwlrap - rows[over].lwlrap)
    assert all(row.ms_a_clip > 0 for row in rows.values())


def test_what_was_measured_on_is_said(ensemble: Path, dataset: Dataset) -> None:
    gains = measure_ablation(ensemble, dataset)
    assert (gains.dataset, gains.subset, gains.clips, gains.labels) == ("sounds", "test", 6, 3)
    assert gains.folds == tuple(fold.sha256 for fold in read_card(ensemble).folds)
    assert gains.engine == "torch"
    assert gains.notes == gains.unreadable == ()


def test_progress_goes_to_the_last_clip(ensemble: Path, dataset: Dataset) -> None:
    told: list[tuple[int, int]] = []
    measure_ablation(ensemble, dataset, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 6) for done in range(1, 7)]


def test_weights_need_out_of_fold_scores(tiny_ensemble: Path, dataset: Dataset) -> None:
    steps = [row.step for row in measure_ablation(tiny_ensemble, dataset).rows]
    assert steps == ["one fold", *(step for step in STEPS if step != "weighted")]


def test_a_single_fold_has_nothing_to_combine(tiny_ensemble: Path, tmp_path: Path, dataset: Dataset) -> None:
    folder = shutil.copytree(tiny_ensemble, tmp_path / "one")
    change(folder, folds=json.loads((folder / "card.json").read_text())["folds"][:1])
    first, second = measure_ablation(folder, dataset).rows
    assert (first.step, second.step, second.over) == ("one fold", "with test-time augmentation", "one fold")


def test_clips_with_a_label_that_it_does_not_know_are_left_out_and_counted(
    ensemble: Path, tmp_path: Path, write_wav: Callable[..., Path]
) -> None:
    known = {name: labels for name, labels in TEST.items() if "Hiss" not in labels}
    sounds = write_clips(tmp_path / "other", write_wav, known | {"x.wav": "Meow", "y.wav": '"Bark,Meow"'})
    gains = measure_ablation(ensemble, open_dataset(sounds))
    assert (gains.clips, gains.labels) == (3, 2)  # nobody has Hiss here: it is no rival to Bark and Bell
    assert gains.notes == ("2 clips left out: a label that tiny does not know.",)


def test_labels_that_only_the_ensemble_knows_are_no_rivals(
    ensemble: Path, tmp_path: Path, write_wav: Callable[..., Path]
) -> None:
    sounds = write_clips(tmp_path / "other", write_wav, {"a.wav": "Bark", "b.wav": "Bell", "e.wav": "Bell"})
    tagger = Tagger(ensemble)
    scores = np.stack([tagger.tag(sounds / "test" / name).scores[:2] for name in ("a.wav", "b.wav", "e.wav")])
    gains = measure_ablation(ensemble, open_dataset(sounds))
    assert gains.rows[1].lwlrap == pytest.approx(lwlrap(np.array([[1, 0], [0, 1], [0, 1]]), scores))


def test_a_clip_that_cannot_be_read_is_named_and_the_rest_is_measured(ensemble: Path, sounds: Path) -> None:
    (sounds / "test" / "c.wav").write_text("no sound")
    gains = measure_ablation(ensemble, open_dataset(sounds))
    assert gains.clips == 5
    assert gains.notes == ("1 clip left out: unreadable.",)
    assert gains.unreadable[0].startswith("c.wav cannot be read as a sound")


def test_clips_that_it_was_trained_on_are_refused(ensemble: Path, dataset: Dataset) -> None:
    change(ensemble, dataset={"name": "sounds", "clips": 8, "fingerprint": dataset.fingerprint})
    for subset in ("curated", "all"):
        with pytest.raises(AudiotagError, match=rf"tiny was trained on sounds, so of its clips only .* got {subset}"):
            measure_ablation(ensemble, dataset, subset)
    assert measure_ablation(ensemble, dataset, "test").clips == 6


def test_another_dataset_may_be_used_whole(ensemble: Path, dataset: Dataset) -> None:
    assert measure_ablation(ensemble, dataset, "curated").clips == 2
    assert measure_ablation(ensemble, dataset, "all").clips == 8


def test_a_dataset_of_the_same_name_with_other_clips_gets_a_note(ensemble: Path, dataset: Dataset) -> None:
    change(ensemble, dataset={"name": "sounds", "clips": 8, "fingerprint": "of others"})
    (note,) = measure_ablation(ensemble, dataset, "curated").notes
    assert note.startswith("tiny was trained on a dataset of the same name")


@pytest.mark.parametrize(
    ("subset", "reason"),
    [
        ("noisy", "sounds has no labelled noisy clips, it has curated and test; name one of these by --subset"),
        ("private", "subset must be one of curated, noisy, test or all, got private"),
    ],
)
def test_a_subset_that_is_not_there_is_refused(ensemble: Path, dataset: Dataset, subset: str, reason: str) -> None:
    with pytest.raises(AudiotagError) as error:
        measure_ablation(ensemble, dataset, subset)
    assert str(error.value).startswith(reason)


def test_no_label_in_common_is_refused(ensemble: Path, tmp_path: Path, write_wav: Callable[..., Path]) -> None:
    write_wav(tmp_path / "cats" / "Meow" / "a.wav", np.ones(4410) / 2)
    with pytest.raises(AudiotagError, match="tiny and cats have no label in common: the one knows Bark, Bell, Hiss,"):
        measure_ablation(ensemble, open_dataset(tmp_path / "cats"), "curated")


def test_what_is_kept_is_read_back(ensemble: Path, dataset: Dataset) -> None:
    card = read_card(ensemble)
    assert read_ablation(ensemble, card) is None
    before = {path.name for path in ensemble.iterdir()}
    gains = measure_ablation(ensemble, dataset)
    write_ablation(ensemble, gains)
    assert read_ablation(ensemble, card) == gains
    assert {path.name for path in ensemble.iterdir()} == before | {FILE}


def made_up(**values: object) -> Ablation:
    return Ablation(**{"rows": (), "dataset": "d", "subset": "test", "clips": 1, "labels": 1, "date": "2026-01-01",
                    "folds": (), "engine": "torch"} | values)  # type: ignore[arg-type]  # fmt: skip


def test_gains_of_other_folds_are_not_those_of_this_ensemble(ensemble: Path) -> None:
    write_ablation(ensemble, made_up(folds=("another",)))
    assert read_ablation(ensemble, read_card(ensemble)) is None


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"format": 2}', '{"format": 1, "rows": [{}]}', "\xff"])
def test_a_damaged_file_is_named(ensemble: Path, content: str) -> None:
    (ensemble / FILE).write_bytes(content.encode("latin-1"))
    with pytest.raises(AudiotagError, match=r"tiny/gains\.json is damaged .* delete it, or measure anew"):
        read_ablation(ensemble, read_card(ensemble))


# The command


def run(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    add_ablation(parser.add_subparsers())
    options = parser.parse_args(["gains", *map(str, arguments)])
    return options.run(options)


def test_the_command_prints_a_row_a_step(ensemble: Path, sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ensemble, sounds) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("tiny on 6 test clips of sounds, 3 labels")
    for step, (_, over) in STEPS.items():
        assert any(line.startswith(step) and over in line for line in printed.splitlines())
    assert not (ensemble / FILE).exists()


def test_the_command_keeps_what_its_json_says(ensemble: Path, sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ensemble, sounds, "--subset", "all", "--keep", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert json.loads((ensemble / FILE).read_text()) == printed
    kept = read_ablation(ensemble, read_card(ensemble))
    assert kept is not None
    assert [row["lwlrap"] for row in printed["rows"]] == [row.lwlrap for row in kept.rows]
    assert printed["clips"] == kept.clips == 8


def test_the_command_names_bad_clips_and_its_status_says_so(
    ensemble: Path, sounds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sounds / "test" / "c.wav").write_text("no sound")
    assert run(ensemble, sounds) == 1
    assert "c.wav cannot be read as a sound" in capsys.readouterr().err


def test_the_command_refuses_an_ensemble_that_is_not_there(sounds: Path) -> None:
    with pytest.raises(AudiotagError, match="there is no ensemble named gone"):
        run("gone", sounds)
