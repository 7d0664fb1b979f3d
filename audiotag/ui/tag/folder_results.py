"""Show what a job has found in a folder: how often each tag was given, and the clips, filtered and page by page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from audiotag.tagging.bulk_results import ResultFilter, ResultTable
from audiotag.tagging.folder_job import FolderJob, FolderOptions
from audiotag.ui import caching
from audiotag.ui.tag.dropped_sounds import VIEW, add_sounds
from audiotag.ui.text import Markdown, escape

ROWS_PER_PAGE = 100
MAX_PROBLEMS = 200  # that are shown; the file has all
REFRESH_S = 10  # while the job is running
ANY = "any label"
ORDERS = {"as in the folder": "file", "highest score first": "score"}
TABLE, LABEL, SCORE, TEXT, TAGGED, UNLIKE, ORDER, PAGE = (
    f"folder-{name}" for name in ("table", "label", "score", "text", "tagged", "unlike", "order", "page")
)


def show_results(job: FolderJob, options: FolderOptions) -> None:
    """The results so far; while the job is running they are read again from time to time."""

    @st.fragment(run_every=REFRESH_S if job.is_active() else None)
    def show() -> None:
        table = job.table()
        good, bad, tags = _counts(table, table.stamp())
        if not good and not bad:
            return
        st.subheader("Results")
        if good:
            _show_table(table, good, tags)
        if bad:
            _show_problems(table, bad)

    show()


@caching.cached(max_entries=4, show_spinner=False, hash_funcs={ResultTable: lambda table: str(table.folder)})
def _counts(table: ResultTable, stamp: tuple[str, ...]) -> tuple[int, int, dict[str, int]]:
    return table.counts()


@caching.cached(max_entries=8, show_spinner=False, hash_funcs={ResultTable: lambda table: str(table.folder)})
def _find(table: ResultTable, stamp: tuple[str, ...], wanted: ResultFilter) -> np.ndarray:
    return table.find(wanted)


def _show_table(table: ResultTable, good: int, tags: dict[str, int]) -> None:
    wanted = _pick_filter(table, tags)
    found = _find(table, table.stamp(), wanted)
    pages = max(1, -(-len(found) // ROWS_PER_PAGE))
    at = min(int(st.session_state.get(PAGE, 1)), pages)
    shown = found[(at - 1) * ROWS_PER_PAGE : at * ROWS_PER_PAGE]
    with st.container(horizontal=True, vertical_alignment="center"):
        count = f"{len(found):,} of {good:,} sounds" if len(found) != good else f"{good:,} sounds"
        st.caption(count + (f", {len(shown):,} of them on this page" if pages > 1 else ""), width="stretch")
        if pages > 1:
            st.session_state[PAGE] = at
            st.number_input(f"Page of {pages:,}", 1, pages, key=PAGE, width=150)
    if not len(found):
        return
    rows = table.take(shown, wanted.label)
    score = wanted.label or "likeliest label"
    column = st.column_config
    event = st.dataframe(
        pd.DataFrame(
            {
                "sound": [row["clip"] for row in rows],
                "tags": [row["tags"] for row in rows],
                "score": [row["label_score"] for row in rows],
                "familiarity": [row.get("familiarity") for row in rows],
                "length": [row["duration_s"] for row in rows],
                "likeliest": [row["likeliest"] for row in rows],
                "remarks": [row["notes"] for row in rows],
            }
        ),
        hide_index=True,
        key=TABLE,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "sound": column.TextColumn(pinned=True, width=165),
            "tags": column.ListColumn(width=165),
            "likeliest": column.TextColumn(width=130),
            "score": column.NumberColumn(format="%.2f", width=62, help=Markdown(f"Score of {escape(score)}.")),
            "familiarity": column.NumberColumn(
                format="%.3f", width=90, help="Low for sounds that are unlike the training sounds."
            ),
            "length": column.NumberColumn(format="%.2f s", width=76),
        },
        alt="Sounds with their tags, likeliest label, score, familiarity, length and remarks",
    )
    if chosen := [row for row in event["selection"]["rows"] if row < len(rows)]:
        row = rows[chosen[0]]
        if st.button(
            Markdown(f"Open {escape(Path(row['clip']).name)}"),
            icon=":material/open_in_new:",
            key="folder-open-sound",
            on_click=_open,
            args=(row["clip"], row["path"]),
            help="Shows the sound with its tags on the tab Sounds.",
        ):
            st.rerun()  # the whole page: a click on a button of a fragment runs only that


def _pick_filter(table: ResultTable, tags: dict[str, int]) -> ResultFilter:
    """The widgets of the filter. A label is chosen by its name; how often it was given stands behind it."""
    labels = [*tags, *(label for label in table.labels if label not in tags)]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        label = st.selectbox(
            "Label",
            [ANY, *labels],
            format_func=lambda label: label if label == ANY else f"{label} ({tags.get(label, 0):,})",
            key=LABEL,
            width=190,
            help="Behind each label: to how many sounds it was given.",
        )
        tagged = st.toggle("Only where it is a tag", key=TAGGED, width="content")
        unlike = st.toggle(
            "Only unlike the training sounds",
            key=UNLIKE,
            width="content",
            help="Only sounds whose familiarity is so low that their tags are doubtful.",
        )
        least = st.slider(
            "Score of at least", 0.0, 1.0, 0.0, 0.05, key=SCORE, width=160, help="Of the label, or of the likeliest."
        )
        text = st.text_input("Part of the name", key=TEXT, width=140)
        order = st.selectbox("Order", list(ORDERS), key=ORDER, width=170)
    wanted = "" if label == ANY or label not in labels else label
    by_score = ORDERS.get(order) == "score"
    return ResultFilter(wanted, least, text.strip(), tagged, "score" if by_score else "file", unlike)


def _show_problems(table: ResultTable, bad: int) -> None:
    sounds = "1 sound" if bad == 1 else f"{bad:,} sounds"
    with st.expander(f"{sounds} could not be tagged", icon=":material/warning:"):
        rows = table.problems(MAX_PROBLEMS)
        st.dataframe(
            pd.DataFrame(rows, columns=["sound", "problem"]),
            hide_index=True,
            column_config={"problem": st.column_config.TextColumn(width="large")},
            alt="Sounds that could not be tagged, and why",
        )
        if bad > len(rows):
            st.caption(f"These are the first {len(rows):,}. The file of problems has all of them.")


def _open(clip: str, path: str) -> None:
    add_sounds([(clip, Path(path))])
    st.session_state[VIEW] = "Sounds"
