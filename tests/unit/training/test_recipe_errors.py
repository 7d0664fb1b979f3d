"""A recipe that cannot be trained is refused field by field, with file, rule and value."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from audiotag.augmentation.mask import Mask
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.xresnet.model import build_network
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.stage import Stage

from .recipe_files import GOOD, recipe_file


@pytest.mark.parametrize(
    ("old", "new", "field", "value"),
    [
        ("folds = 3", "fods = 3", "fods", "folds"),
        ("folds = 3", "folds = 1", "folds", "1"),
        ("folds = 3", "folds = 2.5", "folds", "2.5"),
        ("folds = 3", "folds = inf", "folds", "inf"),
        ("folds = 3", "folds = nan", "folds", "nan"),
        ("folds = 3", "folds = true", "folds", "True"),
        ("folds = 3", 'folds = "three"', "folds", "three"),
        ("folds = 3", "batch_size = 1", "batch_size", "1"),
        ("folds = 3", "seed = -1", "seed", "-1"),
        ("folds = 3", "seed = 99999999999", "seed", "99999999999"),
        ("folds = 3", 'optimiser = "adamw"', "optimiser", "adamw"),
        ("folds = 3", "optimiser = 3", "optimiser", "3"),
        ("folds = 3", 'schedule = "linear"', "schedule", "linear"),
        ("folds = 3", 'fold_method = "random"', "fold_method", "random"),
        ("folds = 3", 'name = "../elsewhere"', "name", "../elsewhere"),
        ("folds = 3", 'name = ""', "name", "''"),
        ("folds = 3", 'loss = "hinge"', "loss", "hinge"),
        ("folds = 3", 'loss = { kind = "focal", gamma = 1 }', "loss, focal", "no parameters"),
        ("folds = 3", 'loss = { kind = "lq", q = 2 }', "loss, lq: q", "got 2"),
        ("folds = 3", "loss = { q = 0.5 }", "loss.kind", "None"),
        ("folds = 3", "loss = 3", "loss must", "got 3"),
        ("folds = 3", 'losses = { curated = "bce" }', "losses.curated", "trusted, noisy"),
        ("folds = 3", 'losses = { noisy = "hinge" }', "losses.noisy", "hinge"),
        ("folds = 3", "losses = { noisy = 3 }", "losses.noisy", "got 3"),
        ("folds = 3", 'losses = "bce"', "losses", "table"),
        ("folds = 3", 'schedule = { kind = "plateau", factor = 1.0 }', "schedule, plateau: factor", "1.0"),
        ("folds = 3", "beta_2 = 0.1", "beta_2", "0.1"),
        ("folds = 3", 'weights = "newest"', "weights", "newest"),
        ("epochs = 3", "epochs = 3\nstop_after = 2", "stages.stop_after", "use plateau or constant"),
        ("epochs = 3", 'epochs = 3\nschedule = "linear"', "stages.", "not a known schedule"),
        ("folds = 3", "weight_decay = -0.1", "weight_decay", "0.01 is fastai's"),
        ("folds = 3", "weight_decay = 2", "weight_decay", "got 2"),
        ("folds = 3", "time_mask = 4", "time_mask", "augment"),
        ("balance = 0.5", "balance = 2.5", "balance", "2.5"),
        ("balance = 0.5", "balance = -0.1", "balance", "-0.1"),
        ("balance = 0.5", "fraction = 0.0", "fraction", "0.0"),
        ("balance = 0.5", "fraction = 50", "fraction", "write 0.2 for 20 %"),
        ("balance = 0.5", "augment_held_out = 1", "augment_held_out", "1"),
        ("balance = 0.5", 'whole_frames = "no"', "whole_frames", "no"),
        ('kind = "mask"', 'kind = "msk"', "augment.kind", "resized-crop"),
        ('kind = "mask"', "kind = 3", "augment.kind", "3"),
        ('kind = "mask"', "", "augment.kind", "None"),
        ('axis = "mel"', 'axis = "bands"', "augment, mask: axis", "bands"),
        ('axis = "mel"', "", "augment, mask: axis", "missing"),
        ("width = 4", "widht = 4", "augment, mask: widht", "width"),
        ("width = 4", "width = 4.5", "augment, mask: width", "4.5"),
        ("width = 4", "width = 0", "augment, mask: width", "0"),
        ("width = 4", "width = 65", "augment, mask: the width in bands", "the spectrogram's 64"),
        ("width = 4", "width = 4\np = 1.5", "augment, mask: p", "1.5"),
        ("width = 4", "width = 4\nexact = 1", "augment, mask: exact", "1"),
        ('title = "Mine"', "", "title", "missing"),
        ('title = "Mine"', "title = 3", "title", "3"),
        ('preset = "argus"', 'preset = "other"', "preset", "other"),
        ('preset = "argus"', "preset = [1]", "preset", "[1]"),
        ("n_mels = 64", "n_mel = 64", "spectrogram.n_mel ", "n_mels"),
        ("n_mels = 64", "n_mels = 3", "n_mels", "3"),
        ("n_mels = 64", 'f_max = "high"', "spectrogram.f_max", "high"),
        ("n_mels = 64", "f_max = 44100", "f_max", "44100"),
        ("n_mels = 64", 'mel_scale = "bark"', "mel_scale", "bark"),
        ("width = 0.25", "widht = 0.25", "network.widht", "width"),
        ("width = 0.25", "width = 0.0", "width", "0.0"),
        ("width = 0.25", "depth = 19", "network.depth", "19"),
        ("width = 0.25", 'kind = "resnext"', "network.kind must be one of", "xresnet"),
        ("width = 0.25", "self_attention = 1", "network.self_attention", "1"),
        ("epochs = 2", "epoch = 2", "stages.epoch ", "epochs"),
        ("epochs = 2", "", "stages.epochs", "missing"),
        ("epochs = 2", "epochs = 0", "stages.epochs", "0"),
        ("lr = 1e-3", "lr = 0.0", "stages.lr", "0.0"),
        ("lr = 1e-3", "lr = nan", "stages.lr", "nan"),
        ("lr = 1e-3", 'lr = "slow"', "stages.lr", "slow"),
        ("mixup = 0.4", "mixup = -1", "stages.mixup", "-1"),
        ('subset = "noisy"', 'subset = "test"', "stages.subset", "test"),
        ("epochs = 2", "epochs = 2\nsize = 8", "stages.size", "8"),
        ("epochs = 2", "epochs = 2\nmin_clips = 1", "stages.min_clips", "1"),
        ("epochs = 2", "epochs = 2\nmin_clips = 320\ndraws = 64", "stages.min_clips", "beside draws"),
        ("epochs = 2", "epochs = 2\nsize = 1025", "stages.size", "1025"),
        ("epochs = 2", "epochs = 2\nsize = 128.5", "stages.size", "128.5"),
        ("epochs = 2", 'epochs = 2\nstart = "optimiser"', "stages.start", "weights and optimiser"),
        ("epochs = 2", 'epochs = 2\nshared = "yes"', "stages.shared", "yes"),
        ("epochs = 3", "epochs = 3\nshared = true", "stages.shared", "[False, True]"),
        ("epochs = 3", 'epochs = 3\nwithout = ["overley"]', "stages.without", "overlay"),
        ("epochs = 3", 'epochs = 3\nwithout = "overlay"', "stages.without must be a list", "'overlay'"),
        ("epochs = 3", "epochs = 3\nwithout = [3]", "stages.without must be a list", "(3,)"),
    ],
)
def test_wrong_field_is_named_with_its_file_and_value(
    tmp_path: Path, old: str, new: str, field: str, value: str
) -> None:
    assert GOOD.count(old) == 1
    path = recipe_file(tmp_path, GOOD.replace(old, new))
    with pytest.raises(AudiotagError) as caught:
        load_recipe(path)
    message = str(caught.value)
    assert message.startswith("mine.toml: ")
    assert field in message
    assert value in message


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('title = "a"\nabout = "b"', "stages must hold at least one stage"),
        ('title = "a"\nabout = "b"\nstages = []', "stages must hold at least one stage"),
        ('title = "a"\nabout = "b"\nstages = 3', "stages must be a list of tables, got 3"),
        ('title = "a"\nabout = "b"\nstages = ["noisy"]', "stages must be a table of fields, got 'noisy'"),
        ('title = "a"\nabout = "b"\nspectrogram = 3', "spectrogram must be a table of fields, got 3"),
        ('title = "a"\nabout = "b"\nnetwork = "big"', "network must be a table of fields, got 'big'"),
        ('title = "a', "cannot be read as TOML"),
        ("", "stages must hold|title is missing"),
    ],
)
def test_file_of_a_wrong_structure_is_refused(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(AudiotagError, match=named) as caught:
        load_recipe(recipe_file(tmp_path, text))
    assert "mine.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("augment = 3", "augment must be a list of tables, got 3"),
        ('augment = ["mask"]', r"augment must be a list of tables, got \['mask'\]; write \[\[augment\]\] above each"),
        ('augment = {kind = "mask"}', "augment must be a list of tables"),
    ],
)
def test_augment_of_a_wrong_structure_is_refused_with_the_right_one(tmp_path: Path, text: str, named: str) -> None:
    start, end = GOOD.split("[[augment]]")
    with pytest.raises(AudiotagError, match=named):
        load_recipe(recipe_file(tmp_path, start + text + "\n" + end[end.index("[spectrogram]") :]))


@pytest.mark.parametrize(
    ("extra", "field", "value"),
    [
        ('kind = "gain"\nmin_db = 3\nmax_db = 1', "augment, gain: min_db", "3"),
        ('kind = "gain"\nmin_db = "low"', "augment, gain: min_db", "low"),
        ('kind = "noise"\ncolour = "brown"', "augment, noise: colour", "brown"),
        ('kind = "resized-crop"\nmax_scale = 2.0', "augment, resized-crop: max_scale", "2.0"),
        ('kind = "lighting"\nmax_lighting = 1.0', "augment, lighting: max_lighting", "1.0"),
        ('kind = "specmix"\ntime_width = 5000', "augment, specmix: the width in frames", "5000"),
        ('kind = "sigmoid"\ndomain = "sound"', "augment, sigmoid: domain", "sound"),
        ('kind = "sigmoid"\ndomain = ["waveform"]', "augment, sigmoid: domain", "waveform"),
        ('kind = "mask"\naxis = "time"\nwidth = 300', "augment, mask: the width in frames", "300"),
    ],
)
def test_wrong_field_of_any_augmentation_is_named(tmp_path: Path, extra: str, field: str, value: str) -> None:
    with pytest.raises(AudiotagError) as caught:
        load_recipe(recipe_file(tmp_path, f"{GOOD}\n[[augment]]\n{extra}\n"))
    assert str(caught.value).startswith(f"mine.toml: {field}")
    assert value in str(caught.value)


def test_mask_may_be_as_wide_as_the_spectrogram(tmp_path: Path) -> None:
    assert load_recipe(recipe_file(tmp_path, GOOD.replace("width = 4", "width = 64"))).augment == (Mask("mel", 64),)


def test_masks_must_fit_the_log_mel_and_specmix_the_resized_network_input(tmp_path: Path) -> None:
    """A stage of 32 × 32: masks act before the resize, SpecMix after it."""
    small = GOOD.replace("epochs = 3", "epochs = 3\nsize = 32")
    assert load_recipe(recipe_file(tmp_path, small.replace("width = 4", "width = 60"))).stages[1].size == 32
    with pytest.raises(AudiotagError, match="specmix: the width in frames must be at most the spectrogram's 32"):
        load_recipe(recipe_file(tmp_path, small + '\n[[augment]]\nkind = "specmix"\ntime_width = 60\n'))


def test_masks_after_a_crop_must_fit_the_crop(tmp_path: Path) -> None:
    crop, mask = (
        '\n[[augment]]\nkind = "crop"\nframes = 20\n',
        '\n[[augment]]\nkind = "mask"\naxis = "time"\nwidth = 30\n',
    )
    assert load_recipe(recipe_file(tmp_path, GOOD + mask + crop)).frames_of(load_recipe("quick").stages[0]) == 20
    with pytest.raises(AudiotagError, match="augment, mask: the width in frames must be at most the spectrogram's 20"):
        load_recipe(recipe_file(tmp_path, GOOD + crop + mask))


def test_network_input_narrower_than_the_network_needs_is_refused(tmp_path: Path) -> None:
    crop, network = '\n[[augment]]\nkind = "crop"\nframes = 5\n', "width = 0.25\nframes_at_once = {}\npool = '{}'"
    for at_once, pool, holds in ((5, "max", True), (6, "max", False), (1, "max-blur", True), (2, "max-blur", False)):
        changed = GOOD.replace("width = 0.25", network.format(at_once, pool)).replace("argus", "capstone")
        text = recipe_file(tmp_path, changed + crop)
        if holds:
            recipe = load_recipe(text)
            build_network(recipe.network, 3).train()(torch.zeros(2, 1, 64, 5))
        else:
            with pytest.raises(
                AudiotagError, match="network input must have at least 6 frames for this network, got 5"
            ):
                load_recipe(text)


def test_other_spectrogram_settings_are_checked_against_the_masks(tmp_path: Path) -> None:
    recipe = load_recipe(recipe_file(tmp_path, GOOD.replace("width = 4", "width = 60")))
    with pytest.raises(AudiotagError, match="augment, mask: the width in bands must be at most the spectrogram's 32"):
        recipe.with_spectrogram(SpectrogramSettings(n_mels=32))
    assert recipe.with_spectrogram(SpectrogramSettings()).spectrogram == SpectrogramSettings()


# Stages


STAGE: dict[str, Any] = {"subset": "noisy", "epochs": 1, "lr": 1e-3}
CURATED = {"subset": "curated"}


def stages(*given: dict[str, Any]) -> tuple[Stage, ...]:
    return tuple(Stage(**STAGE | fields) for fields in given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (stages({"shared": True}), "be true only for leading stages"),
        (stages({"shared": True}, {"shared": True}), "at least one later stage must not be shared"),
        (stages(CURATED, {"shared": True}), "be true only for leading stages"),
        (stages({"shared": True}, CURATED, {"shared": True}), "be true only for leading stages"),
        (stages({"shared": True}, {}), "not be true for a subset that a later stage trains on"),
        (stages({"shared": True}, CURATED, {}), "or folds would be measured on clips they have seen, got noisy"),
    ],
)
def test_shared_stage_in_a_wrong_place_is_refused(given: tuple[Stage, ...], message: str) -> None:
    with pytest.raises(AudiotagError, match=r"stages\.shared must") as caught:
        replace(load_recipe("quick"), stages=given)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{"agreed": 5}], "be 0 in a noisy or shared stage, and in one that starts from scratch, got 5"),
        ([{}, CURATED | {"agreed": 5, "start": "scratch"}], "be 0 in a noisy or shared stage"),
        ([{}, CURATED | {"agreed": -1}], "be a whole number from 0 to 10000 clips, got -1; 5 is common"),
        ([CURATED | {"agreed": 5}], "be 0 in the first stage, got 5; there is no network yet that could agree"),
    ],
)
def test_agreeing_clips_need_a_curated_stage_and_a_network_of_a_stage_before(
    given: list[dict[str, Any]], message: str
) -> None:
    values = load_recipe("quick").to_dict() | {"stages": [STAGE | fields for fields in given]}
    with pytest.raises(AudiotagError, match=r"stages\.agreed must") as caught:
        Recipe.from_dict(values)
    assert message in str(caught.value)
    right = stages({}, CURATED, CURATED | {"agreed": 5})
    assert replace(load_recipe("quick"), stages=right).stages == right


@pytest.mark.parametrize(
    "given", [stages({"shared": True}, CURATED), stages({"shared": True}, {"shared": True}, CURATED, CURATED)]
)
def test_shared_first_stages_of_a_subset_of_their_own_are_accepted(given: tuple[Stage, ...]) -> None:
    assert replace(load_recipe("quick"), stages=given).stages == given


def test_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00title")
    with pytest.raises(AudiotagError, match=r"mine\.toml cannot be read as TOML"):
        load_recipe(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize("name", ["quik", "nowhere/mine.toml", "", "recipe.txt"])
def test_unknown_recipe_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(
        AudiotagError, match=r"is not a recipe; choose one of .*capstone, capstone-intended, default"
    ) as caught:
        load_recipe(name)
    assert name in str(caught.value)
