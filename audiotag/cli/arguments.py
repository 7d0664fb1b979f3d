"""Command-line arguments that several commands have, and their types."""

from __future__ import annotations

import argparse


def whole_numbers(text: str) -> tuple[int, ...]:
    """Whole numbers separated by commas.

    >>> whole_numbers("3,1")
    (3, 1)
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be whole numbers separated by commas, like 1,2, got {text!r}") from None


def fold_numbers(text: str) -> tuple[int, ...]:
    """Numbers of folds in ascending order, each once.

    >>> fold_numbers("3,1,3")
    (1, 3)
    """
    numbers = tuple(sorted(set(whole_numbers(text))))
    if numbers[0] < 0:
        raise argparse.ArgumentTypeError(f"must be numbers of folds, which are not negative, got {numbers[0]}")
    return numbers


def add_spreadsheet(sub: argparse.ArgumentParser) -> None:
    """Add the option that makes a CSV file safe to open in a spreadsheet."""
    sub.add_argument(
        "--spreadsheet",
        action="store_true",
        help="write the CSV file for a spreadsheet: an apostrophe is put before text that it would take for a formula",
    )
