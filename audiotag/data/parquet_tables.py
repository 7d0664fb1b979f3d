"""Read Parquet tables as text, some rows at a time and within bounds.

Not by pandas, which reads 7 as 7.0 if a column has gaps, and hides columns that were an index. Repeated values stay
dictionary-encoded until it is known how much text they are.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from audiotag.data.table_bounds import check_parquet_table, check_text_bytes, require_file
from audiotag.errors import AudiotagError
from audiotag.wording import shortened

ROWS_AT_ONCE = 50_000


def read_parquet_table(path: Path) -> pd.DataFrame:
    """Read a Parquet table as text; an empty cell and an empty list are missing values.

    Raises
    ------
    AudiotagError
        If the file is not a Parquet table, or is beyond the bounds of `audiotag.data.table_bounds`.
    """
    try:
        require_file(path)
        with pq.ParquetFile(path) as file:
            metadata = file.metadata
            chunks = [
                metadata.row_group(group).column(column)
                for group in range(metadata.num_row_groups)
                for column in range(metadata.num_columns)
            ]
            values = sum(chunk.num_values for chunk in chunks)
            check_parquet_table(path, metadata.num_columns, metadata.num_rows, values)
            leaves = [file.schema.column(column) for column in range(metadata.num_columns)]
            check_text_bytes(path, sum(max(leaf.length, 0) for leaf in leaves) * metadata.num_rows)
            texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            names, batches, text_bytes = file.schema_arrow.names, [], 0
            for batch in file.iter_batches(ROWS_AT_ONCE):
                text_bytes += sum(map(_text_bytes, batch.columns))
                check_text_bytes(path, text_bytes)
                batches.append(pa.record_batch([_as_text(column) for column in batch.columns], names))
    except (OSError, ValueError, pa.ArrowException) as error:
        if isinstance(error, AudiotagError):
            raise
        reason = shortened(" ".join(str(error).split()))
        raise AudiotagError(f"{path.name} cannot be read as a Parquet table: {reason}.") from error
    table = pa.Table.from_batches(batches, pa.schema([(name, pa.large_string()) for name in names]))
    return table.to_pandas().astype("str")


def _text_bytes(array: pa.Array) -> int:
    """Bytes of an array whose dictionaries are written out."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return pc.sum(pc.binary_length(array.dictionary).take(array.indices)).as_py() or 0
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_struct(kind):
        inner = array.flatten()
        return sum(map(_text_bytes, inner if isinstance(inner, list) else [inner]))
    return int(array.nbytes)


def _as_text(array: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(array.type):  # its dictionary has the values of all rows that were read so far
        array = array.dictionary_decode()
    try:
        encoded = array.dictionary_encode()
    except pa.ArrowNotImplementedError:  # a list or a table in each cell
        return pa.array([_cell_text(cell) for cell in array.to_pylist()], pa.large_string())
    texts = pa.array([_cell_text(value) for value in encoded.dictionary.to_pylist()], pa.large_string())
    return texts.take(encoded.indices)


def _cell_text(cell: object) -> str | None:
    if isinstance(cell, list):
        texts = [str(value) for value in cell]
        return json.dumps(texts) if any(set(text) & set(",;|") for text in texts) else ",".join(texts) or None
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell) if pd.notna(cell) and cell != "" else None
