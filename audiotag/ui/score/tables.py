"""Score a table of scores against a table of true labels, which the user gives, on the Score page."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.label_names import read_aliases
from audiotag.data.layouts import absolute
from audiotag.data.table_files import TABLE_SUFFIXES
from audiotag.scoring import Score, score_submission, truth_table_of
from audiotag.ui.frame import PageContext
from audiotag.ui.score.ensemble import Scored
from audiotag.ui.text import Markdown, escape, escape_all
from audiotag.ui.widgets import messages
from audiotag.workspace import Workspace

UPLOAD, PATH, DATASET, WORKSPACE = map(Markdown, ("Upload", "Path", "Dataset", "Workspace"))
TABLES = sorted({suffix.rpartition(".")[2] for suffix in TABLE_SUFFIXES})
SUBMISSION = Markdown(
    "One row per clip: its file name in a column named fname, and one column of scores per label. `audiotag submit` "
    "and `audiotag tag --out` write such a table."
)
TRUTH = Markdown(
    "One row per clip: its file name in a column named fname, and its labels, separated by commas, in a column named "
    "labels."
)


@dataclass(frozen=True)
class Table:
    """A table that the user gave: a path, or the content of an upload with its file name."""

    path: Path
    content: bytes | None = None


def show_tables(context: PageContext, dataset: Dataset | None) -> Scored | None:
    """Widgets for the submission and the truth; returns the score once both are given."""
    submission, truth = _pick_tables(context, dataset)
    if submission is None or truth is None:
        _show_what_is_missing(submission, truth)
        return None
    with messages.show_errors():
        return Scored(_score_tables(submission, truth), submission.path)
    return None


def _pick_tables(context: PageContext, dataset: Dataset | None) -> tuple[Table | None, Table | None]:
    """Widgets for the submission and the truth; None for a table that is not given yet."""
    left, right = st.columns(2, gap="large")
    made = sorted(_submissions_folder(context).glob("*.csv"), key=lambda path: -path.stat().st_mtime)
    with left:
        submission = _pick_table(
            Markdown("Submission"), (UPLOAD, PATH, WORKSPACE) if made else (UPLOAD, PATH), SUBMISSION
        )
        if made and st.session_state["submission-from"] == WORKSPACE:
            chosen = st.selectbox(
                "Submission",
                made,
                format_func=lambda path: path.stem,
                key="submission-made",
                help="Newest first.",
                persist_state="session",
            )
            submission = Table(chosen)
    known = truth_table_of(dataset) if dataset else None
    with right:
        truth = _pick_table(Markdown("Truth"), (DATASET, UPLOAD, PATH) if known else (UPLOAD, PATH), TRUTH)
        if known and truth is None and st.session_state["truth-from"] == DATASET:
            assert dataset is not None  # the table is part of it
            st.caption(
                f":material/check: Labels of the test clips of **{escape(dataset.name)}** in {escape(known.name)}."
            )
            truth = Table(known)
    return submission, truth


def _show_what_is_missing(submission: Table | None, truth: Table | None) -> None:
    """A message that names the tables which are not given yet."""
    tables = (("a submission", submission), ("the truth", truth))
    missing = escape_all((name for name, table in tables if table is None), " and ")
    st.info(
        f"Give {missing} above. You get lwlrap and accuracy for each class, and the hardest clips to listen to.",
        icon=":material/scoreboard:",
    )


def _score_tables(submission: Table, truth: Table) -> Score:
    """The score of a submission; computed once for the same tables and aliases."""
    aliases = tuple(read_aliases(Workspace()).items())
    return _score(submission, truth, aliases, _modified_ns(submission), _modified_ns(truth))


def _submissions_folder(context: PageContext) -> Path:
    """Folder of the submissions that the command on the page writes."""
    return context.workspace.root / "submissions"


def _pick_table(name: Markdown, sources: tuple[Markdown, ...], help: Markdown) -> Table | None:
    key = Markdown(name.lower())
    source = st.segmented_control(
        f"{name} from", sources, key=f"{key}-from", default=sources[0], required=True, persist_state="session"
    )
    if source == UPLOAD:
        upload = st.file_uploader(f"{name} table", type=TABLES, key=f"{key}-upload", help=help)
        return Table(Path(upload.name), upload.getvalue()) if upload else None
    if source == PATH:
        path = st.text_input(
            f"Path of the {key}", key=f"{key}-path", placeholder=f"/data/{key}.csv", persist_state="session", help=help
        ).strip()
        return Table(absolute(Path(path))) if path else None
    return None


def _modified_ns(table: Table) -> int:
    """Modification time of a file; 0 for an upload, which its content identifies."""
    return table.path.stat().st_mtime_ns if table.content is None and table.path.is_file() else 0


@st.cache_resource(max_entries=4, show_spinner="Scoring …")
def _score(submission: Table, truth: Table, aliases: tuple[tuple[str, str], ...], *stamps: int) -> Score:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for place, table in zip(("submission", "truth"), (submission, truth), strict=True):
            path = table.path
            if table.content is not None:  # under its own name, because errors mention it
                path = Path(folder) / place / Path(table.path.name).name
                path.parent.mkdir()
                path.write_bytes(table.content)
            paths.append(path)
        return score_submission(paths[0], paths[1], dict(aliases))
