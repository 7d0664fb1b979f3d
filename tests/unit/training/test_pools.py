"""Pools: a stage draws from several kinds of clips with probabilities, and no fold trains on what it holds out."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audiotag.augmentation.mixup import MixUp
from audiotag.data.clip_lists import ClipLists
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.training.batches import Batches
from audiotag.training.begun import trained_on
from audiotag.training.clips import KINDS, Clip, LabelledClips
from audiotag.training.held_out import read_held_out
from audiotag.training.pool_notes import pool_notes
from audiotag.training.pools import Pools
from audiotag.training.recipe import Recipe
from audiotag.training.run_progress import plan_of, subsets_of
from audiotag.training.runs import Run, RunSettings
from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.training.worker import plan_stage
from audiotag.workspace import Workspace

from .short_runs import CURATED, NOISY, RECIPE, events_of, work_and_record

POOLED = Stage("curated", 2, 1e-2, pools=Pools(curated=0.5, trusted=0.3, noisy=0.2), draws=24)


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """One stage that draws from three pools; noisy clips 19 to 22 are trusted."""
    path = tmp_path_factory.mktemp("lists") / "trusted.csv"
    path.write_text("clip\n" + "".join(f"{number:02}.wav\n" for number in range(19, 23)) + "00.wav\n")
    return replace(RECIPE, stages=(POOLED,), lists=ClipLists(trust=str(path)))


@pytest.fixture(scope="session")
def sounds(short_sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The short sounds, of which the noisy ones have names of their own, 16 to 27; 16 to 18 are copies of 00 to 02."""
    folder = tmp_path_factory.mktemp("pools") / "sounds"
    shutil.copytree(short_sounds, folder)
    lines = (folder / "train_noisy.csv").read_text().splitlines()
    renamed = [lines[0], *(f"{int(line[:2]) + 16:02}{line[2:]}" for line in lines[1:])]
    (folder / "train_noisy.csv").write_text("\n".join(renamed) + "\n")
    for path in sorted((folder / "train_noisy").iterdir(), reverse=True):
        path.rename(path.with_name(f"{int(path.stem) + 16:02}.wav"))
    for number in range(3):
        shutil.copyfile(folder / "train_curated" / f"{number:02}.wav", folder / "train_noisy" / f"{16 + number}.wav")
    return folder


def session_with(sounds: Path, recipe: Recipe, home: Path, **settings: object) -> Session:
    return Session.open(RunSettings(str(sounds), recipe, device="cpu", **settings), Workspace(home))  # type: ignore[arg-type]


def labelled(counts: dict[str, int]) -> LabelledClips:
    kinds = np.concatenate([np.full(count, KINDS.index(kind)) for kind, count in counts.items()])
    clips = [Clip(str(number), Path(str(number)), 0, 1000, True) for number in range(len(kinds))]
    return LabelledClips(clips, np.ones((len(kinds), 1), np.float32), kinds)


# Draws


def test_clips_are_drawn_from_pools_by_their_probabilities_and_evenly_within_a_pool() -> None:
    clips = labelled({"curated": 5, "trusted": 2, "noisy": 40})
    stage = replace(POOLED, draws=40_000)
    order = Batches(clips, replace(RECIPE, batch_size=16), stage, 3, training=True)._order(0)
    assert len(order) == 40_000
    shares = np.bincount(clips.kinds[order], minlength=3) / len(order)
    np.testing.assert_allclose(shares, (0.5, 0.3, 0.2), atol=4 * np.sqrt(0.25 / 40_000))
    counts = np.bincount(order)
    for kind in range(3):
        of_kind = counts[clips.kinds == kind]
        assert of_kind.min() > 0.8 * of_kind.mean() - 10
        assert of_kind.max() < 1.2 * of_kind.mean() + 10


def test_probabilities_of_pools_without_clips_go_to_the_others() -> None:
    clips = labelled({"curated": 5, "noisy": 4})
    drawn = POOLED.pools.draw_probabilities(clips.kinds)  # type: ignore[union-attr]
    np.testing.assert_allclose(drawn, [0.5 / 0.7 / 5] * 5 + [0.2 / 0.7 / 4] * 4)


def test_weights_within_a_pool_do_not_change_its_probability() -> None:
    clips, weights = labelled({"curated": 3, "noisy": 2}), np.array([1, 2, 1, 3, 1])
    drawn = Pools(curated=0.8, noisy=0.2).draw_probabilities(clips.kinds, weights)
    np.testing.assert_allclose(drawn, [0.2, 0.4, 0.2, 0.15, 0.05])


