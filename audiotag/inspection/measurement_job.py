"""Measure every clip of a dataset in a detached process that can be stopped and continued.

Results are written in parts beside the index, so a job that was stopped continues where it was, and only new and
changed files are measured again. ``python -m audiotag.inspection.measurement_job DATASET FOLDER`` is the process.

pandas is imported inside functions: each worker of the pool imports this module again and starts sooner without it.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from audiotag import jobs
from audiotag.disk import locked
from audiotag.errors import AudiotagError
from audiotag.features.measures import THIRD_OCTAVES_HZ, Measures, measure
from audiotag.processors import usable_cpus
from audiotag.state import is_pid, read_json_state, read_state
from audiotag.workspace import Workspace, write_bytes, write_json

if TYPE_CHECKING:
    import pandas as pd

MEASURE_COLUMNS = [*(field.name for field in fields(Measures)), "measure_error"]
NUMBER_COLUMNS = [field.name for field in fields(Measures) if field.type == "float"]
CLIPS_PER_TASK = 32  # after a stop, each worker finishes one task at most
PART_INTERVAL_S = 2.0  # between parts that are written to disk
EDITION = 2  # rises when the meaning of a measure changes, so that all measures in one folder can be compared
MAX_WORKERS = 61  # Windows cannot wait for more
# The pool has one process per CPU already. Variables of OpenMP, OpenBLAS, MKL and Apple's Accelerate.
ONE_THREAD_ENV = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


@dataclass(frozen=True)
class MeasurementJob:
    """The measurement of one dataset, and its folder on disk.

    Attributes
    ----------
    folder : Path
        Where the results and the state of the process are.
    root : Path
        The dataset.
    """

    folder: Path
    root: Path

    @classmethod
    def of(cls, root: Path, name: str, workspace: Workspace) -> MeasurementJob:
        """The job for the dataset at ``root``; nothing is started or written yet."""
        from audiotag.data.index import cache_name

        return cls(workspace.indexes / f"{cache_name(root, name)}-measures-{EDITION}", root)

    def start(self) -> None:
        """Start a detached process; does nothing while one is running."""
        with locked(self.folder / "process.json"):
            if self.is_active():
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "stop").unlink(missing_ok=True)
            (self.folder / "log.txt").unlink(missing_ok=True)
            arguments = [str(self.root), str(self.folder)]
            process = jobs.start_detached("audiotag.inspection.measurement_job", arguments, self.folder / "log.txt")
            write_json(self.folder / "process.json", {"pid": process.pid, "started": process.create_time()})

    def stop(self) -> None:
        """Ask the process to stop; finished measurements are not lost."""
        write_bytes(self.folder / "stop", b"")

    def is_active(self) -> bool:
        """Whether a process is running."""
        otherwise = "measure again, nothing that is measured is lost"
        process = read_json_state(self.folder / "process.json", {"pid": is_pid, "started": float}, None, otherwise)
        return bool(process) and jobs.is_alive(process["pid"], process["started"])

    def progress(self) -> dict[str, Any]:
        """``done``, ``total`` and ``left_s``; empty before the first part."""
        shape = {"done": int, "total": int, "left_s": float}
        return read_json_state(self.folder / "progress.json", shape, {}, "the next part writes it again")

    def failure(self) -> str:
        """A sentence about a process that crashed; empty if it is running, was stopped or has finished."""
        log = self.folder / "log.txt"
        if self.is_active() or not log.is_file():
            return ""
        text = log.read_text(errors="replace").strip()
        if "Traceback" not in text:  # decoders write warnings there too
            return ""
        return f"Measuring failed: {text.splitlines()[-1]} The complete log is in {log}."

    def stamp(self) -> int:
        """A number that changes whenever there are more results to read."""
        return len(self._parts())

    def table(self) -> pd.DataFrame:
        """The results so far, one row per clip: `audiotag.data.index.KEY` and `MEASURE_COLUMNS`."""
        import pandas as pd

        from audiotag.data.index import KEY

        parts = [read_state(part, _parse_part, None, "its clips are measured again") for part in self._parts()]
        tables = [pd.DataFrame(columns=KEY + MEASURE_COLUMNS), *(part for part in parts if part is not None)]
        table = pd.concat(tables, ignore_index=True).drop_duplicates(KEY, keep="last")
        return table.astype(dict.fromkeys(NUMBER_COLUMNS, float))  # a part of broken files alone has no numbers

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("part-" + "[0-9]" * 6 + ".parquet"))


def _parse_part(content: bytes) -> pd.DataFrame:
    """The table of one part; raises if a column is missing or has other values than measuring writes."""
    import pandas as pd

    from audiotag.data.index import KEY, check_keys

    table = pd.read_parquet(io.BytesIO(content))[KEY + MEASURE_COLUMNS]
    check_keys(table)
    numbers = table.astype(dict.fromkeys(NUMBER_COLUMNS, float))
    others: dict[str, type | tuple[type, ...]] = {
        "truncated": (bool, np.bool_),
        "content": str,
        "measure_error": str,
        "third_octaves": np.ndarray,
    }
    for name, kind in others.items():
        if not all(isinstance(value, kind) for value in table[name].dropna()):
            raise ValueError(f"{name} has other values")
    shape, bands = (len(THIRD_OCTAVES_HZ),), table["third_octaves"].dropna()
    if not all(levels.shape == shape and levels.dtype.kind == "f" for levels in bands):
        raise ValueError("third_octaves has other bands")
    is_complete = table[["content", "third_octaves", "truncated", "rms_dbfs"]].notna().all(axis=1)
    if not (is_complete | table["measure_error"].notna()).all():
        raise ValueError("a clip has neither measures nor an error")
    return numbers


def with_measures(index: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The index with the measures of `MeasurementJob.table`; NaN for clips that are not measured yet."""
    from audiotag.data.index import KEY

    return index.merge(table.astype(index[KEY].dtypes.to_dict()), how="left", on=KEY)


