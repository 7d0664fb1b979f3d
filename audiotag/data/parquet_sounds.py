"""Sounds whose bytes lie in the cells of Parquet files, as Hugging Face stores them: extracted once into the workspace.

The files of the dataset are never changed, and nothing is written beside them. The sounds are copied in small batches,
so memory does not grow with their number. The file ``extracted.json`` is written last: with it, the others are whole.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from audiotag.audio.opening import SUFFIXES
from audiotag.data.index import cache_name
from audiotag.data.table_bounds import MAX_CELLS
from audiotag.disk import disk_problem, locked
from audiotag.errors import AudiotagError
from audiotag.state import read_json_state, say
from audiotag.workspace import Workspace, write_json

MARKER = "extracted.json"
BINARY_COLUMNS = ("audio", "sound", "wav", "flac", "mp3", "bytes", "content")  # where there are no paths
MARKER_SHAPE = {"stamp": [(int, str)], "names": [str]}
ROWS_AT_ONCE = 16
BUFFER_BYTES = 2**20
MAX_NAME_CHARS = 50
BYTES_WORTH_A_SENTENCE = 10**9  # copying them takes more than some seconds
WAIT_WITHOUT_END = -1  # for another process that extracts the same sounds
SUFFIX_OF_START = {
    b"RIFF": ".wav",
    b"fLaC": ".flac",
    b"OggS": ".ogg",
    b"FORM": ".aiff",
    b"ID3": ".mp3",
    b"caff": ".caf",
}


def audio_column(schema: pa.Schema) -> str | None:
    """The first column whose cells hold the bytes of a sound, beside its path or alone; None if there is none."""
    for column in schema:
        if pa.types.is_struct(column.type):
            inner = {field.name: field.type for field in column.type}
            if {"bytes", "path"} <= set(inner) and _is_binary(inner["bytes"]):
                return str(column.name)
    bare = [column.name for column in schema if _is_binary(column.type)]
    return next((name for name in BINARY_COLUMNS if name in bare), None)


def parquet_schema(file: Path) -> pa.Schema | None:
    """The columns of a Parquet file; None if it is not one."""
    try:
        return pq.read_schema(file)
    except (OSError, ValueError, pa.ArrowException):
        return None


def extracted_folder(root: Path) -> Path:
    """Where the sounds of a dataset are extracted to."""
    return Workspace().root / "extracted" / cache_name(root, re.sub(r"[^\w.-]", "_", root.stem)[:MAX_NAME_CHARS])


def extract_sounds(table: Path, column: str, folder: Path) -> list[str]:
    """Extract the sounds of a Parquet file, unless that was done before and the file has not changed since.

    Parameters
    ----------
    table : Path
    column : str
        The column that `audio_column` found.
    folder : Path
        Folder for these sounds alone; it is emptied if the file has changed.

    Returns
    -------
    list[str]
        For each row the name of its file in ``folder``; where a row holds no bytes, the path that it names instead,
        after a slash: ``/clips/a.wav``; and ``""`` where it has neither.

    Raises
    ------
    AudiotagError
        If the file cannot be read, or its sounds do not fit on the disk of the workspace.
    """
    status = table.stat()
    stamp = [status.st_size, status.st_mtime_ns, column]
    marker = folder / MARKER
    try:
        with locked(folder, WAIT_WITHOUT_END):
            known = read_json_state(marker, MARKER_SHAPE, None, "the sounds are extracted again")
            if known and known["stamp"] == stamp:
                return list(known["names"])
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            names = list(_write_sounds(table, column, folder))
            write_json(marker, {"stamp": stamp, "names": names})
    except OSError as error:
        raise AudiotagError(disk_problem(error)) from error
    return names


def _write_sounds(table: Path, column: str, folder: Path) -> Iterator[str]:
    row = 0
    try:
        with pq.ParquetFile(table, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
            _require_space(table, file.metadata, column, folder)
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=[column]):
                for cell in batch.column(0):
                    yield _write_sound(cell.as_py(), row, folder)
                    row += 1
    except (OSError, ValueError, pa.ArrowException) as error:
        is_of_the_system = isinstance(error, OSError) and error.errno is not None  # pyarrow's errors have no number
        if isinstance(error, AudiotagError) or is_of_the_system:
            raise
        raise AudiotagError(f"{table.name} is damaged: row {row + 1:,} cannot be read; download it again.") from error


def _write_sound(cell: Any, row: int, folder: Path) -> str:
    if isinstance(cell, bytes):
        cell = {"bytes": cell}
    content, path = (cell or {}).get("bytes"), (cell or {}).get("path") or ""
    if not content:
        return f"/{path}" if path else ""
    name = f"{row:06}-{_safe_name(path, content)}"
    (folder / name).write_bytes(content)
    return name


def _safe_name(path: str, content: bytes) -> str:
    r"""A file name without folders and without characters that mean something to a system.

    >>> _safe_name("../../etc/a:b.WAV", b""), _safe_name("dog\\1", b"OggS"), _safe_name("", b"RIFF")
    ('a_b.wav', '1.ogg', 'sound.wav')
    """
    base = PurePosixPath(path.replace("\\", "/")).name
    stem, dot, suffix = base.rpartition(".")
    suffix = dot + suffix.lower()
    if suffix not in SUFFIXES:
        stem, suffix = base, next((end for start, end in SUFFIX_OF_START.items() if content.startswith(start)), ".mp3")
    stem = re.sub(r"[^\w -]", "_", stem).strip()[:MAX_NAME_CHARS]
    return (stem or "sound") + suffix


def _require_space(table: Path, metadata: pq.FileMetaData, column: str, folder: Path) -> None:
    if metadata.num_rows > MAX_CELLS:
        raise AudiotagError(f"{table.name} must have at most {MAX_CELLS:,} rows, got {metadata.num_rows:,}; split it.")
    needed = 0
    for group in range(metadata.num_row_groups):
        for at in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(at)
            if chunk.path_in_schema in (column, f"{column}.bytes"):
                needed += chunk.total_uncompressed_size
    if needed > BYTES_WORTH_A_SENTENCE:
        say(f"The sounds in {table.name} ({needed / 1e9:,.1f} GB) are copied into {folder}, once.", once=True)
    free = needed
    with suppress(OSError):
        free = shutil.disk_usage(folder).free
    if needed > free:
        raise AudiotagError(
            f"the sounds in {table.name} need {needed / 1e9:,.1f} GB in {folder}, {free / 1e9:,.1f} GB are free; free "
            "some space, or choose another workspace with the environment variable AUDIOTAG_HOME."
        )


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def path_stem(table: Path, root: Path) -> str:
    """A Parquet file's path relative to the dataset, without the suffix, as text with slashes.

    >>> path_stem(Path("/d/data/train-0.parquet"), Path("/d"))
    'data/train-0'
    """
    relative = table.relative_to(root) if table != root and table.is_relative_to(root) else Path(table.name)
    return os.fspath(relative.with_suffix("").as_posix())
