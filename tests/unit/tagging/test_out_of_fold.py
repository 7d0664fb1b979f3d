"""Out-of-fold scores come back as they were written, and their thresholds reach their aim on the same clips."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save
from sklearn.metrics import f1_score, precision_score, recall_score

from audiotag.errors import AudiotagError
from audiotag.tagging.card import Card
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.fold_fusion import fuse_folds
from audiotag.tagging.out_of_fold import FILE, OutOfFold, read_out_of_fold
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger

CLIPS = 60


def made(clips: int = CLIPS, labels: int = 3, seed: int = 0) -> OutOfFold:
    """Scores that correlate with their targets."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((clips, labels)) < 0.3).astype(np.float32)
    scores = 1 / (1 + np.exp(-rng.normal(2 * targets - 1, 1.5)))
    return OutOfFold(scores.astype(np.float32), targets, np.arange(clips) % 2 + 1)


def one_label(scores: list[float], targets: list[int]) -> OutOfFold:
    columns = (np.array(values, dtype=np.float32)[:, None] for values in (scores, targets))
    return OutOfFold(*columns, np.ones(len(scores), dtype=int))


def write(folder: Path, content: bytes) -> Card:
    """Write a file of out-of-fold scores into an ensemble, with its checksum on the card."""
    (folder / FILE).write_bytes(content)
    card = json.loads((folder / "card.json").read_text())
    card["out_of_fold"] = hashlib.sha256(content).hexdigest()
    (folder / "card.json").write_text(json.dumps(card))
    return read_card(folder)


@pytest.fixture
def folder(tiny_ensemble: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_ensemble, tmp_path / "mine")


def test_scores_come_back_from_bytes_as_they_were(folder: Path) -> None:
    written = made()
    found = read_out_of_fold(folder, write(folder, written.to_bytes()))
    assert found is not None
    for field in dataclasses.fields(written):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(written, field.name))


def test_scores_in_half_precision_are_read_too(folder: Path) -> None:
    written = made()
    halved = load(written.to_bytes()) | {"scores": written.scores.astype(np.float16)}
    found = read_out_of_fold(folder, write(folder, save(halved)))
    assert found is not None
    np.testing.assert_allclose(found.scores, written.scores, atol=5e-4)


def test_card_without_a_checksum_has_no_scores(tiny_ensemble: Path) -> None:
    assert read_out_of_fold(tiny_ensemble, read_card(tiny_ensemble)) is None


