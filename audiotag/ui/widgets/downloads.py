"""Show the table behind a chart, and buttons that download it."""

from __future__ import annotations

import io
from functools import partial

import pandas as pd
import streamlit as st

from audiotag.spreadsheets import csv_bytes
from audiotag.ui.text import Markdown

SPREADSHEET = Markdown("CSV for a spreadsheet")
SPREADSHEET_HELP = Markdown("An apostrophe is put before text that a spreadsheet would take for a formula.")

AS_A_TABLE = Markdown("As a table")


def show_table(table: pd.DataFrame, name: str, label: Markdown = AS_A_TABLE) -> None:
    """Show a chart's table in a closed expander, with downloads; a named index becomes a column."""
    shown = table.reset_index() if table.index.name else table
    with st.expander(label, icon=":material/table:"):
        st.dataframe(shown, hide_index=True, alt=f"Table of {name}")
        show_downloads(shown, name)


def show_downloads(table: pd.DataFrame, name: str) -> None:
    """Buttons that download a table as CSV, as CSV for a spreadsheet, and as Parquet; a click makes the file."""
    with st.container(horizontal=True):
        for label, suffix, kind, encode in (
            ("CSV", "csv", "csv", _csv_bytes),
            (SPREADSHEET, "csv", "spreadsheet", _spreadsheet_bytes),
            ("Parquet", "parquet", "parquet", _parquet_bytes),
        ):
            st.download_button(
                label,
                partial(encode, table),
                file_name=f"{name}.{suffix}",
                icon=":material/download:",
                key=f"download-{name}-{kind}",
                on_click="ignore",
                help=SPREADSHEET_HELP if kind == "spreadsheet" else None,
            )


def _csv_bytes(table: pd.DataFrame) -> bytes:
    return csv_bytes(_flat(table))


def _spreadsheet_bytes(table: pd.DataFrame) -> bytes:
    return csv_bytes(_flat(table), for_spreadsheet=True)


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(labels=table["labels"].map(",".join)) if "labels" in table and len(table) else table


def _parquet_bytes(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.rename(columns=str).to_parquet(buffer)
    return buffer.getvalue()