def measure_clips(job: MeasurementJob) -> None:
    """Measure the clips that are not measured yet, until all are done or `MeasurementJob.stop` is called."""
    import pandas as pd

    from audiotag.data.index import KEY, with_keys, write_parquet
    from audiotag.data.saved_options import open_remembered

    clips = with_keys(open_remembered(job.root, Workspace()).clips)
    clips = clips[clips["size"] > 0]
    known = set(job.table()[KEY].itertuples(index=False, name=None))
    todo = [row for row in clips[[*KEY, "path"]].itertuples(index=False, name=None) if row[:-1] not in known]
    began, last, rows, done = time.monotonic(), time.monotonic(), [], 0
    part = max((int(path.stem.removeprefix("part-")) for path in job._parts()), default=-1) + 1
    tasks = [todo[at : at + CLIPS_PER_TASK] for at in range(0, len(todo), CLIPS_PER_TASK)]
    # "spawn": a fork of a process with threads may hang, and it works in the same way on every system.
    with ProcessPoolExecutor(min(usable_cpus(), MAX_WORKERS), multiprocessing.get_context("spawn")) as pool:
        for task, results in zip(tasks, pool.map(_measure_task, tasks), strict=True):
            rows += [(*key[:-1], *values) for key, values in zip(task, results, strict=True)]
            done += len(task)
            must_stop = (job.folder / "stop").exists()
            if time.monotonic() - last > PART_INTERVAL_S or done == len(todo) or must_stop:
                table = pd.DataFrame(rows, columns=KEY + MEASURE_COLUMNS)
                write_parquet(table, job.folder / f"part-{part:06}.parquet")
                left_s = (time.monotonic() - began) / done * (len(todo) - done)
                progress = {"done": len(clips) - len(todo) + done, "total": len(clips), "left_s": round(left_s, 1)}
                write_json(job.folder / "progress.json", progress)
                rows, part, last = [], part + 1, time.monotonic()
            if must_stop:
                pool.shutdown(wait=False, cancel_futures=True)
                return
    write_json(job.folder / "progress.json", {"done": len(clips), "total": len(clips), "left_s": 0.0})


def _measure_task(rows: list[tuple]) -> list[tuple]:
    return [_measure_row(row[-1]) for row in rows]


def _measure_row(path: Path) -> tuple:
    try:
        measures = asdict(measure(path))
    except (AudiotagError, OSError) as error:
        return (*[None] * (len(MEASURE_COLUMNS) - 1), str(error))
    return (*measures.values(), None)


def main() -> None:
    """Measure the dataset of the first argument into the folder of the second."""
    job = MeasurementJob(Path(sys.argv[2]), Path(sys.argv[1]))
    os.environ.update(ONE_THREAD_ENV)  # each worker reads them when it loads its libraries
    me = psutil.Process()
    write_json(job.folder / "process.json", {"pid": me.pid, "started": me.create_time()})
    if hasattr(os, "nice"):
        os.nice(5)
    measure_clips(job)


if __name__ == "__main__":
    main()
