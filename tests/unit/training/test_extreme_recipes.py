"""No value in a recipe is more than a sentence, and a recipe that is accepted has batches that fit into memory."""

from dataclasses import fields

import pytest

from audiotag.errors import AudiotagError
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_checks import MAX_BATCH_VALUES
from audiotag.training.recipe_files import load_recipe
from audiotag.training.stage import Stage

from ..tagging.test_extreme_values import EXTREMES, attempt

WHOLE = load_recipe("default").to_dict()


@pytest.mark.parametrize("field", [field.name for field in fields(Recipe)])
def test_recipe_with_any_value_is_refused_or_usable(field):
    for value in EXTREMES:
        recipe = attempt(Recipe.from_dict, WHOLE | {field: value})
        for stage in recipe.stages if recipe else ():
            settings = recipe.spectrogram_of(stage)
            values = max(settings.clip_samples, settings.channels * settings.height * settings.width)
            assert recipe.batch_size * values <= MAX_BATCH_VALUES


@pytest.mark.parametrize("field", [field.name for field in fields(Stage)])
def test_stage_with_any_value_is_refused_or_usable(field):
    for value in EXTREMES:
        attempt(Recipe.from_dict, WHOLE | {"stages": [WHOLE["stages"][-1] | {field: value}]})


@pytest.mark.parametrize("entry", WHOLE["augment"], ids=lambda entry: entry["kind"])
def test_recipe_with_any_augmentation_is_refused_or_usable(entry):
    for field in entry:
        for value in EXTREMES:
            attempt(Recipe.from_dict, WHOLE | {"augment": [entry | {field: value}]})


def test_what_is_not_a_recipe_at_all_is_refused():
    for value in EXTREMES:
        attempt(Recipe.from_dict, value)


def test_batch_that_takes_too_much_memory_is_refused_with_the_largest_that_does_not():
    with pytest.raises(
        AudiotagError, match=r"batch_size must be at most \d+ with these spectrogram settings, got 4096"
    ):
        Recipe.from_dict(WHOLE | {"batch_size": 4096, "spectrogram": {"clip_s": 60.0, "hop_length": 1024}})
