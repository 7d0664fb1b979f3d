"""The quick head is a logistic regression that copes with few clips, and its figure says when it knows nothing."""

import numpy as np
import pytest

from audiotag.metrics import multi_hot
from audiotag.review.labelling.figure import MIN_CLIPS, head_figure, represented_clips
from audiotag.review.labelling.head import fit_head

from .kinds import sounds

LABELS = ("a", "b", "c")


def clips_of(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    kinds = [number % 3 for number in range(count)]
    return sounds(kinds, seed).astype(np.float32), multi_hot([(LABELS[kind],) for kind in kinds], LABELS)


def test_scores_of_clips_with_one_label_each_add_up_to_one() -> None:
    features, targets = clips_of(30)
    head = fit_head(features, targets)
    assert head is not None
    assert head.is_exclusive
    scores = head.scores(features)
    assert scores.sum(axis=1) == pytest.approx(np.ones(30))
    assert (scores.argmax(axis=1) == targets.argmax(axis=1)).all()


@pytest.mark.parametrize("labels", [2, 3])
def test_label_that_no_clip_has_is_improbable(labels: int) -> None:
    features, targets = clips_of(30)
    keep = targets[:, labels:].sum(axis=1) == 0
    keep &= targets[:, 0] == 0 if labels == 3 else True
    head = fit_head(features[keep], targets[keep])
    assert head is not None
    unused = np.flatnonzero(targets[keep].sum(axis=0) == 0)
    assert head.scores(features)[:, unused].max() < 1e-6


def test_clips_may_have_several_labels_or_none() -> None:
    features, targets = clips_of(60)
    targets[::6, 1] = 1
    targets[targets[:, 2] > 0] = 0
    head = fit_head(features, targets)
    assert head is not None
    assert not head.is_exclusive
    scores = head.scores(features)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores[targets.sum(axis=1) == 0].max() < 0.5


def test_nothing_to_tell_apart_gives_no_head() -> None:
    features, targets = clips_of(6)
    assert fit_head(features[:0], targets[:0]) is None
    assert fit_head(features[:1], targets[:1]) is None
    assert fit_head(features, np.tile([1.0, 0, 0], (6, 1))) is None
    assert fit_head(features, np.zeros((6, 3))) is None
    assert fit_head(features, np.zeros((6, 0))) is None


def test_figure_is_high_for_separate_kinds_and_low_for_random_labels() -> None:
    features, targets = clips_of(60)
    sources = np.arange(60)
    good = head_figure(features, targets, sources, np.ones(60), LABELS)
    bad = head_figure(features, np.random.default_rng(0).permutation(targets), sources, np.ones(60), LABELS)
    assert good.lwlrap is not None
    assert bad.lwlrap is not None
    assert good.lwlrap > 0.95
    assert bad.lwlrap < 0.75
    assert bad.low < bad.lwlrap < bad.high
    assert good.sentence.startswith(f"lwlrap {good.lwlrap:.2f} (95 % interval {good.low:.2f} to {good.high:.2f})")


def test_clips_of_one_recording_are_never_on_both_sides() -> None:
    rng = np.random.default_rng(1)
    features = np.repeat(rng.normal(size=(20, 8)), 3, axis=0).astype(np.float32)  # three copies of each recording
    targets = np.repeat(np.eye(2)[rng.integers(0, 2, 20)], 3, axis=0)  # labels that nothing in the sound tells
    apart = head_figure(features, targets, np.arange(60), np.ones(60), ("a", "b"))
    together = head_figure(features, targets, np.arange(60) // 3, np.ones(60), ("a", "b"))
    assert apart.lwlrap is not None
    assert together.lwlrap is not None
    assert apart.lwlrap > together.lwlrap + 0.1


def test_label_of_a_single_recording_is_not_checked_and_named() -> None:
    features, targets = clips_of(40)
    targets = np.column_stack([targets, np.zeros(40)])
    targets[0] = [0, 0, 0, 1]
    figure = head_figure(features, targets, np.arange(40), np.ones(40), (*LABELS, "rare"))
    assert figure.unchecked == ("rare",)
    assert figure.clips == 39
    assert figure.sentence.endswith("rare has clips of one recording only and cannot be checked.")


def test_too_few_clips_give_no_figure_but_a_reason() -> None:
    features, targets = clips_of(MIN_CLIPS - 1)
    figure = head_figure(features, targets, np.arange(len(features)), np.ones(len(features)), LABELS)
    assert (figure.lwlrap, figure.clips) == (None, MIN_CLIPS - 1)
    assert f"It needs {MIN_CLIPS} clips and 2 labels" in figure.sentence
    one = head_figure(*clips_of(60), np.zeros(60, dtype=int), np.ones(60), LABELS)
    assert one.lwlrap is None
    assert "there are 0 such clips" in one.sentence


def test_each_clip_stands_for_those_that_sound_most_like_it() -> None:
    features = np.array([[1, 0], [0.96, 0.28], [0, 1], [0, 0]], dtype=np.float32)
    assert represented_clips(features, np.array([0, 2])).tolist() == [2, 1]
    assert represented_clips(features, np.array([], dtype=int)).tolist() == []
