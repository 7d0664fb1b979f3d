"""Measure every clip of a dataset in a detached process that can be stopped and continued.

Results are written in parts beside the index, so a job that was stopped continues where it was, and only new and
changed files are measured again. ``python -m audiotag.inspection.measurement_job DATASET FOLDER`` is the process; its
workers are in `audiotag.inspection.measuring_workers`. How it ended is in its ``status.json``, which it writes last.

pandas is imported inside functions: each worker imports this module again and starts sooner without it.
"""

from __future__ import annotations

import io
import os
import sys
import time
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from audiotag.detached_job import DetachedJob
from audiotag.disk import locked
from audiotag.errors import AudiotagError
from audiotag.features.measures import THIRD_OCTAVES_HZ, Measures
from audiotag.inspection.measuring_workers import ROW_COLUMNS, Clip, measured_rows
from audiotag.processors import usable_cpus
from audiotag.state import read_state
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

NUMBER_COLUMNS = [field.name for field in fields(Measures) if field.type == "float"]
PART_INTERVAL_S = 2.0  # between parts that are written to disk
# Rises when the meaning of a measure changes, or when more of a file is decoded, so that all measures in one folder can
# be compared. 3: sounds of which earlier versions read only a part are read whole.
EDITION = 3
MAX_WORKERS = 61  # Windows cannot wait for more
MAX_SMALL_CLIPS = 500  # so many are measured within a minute or two
MAX_SMALL_S = 1800.0  # of sound
# There is one process per CPU already. Variables of OpenMP, OpenBLAS, MKL and Apple's Accelerate.
ONE_THREAD_ENV = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


@dataclass(frozen=True)
class MeasurementJob(DetachedJob):
    """The measurement of one dataset, and its folder on disk.

    Attributes
    ----------
    folder : Path
        Where the results and the state of the process are.
    root : Path
        The dataset.
    """

    root: Path

    module: ClassVar[str] = "audiotag.inspection.measurement_job"
    activity: ClassVar[str] = "Measuring"
    past: ClassVar[str] = "measured"

    @classmethod
    def of(cls, root: Path, name: str, workspace: Workspace) -> MeasurementJob:
        """The job for the dataset at ``root``; nothing is started or written yet."""
        from audiotag.data.index import cache_name

        return cls(workspace.indexes / f"{cache_name(root, name)}-measures-{EDITION}", root)

    def arguments(self) -> list[str]:
        """The arguments of the process, which `main` reads."""
        return [str(self.root), str(self.folder)]

    def forget(self) -> bool:
        """Delete all results, so that every clip is measured again; returns whether there were any.

        Raises
        ------
        AudiotagError
            If a process is measuring.
        """
        if not self.folder.is_dir():
            return False
        with locked(self.folder / "process.json"):
            if self.is_active():
                raise AudiotagError(f"{self.root} is being measured; wait until that is done, or stop it on the page.")
            parts = self._parts()
            for part in parts:
                part.unlink(missing_ok=True)
        return bool(parts)

    def failure(self) -> str:
        """A sentence about a process that failed or died; empty if it is running, was stopped or has finished."""
        progress = self.progress()
        if progress and progress["done"] == progress["total"] and not (self.folder / "status.json").exists():
            return ""  # a process of audiotag 0.1, which wrote no status
        return super().failure()

    def was_started(self) -> bool:
        """Whether a process ever began to measure this dataset, however it ended."""
        return (self.folder / "process.json").exists() or self.stamp() > 0

    def stamp(self) -> int:
        """A number that changes whenever there are more results to read."""
        return len(self._parts())

    def table(self) -> pd.DataFrame:
        """The results so far, one row per clip: `audiotag.data.index.KEY` and `MEASURE_COLUMNS`."""
        return self._rows().drop(columns="may_pass")

    def known_keys(self) -> set[tuple]:
        """The keys of the clips that need not be measured again."""
        from audiotag.data.index import KEY

        rows = self._rows()
        return set(rows.loc[~rows["may_pass"].astype(bool), KEY].itertuples(index=False, name=None))

    def _rows(self) -> pd.DataFrame:
        """The last row of each clip: `audiotag.data.index.KEY` and `ROW_COLUMNS`."""
        import pandas as pd

        from audiotag.data.index import KEY

        parts = [read_state(part, _parse_part, None, "its clips are measured again") for part in self._parts()]
        tables = [pd.DataFrame(columns=KEY + ROW_COLUMNS), *(part for part in parts if part is not None)]
        table = pd.concat(tables, ignore_index=True).drop_duplicates(KEY, keep="last")
        return table.astype(dict.fromkeys(NUMBER_COLUMNS, float))  # a part of broken files alone has no numbers

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("part-" + "[0-9]" * 6 + ".parquet"))


