"""The tabs of the panel: precision and recall per label, reliability, confusion."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from audiotag.figures import trust as figures
from audiotag.trust.findings import EVERY_SCORE, HIGHEST_SCORE, Findings, percent
from audiotag.trust.reliability import Reliability, label_weighted_ece
from audiotag.trust.tag_quality import worst_first
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.downloads import show_table

IN_ADDRESS: dict[str, Any] = {"bind": "query-params"}
MAX_LABELS = 15  # in the chart of precision and recall, unless all are chosen
MAX_CONFUSED = 12  # labels in the matrix, unless all are chosen
MAX_PAIRS = 10
AT_THRESHOLDS, BY_RANK = "at the thresholds", "as many as the clip has labels"


def show_quality(found: Findings, name: str, key: str) -> None:
    """Precision and recall of each label with their intervals, the worst label first."""
    table = worst_first(found.labels)
    known = table[table["positives"] > 0]
    shown = known
    if len(known) > MAX_LABELS and not st.toggle(f"All {len(known)} labels", key=f"{key}-every-label", **IN_ADDRESS):
        shown = known.head(MAX_LABELS)
    count = f"The {len(shown)} worst labels" if len(shown) < len(known) else "All labels"
    st.caption(f"{count}, the lowest F1 first. An interval that is wide means that there are few clips.")
    show_chart(
        figures.precision_recall_intervals(shown),
        key=f"{key}-precision-recall",
        alt="Precision and recall with intervals, worst label first: "
        + ", ".join(
            f"{row.label} {percent(row.precision)} and {percent(row.recall)}" for row in shown.head(10).itertuples()
        ),
    )
    without = table.loc[table["positives"] == 0, "label"]
    if len(without):
        labels = "1 label has" if len(without) == 1 else f"{len(without)} labels have"
        st.caption(
            f":material/info: {labels} no clip here, so nothing is known about them: "
            f"{escape(', '.join(without.head(MAX_LABELS)))}{' …' if len(without) > MAX_LABELS else ''}"
        )
    show_table(table, f"{name}-precision-recall")


def show_reliability(found: Findings, name: str, key: str) -> None:
    """How often scores are right, before and after calibration."""
    labels = found.labels
    if not found.labelled.are_probabilities:
        st.info(
            "These scores are not between 0 and 1, so they cannot be read as probabilities.", icon=":material/info:"
        )
        return
    known = [label for label, count in zip(labels["label"], labels["positives"], strict=True) if count]
    of = st.selectbox(
        "Scores of",
        [EVERY_SCORE, HIGHEST_SCORE, *known],
        key=f"{key}-reliability-of",
        **IN_ADDRESS,
        help="All scores count each clip once per label: most of them are near 0. The highest score of each clip shows "
        "what a first tag is worth.",
    )
    curves = found.curves(of)
    st.markdown(reliability_text(curves["as scored"], found.tendency if of == EVERY_SCORE else ""))
    if calibration := found.calibration:
        st.caption(
            f"Calibrated: each score's logit is divided by a temperature, {calibration.temperature:.2f} over all "
            "clips. Here each fold's clips get the temperature of the other folds' clips. The tags stay the same."
        )
    show_chart(
        figures.reliability(curves),
        key=f"{key}-reliability",
        alt=f"How often {of} are right, by score: "
        + ", ".join(f"{row.score:.2f}: {percent(row.share)}" for row in curves["as scored"].bins.itertuples()),
    )
    st.caption(
        "Bars are 95 % intervals. The calibration error of single labels, as the mean weighted by their clips: "
        f"{label_weighted_ece(labels):.4f}."
    )
    bins = pd.concat([curve.bins.assign(scores=title) for title, curve in curves.items()], ignore_index=True)
    show_table(bins, f"{name}-reliability")


def reliability_text(curve: Reliability, tendency: str) -> Markdown:
    """The calibration error in words, beside what chance alone gives."""
    text = (
        f"A score differs by **{curve.ece:.3f}** on average from how often it is right. By chance alone it would be "
        f"{curve.chance_ece:.3f} on so few clips."
    )
    if curve.ece < 1.5 * curve.chance_ece:
        return Markdown(f"{text} So nothing speaks against these scores.")
    if tendency:
        return Markdown(f"{text} {escape(tendency)}")
    side = "too low" if curve.share > curve.score else "too high"
    return Markdown(f"{text} They are {side}: {curve.score:.3f} in the mean, and {curve.share:.3f} are right.")


def show_confusion(found: Findings, name: str, key: str) -> None:
    """Which label is mistaken for which."""
    by_rank = True
    if found.labelled.thresholds is not None:
        chosen = st.segmented_control(
            "Tags", [AT_THRESHOLDS, BY_RANK], key=f"{key}-tags-by", default=BY_RANK, required=True, **IN_ADDRESS
        )
        by_rank = chosen == BY_RANK
    matrix = found.confused_ranks if by_rank else found.confused_tags
    pairs, size = matrix.pairs(), len(matrix.labels)
    if not len(pairs):
        st.success("No label is mistaken for another one.", icon=":material/check:")
    if len(pairs):
        st.markdown("**Confused most**")
        lines = [
            Markdown(f"- {escape(row.label)} → {escape(row[2])}: {row.clips:.3g} of {row.of:,} clips ({row.share:.0%})")
            for row in pairs.head(MAX_PAIRS).itertuples()
        ]
        st.markdown(Markdown("\n").join(lines))
    shown = matrix
    if size > MAX_CONFUSED and not st.toggle(f"All {size} labels", key=f"{key}-every-confusion", **IN_ADDRESS):
        shown = matrix.most_confused(MAX_CONFUSED)
    st.caption(
        "Rows are true labels, columns are tags, numbers are clips. A missed label is shared among the wrong tags of "
        "its clip." + (f" The {MAX_CONFUSED} labels that are confused most are shown." if shown is not matrix else "")
    )
    positives = matrix.matrix[[matrix.labels.index(label) for label in shown.labels]].sum(axis=1)
    show_chart(
        figures.confusion(shown, positives),
        key=f"{key}-confusion",
        alt="Which label is tagged as which: "
        + ", ".join(
            f"{row.label} as {row[2]} {row.clips:.2g} of {row.of}" for row in pairs.head(MAX_PAIRS).itertuples()
        ),
    )
    show_table(pairs, f"{name}-confused-pairs", Markdown("All pairs as a table"))
    show_table(matrix.table(), f"{name}-confusion", Markdown("The matrix as a table"))
