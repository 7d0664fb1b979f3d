"""Noisy clips are selected if the network agrees with all their labels, the highest scores of each label first."""

import numpy as np
import pytest

from audiotag.training.noisy_selection import agreeing_rows


def test_clip_agrees_when_all_its_labels_are_above_all_others() -> None:
    scores = np.array([[0.9, 0.8, 0.1], [0.9, 0.1, 0.2], [0.4, 0.4, 0.1], [0.2, 0.1, 0.0], [0.9, 0.9, 0.9]])
    targets = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0], [1, 1, 1]])
    # The second ranks its label b below c; the third's tie does not count for it.
    assert agreeing_rows(scores, targets, max_per_label=10).tolist() == [0, 3, 4]


@pytest.mark.parametrize("most", [1, 3, 1000])
def test_no_label_gives_more_than_its_share_and_gives_its_surest(most: int) -> None:
    rng = np.random.default_rng(0)
    targets = (rng.random((400, 6)) < 0.3).astype(np.float32)
    scores = 0.7 * targets + rng.normal(0.2, 0.2, targets.shape)
    everyone, taken = agreeing_rows(scores, targets, 1000), agreeing_rows(scores, targets, most)
    assert set(taken) <= set(everyone)
    sureness = np.where(targets > 0, scores, np.inf).min(1)
    for label in range(6):
        of_label = everyone[targets[everyone, label] > 0]
        surest = of_label[np.argsort(-sureness[of_label])][:most]
        assert set(surest) <= set(taken)
    assert len(taken) <= 6 * most


def test_clips_without_a_label_are_never_selected() -> None:
    assert agreeing_rows(np.array([[0.9, 0.1]]), np.zeros((1, 2)), 5).size == 0
