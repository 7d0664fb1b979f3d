"""What reviewers changed, as a table: per clip the labels before and after, who says so, when, and why."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable, Sequence

import pandas as pd

from audiotag.data.corrections import Correction
from audiotag.data.verdicts import UNDECIDED, Verdict
from audiotag.spreadsheets import csv_bytes

COLUMNS = ["subset", "clip", "labels_from", "labels_to", "removed", "added", "reviewers", "time", "note"]


def differences(corrections: Sequence[Correction], verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """One row per corrected clip.

    Parameters
    ----------
    corrections : sequence of Correction
    verdicts : iterable of Verdict
        Oldest first.

    Returns
    -------
    pandas.DataFrame
        The columns `COLUMNS`, all of text. Labels and reviewers are separated by commas, in quotation marks where one
        has a comma; ``time`` is that of the newest verdict on the clip (UTC, ISO 8601).
    """
    by_clip: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.answer not in UNDECIDED:
            by_clip.setdefault((verdict.subset, verdict.clip), []).append(verdict)
    rows = []
    for one in corrections:
        said = by_clip.get((one.subset, one.clip), [])
        rows.append(
            (
                one.subset,
                one.clip,
                joined(one.before),
                joined(one.after),
                joined(label for label in one.before if label not in one.after),
                joined(label for label in one.after if label not in one.before),
                joined(dict.fromkeys(verdict.reviewer for verdict in said)),
                iso_time(max((verdict.time for verdict in said), default=0.0)),
                " / ".join(dict.fromkeys(verdict.note for verdict in said if verdict.note)),
            )
        )
    return pd.DataFrame(rows, columns=COLUMNS, dtype="str")


def differences_csv(
    corrections: Sequence[Correction], verdicts: Iterable[Verdict], for_spreadsheet: bool = False
) -> bytes:
    """`differences` as a CSV table (UTF-8).

    ``for_spreadsheet`` marks it as UTF-8, and disarms text that a spreadsheet would take for a formula.
    """
    return csv_bytes(differences(corrections, verdicts), for_spreadsheet, errors="backslashreplace")


def joined(names: Iterable[str]) -> str:
    """Names separated by commas; a name with a comma is in quotation marks.

    >>> joined(["Dog", "Inside, small room"])
    'Dog,"Inside, small room"'
    """
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(list(names))
    return line.getvalue()


def iso_time(seconds: float) -> str:
    """A time in seconds since 1970 as UTC; empty for 0.

    >>> iso_time(1767225600.0), iso_time(0.0)
    ('2026-01-01T00:00:00Z', '')
    """
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds else ""
