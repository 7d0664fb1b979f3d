"""Figures of the Dataset page carry the values that a click on them returns."""

import pandas as pd

from audiotag.figures.dataset import histogram


def test_each_bar_of_a_histogram_carries_its_bin_as_numbers() -> None:
    """A click returns these values; an array would come back as a dict."""
    table = pd.DataFrame({"from": [0.0, 1.0], "to": [1.0, 2.0], "curated": [0.25, 0.75]})
    (bars,) = histogram(table, "duration", "s").data
    assert [list(bin) for bin in bars.customdata] == [[0.0, 1.0], [1.0, 2.0]]
    assert list(bars.y) == [25, 75]
