"""Recordings and copies of a sound stay in one fold, in each subset and across them; where they do not, it is said."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.data.leaks import count_straddling
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.starter.render import StarterCounts, render_starter
from audiotag.training.begun import APART, COPIES, TRAINED_ON, note_begin, open_session, read_trained_on
from audiotag.training.clips import LabelledClips
from audiotag.training.folds import NO_FOLD, assign_folds, check_folds
from audiotag.training.leaks import add_units, groups_of
from audiotag.training.pools import Pools
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_options import RunOptions
from audiotag.training.run_splits import leak_sentences
from audiotag.training.runs import SHARED_FOLD, Run, RunSettings, create_run
from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.workspace import Workspace

RATE = 8000
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.25, n_fft=256, win_length=256, hop_length=128, n_mels=16, f_max=4000.0
)
NOISY, CURATED = Stage("noisy", 1, 1e-3), Stage("curated", 1, 1e-3)
RECIPE = Recipe("tiny", "Tiny", "For tests.", (NOISY, CURATED), folds=3, spectrogram=SETTINGS)
SHUFFLED = replace(RECIPE, fold_method="shuffled")
POOLED = replace(CURATED, pools=Pools(curated=0.5, noisy=0.5))
POOLS = replace(SHUFFLED, stages=(POOLED,))


def write_sound(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).normal(0, 0.1, 800 + 8 * seed), RATE)


@pytest.fixture
def two_subsets(tmp_path: Path) -> Path:
    """Twelve curated and twelve noisy clips; the noisy ones 0 to 3 are copies of the curated ones 4 to 7."""
    root = tmp_path / "sounds"
    for subset, first in (("curated", 0), ("noisy", 100)):
        lines = ["fname,labels"]
        for number in range(12):
            is_copy = subset == "noisy" and number < 4
            write_sound(root / f"train_{subset}" / f"{number}.wav", number + 4 if is_copy else first + number)
            lines.append(f"{number}.wav,{'Hum' if number % 2 else 'Hiss'}")
        (root / f"train_{subset}.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def own_folds(tmp_path: Path) -> Path:
    """Twelve clips in two own folds of six recordings; three recordings, and one copy, are in both folds."""
    root = tmp_path / "own"
    lines = ["fname,label,fold,source_id"]
    for number in range(12):
        write_sound(root / f"{number}.wav", 4 if number == 5 else number)
        recording, fold = number // 2, 1 + (number % 2 if number < 6 else number // 2 % 2)
        lines.append(f"{number}.wav,{'Hum' if recording % 2 else 'Hiss'},{fold},{recording}")
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    return root


def session_of(root: Path, recipe: Recipe, workspace: Workspace, **settings: Any) -> Session:
    return Session(open_dataset(root), RunSettings(str(root), recipe, **settings), workspace)


# Folds of one subset


def test_recordings_and_copies_that_are_chained_are_one_unit() -> None:
    clips = pd.DataFrame({
        "subset": ["curated"] * 5,
        "clip": list("abcde"),
        "group": pd.array(["A", "A", "B", None, None], dtype="string"),
    })  # fmt: skip
    units = add_units(clips, [["curated/b", "curated/c"]])["unit"]
    assert units.tolist() == [0, 0, 0, 1, 2]


@pytest.mark.parametrize("seed", range(3))
def test_no_copy_of_a_starter_sound_is_in_another_fold(starter: Dataset, workspace: Workspace, seed: int) -> None:
    recipe = replace(RECIPE, folds=5, seed=seed)
    session = Session(starter, RunSettings(str(starter.root), recipe), workspace)
    assert len(session.copies) == 10
    rows = session.rows_with_units("curated")
    straddling = count_straddling(rows["content"], assign_folds(rows, session.labels, recipe))
    assert straddling == (0, 10)
    before = assign_folds(rows.drop(columns="unit"), session.labels, recipe)
    assert count_straddling(rows["content"], before).several > 3  # as it was


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Thirty starter sounds, ten of them twice."""
    root = render_starter(
        tmp_path_factory.mktemp("leaks") / "starter",
        seed=3,
        counts=StarterCounts(curated=30, noisy=1, test=1),
        workers=1,
    )
    table = root / "train_curated.csv"
    lines = table.read_text().splitlines()
    for line in lines[1:11]:
        name, labels = line.split(",", 1)
        (root / "train_curated" / f"copy-{name}").write_bytes((root / "train_curated" / name).read_bytes())
        lines.append(f"copy-{name},{labels}")
    table.write_text("\n".join(lines) + "\n")
    return open_dataset(root)


