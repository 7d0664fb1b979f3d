"""Shipped recipes load, a user's own is checked field by field, and JSON brings back the same recipe."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from audiotag.augmentation.base import AUGMENTATIONS, Augmentation
from audiotag.augmentation.equaliser import Equaliser
from audiotag.augmentation.gain import Gain
from audiotag.augmentation.lighting import Lighting
from audiotag.augmentation.mask import Mask
from audiotag.augmentation.mixup import MixUp
from audiotag.augmentation.noise import Noise
from audiotag.augmentation.overlay import Overlay
from audiotag.augmentation.resized_crop import RandomResizedCrop
from audiotag.augmentation.shift import Shift
from audiotag.augmentation.sigmoid_mixer import SigmoidMixer
from audiotag.augmentation.specmix import SpecMix
from audiotag.augmentation.time_crop import TimeCrop
from audiotag.errors import AudiotagError
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.networks.xresnet.model import build_network
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.training.recipe import Recipe, Stage, load_recipe, recipe_names

GOOD = """
title = "Mine"
about = "For tests."
preset = "argus"
folds = 3
balance = 0.5

[[augment]]
kind = "mask"
axis = "mel"
width = 4

[spectrogram]
n_mels = 64

[network]
width = 0.25

[[stages]]
subset = "noisy"
epochs = 2
lr = 1e-3

[[stages]]
subset = "curated"
epochs = 3
lr = 2e-3
mixup = 0.4
"""
EVERY_AUGMENTATION = """
[[augment]]
kind = "gain"
min_db = -3

[[augment]]
kind = "noise"
colour = "pink"

[[augment]]
kind = "mask"
axis = "time"
width = 12
exact = false
count = 2

[[augment]]
kind = "shift"
axis = "mel"
most = 4

[[augment]]
kind = "crop"
frames = 60

[[augment]]
kind = "equaliser"
deviation_db = 3

[[augment]]
kind = "resized-crop"

[[augment]]
kind = "overlay"
labels = "both"

[[augment]]
kind = "lighting"
max_lighting = 0.1

[[augment]]
kind = "specmix"
mel_width = 20

[[augment]]
kind = "sigmoid"
domain = "waveform"