@pytest.mark.parametrize("pools", [None, Pools(curated=0.5, noisy=0.5)])
def test_epoch_has_a_fixed_number_of_draws_and_epochs_differ(pools: Pools | None) -> None:
    batches = Batches(labelled({"curated": 3, "noisy": 7}), RECIPE, replace(POOLED, pools=pools, draws=30), 1, True)
    assert batches.size == 4
    assert len(batches) == 7
    first, again, other = (batches._order(epoch).tolist() for epoch in (0, 0, 1))
    assert first == again != other
    assert len(first) == 30


def test_epoch_of_one_pass_has_as_many_draws_as_the_pools_have_clips() -> None:
    batches = Batches(labelled({"curated": 3, "noisy": 6}), RECIPE, replace(POOLED, draws=0), 1, True)
    assert len(batches._order(0)) == 9
    assert len(batches) == RECIPE.batches_per_epoch(batches.stage, 9) == 2


def test_mixers_get_the_pools_only_where_a_stage_draws_from_several() -> None:
    clips = labelled({"curated": 3, "noisy": 6})
    pooled, plain = (Batches(clips, RECIPE, stage, 1, True) for stage in (POOLED, CURATED))
    assert pooled.pools_of(np.array([0, 8])).tolist() == [0, 2]  # type: ignore[union-attr]
    assert plain.pools_of(np.array([0, 8])) is None


# What folds train on


def test_every_fold_trains_on_all_noisy_clips_but_those_of_sounds_that_it_holds_out(
    sounds: Path, recipe: Recipe, tmp_path: Path
) -> None:
    session = session_with(sounds, recipe, tmp_path)
    session.check_clips()
    noisy = session.clips("noisy")
    assert noisy.folds.held_out_rows(1).tolist() == []
    curated = session.clips("curated")
    unit_folds = dict(zip(curated.folds.units, curated.folds.folds, strict=True))  # type: ignore[arg-type]
    copies: set[str] = set()
    for fold in session.folds:
        train = session.fold_split(POOLED, fold).train
        names = {clip.name for clip, kind in zip(train.clips, train.kinds, strict=True) if kind == 2}
        barred = {
            clip.name
            for clip, unit in zip(noisy.clips, noisy.folds.units, strict=True)  # type: ignore[arg-type]
            if unit_folds.get(unit) == fold
        }
        assert names == {clip.name for clip in noisy.clips} - barred
        copies.update(barred)
        held_out = {clip.name for clip in session.fold_split(POOLED, fold).valid.clips}
        assert not held_out & {clip.name for clip, kind in zip(train.clips, train.kinds, strict=True) if kind == 0}
    assert copies == {"16.wav", "17.wav", "18.wav"}


def test_trusted_clips_are_in_both_pools_and_a_trusted_curated_clip_stays_curated(
    sounds: Path, recipe: Recipe, tmp_path: Path
) -> None:
    session = session_with(sounds, recipe, tmp_path)
    train = session.fold_split(POOLED, 1).train
    kinds_of: dict[str, list[str]] = {}
    for clip, kind in zip(train.clips, train.kinds, strict=True):
        kinds_of.setdefault(clip.name, []).append(KINDS[kind])
    assert kinds_of["19.wav"] == kinds_of["22.wav"] == ["trusted", "noisy"]
    assert kinds_of["23.wav"] == ["noisy"]
    assert kinds_of.get("00.wav", ["curated"]) == ["curated"]
    assert Counter(kind for kinds in kinds_of.values() for kind in kinds)["trusted"] == 4


def test_noisy_clips_that_another_stage_is_measured_on_are_held_out_in_pools_too(
    sounds: Path, recipe: Recipe, tmp_path: Path
) -> None:
    session = session_with(sounds, replace(recipe, stages=(NOISY, POOLED)), tmp_path)
    for fold in session.folds:
        held_out = {clip.name for clip in session.clips("noisy").held_out(fold).clips}
        train = session.fold_split(POOLED, fold).train
        assert held_out
        assert not held_out & {clip.name for clip, kind in zip(train.clips, train.kinds, strict=True) if kind}


def test_folds_of_the_dataset_hold_for_noisy_clips_too(sounds: Path, recipe: Recipe, tmp_path: Path) -> None:
    dataset = open_dataset(sounds)
    dataset = replace(dataset, clips=dataset.clips.assign(fold=np.arange(len(dataset.clips)) % 2 + 1))
    session = Session(dataset, RunSettings(str(sounds), recipe), Workspace(tmp_path))
    assert len(session.clips("noisy").held_out(1).clips) == 6