def test_shuffled_folds_stay_as_published_and_what_straddles_them_is_said(
    two_subsets: Path, workspace: Workspace
) -> None:
    session = session_of(two_subsets, SHUFFLED, workspace)
    rows = session.rows_with_units("noisy")
    assert assign_folds(rows, session.labels, SHUFFLED).tolist() == (
        assign_folds(session.rows("noisy"), session.labels, SHUFFLED).tolist()
    )
    (sentence,) = leak_sentences(session)
    assert "of 4 groups of identical clips have clips in several folds" in sentence
    assert not any(session.clips("noisy").folds._is_barred(fold).any() for fold in (1, 2, 3))
    assert leak_sentences(session_of(two_subsets, RECIPE, workspace)) == ()


# Across subsets


def copied(clips: LabelledClips) -> set[int]:
    """The sounds, 4 to 7, that are in both subsets and among these clips."""
    numbers = {int(clip.path.stem) + (4 if clip.path.parent.name == "train_noisy" else 0) for clip in clips.clips}
    return numbers & {4, 5, 6, 7}


@pytest.mark.parametrize("fold", [1, 2, 3])
def test_a_fold_trains_on_no_noisy_copy_of_a_curated_clip_that_it_holds_out(
    two_subsets: Path, workspace: Workspace, fold: int
) -> None:
    session = session_of(two_subsets, RECIPE, workspace)
    curated, noisy = session.clips("curated"), session.clips("noisy")
    held_out, trained = copied(curated.held_out(fold)), copied(noisy.train(fold))
    assert not held_out & trained
    assert {4, 5, 6, 7} - trained - copied(noisy.held_out(fold)) <= held_out  # and no other is left out
    rows, _ = session.split_rows("noisy", fold)  # from tables alone
    assert rows["clip"].tolist() == [clip.name for clip in noisy.train(fold).clips]


def test_the_network_that_all_folds_share_trains_on_no_copy_of_a_curated_clip(
    two_subsets: Path, workspace: Workspace
) -> None:
    session = session_of(two_subsets, replace(RECIPE, stages=(replace(NOISY, shared=True), CURATED)), workspace)
    assert copied(session.clips("noisy").train(SHARED_FOLD)) == set()
    assert len(session.clips("noisy").train(SHARED_FOLD).clips) >= 7


@pytest.fixture
def straddling(two_subsets: Path) -> Path:
    """The curated clips 0 to 3 are also copies of 4 to 7, so shuffled folds hold out copies of a sound in several."""
    for number in range(4):
        write_sound(two_subsets / "train_curated" / f"{number}.wav", number + 4)
    return two_subsets


def trained_noisy(session: Session, fold: int) -> set[str]:
    train = session.fold_split(POOLED, fold).train
    return {clip.name for clip, kind in zip(train.clips, train.kinds, strict=True) if kind == 2}


def test_pools_of_shuffled_folds_have_no_copy_of_a_clip_that_the_fold_holds_out(
    straddling: Path, workspace: Workspace
) -> None:
    session = session_of(straddling, POOLS, workspace)
    of_sounds: dict[int, set[int]] = {}
    for fold in session.folds:
        held_out = {int(clip.path.stem) for clip in session.clips("curated").held_out(fold).clips}
        copies = {number % 4 for number in held_out if number < 8}
        assert trained_noisy(session, fold) == {f"{number}.wav" for number in range(12) if number not in copies}
        rows, _ = session.stage_rows(POOLED, fold)  # from tables alone
        assert set(rows.loc[rows["kind"] == "noisy", "clip"]) == trained_noisy(session, fold)
        for number in copies:
            of_sounds.setdefault(number, set()).add(fold)
    assert max(map(len, of_sounds.values())) == 2
    noisy = session.clips("noisy")
    for clip, scored in zip(noisy.clips, noisy.folds.scored_with.tolist(), strict=True):
        folds = of_sounds.get(int(clip.path.stem), set())
        assert scored == (min(folds) if len(folds) == 1 else NO_FOLD)


