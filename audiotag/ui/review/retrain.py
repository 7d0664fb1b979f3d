"""Train a run again with the corrected labels, and compare both runs, on the Review page."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from audiotag.data.corrections import Correction
from audiotag.data.dataset import Dataset
from audiotag.errors import AudiotagError
from audiotag.training.begun import read_corrections
from audiotag.training.run_progress import plan_of, work_left
from audiotag.training.runs import ACTIVE, Run, create_run, list_runs
from audiotag.ui import verdict_cache
from audiotag.ui.text import Markdown, escape, escape_all
from audiotag.ui.train.comparison_panel import show_comparison
from audiotag.ui.widgets import messages
from audiotag.wording import format_duration
from audiotag.workspace import Workspace


def show_retraining(dataset: Dataset, run: Run | None, workspace: Workspace) -> None:
    """What the verdicts change, the button that trains a run again with that, and what it brought.

    Parameters
    ----------
    dataset : Dataset
    run : Run or None
        The run whose scores are used; None for an ensemble, which has no recipe to train again.
    workspace : Workspace
    """
    corrections = _show_corrections(dataset)
    if run is None:
        st.info("Choose the scores of a run above: it can be trained again.", icon=":material/model_training:")
        return
    if corrections and corrections == read_corrections(run):
        st.info(f"{escape(run.name)} was trained on these corrected labels.", icon=":material/task_alt:")
        return
    with messages.show_errors():
        settings = run.settings()
        seed, folds = settings.recipe.seed, settings.folds or run.finished_folds()
        st.markdown(
            f"**{escape(run.name)}** can be trained again with the corrected labels: {escape(settings.recipe.title)}, "
            f"{'fold' if len(folds) == 1 else 'folds'} {escape_all(folds)}, seed {seed:d}, as before. Only the labels "
            "differ, so both runs can be compared clip by clip."
        )
        again = find_retrained(run, workspace)
        active = again is not None and again.state() in ACTIVE
        if st.button(
            "Train again with corrections",
            icon=":material/model_training:",
            type="primary" if corrections and again is None else "secondary",
            key="train-again",
            disabled=not corrections or active,
            help="Training continues after you close this page.",
        ):
            created = create_run(workspace, replace(settings, corrected=True))
            created.start()
            st.rerun()
        if again is not None:
            _watch(run, again)


def find_retrained(run: Run, workspace: Workspace) -> Run | None:
    """The newest run that differs from a run only in its labels, which are corrected; None without one."""
    wanted = replace(run.settings(), corrected=True)
    for other in list_runs(workspace):
        if other.name == run.name:
            return None  # the others are older
        try:
            if other.settings() == wanted:
                return other
        except AudiotagError:  # a damaged run
            continue
    return None


def _show_corrections(dataset: Dataset) -> list[Correction]:
    """Say what the verdicts so far correct."""
    corrections = verdict_cache.find_corrections(dataset)
    labels = sum(len(set(correction.before) ^ set(correction.after)) for correction in corrections)
    if not corrections:
        st.info("The verdicts so far change no label.", icon=":material/rule:")
    else:
        clips = Markdown("1 clip") if len(corrections) == 1 else Markdown(f"{len(corrections):,} clips")
        st.markdown(
            f"The verdicts change **{labels:,} {'label' if labels == 1 else 'labels'}** of **{clips}**. The dataset's "
            "own tables stay as they are."
        )
    return corrections


def _watch(run: Run, again: Run) -> None:
    """The progress of the run that is trained again; once it is finished, the comparison."""
    shown = again.state()

    @st.fragment(run_every=1 if shown in ACTIVE else None)
    def live() -> None:
        state = again.state()
        if state != shown:
            st.rerun()
        if state in ACTIVE:
            events = again.events()
            plan, done = plan_of(events), len(again.finished_folds())
            left_s = work_left(events, in_training=again.progress())
            left = "" if left_s is None else f", about {format_duration(left_s)} left"
            total = len(plan["folds"]) if plan else 0
            text = f"{done:d} of {total:d} folds finished{left}" if total else f"{state}"
            st.progress(done / total if total else 0.0, escape(f"{again.name}: {text}"))
        elif state != "finished":
            st.warning(f"{escape(again.name)} was {escape(state)}. {escape(again.reason())}", icon=":material/stop:")
        st.page_link(
            "pages/train.py",
            label="Open the new run on the Train page",
            icon=":material/arrow_forward:",
            icon_position="right",
            query_params={"run": again.name},
        )

    live()
    if shown == "finished":
        st.markdown(f"**{escape(run.name)}** compared with **{escape(again.name)}**")
        show_comparison(run, again)
