"""Show Plotly figures, which can be downloaded as PNG and, by a button that ``page.js`` adds, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from audiotag.figures.theme import CONFIG

if TYPE_CHECKING:
    import plotly.graph_objects as go

IMAGE_SCALE = 2  # pixels of the PNG per pixel on the page


def show_chart(figure: go.Figure, key: str, alt: str, **options: Any) -> None:
    """Show a figure.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
    key : str
        Key of the chart, and name of the file that is downloaded.
    alt : str
        What the chart shows, for those who cannot see it.
    **options
        Of `streamlit.plotly_chart`.
    """
    image = {"format": "png", "filename": key, "scale": IMAGE_SCALE}
    st.plotly_chart(figure, key=key, alt=alt, config={**CONFIG, "toImageButtonOptions": image}, **options)
