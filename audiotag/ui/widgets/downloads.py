"""A table on a page, and what can be saved from it."""

from __future__ import annotations

import io
from collections.abc import Callable

import pandas as pd
import streamlit as st


def as_table(table: pd.DataFrame, name: str, label: str = "As a table") -> None:
    """A chart's table, one click away, with a download; a named index becomes a column."""
    shown = table.reset_index() if table.index.name else table
    with st.expander(label, icon=":material/table:"):
        st.dataframe(shown, hide_index=True, alt=f"Table of {name}")
        download(shown, name)


def download(table: pd.DataFrame, name: str) -> None:
    """Buttons for CSV and Parquet; the file is made when it is asked for."""
    with st.container(horizontal=True):
        for label, suffix, make in (("CSV", "csv", _csv), ("Parquet", "parquet", _parquet)):
            st.download_button(
                label,
                _later(make, table),
                file_name=f"{name}.{suffix}",
                icon=":material/download:",
                key=f"download-{name}-{suffix}",
                on_click="ignore",
            )


def _later(make: Callable[[pd.DataFrame], bytes], table: pd.DataFrame) -> Callable[[], bytes]:
    return lambda: make(table)


def _csv(table: pd.DataFrame) -> bytes:
    flat = table.assign(labels=table["labels"].map(",".join)) if "labels" in table and len(table) else table
    return flat.to_csv(index=False).encode()


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.rename(columns=str).to_parquet(buffer)
    return buffer.getvalue()
