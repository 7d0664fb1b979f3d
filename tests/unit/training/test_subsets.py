"""Subsets: a fold never trains on clips that it holds out, and both are the same each time they are read."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.metrics import multi_hot
from audiotag.training.clips import KINDS, Clip, LabelledClips
from audiotag.training.recipe import Recipe
from audiotag.training.runs import SHARED_FOLD, RunSettings
from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.training.subsets import SubsetClips, SubsetFolds, fingerprint
from audiotag.workspace import Workspace

RATE = 8000
LABELS = ("Buzz", "Hiss", "Hum")
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.25, n_fft=256, win_length=256, hop_length=128, n_mels=16, f_max=4000.0
)
SHARED = Stage("noisy", 1, 1e-3, shared=True)
CURATED = Stage("curated", 1, 1e-3)
RECIPE = Recipe("tiny", "Tiny", "For tests.", (SHARED, CURATED), folds=3, spectrogram=SETTINGS)


def subset_of(count: int = 100, recipe: Recipe = RECIPE) -> SubsetClips:
    """Clips that are on no disk, in five folds, a tenth of them held out of the shared network."""
    clips = [Clip(f"{number}.wav", Path(f"{number}.wav"), 0, 1000 + number, True) for number in range(count)]
    targets = np.eye(3, dtype=np.float32)[np.arange(count) % 3]
    folds = SubsetFolds("noisy", recipe, 1 + np.arange(count) % 5, np.arange(count) % 10 == 4)
    return SubsetClips(clips, targets, folds, ())


def names(part: LabelledClips) -> list[str]:
    return [clip.name for clip in part.clips]


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Twelve curated and twelve noisy clips, one of each no sound."""
    for subset in ("train_curated", "train_noisy"):
        (tmp_path / "sounds" / subset).mkdir(parents=True)
        lines = ["fname,labels"]
        for number in range(12):
            rng = np.random.default_rng((len(subset), number))
            sound = rng.normal(0, 0.1, rng.integers(1000, 6000))
            soundfile.write(tmp_path / "sounds" / subset / f"{number}.wav", sound, RATE)
            lines.append(f'{number}.wav,"{LABELS[number % 3]},{LABELS[(number + 1) % 3]}"')
        (tmp_path / "sounds" / subset / "broken.wav").write_text("no sound")
        (tmp_path / "sounds" / f"{subset}.csv").write_text("\n".join([*lines, "broken.wav,Hum"]) + "\n")
    return tmp_path / "sounds"


@pytest.fixture
def own_folds(tmp_path: Path) -> Path:
    """Eight clips with folds of the dataset's own, 0 to 3."""
    (tmp_path / "own").mkdir()
    lines = ["fname,label,fold"]
    for number in range(8):
        soundfile.write(tmp_path / "own" / f"{number}.wav", np.random.default_rng(number).normal(0, 0.1, 2000), RATE)
        lines.append(f"{number}.wav,{LABELS[number % 3]},{number % 4}")
    (tmp_path / "own" / "clips.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "own"


def read(dataset: Dataset, workspace: Workspace, name: str = "curated", **settings: object) -> SubsetClips:
    given = RunSettings(str(dataset.root), RECIPE, **settings)  # type: ignore[arg-type]
    return Session(dataset, given, workspace).clips(name)


# Folds


@pytest.mark.parametrize("fold", [1, 3, 5, SHARED_FOLD])
def test_clip_is_either_trained_on_or_held_out(fold: int) -> None:
    subset = subset_of()
    train, held_out = subset.train(fold), subset.held_out(fold)
    assert not set(names(train)) & set(names(held_out))
    assert sorted(names(train) + names(held_out)) == sorted(clip.name for clip in subset.clips)
    assert len(held_out.clips) == (10 if fold == SHARED_FOLD else 20)
    for part in (train, held_out):
        rows = [int(Path(name).stem) for name in names(part)]
        np.testing.assert_array_equal(part.targets, subset.targets[rows])


def test_clips_of_a_subset_are_of_its_kind() -> None:
    assert set(subset_of().train(1).kinds.tolist()) == {KINDS.index("noisy")}


def test_every_clip_is_held_out_of_exactly_one_fold() -> None:
    subset = subset_of()
    held_out = [name for fold in range(1, 6) for name in names(subset.held_out(fold))]
    assert sorted(held_out) == sorted(clip.name for clip in subset.clips)


@pytest.mark.parametrize("fold", [1, 2, SHARED_FOLD])
@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.999])
def test_fraction_is_that_share_of_the_training_clips_and_of_no_others(fraction: float, fold: int) -> None:
    whole, some = subset_of(), subset_of(recipe=replace(RECIPE, fraction=fraction))
    everything, train = names(whole.train(fold)), names(some.train(fold))
    assert len(train) == len(set(train)) == round(fraction * len(everything))
    assert [name for name in everything if name in train] == train  # in their order
    assert names(some.train(fold)) == train  # the same each time it is asked
    assert names(some.held_out(fold)) == names(whole.held_out(fold))


def test_fraction_differs_between_folds_and_seeds_and_leaves_one_clip_at_least() -> None:
    some = subset_of(recipe=replace(RECIPE, fraction=0.5))
    common = set(names(subset_of().train(1))) & set(names(subset_of().train(2)))
    assert set(names(some.train(1))) & common != set(names(some.train(2))) & common
    other = subset_of(recipe=replace(RECIPE, fraction=0.5, seed=43))
    assert names(other.train(1)) != names(some.train(1))
    assert len(subset_of(recipe=replace(RECIPE, fraction=0.001)).train(1).clips) == 1