def _parse_part(content: bytes) -> pd.DataFrame:
    """The table of one part; raises if a column is missing or has other values than measuring writes."""
    import pandas as pd

    from audiotag.data.index import KEY, check_keys

    table = pd.read_parquet(io.BytesIO(content))
    table = table[KEY + ROW_COLUMNS]
    check_keys(table)
    numbers = table.astype(dict.fromkeys(NUMBER_COLUMNS, float))
    others: dict[str, type | tuple[type, ...]] = {
        "mix_note": str,
        "truncated": (bool, np.bool_),
        "decode_note": str,
        "content": str,
        "measure_error": str,
        "may_pass": (bool, np.bool_),
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


def count_unmeasured(index: pd.DataFrame) -> int:
    """Number of clips in `with_measures` whose header can be read and that were neither measured nor found broken."""
    return int((index["rms_dbfs"].isna() & index["measure_error"].isna() & index["error"].isna()).sum())


def is_small(clips: pd.DataFrame) -> bool:
    """Whether measuring takes so little time that nobody needs to ask for it.

    Parameters
    ----------
    clips : pandas.DataFrame
        The clips of a dataset, with ``duration_s`` if their headers are read.
    """
    if len(clips) <= MAX_SMALL_CLIPS:
        return True
    return "duration_s" in clips and 0 < float(clips["duration_s"].sum()) <= MAX_SMALL_S


def measure_clips(job: MeasurementJob) -> None:
    """Measure the clips that are not measured yet, until all are done or `MeasurementJob.stop` is called."""
    import pandas as pd

    from audiotag.data.index import KEY, with_keys, write_parquet
    from audiotag.data.saved_options import open_remembered

    clips = with_keys(open_remembered(job.root, Workspace()).clips)
    clips = clips[clips["size"] > 0]
    known = job.known_keys()
    todo = [row for row in clips[[*KEY, "path"]].itertuples(index=False, name=None) if row[:-1] not in known]
    began = last = time.monotonic()
    rows: list[tuple] = []
    done, part = 0, max((int(path.stem.removeprefix("part-")) for path in job._parts()), default=-1) + 1
    named = [Clip(row[0], row[-1]) for row in todo]

    def write() -> None:
        write_parquet(pd.DataFrame(rows, columns=KEY + ROW_COLUMNS), job.folder / f"part-{part:06}.parquet")
        left_s = (time.monotonic() - began) / done * (len(todo) - done)
        job.write_progress(len(clips) - len(todo) + done, len(clips), left_s)

    with closing(measured_rows(named, min(usable_cpus(), MAX_WORKERS), job.is_stop_requested)) as results:
        for position, values in results:
            rows.append((*todo[position][:-1], *values))
            done += 1
            if time.monotonic() - last > PART_INTERVAL_S:
                write()
                rows, part, last = [], part + 1, time.monotonic()
    if rows:
        write()
    if done == len(todo):
        job.write_progress(len(clips), len(clips), 0.0)


def main() -> None:
    """Measure the dataset of the first argument into the folder of the second."""
    job = MeasurementJob(Path(sys.argv[2]), Path(sys.argv[1]))
    os.environ.update(ONE_THREAD_ENV)  # each worker reads them when it loads its libraries
    job.run(lambda: measure_clips(job))


if __name__ == "__main__":
    main()
