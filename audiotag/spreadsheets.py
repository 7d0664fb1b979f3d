"""Disarm the text cells of a CSV file that a spreadsheet would take for formulas.

A spreadsheet computes a cell that begins with ``=``, ``+``, ``-`` or ``@``, also where it came from a stranger's file
name, and a formula may send data away or start programs. Where the list separator of its language is not the comma, a
cell may also begin after a semicolon, a tab or a bar within a name. At each such place an apostrophe is put in front;
where there is an apostrophe already it is doubled, so that the text comes back by removing one apostrophe from the
start, and from behind each separator. Numbers stay numbers.

Files that programs read are written without this, because tables are joined by their file names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# A place where a cell may begin, before a character that makes it a formula. Spreadsheets take the wide forms of
# Chinese and Japanese keyboards for the narrow ones, and skip white space at the start.
FORMULA = re.compile(r"(^|[,;|\t\r\n])(?=[\t\r\n']|\s*[=+\-@＝＋－＠])")


def disarm(cell: Any) -> Any:
    r"""A cell that a spreadsheet shows as it is; all that is not text is returned unchanged.

    >>> disarm("=HYPERLINK(0)"), disarm("a;@b.wav"), disarm("'=x"), disarm(-0.5), disarm("Male speech, Bark")
    ("'=HYPERLINK(0)", "a;'@b.wav", "''=x", -0.5, 'Male speech, Bark')
    """
    return FORMULA.sub(r"\1'", cell) if isinstance(cell, str) else cell


def disarm_table(table: pd.DataFrame) -> pd.DataFrame:
    """A table with its text cells and its column names disarmed."""
    texts = table.select_dtypes(include=["object", "string", "category"])
    disarmed = {name: texts[name].astype(object).map(disarm) for name in texts}
    return table.assign(**disarmed).rename(columns=disarm)
