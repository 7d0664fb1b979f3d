"""What all figures share: colours that part without hue too, and a quiet frame that suits the light and dark theme."""

from __future__ import annotations

import plotly.graph_objects as go

SUBSET_COLOURS = {"curated": "#14a394", "noisy": "#d98324", "test": "#7c87b8"}
SUBSET_DASHES = {"curated": "solid", "noisy": "dash", "test": "dot"}
SUBSET_SYMBOLS = {"curated": "circle", "noisy": "diamond", "test": "square"}
SUBSET_MARKERS = {  # bars differ by pattern too
    subset: {"color": colour, "pattern": {"shape": shape, "fillmode": "overlay", "size": 7, "solidity": 0.25}}
    for (subset, colour), shape in zip(SUBSET_COLOURS.items(), ("", "/", "."), strict=True)
}
# Below, alike, above: the colours of curated and noisy, between which the acoustic gap lies.
GAP_SCALE = [[0.0, "#14a394"], [0.5, "rgba(138,148,144,0.12)"], [1.0, "#d98324"]]
ACCENT = "#14a394"
WARM = "#d98324"
QUIET = "#8a9490"
MARK = {"color": WARM, "dash": "dash", "width": 2}  # a line that stands for a setting
FOLD_COLOURS = ("#14a394", "#d98324", "#7c87b8", "#c2557a", "#8a9a2d", "#4b95c4", "#a5713f", "#9466b0")
FOLD_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
# Magma. As rgb(), for Streamlit takes the hex codes #000001 to #000021 in a figure for places in its own palette.
PICTURE_SCALE = [
    [0.0, "rgb(0,0,4)"],
    [0.125, "rgb(28,16,68)"],
    [0.25, "rgb(79,18,123)"],
    [0.375, "rgb(129,37,129)"],
    [0.5, "rgb(181,54,122)"],
    [0.625, "rgb(229,80,100)"],
    [0.75, "rgb(251,135,97)"],
    [0.875, "rgb(254,194,135)"],
    [1.0, "rgb(252,253,191)"],
]
CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def framed(figure: go.Figure, height: int, x: str = "", y: str = "") -> go.Figure:
    """Set height in pixels, axis titles and margins; keep the user's zoom when the data changes."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0, "title": None},
        uirevision="kept",
        hoverlabel={"namelength": -1},
        bargap=0.08,
    )
    figure.update_xaxes(title=x, automargin=True)
    figure.update_yaxes(title=y, automargin=True)
    return figure
