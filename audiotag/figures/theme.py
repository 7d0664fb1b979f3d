"""Colours, line styles, marker shapes and the frame that all figures share.

Subsets and folds differ by pattern, dash or shape as well as by colour, so every figure can be read without colour.
"""

from __future__ import annotations

import plotly.graph_objects as go

SUBSET_COLOURS = {"curated": "#14a394", "noisy": "#d98324", "test": "#7c87b8"}
SUBSET_DASHES = {"curated": "solid", "noisy": "dash", "test": "dot"}
SUBSET_SYMBOLS = {"curated": "circle", "noisy": "diamond", "test": "square"}
SUBSET_MARKERS = {  # bars differ by pattern too
    subset: {"color": colour, "pattern": {"shape": shape, "fillmode": "overlay", "size": 7, "solidity": 0.25}}
    for (subset, colour), shape in zip(SUBSET_COLOURS.items(), ("", "/", "."), strict=True)
}
# Below, equal, above. The ends are the colours of curated and noisy, because the scale shows their difference.
GAP_SCALE = [[0.0, "#14a394"], [0.5, "rgba(138,148,144,0.12)"], [1.0, "#d98324"]]
ACCENT = "#14a394"
WARM = "#d98324"
QUIET = "#8a9490"
MARK_LINE = {"color": WARM, "dash": "dash", "width": 2}  # a line at the value of a setting
FOLD_COLOURS = ("#14a394", "#d98324", "#7c87b8", "#c2557a", "#8a9a2d", "#4b95c4", "#a5713f", "#9466b0")
FOLD_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
# Magma. Written as rgb() because Streamlit reads the hex codes #000001 to #000021 as entries of its own palette.
SPECTROGRAM_SCALE = [
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


def set_frame(figure: go.Figure, height: int, x: str = "", y: str = "") -> go.Figure:
    """Set height (pixels), axis titles and margins of a figure, and return it; the user's zoom survives new data."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0, "title": None},
        uirevision="unchanged",
        hoverlabel={"namelength": -1},
        bargap=0.08,
    )
    figure.update_xaxes(title=x, automargin=True)
    figure.update_yaxes(title=y, automargin=True)
    return figure
