"""Lists of numbers on the command line."""

import argparse

import pytest

from audiotag.cli import arguments
from audiotag.cli.arguments import fold_numbers, whole_numbers
from audiotag.data import column_roles
from audiotag.data.label_cells import WORDS
from audiotag.data.layouts import base


def test_numbers_keep_their_order_and_folds_are_sorted() -> None:
    assert whole_numbers("5, 2,5") == (5, 2, 5)
    assert fold_numbers("5, 2,5") == (2, 5)


@pytest.mark.parametrize("text", ["", "1,", "a", "1.5", "1;2"])
def test_other_text_is_refused_with_an_example(text: str) -> None:
    for parse in (whole_numbers, fold_numbers):
        with pytest.raises(argparse.ArgumentTypeError, match="whole numbers separated by commas, like 1,2, got"):
            parse(text)


def test_fold_zero_is_refused() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="numbers of folds, which start at 1, got 0"):
        fold_numbers("0,1")


def test_choices_of_the_reading_are_those_of_the_datasets() -> None:
    assert arguments.LABEL_SEPARATORS == tuple(base.LABEL_SEPARATORS) == tuple(WORDS)
    assert arguments.NO_COLUMN == base.NO_COLUMN == column_roles.NO_COLUMN
