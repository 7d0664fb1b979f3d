"""Write CSV files that open right in a spreadsheet: marked as UTF-8, and without text that it takes for formulas.

A spreadsheet computes a cell that begins with ``=``, ``+``, ``-`` or ``@``, also where it came from a stranger's file
name, and a formula may send data away or start programs. Where the list separator of its language is not the comma, a
cell may also begin after a semicolon, a tab or a bar within a name. At each such place an apostrophe is put in front;
where there is an apostrophe already it is doubled, so that the text comes back by removing one apostrophe from the
start, and from behind each separator. Numbers stay numbers.

Such a file begins with a byte order mark (`UTF8_MARK`), without which Excel takes UTF-8 for the encoding of its
language. Where a table with this mark is read as a dataset, `rearm` takes the apostrophes away again.

Files that programs read are written without both, because tables are joined by their file names.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# A place where a cell may begin, before a character that makes it a formula. Spreadsheets take the wide forms of
# Chinese and Japanese keyboards for the narrow ones, skip white space at the start, and take a quotation mark there
# for the start of a quoted cell (\x22 is that mark).
FORMULA = re.compile(r"(^|[,;|\t\r\n])(?=[\t\r\n']|[\s\x22]*[=+\-@＝＋－＠])")
# What precedes a formula may hold further apostrophes; the bound keeps the search linear.
DISARMED = re.compile(r"(^|[,;|\t\r\n])'(?=[\t\r\n']|[\s'\x22]{0,99}[=+\-@＝＋－＠])")
UTF8_MARK = codecs.BOM_UTF8


def disarm(cell: Any) -> Any:
    r"""A cell that a spreadsheet shows as it is; all that is not text is returned unchanged.

    >>> disarm("=HYPERLINK(0)"), disarm("a;@b.wav"), disarm("'=x"), disarm(-0.5), disarm("Male speech, Bark")
    ("'=HYPERLINK(0)", "a;'@b.wav", "''=x", -0.5, 'Male speech, Bark')
    """
    return FORMULA.sub(r"\1'", cell) if isinstance(cell, str) else cell


def rearm(cell: Any) -> Any:
    r"""The cell that `disarm` was given, by what it returned; all that is not text is returned unchanged.

    >>> rearm("'=HYPERLINK(0)"), rearm("a;'@b.wav"), rearm("''=x"), rearm("it's"), rearm("'quoted'")
    ('=HYPERLINK(0)', 'a;@b.wav', "'=x", "it's", "'quoted'")
    """
    return DISARMED.sub(r"\1", cell) if isinstance(cell, str) and "'" in cell else cell


def csv_bytes(table: pd.DataFrame, for_spreadsheet: bool = False, errors: str = "strict") -> bytes:
    """A table as CSV in UTF-8, without its index; ``errors`` as `str.encode` takes it."""
    if not for_spreadsheet:
        return table.to_csv(index=False).encode("utf-8", errors)
    return UTF8_MARK + disarm_table(table).to_csv(index=False).encode("utf-8", errors)


def disarm_table(table: pd.DataFrame) -> pd.DataFrame:
    """A table with its text cells and its column names disarmed."""
    texts = table.select_dtypes(include=["object", "string", "category"])
    disarmed = {name: texts[name].astype(object).map(disarm) for name in texts}
    return table.assign(**disarmed).rename(columns=disarm)
