"""What a changed cell of a table holds, whatever the kind of the table's file."""

from __future__ import annotations

from dataclasses import dataclass

from audiotag.errors import AudiotagError


class CannotRewriteError(AudiotagError):
    """A table cannot be written again with other labels; the message is half a sentence that says why."""


@dataclass(frozen=True)
class NewCell:
    """The new content of a cell.

    Attributes
    ----------
    text : str
        As text; empty for an empty cell.
    labels : tuple[str, ...] or None
        The same as labels, for cells that hold lists.
    is_in : bool or None
        The same as yes or no, for columns of one label each.
    """

    text: str
    labels: tuple[str, ...] | None = None
    is_in: bool | None = None


Changes = dict[tuple[int, str], NewCell]  # by row number, from 0, and column
