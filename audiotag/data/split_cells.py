"""Read the cells of columns of splits and folds: train, validation and test, and numbers of folds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from audiotag.data.column_names import normalised_name
from audiotag.data.table_header import clean_cell
from audiotag.wording import shortened

TRAIN = ("train", "training", "trn", "tr", "learn", "learning", "trainset", "trainingset", "traindata", "trainsplit")
VALIDATION = (
    "validation", "validate", "valid", "validating", "val", "vali", "vld", "validationset", "validset", "valset",
    "valsplit", "validationsplit",
)  # fmt: skip
TEST = (
    "test", "testing", "tst", "te", "testset", "testingset", "testdata", "testsplit", "holdout", "heldout", "hidden",
    "unseen", "public", "private",
)  # fmt: skip
DEVELOPMENT = ("dev", "devel", "development", "devset", "developmentset")  # what is trained on, unless there is train
EVALUATION = ("eval", "evaluation", "evaluate", "evalset", "evaluationset")  # the test, unless there is a test
TRUE = ("1", "true", "yes", "y", "t", "10")  # 1.0
FALSE = ("0", "false", "no", "n", "f", "00")
FLAGS = {  # columns of yes and no: what yes means, and what no means
    "isvalid": ("validation", "train"),
    "isvalidation": ("validation", "train"),
    "istest": ("test", "train"),
    "istrain": ("train", "test"),
    "istraining": ("train", "test"),
}
FOLD_CELL = re.compile(r"([a-z ._-]{0,24}?)(\d{1,9})(\.0+)?", re.IGNORECASE)  # spreadsheets write 1.0 for 1
MAX_FOLDS = 100
MAX_NAMED = 3  # cells in a sentence


@dataclass(frozen=True)
class Assignment:
    """What the cells of a column say.

    Attributes
    ----------
    splits, folds : dict
        By cell: a split of `audiotag.data.dataset.SPLITS`, and the number of a fold, as the table has it.
    unknown : tuple[str, ...]
        Cells that are neither.
    note : str
        A sentence about how they were read; empty if that is obvious.
    """

    splits: dict[str, str]
    folds: dict[str, int]
    unknown: tuple[str, ...] = ()
    note: str = ""


def read_assignment(column: str, cells: Iterable[str], any_text: bool = False) -> Assignment:
    """What the cells of a column mean, if it is one of splits or folds.

    Parameters
    ----------
    column : str
        Its name.
    cells : iterable of str
    any_text : bool
        Whether other texts are the names of folds too, in alphabetical order.
    """
    distinct = sorted({cell for cell in cells if cell.strip()})
    splits = _read_splits(column, distinct)
    others = [cell for cell in distinct if cell not in splits]
    folds, note = _read_folds(others, any_text)
    unknown = tuple(cell for cell in others if cell not in folds)
    return Assignment(splits, folds, unknown, note)


def quoted(cells: Iterable[str]) -> str:
    """Some cells for a sentence.

    >>> quoted(["A", "B", "C", "D"])
    '"A", "B", "C", …'
    """
    shown = [f'"{shortened(cell, 40)}"' for cell in cells]
    return ", ".join(shown[:MAX_NAMED]) + (", …" if len(shown) > MAX_NAMED else "")


def _read_splits(column: str, cells: list[str]) -> dict[str, str]:
    if flags := FLAGS.get(normalised_name(column)):
        read = {cell: flags[0] for cell in cells if normalised_name(cell) in TRUE}
        read |= {cell: flags[1] for cell in cells if normalised_name(cell) in FALSE}
        if len(read) == len(cells):
            return read
    names = {cell: normalised_name(cell) for cell in cells}
    present = set(names.values())
    has_train, has_test, has_validation = (not present.isdisjoint(words) for words in (TRAIN, TEST, VALIDATION))
    meaning = dict.fromkeys(TRAIN, "train") | dict.fromkeys(VALIDATION, "validation") | dict.fromkeys(TEST, "test")
    meaning |= dict.fromkeys(DEVELOPMENT, "validation" if has_train else "train")
    meaning |= dict.fromkeys(EVALUATION, "validation" if has_test and not has_validation else "test")
    return {cell: meaning[name] for cell, name in names.items() if name in meaning}


def _read_folds(cells: list[str], any_text: bool) -> tuple[dict[str, int], str]:
    found = {cell: match for cell in cells if (match := FOLD_CELL.fullmatch(clean_cell(cell)))}
    if len({normalised_name(match[1]) for match in found.values()}) > 1:
        found = {cell: match for cell, match in found.items() if not match[1]}
    numbers = {cell: int(match[2]) for cell, match in found.items()}
    if not numbers and cells and (any_text or all(re.fullmatch("[A-Za-z]", clean_cell(cell)) for cell in cells)):
        names = sorted(cells, key=lambda cell: clean_cell(cell).casefold())
        numbers = {cell: at for at, cell in enumerate(names, start=1)}
        return _few(numbers), f"Folds were numbered in alphabetical order: {quoted(names)} are 1, 2, …"
    return _few(numbers), ""


def _few(folds: dict[str, int]) -> dict[str, int]:
    return folds if len(set(folds.values())) <= MAX_FOLDS else {}