def test_counts_agree_with_the_batches_that_are_made(sounds: Path, recipe: Recipe, tmp_path: Path) -> None:
    for draws in (0, 24):
        stage = replace(POOLED, draws=draws)
        session = session_with(sounds, replace(recipe, stages=(stage,)), tmp_path)
        train = session.fold_split(stage, 1).train
        made = len(Batches(train, recipe, stage, 0, True))
        plan = plan_stage(session, 0, stage)
        assert session.count_batches(stage)[0] == plan["batches"] == made
        assert abs(session.expected_batches()[0] - made) <= 1
        assert plan["pools"]["noisy"] == {"clips": int((train.kinds == 2).sum()), "share": pytest.approx(0.2)}
        assert len(session.stage_rows(stage, 1)[0]) == len(train.clips)


def test_dataset_without_noisy_clips_draws_from_the_curated_ones_and_says_so(
    sounds: Path, recipe: Recipe, tmp_path: Path
) -> None:
    dataset = open_dataset(sounds)
    curated = replace(dataset, clips=dataset.subset("curated"))
    session = Session(curated, RunSettings(str(sounds), recipe), Workspace(tmp_path))
    assert session.subsets == ("curated",)
    assert set(session.fold_split(POOLED, 1).train.kinds) == {0}
    notes = " ".join(pool_notes(session))
    assert "has no trusted and no noisy clips, from which stage 1 draws" in notes
    assert "curated 1." in notes
    assert "No fold holds out" not in notes


# Whole runs


@pytest.fixture(scope="session")
def pooled_run(sounds: Path, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Run:
    from audiotag.training.runs import create_run

    home = Workspace(tmp_path_factory.mktemp("pooled"))
    mixed = replace(recipe, augment=(MixUp(0.4),))
    return work_and_record(create_run(home, RunSettings(str(sounds), mixed, device="cpu"))).run


def test_run_draws_from_pools_and_says_what_it_does(pooled_run: Run) -> None:
    plan = plan_of(pooled_run.events())
    assert plan is not None
    assert set(plan["stages"][0]["pools"]) == {"curated", "trusted", "noisy"}
    assert subsets_of(plan) == ["curated", "noisy"]
    assert any("No fold holds out noisy clips" in note for note in plan["notes"])
    assert len(events_of(pooled_run, "fold-finished")) == 2


def test_noisy_clips_that_every_fold_trained_on_have_no_out_of_fold_scores(pooled_run: Run) -> None:
    session = Session.open(pooled_run.settings(), pooled_run.workspace)
    barred = {
        clip.name: fold
        for clip, fold in zip(session.clips("noisy").clips, session.clips("noisy").folds.scored_with, strict=True)
        if fold
    }
    found = read_held_out(pooled_run).clips
    noisy = found[found["subset"] == "noisy"]
    assert dict(zip(noisy["clip"], noisy["fold"], strict=True)) == barred
    assert len(found[found["subset"] == "curated"]) == 16
    table = trained_on(session)
    rows = table[table["subset"] == "noisy"]
    for name, folds in zip(rows["clip"], rows["folds"], strict=True):
        assert folds.split() == [str(fold) for fold in session.folds if fold != barred.get(name)]


# Settings


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pools": {"curated": 0.5, "noisy": 0.4}}, "pools.the sum of pools must be 1, got 0.9"),
        ({"pools": {"curated": 1.5}}, "pools.curated must be a number from 0 to 1, got 1.5"),
        ({"pools": {"clean": 1.0}}, "pools.clean is not a known field"),
        ({"pools": 3}, "pools must be a table of fields, got 3"),
        ({"pools": {"curated": 1.0}, "shared": True}, "pools must be left out in a shared stage"),
        ({"draws": 1}, "draws must be a whole number from 2 to 10000000 clips, or 0"),
    ],
)
def test_wrong_pools_are_refused_with_a_sentence(change: dict, sentence: str) -> None:
    with pytest.raises(AudiotagError, match=sentence):
        replace(CURATED, **change)


def test_trusted_pool_needs_a_list(recipe: Recipe) -> None:
    with pytest.raises(AudiotagError, match=r"lists\.trust must name a list where a stage draws from trusted clips"):
        replace(recipe, lists=ClipLists())


def test_recipes_with_pools_survive_their_plain_values(recipe: Recipe) -> None:
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    old = RECIPE.to_dict()
    del old["lists"]
    for stage in old["stages"]:
        del stage["pools"], stage["draws"]
    assert Recipe.from_dict(old) == RECIPE
