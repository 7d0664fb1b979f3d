"""Show the table behind a chart, and buttons that download it."""

from __future__ import annotations

import io
from functools import partial

import pandas as pd
import streamlit as st

from audiotag.ui.text import Markdown

AS_A_TABLE = Markdown("As a table")


def show_table(table: pd.DataFrame, name: str, label: Markdown = AS_A_TABLE) -> None:
    """Show a chart's table in a closed expander, with downloads; a named index becomes a column."""
    shown = table.reset_index() if table.index.name else table
    with st.expander(label, icon=":material/table:"):
        st.dataframe(shown, hide_index=True, alt=f"Table of {name}")
        show_downloads(shown, name)


def show_downloads(table: pd.DataFrame, name: str) -> None:
    """Buttons that download a table as CSV and Parquet; the file is made when a button is pressed."""
    with st.container(horizontal=True):
        for label, suffix, encode in (("CSV", "csv", _csv_bytes), ("Parquet", "parquet", _parquet_bytes)):
            st.download_button(
                label,
                partial(encode, table),
                file_name=f"{name}.{suffix}",
                icon=":material/download:",
                key=f"download-{name}-{suffix}",
                on_click="ignore",
            )


def _csv_bytes(table: pd.DataFrame) -> bytes:
    flat = table.assign(labels=table["labels"].map(",".join)) if "labels" in table and len(table) else table
    return flat.to_csv(index=False).encode()


def _parquet_bytes(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.rename(columns=str).to_parquet(buffer)
    return buffer.getvalue()
