"""Score the dataset's clips by an ensemble on the Review page: start, progress, stop, and what was found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.label_names import aliases_path
from audiotag.data.stamp import dataset_stamp
from audiotag.disk import modified_ns
from audiotag.ui.text import Markdown, escape, escape_all
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.job_progress import show_job_progress
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.review.ensemble_scores import EnsembleResult, EnsembleScores
    from audiotag.training.held_out import HeldOutScores

MAX_NAMED = 20  # clips that cannot be read


def show_ensemble_scores(dataset: Dataset, ensemble_folder: Path, workspace: Workspace) -> HeldOutScores | None:
    """A button that starts scoring, or its progress, and remarks on the scores.

    Returns
    -------
    HeldOutScores or None
        Out-of-fold scores by the ensemble; None as long as there are none, and while clips are scored.
    """
    from audiotag.review.ensemble_scores import EnsembleScores

    with messages.show_errors():
        job = EnsembleScores.of(dataset, ensemble_folder, workspace)
        found = _read(job.folder, repr((job.stamp(), dataset_stamp(dataset.root), _changed(workspace))), job, dataset)
        _show_process(job, found)
        if job.is_active():
            return None
        _show_remarks(found)
        return found.held_out if len(found.held_out.clips) else None
    return None


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs={type(Path()): os.fsencode})
def _read(folder: Path, stamp: str, _job: EnsembleScores, _dataset: Dataset) -> EnsembleResult:
    return _job.read(_dataset, Workspace(folder.parents[1]))


def _changed(workspace: Workspace) -> int:
    """When the aliases of labels were changed last."""
    path = aliases_path(workspace)
    return modified_ns(path.stat()) if path.is_file() else 0


def _show_process(job: EnsembleScores, found: EnsembleResult) -> None:
    """The progress of the process with a button to stop it, or the button that starts it if clips are left."""
    clips = found.unscored + len(found.held_out.clips)
    if show_job_progress(job, "scoring", Markdown("Loading the ensemble …"), clips):
        return
    failure = job.failure() if found.unscored or found.problems else ""
    if failure:
        st.error(escape(failure), icon=":material/error:")
    if found.unscored:
        clips_are = "1 clip is" if found.unscored == 1 else f"{found.unscored:,} clips are"
        st.info(
            f"{clips_are} not scored by {escape(job.card.name)} yet. Only the folds that were not trained on a "
            "clip score it. Scoring continues after you leave this page.",
            icon=":material/graphic_eq:",
        )
        if st.button("Score the clips", icon=":material/play_arrow:", type="primary", key="score-clips"):
            _start(job)
    elif (
        found.problems
        and not failure
        and st.button(
            "Try the clips again that cannot be read", icon=":material/refresh:", type="tertiary", key="score-again"
        )
    ):
        _start(job)


def _start(job: EnsembleScores) -> None:
    with messages.show_errors():
        job.start()
        st.rerun()


def _show_remarks(found: EnsembleResult) -> None:
    """Which clips and labels have no scores."""
    if found.trained_by_all:
        clips = "1 clip has" if found.trained_by_all == 1 else f"{found.trained_by_all:,} clips have"
        st.caption(f"{clips} no scores: all folds were trained on them.")
    if found.unknown_labels:
        few, more = found.unknown_labels[:10], len(found.unknown_labels) - 10
        rest = f" and {more:,} more" if more > 0 else ""
        st.caption(f"The ensemble does not know these labels: {escape_all(few)}{rest}.")
    if found.problems:
        clips = "1 clip" if len(found.problems) == 1 else f"{len(found.problems):,} clips"
        with st.expander(f"{clips} cannot be read", icon=":material/warning:"):
            for problem in found.problems[:MAX_NAMED]:
                st.caption(escape(problem))
            if len(found.problems) > MAX_NAMED:
                st.caption(f"… and {len(found.problems) - MAX_NAMED:,} more.")
