"""The chart of a sound's scores in the browser: a bar per label, with a threshold that can be moved.

`show_score_chart` puts it on a page; ``score_chart.html``, ``.css`` and ``.js`` draw it.
"""

from audiotag.ui.tag.score_chart.score_chart import ScoreChart, ScoreRow, show_score_chart

__all__ = ["ScoreChart", "ScoreRow", "show_score_chart"]
