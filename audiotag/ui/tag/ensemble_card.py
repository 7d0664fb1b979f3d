"""Show an ensemble's card on the Tag page: its labels, its measured quality, and the engine that runs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd
import streamlit as st

from audiotag.cli.command_lines import export_line
from audiotag.metrics import lwlrap_per_class
from audiotag.tagging.engine_selection import choice_of
from audiotag.ui.text import Markdown, escape
from audiotag.ui.trust.panel import show_trust_summary

if TYPE_CHECKING:
    from audiotag.tagging.ensemble import Card
    from audiotag.tagging.out_of_fold import OutOfFold
    from audiotag.tagging.tagger import Tagger

OUT_OF_FOLD = "Every training clip is scored by the fold that was trained without it. 1 is perfect."


def show_card(folder: Path, tagger: Tagger) -> None:
    """The card of the ensemble in a folder."""
    card, figures = tagger.card, [Markdown("not known")] * 2
    if card.has_figures:
        figures = [Markdown(f"{card.lwlrap:.3f}"), Markdown(f"{card.accuracy:.3f}")]
    st.markdown(escape(card.about))
    if card.blend is not None:
        st.caption(escape(card.blend.out_of_fold))
    for column, (label, value, about) in zip(
        st.columns(4),
        (
            ("lwlrap", figures[0], OUT_OF_FOLD),
            ("Accuracy", figures[1], f"Share of labels that are right. {OUT_OF_FOLD}"),
            _voters_metric(card),
            ("Labels", f"{len(card.labels)}", "Labels that it can give."),
        ),
        strict=True,
    ):
        column.metric(escape(label), escape(value), help=escape(about))
    st.markdown(" ".join(f":gray-badge[{escape(label)}]" for label in card.labels))
    recipe = "" if card.blend else f" with the recipe {escape(card.recipe.get('title', 'unknown'))}"
    st.caption(
        f"Windows of {card.spectrogram.clip_s:g} s, up to {card.spectrogram.f_max / 1000:g} kHz. Trained on "
        f"{card.dataset.get('clips', 0):,} clips of {escape(card.dataset['name'])}{recipe}, {escape(card.created)}. "
        f"Licence: {escape(card.licence)}"
    )
    left, right = st.columns(2, gap="large")
    with left:
        if card.parts:
            st.markdown("**By kind of sound**, out of fold")
            _show_table(parts_table(card), "Clips, lwlrap and accuracy of each kind")
            for part in card.parts:
                st.caption(f"{escape(part.name)}: {escape(part.licence)}.")
        if card.blend is None:
            st.markdown("**By fold**, on held-out clips")
            _show_table(folds_table(card), "Clips, lwlrap and accuracy of each fold")
        else:
            st.markdown("**By member and stacker**, out of fold")
            _show_table(members_table(card), "Weight, lwlrap and accuracy of each member and stacker")
    with right:
        if tagger.out_of_fold is not None:
            st.markdown("**By label**, out of fold")
            rows = labels_table(card, tagger.out_of_fold)
            _show_table(rows, "lwlrap out of fold and number of clips of each label", height=260)
        st.markdown(f"**Engine:** {escape(tagger.engine_name)}")
        measured = choice_of(folder, card).get("measured", [])
        if measured:
            _show_table(engines_table(measured), "Engines as measured on this machine")
            st.caption("Measured once on this machine. The fastest engine whose scores agree with torch is used.")
    if card.blend is None:
        st.markdown(
            "**Take it elsewhere:** one ONNX file from waveform to scores, a script, and a page for any browser"
        )
        st.code(export_line(folder.name, out=f"{folder.name}/tagger.onnx"), language="bash", wrap_lines=True)
    show_trust_summary(tagger)


def _voters_metric(card: Card) -> tuple[str, str, str]:
    if card.blend is None:
        return "Folds", f"{len(card.folds)}", "Networks whose scores are combined."
    return "Members", f"{len(card.folds)}", "Ensembles and stackers whose scores are combined."


def members_table(card: Card) -> pd.DataFrame:
    """One row per member and stacker of a blend: its weight, lwlrap and accuracy."""
    assert card.blend is not None  # the caller has checked it
    names = [member.name for member in card.blend.members]
    names += [f"stacker {stacker.name}" for stacker in card.blend.stackers]
    rows = [
        {"number": voter.fold, "member": name, "weight": weight, "lwlrap": voter.lwlrap, "accuracy": voter.accuracy}
        for voter, name, weight in zip(card.folds, names, card.blend.weights, strict=True)
    ]
    return pd.DataFrame(rows)


def folds_table(card: Card) -> pd.DataFrame:
    """One row per fold: its lwlrap, accuracy and number of clips."""
    return pd.DataFrame(
        [
            {"fold": fold.fold, "lwlrap": fold.lwlrap, "accuracy": fold.accuracy, "clips": fold.clips}
            for fold in card.folds
        ]
    )


def parts_table(card: Card) -> pd.DataFrame:
    """One row per kind of sound: its lwlrap, accuracy and number of clips."""
    return pd.DataFrame(
        [
            {"sounds": part.name, "lwlrap": part.lwlrap, "accuracy": part.accuracy, "clips": part.clips}
            for part in card.parts
        ]
    )


def labels_table(card: Card, out_of_fold: OutOfFold) -> pd.DataFrame:
    """One row per label, the lowest lwlrap first: lwlrap out of fold and number of clips."""
    per_class, _ = lwlrap_per_class(out_of_fold.targets, out_of_fold.scores)
    positives = (out_of_fold.targets > 0).sum(axis=0)
    rows = pd.DataFrame({"label": card.labels, "lwlrap": per_class, "clips": positives})
    return rows.sort_values("lwlrap", kind="stable")


def engines_table(measured: list[dict]) -> pd.DataFrame:
    """One row per engine: milliseconds per window, and the reason if it cannot be used."""
    return pd.DataFrame(
        [
            {
                "engine": row["engine"],
                "ms per window": row["ms_per_window"],
                "not usable because": row.get("why_not", ""),
            }
            for row in measured
        ]
    )


def _show_table(rows: pd.DataFrame, alt: str, height: int | Literal["content"] = "content") -> None:
    """A table whose figures have three decimals."""
    formats = {"f": st.column_config.NumberColumn(format="%.3f")}
    config = {name: formats[rows[name].dtype.kind] for name in rows if rows[name].dtype.kind in formats}
    st.dataframe(rows, hide_index=True, height=height, column_config=config, alt=alt)