def test_missing_and_damaged_files_are_refused(folder: Path) -> None:
    content = made().to_bytes()
    card = write(folder, content)
    for at in (3, 100, len(content) - 1):
        damaged = bytearray(content)
        damaged[at] ^= 1
        (folder / FILE).write_bytes(damaged)
        with pytest.raises(AudiotagError, match=r"mine/out-of-fold\.safetensors is damaged: its checksum"):
            read_out_of_fold(folder, card)
    (folder / FILE).unlink()
    with pytest.raises(AudiotagError, match=r"mine lacks out-of-fold\.safetensors"):
        read_out_of_fold(folder, card)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda arrays: b"no safetensors", "is not a file of out-of-fold scores"),
        (lambda arrays: {"scores": arrays["scores"]}, "is not .*: it must have scores, targets and folds"),
        (lambda arrays: arrays | {"scores": arrays["scores"][:, :2]}, "does not fit the 3 labels of its card"),
        (lambda arrays: arrays | {"targets": arrays["targets"][:9]}, "does not fit the 3 labels of its card"),
        (lambda arrays: arrays | {"folds": arrays["folds"][:9]}, "does not fit the 3 labels of its card"),
        (lambda arrays: arrays | {"folds": np.array(1)}, "does not fit the 3 labels of its card"),
        (lambda arrays: arrays | {"folds": arrays["folds"] + 1}, "has other folds than its card"),
        (lambda arrays: arrays | {"folds": np.ones(CLIPS, np.int32)}, "has other folds than its card"),
        (lambda arrays: arrays | {"scores": arrays["scores"] * np.nan}, "holds scores that are not 0 to 1"),
        (lambda arrays: arrays | {"scores": arrays["scores"] * 100}, "holds scores that are not 0 to 1"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_the_card_are_refused(folder: Path, change: object, sentence: str) -> None:
    changed = change(load(made().to_bytes()))
    card = write(folder, changed if isinstance(changed, bytes) else save(changed))
    with pytest.raises(AudiotagError, match=rf"mine/out-of-fold\.safetensors {sentence}"):
        read_out_of_fold(folder, card)


def test_precision_and_recall_are_scikit_learns() -> None:
    of = made()
    for label in range(3):
        for threshold in (0.1, 0.5, 0.8, float(of.scores[7, label])):
            given = of.scores[:, label] >= threshold
            wanted = (precision_score(of.targets[:, label], given), recall_score(of.targets[:, label], given))
            assert of.precision_recall(label, threshold) == pytest.approx(wanted)


def test_precision_of_nothing_given_and_recall_of_nothing_there_are_unknown() -> None:
    precision, recall = one_label([0.2, 0.4], [0, 1]).precision_recall(0, 0.9)
    assert np.isnan(precision)
    assert recall == 0
    precision, recall = one_label([0.2, 0.4], [0, 0]).precision_recall(0, 0.3)
    assert precision == 0
    assert np.isnan(recall)


def every_threshold(of: OutOfFold, label: int) -> np.ndarray:
    """One threshold for each way to separate the clips by their scores, the lowest first."""
    return np.unique(of.scores[:, label])


@pytest.mark.parametrize("least", [0.5, 0.75, 0.9, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_precision_threshold_is_the_lowest_that_reaches_it(seed: int, least: float) -> None:
    of = made(seed=seed)
    of.scores[::3] = np.round(of.scores[::3], 1)  # many ties
    for label, threshold in enumerate(of.thresholds("precision", least)):
        reaching = [at for at in every_threshold(of, label) if of.precision_recall(label, at)[0] >= least]
        if not reaching:
            assert threshold == 1.0
            continue
        assert of.precision_recall(label, threshold) == of.precision_recall(label, reaching[0])
        assert threshold <= reaching[0]


@pytest.mark.parametrize("least", [0.3, 0.75, 0.9, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_recall_threshold_is_the_highest_that_reaches_it(seed: int, least: float) -> None:
    of = made(seed=seed)
    of.scores[::3] = np.round(of.scores[::3], 1)
    for label, threshold in enumerate(of.thresholds("recall", least)):
        reaching = [at for at in every_threshold(of, label) if of.precision_recall(label, at)[1] >= least]
        assert of.precision_recall(label, threshold) == of.precision_recall(label, reaching[-1])


@pytest.mark.parametrize("seed", range(4))
def test_f1_threshold_is_the_best_there_is(seed: int) -> None:
    of = made(seed=seed)
    labelled = of.targets.any(axis=1)  # clips without a label are left out, as in the card's own thresholds
    for label, threshold in enumerate(of.thresholds("f1")):
        truth, scores = of.targets[labelled, label], of.scores[labelled, label]
        best = max(f1_score(truth, scores >= at) for at in np.unique(scores))
        assert f1_score(truth, scores >= threshold) == pytest.approx(best)


def test_thresholds_are_in_the_middle_of_the_scores_that_they_separate() -> None:
    scores, targets = np.array([0.8, 0.7, 0.4, 0.2]), np.array([1, 1, 0, 0])
    of = OutOfFold(np.stack([scores, 1 - scores], axis=1), np.stack([targets, 1 - targets], axis=1), np.ones(4))
    for aim in ("f1", "precision", "recall"):
        assert of.thresholds(aim, 1.0) == pytest.approx((0.55, 0.45))


def test_neighbouring_float32_scores_are_separated() -> None:
    high = np.float32(0.9)
    low = np.nextafter(high, np.float32(0))
    for top, below in ((high, low), (np.nextafter(high, np.float32(1)), high), (np.float32(1), np.float32(1) - 2**-24)):
        of = one_label([top, below], [1, 0])
        for aim in ("precision", "recall"):
            assert of.precision_recall(0, of.thresholds(aim, 1.0)[0]) == (1.0, 1.0)


def test_equal_scores_are_never_separated() -> None:
    of = one_label([0.9, 0.9, 0.9, 0.1], [1, 0, 0, 0])
    assert of.thresholds("precision", 0.5) == (1.0,)  # a threshold of 0.9 gives three tags, one of them right
    assert of.precision_recall(0, of.thresholds("recall", 1.0)[0]) == (pytest.approx(1 / 3), 1.0)


@pytest.mark.parametrize("aim", ["f1", "precision", "recall"])
def test_label_that_no_clip_has_is_never_given(aim: str) -> None:
    of = made()
    of.targets[:, 1] = 0
    thresholds = of.thresholds(aim, 0.5)
    assert thresholds[1] == 1.0
    assert max(thresholds[0], thresholds[2]) < 1


def test_label_that_all_clips_have_is_given_to_all() -> None:
    of = made()
    of.targets[:, 1] = 1
    for aim in ("f1", "precision", "recall"):
        assert of.precision_recall(1, of.thresholds(aim, 1.0)[1]) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("aim", "least"), [("accuracy", 0.9), ("precision", 90), ("recall", 0), ("recall", float("nan"))]
)
def test_other_aims_and_values_are_refused(aim: str, least: float) -> None:
    with pytest.raises(
        AudiotagError, match=r"must be one of f1, precision, recall|to reach must be above 0, at most 1"
    ):
        made().thresholds(aim, least)


def test_only_weights_change_the_scale_of_the_scores() -> None:
    of = made()
    for combine in ("mean", "geometric"):
        np.testing.assert_array_equal(of.as_combined(combine).scores, of.scores)
    weighted, weights = of.as_combined("weighted"), of.weights()
    for row, fold in enumerate((1, 2)):
        of_fold = of.folds == fold
        wanted = fuse_folds(of.scores[of_fold][None], "weighted", weights[row : row + 1])
        np.testing.assert_allclose(weighted.scores[of_fold], wanted, rtol=1e-6)
    assert np.abs(weighted.scores - of.scores).max() > 0.01
    np.testing.assert_array_equal(weighted.targets, of.targets)


def test_tagger_weighs_each_fold_by_its_own_clips_in_any_order_of_the_card(folder: Path) -> None:
    of = made(400)
    of.scores[of.folds == 2] **= 3  # the scores of the second fold are too low
    write(folder, of.to_bytes())
    weights = of.weights()
    np.testing.assert_allclose(Tagger(folder).weights, weights)
    np.testing.assert_allclose(Tagger(folder, TagSettings(folds=(2,))).weights, weights[1:])
    card = json.loads((folder / "card.json").read_text())
    card["folds"].reverse()
    (folder / "card.json").write_text(json.dumps(card))
    np.testing.assert_allclose(Tagger(folder).weights, weights[::-1])
    assert np.abs(weights[0] - weights[1]).max() > 0.1


def test_ensemble_without_out_of_fold_scores_cannot_be_weighted(tiny_ensemble: Path) -> None:
    assert Tagger(tiny_ensemble).weights is None
    with pytest.raises(AudiotagError, match="tiny holds no out-of-fold scores to fit weights to"):
        Tagger(tiny_ensemble, TagSettings(combine="weighted"))
