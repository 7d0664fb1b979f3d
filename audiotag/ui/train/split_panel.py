"""The panel of a new run that says whether its folds can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.training.runs import RunSettings
from audiotag.training.split_report import EXAMPLE, TITLES, KindOfGroups, SplitReport
from audiotag.ui import dataset_cache, run_cache
from audiotag.ui.dataset.near_duplicates import show_near_duplicate_search
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.measurement import has_sounds, show_progress

TITLE, KEY = "Can these folds be trusted?", "splits"
IN_ADDRESS: dict[str, Any] = {"bind": "query-params"}  # what is open survives a reload
MAX_PATTERNS = 4
IN_SEVERAL, IN_TEST = "in several folds", "also in the test"


def show_split_panel(settings: RunSettings, dataset: Dataset, ensemble: Path | None) -> None:
    """What belongs together in the dataset, and what of it straddles the folds of a run that is not started yet.

    Parameters
    ----------
    settings : RunSettings
    dataset : Dataset
    ensemble : Path or None
        Folder of the ensemble by which near-duplicates are looked for.
    """
    icon = ":material/warning:" if run_cache.fold_leaks(dataset, settings) else ":material/verified:"
    expander = st.expander(TITLE, icon=icon, key=KEY, **IN_ADDRESS)
    with expander, messages.show_errors():
        if expander.open:
            report = run_cache.split_report(dataset, settings)
            _show_report(report)
            _show_unknown(report, dataset, ensemble)


def _show_report(report: SplitReport) -> None:
    st.markdown(f"{report.clips:,} clips in {escape(report.folds)}. {escape(report.verdict)}")
    if report.leak:
        st.caption(escape(EXAMPLE))
    shown = [each for each in report.kinds if each.groups or each.with_test]
    if shown:
        st.caption("Groups of two or more clips that belong together:")
        st.dataframe(_counts(shown), hide_index=True, alt="Groups of clips that belong together")
    for each in shown:
        if each.kind == "names":
            _show_patterns(report)
        if each.kind in report.advice and report.advice[each.kind] not in report.leak:
            st.caption(f"{escape(TITLES[each.kind].capitalize())}: {escape(report.advice[each.kind])}")
    if shown:
        st.dataframe(_largest(shown), hide_index=True, alt="The groups that straddle folds, and the largest ones")


def _counts(kinds: list[KindOfGroups]) -> pd.DataFrame:
    table = pd.DataFrame({
        "belong together": [TITLES[each.kind] for each in kinds],
        "groups": [each.groups for each in kinds],
        IN_SEVERAL: pd.array([each.straddling for each in kinds], dtype="Int64"),
        "clips": [each.clips for each in kinds],
        "clips of those in several folds": pd.array([each.straddling_clips for each in kinds], dtype="Int64"),
        IN_TEST: [each.with_test for each in kinds],
    })  # fmt: skip
    return table if any(each.with_test for each in kinds) else table.drop(columns=IN_TEST)


def _largest(kinds: list[KindOfGroups]) -> pd.DataFrame:
    rows = [
        (TITLES[each.kind], group.name, group.size, ", ".join(group.parts) or "not counted", ", ".join(group.clips))
        for each in kinds
        for group in each.largest
    ]
    return pd.DataFrame(rows, columns=["belong together", "group", "clips", "where", "first clips"])


def _show_patterns(report: SplitReport) -> None:
    """How names were understood, so that a user can judge the guess."""
    examples = "  \n".join(
        f"In {escape(pattern.example)}, **{escape(pattern.recording)}** is taken for the recording "
        f"({pattern.clips:,} names are like this)."
        for pattern in report.patterns[:MAX_PATTERNS]
    )
    st.caption(f"Recordings by their names are a guess, which folds do not follow unless you ask for it.  \n{examples}")


def _show_unknown(report: SplitReport, dataset: Dataset, ensemble: Path | None) -> None:
    """What is not known yet, and the buttons that measure it."""
    for sentence in report.unknown:
        st.caption(f":material/help: {escape(sentence)}")
    show_near_duplicate_search(dataset, ensemble)
    job = dataset_cache.measurement_job(dataset)
    if show_progress(dataset, len(dataset.clips)) or not report.unmeasured or not has_sounds(dataset):
        return
    if st.button(
        Markdown("Measure the clips"),
        icon=":material/play_arrow:",
        key="splits-measure",
        help="Decodes each clip once, and finds copies that are stored in another format.",
    ):
        with messages.show_errors():
            job.start()
            st.rerun()
