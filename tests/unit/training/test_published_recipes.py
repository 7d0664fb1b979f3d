"""The recipes of published systems have the published values: https://github.com/lRomul/argus-freesound and others."""

from dataclasses import replace

import pytest

from audiotag.augmentation.mask_pairs import MaskPairs
from audiotag.augmentation.one_of import OneOfMixers
from audiotag.augmentation.resized_crop import RandomResizedCrop
from audiotag.networks.argus.settings import ArgusSettings
from audiotag.networks.cost import multiplications
from audiotag.training.losses.base import find_loss
from audiotag.training.losses.soft_bootstrapping import SoftBootstrapping
from audiotag.training.recipe_files import load_recipe
from audiotag.training.schedules.base import find_schedule
from audiotag.training.schedules.plateau import Plateau

AUXILIARY = ArgusSettings()
SKIP = ArgusSettings(auxiliary_weights=(), hidden=128, dropout=0.2)
# recipe: network, (noisy, trusted, curated), share of mixed clips, resized crop (least area, width over height), list
EXPERIMENTS = {
    "argus-corrections-002": (SKIP, (0.33, 0, 0.67), 0.66, None, "argus-curated-12"),
    "argus-corrections-003": (
        ArgusSettings(auxiliary_weights=(), hidden=128, dropout=0.2, attention_kernel=3),
        (0.33, 0, 0.67),
        0.66,
        None,
        "argus-curated-12",
    ),
    "argus-auxiliary-016": (AUXILIARY, (0.20, 0, 0.80), 0.8, (0.8, 1.7, 2.3), "argus-curated-76"),
    "argus-auxiliary-019": (AUXILIARY, (0.20, 0, 0.80), 0.8, (0.75, 1.6, 2.4), "argus-curated-71"),
    "argus-corr-noisy-003": (
        ArgusSettings(recurrent=True), (0.10, 0.20, 0.70), 0.8, (0.8, 1.7, 2.3), "argus-curated",
    ),
    "argus-corr-noisy-004": (AUXILIARY, (0.07, 0.33, 0.60), 0.8, (0.8, 1.7, 2.3), "argus-curated"),
    "argus": (AUXILIARY, (0.01, 0.42, 0.57), 0.8, (0.8, 1.7, 2.3), "argus-curated"),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_each_experiment_of_the_winner_has_its_own_values(name: str) -> None:
    network, (noisy, trusted, curated), p, crop, corrections = EXPERIMENTS[name]
    recipe = load_recipe(name)
    assert recipe.network == network
    [stage] = recipe.stages
    assert stage.pools is not None
    assert (stage.pools.noisy, stage.pools.trusted, stage.pools.curated) == (noisy, trusted, curated)
    *rest, masks, mixer = recipe.augment
    assert masks == MaskPairs()
    assert isinstance(mixer, OneOfMixers)
    assert (mixer.p, [one.kind for one in mixer.mixers], mixer.weights) == (p, ["sigmoid", "additive"], (0.6, 0.4))
    if crop is None:
        assert rest == []
    else:
        [resized] = rest
        assert isinstance(resized, RandomResizedCrop)
        sides = recipe.spectrogram.frames / recipe.spectrogram.n_mels  # width over height of the whole
        ratios = (sides * resized.min_ratio, sides * resized.max_ratio)
        assert (resized.min_scale, *ratios) == pytest.approx(crop)
        assert (resized.max_scale, resized.p) == (1.0, 0.33)
    trust = "argus-trusted" if trusted else ""
    drop = "argus-dropped" if name in ("argus", "argus-corr-noisy-004") else ""
    assert (recipe.lists.relabel, recipe.lists.trust, recipe.lists.drop) == (corrections, trust, drop)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_experiments_of_the_winner_share_the_rest(name: str) -> None:
    recipe = load_recipe(name)
    [stage] = recipe.stages
    assert (stage.draws, stage.epochs, stage.stop_after, stage.lr) == (32_768, 700, 18, 9e-4)
    assert (recipe.batch_size, recipe.folds, recipe.fold_method, recipe.seed) == (128, 5, "shuffled", 42)
    assert (recipe.optimiser, recipe.weight_decay, recipe.beta_2, recipe.weights) == ("torch-adam", 0.0, 0.0, "best")
    assert find_schedule(recipe.schedule) == Plateau(patience=6, factor=0.6)
    assert recipe.loss == "bce"
    assert recipe.losses.noisy is not None
    assert find_loss(recipe.losses.noisy) == SoftBootstrapping(beta=0.7)
    spectrogram = recipe.spectrogram
    assert (spectrogram.channels, spectrogram.height, spectrogram.width) == (3, 128, 256)


@pytest.mark.parametrize(
    ("name", "gmac"),
    [
        ("argus", 8.17),
        ("warm-up", 3.35),
        ("warm-up-vgg", 5.01),
        ("mnpinto", 4 * 5.57),
        ("baseline", 0.43),
        ("fourth-envnet", 3.10),
    ],
)
def test_the_cost_of_a_network_is_what_its_recipe_says(name: str, gmac: float) -> None:
    recipe = load_recipe(name)
    settings = recipe.final_spectrogram
    count = multiplications(recipe.network, 80, (settings.channels, settings.height, settings.width))
    assert count is not None
    assert count / 1e9 == pytest.approx(gmac, rel=0.01)  # mnpinto's scores four flips


def test_the_fraction_shortens_epochs_of_a_fixed_number_of_draws() -> None:
    recipe = load_recipe("argus")
    [stage] = recipe.stages
    assert recipe.batches_per_epoch(stage, 100_000) == 256
    short = replace(recipe, fraction=0.01)
    assert short.batches_per_epoch(stage, 1000) == 2
    assert short.fraction_of("curated") == short.fraction_of("noisy") == 1  # of all clips
    assert replace(load_recipe("warm-up"), fraction=0.01).fraction_of("noisy") == 0.01
