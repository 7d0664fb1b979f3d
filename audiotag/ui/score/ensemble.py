"""Score an ensemble on the clips of a dataset by one button: progress, stop, and the result, which stays."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from audiotag.data.dataset import Dataset
from audiotag.data.label_names import aliases_path
from audiotag.disk import modified_ns
from audiotag.errors import AudiotagError
from audiotag.review.dataset_score import labelled_clips, score_of
from audiotag.review.ensemble_scores import EnsembleResult, EnsembleScores
from audiotag.review.submissions import Part, submission_path
from audiotag.scoring import Score
from audiotag.ui import caching, dataset_cache
from audiotag.ui.frame import PageContext
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.job_progress import show_job_progress

PARTS: dict[Part, Markdown] = {"test": Markdown("Test clips"), "training": Markdown("Training clips, held out")}
HELD_OUT = Markdown(
    "Each clip is scored only by the folds that were not trained on it, so that the score is not too high. Clips that "
    "all folds were trained on are left out."
)
MAX_NAMED = 20  # clips that cannot be read


class Scored(NamedTuple):
    """A score, and the submission that it is of."""

    score: Score
    submission: Path


class _Found(NamedTuple):
    """What a job has found so far, and its score; None without scored clips."""

    result: EnsembleResult
    score: Score | None


def parts_of(dataset: Dataset | None) -> list[Part]:
    """The parts of a dataset that have labelled clips."""
    return [part for part in PARTS if dataset is not None and len(labelled_clips(dataset, part))]


def show_ensemble(context: PageContext, dataset: Dataset | None, choices: DeltaGenerator) -> Scored | None:
    """The button that scores the chosen ensemble, or the progress; returns the score once all clips are scored.

    Where a dataset has labelled test clips and others, the user chooses between them, at ``choices``. Others are scored
    out of fold.
    """
    parts = parts_of(dataset)
    if dataset is None or not parts:
        name = escape(dataset.name) if dataset else "The dataset"
        st.info(f"{name} has no labelled clips. Choose another dataset in the sidebar.", icon=":material/label_off:")
        return None
    if context.ensemble_folder is None:
        st.info("There is no ensemble yet. Train folds on the Train page and publish them.", icon=":material/sell:")
        return None
    with choices:
        part = _pick_part(parts)
    if part == "training":
        st.caption(HELD_OUT)
    with messages.show_errors():
        job = EnsembleScores.of(dataset, context.ensemble_folder, context.workspace, part)
        return _show_job(context, dataset, job)
    return None


def _pick_part(parts: list[Part]) -> Part:
    part = parts[0]
    if len(parts) > 1:
        titles = [PARTS[part] for part in parts]
        chosen = st.segmented_control(
            "Clips", titles, default=titles[0], required=True, key="score-clips", bind="query-params"
        )
        part = parts[titles.index(chosen)] if chosen in titles else part
    return part


def _show_job(context: PageContext, dataset: Dataset, job: EnsembleScores) -> Scored | None:
    clips, name = len(labelled_clips(dataset, job.part)), escape(job.card.name)
    kind = {"test": "test clip", "training": "clip"}[job.part]
    if show_job_progress(job, "scoring", Markdown(f"Loading {name}, which takes up to a minute …"), clips):
        return None
    found = _find(context, dataset, job)
    if failure := job.failure():
        st.error(escape(failure), icon=":material/error:")
    left = found.result.unscored
    if left and not _has_sounds(dataset, job.part):
        st.info(
            f"The sound files of the {kind}s are missing, so {name} cannot score them.", icon=":material/folder_off:"
        )
    elif left:
        label = f"Score *{name}* on {clips:,} {kind}{'' if clips == 1 else 's'}"
        if len(found.result.held_out.clips):
            label = f"Go on scoring *{name}*, {'1 clip is' if left == 1 else f'{left:,} clips are'} left"
        if st.button(label, icon=":material/play_arrow:", type="primary", key="score-ensemble"):
            job.start()
            st.rerun()
        st.caption("Scoring continues after you leave this page. The result appears here and stays.")
    _show_problems(found.result, job)
    if left or found.score is None:
        return None
    _show_board(context, dataset, job)
    return Scored(found.score, submission_path(dataset.name, job.ensemble.name, job.part, context.workspace))


def _has_sounds(dataset: Dataset, part: Part) -> bool:
    subsets = [name for name in dataset.subsets if (name == "test") == (part == "test")]
    return any(dataset_cache.has_sounds(dataset, name) for name in subsets)


def _show_problems(found: EnsembleResult, job: EnsembleScores) -> None:
    """The clips that cannot be read, and a button that tries them again."""
    if not found.problems:
        return
    clips = "1 clip" if len(found.problems) == 1 else f"{len(found.problems):,} clips"
    with st.expander(f"{clips} cannot be read", icon=":material/warning:"):
        for problem in found.problems[:MAX_NAMED]:
            st.caption(escape(problem))
        if len(found.problems) > MAX_NAMED:
            st.caption(f"… and {len(found.problems) - MAX_NAMED:,} more.")
        if not found.unscored and st.button("Try them again", icon=":material/refresh:", key="score-again"):
            job.start()
            st.rerun()


def _show_board(context: PageContext, dataset: Dataset, chosen: EnsembleScores) -> None:
    """What is shown below, and the scores of all ensembles on these clips, the newest first."""
    rows: list[tuple[datetime, str, float, float, int]] = []
    for folder in context.workspace.ensemble_folders().values():
        try:
            job = EnsembleScores.of(dataset, folder, context.workspace, chosen.part)
        except AudiotagError:  # it knows no label of this dataset
            continue
        found = _find(context, dataset, job) if job.stamp() else None
        if found and found.score and not found.result.unscored:
            score, scored = found.score, datetime.fromtimestamp(job.finished_s())
            rows.append((scored, folder.name, score.lwlrap, score.accuracy, score.clips))
    rows.sort(reverse=True)
    for when in [row[0] for row in rows if row[1] == chosen.ensemble.name]:
        st.caption(
            f":material/check: **{escape(chosen.card.name)}** was scored on {when:%Y-%m-%d at %H:%M}. It need not be "
            "scored again unless the ensemble or the clips change."
        )
    if len(rows) > 1:
        st.dataframe(
            pd.DataFrame(rows, columns=["scored", "ensemble", "lwlrap", "accuracy", "clips"]),
            hide_index=True,
            column_order=("ensemble", "lwlrap", "accuracy", "clips", "scored"),
            column_config={
                "scored": st.column_config.DatetimeColumn("scored", format="YYYY-MM-DD HH:mm"),
                "lwlrap": st.column_config.NumberColumn("lwlrap", format="%.5f"),
                "accuracy": st.column_config.NumberColumn("accuracy", format="%.5f"),
            },
            key="score-board",
            alt="Ensembles that were scored on these clips, the newest first",
        )


def _find(context: PageContext, dataset: Dataset, job: EnsembleScores) -> _Found:
    aliases = aliases_path(context.workspace)
    changed = modified_ns(aliases.stat()) if aliases.is_file() else 0
    stamp = repr((job.stamp(), job.part, job.ensemble, dataset_cache.dataset_key(dataset.root), changed))
    return _read(job.folder, stamp, job, dataset)


@caching.cached(max_entries=8, show_spinner=False)
def _read(folder: Path, stamp: str, _job: EnsembleScores, _dataset: Dataset) -> _Found:
    from audiotag.workspace import Workspace

    result = _job.read(_dataset, Workspace(folder.parents[1]))
    return _Found(result, score_of(result, _dataset, _job.part))
