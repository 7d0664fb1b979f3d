"""A submission gets the ensemble's scores in the columns of the sample, whatever the sample's spelling."""

from dataclasses import replace
from pathlib import Path

import pytest

from audiotag.errors import AudiotagError
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.submission import Sheet, write_submission

ROWS = [
    {"clip": "a.wav", "problem": "a.wav is empty."},
    {"clip": "b.wav", "scores": {"Bark": 0.9, "Waves & surf": 0.2}},
]


def test_columns_that_are_spelt_otherwise_get_the_scores(tmp_path: Path) -> None:
    sheet = Sheet(["fname", "bark", "Waves_and_surf", "Meow"], "fname", [])
    write_submission(tmp_path / "s.csv", ROWS, sheet)
    assert (tmp_path / "s.csv").read_text().splitlines() == [
        "fname,bark,Waves_and_surf,Meow", "a.wav,0,0,0", "b.wav,0.9,0.2,0",
    ]  # fmt: skip


def test_labels_that_the_ensemble_lacks_are_said_and_spellings_are_not(tiny_ensemble: Path) -> None:
    card = replace(read_card(tiny_ensemble), labels=("Bark", "Waves & surf"))
    note = Sheet(["fname", "bark", "Waves_and_surf", "Meow"], "fname", []).note(card)
    assert note == "tiny does not know Meow: 1 of 3 labels get zeros."
    assert Sheet(["fname", "BARK"], "fname", []).note(card) == ""
    with pytest.raises(AudiotagError, match="knows none of the 1 labels"):
        Sheet(["fname", "Meow"], "fname", []).note(card)
