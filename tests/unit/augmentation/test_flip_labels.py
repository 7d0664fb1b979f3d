"""Each network input is mirrored in one of four ways, and its targets go to the labels of that way."""

import numpy as np
import pytest

from audiotag.augmentation.chain import Chain, apply_all
from audiotag.augmentation.flip_labels import FlipLabels, FlipLabelsParams
from audiotag.augmentation.mixup import MixUp

EACH = FlipLabelsParams(np.array([0, 1, 2, 3]))


def test_inputs_are_mirrored_in_time_in_frequency_and_in_both() -> None:
    batch = np.arange(6.0).reshape(1, 1, 2, 3).repeat(4, 0)
    flipped = FlipLabels().apply(batch, EACH)[:, 0]
    assert flipped.tolist() == [
        [[0, 1, 2], [3, 4, 5]],
        [[2, 1, 0], [5, 4, 3]],
        [[3, 4, 5], [0, 1, 2]],
        [[5, 4, 3], [2, 1, 0]],
    ]


def test_targets_go_to_the_labels_of_the_flip() -> None:
    targets = FlipLabels().change_targets(np.array([[1.0, 0.5]] * 4), EACH)
    assert targets.tolist() == [
        [1, 0.5, 0, 0, 0, 0, 0, 0],
        [0, 0, 1, 0.5, 0, 0, 0, 0],
        [0, 0, 0, 0, 1, 0.5, 0, 0],
        [0, 0, 0, 0, 0, 0, 1, 0.5],
    ]


def test_labels_are_named_in_the_order_of_the_targets() -> None:
    assert Chain.of((FlipLabels(),), 0.4).labels_after(("Bark", "Meow")) == (
        "Bark",
        "Meow",
        "Bark (reversed in time)",
        "Meow (reversed in time)",
        "Bark (upside down)",
        "Meow (upside down)",
        "Bark (reversed and upside down)",
        "Meow (reversed and upside down)",
    )


def test_flips_are_equally_likely_and_mixers_mix_them_with_each_other() -> None:
    flips = FlipLabels().sample(np.random.default_rng(0), (8000, 1, 2, 2)).flip
    assert (np.bincount(flips) / 8000).tolist() == pytest.approx([0.25] * 4, abs=0.02)
    batch, targets = np.zeros((200, 1, 2, 2)), np.ones((200, 1))
    _, mixed = apply_all((FlipLabels(), MixUp()), batch, targets, np.random.default_rng(0))
    assert mixed.shape == (200, 4)
    np.testing.assert_allclose(mixed.sum(1), 1)
    assert ((mixed > 0).sum(1) == 2).mean() > 0.6
