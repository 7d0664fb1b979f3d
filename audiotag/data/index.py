"""The index of a dataset: one row per clip with the facts in its file header, cached in the workspace.

Only the headers of new and changed files are read again, and those that could not be read because of the system.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from audiotag.audio.reading import read_header
from audiotag.audio.wrong_files import describe_wrong_path
from audiotag.data.dataset import Dataset
from audiotag.disk import modified_ns, optional_write
from audiotag.errors import clip_problem, may_pass
from audiotag.remote.ahead import fetch_ahead
from audiotag.state import read_state
from audiotag.workspace import write_bytes

HEADER_TYPES = {
    "frames": "Int64",
    "sample_rate": "Int64",
    "channels": "Int64",
    "container": "string",
    "codec": "string",
    "bits": "Int64",
    "duration_s": "Float64",
    "note": "string",
    "error": "string",
}
HEADER_COLUMNS = list(HEADER_TYPES)
FILES_PER_TASK = 64  # starting a task takes longer than reading a header
KEY = ["clip", "subset", "size", "modified_ns"]  # a clip whose file has not changed has the same key
Progress = Callable[[int, int], None]


def scan(
    dataset: Dataset, cache_folder: Path | None = None, progress: Progress | None = None, refresh: bool = False
) -> pd.DataFrame:
    """Read the headers of a dataset's clips.

    Parameters
    ----------
    dataset : Dataset
    cache_folder : Path, optional
        Folder where the index is stored between calls; without it nothing is stored.
    progress : callable(done, total), optional
        Called in this thread after each group of files.
    refresh : bool
        Read all headers again, also those of files with the same size and time as in the stored index.

    Returns
    -------
    pandas.DataFrame
        The columns of ``dataset.clips`` and ``frames``, ``sample_rate`` (Hz), ``channels``, ``container``, ``codec``,
        ``bits`` (per sample; NA for a codec that stores no samples), ``duration_s``, ``note`` (sentences if something
        of the file is lost, salvaged or in another place than one would expect, otherwise NA), ``error`` (a sentence
        if the file cannot be read, otherwise NA), ``size`` (bytes) and ``modified_ns`` (time of the last change).
    """
    clips = with_keys(dataset.clips)
    keys = list(zip(*(clips[column] for column in KEY), strict=True))
    cache = cache_folder / f"{cache_name(dataset.root, dataset.name)}.parquet" if cache_folder else None
    known = _read_cache(cache) if cache and not refresh else {}
    for key, path in zip(keys, clips["path"], strict=True):
        if key[2:] == (0, 0):
            known[key] = _error_row(f"{key[0]} {describe_wrong_path(path) or 'does not exist'}.")
    unknown = [row for row, key in enumerate(keys) if key not in known]
    done, passing = 0, set[tuple]()
    paths = clips["path"].to_list()
    chunks = [unknown[at : at + FILES_PER_TASK] for at in range(0, len(unknown), FILES_PER_TASK)]

    def read_rows(chunk: list[int]) -> list[tuple[int, tuple, bool]]:
        return [(row, *_read_row(paths[row], keys[row][0])) for row in fetch_ahead(chunk, paths.__getitem__)]

    with ThreadPoolExecutor() as pool:
        for rows in pool.map(read_rows, chunks):
            known.update((keys[row], header) for row, header, _ in rows)
            passing.update(keys[row] for row, _, is_passing in rows if is_passing)
            done += len(rows)
            if progress:
                progress(done, len(unknown))
    headers = pd.DataFrame([known[key] for key in keys], columns=HEADER_COLUMNS, index=clips.index)
    index = pd.concat([clips, headers.astype(HEADER_TYPES)], axis=1)
    if cache and unknown:
        with optional_write("the headers of all clips are read again each time"):
            lasting = [key not in passing for key in keys]  # the others are read again next time
            write_parquet(index.loc[lasting, KEY + HEADER_COLUMNS], cache)
    return index


def with_keys(clips: pd.DataFrame) -> pd.DataFrame:
    """A copy of the clips with ``size`` (bytes) and ``modified_ns``; both are 0 if the file does not exist."""
    sizes, times = zip(*(_size_and_time(path) for path in clips["path"]), strict=True)
    return clips.assign(size=sizes, modified_ns=times)


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:  # deleted since the table was read; the row's ``error`` says so
        return 0, 0
    return stat.st_size, modified_ns(stat)


def _read_row(path: Path, clip: str) -> tuple[tuple, bool]:
    """The `HEADER_COLUMNS` of a file, and whether they are an error that may pass."""
    try:
        header = read_header(path, clip)
    except Exception as error:  # whatever is wrong with a clip is that clip's problem
        return _error_row(clip_problem(clip, error)), may_pass(error)
    shape = (header.frames, header.sample_rate, header.channels, header.container, header.codec, header.bits)
    return (*shape, header.duration_s, " ".join(header.notes) or pd.NA, pd.NA), False


def _error_row(reason: str) -> tuple:
    """The `HEADER_COLUMNS` of a file that cannot be read."""
    return (*[pd.NA] * (len(HEADER_COLUMNS) - 1), reason)


def cache_name(root: Path, name: str) -> str:
    """Name of a dataset's files in the workspace: the dataset's name, and a hash of its path."""
    return f"{name}-{hashlib.sha256(os.fsencode(root)).hexdigest()[:12]}"


def _read_cache(cache: Path) -> dict[tuple, tuple]:
    """Headers by `KEY`; empty if there is no cache, or if it cannot be read."""
    return read_state(cache, _parse_cache, {}, "the headers of all clips are read again")


def _parse_cache(content: bytes) -> dict[tuple, tuple]:
    table = pd.read_parquet(io.BytesIO(content))
    if not {*KEY, *HEADER_COLUMNS} <= set(table.columns):  # of another version
        return {}
    check_keys(table)
    for column in ("container", "codec", "note", "error"):  # which would turn anything into text
        if pd.api.types.infer_dtype(table[column]) not in ("string", "empty"):
            raise ValueError(f"{column} has other values")
    headers = table[HEADER_COLUMNS].astype(HEADER_TYPES)
    if not (headers["error"].notna() | headers["duration_s"].notna()).all():
        raise ValueError("a clip has neither a header nor an error")
    keys = zip(*(table[column] for column in KEY), strict=True)
    return dict(zip(keys, headers.itertuples(index=False, name=None), strict=True))


def check_keys(table: pd.DataFrame) -> None:
    """Raise ValueError unless the columns `KEY` of a table that was read from disk have the types of keys."""
    for column, is_text in (("clip", True), ("subset", True), ("size", False), ("modified_ns", False)):
        values = table[column]
        right = pd.api.types.infer_dtype(values, skipna=False) == "string" if is_text else values.dtype.kind in "iu"
        if not right:
            raise ValueError(f"{column} has other values than keys have")


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table atomically."""
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    write_bytes(path, buffer.getvalue())
