"""Parts of an HTML page that opens without a network: figures, tables, and the page around them."""

from __future__ import annotations

import html
import math

import pandas as pd
import plotly.graph_objects as go
import plotly.io

MAX_ROWS = 200  # of each table
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1d2624; background: #fff; max-width: 1100px;
  margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #dde4e2; vertical-align: top }
h2 { margin-top: 2.5rem } .quiet { color: #56635f } summary { cursor: pointer }
pre { background: #f3f6f5; padding: .8rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere }
@media print { details > * { display: block } .js-plotly-plot { break-inside: avoid } }
"""


def page(title: str, parts: list[str]) -> str:
    """A whole page of parts; it contains Plotly's script, about 5 MB."""
    script, body = plotly.offline.get_plotlyjs(), "\n".join(parts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style><script>{script}</script></head>"
        f"<body>{body}</body></html>\n"
    )


def text(words: object, tag: str = "p", style: str = "") -> str:
    """A text from data in an element, shown unchanged."""
    attribute = f' class="{style}"' if style else ""
    return f"<{tag}{attribute}>{html.escape(str(words))}</{tag}>"


def figure(drawn: go.Figure) -> str:
    """A figure that can be zoomed; the page must contain Plotly's script."""
    drawn.update_layout(template="plotly_white")
    return plotly.io.to_html(drawn, include_plotlyjs=False, full_html=False, config={"displaylogo": False})


def table(rows: pd.DataFrame, most: int = MAX_ROWS) -> str:
    """A table, with its index unless that only numbers the rows; texts of it are shown unchanged."""
    shown = rows.head(most).rename_axis(columns=None)
    named = bool(shown.index.name)
    shown = shown.reset_index() if named else shown
    more = text(f"… and {len(rows) - most:,} more rows", style="quiet") if len(rows) > most else ""
    is_numbered = isinstance(shown.index, pd.RangeIndex)
    return shown.to_html(border=0, index=not is_numbered, na_rep="—", float_format=_number_text) + more


def collapsible(title: str, content: str) -> str:
    """A part that is closed until it is clicked."""
    return f"<details><summary>{html.escape(title)}</summary>{content}</details>"


def collapsible_table(title: str, rows: pd.DataFrame) -> str:
    """A table that is closed until its title is clicked."""
    return collapsible(title, table(rows))


def _number_text(value: float) -> str:
    return "—" if math.isnan(value) else f"{value:.4g}"
