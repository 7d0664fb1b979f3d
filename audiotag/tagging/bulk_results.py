"""The results of a bulk job as a table on disk, which is filtered and read page by page, however many clips it has.

The table is made from the job's journal, also while that grows: a few Parquet files, ``rows-START-END.parquet``, each
with the rows between two positions of the journal. So a process that was killed loses nothing: the next one continues
where the last file ends. When the job is finished, one file with the rows in the order of the sounds takes their place.
Only the job's process writes; pages read. Memory holds some thousand rows, and for a filter 8 bytes per clip it finds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from audiotag.state import set_aside
from audiotag.tagging.export.rows import Row
from audiotag.tagging.journal import read_new_rows
from audiotag.workspace import open_atomic

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_WRITE = 20_000
ROWS_PER_READ = 65_536
NAME = re.compile(r"rows-(\d+)-(\d+)\.parquet")
FACTS = ("clip", "path", "duration_s", "tags", "likeliest", "score", "notes", "problem", "familiarity", "unlike")
SCORE = "score of "  # begins the name of a label's column

Order = Literal["file", "score"]


@dataclass(frozen=True)
class ResultFilter:
    """Which clips to show.

    Attributes
    ----------
    label : str
        The label whose score counts; empty for the likeliest label of each clip.
    min_score : float
        0 to 1.
    text : str
        Part of the clip's name, in upper or lower case.
    tagged_only : bool
        Whether the clip must have a tag: that of ``label``, or any.
    order : "file" or "score"
        In the order of the sounds, or the highest score first.
    unlike_only : bool
        Whether the clip must be unlike the training sounds.
    """

    label: str = ""
    min_score: float = 0.0
    text: str = ""
    tagged_only: bool = False
    order: Order = "file"
    unlike_only: bool = False


class _Part(NamedTuple):
    start: int
    end: int
    path: Path


class ResultTable:
    """The table of results in a folder.

    Parameters
    ----------
    folder : Path
    labels : sequence of str
        All labels of the ensemble.
    """

    def __init__(self, folder: Path, labels: Sequence[str]) -> None:
        self.folder, self.labels = folder, tuple(labels)

    def stamp(self) -> tuple[str, ...]:
        """What changes whenever there are other results to read."""
        return tuple(f"{part.path.name} {part.path.stat().st_mtime_ns}" for part in self._parts())

    def position(self) -> int:
        """Where in the journal the rows begin that are not in the table yet."""
        return max((part.end for part in self._parts()), default=0)

    def update(self, journal: Path) -> None:
        """Add what the journal has more."""
        kept = self._parts()
        for path in set(self.folder.glob("rows-*.parquet")) - {part.path for part in kept}:
            path.unlink(missing_ok=True)
        start = self.position()
        found = read_new_rows(journal, start)
        while chunk := list(islice(found, ROWS_PER_WRITE)):
            end = chunk[-1][0]
            self._write(start, end, [self._batch([row for _, row in chunk])])
            start = end

    def finish(self, rows: Iterable[Row], end: int) -> None:
        """Replace the table by one file with all rows in their order; ``end`` is the length of the journal."""
        chunks = iter(rows)
        self._write(0, end, (self._batch(chunk) for chunk in iter(lambda: list(islice(chunks, ROWS_PER_WRITE)), [])))

    def drop_problems(self) -> None:
        """Remove clips that could not be tagged: a job that is resumed tries them again."""
        import pyarrow.compute as pc

        if any(len(batch.filter(pc.is_valid(batch["problem"]))) for batch in self._batches(["problem"])):
            kept = (batch.filter(pc.is_null(batch["problem"])) for batch in self._batches())
            self._write(0, self.position(), kept)

    def clear(self) -> None:
        """Remove all results."""
        for path in self.folder.glob("rows-*.parquet"):
            path.unlink(missing_ok=True)

    def counts(self) -> tuple[int, int, dict[str, int]]:
        """How many clips were tagged, how many could not be, and how many clips have each tag, the most first."""
        import pyarrow.compute as pc

        tagged, bad, tags = 0, 0, Counter[str]()
        for batch in self._batches(["tags", "problem"]):
            failed = batch["problem"].null_count
            tagged, bad = tagged + failed, bad + len(batch) - failed
            for entry in pc.value_counts(pc.list_flatten(batch["tags"])).to_pylist():
                tags[entry["values"]] += entry["counts"]
        return tagged, bad, dict(tags.most_common())

    def find(self, wanted: ResultFilter) -> np.ndarray:
        """Numbers of the rows that pass a filter, in its order; clips that could not be tagged are not among them."""
        import pyarrow.compute as pc

        column = SCORE + wanted.label if wanted.label in self.labels else "score"
        numbers, scores, at = [np.empty(0, np.int64)], [np.empty(0, np.float32)], 0
        for batch in self._batches(["clip", "tags", "problem", "unlike", column]):
            passes = pc.and_(pc.is_null(batch["problem"]), pc.greater_equal(batch[column], wanted.min_score))
            if wanted.text:
                named = pc.match_substring(batch["clip"], wanted.text, ignore_case=True)
                passes = pc.and_(passes, named)
            mask = pc.fill_null(passes, False).to_numpy(zero_copy_only=False)
            if wanted.tagged_only:
                mask = mask & _has_tag(batch["tags"], wanted.label)
            if wanted.unlike_only:
                mask = mask & _is_unlike(batch)
            numbers.append(at + np.flatnonzero(mask))
            scores.append(batch[column].to_numpy(zero_copy_only=False)[mask])
            at += len(batch)
        found = np.concatenate(numbers)
        return found if wanted.order == "file" else found[np.argsort(-np.concatenate(scores), kind="stable")]

    def take(self, numbers: np.ndarray, label: str = "") -> list[Row]:
        """Some rows by their numbers: their `FACTS`, and ``label_score`` of ``label`` or of the likeliest label."""
        column = SCORE + label if label in self.labels else "score"
        rows: dict[int, Row] = {}
        at = 0
        for batch in self._batches(dict.fromkeys((*FACTS, column)), set(numbers.tolist())):
            if isinstance(batch, int):
                at += batch
                continue
            inside = numbers[(numbers >= at) & (numbers < at + len(batch))]
            for number, row in zip(inside.tolist(), batch.take(inside - at).to_pylist(), strict=True):
                rows[number] = row | {"label_score": row[column]}
            at += len(batch)
        return [rows[number] for number in numbers.tolist() if number in rows]

    def problems(self, most: int) -> list[tuple[str, str]]:
        """Name and sentence of the first clips that could not be tagged."""
        found: list[tuple[str, str]] = []
        for batch in self._batches(["clip", "problem"]):
            for row in batch.filter(batch["problem"].is_valid()).to_pylist():
                found.append((row["clip"], row["problem"]))
                if len(found) == most:
                    return found
        return found

    def _parts(self) -> list[_Part]:
        """The files that follow each other without a gap; a finished table has one, which replaces all others."""
        names = ((NAME.fullmatch(path.name), path) for path in self.folder.glob("rows-*.parquet"))
        parts = [_Part(int(name[1]), int(name[2]), path) for name, path in names if name]
        chain, at = list[_Part](), 0
        for part in sorted(parts, key=lambda part: (part.start, -part.end)):
            if part.start == at and part.end > at:
                chain.append(part)
                at = part.end
        return chain

    def _batches(self, columns: Iterable[str] | None = None, numbers: set[int] | None = None) -> Iterator[Any]:
        """The rows, some thousand at a time; with ``numbers``, only the length of those that have none of them."""
        import pyarrow.parquet as pq

        at = 0
        for part in self._parts():
            try:
                with pq.ParquetFile(part.path) as file:
                    for group in range(file.num_row_groups):
                        length = file.metadata.row_group(group).num_rows
                        if numbers is not None and not any(at <= number < at + length for number in numbers):
                            yield length
                        else:
                            yield file.read_row_group(group, list(columns) if columns else None).combine_chunks()
                        at += length
            except FileNotFoundError:  # the job has just put another file in its place
                return
            except (OSError, ValueError, KeyError):
                with suppress(OSError):
                    set_aside(part.path, part.path.read_bytes(), "resume the job, which makes its results again")
                return

    def _write(self, start: int, end: int, batches: Iterable[pa.Table]) -> None:
        import pyarrow.parquet as pq

        replaced = [part.path for part in self._parts() if part.start >= start and part.end <= end]
        path = self.folder / f"rows-{start:015}-{end:015}.parquet"
        with open_atomic(path) as file, pq.ParquetWriter(file, self._schema(), compression="zstd") as writer:
            for batch in batches:
                writer.write_table(batch, row_group_size=ROWS_PER_READ)
        for old in replaced:
            if old != path:
                old.unlink(missing_ok=True)

    def _schema(self) -> pa.Schema:
        import pyarrow as pa

        text, number = pa.string(), pa.float32()
        kinds = (text, text, number, pa.list_(text), text, number, text, text, number, pa.bool_())
        return pa.schema([*zip(FACTS, kinds, strict=True), *((SCORE + label, number) for label in self.labels)])

    def _batch(self, rows: Sequence[Row]) -> pa.Table:
        import pyarrow as pa

        return pa.Table.from_pylist([_values(row) for row in rows], self._schema())


def _values(row: Row) -> dict[str, Any]:
    """The cells of one row."""
    if "problem" in row:
        return {name: row[name] for name in ("clip", "path", "problem")}
    likeliest = next(iter(row["scores"]))
    return {
        "clip": row["clip"],
        "path": row["path"],
        "duration_s": row["duration_s"],
        "tags": [tag["label"] for tag in row["tags"]],
        "likeliest": likeliest,
        "score": row["scores"][likeliest],
        "notes": " ".join(row["notes"]),
        "familiarity": row.get("familiarity"),
        "unlike": row.get("unlike"),
        **{SCORE + label: score for label, score in row["scores"].items()},
    }


def _is_unlike(batch: Any) -> np.ndarray:
    """Whether each clip is unlike the training sounds; a table that audiotag 0.2 wrote does not say so."""
    import pyarrow.compute as pc

    if "unlike" not in batch.column_names:
        return np.zeros(len(batch), dtype=bool)
    return pc.fill_null(batch["unlike"], False).to_numpy(zero_copy_only=False)


def _has_tag(tags: Any, label: str) -> np.ndarray:
    """Whether each clip has the tag ``label``, or any tag."""
    import pyarrow.compute as pc

    if not label:
        return pc.fill_null(pc.greater(pc.list_value_length(tags), 0), False).to_numpy(zero_copy_only=False)
    given = pc.equal(pc.list_flatten(tags), label).to_numpy(zero_copy_only=False)
    has = np.zeros(len(tags), dtype=bool)
    has[pc.list_parent_indices(tags).to_numpy(zero_copy_only=False)[given]] = True
    return has
