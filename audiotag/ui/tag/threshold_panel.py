"""Show and change the thresholds of an ensemble: a table of all labels, one label with its curve, a target for all."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from audiotag.figures import tagging as figures
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.tagging.settings import TagSettings
from audiotag.ui.tag import thresholds
from audiotag.ui.tag.thresholds import Base, Thresholds
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.downloads import show_downloads
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.tagging.card import Card
    from audiotag.tagging.tagger import Tagger

AIMS = {"f1": "best F1", "precision": "precision of at least", "recall": "recall of at least"}
RESET_LABEL = "threshold-reset-label"  # key of the buttons in the table
TABLE_HEIGHT = 420
TABLE_WIDTH, LABEL_WIDTH = 580, 280
WIDTHS = {"label": 138, "threshold": 92, "precision": 84, "recall": 66, "clips": 62, "card": 66, "reset": 70}
MAX_NAMED = 3


def show_thresholds(state: Thresholds, tagger: Tagger, settings: TagSettings, workspace: Workspace) -> None:
    """The table of all labels, the curve of one label, a target for all labels, and buttons that save."""
    card = tagger.card
    held_out = tagger.out_of_fold.as_combined(settings.combine) if tagger.out_of_fold else None
    with st.container(horizontal=True, gap="medium"):  # side by side where there is space
        with st.container(width=TABLE_WIDTH):
            _show_table(state, held_out, card)
        with st.container(width=LABEL_WIDTH):
            _show_label(state, held_out, card)
    if held_out is not None:
        _target_form(state, held_out, settings.combine)
    show_save_buttons(state, card, workspace, "threshold")
    if held_out is not None and settings.combine == "weighted":
        st.caption(":material/info: A weighted mean gives other scores than a mean. Set all thresholds again.")


def show_save_buttons(state: Thresholds, card: Card, workspace: Workspace, key: str) -> None:
    """What is changed, and the buttons that save it or take it back; ``key`` begins the keys of the buttons."""
    if state.current == state.of_card and state.saved is None:
        if key == "threshold":
            st.caption("These are the thresholds of the card.")
        return
    if state.changed:
        st.caption(f":material/edit: {describe_changes(state, card)}. Not saved.")
    elif key != "threshold":
        return
    with st.container(horizontal=True):
        if state.changed and st.button(
            "Save thresholds",
            type="primary",
            icon=":material/save:",
            key=f"{key}-save",
            help="Saves them in your workspace for later visits and for commands. The card does not change.",
        ):
            thresholds.save(state, card, workspace)
        if state.changed and state.saved is not None:
            st.button(
                "Discard changes",
                icon=":material/undo:",
                key=f"{key}-discard",
                on_click=thresholds.discard_changes,
                args=(state,),
                help="Uses the thresholds that you saved.",
            )
        if st.button(
            "Reset to the card's thresholds",
            icon=":material/restart_alt:",
            key=f"{key}-reset",
            help="Discards what is changed, and deletes the thresholds that you saved.",
        ):
            thresholds.reset(state, card, workspace)
    if state.current == state.saved:
        st.caption("These are your own thresholds, saved in the workspace.")


def describe_changes(state: Thresholds, card: Card) -> Markdown:
    """Which thresholds are not saved, in a few words."""
    changed = state.changed_labels(card.labels)
    named = ", ".join(f"{escape(label)} {before:.3f} → {now:.3f}" for label, before, now in changed[:MAX_NAMED])
    return Markdown(named + (f" and {len(changed) - MAX_NAMED} more" if len(changed) > MAX_NAMED else ""))


def describe_threshold(held_out: OutOfFold, column: int, threshold: float) -> Markdown:
    """Precision and recall of a threshold on held-out clips, as Markdown."""
    precision, recall = held_out.precision_recall(column, threshold)
    given, has = held_out.scores[:, column] >= threshold, held_out.targets[:, column] > 0
    right = np.count_nonzero(given & has)
    return Markdown(
        f"**Precision {_two_digits(precision)}**: {right:,} of {given.sum():,} clips that get the label have it  \n"
        f"**Recall {_two_digits(recall)}**: {right:,} of {has.sum():,} clips that have the label get it"
    )


def threshold_table(
    held_out: OutOfFold | None, labels: tuple[str, ...], thresholds: tuple[float, ...], of_card: tuple[float, ...]
) -> pd.DataFrame:
    """One row per label: threshold, its precision and recall, the number of clips with the label, the card's threshold.

    Without out-of-fold scores, only the thresholds.
    """
    table = pd.DataFrame({"label": labels, "threshold": np.round(thresholds, 4)})
    if held_out is not None:
        pairs = [held_out.precision_recall(column, threshold) for column, threshold in enumerate(thresholds)]
        table["precision"] = [precision for precision, _ in pairs]
        table["recall"] = [recall for _, recall in pairs]
        table["clips"] = (held_out.targets > 0).sum(axis=0)
    table["card"] = np.round(of_card, 4)
    return table


def _show_table(state: Thresholds, held_out: OutOfFold | None, card: Card) -> None:
    """The thresholds of all labels, which can be edited and sorted, with a button per label that was changed."""
    rows = threshold_table(held_out, card.labels, state.current, state.of_card)
    is_own = [value != own for value, own in zip(state.current, state.of_card, strict=True)]
    rows["reset"] = ["Reset" if own else None for own in is_own]
    key = f"threshold-table-{card.name}-{thresholds.edition()}"
    column = st.column_config
    figures_of = {
        "precision": "Share of the clips that get the label and have it.",
        "recall": "Share of the clips that have the label and get it.",
        "card": "The card's own threshold.",
    }
    three = {name: column.NumberColumn(format="%.3f", disabled=True, help=about) for name, about in figures_of.items()}
    st.data_editor(
        rows,
        key=key,
        on_change=_edit,
        args=(state, key),
        hide_index=True,
        height=min(TABLE_HEIGHT, 36 * (len(rows) + 1)),
        column_config={
            "label": column.TextColumn(disabled=True, pinned=True, width=WIDTHS["label"]),
            "threshold": column.NumberColumn(
                width=WIDTHS["threshold"],
                format="%.3f",
                min_value=0.0,
                max_value=1.0,
                step=0.0001,
                help="A sound gets the label if its score is at least this. Click twice to change it; empty "
                "the cell to take the threshold of the card.",
            ),
            **three,
            "clips": column.NumberColumn(
                disabled=True, help="Held-out clips that have the label.", width=WIDTHS["clips"]
            ),
            "reset": column.ButtonColumn(
                "reset", type="tertiary", key="threshold-reset-label", on_click=partial(_reset_label, state)
            ),
        },
        alt="Threshold, precision, recall and number of clips of every label; the thresholds can be edited",
    )
    if held_out is None:
        st.caption(
            f":material/info: {escape(card.name)} contains no out-of-fold scores, so its precision "
            "and recall are not known. Publish it again."
        )
    else:
        st.caption("Measured on held-out clips of single folds. All folds together are usually better.")
        show_downloads(rows.drop(columns="reset"), f"{card.name}-thresholds")


def _edit(state: Thresholds, key: str) -> None:
    if thresholds.apply_edits(state, st.session_state[key]["edited_rows"]):
        thresholds.start_table_anew()


def _reset_label(state: Thresholds) -> None:
    row = st.session_state[RESET_LABEL]["row"]
    thresholds.set_threshold(state, row, state.of_card[row])


def _show_label(state: Thresholds, held_out: OutOfFold | None, card: Card) -> None:
    """The slider of one label, with its precision and recall."""
    label = st.selectbox("Label", card.labels, key="threshold-label", help="The slider sets its threshold.")
    column = card.labels.index(label)
    key = f"threshold-{card.name}-{column}"
    st.session_state[key] = float(state.current[column])
    st.slider(
        "Threshold",
        0.0,
        1.0,
        step=0.01,
        format="%.3f",
        key=key,
        on_change=_slide,
        args=(state, column, key),
        help="A sound gets the label if its score is at least this.",
    )
    if held_out is not None:
        st.markdown(describe_threshold(held_out, column, state.current[column]))
        show_chart(
            figures.precision_recall(held_out.targets[:, column], held_out.scores[:, column], state.current[column]),
            key="precision-recall",
            alt=f"Precision and recall of {label} at every threshold, with the chosen one marked",
        )


def _slide(state: Thresholds, column: int, key: str) -> None:
    thresholds.set_threshold(state, column, float(st.session_state[key]))


def _target_form(state: Thresholds, held_out: OutOfFold, combine: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        aim = st.selectbox(
            "Set all labels for",
            list(AIMS),
            format_func=lambda aim: AIMS[aim],
            key="threshold-aim",
            width=220,
            help="Best F1 balances precision and recall. Otherwise one is fixed and the other is as high as possible.",
        )
        least = 0.9
        if aim != "f1":
            least = st.slider(
                "At least",
                0.05,
                1.0,
                0.9,
                0.05,
                key="threshold-least",
                width=180,
                help="Precision or recall to reach on held-out clips.",
            )
        st.button(
            "Set all",
            icon=":material/done_all:",
            key="threshold-set-all",
            on_click=_set_all,
            args=(state, held_out, aim, least, combine),
        )


def _set_all(state: Thresholds, held_out: OutOfFold, aim: str, least: float, combine: str) -> None:
    spec = aim if aim == "f1" else f"{aim}={least:g}"
    thresholds.set_all(state, Base(spec, held_out.thresholds(aim, least), combine))


def _two_digits(value: float) -> Markdown:
    return Markdown("unknown" if np.isnan(value) else f"{value:.2f}")
