"""Show an ensemble's card on the Tag page: its labels, its measured quality, and the engine that runs it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd
import streamlit as st

from audiotag.cli.command_lines import export_line, report_commands
from audiotag.tagging.engine_selection import choice_of
from audiotag.tagging.model_card import (
    EnsembleFacts,
    engines_table,
    folds_table,
    how_trained,
    labels_table,
    members_table,
    parts_table,
)
from audiotag.ui.text import Markdown, escape
from audiotag.ui.trust.panel import show_trust_summary

if TYPE_CHECKING:
    from audiotag.tagging.card import Card
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
    st.caption(escape(how_trained(card)))
    if card.single is not None:
        st.markdown("**Single network** for fast tagging")
        st.caption(Markdown("  \n".join(escape(f"{line[0].upper()}{line[1:]}.") for line in card.single.sentences())))
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
        st.markdown("**Take it elsewhere:** an ONNX file from waveform to scores, a script, and a page for browsers")
        st.code(export_line(folder.name, out=f"{folder.name}/tagger.onnx"), language="bash", wrap_lines=True)
    show_trust_summary(tagger)
    _show_report_buttons(folder)


def _show_report_buttons(folder: Path) -> None:
    """Buttons that download all of this as a file; a click makes the file."""
    with st.container(horizontal=True):
        for label, format, mime, about in (
            ("Report", "html", "text/html", "One HTML file with all figures; it opens without a network."),
            ("README.md", "md", "text/markdown", "The same as a model card with the front matter of Hugging Face."),
        ):
            st.download_button(
                label,
                partial(_report, folder, format),
                file_name="README.md" if format == "md" else f"{folder.name}.html",
                mime=mime,
                icon=":material/download:",
                key=f"ensemble-report-{format}",
                on_click="ignore",
                help=f"{about} The command `audiotag report` writes it, too.",
            )


def _report(folder: Path, format: str) -> bytes:
    from audiotag.figures.ensemble_report.report import report_bytes
    from audiotag.tagging.ensemble import ensemble_reference

    return report_bytes(EnsembleFacts.of(folder), report_commands(ensemble_reference(folder)), format)


def _voters_metric(card: Card) -> tuple[str, str, str]:
    if card.blend is None:
        return "Folds", f"{len(card.folds)}", "Networks whose scores are combined."
    return "Members", f"{len(card.folds)}", "Ensembles and stackers whose scores are combined."


def _show_table(rows: pd.DataFrame, alt: str, height: int | Literal["content"] = "content") -> None:
    """A table whose figures have three decimals."""
    formats = {"f": st.column_config.NumberColumn(format="%.3f")}
    config = {name: formats[rows[name].dtype.kind] for name in rows if rows[name].dtype.kind in formats}
    st.dataframe(rows, hide_index=True, height=height, column_config=config, alt=alt)
