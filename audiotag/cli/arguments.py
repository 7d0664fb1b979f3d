"""Command-line arguments that several commands have, and their types."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiotag.errors import AudiotagError
from audiotag.remote.addresses import as_path, is_address, is_remote

# As in audiotag.data.layouts.base, which loads pandas: a command must not do that to print its help.
LABEL_SEPARATORS = ("comma", "semicolon", "bar", "space", "none")
NO_COLUMN = "-"


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


def local_or_remote_path(text: str) -> Path:
    """The path of a folder, table or sound; that of an address is in the mirror of the workspace.

    >>> local_or_remote_path("sounds").name, local_or_remote_path("s3://bucket/sounds").parts[-3:]
    ('sounds', ('s3', 'bucket', 'sounds'))
    """
    try:
        return as_path(text)
    except AudiotagError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def local_folder(text: str) -> Path:
    """The path of a folder that is watched: on this machine, or mounted here."""
    if is_address(text):
        raise argparse.ArgumentTypeError(
            "must be a folder on this machine, or a network folder that is mounted here, got an address; what is at an "
            "address is tagged by `audiotag tag`"
        )
    return local_or_remote_path(text)


def list_remote_paths(options: argparse.Namespace) -> None:
    """List what is at the addresses among a command's arguments, with progress, so that it finds them as on disk."""
    given = [one for value in vars(options).values() for one in (value if isinstance(value, list) else [value])]
    if not (remote := [path for path in given if is_remote(path)]):
        return
    from audiotag.cli.progress import bar
    from audiotag.data.remote_folders import localise

    for path in remote:
        with bar("listing", "object") as progress:
            localise(path, progress)


def add_paths(sub: argparse.ArgumentParser) -> None:
    """Add the sound files and folders of a command that tags or embeds them."""
    sub.add_argument(
        "paths",
        nargs="+",
        type=local_or_remote_path,
        metavar="PATH",
        help="sound files and folders, also by addresses like s3://bucket/sounds; links to folders are not followed",
    )


def add_reading(sub: argparse.ArgumentParser) -> None:
    """Add the options that say how a dataset's table or folders are read, where that is not detected rightly."""
    none = f"{NO_COLUMN} for none"
    add = sub.add_argument
    add(
        "--label-separator",
        choices=LABEL_SEPARATORS,
        help="what separates the labels in a cell of the table; none: a cell is one label (default: detected)",
    )
    add("--split-column", metavar="NAME", help=f"column of train, validation and test; {none} (default: detected)")
    add("--fold-column", metavar="NAME", help=f"column of the folds; {none} (default: detected)")
    add("--group-column", metavar="NAME", help=f"column of the source recordings; {none} (default: detected)")
    add(
        "--folders",
        metavar="ROLES",
        help="role of each level of folders, from the top, such as split/label; the roles are label, split, fold, "
        "group, and - for no meaning (default: detected)",
    )


def add_on_option(sub: argparse.ArgumentParser) -> None:
    """Add the option that says where the work is done; `audiotag.cluster.check_place` checks it."""
    sub.add_argument(
        "--on",
        default="",
        metavar="PLACE",
        help="ray: on the Ray cluster that RAY_ADDRESS names or that runs here, else on one that is started here; "
        "HOST:PORT or ray://HOST:PORT: on that cluster (default: on this machine, without Ray)",
    )


def add_combination(sub: argparse.ArgumentParser) -> None:
    """Add the options that say how the scores of folds and windows become those of a clip."""
    add = sub.add_argument
    add(
        "--folds",
        type=fold_numbers,
        default=(),
        metavar="1,2,…",
        help="use only these folds, or these members of a blend (default: all)",
    )
    add(
        "--combine",
        default="mean",
        choices=("mean", "geometric", "weighted"),
        help="how the scores of the folds are combined, of a blend those of each member (default: mean)",
    )
    add(
        "--overlap",
        type=float,
        metavar="SHARE",
        help="overlap of neighbouring windows, 0 to 0.95 of a window; 0.95 takes 20 times as long as 0. From 0.75 on, "
        "timelines have a score per moment, so that events begin and end when they do (default: the ensemble's own, "
        "which audiotag overlap sets, else 0.5)",
    )
    add(
        "--windows",
        choices=("mean", "max"),
        help="how the windows of a long clip are combined (default: as the ensemble's card says)",
    )
    add(
        "--calibrated",
        action="store_true",
        help="give scores as probabilities, by the ensemble's temperature; the tags and their order stay the same",
    )


def add_spreadsheet(sub: argparse.ArgumentParser) -> None:
    """Add the option that makes a CSV file safe to open in a spreadsheet."""
    sub.add_argument(
        "--spreadsheet",
        action="store_true",
        help="write the table for a spreadsheet: marked as UTF-8, with an apostrophe before text that it would take "
        "for a formula",
    )
