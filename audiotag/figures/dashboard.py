"""Write the Dataset page as one HTML file that opens without a network."""

from __future__ import annotations

import html
import math

import pandas as pd
import plotly.graph_objects as go
import plotly.io

from audiotag.data.dataset import Dataset
from audiotag.figures import dataset as figures
from audiotag.inspection import statistics
from audiotag.inspection.filters import Filter

MAX_BARS = 100  # labels in the chart of counts
MAX_ROWS = 200  # of each table
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1d2624; max-width: 1100px; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #dde4e2 }
h2 { margin-top: 2.5rem } .quiet { color: #66736f } summary { cursor: pointer }
"""


def dashboard(dataset: Dataset, shown: pd.DataFrame, found: pd.DataFrame, wanted: Filter, crop_s: float) -> str:
    """All figures and tables about the clips that pass a filter, as one HTML page.

    Parameters
    ----------
    dataset : Dataset
    shown : pandas.DataFrame
        The index, filtered by ``wanted``.
    found : pandas.DataFrame
        The faults of these clips.
    wanted : Filter
    crop_s : float
        Crop length in seconds, a line in the figures of durations.

    Returns
    -------
    str
        HTML that contains Plotly's script, about 5 MB.
    """
    parts = [
        f"<h1>{html.escape(dataset.name)}</h1>",
        f'<p class="quiet">{html.escape(dataset.layout)} · {html.escape(str(wanted))}</p>',
        _table(statistics.summary(shown).round(2).rename_axis("subset")),
        *_label_parts(shown),
        *_sound_parts(shown, crop_s),
        "<h2>Problems</h2>",
        _table(found["kind"].value_counts().rename("clips").to_frame()),
        _collapsible_table("Every problem", found.set_index("clip")) if len(found) else "<p>No problems found.</p>",
    ]
    body = "\n".join(parts)
    script = plotly.offline.get_plotlyjs()
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(dataset.name)}</title>'
        f"<style>{STYLE}</style><script>{script}</script></head><body>{body}</body></html>"
    )


def _label_parts(shown: pd.DataFrame) -> list[str]:
    counts = statistics.sort_label_counts(statistics.label_counts(shown), "most clips")
    if counts.empty:
        return []
    pairs = statistics.co_occurrence(shown)
    names = list(counts.head(figures.MAX_MAP_LABELS).index)
    numbers = statistics.labels_per_clip(shown)
    parts = [
        "<h2>Labels</h2>",
        f"<p>{html.escape(' · '.join(statistics.describe_rarest_labels(counts)))}</p>",
        _figure(figures.labels(counts.head(MAX_BARS))),
        _collapsible_table("As a table", counts.rename_axis("label")),
        _figure(figures.counts_by_number(numbers, "labels per clip")),
        _collapsible_table("As a table", numbers),
        _collapsible_table("Combinations", statistics.combinations(shown)),
    ]
    if len(pairs):
        parts += ["<h3>Labels on the same clip</h3>", _figure(figures.co_occurrence(pairs, names))]
    licences = statistics.licences(shown)
    return [*parts, "<h3>Licences</h3>", _table(licences)] if len(licences) else parts


def _sound_parts(shown: pd.DataFrame, crop_s: float) -> list[str]:
    if len(statistics.readable_clips(shown)) == 0:
        return ["<p>The sound files are missing, so durations, levels and spectra cannot be shown.</p>"]
    durations = statistics.distribution(statistics.readable_clips(shown), "duration_s")
    by_label = statistics.durations_by_label(shown)
    percentiles = statistics.percentiles(shown)
    parts = [
        "<h2>Durations</h2>",
        _figure(figures.histogram(durations, "duration", "s", crop_s)),
        _collapsible_table("As a table", durations.set_index("from")),
        _figure(figures.cumulative(percentiles, crop_s)),
        _collapsible_table("As a table", percentiles),
    ]
    if len(by_label):
        parts.append(
            _figure(figures.durations_by_label(by_label, statistics.labels_by_median_duration(by_label), crop_s))
        )
        parts.append(_collapsible_table("As a table", by_label.set_index("label")))
    parts += ["<h2>Files</h2>", _table(statistics.formats(shown).rename_axis("fact"))]
    measured = statistics.measured_clips(shown)
    if len(measured) == 0:
        return [*parts, "<p>Levels and spectra are missing because the clips are not measured yet.</p>"]
    spectra = statistics.third_octaves(measured)
    parts += [
        "<h2>Sound</h2>",
        f"<p>{len(measured):,} clips are measured. 0 dBFS is the level of a square wave between −1 and 1.</p>",
        _figure(figures.third_octaves(spectra, "level in the third-octave band (dBFS)")),
        _collapsible_table("As a table", spectra),
    ]
    if {"curated", "noisy"}.issubset(measured["subset"]):
        gap = statistics.spectral_gap(measured, "noisy", "curated")
        if len(gap):
            parts += ["<h3>Noisy minus curated: difference of the spectra, all clips at the same power</h3>"]
            parts += [_figure(figures.spectral_gap(gap, "noisy", "curated")), _collapsible_table("As a table", gap)]
    for column, (title, unit) in figures.MEASURED.items():
        table = statistics.distribution(measured, column)
        parts.append(_figure(figures.histogram(table, title, unit)))
        parts.append(_collapsible_table(f"{title} as a table", table.set_index("from")))
    return parts


def _figure(figure: go.Figure) -> str:
    figure.update_layout(template="plotly_white")
    return plotly.io.to_html(figure, include_plotlyjs=False, full_html=False, config={"displaylogo": False})


def _table(table: pd.DataFrame) -> str:
    shown = table.head(MAX_ROWS).rename_axis(columns=None)
    named = bool(shown.index.name)
    shown = shown.reset_index() if named else shown
    more = f'<p class="quiet">… and {len(table) - MAX_ROWS:,} more rows</p>' if len(table) > MAX_ROWS else ""
    return shown.to_html(border=0, index=not named, na_rep="—", float_format=_number_text) + more


def _collapsible_table(title: str, table: pd.DataFrame) -> str:
    return f"<details><summary>{html.escape(title)}</summary>{_table(table)}</details>"


def _number_text(value: float) -> str:
    return "—" if math.isnan(value) else f"{value:.4g}"
