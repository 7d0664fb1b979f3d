"""The parts of the Score page: which submission, which truth; how good it is, by class and by clip."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import absolute
from audiotag.features.settings import PRESETS
from audiotag.figures import scoring as figures
from audiotag.figures.theme import CONFIG
from audiotag.scoring import PUBLISHED, Score, score_submission, truth_table_of
from audiotag.ui import cache
from audiotag.ui.frame import PageContext
from audiotag.ui.widgets import messages, sound_panel
from audiotag.ui.widgets.downloads import as_table, download
from audiotag.ui.widgets.messages import escape_markdown, quoted

UPLOAD, PATH, DATASET, MADE_HERE = "Upload", "Path", "Dataset", "Made here"
TABLES = ["csv", "tsv", "txt", "parquet"]
ANY_LABEL = "any label"
HARDEST = 200  # of the clips, in the table on the page; its download has all
WORST = 15  # of the classes, before all are asked for
NAMED = 3  # wrong labels of a clip, in the table
LWLRAP = (
    "Label-weighted label-ranking average precision: for each true label, what share of the labels ranked down to it "
    "is true; the mean over all true labels. 1 means that every true label is ahead of every wrong one."
)
ACCURACY = (
    "Multi-label accuracy: the share of all true labels that are among their clip's k highest, k being the number of "
    "its labels. Where each clip has one label: how often the first tag is right."
)
SUBMISSION = (
    "A row a clip: its file name in a column named fname, and a column of scores for each label, higher is likelier. "
    "`audiotag submit` writes one; so does `audiotag tag --out`."
)
TRUTH = "A row a clip: its file name in a column named fname, its labels, comma-separated, in one named labels."


@dataclass(frozen=True)
class Table:
    """A table that was named: a path, or the content of an upload and what it is called."""

    path: Path
    content: bytes | None = None


def dataset_of(here: PageContext) -> Dataset | None:
    """The chosen dataset; a sentence where there is none, for without one the truth has to be named too."""
    if here.dataset_root is None:
        st.info(
            "There is no dataset yet: open one in the sidebar to hear its clips, or give the truth as a table.",
            icon=":material/library_music:",
        )
        return None
    with messages.show_errors():
        return cache.dataset(here.dataset_root)
    return None


def pick(here: PageContext, dataset: Dataset | None) -> tuple[Table | None, Table | None]:
    """The widgets for submission and truth; None for what is not named yet."""
    left, right = st.columns(2, gap="large")
    made = sorted(_submissions(here).glob("*.csv"), key=lambda path: -path.stat().st_mtime)
    with left:
        submission = _pick("Submission", (UPLOAD, PATH, MADE_HERE) if made else (UPLOAD, PATH), SUBMISSION)
        if made and st.session_state["submission-from"] == MADE_HERE:
            chosen = st.selectbox(
                "Submission", made, format_func=lambda path: path.stem, key="submission-made", help="The newest first."
            )
            submission = Table(chosen)
    known = truth_table_of(dataset) if dataset else None
    with right:
        truth = _pick("Truth", (DATASET, UPLOAD, PATH) if known else (UPLOAD, PATH), TRUTH)
        if known and truth is None and st.session_state["truth-from"] == DATASET:
            assert dataset is not None  # it is the one that has the table
            st.caption(
                f":material/check: The labels of the test clips of **{escape_markdown(dataset.name)}**, {known.name}."
            )
            truth = Table(known)
    return submission, truth


def score(submission: Table, truth: Table) -> Score:
    """How good it is; worked out once for the same tables."""
    return _score(submission, truth, _stamp(submission), _stamp(truth))


def make_one(here: PageContext, dataset: Dataset | None, opened: bool) -> None:
    """The command that tags the dataset's test clips with the chosen ensemble and scores that."""
    truth = truth_table_of(dataset) if dataset else None
    with st.expander("Score an ensemble on this dataset's test clips", expanded=opened, icon=":material/terminal:"):
        if dataset is None or truth is None:
            name = escape_markdown(dataset.name) if dataset else "The dataset"
            st.caption(f"{name} has no test clips whose labels are known; choose one that has some in the sidebar.")
            return
        if here.ensemble_folder is None:
            st.caption("There is no ensemble yet: train folds on the Train page and publish them.")
            return
        out = _submissions(here) / f"{dataset.name}-{here.ensemble_folder.name}.csv"
        st.caption(
            f"The first command has **{escape_markdown(here.ensemble_folder.name)}** tag the test clips of "
            f"**{escape_markdown(dataset.name)}** and writes the submission, the second prints its score. Then it is "
            f"above under “{MADE_HERE}”, class by class and clip by clip."
        )
        st.code(
            f"audiotag submit {quoted(dataset.root)} --ensemble {here.ensemble_folder.name} --out {quoted(out)} && \\\n"
            f"audiotag score {quoted(out)} --truth {quoted(truth)}",
            language="bash",
            wrap_lines=True,
        )


