"""A session: the same stages, folds and rows whether a page, the estimate or the worker asks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiotag.data.dataset import Dataset
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.training.batches import Batches
from audiotag.training.folds import assign_folds, one_split
from audiotag.training.recipe import Recipe
from audiotag.training.runs import SHARED_FOLD, RunSettings
from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.training.subsets import fingerprint
from audiotag.workspace import Workspace

RATE = 8000
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.25, n_fft=256, win_length=256, hop_length=128, n_mels=16, f_max=4000.0
)


def dataset_of(curated: int, noisy: int, own_folds: int = 0) -> Dataset:
    """Clips of three labels in turn, without a sound."""
    count = curated + noisy
    folds = [number % own_folds + 1 for number in range(count)] if own_folds else [pd.NA] * count
    clips = pd.DataFrame(
        {
            "clip": [f"{number}.wav" for number in range(count)],
            "path": [Path(f"/data/{number}.wav") for number in range(count)],
            "subset": ["curated"] * curated + ["noisy"] * noisy,
            "labels": [("abc"[number % 3],) for number in range(count)],
            "fold": pd.array(folds, dtype="Int64"),
            "group": pd.NA,
        }
    )
    return Dataset("data", Path("/data"), "made", clips, ("a", "b", "c"), ())


def recipe_of(*stages: Stage, **others: Any) -> Recipe:
    return Recipe("mine", "Mine", "", stages, batch_size=8, **others)


NOISY, CURATED = Stage("noisy", 1, 1e-3), Stage("curated", 1, 1e-3)


@pytest.mark.parametrize(("own_folds", "held_out"), [(0, None), (4, None), (4, 2)])
@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_expected_batches_are_those_of_a_fold(fraction: float, own_folds: int, held_out: int | None) -> None:
    dataset = dataset_of(120, 240, own_folds)
    recipe = recipe_of(NOISY, CURATED, fraction=fraction)
    counted = Session(dataset, RunSettings("/data", recipe, (), held_out)).expected_batches()
    for number, stage in enumerate(recipe.stages):
        rows = dataset.subset(stage.subset)
        if held_out:
            rows = rows[rows["fold"] != held_out]
        out = assign_folds(rows, dataset.labels, recipe) == 1
        assert counted[number] == pytest.approx(np.count_nonzero(~out) * fraction // 8, abs=1)


def test_shared_stage_is_expected_to_train_on_nine_tenths() -> None:
    dataset = dataset_of(80, 160)
    recipe = recipe_of(Stage("noisy", 1, 1e-3, shared=True), CURATED)
    rows = dataset.subset("noisy")
    trained = np.count_nonzero(~one_split(rows, dataset.labels, recipe))
    assert Session(dataset, RunSettings("/data", recipe)).expected_batches() == {0: trained // 8, 1: 8}


def test_stage_without_clips_is_left_out() -> None:
    recipe = recipe_of(NOISY, CURATED)
    assert Session(dataset_of(3, 0), RunSettings("/data", recipe)).expected_batches() == {1: 1}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty-four curated and forty noisy clips of 0.05 s; one curated file is not a sound."""
    folder, rng = tmp_path_factory.mktemp("session") / "sounds", np.random.default_rng(3)
    for subset, count in (("train_curated", 64), ("train_noisy", 40)):
        (folder / subset).mkdir(parents=True)
        lines = ["fname,labels"]
        for number in range(count):
            soundfile.write(folder / subset / f"{number}.wav", 0.1 * rng.normal(size=400), RATE)
            lines.append(f"{number}.wav,{'Hum' if number % 2 else 'Hiss'}")
        if subset == "train_curated":
            (folder / subset / "broken.wav").write_text("no sound")
            lines.append("broken.wav,Hum")
        (folder / f"{subset}.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"fraction": 0.4},
        {"batch_size": 50},
        {"stages": (NOISY, CURATED)},
        {"folds": 5, "fold_method": "shuffled"},
    ],
    ids=["shared", "fraction", "big batches", "own noisy stage", "shuffled"],
)
def test_batches_counted_from_tables_are_those_of_decoded_clips(
    changes: dict[str, Any], sounds: Path, tmp_path: Path
) -> None:
    plain = recipe_of(replace(NOISY, shared=True), CURATED, folds=2, spectrogram=SETTINGS)
    recipe = replace(plain, **changes)
    session = Session.open(RunSettings(str(sounds), recipe), Workspace(tmp_path / "home"))
    for _, stage in session.stages:
        split = session.fold_split(stage, SHARED_FOLD if stage.shared else session.folds[0])
        train = Batches(split.train, recipe, stage, seed=0, training=True)
        held_out = [Batches(part, recipe, stage, 0, training=False) for part in (split.valid, split.curated) if part]
        assert session.count_batches(stage) == (len(train), sum(len(batches) for batches in held_out))


