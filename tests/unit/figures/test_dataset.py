"""Figures of the Dataset page carry the values that a click on them returns, and can be read without colour."""

import pandas as pd

from audiotag.figures.dataset import counts_by_number, histogram


def test_each_bar_of_a_histogram_carries_its_bin_as_numbers() -> None:
    """A click returns these values; an array would come back as a dict."""
    table = pd.DataFrame({"from": [0.0, 1.0], "to": [1.0, 2.0], "curated": [0.25, 0.75]})
    (bars,) = histogram(table, "duration", "s").data
    assert [list(bin) for bin in bars.customdata] == [[0.0, 1.0], [1.0, 2.0]]
    assert list(bars.y) == [25, 75]


def test_each_subset_has_a_panel_with_its_name_above_the_same_axis() -> None:
    table = pd.DataFrame({"from": [0.0, 1.0], "to": [1.0, 2.0], "curated": [0.25, 0.75], "test": [1.0, 0.0]})
    figure = histogram(table, "duration", "s", mark=1.5)
    assert [trace.yaxis for trace in figure.data] == ["y", "y2"]
    assert {axis.matches for axis in (figure.layout.xaxis, figure.layout.xaxis2)} == {None, "x2"}
    assert [note.text for note in figure.layout.annotations] == ["<b>curated</b>", "<b>test</b>", "1.5 s"]
    assert figure.layout.xaxis2.title.text == "duration (s)"
    assert len(figure.layout.shapes) == 2  # the mark, in each panel


def test_labels_per_clip_have_ticks_at_whole_numbers_alone() -> None:
    axis = counts_by_number(pd.DataFrame({"curated": [5, 2]}, index=[1, 3]), "labels per clip").layout.xaxis
    assert (axis.dtick, axis.tickformat) == (1, "d")
    assert counts_by_number(pd.DataFrame({"curated": [5]}, index=[300]), "labels per clip").layout.xaxis.dtick is None