def test_shuffled_run_with_pools_goes_on_with_the_clips_that_it_began_with(
    straddling: Path, workspace: Workspace
) -> None:
    run = create_run(workspace, RunSettings(str(straddling), POOLS))
    session = open_session(run)
    note_begin(run, session)
    run.write_event("run-started", folds=[1, 2, 3], labels=["Hiss", "Hum"], stages=[{
        "stage": 0, "subset": "curated", "epochs": 1, "clips": 12, "pixels": 1, "shared": False,
    }])  # fmt: skip
    assert [trained_noisy(open_session(run), fold) for fold in (1, 2, 3)] == (
        [trained_noisy(session, fold) for fold in (1, 2, 3)]
    )
    (run.folder / APART).unlink()  # begun by a version that did not keep them apart
    assert all(len(trained_noisy(open_session(run), fold)) == 12 for fold in (1, 2, 3))


# A dataset's own folds


def test_what_own_folds_separate_is_said_and_folds_from_the_recipe_keep_it_together(
    own_folds: Path, workspace: Workspace
) -> None:
    session = session_of(own_folds, RECIPE, workspace)
    assert leak_sentences(session) == (
        "In clips, 3 of 6 source recordings and 1 of 1 groups of identical clips have clips in several of its own "
        "folds, which makes scores too high. Folds that the recipe draws keep them together: “Folds from” on the "
        "Train page, or --folds-from recipe.",
    )
    drawn = session_of(own_folds, RECIPE, workspace, folds_from="recipe")
    assert drawn.folds == (1, 2, 3)
    rows = drawn.rows_with_units("curated")
    folds = drawn.clips("curated").folds.folds
    assert count_straddling(rows["group"], folds) == (0, 6)
    assert leak_sentences(drawn) == ()
    assert session.folds == (1, 2)


def test_folds_of_some_clips_alone_are_drawn_anew(two_subsets: Path, workspace: Workspace) -> None:
    dataset = open_dataset(two_subsets)
    folds = [row % 2 + 8 if subset == "curated" else pd.NA for row, subset in enumerate(dataset.clips["subset"])]
    dataset = replace(dataset, clips=dataset.clips.assign(fold=pd.array(folds, dtype="Int64")))
    session = Session(dataset, RunSettings(str(two_subsets), RECIPE), workspace)
    assert session.folds == (1, 2, 3)
    for fold in session.folds:
        _, held_out = session.split_rows("curated", fold)
        assert len(held_out) == 4


def test_a_fold_of_the_dataset_cannot_be_held_out_of_folds_from_the_recipe(own_folds: Path) -> None:
    with pytest.raises(AudiotagError, match="the folds are drawn by the recipe; hold out nothing"):
        check_folds(open_dataset(own_folds), RECIPE, (), 1, "recipe")


def test_old_settings_mean_the_folds_of_the_dataset_and_others_are_refused(own_folds: Path) -> None:
    values = json.loads(json.dumps(RunSettings(str(own_folds), load_recipe("quick")).to_dict()))
    del values["folds_from"]
    assert RunSettings.from_dict(values).folds_from == "dataset"
    settings = RunOptions(str(own_folds), folds_from="recipe").settings(Workspace())
    assert RunSettings.from_dict(json.loads(json.dumps(settings.to_dict()))).folds_from == "recipe"
    with pytest.raises(AudiotagError, match="folds_from must be dataset or recipe, got mine"):
        RunOptions(str(own_folds), folds_from="mine").settings(Workspace())  # type: ignore[arg-type]


# A validation split