def summary(found: Score) -> None:
    """The figures, and where others have published theirs of the same clips, these too."""
    with st.container(horizontal=True, gap="medium"):
        st.metric("lwlrap", f"{found.lwlrap:.5f}", help=LWLRAP, width="content")
        st.metric("Multi-label accuracy", f"{found.accuracy:.5f}", help=ACCURACY, width="content")
        st.metric("Clips", f"{found.clips:,}", width="content")
        for name, (clips, value) in found.per_split.items():
            of = f"lwlrap of the {clips:,} clips that the truth's column usage calls {escape_markdown(name)}."
            st.metric(f"{name}, {clips:,} clips", f"{value:.5f}", help=of, width="content")
    for note in found.notes:
        st.caption(f":material/info: {escape_markdown(note)}")
    if found.comparable is not None:
        st.caption(
            "Beside what is published for these very clips: the competition's baseline, the capstone of 2020 whose "
            "recipe is here, and the winner."
        )
        st.plotly_chart(
            figures.beside_published(found.comparable, PUBLISHED),
            key="published",
            config=CONFIG,
            alt=f"lwlrap {found.comparable:.5f} on a scale, beside "
            + ", ".join(f"{name} {value:.5f}" for name, value in PUBLISHED.items()),
        )


def classes(found: Score) -> None:
    """lwlrap of each class, the worst first; a click on a bar shows the class's clips."""
    scored = found.per_class[found.per_class["clips"] > 0]
    shown = scored
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("By class", width="content")
        if len(scored) > WORST:
            every = st.toggle(f"All {len(scored)} classes", key="every-class", persist_state="session")
            shown = scored if every else scored.head(WORST)
    count = f"The {len(shown)} worst" if len(shown) < len(scored) else f"All {len(shown)}"
    st.caption(f"{count}, worst first. A click on a bar leaves only its clips below.")
    st.plotly_chart(
        figures.per_class(shown),
        key="score-classes",
        config=CONFIG,
        on_select=_label_clicked,
        selection_mode="points",
        alt="lwlrap of each class, worst first: "
        + ", ".join(f"{label} {value:.3f}" for label, value in shown["lwlrap"].head(10).items()),
    )
    if len(scored) < len(found.per_class):
        st.caption(f"{len(found.per_class) - len(scored)} classes without a clip are in the table alone.")
    as_table(found.per_class, "score-by-class")


def clips(found: Score, dataset: Dataset | None) -> None:
    """The clips with the least precision of their labels; one of them to hear and to see what was ranked above."""
    labels = [ANY_LABEL, *sorted(found.per_class.index[found.per_class["clips"] > 0])]
    if st.session_state.get("score-label") not in labels:
        st.session_state["score-label"] = ANY_LABEL
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    left.subheader("Hardest clips")
    label = right.selectbox("With the label", labels, key="score-label")
    every = found.per_clip
    if label != ANY_LABEL:
        every = every[[label in true for true in every["labels"]]]
    rows = _with_above(every.head(HARDEST), found.scores)
    wrong = int((every["precision"] < 1).sum())
    st.caption(
        f"{wrong:,} of {len(every):,} clips have a wrong label ahead of a true one"
        + (f"; the {HARDEST} hardest are shown." if len(every) > HARDEST else ".")
    )
    chosen = st.dataframe(
        rows[["clip", "labels", "precision", "ranked above"]],
        hide_index=True,
        height=300,
        on_select="rerun",
        selection_mode="single-row-required",
        key=f"hardest-{label}",
        column_config={
            "labels": st.column_config.ListColumn("truth"),
            "precision": st.column_config.NumberColumn(
                format="%.2f",
                help="Mean, over its true labels, of the share of true ones among those ranked down to it.",
            ),
            "ranked above": st.column_config.TextColumn("ranked above it", help="The wrong labels, with their scores."),
        },
        alt="The hardest clips with their labels, and what was ranked above them",
    )
    at = (chosen.get("selection", {}).get("rows") or [0])[0]
    clip = rows.iloc[min(at, len(rows) - 1)]
    download(every.reset_index(), "score-by-clip")
    _one(clip["clip"], clip["labels"], found, dataset)


