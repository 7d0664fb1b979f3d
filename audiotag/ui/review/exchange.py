"""Pass corrections on, take over those of others, and see where reviewers disagree, on the Review page."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.stamp import dataset_stamp
from audiotag.data.verdicts import VerdictJournal
from audiotag.review.agreement import Disagreement, compare_reviewers, find_disagreements
from audiotag.review.differences import differences_csv, iso_time
from audiotag.review.export.exporting import Export, export_labels
from audiotag.review.importing import ImportOptions, ImportPlan, name_of_reviewer, plan_import, undo_import
from audiotag.review.interchange import corrections_json
from audiotag.review.reviewed import Reviewed, read_reviewed
from audiotag.ui.dataset_cache import measurement_job
from audiotag.ui.text import escape, escape_all
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.downloads import SPREADSHEET, SPREADSHEET_HELP
from audiotag.ui.widgets.label_aliases import current_aliases
from audiotag.workspace import Workspace

EXPORTED, IMPORTED = "corrections-exported", "corrections-imported"  # in the session: what to download, what to undo
DISAGREEMENTS = "disagreements"
UPLOAD_TYPES = ["csv", "tsv", "tab", "psv", "txt", "json", "jsonl", "ndjson", "xlsx", "xlsm", "parquet", "gz"]
MAX_PREVIEW_ROWS = 200

OpenClip = Callable[[Disagreement], None]


def show_exchange(dataset: Dataset, workspace: Workspace, reviewer: str, open_clip: OpenClip | None = None) -> None:
    """Downloads, import with a preview and an undo, and the agreement of reviewers.

    Parameters
    ----------
    dataset : Dataset
        With the labels of its own tables.
    workspace : Workspace
    reviewer : str
        Who is at the page, whose verdicts stand first.
    open_clip : callable(Disagreement), optional
        Opens the clip of a disagreement that the user selects; runs as a callback, before the page.
    """
    with messages.show_errors():
        reviewed = load_reviewed(dataset, workspace)
        _show_summary(reviewed, reviewer)
        _show_downloads(dataset, reviewed, workspace)
        _show_import(dataset, workspace, reviewed)
        _show_agreement(reviewed, open_clip)


def load_reviewed(dataset: Dataset, workspace: Workspace) -> Reviewed:
    """What reviewers said so far, and what that corrects; read again when the journal or the dataset changes."""
    journal = VerdictJournal.of(dataset.root, workspace)
    stamp = repr((_stamp(journal), measurement_job(dataset).stamp(), dataset_stamp(dataset.root)))
    return _reviewed(workspace.root, dataset.root, stamp, dataset)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs={type(Path()): os.fsencode})
def _reviewed(workspace: Path, root: Path, stamp: str, _dataset: Dataset) -> Reviewed:
    return read_reviewed(_dataset, Workspace(workspace))


def _stamp(journal: VerdictJournal) -> tuple[int, int]:
    try:
        stat = journal.path.stat()
    except OSError:  # no verdict yet
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def _show_summary(reviewed: Reviewed, reviewer: str) -> None:
    counts = reviewed.verdicts_by_reviewer
    order = sorted(counts, key=lambda name: (name != reviewer, name))
    clips = "1 clip is" if len(reviewed.corrections) == 1 else f"{len(reviewed.corrections):,} clips are"
    by = escape_all(f"{counts[name]:,} by {name}" for name in order)
    verdicts = "1 verdict" if len(reviewed.verdicts) == 1 else f"{len(reviewed.verdicts):,} verdicts"
    st.markdown(f"The labels of {clips} corrected, by {verdicts}{f' ({by})' if by else ''}.")


def _show_downloads(dataset: Dataset, reviewed: Reviewed, workspace: Workspace) -> None:
    """The corrected table, which is made and checked at a click, and the changes."""
    verdicts, corrections = reviewed.verdicts, reviewed.corrections
    with st.container(horizontal=True):
        if st.button(
            "Make the corrected table",
            icon=":material/table_edit:",
            key="export-labels",
            help="Your own table with the corrected labels, and nothing else changed. The original stays as it is.",
        ):
            st.session_state.pop(EXPORTED, None)
            with messages.show_errors(), st.spinner("Writing the table, and reading it again to check it …"):
                st.session_state[EXPORTED] = (dataset.root, reviewed, export_labels(dataset, corrections, workspace))
        for label, name, encode, help in (
            (
                "Changes (CSV)",
                "changes.csv",
                lambda: differences_csv(corrections, verdicts),
                "One row per corrected clip: labels before and after, reviewers, time, notes.",
            ),
            (
                SPREADSHEET,
                "changes-spreadsheet.csv",
                lambda: differences_csv(corrections, verdicts, True),
                SPREADSHEET_HELP,
            ),
            (
                "Everything (JSON)",
                "corrections.json",
                lambda: corrections_json(dataset, corrections, verdicts),
                "All verdicts with notes, for another audiotag to import.",
            ),
        ):
            st.download_button(
                label,
                encode,
                file_name=f"{dataset.name}-{name}",
                icon=":material/download:",
                key=f"download-{name}",
                on_click="ignore",
                disabled=not verdicts,
                help=help,
            )
    root, of_state, export = st.session_state.get(EXPORTED, (None, None, None))
    if export is not None and (root, of_state) == (dataset.root, reviewed):
        _show_export(export)


def _show_export(export: Export) -> None:
    tables = "1 table" if len(export.files) == 1 else f"{len(export.files)} tables"
    kind = f"{tables} in the dataset's own format" if export.is_own_format else "a plain table of all clips"
    with st.container(border=True):
        st.markdown(f":material/check: Made and checked: {kind}.")
        for note in export.notes:
            st.caption(escape(note))
        st.download_button(
            escape(f"Download {export.file_name}"),
            export.to_bytes(),
            file_name=export.file_name,
            icon=":material/download:",
            key="download-export",
            type="primary",
            on_click="ignore",
        )


def _show_import(dataset: Dataset, workspace: Workspace, reviewed: Reviewed) -> None:
    """A file of corrections, what it would change, and its undo."""
    st.header("Import corrections", divider="gray")
    _show_undo(dataset, workspace)
    upload = st.file_uploader(
        "A table of clips and labels, or a file that was downloaded here",
        type=UPLOAD_TYPES,
        key="import-file",
    )
    if upload is None:
        return
    name = safe_name(upload.name)
    columns = st.columns([2, 2, 2], vertical_alignment="bottom")
    wanted = columns[0].text_input(
        "In whose name",
        key="import-reviewer",
        placeholder=name_of_reviewer(Path(name)),
        help="By default the file's name; the verdicts in a JSON file keep their own names.",
    )
    options = ImportOptions(
        reviewer=wanted.strip(),
        confirm_same=columns[1].toggle(
            "Same labels are confirmed",
            key="import-confirm",
            help="Clips with the same labels count as reviewed and right.",
        ),
        new_labels=columns[2].toggle(
            "Allow new labels", key="import-new-labels", help="Take labels, too, that no clip of the dataset has."
        ),
    )
    with messages.show_errors():
        plan = _plan(upload.getvalue(), name, dataset, reviewed, options, workspace)
        st.markdown(f"**{escape(plan.sentence)}**")
        for note in plan.notes:
            st.caption(escape(note))
        if plan.verdicts:
            _show_preview(plan.table())
            if st.button("Import", icon=":material/input:", key="import", type="primary"):
                plan.apply(VerdictJournal.of(dataset.root, workspace))
                st.session_state[IMPORTED] = (dataset.root, plan)
                st.rerun()


def _show_preview(table: pd.DataFrame) -> None:
    st.dataframe(table.head(MAX_PREVIEW_ROWS), hide_index=True, key="import-preview", alt="Labels that would change")
    if len(table) > MAX_PREVIEW_ROWS:
        st.caption(f"The first {MAX_PREVIEW_ROWS} of {len(table):,} are shown.")


def _plan(
    content: bytes, name: str, dataset: Dataset, reviewed: Reviewed, options: ImportOptions, workspace: Workspace
) -> ImportPlan:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return plan_import(path, dataset, reviewed.verdicts, options, current_aliases(workspace))


def safe_name(name: str) -> str:
    """The name of an uploaded file as one that every system takes.

    >>> safe_name("../my table<1>.csv.gz")
    'my table_1_.csv.gz'
    """
    return re.sub(r"[^\w .()'-]", "_", re.split(r"[/\\]", name)[-1])[-80:].strip(" .") or "upload"


def _show_undo(dataset: Dataset, workspace: Workspace) -> None:
    root, plan = st.session_state.get(IMPORTED, (None, None))
    if plan is None or root != dataset.root:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.success(escape(f"Imported: {plan.sentence}"), icon=":material/check:")
        st.button(
            "Undo the import",
            icon=":material/undo:",
            key="undo-import",
            on_click=_undo,
            args=(dataset, workspace, plan),
        )


def _undo(dataset: Dataset, workspace: Workspace, plan: ImportPlan) -> None:
    with messages.show_errors():
        undone = undo_import(VerdictJournal.of(dataset.root, workspace), plan)
        st.session_state.pop(IMPORTED, None)
        st.toast("1 verdict undone." if undone == 1 else f"{undone:,} verdicts undone.", icon=":material/undo:")


def _show_agreement(reviewed: Reviewed, open_clip: OpenClip | None) -> None:
    """Cohen's κ of each pair of reviewers, and the labels about which they disagree."""
    pairs = compare_reviewers(reviewed.verdicts)
    if not pairs:
        return
    st.header("Agreement", divider="gray")
    for pair in pairs:
        st.markdown(f"- {escape(pair.sentence)}")
    st.caption("Cohen’s κ is 1 where two people always agree, and 0 where they agree no more often than by chance.")
    disagreements = find_disagreements(reviewed.verdicts)
    if not disagreements:
        return
    count = "1 label" if len(disagreements) == 1 else f"{len(disagreements):,} labels"
    opens = " Select a row to open its clip." if open_clip else ""
    st.caption(f"Reviewers disagree about {count}. Until they agree, each stays as in the tables.{opens}")
    table = pd.DataFrame(
        [
            (
                one.subset,
                one.clip,
                one.label,
                one.sentence,
                iso_time(max(said.time for said in one.statements)),
                " / ".join(f"{said.reviewer}: {said.note}" for said in one.statements if said.note),
            )
            for one in disagreements
        ],
        columns=["subset", "clip", "label", "who says what", "time", "notes"],
    )
    if open_clip is None:
        st.dataframe(table, hide_index=True, key=DISAGREEMENTS, alt="Labels about which reviewers disagree")
        return

    def select() -> None:
        rows = st.session_state[DISAGREEMENTS].selection.rows
        if rows:
            open_clip(disagreements[rows[0]])

    st.dataframe(
        table,
        hide_index=True,
        key=DISAGREEMENTS,
        on_select=select,
        selection_mode="single-row",
        alt="Labels about which reviewers disagree",
    )
