"""Show how two runs differ on the clips that both held out: conclusion, figure, table, command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from audiotag.cli.command_lines import compare_line
from audiotag.errors import AudiotagError
from audiotag.figures import comparison as figures
from audiotag.training.paired_bootstrap import INTERVAL, MIN_DIFFERING_UNITS
from audiotag.training.runs import Run
from audiotag.ui import dataset_cache, verdict_cache
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.downloads import show_table

if TYPE_CHECKING:
    from audiotag.training.comparison import Comparison
    from audiotag.training.paired_bootstrap import Conclusion, Difference
    from audiotag.training.true_labels import Truth

ICONS: dict[Conclusion, str] = {
    "better": ":material/trending_up:",
    "worse": ":material/trending_down:",
    "cannot be told apart": ":material/equal:",
}
TRUTH_NAMES: dict[Truth, Markdown] = {
    "corrected": Markdown("corrected labels"),
    "tables": Markdown("labels in the tables"),
}
BY_FOLD, BY_LABEL = Markdown("By fold"), Markdown("By label")
MANY_LABELS = 20  # from here on some differ by chance
MAX_LABELS = 10  # drawn at each end; the table has all


def show_comparisons(run: Run, chosen: Mapping[str, Run]) -> None:
    """Compare a run with one of the runs that its curves are drawn with."""
    with_folds = {name: other for name, other in chosen.items() if other.finished_folds()}
    if not chosen:
        return
    if not with_folds or not run.finished_folds():
        st.caption("Held-out clips are compared as soon as a fold of both runs is finished.")
        return
    st.markdown("**Held-out clips compared**")
    name = next(iter(with_folds))
    if len(with_folds) > 1:
        name = st.segmented_control(
            "With", list(with_folds), format_func=escape, default=name, key="compare-held-out", required=True
        )
    show_comparison(with_folds[name], run)


def show_comparison(first: Run, second: Run) -> None:
    """Show whether the second run is better or worse than the first one, on the clips that both held out.

    The labels that both are measured on are in the address, so that a link shows the same.
    """
    try:
        truth = _pick_truth(first)
        comparison = verdict_cache.compare_runs(first, second, truth)
    except AudiotagError as error:
        st.info(escape(error), icon=":material/info:")
        return
    show = {"better": st.success, "worse": st.warning, "cannot be told apart": st.info}[comparison.conclusion]
    show(escape(comparison.sentence), icon=ICONS[comparison.conclusion])
    for note in comparison.notes:
        st.caption(f":material/info: {escape(note)}")
    _show_differences(comparison)
    st.caption("The same as a command:")
    st.code(compare_line(first.name, second.name, truth), language="bash", wrap_lines=True)


def difference_table(rows: Mapping[str, Difference], what: str) -> pd.DataFrame:
    """One row per difference; the column of its name is called ``what``."""
    return pd.DataFrame(
        [
            {
                what: name, "first": result.first, "second": result.second, "difference": result.difference,
                "low": result.low, "high": result.high, "conclusion": result.conclusion, "clips": result.clips,
                "recordings": result.units,
            }
            for name, result in rows.items()
        ],
        columns=[what, "first", "second", "difference", "low", "high", "conclusion", "clips", "recordings"],
    )  # fmt: skip


def _pick_truth(run: Run) -> Truth:
    """The labels to measure both runs on; the widget appears only where there are verdicts."""
    if not verdict_cache.has_verdicts(dataset_cache.load_dataset(Path(run.settings().dataset)).root):
        return "corrected"
    return st.segmented_control(
        "Measured on",
        list(TRUTH_NAMES),
        format_func=lambda truth: TRUTH_NAMES[truth],
        default="corrected",
        key="truth",
        required=True,
        bind="query-params",
        help="Both runs are measured on the same labels, whatever they were trained on.",
    )


def _show_differences(comparison: Comparison) -> None:
    by = st.segmented_control(
        "Differences",
        [BY_FOLD, BY_LABEL],
        default=BY_FOLD,
        key="differences",
        required=True,
        help="Intervals of 95 % from resampled recordings; clips of one recording, and copies of a sound, stay "
        f"together. At least {MIN_DIFFERING_UNITS} recordings must differ before a difference counts.",
    )
    rows, what = comparison.rows, "fold"
    if by == BY_LABEL:
        what = "label"
        rows = dict(sorted(comparison.labels.items(), key=lambda item: (item[1].difference, item[0])))
    show_chart(
        figures.differences(_ends(rows), "difference in lwlrap" + (" of the label" if what == "label" else "")),
        key="differences-chart",
        alt=f"Difference in lwlrap of each {what}, with its 95 % interval",
    )
    st.caption(
        f"Right of 0, {escape(comparison.second)} is better. Training again with another seed would change the "
        "differences, too."
    )
    if what == "label" and len(rows) >= MANY_LABELS:
        by_chance = round((1 - INTERVAL) * len(rows))
        st.caption(f"Of {len(rows):,} labels about {by_chance:,} would count as better or worse by chance alone.")
    if len(rows) > 2 * MAX_LABELS:
        st.caption(f"The {MAX_LABELS} labels that lost most and the {MAX_LABELS} that gained most are drawn.")
    table = difference_table(rows | ({"all clips, accuracy": comparison.accuracy} if what == "fold" else {}), what)
    show_table(table, f"{comparison.second}-compared-by-{what}")


def _ends(rows: dict[str, Any]) -> dict[str, Any]:
    """The first rows and the last ones."""
    names = list(rows)
    if len(names) > 2 * MAX_LABELS:
        names = [*names[:MAX_LABELS], *names[-MAX_LABELS:]]
    return {name: rows[name] for name in names}