@pytest.mark.parametrize("fold", [6, 1])
def test_fold_without_clips_on_both_sides_is_refused_by_name(fold: int) -> None:
    folds = replace(subset_of().folds, folds=np.ones(100, dtype=int))
    with pytest.raises(
        AudiotagError, match=f"fold {fold} must hold out some of the 100 noisy clips and train on others"
    ):
        folds.check_fold(fold)
    subset_of().folds.check_fold(1)
    subset_of().folds.check_fold(SHARED_FOLD)


# From a dataset


@pytest.mark.parametrize("name", ["curated", "noisy"])
def test_clips_that_cannot_be_read_are_left_out_with_a_reason(name: str, sounds: Path, workspace: Workspace) -> None:
    dataset = open_dataset(sounds)
    subset = read(dataset, workspace, name)
    rows = dataset.subset(name).set_index("clip")
    clips = [clip.name for clip in subset.clips]
    assert set(clips) == set(rows.index) - {"broken.wav"}
    (problem,) = subset.problems
    assert problem.startswith("broken.wav cannot be read as a sound")
    np.testing.assert_array_equal(subset.targets, multi_hot([rows.at[clip, "labels"] for clip in clips], LABELS))
    assert set(subset.folds.folds) == {1, 2, 3}


def test_only_the_subset_of_shared_stages_has_clips_held_out_of_them(sounds: Path, workspace: Workspace) -> None:
    dataset = open_dataset(sounds)
    curated, noisy = (read(dataset, workspace, name) for name in ("curated", "noisy"))
    assert not curated.folds.in_shared.any()
    assert 1 <= noisy.folds.in_shared.sum() <= 2  # a tenth of twelve
    noisy.folds.check_fold(SHARED_FOLD)
    with pytest.raises(AudiotagError, match="the network that all folds share must hold out some"):
        curated.folds.check_fold(SHARED_FOLD)


def test_fold_held_out_for_testing_takes_no_part(own_folds: Path, workspace: Workspace) -> None:
    dataset = open_dataset(own_folds)
    every, some = read(dataset, workspace), read(dataset, workspace, held_out=3)
    assert {clip.name for clip in every.clips} == {f"{number}.wav" for number in range(8)}
    assert {clip.name for clip in some.clips} == {f"{number}.wav" for number in (0, 1, 2, 4, 5, 6)}
    assert set(some.folds.folds) == {0, 1, 2}
    assert {clip.name for clip in some.held_out(0).clips} == {"0.wav", "4.wav"}  # by the dataset's own numbers


def test_what_the_index_knows_is_not_decoded_again_and_gives_the_same(
    sounds: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audiotag.training import clips as clips_module

    decoded: list[str] = []
    read: Callable = clips_module.LongSound
    monkeypatch.setattr(clips_module, "LongSound", lambda path, *args: decoded.append(path.name) or read(path, *args))
    dataset = open_dataset(sounds)
    recipe = replace(RECIPE, spectrogram=SETTINGS.with_changes(trim_db=0.0))
    known = Session(dataset, RunSettings(str(sounds), recipe), workspace).clips("curated")
    assert decoded == []
    anew, _ = clips_module.prepare_clips(dataset.subset("curated"), recipe.spectrogram)
    assert len(decoded) == 13
    assert known.clips == [clip for clip in anew if clip is not None]


# Fingerprint


def test_fingerprint_is_the_same_whenever_the_same_clips_are_read(sounds: Path, workspace: Workspace) -> None:
    marks = set()
    for home in (workspace, workspace, Workspace(workspace.root / "fresh")):
        dataset = open_dataset(sounds)
        subsets = {name: read(dataset, home, name) for name in ("noisy", "curated")}
        marks.add(fingerprint(subsets, dataset.labels))
        marks.add(fingerprint(dict(reversed(subsets.items())), dataset.labels))
    assert len(marks) == 1


@pytest.mark.parametrize("change", ["clip", "trim", "label", "fold", "shared", "vocabulary", "subset", "order"])
def test_fingerprint_changes_with_everything_that_training_uses(change: str) -> None:
    subset, labels = subset_of(10), LABELS
    before = fingerprint({"curated": subset}, labels)
    clips, targets, folds, shared = (
        list(subset.clips),
        subset.targets.copy(),
        subset.folds.folds.copy(),
        subset.folds.in_shared.copy(),
    )
    if change == "clip":
        clips[3] = replace(clips[3], name="other.wav")
    elif change == "trim":
        clips[3] = replace(clips[3], end=clips[3].end - 1)
    elif change == "label":
        targets[3] = np.roll(targets[3], 1)
    elif change == "fold":
        folds[[3, 4]] = folds[[4, 3]]
    elif change == "shared":
        shared[[3, 4]] = shared[[4, 3]]
    elif change == "order":
        clips.reverse()
    changed_folds = replace(subset.folds, folds=folds, in_shared=shared)
    changed = replace(subset, clips=clips, targets=targets, folds=changed_folds)
    after = fingerprint(
        {"noisy" if change == "subset" else "curated": changed},
        (*labels[:2], "Bang") if change == "vocabulary" else labels,
    )
    assert after != before


def test_a_file_that_changes_or_comes_changes_the_fingerprint(sounds: Path, workspace: Workspace) -> None:
    def mark() -> str:
        dataset = open_dataset(sounds)
        return fingerprint({"curated": read(dataset, workspace)}, dataset.labels)

    before = mark()
    soundfile.write(sounds / "train_curated" / "3.wav", np.random.default_rng(9).normal(0, 0.1, 7000), RATE)
    longer = mark()
    with (sounds / "train_curated.csv").open("a") as table:
        table.write("new.wav,Hum\n")
    soundfile.write(sounds / "train_curated" / "new.wav", np.random.default_rng(9).normal(0, 0.1, 7000), RATE)
    assert len({before, longer, mark()}) == 3
