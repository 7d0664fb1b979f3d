"""Can the scores be trusted? One panel for a run, a submission and an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from audiotag.trust.findings import Findings, percent
from audiotag.trust.labelled_scores import OUT_OF_FOLD, LabelledScores
from audiotag.ui import ensemble_cache, frame
from audiotag.ui.text import Markdown, escape
from audiotag.ui.trust import tabs
from audiotag.ui.trust.loading import findings_of, scores_of_run, scores_of_submission
from audiotag.ui.trust.noise_gate import gate_text, played_text, show_noise_gate
from audiotag.ui.widgets import messages
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.scoring import Score
    from audiotag.tagging.tagger import Tagger
    from audiotag.training.runs import Run

TITLE, ICON = "Can the scores be trusted?", ":material/verified:"
IN_ADDRESS: dict[str, Any] = {"bind": "query-params"}  # what is open survives a reload
ECE = (
    "Expected calibration error: the mean distance between a score and how often such a score is right, over all "
    "scores of all clips. 0 is perfect."
)
PRECISION = "Share of the tags that are right, with its 95 % interval (Wilson)."
RECALL = "Share of the labels that are found, with its 95 % interval (Wilson)."


def show_trust_of_run(run: Run) -> None:
    """The panel for the out-of-fold scores of a run with a finished fold."""
    expander = st.expander(TITLE, icon=ICON, key="trust-run", **IN_ADDRESS)
    with expander, messages.show_errors():
        if expander.open:
            show_findings(findings_of(scores_of_run(run)), run.name, "trust-run")


def show_trust_of_submission(found: Score, submission: Path, ensemble: Path | None) -> None:
    """The panel for a submission and the true labels.

    Parameters
    ----------
    found : Score
    submission : Path
    ensemble : Path or None
        Folder of the chosen ensemble. Its thresholds and its temperature are used if the submission is named after it,
        as ``audiotag submit`` on the Score page names it.
    """
    expander = st.expander(TITLE, icon=ICON, key="trust-score", **IN_ADDRESS)
    with expander, messages.show_errors():
        if expander.open:
            card = None
            if ensemble is not None and submission.stem.endswith(f"-{ensemble.name}"):
                card = ensemble_cache.load_card(ensemble)
                st.caption(f"Thresholds and temperature are those of {escape(card.name)}.")
            temperature = card.calibration.temperature if card and card.calibration else None
            labelled = scores_of_submission(found, card)
            show_findings(findings_of(labelled, temperature), submission.stem, "trust-score")


def show_trust_of_ensemble(folder: Path, tagger: Tagger) -> None:
    """The panel for an ensemble: its out-of-fold scores, and its noise gate."""
    card, workspace = tagger.card, Workspace()
    if tagger.out_of_fold is None:
        st.caption(f"{escape(card.name)} holds no out-of-fold scores, so only its noise gate can be measured.")
        show_noise_gate(folder, card, workspace)
        return
    found = findings_of(tagger.out_of_fold.labelled(card))
    gate = {"Noise gate": lambda: show_noise_gate(folder, card, workspace)}
    show_findings(found, card.name, "trust-card", gate)


def show_trust_summary(tagger: Tagger) -> None:
    """In a few lines, for an ensemble's card: precision, recall, calibration and false tags on noises."""
    card = tagger.card
    st.markdown("**Can the scores be trusted?**")
    if tagger.out_of_fold is not None:
        found = findings_of(tagger.out_of_fold.labelled(card))
        st.caption(quality_text(found.labelled, found.overall, found.cross_fitted_overall))
        if calibration := found.calibration:
            st.caption(
                f"Expected calibration error {calibration.ece:.4f}, with calibrated scores "
                f"{calibration.calibrated_ece:.4f} (temperature {calibration.temperature:.2f}), out of fold."
            )
    if card.noise_gate is not None:
        st.markdown(gate_text(card.noise_gate))
        st.caption(played_text(card.noise_gate))
    else:
        st.caption("The noise gate is not measured yet.")
    st.caption(f"“{TITLE}” at the end of this page has everything, and measures the noise gate.")


def show_findings(
    found: Findings, name: str, key: str, more_tabs: Mapping[str, Callable[[], None]] | None = None
) -> None:
    """Where the scores come from, a summary, and the tabs.

    Parameters
    ----------
    found : Findings
    name : str
        Of the run, the submission or the ensemble, for the names of downloads.
    key : str
        Of the widgets; the open tab is in the address under this key.
    more_tabs : mapping of str to callable, optional
        Titles of further tabs, and what shows them.
    """
    st.caption(origin_text(found.labelled))
    if not len(found.labelled.scores):
        return
    _show_summary(found)
    frame.show_tabs(
        f"{key}-tab",
        {
            "Precision and recall": lambda: tabs.show_quality(found, name, key),
            "Reliability": lambda: tabs.show_reliability(found, name, key),
            "Confusion": lambda: tabs.show_confusion(found, name, key),
            **(more_tabs or {}),
        },
    )


def origin_text(labelled: LabelledScores) -> Markdown:
    """Where the scores come from, and what that means."""
    clips = "1 clip" if len(labelled.scores) == 1 else f"{len(labelled.scores):,} clips"
    if labelled.origin == OUT_OF_FOLD:
        return Markdown(
            f"**Out of fold**: {clips}, each scored by the fold that was trained without it. All folds together, as in "
            "tagging, rank labels better, but their scores are lower, so they give fewer tags."
        )
    return Markdown(f"**Held out**: {clips}, scored as submitted. The figures hold if none was used in training.")


def _show_summary(found: Findings) -> None:
    overall = found.overall
    with st.container(horizontal=True, gap="medium"):
        st.metric("Precision", escape(percent(overall["precision"])), help=PRECISION, width="content")
        st.metric("Recall", escape(percent(overall["recall"])), help=RECALL, width="content")
        curves = found.curves("all scores")
        for title, curve in curves.items():
            st.metric(f"Calibration error, {escape(title)}", f"{curve.ece:.4f}", help=ECE, width="content")
    st.caption(quality_text(found.labelled, overall, found.cross_fitted_overall))


def quality_text(labelled: LabelledScores, overall: pd.Series, other: pd.Series | None) -> Markdown:
    """The counts behind precision and recall, their intervals, and how far the thresholds flatter them."""
    text = (
        f"{overall['right']:,} of {overall['tagged']:,} tags are right "
        f"({percent(overall['precision_low'])} to {percent(overall['precision_high'])}), and "
        f"{overall['right']:,} of {overall['positives']:,} labels are found "
        f"({percent(overall['recall_low'])} to {percent(overall['recall_high'])})."
    )
    if labelled.thresholds is None:
        text += " No thresholds are known: each clip gets as many tags as it has labels."
    if other is not None:
        text += (
            " The thresholds were chosen on these clips, which flatters both. With thresholds chosen on the clips of "
            f"the other folds: precision {percent(other['precision'])}, recall {percent(other['recall'])}."
        )
    return escape(text)