def test_rows_from_tables_and_decoded_clips_are_the_same(sounds: Path, tmp_path: Path) -> None:
    recipe = recipe_of(replace(NOISY, shared=True), CURATED, fraction=0.5, folds=3, spectrogram=SETTINGS)
    session = Session.open(RunSettings(str(sounds), recipe), Workspace(tmp_path / "home"))
    for subset, fold in (("noisy", SHARED_FOLD), ("curated", 1), ("curated", 3)):
        clips = session.clips(subset)
        for rows, part in zip(session.split_rows(subset, fold), (clips.train(fold), clips.held_out(fold)), strict=True):
            assert list(rows["clip"]) == [clip.name for clip in part.clips]
    assert "broken.wav" not in [clip.name for clip in session.clips("curated").clips]


def test_sample_is_the_same_each_time_and_at_most_as_many_as_there_are(sounds: Path, tmp_path: Path) -> None:
    recipe = recipe_of(CURATED, spectrogram=SETTINGS)
    session = Session.open(RunSettings(str(sounds), recipe), Workspace(tmp_path / "home"))
    rows = session.rows("curated")
    first, second = session.sample_rows(rows, 10), session.sample_rows(rows, 10)
    assert list(first["clip"]) == list(second["clip"])
    assert len(first) == 10
    assert len(session.sample_rows(rows, 1000)) == 65
    assert len(session.sample(rows, 1000).clips) == 64


def test_session_that_cannot_train_a_fold_is_refused(sounds: Path, tmp_path: Path) -> None:
    def refused(reason: str, recipe: Recipe, **settings: Any) -> None:
        with pytest.raises(AudiotagError, match=reason):
            Session.open(RunSettings(str(sounds), recipe, **settings), Workspace(tmp_path / "home")).check_clips()

    refused("folds must be among 1, 2, 3, 4, 5 here, got 7", recipe_of(CURATED, spectrogram=SETTINGS), folds=(7,))
    refused("one of the dataset's own, got 3", recipe_of(CURATED, spectrogram=SETTINGS), held_out=3)


def test_clips_and_folds_stay_the_same_when_they_are_prepared_again_and_each_step_is_reported(
    sounds: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(NOISY, CURATED, folds=2, spectrogram=SETTINGS.with_changes(trim_db=30.0))
    prints, reports = [], []

    def report(step: str, done: int, total: int) -> None:
        reports.append((step, done, total))

    for _ in range(2):
        settings, workspace = RunSettings(str(sounds), recipe), Workspace(tmp_path / "home")
        session = Session.open(settings, workspace, report=report)
        session.check_clips()
        prints.append(fingerprint({name: session.clips(name) for name in session.subsets}, session.labels))
    assert len(list(workspace.indexes.glob("*-bounds-*.parquet"))) == 1
    plain = Session(session.dataset, settings, Workspace(tmp_path / "other"))
    plain.check_clips()
    prints.append(fingerprint({name: plain.clips(name) for name in plain.subsets}, plain.labels))
    assert len(set(prints)) == 1
    steps = [step for step, _, _ in reports]
    assert list(dict.fromkeys(steps)) == [
        "Opening the dataset",
        "Reading headers",
        "Comparing files",
        "Preparing curated clips",  # whose folds the noisy clips follow
        "Preparing noisy clips",
    ]
    assert reports.count(("Preparing noisy clips", 40, 40)) == 2
    assert reports.count(("Reading headers", 105, 105)) == 1
