"""Tags as files: tables of clips, timelines of windows, label tracks for Audacity. Bytes out; nothing is opened here.

Names stand in a table exactly as they are on disk, also those that begin with ``=``, ``+``, ``-`` or ``@``: a table is
joined with others by its file names, and a sign put before them would break that. A spreadsheet takes such a cell for
a formula, so tables of files from strangers are to be imported as text. Names that are no UTF-8 cannot be written as
text; what is wrong in them is shown as ``\\udcff``.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from audiotag.tagging.result import Tags

SCORE_DIGITS, SECOND_DIGITS = 4, 4


def row_of(tags: Tags, clip: str, path: str = "") -> dict[str, Any]:
    """What is said of a clip, as plain values.

    Parameters
    ----------
    tags : Tags
    clip : str
        What tables call it: its name in its folder.
    path : str
        Where it lies; empty for an upload.

    Returns
    -------
    dict
        ``clip``, ``path``, ``duration_s``, ``tags`` (a list of ``label``, ``score``, ``folds`` that agree, the
        likeliest first), ``scores`` (of every label, the likeliest first) and ``notes``.
    """
    return {
        "clip": as_text(clip),
        "path": as_text(path),
        "duration_s": round(tags.duration_s, SECOND_DIGITS),
        "tags": [
            {"label": tag.label, "score": round(tag.score, SCORE_DIGITS), "folds": tag.folds_agreeing}
            for tag in tags.tags
        ],
        "scores": {tag.label: round(tag.score, SCORE_DIGITS) for tag in tags.ranking},
        "notes": [as_text(note) for note in tags.notes],
    }


def timeline_of(tags: Tags, labels: Sequence[str]) -> list[dict[str, Any]]:
    """An entry a window: ``start_s``, ``end_s`` (within the clip), and ``scores``, a dict in the order of labels."""
    return [
        {
            "start_s": round(float(start), SECOND_DIGITS),
            "end_s": round(min(float(start) + tags.window_s, tags.duration_s), SECOND_DIGITS),
            "scores": {label: round(float(score), SCORE_DIGITS) for label, score in zip(labels, scores, strict=True)},
        }
        for start, scores in zip(tags.starts_s, tags.timeline, strict=True)
    ]


def problem_row(clip: str, path: str, problem: str) -> dict[str, Any]:
    """What stands in place of `row_of` for a clip that could not be used: ``clip``, ``path``, ``problem``."""
    return {"clip": as_text(clip), "path": as_text(path), "problem": problem}


def columns_of(labels: Sequence[str], timeline: bool = False) -> list[str]:
    """Of a table of clips, or of one of windows."""
    return ["fname", "start_s", "end_s", *labels] if timeline else ["fname", *labels, "tags"]


def cells_of(
    rows: Iterable[dict[str, Any]], labels: Sequence[str], timeline: bool = False
) -> Iterator[list[str | float]]:
    """Rows as cells below `columns_of`; of windows, where rows hold what `timeline_of` gives as ``timeline``.

    Clips that could not be used have no row in a table.
    """
    for row in rows:
        if timeline:
            for window in row.get("timeline", ()):
                yield [row["clip"], window["start_s"], window["end_s"], *(window["scores"][label] for label in labels)]
        elif "problem" not in row:
            tags = ",".join(tag["label"] for tag in row["tags"])
            yield [row["clip"], *(row["scores"][label] for label in labels), tags]


def csv_bytes(rows: Iterable[dict[str, Any]], labels: Sequence[str]) -> bytes:
    """Rows of `row_of` as a table: ``fname``, a score a label, ``tags`` with commas between."""
    return b"".join(csv_lines(columns_of(labels), cells_of(rows, labels)))


def problems_csv_lines(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Of the rows those of `problem_row`, as lines of a table."""
    bad = ([row["clip"], row["path"], row["problem"]] for row in rows if "problem" in row)
    return csv_lines(["fname", "path", "problem"], bad)


def submission_csv_lines(rows: Iterable[dict[str, Any]], columns: Sequence[str], file_column: str) -> Iterator[bytes]:
    """Rows as lines of a table with exactly these columns; what has no score, for want of a label or a clip, gets 0."""
    cells = (
        [row["clip"] if name == file_column else row.get("scores", {}).get(name, 0) for name in columns] for row in rows
    )
    return csv_lines(columns, cells)


def csv_lines(columns: Sequence[str], cells: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """A table line by line, so that it may be longer than memory; the header first."""
    line = io.StringIO()
    writer = csv.writer(line)
    for row in itertools.chain([columns], cells):
        writer.writerow(row)
        yield line.getvalue().encode()
        line.seek(0)
        line.truncate()


def json_bytes(rows: Iterable[dict[str, Any]]) -> bytes:
    """Rows as a JSON array."""
    return b"".join(json_parts(rows))


def json_parts(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """`json_bytes` piece by piece, a row each."""
    before = "[\n"
    for row in rows:
        yield (before + "  " + json.dumps(row, indent=2, ensure_ascii=False).replace("\n", "\n  ")).encode()
        before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"


def audacity_bytes(tags: Tags, labels: Sequence[str], thresholds: Sequence[float]) -> bytes:
    """Where each label is heard, as a label track that Audacity imports: start, end, and the label with its score.

    Neighbouring windows that both reach the label's threshold are one stretch, from the first one's start to the last
    one's end, or the clip's; its score is the highest of theirs.

    Parameters
    ----------
    tags : Tags
    labels, thresholds : sequence
        In the order of the timeline's columns.
    """
    stretches = []
    for column, (label, threshold) in enumerate(zip(labels, thresholds, strict=True)):
        scores = tags.timeline[:, column]
        for first, last in _runs([score > 0 and score >= threshold for score in scores.tolist()]):
            end_s = min(float(tags.starts_s[last]) + tags.window_s, tags.duration_s)
            score = float(scores[first : last + 1].max())
            stretches.append((float(tags.starts_s[first]), end_s, f"{' '.join(label.split())} {score:.2f}"))
    return "".join(f"{start:.6f}\t{end:.6f}\t{text}\n" for start, end, text in sorted(stretches)).encode()


def as_text(name: str) -> str:
    """A file name as text that can be written: what is no UTF-8 in it is spelt out.

    >>> as_text("caf\\udce9.wav")
    'caf\\\\udce9.wav'
    """
    return name.encode(errors="backslashreplace").decode()


def _runs(passing: list[bool]) -> list[tuple[int, int]]:
    """First and last place of every run of what passes.

    >>> _runs([True, True, False, True])
    [(0, 1), (3, 3)]
    """
    runs: list[tuple[int, int]] = []
    for place, passes in enumerate(passing):
        if passes and place and passing[place - 1]:
            runs[-1] = (runs[-1][0], place)
        elif passes:
            runs.append((place, place))
    return runs