def _one(clip: str, true: tuple[str, ...], found: Score, dataset: Dataset | None) -> None:
    """One clip: its name and labels, its sound where that is there, and its ranking."""
    st.markdown(f"**{escape_markdown(clip)}** · {escape_markdown(', '.join(true))}")
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        _listen(clip, found, dataset)
    with right:
        st.plotly_chart(
            figures.ranking(found.scores.loc[clip], true),
            key="ranking",
            config=CONFIG,
            alt=f"Scores of the labels of {clip}, highest first; true: {', '.join(true)}",
        )


def _listen(clip: str, found: Score, dataset: Dataset | None) -> None:
    path = _sound_of(clip, dataset)
    if path is None:
        place = f"in {escape_markdown(dataset.name)}" if dataset else "here: no dataset is open"
        st.info(f"Its sound is not {place}; choose the dataset that it is of.", icon=":material/folder_off:")
    elif not path.is_file():
        fix = "“Get FSDKaggle2019 …” in the sidebar says how to fetch it." if found.comparable else "Put it there."
        st.info(f"Its sound is not in {escape_markdown(str(path.parent))}. {fix}", icon=":material/folder_off:")
    else:
        with messages.show_errors():
            settings = PRESETS["capstone"]
            sound_panel.whole(cache.sound(path, settings.sample_rate), settings, key="scored-clip")


def _with_above(rows: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The rows with a column that says which wrong labels are ranked above the clip's last true one."""
    names = np.array(scores.columns)
    said = []
    for clip, true, above in zip(rows.index, rows["labels"], rows["above"], strict=True):
        own = scores.loc[clip].to_numpy()
        wrong = [place for place in np.argsort(-own, kind="stable") if names[place] not in true][: min(above, NAMED)]
        text = ", ".join(f"{names[place]} {own[place]:.2g}" for place in wrong)
        said.append(text + (f" and {above - NAMED} more" if above > NAMED else "") or "nothing")
    return rows.assign(**{"ranked above": said}).reset_index()


def _sound_of(clip: str, dataset: Dataset | None) -> Path | None:
    """Where a clip is of that name, which the dataset need not have; its test clips come first."""
    if dataset is None:
        return None
    rows = dataset.clips[dataset.clips["clip"] == clip]
    test = rows[rows["subset"] == "test"]
    found = test if len(test) else rows
    return Path(found["path"].iloc[0]) if len(found) else None


def _submissions(here: PageContext) -> Path:
    """Where the command that the page shows puts its submissions."""
    return here.workspace.root / "submissions"


def _label_clicked() -> None:
    points = st.session_state["score-classes"].selection.points
    if points:
        st.session_state["score-label"] = points[0]["y"]


def _pick(what: str, sources: tuple[str, ...], help: str) -> Table | None:
    key = what.lower()
    source = st.segmented_control(
        f"{what} from", sources, key=f"{key}-from", default=sources[0], required=True, persist_state="session"
    )
    if source == UPLOAD:
        upload = st.file_uploader(f"{what} (CSV or Parquet)", type=TABLES, key=f"{key}-upload", help=help)
        return Table(Path(upload.name), upload.getvalue()) if upload else None
    if source == PATH:
        path = st.text_input(
            f"Path of the {key}", key=f"{key}-path", placeholder=f"/data/{key}.csv", persist_state="session", help=help
        ).strip()
        return Table(absolute(Path(path))) if path else None
    return None


def _stamp(table: Table) -> int:
    """Changes with the file; 0 for an upload, which is told by its content."""
    return table.path.stat().st_mtime_ns if table.content is None and table.path.is_file() else 0


@st.cache_resource(max_entries=4, show_spinner="Scoring …")
def _score(submission: Table, truth: Table, *stamps: int) -> Score:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for place, table in zip(("submission", "truth"), (submission, truth), strict=True):
            path = table.path
            if table.content is not None:  # written under its own name, by which errors call it
                path = Path(folder) / place / Path(table.path.name).name
                path.parent.mkdir()
                path.write_bytes(table.content)
            paths.append(path)
        return score_submission(*paths)
