"""What every layout has, the registry that finds layouts by key, and `open_dataset`, which picks the one that fits.

A layout is one file with a class that is derived from `Layout` and decorated with `register_layout`. No sound file is
opened while a dataset is opened: layouts read names and tables only.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from audiotag.checks import check, require
from audiotag.data.dataset import Dataset
from audiotag.data.remote_folders import localise, problems_of
from audiotag.data.table_bounds import SEPARATORS
from audiotag.disk import expanded
from audiotag.errors import AudiotagError
from audiotag.reasons import plain_reason
from audiotag.registry import Registry
from audiotag.remote.addresses import is_address, is_remote, path_of, with_addresses
from audiotag.wording import as_text

NO_COLUMN = "-"
MAX_COUNTED = 100_000  # files of a folder that are counted
MAX_SUFFIXES = 3
LABEL_SEPARATORS = {"comma": ",", "semicolon": ";", "bar": "|", "space": " ", "none": ""}  # none: a cell is one label


@dataclass(frozen=True)
class OpenOptions:
    """How to open a dataset; by default everything is detected automatically.

    Attributes
    ----------
    separator : str, optional
        Column separator of a text table: a comma, a semicolon, a tab or a bar.
    file_column, label_column : str, optional
        Names of the columns of a table that hold file names and labels.
    keep_flagged : bool
        Also use the clips that the dataset's authors marked as wrong.
    layout : str, optional
        Key of the layout; see `LAYOUTS`.
    label_separator : str, optional
        What separates the labels of a clip in a cell: a key of `LABEL_SEPARATORS`.
    split_column, fold_column, group_column : str, optional
        Names of the columns of a table that hold splits, folds and groups (source recordings); `NO_COLUMN` for none.
    folders : str, optional
        What each level of folders means, from the dataset's root down: roles separated by slashes, like
        ``split/label``. The roles are label, split, fold, group and ``-`` for a level without meaning.
    keep_unlabelled : bool
        Also list the sounds of which tables and folders say no label, so that they can be labelled in the app. Training
        leaves them out until they have labels.
    """

    separator: str | None = None
    file_column: str | None = None
    label_column: str | None = None
    keep_flagged: bool = False
    layout: str | None = None
    label_separator: str | None = None
    split_column: str | None = None
    fold_column: str | None = None
    group_column: str | None = None
    folders: str | None = None
    keep_unlabelled: bool = False

    def __post_init__(self) -> None:
        check(self)
        require(
            self.separator is None or (len(self.separator) == 1 and self.separator in SEPARATORS),
            "separator",
            "be a comma, a semicolon, a tab or a bar",
            repr(self.separator),
            "leave it out to have it detected automatically.",
        )
        require(
            self.label_separator is None or self.label_separator in LABEL_SEPARATORS,
            "label_separator",
            f"be one of {', '.join(LABEL_SEPARATORS)}",
            repr(self.label_separator),
            "leave it out to have it detected automatically.",
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> OpenOptions:
        """Options from saved values; those that are missing have their defaults, unknown ones are ignored."""
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})


class Layout:
    """One way in which a dataset is stored on disk; base of one class per layout.

    Attributes
    ----------
    key : str
        Name by which options and code choose the layout; set by `register_layout`.
    title : str
        Name that people read, on pages and in reports.
    order : int
        Layouts are tried in ascending order until one recognises the path. The shipped layouts have 10 to 60, the most
        specific first.
    looks_for : str
        What `recognises` looks for, in a few words, for the message about a folder that no layout recognises; empty for
        a published dataset, which ``audiotag scan --help`` lists.
    can_be_fetched : bool
        Whether the app has commands that download missing parts of such a dataset.
    reads_folders : bool
        Whether the option ``folders`` is meant for this layout.
    """

    key: ClassVar[str] = ""
    title: ClassVar[str] = ""
    order: ClassVar[int] = 0
    looks_for: ClassVar[str] = ""
    can_be_fetched: ClassVar[bool] = False
    reads_folders: ClassVar[bool] = False

    def recognises(self, path: Path) -> bool:
        """Whether a path has this layout. It is absolute, may be a file or a folder, and may not exist."""
        raise NotImplementedError

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """The dataset at an existing path.

        `open_dataset` sets ``root``, ``layout`` and ``layout_key`` of the result.

        Raises
        ------
        AudiotagError
            If the path does not hold a dataset of this layout, or not one usable clip.
        """
        raise NotImplementedError

    def hint(self, path: Path) -> str:
        """A sentence for the message about a folder that no layout recognises; empty if there is nothing to add."""
        return ""


LayoutClass = TypeVar("LayoutClass", bound=type[Layout])
LAYOUTS: Registry[type[Layout]] = Registry("layout", "audiotag.data.layouts", "audiotag.layouts")


def register_layout(key: str) -> Callable[[LayoutClass], LayoutClass]:
    """Decorate a layout class to make it known by ``key``: lower-case letters, digits and hyphens."""

    def register(layout: LayoutClass) -> LayoutClass:
        layout.key = key
        LAYOUTS.register(key)(layout)
        return layout

    return register


def open_dataset(path: str | Path, options: OpenOptions | None = None, **fields: Any) -> Dataset:
    """Recognise the layout of a dataset and read its tables.

    Parameters
    ----------
    path : str or Path
        A folder, a sound file, or a table: CSV or other text, Excel, JSON or Parquet, also compressed by gzip. It may
        be an address, such as ``s3://bucket/sounds``, whose folder is then listed.
    options : OpenOptions, optional
        What not to detect automatically.
    **fields
        Fields of `OpenOptions`, instead of those in ``options``: ``open_dataset(path, keep_flagged=True)``.

    Returns
    -------
    Dataset

    Raises
    ------
    AudiotagError
        If the path does not exist or is not a dataset; the message says what was looked for.
    """
    if is_address(path):
        path = localise(path)
    path = absolute(path)
    options = replace(options or OpenOptions(), **fields)
    try:
        if is_remote(path) and not path.exists():  # a worker may be the first on its machine
            localise(path)
        layout = LAYOUTS.get(options.layout)() if options.layout else _recognise(path, bool(options.folders))
        if not path.exists():
            raise _not_there(path)
        dataset = layout.open(path, options)
    except OSError as error:  # a name that is too long, or a folder without permission
        raise AudiotagError(
            f"{error.filename or path} cannot be read: {plain_reason(error)}; check the path."
        ) from error
    dataset = _in_text(dataset)
    problems = (*problems_of(path), *dataset.problems)
    return replace(dataset, root=path, layout=layout.title, layout_key=layout.key, problems=problems)


def layouts_in_order() -> list[Layout]:
    """All layouts, in the order in which they are tried."""
    return sorted((layout() for _, layout in LAYOUTS.items()), key=lambda layout: (layout.order, layout.key))


def absolute(path: str | Path) -> Path:
    """The path from the root, without ``~`` and ``..``; links are not resolved. That of an address is in the mirror.

    Raises
    ------
    AudiotagError
        If it begins with the ``~`` of a user who does not exist, or has NUL characters, or is an address that audiotag
        does not open.
    """
    if is_address(path):
        return path_of(path)
    return Path(os.path.abspath(expanded(path)))


def _in_text(dataset: Dataset) -> Dataset:
    """The dataset with sentences and names that can be written, whatever bytes its file names have."""
    problems, flagged = (
        tuple(
            replace(problem, clip=as_text(problem.clip), reason=with_addresses(as_text(problem.reason)))
            for problem in found
        )
        for found in (dataset.problems, dataset.flagged)
    )
    missing = tuple(with_addresses(as_text(sentence)) for sentence in dataset.missing)
    return replace(dataset, name=as_text(dataset.name), problems=problems, flagged=flagged, missing=missing)


def _recognise(path: Path, by_folders: bool) -> Layout:
    layouts = layouts_in_order()
    for layout in layouts:
        is_meant = layout.reads_folders and path.is_dir() if by_folders else layout.recognises(path)
        if is_meant:
            return layout
    if not path.is_dir():
        raise _not_there(path)
    *others, last = [layout.looks_for for layout in layouts if layout.looks_for]
    hints = " ".join(filter(None, (layout.hint(path) for layout in layouts)))
    raise AudiotagError(
        f"{path} is not a dataset: it {_what_is_in(path)}. A dataset has {', '.join(others)}, or {last}; audiotag scan "
        f"--help lists the published ones that are read as they are. {hints}".strip()
    )


def _what_is_in(folder: Path) -> str:
    """What a folder that no layout recognises holds, as the end of a sentence."""
    with os.scandir(folder) as entries:
        visible = [entry for entry in itertools.islice(entries, MAX_COUNTED) if not entry.name.startswith(".")]
    suffixes = Counter(Path(entry.name).suffix.lower() for entry in visible if not entry.is_dir())
    files, folders = suffixes.total(), len(visible) - suffixes.total()
    usual = ", ".join(suffix for suffix, _ in suffixes.most_common(MAX_SUFFIXES) if suffix)
    held = [
        f"{files:,} {'file' if files == 1 else 'files'}" + (f" ({usual})" if usual else "") if files else "",
        f"{folders:,} {'folder' if folders == 1 else 'folders'}" if folders else "",
    ]
    found = " and ".join(filter(None, held))
    return f"holds {found}, but no sounds and no table that names any" if found else "is empty"


def _not_there(path: Path) -> AudiotagError:
    problem = "is neither a folder nor a table" if path.exists() else "does not exist"
    return AudiotagError(
        f"{path} {problem}; give the folder of a dataset, its table (CSV, Excel, JSON or Parquet), or a sound."
    )
