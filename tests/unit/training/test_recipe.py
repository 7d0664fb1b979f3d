"""Shipped recipes load, a user's own too, and JSON brings back the same recipe."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from audiotag.augmentation.additive_mixer import AdditiveMixer
from audiotag.augmentation.base import AUGMENTATIONS, Augmentation
from audiotag.augmentation.equaliser import Equaliser
from audiotag.augmentation.flip_labels import FlipLabels
from audiotag.augmentation.freq_mixstyle import FreqMixStyle
from audiotag.augmentation.gain import Gain
from audiotag.augmentation.lighting import Lighting
from audiotag.augmentation.mask import Mask
from audiotag.augmentation.mask_pairs import MaskPairs
from audiotag.augmentation.mixup import MixUp
from audiotag.augmentation.noise import Noise
from audiotag.augmentation.one_of import OneOfMixers
from audiotag.augmentation.overlay import Overlay
from audiotag.augmentation.resized_crop import RandomResizedCrop
from audiotag.augmentation.shift import Shift
from audiotag.augmentation.sigmoid_mixer import SigmoidMixer
from audiotag.augmentation.specmix import SpecMix
from audiotag.augmentation.time_crop import TimeCrop
from audiotag.augmentation.zoom import Zoom
from audiotag.data.clip_lists import ClipLists
from audiotag.errors import AudiotagError
from audiotag.features.settings import PRESETS
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.training.losses.base import LossesByKind
from audiotag.training.losses.label_smoothing import LabelSmoothing
from audiotag.training.losses.soft_bootstrapping import SoftBootstrapping
from audiotag.training.negatives import Negatives
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe, recipe_names
from audiotag.training.schedules.plateau import Plateau
from audiotag.training.stage import Stage

from .recipe_files import GOOD, recipe_file

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
kind = "freq-mixstyle"
alpha = 0.3

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

[[augment]]
kind = "mask-pairs"
max_pairs = 3

[[augment]]
kind = "zoom"
max_factor = 1.5

[[augment]]
kind = "additive"
min_weight = 0

[[augment]]
kind = "one-of"
p = 0.8
mixers = [{ kind = "sigmoid" }, { kind = "additive", domain = "network-input" }]
weights = [0.6, 0.4]

[[augment]]
kind = "flip-labels"
"""


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipe_loads_and_has_a_title_and_a_description(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.title
    assert recipe.about.endswith(".")
    assert {subset for stage in recipe.stages for subset in stage.subsets} == {"noisy", "curated"}


def test_recipes_that_page_and_command_offer_are_shipped() -> None:
    published = ["baseline", "capstone", "capstone-intended", "fourth-envnet", "mnpinto", "warm-up", "warm-up-vgg"]
    experiments = ["auxiliary-016", "auxiliary-019", "corr-noisy-003", "corr-noisy-004"]
    argus = ["argus", *(f"argus-{name}" for name in (*experiments, "corrections-002", "corrections-003"))]
    assert recipe_names() == sorted([*argus, *published, "default", "large", "quick"])


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
    "windows": "max",
    "loss": "bce",
    "losses": LossesByKind(),
    "beta_2": 0.0,
    "weights": "last",
    "augment_held_out": True,
    "whole_frames": False,
    "balance": 0.0,
    "fraction": 1.0,
    "exact_resume": False,
    "lists": ClipLists(),
    "negatives": Negatives(),
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
    assert recipe.spectrogram.to_dict() == PUBLISHED_SPECTROGRAM | {"normalise": normalise}
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


def test_every_augmentation_can_be_written_in_a_recipe_and_read_back(tmp_path: Path) -> None:
    good = GOOD.replace("argus", "capstone")
    flips = good.replace("[network]", '[network]\nkind = "flip-labels"\n\n[network.network]')
    recipe = load_recipe(recipe_file(tmp_path, flips + EVERY_AUGMENTATION))
    assert recipe.augment == (
        Mask("mel", 4),
        Gain(min_db=-3),
        Noise(colour="pink"),
        Mask("time", 12, exact=False, count=2),
        Shift("mel", 4),
        TimeCrop(60),
        Equaliser(deviation_db=3),
        FreqMixStyle(alpha=0.3),
        RandomResizedCrop(),
        Overlay(labels="both"),
        Lighting(max_lighting=0.1),
        SpecMix(mel_width=20),
        SigmoidMixer(domain="waveform"),
        MixUp(alpha=1),
        MaskPairs(max_pairs=3),
        Zoom(max_factor=1.5),
        AdditiveMixer(min_weight=0),
        OneOfMixers((SigmoidMixer(), AdditiveMixer()), (0.6, 0.4), p=0.8),
        FlipLabels(),
    )
    assert {type(item) for item in recipe.augment} == {kind for _, kind in AUGMENTATIONS.items()}
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


PARTS = """
loss = { kind = "label-smoothing", smoothing = 0.2 }
schedule = { kind = "plateau", patience = 3 }
losses = { noisy = { kind = "soft-bootstrapping", beta = 0.8 }, trusted = "lsep" }
weights = "best"
"""


def test_losses_and_schedules_are_names_or_tables_with_parameters(tmp_path: Path) -> None:
    stage = 'epochs = 3\nstop_after = 2\nschedule = { kind = "staircase" }'
    recipe = load_recipe(recipe_file(tmp_path, PARTS + GOOD.replace("epochs = 3", stage)))
    assert (recipe.loss, recipe.schedule) == (LabelSmoothing(smoothing=0.2), Plateau(patience=3))
    assert recipe.losses == LossesByKind(noisy=SoftBootstrapping(beta=0.8), trusted="lsep")
    assert recipe.weights == "best"
    assert [recipe.schedule_of(stage) for stage in recipe.stages] == [Plateau(patience=3), "staircase"]
    assert recipe.follows_held_out
    assert not load_recipe("default").follows_held_out
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


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
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
assert Recipe.from_dict(load_recipe("default").to_dict()).loss == "bce"
assert not {"torch", "fastai", "streamlit", "pandas"} & {name.split(".")[0] for name in sys.modules}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_main_stage_is_the_last_with_all_augmentations_of_the_recipe() -> None:
    default = load_recipe("default")
    assert default.main_stage == default.stages[-2]
    assert replace(default, augment=()).main_stage == default.stages[-1]  # it leaves out nothing then
    assert default.main_of(default.stages[-1:]) == default.stages[-1]
