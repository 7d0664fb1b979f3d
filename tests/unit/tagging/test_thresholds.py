"""Thresholds are those that the user asks for, label by label, and saved ones belong to one ensemble."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audiotag.errors import AudiotagError
from audiotag.tagging.card import Card, FoldCard
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.tagging.thresholds import forget_thresholds, read_saved_thresholds, save_thresholds, thresholds_of
from audiotag.workspace import Workspace


@pytest.fixture
def card(tiny_ensemble: Path) -> Card:
    return replace(read_card(tiny_ensemble), thresholds=(0.1, 0.2, 0.3))


@pytest.fixture(scope="module")
def out_of_fold() -> OutOfFold:
    rng = np.random.default_rng(0)
    targets = (rng.random((300, 3)) < 0.3).astype(np.float32)
    scores = np.clip(0.35 * targets + rng.normal(0.4, 0.2, targets.shape), 0, 1).astype(np.float32)
    return OutOfFold(scores, targets, np.arange(300) % 2 + 1)


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        ((), (0.1, 0.2, 0.3)),
        (("card",), (0.1, 0.2, 0.3)),
        (("0.5",), (0.5, 0.5, 0.5)),
        (("Bell=0.4",), (0.1, 0.4, 0.3)),
        (("Bell=0.4", "0.5", "Hiss=1"), (0.5, 0.4, 1.0)),
        (("Bell=0.4", "Bell=0.6"), (0.1, 0.6, 0.3)),
        (("0",), (0.0, 0.0, 0.0)),
    ],
)
def test_numbers_are_used_as_they_are(card: Card, specs: tuple[str, ...], expected: tuple[float, ...]) -> None:
    assert thresholds_of(card, None, specs) == expected


@pytest.mark.parametrize("aim", ["precision", "recall"])
@pytest.mark.parametrize("least", [0.6, 0.8])
def test_aim_is_reached_on_out_of_fold_scores(card: Card, out_of_fold: OutOfFold, aim: str, least: float) -> None:
    thresholds = thresholds_of(card, out_of_fold, (f"{aim}={least}",))
    assert thresholds == out_of_fold.thresholds(aim, least)
    reached = [out_of_fold.precision_recall(label, value) for label, value in enumerate(thresholds)]
    assert all(pair[aim == "recall"] >= least for pair in reached)
    assert min(pair[aim == "recall"] for pair in reached) < least + 0.1


def test_f1_needs_no_number_and_one_label_may_differ(card: Card, out_of_fold: OutOfFold) -> None:
    best = out_of_fold.thresholds("f1")
    assert thresholds_of(card, out_of_fold, ("f1",)) == best
    assert thresholds_of(card, out_of_fold, ("Bark=0.9", "f1")) == (0.9, *best[1:])


@pytest.mark.parametrize(
    ("specs", "reason"),
    [
        (
            ("high",),
            "a threshold must be a number from 0 to 1, LABEL=0.4, f1, precision=0.9, recall=0.9 or card, got high",
        ),
        (("f1=0.5",), "a threshold must be .*, got f1=0.5"),
        (("precision",), "a threshold must be .*, got precision"),
        (("precision=high",), "a threshold must be .*, got precision=high"),
        (("Bark=",), "a threshold must be .*, got Bark="),
        (("",), "a threshold must be .*, got "),
        (("40",), "a threshold must be 0 to 1, got 40; write 0.4 for 40 %."),
        (("nan",), "a threshold must be 0 to 1, got nan"),
        (("Bark=-0.1",), "a threshold must be 0 to 1, got Bark=-0.1"),
        (("Brak=0.5",), "tiny has no label Brak; did you mean Bark?"),
        (("=0.5",), "tiny has no label without a name; its labels are Bark, Bell, Hiss"),
        (("0.5", "f1"), "thresholds for all labels must be given only once, got 0.5 and f1"),
        (("recall=0",), "recall to reach must be above 0"),
    ],
)
def test_other_texts_are_refused_and_valid_ones_are_named(
    card: Card, out_of_fold: OutOfFold, specs: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(AudiotagError, match=reason.replace("?", r"\?")):
        thresholds_of(card, out_of_fold, specs)


@pytest.mark.parametrize("spec", ["f1", "precision=0.9", "recall=0.9"])
def test_aim_without_out_of_fold_scores_is_refused(card: Card, spec: str) -> None:
    with pytest.raises(AudiotagError, match="tiny holds no out-of-fold scores"):
        thresholds_of(card, None, (spec,))


def test_label_may_be_named_like_an_aim_and_contain_an_equals_sign(card: Card) -> None:
    odd = replace(card, labels=("precision", "a=b", "Hiss"))
    assert thresholds_of(odd, None, ("precision=0.7", "a=b=0.8")) == (0.7, 0.8, 0.3)


def test_saved_thresholds_come_back_exactly_until_they_are_deleted(card: Card) -> None:
    workspace = Workspace()
    assert read_saved_thresholds(workspace, card) is None
    thresholds = (0.1 + 0.2, 1.0, 1 / 3)
    save_thresholds(workspace, card, thresholds)
    assert read_saved_thresholds(workspace, card) == thresholds
    save_thresholds(workspace, card, (0.5, 0.5, 0.5))
    assert read_saved_thresholds(workspace, card) == (0.5, 0.5, 0.5)
    forget_thresholds(workspace, card)
    forget_thresholds(workspace, card)
    assert read_saved_thresholds(workspace, card) is None


def test_thresholds_of_another_ensemble_of_the_same_name_are_not_used(card: Card) -> None:
    workspace = Workspace()
    save_thresholds(workspace, card, (0.5, 0.5, 0.5))
    first, second = card.folds
    other = FoldCard(**vars(first) | {"sha256": "0" * 64})
    assert read_saved_thresholds(workspace, replace(card, folds=(other, second))) is None
    assert read_saved_thresholds(workspace, replace(card, labels=("Bark", "Hiss", "Bell"))) is None
    assert read_saved_thresholds(workspace, replace(card, name="other")) is None
    assert read_saved_thresholds(workspace, card) == (0.5, 0.5, 0.5)


def test_thresholds_out_of_range_are_not_saved(card: Card) -> None:
    with pytest.raises(AudiotagError, match=r"a threshold must be 0 to 1, got Bell=1\.5"):
        save_thresholds(Workspace(), card, (0.5, 1.5, 0.5))
    with pytest.raises(AudiotagError, match="name must be a folder's name"):
        save_thresholds(Workspace(), replace(card, name="../tiny"), (0.5, 0.5, 0.5))
    assert not (Workspace().root / "thresholds").exists()


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"folds": FOLDS, "thresholds": {"Bark": 2, "Bell": 0, "Hiss": 0}}']
)
def test_damaged_file_of_saved_thresholds_is_named(card: Card, content: str) -> None:
    save_thresholds(Workspace(), card, (0.5, 0.5, 0.5))
    path = Workspace().root / "thresholds/tiny.json"
    path.write_text(content.replace("FOLDS", json.dumps([fold.sha256 for fold in card.folds])))
    with pytest.raises(AudiotagError, match=r"thresholds/tiny\.json does not hold thresholds"):
        read_saved_thresholds(Workspace(), card)
