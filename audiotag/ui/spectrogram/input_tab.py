"""The Network input tab of the Spectrogram page: what the settings mean, and how those of B differ."""

from __future__ import annotations

import numpy as np
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.features.readouts import read_outs
from audiotag.features.setting_names import differences
from audiotag.features.settings import SpectrogramSettings
from audiotag.figures import sound as figures
from audiotag.inspection import statistics
from audiotag.ui import dataset_cache
from audiotag.ui.spectrogram.clip_player import Shown, show_inversion
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.downloads import show_downloads
from audiotag.wording import as_number

READ_OUT_WIDTH_PIXELS = 146
FLOOR_MARGIN_DB = 1e-3  # rounding
SAME = Markdown("A and B have the same settings. Change a setting in the form to see and hear what it does.")


def show_network_input(a: Shown, b: Shown | None, dataset: Dataset | None) -> None:
    """Read-outs in seconds, hertz and per cent, and the differences between A and B."""
    show_inversion(a, b)
    _show_read_outs(a, b)
    if b is not None:
        _show_differences(a, b)
    if dataset is not None:
        _show_lengths(dataset, a.settings)


def _show_read_outs(a: Shown, b: Shown | None) -> None:
    """A's read-outs as large figures, and B's below each of them."""
    outs, others = (
        read_outs(shown.settings, shown.crop.log_mel, shown.crop.waveform, shown.crop.whole) if shown else None
        for shown in (a, b)
    )
    assert outs is not None
    with st.container(horizontal=True, key="read-outs"):  # as many next to each other as fit
        for number, out in enumerate(outs):
            other = others[number].value if others else None
            with st.container(width=READ_OUT_WIDTH_PIXELS):
                st.metric(
                    escape(out.name),
                    escape(out.value),
                    delta=None if other is None else Markdown(f"B: {escape(other)}"),
                    delta_color="off",
                    delta_arrow="off",
                    help=escape(out.help),
                )
                if out.warning:
                    st.caption(f":material/warning: {escape(out.warning)}")


def _show_differences(a: Shown, b: Shown) -> None:
    found = differences(a.settings, b.settings)
    if not found:
        st.info(SAME, icon=":material/equal:")
        return
    st.markdown("### How A and B differ")
    st.table(
        {
            "Setting": [escape(each.name) for each in found],
            "A": [escape(each.value) for each in found],
            "B": [escape(each.other) for each in found],
        },
        border="horizontal",
        hide_index=True,
        width="content",
        alt="Settings that differ between A and B",
    )
    first, second = (figures.LogMel(each.crop.log_mel, each.settings, each.crop.start_s) for each in (a, b))
    above = figures.level_difference(first, second)
    if np.isnan(above).all():
        st.caption("The crops of A and B have no moment in common, so their levels cannot be compared.")
        return
    st.markdown("### Level of A above B")
    st.caption(
        "Both in dB re full scale, at the same time and frequency. Where one of them is at its floor, the floors are "
        f"compared; points without colour are not in B. {_spread(above[_above_floor(a) & ~np.isnan(above)])}"
    )
    show_chart(
        figures.difference(first, second),
        key="difference",
        alt="Level of the log-mel spectrogram under A above that under B, over time and frequency, in dB",
    )
    show_downloads(figures.difference_table(first, second), "level-of-a-above-b")


def _above_floor(shown: Shown) -> np.ndarray:
    values, whole = shown.crop.log_mel, shown.crop.whole
    loudest = (values if whole is None else whole.log_mel).max()
    return values > loudest - shown.settings.top_db + FLOOR_MARGIN_DB


def _spread(above: np.ndarray) -> Markdown:
    """The median and the middle 90 % of differences, as a sentence."""
    if not len(above):
        return Markdown("")
    low, middle, high = (_decibels(value) for value in np.percentile(above, (5, 50, 95)))
    return Markdown(f"Where A is above its floor, the median is {middle}, and 90 % lie between {low} and {high}.")


def _decibels(value: float) -> Markdown:
    return Markdown(f"{as_number(value, '+.1f')} dB")


def _show_lengths(dataset: Dataset, settings: SpectrogramSettings) -> None:
    """How many clips are padded and cut."""
    shares = statistics.share_shorter(dataset_cache.load_index(dataset), settings.clip_s)
    parts = [
        f"{100 * share:.0f} % of {escape(subset)} clips are padded, {100 * (1 - share):.0f} % are cut"
        for subset, share in shares.items()
    ]
    if parts:
        st.caption(f"With clips of {settings.clip_s:g} s, before trimming: {'; '.join(parts)}.")
