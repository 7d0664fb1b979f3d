"""The second pass over a dataset: every clip decoded once and measured, by a detached process that can be interrupted.

What is done is kept part by part beside the index, so a pass that was stopped goes on where it was, and only new and
changed files are measured again. ``python -m audiotag.inspection.measurement_job DATASET FOLDER`` is the process.

Tables are imported where they are used: each of the pool's workers imports this module again, as the program that it
belongs to, and measures clips sooner without pandas.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from audiotag import jobs
from audiotag.errors import AudiotagError
from audiotag.features.measures import Measures, measure
from audiotag.processors import usable_cpus
from audiotag.workspace import Workspace, read_json, write_bytes, write_json

if TYPE_CHECKING:
    import pandas as pd

MEASURE_COLUMNS = [*(field.name for field in fields(Measures)), "measure_error"]
FIGURES = [field.name for field in fields(Measures) if field.type == "float"]
CHUNK = 32  # clips a task: a stop waits for one at most
PART_S = 2.0  # seconds between parts on disk
EDITION = 2  # of what `Measures` mean: one table holds one edition, so that clips can be compared
MOST_WORKERS = 61  # that Windows can wait for
# The pool has a process a CPU already. By the names of OpenMP, OpenBLAS, MKL and Apple's Accelerate.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


@dataclass(frozen=True)
class MeasurementJob:
    """The pass over one dataset, by its folder on disk."""

    folder: Path
    root: Path

    @classmethod
    def of(cls, root: Path, name: str, workspace: Workspace) -> MeasurementJob:
        """The pass over the dataset at ``root``."""
        from audiotag.data.index import cache_name

        return cls(workspace.indexes / f"{cache_name(root, name)}-measures-{EDITION}", root)

    def start(self) -> None:
        """Hand the pass to a detached process; does nothing while one is at it."""
        if self.is_active():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "stop").unlink(missing_ok=True)
        (self.folder / "log.txt").unlink(missing_ok=True)
        arguments = [str(self.root), str(self.folder)]
        process = jobs.start_detached("audiotag.inspection.measurement_job", arguments, self.folder / "log.txt")
        write_json(self.folder / "process.json", {"pid": process.pid, "started": process.create_time()})

    def stop(self) -> None:
        """Ask the process to stop; what is measured is kept."""
        write_bytes(self.folder / "stop", b"")

    def is_active(self) -> bool:
        """Whether a process is at it."""
        process = read_json(self.folder / "process.json")
        return bool(process) and jobs.is_alive(process["pid"], process["started"])

    def progress(self) -> dict[str, Any]:
        """``done``, ``total`` and ``left_s``; empty before the first part."""
        return read_json(self.folder / "progress.json", {})

    def failure(self) -> str:
        """What a pass that broke down printed last; empty for one that is at work, was stopped or is done."""
        log = self.folder / "log.txt"
        if self.is_active() or not log.is_file():
            return ""
        text = log.read_text(errors="replace").strip()
        if "Traceback" not in text:  # decoders write warnings there too
            return ""
        return f"Measuring broke down: {text.splitlines()[-1]} The whole of it is in {log}."

    def stamp(self) -> int:
        """Changes whenever there is more to read."""
        return len(self._parts())

    def table(self) -> pd.DataFrame:
        """What is measured so far: the key columns and `MEASURE_COLUMNS`, a row a clip."""
        import pandas as pd

        from audiotag.data.index import KEY

        tables = [pd.DataFrame(columns=KEY + MEASURE_COLUMNS)]
        for part in self._parts():
            try:
                tables.append(pd.read_parquet(part)[KEY + MEASURE_COLUMNS])
            except (OSError, KeyError, ValueError):  # not one of ours: those clips are measured again
                continue
        table = pd.concat(tables, ignore_index=True).drop_duplicates(KEY, keep="last")
        return table.astype(dict.fromkeys(FIGURES, float))  # a part of broken files alone holds no number

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.parquet"))


def with_measures(index: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The index with what is measured so far; NaN where nothing is yet."""
    from audiotag.data.index import KEY

    return index.merge(table.astype(index[KEY].dtypes.to_dict()), how="left", on=KEY)


def work(measuring: MeasurementJob) -> None:
    """Measure what is not measured yet."""
    import pandas as pd

    from audiotag.data.index import KEY, with_keys, write_parquet
    from audiotag.data.saved_options import open_remembered

    clips = with_keys(open_remembered(measuring.root, Workspace()).clips)
    clips = clips[clips["size"] > 0]
    known = set(measuring.table()[KEY].itertuples(index=False, name=None))
    todo = [row for row in clips[[*KEY, "path"]].itertuples(index=False, name=None) if row[:-1] not in known]
    began, last, rows, done = time.monotonic(), time.monotonic(), [], 0
    part = len(measuring._parts())
    chunks = [todo[at : at + CHUNK] for at in range(0, len(todo), CHUNK)]
    # "spawn": a fork of a process with threads may hang, and it is the same on every system.
    with ProcessPoolExecutor(min(usable_cpus(), MOST_WORKERS), multiprocessing.get_context("spawn")) as pool:
        for chunk, measured in zip(chunks, pool.map(_measure_chunk, chunks), strict=True):
            rows += [(*key[:-1], *values) for key, values in zip(chunk, measured, strict=True)]
            done += len(chunk)
            stopped = (measuring.folder / "stop").exists()
            if time.monotonic() - last > PART_S or done == len(todo) or stopped:
                table = pd.DataFrame(rows, columns=KEY + MEASURE_COLUMNS)
                write_parquet(table, measuring.folder / f"part-{part:06}.parquet")
                left_s = (time.monotonic() - began) / done * (len(todo) - done)
                progress = {"done": len(clips) - len(todo) + done, "total": len(clips), "left_s": round(left_s, 1)}
                write_json(measuring.folder / "progress.json", progress)
                rows, part, last = [], part + 1, time.monotonic()
            if stopped:
                pool.shutdown(wait=False, cancel_futures=True)
                return
    write_json(measuring.folder / "progress.json", {"done": len(clips), "total": len(clips), "left_s": 0.0})


def _measure_chunk(rows: list[tuple]) -> list[tuple]:
    return [_measure_row(row[-1]) for row in rows]


def _measure_row(path: Path) -> tuple:
    try:
        measures = asdict(measure(path))
    except (AudiotagError, OSError) as error:
        return (*[None] * (len(MEASURE_COLUMNS) - 1), str(error))
    return (*measures.values(), None)


def main() -> None:
    """Measure the dataset named first into the folder named second."""
    measuring = MeasurementJob(Path(sys.argv[2]), Path(sys.argv[1]))
    os.environ.update(ONE_THREAD)  # read by each worker when it loads its libraries
    me = psutil.Process()
    write_json(measuring.folder / "process.json", {"pid": me.pid, "started": me.create_time()})
    if hasattr(os, "nice"):
        os.nice(5)
    work(measuring)


if __name__ == "__main__":
    main()
