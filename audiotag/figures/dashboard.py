"""Write the Dataset page as one HTML file that opens without a network."""

from __future__ import annotations

import html

import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.figures import dataset as figures
from audiotag.figures import html_page as page
from audiotag.inspection import statistics
from audiotag.inspection.filters import Filter

MAX_BARS = 100  # labels in the chart of counts


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
        page.table(statistics.summary(shown).round(2).rename_axis("subset")),
        *_label_parts(shown),
        *_sound_parts(shown, crop_s),
        "<h2>Problems</h2>",
        page.table(found["kind"].value_counts().rename("clips").to_frame()),
        page.collapsible_table("Every problem", found.set_index("clip")) if len(found) else "<p>No problems found.</p>",
    ]
    return page.page(dataset.name, parts)


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
        page.figure(figures.labels(counts.head(MAX_BARS))),
        page.collapsible_table("As a table", counts.rename_axis("label")),
        page.figure(figures.counts_by_number(numbers, "labels per clip")),
        page.collapsible_table("As a table", numbers),
        page.collapsible_table("Combinations", statistics.combinations(shown)),
    ]
    if len(pairs):
        parts += ["<h3>Labels on the same clip</h3>", page.figure(figures.co_occurrence(pairs, names))]
    licences = statistics.licences(shown)
    return [*parts, "<h3>Licences</h3>", page.table(licences)] if len(licences) else parts


def _sound_parts(shown: pd.DataFrame, crop_s: float) -> list[str]:
    if len(statistics.readable_clips(shown)) == 0:
        return ["<p>The sound files are missing, so durations, levels and spectra cannot be shown.</p>"]
    durations = statistics.distribution(statistics.readable_clips(shown), "duration_s")
    by_label = statistics.durations_by_label(shown)
    percentiles = statistics.percentiles(shown)
    parts = [
        "<h2>Durations</h2>",
        page.figure(figures.histogram(durations, "duration", "s", crop_s)),
        page.collapsible_table("As a table", durations.set_index("from")),
        page.figure(figures.cumulative(percentiles, crop_s)),
        page.collapsible_table("As a table", percentiles),
    ]
    if len(by_label):
        parts.append(
            page.figure(figures.durations_by_label(by_label, statistics.labels_by_median_duration(by_label), crop_s))
        )
        parts.append(page.collapsible_table("As a table", by_label.set_index("label")))
    parts += ["<h2>Files</h2>", page.table(statistics.formats(shown).rename_axis("fact"))]
    measured = statistics.measured_clips(shown)
    if len(measured) == 0:
        return [*parts, "<p>Levels and spectra are missing because the clips are not measured yet.</p>"]
    spectra = statistics.third_octaves(measured)
    parts += [
        "<h2>Sound</h2>",
        f"<p>{len(measured):,} clips are measured. 0 dBFS is the level of a square wave between −1 and 1.</p>",
        page.figure(figures.third_octaves(spectra, "level in the third-octave band (dBFS)")),
        page.collapsible_table("As a table", spectra),
    ]
    if {"curated", "noisy"}.issubset(measured["subset"]):
        gap = statistics.spectral_gap(measured, "noisy", "curated")
        if len(gap):
            parts += ["<h3>Noisy minus curated: difference of the spectra, all clips at the same power</h3>"]
            parts += [
                page.figure(figures.spectral_gap(gap, "noisy", "curated")),
                page.collapsible_table("As a table", gap),
            ]
    for column, (title, unit) in figures.MEASURED.items():
        table = statistics.distribution(measured, column)
        parts.append(page.figure(figures.histogram(table, title, unit)))
        parts.append(page.collapsible_table(f"{title} as a table", table.set_index("from")))
    return parts
