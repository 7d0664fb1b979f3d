"""Show a score on the Score page: the figures, the classes, and the hardest clips with their players."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.features.settings import PRESETS
from audiotag.figures import scoring as figures
from audiotag.figures.text import data_text
from audiotag.scoring import PUBLISHED, Score
from audiotag.ui import sound_cache
from audiotag.ui.text import escape
from audiotag.ui.widgets import messages, sound_panel
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.downloads import show_downloads, show_table
from audiotag.ui.widgets.kept_rows import keep_row, restore_row, row_of, select_row
from audiotag.ui.widgets.step_buttons import show_step_buttons

ANY_LABEL = "any label"
MAX_CLIPS = 200  # in the table on the page; its download has all
MAX_CLASSES = 15  # in the chart, unless all are chosen
MAX_WRONG_LABELS = 3  # named for one clip in the table
LWLRAP = (
    "Label-weighted label-ranking average precision: the mean precision at the rank of each true label. 1 means that "
    "every true label is ranked above every wrong one."
)
ACCURACY = (
    "Share of true labels that are among the k highest scores of their clip, where k is its number of labels. With "
    "one label per clip: how often the first tag is right."
)


def show_summary(found: Score) -> None:
    """lwlrap, accuracy and number of clips; beside published scores where the clips are the same."""
    with st.container(horizontal=True, gap="medium"):
        st.metric("lwlrap", f"{found.lwlrap:.5f}", help=LWLRAP, width="content")
        st.metric("Multi-label accuracy", f"{found.accuracy:.5f}", help=ACCURACY, width="content")
        st.metric("Clips", f"{found.clips:,}", width="content")
        for name, (clips, value) in found.per_split.items():
            about = f"lwlrap of the {clips:,} clips whose usage in the truth is {escape(name)}."
            st.metric(f"{escape(name)}, {clips:,} clips", f"{value:.5f}", help=about, width="content")
    for note in found.notes:
        st.caption(f":material/info: {escape(note)}")
    if found.comparable is not None:
        st.caption(
            "Published scores on the same clips: the competition's baseline, the 2020 capstone project (recipe "
            "“capstone”), and the winner."
        )
        show_chart(
            figures.published_scores(found.comparable, PUBLISHED),
            key="published",
            alt=f"lwlrap {found.comparable:.5f} on a scale, beside "
            + ", ".join(f"{name} {value:.5f}" for name, value in PUBLISHED.items()),
        )


def show_classes(found: Score) -> None:
    """lwlrap of each class, the worst first; a click on a bar filters the clips."""
    scored = found.per_class[found.per_class["clips"] > 0]
    shown = scored
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.header("By class", width="content")
        if len(scored) > MAX_CLASSES:
            every = st.toggle(f"All {len(scored)} classes", key="every-class", persist_state="session")
            shown = scored if every else scored.head(MAX_CLASSES)
    count = f"The {len(shown)} worst" if len(shown) < len(scored) else f"All {len(shown)}"
    st.caption(f"{count}, worst first. Click on a bar to see only its clips below.")
    show_chart(
        figures.per_class(shown),
        key="score-classes",
        on_select=_filter_by_clicked_label,
        selection_mode="points",
        alt="lwlrap of each class, worst first: "
        + ", ".join(f"{label} {value:.3f}" for label, value in shown["lwlrap"].head(10).items()),
    )
    if len(scored) < len(found.per_class):
        st.caption(f"{len(found.per_class) - len(scored)} classes without a clip are only in the table.")
    show_table(found.per_class, "score-by-class")


def show_hardest_clips(found: Score, dataset: Dataset | None) -> None:
    """The clips with the lowest precision, and for the selected one its player and the ranking of its labels."""
    labels = [ANY_LABEL, *sorted(found.per_class.index[found.per_class["clips"] > 0])]
    if st.session_state.get("score-label") not in labels:
        st.session_state["score-label"] = ANY_LABEL
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    left.header("Hardest clips")
    label = right.selectbox("With the label", labels, key="score-label", persist_state="session")
    every = found.per_clip
    if label != ANY_LABEL:
        every = every[[label in true for true in every["labels"]]]
    rows = _add_ranked_above(every.head(MAX_CLIPS), found.scores)
    wrong = int((every["precision"] < 1).sum())
    table = f"hardest-{label}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"In {wrong:,} of {len(every):,} clips a wrong label is ranked above a true one."
            + (f" The {MAX_CLIPS} hardest are shown." if len(every) > MAX_CLIPS else ""),
            width="stretch",
        )
        show_step_buttons("hardest-", _step, table, len(rows))
    restore_row(table)
    chosen = st.dataframe(
        rows[["clip", "labels", "precision", "ranked above"]],
        hide_index=True,
        height=300,
        on_select="rerun",
        selection_mode="single-row-required",
        key=table,
        column_config={
            "clip": st.column_config.TextColumn("clip", width="small"),
            "labels": st.column_config.ListColumn("truth", width="medium"),
            "precision": st.column_config.NumberColumn(
                format="%.2f",
                width="small",
                help="Mean precision at the ranks of its true labels.",
            ),
            "ranked above": st.column_config.TextColumn("ranked above", help="Wrong labels with their scores."),
        },
        alt="The hardest clips with their labels, and the wrong labels that are ranked above them",
    )
    selected = row_of(chosen, len(rows))
    keep_row(table, selected)
    clip = rows.iloc[selected]
    show_downloads(every.reset_index(), "score-by-clip")
    _show_clip(clip["clip"], clip["labels"], found, dataset)


def _step(by: int, table: str, rows: int) -> None:
    select_row(table, (row_of(st.session_state.get(table), rows) + by) % rows)


def _show_clip(clip: str, true: tuple[str, ...], found: Score, dataset: Dataset | None) -> None:
    """One clip: its name and labels, its player, and the ranking of its labels."""
    st.markdown(f"**{escape(clip)}**" + (f" · {escape(', '.join(true))}" if true else ""))
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        _show_player(clip, found, dataset)
    with right:
        show_chart(
            figures.ranking(found.scores.loc[clip], true),
            key="ranking",
            alt=f"Scores of the labels of {clip}, highest first; true: {', '.join(true)}",
        )


def _show_player(clip: str, found: Score, dataset: Dataset | None) -> None:
    path = _path_of_clip(clip, dataset)
    if path is None:
        reason = f"{escape(dataset.name)} does not have this clip" if dataset else "No dataset is open"
        st.info(f"{reason}. Choose its dataset in the sidebar to listen to it.", icon=":material/folder_off:")
    elif not path.is_file():
        fix = (
            "“Get FSDKaggle2019 …” in the dialog “Open a dataset” shows how to get it."
            if found.comparable
            else "Copy it there."
        )
        st.info(f"The sound file is missing in {escape(path.parent)}. {fix}", icon=":material/folder_off:")
    else:
        with messages.show_errors():
            settings = PRESETS["capstone"]
            sound = sound_cache.load_sound(path, settings.sample_rate, clip)
            sound_panel.show_sound(sound, settings, "scored-clip", path)


def _add_ranked_above(rows: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The rows with a column that names the wrong labels which are ranked above the clip's last true one."""
    names = np.array(scores.columns)
    texts = []
    for clip, true, above in zip(rows.index, rows["labels"], rows["above"], strict=True):
        own = scores.loc[clip].to_numpy()
        wrong = [place for place in np.argsort(-own, kind="stable") if names[place] not in true]
        wrong = wrong[: min(above, MAX_WRONG_LABELS)]
        text = ", ".join(f"{names[place]} {own[place]:.2g}" for place in wrong)
        more = f" and {above - MAX_WRONG_LABELS} more" if above > MAX_WRONG_LABELS else ""
        texts.append(text + more or "nothing")
    return rows.assign(**{"ranked above": texts}).reset_index()


def _path_of_clip(clip: str, dataset: Dataset | None) -> Path | None:
    """Path of the clip of this name, test clips first; None where the dataset has no such clip."""
    if dataset is None:
        return None
    rows = dataset.clips[dataset.clips["clip"] == clip]
    test = rows[rows["subset"] == "test"]
    found = test if len(test) else rows
    return Path(found["path"].iloc[0]) if len(found) else None


def _filter_by_clicked_label() -> None:
    points = st.session_state["score-classes"].selection.points
    if points:
        st.session_state["score-label"] = data_text(points[0]["y"])
