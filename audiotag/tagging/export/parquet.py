"""The Parquet format: the table of the CSV format, with typed columns."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import BinaryIO

from audiotag.tagging.export.base import ExportFormat, ExportOptions, register_export
from audiotag.tagging.export.rows import Row, table_cells, table_columns

ROWS_PER_GROUP = 1000  # rows in memory at once
TEXT_COLUMNS = ("fname", "tags", "held_back", "recorded")


@register_export("parquet")
class ParquetFormat(ExportFormat):
    """The table of the CSV format: text for `TEXT_COLUMNS`, float64 for all other columns."""

    title = "Parquet"
    about = "The table of the CSV file, smaller and faster to read with pandas or DuckDB."
    suffix = ".parquet"
    mime = "application/vnd.apache.parquet"

    def write(self, file: BinaryIO, rows: Iterable[Row], options: ExportOptions) -> None:
        """Write the table, `ROWS_PER_GROUP` rows at a time."""
        import pyarrow as pa
        import pyarrow.parquet

        columns = table_columns(options.labels, options.timeline)
        cells = table_cells(rows, options.labels, options.timeline)
        schema = pa.schema([(name, pa.string() if name in TEXT_COLUMNS else pa.float64()) for name in columns])
        with pa.parquet.ParquetWriter(file, schema) as writer:
            while group := list(islice(cells, ROWS_PER_GROUP)):
                arrays = [
                    pa.array(column, of.type) for column, of in zip(zip(*group, strict=True), schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