@pytest.fixture
def validation(own_folds: Path) -> Callable[[str], Dataset]:
    """``validation(subset)``: twelve clips, of which the last four are the validation split."""

    def make(subset: str = "curated") -> Dataset:
        dataset = open_dataset(own_folds)
        split = ["train"] * 8 + ["validation"] * 4
        fold = pd.array([pd.NA] * 8 + [1] * 4, dtype="Int64")
        return replace(dataset, clips=dataset.clips.assign(split=split, fold=fold, group=pd.NA, subset=subset))

    return make


def test_training_holds_out_the_validation_clips_and_no_others(validation: Callable, workspace: Workspace) -> None:
    session = Session(validation(), RunSettings("/data", RECIPE), workspace)
    session.check()
    assert session.folds == (1,)
    clips = session.clips("curated")
    assert [clip.name for clip in clips.held_out(1).clips] == [f"{number}.wav" for number in range(8, 12)]
    assert [clip.name for clip in clips.train(1).clips] == [f"{number}.wav" for number in range(8)]
    with pytest.raises(AudiotagError, match="folds must be among 1 here, got 2"):
        check_folds(session.dataset, RECIPE, (2,), None)
    with pytest.raises(AudiotagError, match="no fold is left to train"):
        check_folds(session.dataset, RECIPE, (), 1)


def test_a_shared_network_holds_out_the_validation_clips_too(validation: Callable, workspace: Workspace) -> None:
    recipe = replace(RECIPE, stages=(replace(NOISY, shared=True), CURATED))
    clips = Session(validation("noisy"), RunSettings("/data", recipe), workspace).clips("noisy")
    assert np.flatnonzero(clips.folds.in_shared).tolist() == [8, 9, 10, 11]


def test_batches_of_a_validation_split_are_counted(validation: Callable, workspace: Workspace) -> None:
    recipe = replace(RECIPE, batch_size=2)
    assert Session(validation(), RunSettings("/data", recipe), workspace).expected_batches() == {1: 4}


# What a run notes


def test_a_run_keeps_the_copies_that_it_began_with(two_subsets: Path, workspace: Workspace) -> None:
    run = create_run(workspace, RunSettings(str(two_subsets), RECIPE))
    session = open_session(run)
    assert len(session.copies) == 4
    note_begin(run, session)
    run.write_event("run-started", folds=[1, 2, 3], labels=["Hiss", "Hum"], stages=[{
        "stage": 0, "subset": "noisy", "epochs": 1, "clips": 12, "pixels": 1, "shared": False,
    }])  # fmt: skip
    write_sound(two_subsets / "train_noisy" / "0.wav", 50)  # no copy any more
    assert open_session(run).copies == session.copies
    for name in (COPIES, TRAINED_ON):
        (run.folder / name).unlink()
    old = open_session(run)  # begun by a version that did not look for copies
    assert (list(old.copies), old._is_kept_apart("noisy")) == ([], False)


def test_a_run_notes_which_folds_train_on_each_clip(two_subsets: Path, workspace: Workspace) -> None:
    run = create_run(workspace, RunSettings(str(two_subsets), RECIPE))
    session = open_session(run)
    note_begin(run, session)
    noted = read_trained_on(run)
    assert noted is not None
    folds = {(row.subset, row.clip): set(map(int, row.folds.split())) for row in noted.itertuples()}
    for subset in ("curated", "noisy"):
        for fold in (1, 2, 3):
            trained = {clip.name for clip in session.clips(subset).train(fold).clips}
            assert {clip for (part, clip), of_clip in folds.items() if part == subset and fold in of_clip} == trained
    (run.folder / TRAINED_ON).write_bytes(b"no table")
    assert read_trained_on(Run(run.folder)) is None


def test_test_clips_are_in_no_group_of_copies(two_subsets: Path) -> None:
    dataset = open_dataset(two_subsets)
    dataset = replace(dataset, clips=dataset.clips.assign(subset=["curated"] * 12 + ["test"] * 12))
    content = pd.Series([1, *[pd.NA] * 11, 1, *[pd.NA] * 11], dtype="Int64")
    assert groups_of(dataset.clips, content) == []