[[augment]]
kind = "mixup"
alpha = 1
"""


def recipe_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipe_loads_and_has_a_title_and_a_description(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.title
    assert recipe.about.endswith(".")
    assert {stage.subset for stage in recipe.stages} == {"noisy", "curated"}


def test_recipes_that_page_and_command_offer_are_shipped() -> None:
    assert recipe_names() == ["capstone", "capstone-intended", "default", "quick"]


# The published method, field by field

MASKS = (Mask("time", 8, exact=True, count=1, p=1.0), Mask("mel", 8, exact=True, count=1, p=1.0))
PUBLISHED = {
    "folds": 5,
    "fold_method": "shuffled",
    "seed": 42,
    "batch_size": 64,
    "optimiser": "ranger",
    "schedule": "flat-cosine",
    "weight_decay": 0.01,
    "loss": "bce",
    "augment_held_out": True,
    "whole_frames": False,
    "balance": 0.0,
    "fraction": 1.0,
    "network": XResNetSettings(
        depth=50, width=1.0, stem=32, activation="mish", self_attention=True, pool="max-blur", dropout=0.0
    ),
}
PUBLISHED_SPECTROGRAM = {
    "sample_rate": 44_100,
    "clip_s": 2.0,
    "n_fft": 2560,
    "win_length": 1024,
    "hop_length": 690,
    "n_mels": 128,
    "f_min": 20.0,
    "f_max": 20_000.0,
    "top_db": 60.0,
    "mel_scale": "htk",
    "mel_norm": "none",
    "window": "hann",
    "power": 2.0,
    "padding": "zeros",
    "trim_db": 20.0,
    "trim_pad_s": 0.02,
    "mean_db": 0.0,
    "std_db": 1.0,
    "deltas": 0,
    "resize": 0,
}
PUBLISHED_STAGES = [
    ("noisy", 10, 3e-3, 0.0, "weights", False),
    ("noisy", 10, 1e-3, 0.0, "weights and optimiser", False),
    ("curated", 50, 3e-4, 0.4, "weights and optimiser", False),
]


@pytest.mark.parametrize(
    ("name", "augment", "normalise", "sizes"),
    [
        ("capstone", MASKS, "none", [0, 0, 0]),
        ("capstone-intended", (*MASKS, Lighting(max_lighting=0.2, p=0.75)), "batch", [0, 256, 256]),
    ],
)
def test_capstone_is_the_published_method_field_by_field(
    name: str, augment: tuple[Augmentation, ...], normalise: str, sizes: list[int]
) -> None:
    recipe = load_recipe(name)
    compared_below = {"name", "title", "about", "stages", "spectrogram", "augment"}
    assert {field: getattr(recipe, field) for field in vars(recipe) if field not in compared_below} == PUBLISHED
    assert asdict(recipe.spectrogram) == PUBLISHED_SPECTROGRAM | {"normalise": normalise}
    assert recipe.augment == augment
    assert [(s.subset, s.epochs, s.lr, s.mixup, s.start, s.shared) for s in recipe.stages] == PUBLISHED_STAGES
    assert [stage.size for stage in recipe.stages] == sizes
    spectrograms = [recipe.spectrogram_of(stage) for stage in recipe.stages]
    assert [(settings.channels, settings.height, settings.width) for settings in spectrograms] == [
        (1, size or 128, size or 128) for size in sizes
    ]
    assert recipe.final_spectrogram == spectrograms[-1]


def test_own_recipe_takes_its_name_from_the_file_and_changes_its_preset(tmp_path: Path) -> None:
    recipe = load_recipe(recipe_file(tmp_path, GOOD))
    assert recipe.name == "mine"
    assert recipe.spectrogram == PRESETS["argus"].with_changes(n_mels=64)
    assert [(s.subset, s.epochs, s.lr, s.mixup) for s in recipe.stages] == [
        ("noisy", 2, 1e-3, 0.0),
        ("curated", 3, 2e-3, 0.4),
    ]
    assert (recipe.folds, recipe.balance, recipe.network.width) == (3, 0.5, 0.25)
    assert recipe.augment == (Mask("mel", 4),)


def test_fields_that_a_recipe_leaves_out_have_their_defaults(tmp_path: Path) -> None:
    recipe = load_recipe(recipe_file(tmp_path, GOOD))
    assert (recipe.optimiser, recipe.schedule, recipe.loss, recipe.fold_method) == (
        "adam", "one-cycle", "bce", "stratified",
    )  # fmt: skip
    assert (recipe.augment_held_out, recipe.whole_frames, recipe.fraction, recipe.seed) == (False, True, 1.0, 42)
    assert recipe.stages[0] == Stage("noisy", 2, 1e-3, mixup=0.0, size=0, start="weights", shared=False)


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
        ("epochs = 2", "epochs = 2\nsize = 1025", "stages.size", "1025"),
        ("epochs = 2", "epochs = 2\nsize = 128.5", "stages.size", "128.5"),
        ("epochs = 2", 'epochs = 2\nstart = "optimiser"', "stages.start", "weights and optimiser"),
        ("epochs = 2", 'epochs = 2\nshared = "yes"', "stages.shared", "yes"),
        ("epochs = 3", "epochs = 3\nshared = true", "stages.shared", "[False, True]"),
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


def test_every_augmentation_can_be_written_in_a_recipe_and_read_back(tmp_path: Path) -> None:
    recipe = load_recipe(recipe_file(tmp_path, GOOD + EVERY_AUGMENTATION))
    assert recipe.augment == (
        Mask("mel", 4),
        Gain(min_db=-3),
        Noise(colour="pink"),
        Mask("time", 12, exact=False, count=2),
        Shift("mel", 4),
        TimeCrop(60),
        Equaliser(deviation_db=3),
        RandomResizedCrop(),
        Overlay(labels="both"),
        Lighting(max_lighting=0.1),
        SpecMix(mel_width=20),
        SigmoidMixer(domain="waveform"),
        MixUp(alpha=1),
    )
    assert {type(item) for item in recipe.augment} == {kind for _, kind in AUGMENTATIONS.items()}
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


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
        text = recipe_file(tmp_path, GOOD.replace("width = 0.25", network.format(at_once, pool)) + crop)
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


def test_epochs_are_changed_for_all_stages_or_for_each() -> None:
    recipe = load_recipe("capstone")
    assert [stage.epochs for stage in recipe.with_epochs((3,)).stages] == [3, 3, 3]
    changed = recipe.with_epochs((1, 2, 3))
    assert [stage.epochs for stage in changed.stages] == [1, 2, 3]
    assert changed.with_epochs((10, 10, 50)) == recipe


@pytest.mark.parametrize("given", [(), (1, 2), (1, 2, 3, 4)])
def test_number_of_epochs_must_be_one_or_the_number_of_stages(given: tuple[int, ...]) -> None:
    with pytest.raises(
        AudiotagError, match=rf"epochs must be one number, or one per stage \(3 in capstone\), got {len(given)}"
    ):
        load_recipe("capstone").with_epochs(given)


@pytest.mark.parametrize("epochs", [0, -1, 1001])
def test_changed_epochs_are_checked(epochs: int) -> None:
    with pytest.raises(AudiotagError, match=f"stages.epochs must be a whole number from 1 to 1000, got {epochs}"):
        load_recipe("quick").with_epochs((epochs,))


def test_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00title")
    with pytest.raises(AudiotagError, match=r"mine\.toml cannot be read as TOML"):
        load_recipe(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize("name", ["quik", "nowhere/mine.toml", "", "recipe.txt"])
def test_unknown_recipe_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(
        AudiotagError, match="is not a recipe; choose one of capstone, capstone-intended, default, quick"
    ) as caught:
        load_recipe(name)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", recipe_names())
def test_json_brings_back_the_same_recipe(name: str) -> None:
    recipe = load_recipe(name)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_json_brings_back_a_recipe_without_trim(tmp_path: Path) -> None:
    values = load_recipe(recipe_file(tmp_path, GOOD)).to_dict()
    values["spectrogram"]["trim_db"] = 0
    recipe = Recipe.from_dict(json.loads(json.dumps(values)))
    assert recipe.spectrogram.trim_db == 0
    assert Recipe.from_dict(recipe.to_dict()) == recipe


def test_settings_that_audiotag_0_1_wrote_are_read_as_they_were_meant() -> None:
    """Its networks had no ``kind``, and its mixers called a network input a picture."""
    recipe = replace(load_recipe("quick"), augment=(SigmoidMixer(), MixUp(domain="waveform")))
    values = json.loads(json.dumps(recipe.to_dict()))
    del values["network"]["kind"]
    values["augment"][0]["domain"] = "picture"
    assert Recipe.from_dict(values) == recipe


def test_whole_numbers_of_every_part_may_be_written_as_decimals() -> None:
    recipe = load_recipe("capstone-intended")
    values = json.loads(json.dumps(recipe.to_dict()), parse_int=float)
    read = Recipe.from_dict(values)
    assert read == recipe
    assert repr(read.network) == repr(recipe.network)
    assert repr(read.stages[1].size) == "256"


def test_reading_a_recipe_imports_no_torch() -> None:
    code = """
import sys
from audiotag.training.recipe import Recipe, load_recipe
assert Recipe.from_dict(load_recipe("default").to_dict()).loss == "bce"
assert not {"torch", "fastai", "streamlit", "pandas"} & {name.split(".")[0] for name in sys.modules}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
