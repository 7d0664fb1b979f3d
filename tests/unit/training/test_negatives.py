"""Negatives: sounds with none of the labels have their share of each batch, and change nothing where there are none."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.augmentation.chain import apply_all
from audiotag.augmentation.overlay import Overlay
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.training.batches import Batches
from audiotag.training.clips import Clip, LabelledClips
from audiotag.training.negative_clips import HELD_OUT_RENDERED, gather_negatives
from audiotag.training.negatives import Negatives, share_tagged
from audiotag.training.pool_notes import pool_notes
from audiotag.training.pools import Pools
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.reproduction import recipe_toml
from audiotag.training.runs import RunSettings
from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.training.subsets import fingerprint
from audiotag.workspace import Workspace

ClipOf = Callable[..., Clip]
RATE = 8000
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.25, n_fft=256, win_length=256, hop_length=128, n_mels=16, f_max=4000.0
)
STAGE = Stage("curated", 1, 1e-3)
RECIPE = Recipe("tiny", "Tiny", "For tests.", (STAGE,), batch_size=5, spectrogram=SETTINGS)
WITH = replace(RECIPE, negatives=Negatives(share=0.2))
N_CLIPS, N_NEGATIVES = 16, 3


def labelled(clip_of: ClipOf, count: int, name: str, targets: np.ndarray) -> LabelledClips:
    rng = np.random.default_rng(0)
    clips = [clip_of(f"{name}{number}.wav", rng.normal(0, 0.1, 2000).clip(-1, 1), RATE) for number in range(count)]
    return LabelledClips(clips, targets.astype(np.float32))


@pytest.fixture
def clips(clip_of: ClipOf) -> LabelledClips:
    return labelled(clip_of, N_CLIPS, "clip", np.eye(N_CLIPS))


@pytest.fixture
def negatives(clip_of: ClipOf) -> LabelledClips:
    return labelled(clip_of, N_NEGATIVES, "negative", np.zeros((N_NEGATIVES, N_CLIPS)))


def write_sounds(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        soundfile.write(folder / f"{number}.wav", np.random.default_rng(number).normal(0, 0.1, 3000), RATE)


# Batches


def test_each_batch_has_its_share_and_each_clip_comes_once(clips: LabelledClips, negatives: LabelledClips) -> None:
    batches = Batches(clips, WITH, STAGE, 1, training=True, negatives=negatives)
    assert len(batches) == WITH.batches_per_epoch(STAGE, N_CLIPS) == 4
    for epoch in range(2):
        made = list(batches.epoch(epoch))
        items = np.concatenate([batch.items for batch in made])
        assert [int((batch.items >= N_CLIPS).sum()) for batch in made] == [1, 1, 1, 1]
        assert sorted(items[items < N_CLIPS]) == list(range(N_CLIPS))
        for batch in made:
            assert not batch.targets[batch.items >= N_CLIPS].any()
            assert (batch.targets[batch.items < N_CLIPS].sum(axis=1) == 1).all()
            assert not batch.kinds.any()


def test_all_negatives_are_used_before_one_is_used_again(clips: LabelledClips, negatives: LabelledClips) -> None:
    batches = Batches(clips, WITH, STAGE, 1, training=True, negatives=negatives)
    for epoch in range(3):
        items = np.concatenate([batch.items for batch in batches.epoch(epoch)])
        counts = np.bincount(items[items >= N_CLIPS] - N_CLIPS, minlength=N_NEGATIVES)
        assert sorted(counts) == [1, 1, 2]


def test_held_out_clips_come_without_negatives(clips: LabelledClips, negatives: LabelledClips) -> None:
    batches = Batches(clips, WITH, STAGE, 1, training=False, negatives=negatives)
    assert sum(len(batch.items) for batch in batches.epoch(0)) == N_CLIPS


def test_recipe_without_negatives_draws_what_it_drew(clips: LabelledClips, negatives: LabelledClips) -> None:
    plain, asked = (Batches(clips, RECIPE, STAGE, 1, True, negatives=extra) for extra in (None, negatives))
    for mine, theirs in zip(plain.epoch(0), asked.epoch(0), strict=True):
        assert np.array_equal(mine.items, theirs.items)
        assert np.array_equal(mine.values, theirs.values)


def test_pools_and_balance_draw_labelled_clips_only(clips: LabelledClips, negatives: LabelledClips) -> None:
    kinds = np.arange(N_CLIPS) % 2 * 2  # curated and noisy in turn
    pooled = replace(STAGE, pools=Pools(curated=0.5, noisy=0.5), draws=80)
    mixed = LabelledClips(clips.clips, clips.targets, kinds)
    batches = Batches(mixed, replace(WITH, balance=1.0), pooled, 1, training=True, negatives=negatives)
    items = np.concatenate([batch.items for batch in batches.epoch(0)])
    assert len(items) == 100
    assert (items >= N_CLIPS).sum() == 20


def test_overlay_with_a_negative_has_the_labels_of_the_clip(clips: LabelledClips, negatives: LabelledClips) -> None:
    recipe = replace(WITH, augment=(Overlay(labels="both"),))
    batches = Batches(clips, recipe, STAGE, 1, training=True, negatives=negatives)
    for batch in batches.epoch(0):
        assert (batch.targets[batch.items < N_CLIPS][:, :].max(axis=1) == 1).all()  # none is weighted down
        assert set(np.unique(batch.targets)) <= {0.0, 1.0}


def test_negatives_are_never_mixed_with_clips(clip_of: ClipOf, clips: LabelledClips) -> None:
    many = labelled(clip_of, 20, "negative", np.zeros((20, N_CLIPS)))
    recipe = replace(WITH, batch_size=40, negatives=Negatives(0.5), augment=(Overlay(labels="both", alpha=10.0),))
    batches = Batches(clips, recipe, replace(STAGE, draws=20), 1, training=True, negatives=many)
    labels_of: dict[int, float] = {}
    for epoch in range(12):
        for batch in batches.epoch(epoch):
            for item, targets in zip(batch.items, batch.targets, strict=True):
                labels_of[item] = labels_of.get(item, 0) + targets.sum()
    assert not any(labels_of[item] for item in range(N_CLIPS, N_CLIPS + 20))


def test_silence_can_be_overlaid() -> None:
    batch = np.full((2, 1, 4, 3), -100.0, np.float32)  # the log-mel of digital silence
    batch[1] = np.linspace(-60, 0, 12).reshape(4, 3)
    mixed, targets = apply_all((Overlay(labels="both"),), batch, np.eye(2), np.random.default_rng(3))
    assert np.isfinite(mixed).all()
    assert (targets.diagonal() == 1).all()


# Recipes


def test_old_recipes_do_not_change() -> None:
    assert "negatives" not in load_recipe("default").to_dict()
    assert "negatives" not in recipe_toml(load_recipe("default"))
    assert fingerprint({}, ("a",)) == fingerprint({}, ("a",), ())


def test_recipe_with_negatives_survives_its_file(tmp_path: Path) -> None:
    recipe = replace(load_recipe("default"), negatives=Negatives(0.15, 50, str(tmp_path / "quiet rooms")))
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    path = tmp_path / "default.toml"
    path.write_text(recipe_toml(recipe), encoding="utf-8")
    assert load_recipe(str(path)) == recipe


def test_folder_is_relative_to_the_recipe_and_fields_replace_those_of_the_base(tmp_path: Path) -> None:
    base, derived = tmp_path / "base.toml", tmp_path / "derived.toml"
    base.write_text('base = "quick"\n[negatives]\nshare = 0.1\nfolder = "rooms"\n', encoding="utf-8")
    derived.write_text('base = "base.toml"\nnegatives = { share = 0.3 }\n', encoding="utf-8")
    assert load_recipe(str(derived)).negatives == Negatives(0.3, 200, str(tmp_path / "rooms"))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"share": 0.6}, r"negatives.share must be .*from 0 to 0.5"),
        ({"share": 0.1, "rendered": 0}, r"negatives.rendered must be at least 1 .* name a folder"),
        ({"share": 0.1, "sounds": 3}, r"negatives.sounds"),
        ({"share": "a tenth"}, r"negatives.share must be a number"),
    ],
)
def test_wrong_values_are_named(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(AudiotagError, match=sentence):
        Recipe.from_dict(RECIPE.to_dict() | {"negatives": values})


# Sounds


def test_rendered_and_own_sounds_are_gathered_and_some_held_out(tmp_path: Path) -> None:
    write_sounds(tmp_path / "rooms", 10)
    found = gather_negatives(
        Negatives(0.1, 12, str(tmp_path / "rooms")), SETTINGS, ("Bark",), 42, Workspace(tmp_path / "workspace")
    )
    assert (len(found.train.clips), len(found.held_out.clips)) == (12 + 8, HELD_OUT_RENDERED + 2)
    assert not {clip.path for clip in found.train.clips} & {clip.path for clip in found.held_out.clips}
    assert found.train.targets.shape == (20, 1)
    assert not found.train.targets.any()
    assert not found.problems


def test_unreadable_sound_of_the_folder_is_named_and_left_out(tmp_path: Path) -> None:
    write_sounds(tmp_path / "rooms", 3)
    (tmp_path / "rooms" / "broken.wav").write_bytes(b"no sound at all")
    negatives = Negatives(0.1, 0, str(tmp_path / "rooms"))
    found = gather_negatives(negatives, SETTINGS, ("Bark",), 42, Workspace(tmp_path / "workspace"))
    assert [clip.name for clip in found.train.clips] == ["0.wav", "1.wav", "2.wav"]
    assert [problem.clip for problem in found.problems] == ["broken.wav"]


@pytest.mark.parametrize("folder", ["none", "empty"])
def test_folder_without_sounds_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudiotagError, match=r"negatives\.folder must .*" + re.escape(str(tmp_path / folder))):
        Negatives(0.1, 10, str(tmp_path / folder)).sounds()


def test_sentence_says_what_is_added_and_what_a_label_forbids(tmp_path: Path) -> None:
    assert Negatives().sentence(("Hum",)) == ""
    said = Negatives(0.1, 50, "/rooms").sentence(("Hum", "Bark"))
    assert said == (
        "10 % of each batch are sounds with none of the labels: 50 rendered noises, tones, sweeps, clicks and "
        "silences, and the sounds in /rooms. No hums, because Hum is a label."
    )


def test_stage_may_have_no_negatives(short_sounds: Path, tmp_path: Path) -> None:
    without = replace(STAGE, negatives=False)
    recipe = replace(WITH, stages=(without, STAGE), fold_method="stratified", folds=2)
    assert [recipe.batches_per_epoch(stage, 20) for stage in recipe.stages] == [4, 5]
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert ["negatives" in values for values in recipe.to_dict()["stages"]] == [True, False]
    session = Session.open(RunSettings(str(short_sounds), recipe, device="cpu"), Workspace(tmp_path))
    for stage, has_some in zip(recipe.stages, (False, True), strict=True):
        split = session.fold_split(stage, session.folds[0])
        assert (split.negatives is not None) == (split.held_out_negatives is not None) == has_some
    assert any(note.startswith("In stage 2, 20 % of each batch are sounds") for note in pool_notes(session))


def test_share_without_a_stage_that_has_negatives_is_refused() -> None:
    with pytest.raises(AudiotagError, match=r"negatives\.share must be 0 where all stages say negatives = false"):
        replace(WITH, stages=(replace(STAGE, negatives=False),))


def test_share_tagged_counts_sounds_with_a_high_score() -> None:
    assert share_tagged(np.array([[0.1, 0.5], [0.49, 0.2], [0.9, 0.9], [0, 0]])) == 0.5
