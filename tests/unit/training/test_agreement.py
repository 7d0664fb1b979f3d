"""Agreement: a clip's own lwlrap by several networks decides, at most some clips per label."""

from dataclasses import replace

import numpy as np
import pytest

from audiotag.errors import AudiotagError
from audiotag.metrics import lwlrap
from audiotag.training.agreement import Agreement, choose_rows, clip_lwlraps
from audiotag.training.recipe import Recipe
from audiotag.training.stage import Stage

from .short_runs import CURATED, NOISY, RECIPE, SHARED

RNG = np.random.default_rng(5)


def test_lwlrap_of_a_clip_is_the_lwlrap_of_a_set_of_this_clip() -> None:
    targets, scores = (RNG.random((30, 7)) < 0.3).astype(np.float32), RNG.random((30, 7)).round(1).astype(np.float32)
    targets[:, 3] = 1
    expected = [lwlrap(targets[row : row + 1], scores[row : row + 1]) for row in range(30)]
    np.testing.assert_allclose(clip_lwlraps(scores, targets), expected)


def test_clip_without_a_label_is_never_chosen() -> None:
    scores = [np.array([[0.9, 0.1]])]
    assert choose_rows(scores, np.zeros((1, 2)), Agreement((1,), 0.0)).tolist() == []


def test_geometric_mean_of_both_networks_decides() -> None:
    targets = np.array([[1, 0, 0, 0]] * 3)
    first, third = [0.9, 0.5, 0.2, 0.1], [0.3, 0.9, 0.5, 0.1]  # own lwlrap 1 and 1/3
    last = [0.1, 0.9, 0.5, 0.3]  # 1/4
    scores = [np.array([first, first, third]), np.array([first, last, third])]  # means 1, 1/2, 1/3
    assert choose_rows(scores, targets, Agreement((1, 2), 0.5)).tolist() == [0, 1]
    assert choose_rows(scores, targets, Agreement((1, 2), 1.0)).tolist() == [0]
    assert choose_rows(scores, targets, Agreement((1, 2), 0.3)).tolist() == [0, 1, 2]


def test_each_label_takes_the_clips_with_the_highest_agreement_and_then_with_the_highest_scores() -> None:
    targets = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [1, 1]])
    scores = [np.array([[0.6, 0.1], [0.9, 0.1], [0.1, 0.2], [0.1, 0.3], [0.2, 0.2]])]
    assert choose_rows(scores, targets, Agreement((1,), 0.4, most=1)).tolist() == [1, 3]
    assert choose_rows(scores, targets, Agreement((1,), 0.4, most=2)).tolist() == [0, 1, 3, 4]
    assert choose_rows(scores, targets, Agreement((1,), 0.4)).tolist() == [0, 1, 2, 3, 4]


def recipe_with(*stages: Stage) -> Recipe:
    return replace(RECIPE, stages=stages)


@pytest.mark.parametrize(
    ("stages", "sentence"),
    [
        ((NOISY, replace(CURATED, agreement={"stages": [2]})), "name earlier stages that are not shared, got"),
        ((SHARED, CURATED, replace(CURATED, agreement={"stages": [1]})), "name earlier stages that are not shared"),
        (
            (CURATED, replace(CURATED, agreement={"stages": [1]})),
            "follow a noisy stage that is not shared, got stage 2",
        ),
    ],
)
def test_agreement_that_no_network_can_give_is_refused(stages: tuple[Stage, ...], sentence: str) -> None:
    with pytest.raises(AudiotagError, match=sentence):
        recipe_with(*stages)


@pytest.mark.parametrize(
    ("agreement", "sentence"),
    [
        ({"stages": []}, r"agreement\.stages must be a list of numbers of earlier stages"),
        ({"stages": [0]}, r"agreement\.stages must be a list of numbers"),
        ({"stages": 3}, r"agreement\.stages must be a list of numbers"),
        ({"stages": [1], "at_least": 2}, r"agreement\.at_least must be a number from 0 to 1, got 2"),
        ({"at_least": 0.5}, r"agreement\.stages is missing"),
    ],
)
def test_wrong_agreement_is_refused_with_a_sentence(agreement: dict, sentence: str) -> None:
    with pytest.raises(AudiotagError, match=sentence):
        replace(CURATED, agreement=agreement)
    with pytest.raises(AudiotagError, match="agreement must be left out in a noisy or shared stage"):
        replace(NOISY, agreement={"stages": [1]})


def test_recipe_with_agreement_survives_its_plain_values() -> None:
    recipe = recipe_with(NOISY, CURATED, replace(CURATED, agreement={"stages": [1, 2], "most": 5}))
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert recipe.stages[2].agreement == Agreement((1, 2), 0.5, 5)
