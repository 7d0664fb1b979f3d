"""Write the vectors of sounds as a Parquet file, with a list in each row."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.similarity.embedding_store import file_key_now
from audiotag.similarity.stored_vectors import StoredVectors
from audiotag.tagging.sound_files import SoundFile
from audiotag.wording import as_text
from audiotag.workspace import open_atomic

if TYPE_CHECKING:
    import pyarrow as pa

FILES_AT_ONCE = ROWS_PER_GROUP = 1000


def write_vector_table(
    out: Path, files: Iterable[SoundFile], stored: StoredVectors, with_windows: bool = False
) -> list[SoundFile]:
    """Write the vectors of files, in their order; returns the files that have none.

    The columns are ``fname``, with windows also ``start_s``, and ``vector``: a list of 32-bit floats, which every
    reader of Parquet knows, though the values have the precision of the 16 bits that are stored.

    Parameters
    ----------
    out : Path
    files : iterable of SoundFile
    stored : StoredVectors
        Of windows or of whole sounds.
    with_windows : bool
        Whether there is a row per window.
    """
    import pyarrow as pa
    import pyarrow.parquet

    fields = [("fname", pa.string()), ("start_s", pa.float64()), ("vector", pa.list_(pa.float32()))]
    schema = pa.schema([field for field in fields if with_windows or field[0] != "start_s"])
    lacking: list[SoundFile] = []
    # Without a dictionary, because hardly any two numbers are equal; compressed, because the last bits of each are 0.
    options = {"use_dictionary": ["fname"], "compression": "zstd"}
    with open_atomic(out) as file, pyarrow.parquet.ParquetWriter(file, schema, **options) as writer:
        rest, tables = iter(files), list[pa.Table]()
        while chunk := list(islice(rest, 1 if with_windows else FILES_AT_ONCE)):  # a long sound has many windows
            found = stored.find(np.array([file_key_now(each.path) for each in chunk], np.uint64))
            names = [as_text(chunk[place].clip) for place in found.places]
            columns = {
                "fname": pa.array(names, pa.string()),
                "start_s": found.starts_s,
                "vector": _lists(found.vectors),
            }
            tables.append(pa.table([columns[name] for name in schema.names], schema=schema))
            if sum(map(len, tables)) >= ROWS_PER_GROUP:
                writer.write_table(pa.concat_tables(tables))
                tables.clear()
            lacking += [each for each, is_found in zip(chunk, found.is_found, strict=True) if not is_found]
        if tables:
            writer.write_table(pa.concat_tables(tables))
    return lacking


def _lists(vectors: np.ndarray) -> pa.Array:
    import pyarrow as pa

    offsets = np.arange(len(vectors) + 1, dtype=np.int32) * vectors.shape[1]
    return pa.ListArray.from_arrays(offsets, pa.array(vectors.astype(np.float32).ravel()))
