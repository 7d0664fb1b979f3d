"""Find clips with the same content: the same decoded samples where they are measured, or else the same file.

Of the files that are not measured only those of equal size are compared: first a few kilobytes of each, then, if these
are equal, all bytes. Checksums are cached in the workspace.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.audio.byte_ranges import open_source
from audiotag.audio.levels import SILENCE_DBFS
from audiotag.data.index import FILES_PER_TASK, KEY, check_keys, write_parquet
from audiotag.disk import optional_write
from audiotag.errors import AudiotagError
from audiotag.remote.ahead import FetchAhead
from audiotag.remote.reading import fetched
from audiotag.state import read_state

PROBE_BYTES = 4096  # read at the start, the middle and the end of a file
READ_BYTES = 1 << 20


def same_content(
    index: pd.DataFrame, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> pd.Series:
    """Number the contents that several clips have.

    Parameters
    ----------
    index : pandas.DataFrame
        From `audiotag.data.index.scan`, with or without measures.
    cache : Path, optional
        Parquet file in which checksums are stored between calls; see `cache_path`.
    progress : callable(done, total), optional
        Called as files of equal size are compared.

    Returns
    -------
    pandas.Series of Int64
        One number per row of the index, equal for clips with the same content; NA for a clip whose content no other
        clip has, for one that cannot be read, and for one that is measured to be silent: all digital silence of one
        length is the same.
    """
    is_usable = index["error"].isna()
    if "measure_error" in index:
        is_usable &= index["measure_error"].isna()
    if "peak_dbfs" in index:
        is_usable &= ~(index["peak_dbfs"] < SILENCE_DBFS)
    keys = [index["content"].where(is_usable)] if "content" in index else []
    if not keys or keys[0][is_usable].isna().any():  # else the samples say all that the files would say
        keys.append(_checksums(index[is_usable], cache, progress).reindex(index.index))
    numbers = pd.Series(connect_rows(*keys), index=index.index, dtype="Int64")
    return numbers.where(is_usable & numbers.duplicated(keep=False))


def cache_path(folder: Path, name: str) -> Path:
    """Where the checksums of a dataset's files are cached; ``name`` is from `audiotag.data.index.cache_name`."""
    return folder / f"{name}-checksums.parquet"


def connect_rows(*keys: pd.Series) -> np.ndarray:
    """Number the units of rows that share a value of a key, directly or through other rows.

    Parameters
    ----------
    *keys : pandas.Series
        Of equal length; NA is equal to nothing.

    Returns
    -------
    numpy.ndarray, shape=(rows,), int
        From 0, in the order of the units' first rows.

    Examples
    --------
    >>> connect_rows(pd.Series(["a", "a", None, None]), pd.Series([None, 1, 1, None])).tolist()
    [0, 0, 0, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = nodes = len(keys[0])  # a node per row, followed by a node per value
    rows, values = [], []
    for key in keys:
        codes = pd.factorize(key)[0]
        known = np.flatnonzero(codes >= 0)
        rows.append(known)
        values.append(nodes + codes[known])
        nodes += int(codes.max(initial=-1)) + 1
    edges = (np.concatenate(rows), np.concatenate(values))
    graph = coo_array((np.ones(len(edges[0]), dtype=bool), edges), shape=(nodes, nodes))
    return pd.factorize(connected_components(graph, directed=False)[1][:count])[0]


def _checksums(
    index: pd.DataFrame, cache: Path | None, progress: Callable[[int, int], None] | None = None
) -> pd.Series:
    """Checksum of each file that may be equal to another one; NA for the others."""
    same_size = index[index["size"].duplicated(keep=False) & (index["size"] > 0)]
    known = _read_cache(cache) if cache else {}
    keys = dict(zip(same_size.index, same_size[KEY].itertuples(index=False, name=None), strict=True))
    todo = [row for row in same_size.index if keys[row] not in known]
    # A file that was compared before is compared again: a new one may be equal to it.
    unknown_sizes = set(index.loc[todo, "size"])
    compared = same_size[same_size["size"].isin(unknown_sizes)]
    probes = dict(zip(compared.index, _each(_probe, compared["path"], FILES_PER_TASK, progress), strict=True))
    by_probe = pd.Series(probes, dtype=object).dropna()
    equal = by_probe[by_probe.duplicated(keep=False)].index
    whole = [row for row in equal if not known.get(keys[row])]
    known |= {keys[row]: "" for row in todo}  # not equal to any other
    found = dict(zip(whole, _each(_checksum, index.loc[whole, "path"], 1), strict=True))
    known |= {keys[row]: checksum or "" for row, checksum in found.items()}
    if cache and todo:
        failed = {row for row, checksum in (probes | found).items() if checksum is None}
        lasting = [keys[row] for row in same_size.index if row not in failed]
        with optional_write("files of equal size are compared again each time"):
            table = pd.DataFrame(lasting, columns=KEY).assign(checksum=[known[key] for key in lasting])
            write_parquet(table, cache)
    checksums = pd.Series([known[keys[row]] or None for row in same_size.index], index=same_size.index, dtype=object)
    return checksums.reindex(index.index)


def _each(
    read: Callable[[Path], str | None],
    paths: Collection[Path],
    per_task: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[str | None]:
    waiting, found = list(paths), list[str | None]()
    ahead = FetchAhead(waiting)

    def read_some(numbers: range) -> list[str | None]:
        read_now = []
        for number in numbers:
            ahead.reached(number)
            read_now.append(read(waiting[number]))
        return read_now

    starts = range(0, len(waiting), per_task)
    chunks = [range(at, min(at + per_task, len(waiting))) for at in starts]
    with ThreadPoolExecutor() as pool:
        for each in pool.map(read_some, chunks):
            found += each
            if progress:
                progress(len(found), len(waiting))
    return found


def _probe(path: Path) -> str | None:
    """Size and checksum of parts of a file; None if it cannot be read."""
    try:
        with fetched(path) as source, open_source(source) as file:
            size = file.seek(0, 2)
            digest = hashlib.sha256(b"%d" % size)
            for start in (0, (size - PROBE_BYTES) // 2, size - PROBE_BYTES):
                file.seek(max(start, 0))
                digest.update(file.read(PROBE_BYTES))
    except (OSError, AudiotagError):
        return None
    return digest.hexdigest()


def _checksum(path: Path) -> str | None:
    """Checksum of a file; None if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with fetched(path) as source, open_source(source) as file:
            while part := file.read(READ_BYTES):
                digest.update(part)
    except (OSError, AudiotagError):
        return None
    return digest.hexdigest()


def _read_cache(cache: Path) -> dict[tuple, str]:
    """Checksums by `audiotag.data.index.KEY`; an empty one is of a file that equals no other."""
    return read_state(cache, _parse_cache, {}, "files of equal size are compared again")


def _parse_cache(content: bytes) -> dict[tuple, str]:
    table = pd.read_parquet(io.BytesIO(content))
    check_keys(table)
    if not all(isinstance(value, str) for value in table["checksum"]):
        raise ValueError("checksum has other values")
    keys = table[KEY].itertuples(index=False, name=None)
    return dict(zip(keys, table["checksum"].tolist(), strict=True))
