"""Lists of numbers on the command line."""

import argparse

import pytest

from audiotag.cli.arguments import fold_numbers, whole_numbers


def test_numbers_keep_their_order_and_folds_are_sorted() -> None:
    assert whole_numbers("5, 2,5") == (5, 2, 5)
    assert fold_numbers("5, 2,5") == (2, 5)


@pytest.mark.parametrize("text", ["", "1,", "a", "1.5", "1;2"])
def test_other_text_is_refused_with_an_example(text: str) -> None:
    for parse in (whole_numbers, fold_numbers):
        with pytest.raises(argparse.ArgumentTypeError, match="whole numbers separated by commas, like 1,2, got"):
            parse(text)


def test_negative_folds_are_refused_and_those_of_a_dataset_may_begin_at_zero() -> None:
    assert fold_numbers("1,0") == (0, 1)
    with pytest.raises(argparse.ArgumentTypeError, match="numbers of folds, which are not negative, got -1"):
        fold_numbers("-1,1")
