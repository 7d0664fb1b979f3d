"""The top of the Review page: whose scores are used, and who reviews. Both are in the address."""

from __future__ import annotations

import getpass
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.label_names import LabelNames
from audiotag.data.verdicts import MAX_REVIEWER_CHARS, VerdictJournal, clean_reviewer
from audiotag.errors import AudiotagError
from audiotag.training.held_out import HeldOutScores
from audiotag.training.run_progress import plan_of, subsets_of
from audiotag.training.runs import Run, list_runs
from audiotag.ui import ensemble_cache
from audiotag.ui.review.ensemble_job import show_ensemble_scores
from audiotag.ui.review.loading import load_run_scores, read_verdicts
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.label_aliases import current_aliases
from audiotag.workspace import Workspace

SOURCE, REVIEWER = "scores", "reviewer"  # in the address and in the session
RUN, ENSEMBLE = "run", "ensemble"


@dataclass(frozen=True)
class ScoreSource:
    """Whose out-of-fold scores say what is doubtful: a run's, or an ensemble's.

    Attributes
    ----------
    key : str
        In the address.
    title : str
    run : Run or None
    ensemble : Path or None
        The ensemble's folder.
    """

    key: str
    title: str
    run: Run | None = None
    ensemble: Path | None = None


def show_header(dataset: Dataset, workspace: Workspace) -> tuple[ScoreSource | None, str]:
    """Title, picker of scores and the reviewer's name; None without scores, an empty name without one."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="review-header"):
        st.title("Review", width="content")
        st.space("stretch")
        source = _pick_source(dataset, workspace)
        reviewer = _pick_reviewer(VerdictJournal.of(dataset.root, workspace))
    return source, reviewer


def list_sources(dataset: Dataset, workspace: Workspace) -> dict[str, ScoreSource]:
    """Whose scores can be used, by their keys.

    First runs on the dataset that have finished folds, the newest first, then ensembles that know a label of the
    dataset, and which clips their folds were trained on.
    """
    sources = []
    for run in list_runs(workspace):
        try:
            settings = run.settings()
            is_of_dataset = Path(settings.dataset) == dataset.root and not settings.trains_single
        except AudiotagError:  # a damaged run; the Train page says so
            continue
        if is_of_dataset and run.finished_folds():
            sources.append(ScoreSource(f"{RUN}:{run.name}", run.name, run=run))
    names = LabelNames(dataset.labels, current_aliases(workspace))
    for name, folder in workspace.ensemble_folders().items():
        with suppress(AudiotagError, OSError):  # a damaged ensemble; the Tag page says so
            card = ensemble_cache.load_card(folder)
            if card.known_clips and any(names.find(label) for label in card.labels):
                sources.append(ScoreSource(f"{ENSEMBLE}:{name}", f"ensemble {name}", ensemble=folder))
    return {source.key: source for source in sources}


def load_scores(source: ScoreSource | None, dataset: Dataset, workspace: Workspace) -> HeldOutScores | None:
    """The scores of a source; None, with a message or what makes them, as long as there are none."""
    if source is None:
        st.info(
            "Doubtful labels are found by the scores of folds that were not trained on the clips, and there are none "
            "yet. Train at least one fold on this dataset.",
            icon=":material/model_training:",
        )
        st.page_link("pages/train.py", label="Train folds", icon=":material/arrow_forward:", icon_position="right")
        return None
    if source.ensemble:
        return show_ensemble_scores(dataset, source.ensemble, workspace)
    with messages.show_errors():
        scores = load_run_scores(source.run) if source.run else None
        _show_not_held_out(source.run, scores)
        return scores
    return None


def _show_not_held_out(run: Run | None, scores: HeldOutScores | None) -> None:
    """Say of which clips the run cannot doubt the labels, because every fold trained on them."""
    plan = plan_of(run.events()) if run else None
    if plan is None or scores is None:
        return
    is_measured = any(stage["subset"] == "noisy" for stage in plan["stages"])
    if is_measured or "noisy" not in subsets_of(plan):
        return
    scored = int((scores.clips["subset"] == "noisy").sum())
    st.caption(
        "Every fold of this run trained on the noisy clips, apart from copies of what it held out, so their labels "
        f"cannot be doubted here ({scored:,} of them have scores). Choose another run to review them."
    )


def default_reviewer(names: list[str]) -> str:
    """The name to begin with: whoever reviewed last; nobody where several did, because it may be any of them.

    Parameters
    ----------
    names : list of str
        The reviewers of the verdicts so far.
    """
    if names:
        return names[-1] if len(set(names)) == 1 else ""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container without an entry for the user
        return os.environ.get("USER", "")


def _pick_source(dataset: Dataset, workspace: Workspace) -> ScoreSource | None:
    sources = list_sources(dataset, workspace)
    if not sources:
        return None
    chosen = st.session_state.get(SOURCE, st.query_params.get(SOURCE))
    st.session_state[SOURCE] = chosen if chosen in sources else next(iter(sources))
    key = st.selectbox(
        "Scores",
        list(sources),
        format_func=lambda key: sources[key].title,
        key=SOURCE,
        persist_state="session",
        width=220,
        help="Folds score the clips that they were not trained on. Labels that these scores contradict are doubtful.",
    )
    _write(SOURCE, key)
    return sources[key]


def _pick_reviewer(journal: VerdictJournal) -> str:
    if REVIEWER not in st.session_state:
        names = [verdict.reviewer for verdict in read_verdicts(journal)]
        st.session_state[REVIEWER] = st.query_params.get(REVIEWER) or default_reviewer(names)
    name = st.text_input(
        "Reviewer",
        key=REVIEWER,
        persist_state="session",
        max_chars=MAX_REVIEWER_CHARS,
        placeholder="Your name",
        width=130,
        help="Verdicts are kept per reviewer. Several people can review the same clips, each under their own name.",
    )
    name = clean_reviewer(name)
    _write(REVIEWER, name)
    return name


def _write(parameter: str, value: str) -> None:
    """Put a choice into the address, so that a reload keeps it."""
    if st.query_params.get(parameter, "") != value:
        if value:
            st.query_params[parameter] = value
        else:
            del st.query_params[parameter]
