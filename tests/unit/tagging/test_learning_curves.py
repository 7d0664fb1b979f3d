"""The learning curves beside an ensemble are those that were written, and belong to its weights."""

import json
import math
import shutil
from pathlib import Path

import pytest

from audiotag.errors import AudiotagError
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.learning_curves import FILE, Epoch, read_curves, write_curves

EPOCHS = (Epoch(1, 1, 1, 0.5, 0.25, 0.5), Epoch(1, 1, 2, 0.625, None, None), Epoch(-1, 1, 1, 0.125, 1.0, 2.0))


@pytest.fixture
def ensemble(tiny_ensemble: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_ensemble, tmp_path / "tiny")


def test_curves_are_read_as_they_were_written(ensemble: Path) -> None:
    card = read_card(ensemble)
    assert read_curves(ensemble, card) == ()
    write_curves(ensemble, EPOCHS, card.fold_checksums)
    assert read_curves(ensemble, card) == EPOCHS


def test_curves_of_other_weights_are_not_shown(ensemble: Path) -> None:
    write_curves(ensemble, EPOCHS, ["0" * 64])
    assert read_curves(ensemble, read_card(ensemble)) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"epochs": None},
        {"epochs": [{"fold": 1}]},
        {"epochs": [{"fold": 1, "stage": 1, "epoch": 1, "lwlrap": 7.0, "train_loss": None, "valid_loss": None}]},
        {"epochs": [{"fold": 1, "stage": 1, "epoch": 1, "lwlrap": math.nan, "train_loss": None, "valid_loss": None}]},
        {"folds": "x"},
    ],
)
def test_damaged_curves_are_an_error_that_names_the_file(ensemble: Path, change: dict) -> None:
    card = read_card(ensemble)
    write_curves(ensemble, EPOCHS, card.fold_checksums)
    content = json.loads((ensemble / FILE).read_text()) | change
    (ensemble / FILE).write_text(json.dumps(content))
    with pytest.raises(AudiotagError, match=r"tiny/curves\.json is damaged or of another version; delete it"):
        read_curves(ensemble, card)
