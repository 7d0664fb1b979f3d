"""Change cells of a Parquet table; the other columns, the types and the metadata of its schema stay as they are."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from audiotag.data.table_header import TableFile
from audiotag.review.export.cell_changes import CannotRewriteError, Changes, NewCell


def rewrite_parquet(path: Path, file: TableFile, changes: Changes) -> bytes:
    """The content of a Parquet table with other cells.

    Parameters are as in `audiotag.review.export.rewriting.rewrite`.

    Raises
    ------
    CannotRewriteError
        If the type of a column does not hold a new cell.
    """
    table = pq.read_table(path)
    if table.num_rows != len(file.table) or table.column_names != list(file.table.columns):
        raise CannotRewriteError("its columns cannot be found again in the file")
    for name in dict.fromkeys(column for _, column in changes):
        at = table.column_names.index(name)
        field, values = table.schema.field(at), table.column(at).to_pylist()
        for (row, column), new in changes.items():
            if column == name:
                values[row] = _value(values[row], new, field.type)
        try:
            table = table.set_column(at, field, _array(values, field.type))
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise CannotRewriteError(f"the type of its column {name}, {field.type}, does not hold them") from error
    metadata = pq.read_metadata(path)
    group = metadata.row_group(0) if metadata.num_row_groups else None
    content = io.BytesIO()
    pq.write_table(
        table,
        content,
        row_group_size=group.num_rows if group and group.num_rows else None,
        compression=group.column(0).compression if group and group.num_columns else "snappy",
    )
    return content.getvalue()


def _value(before: Any, new: NewCell, kind: pa.DataType) -> Any:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if new.is_in is not None and not _is_text(kind):
        return new.is_in if pa.types.is_boolean(kind) else int(new.is_in)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        if new.labels is None or not _is_text(kind.value_type):
            raise TypeError
        return list(new.labels)
    if _is_text(kind):
        return new.text or None
    return type(before if before is not None else 0)(new.text) if new.text else None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode().cast(kind)
    return pa.array(values, kind)
