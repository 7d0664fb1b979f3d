"""Jobs of the workspace that run now, apart from trainings: measuring, scoring, tagging a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import streamlit as st

from audiotag.data.index import cache_name
from audiotag.detached_job import DetachedJob
from audiotag.ui.address import dataset_key
from audiotag.ui.text import Markdown, escape
from audiotag.wording import format_duration
from audiotag.workspace import Workspace

HASH_CHARS = 12  # at the end of `cache_name`


@dataclass(frozen=True)
class JobFolders:
    """Where the folders of one kind of job are in the workspace.

    Attributes
    ----------
    pattern : str
        Of the jobs' folders.
    verb : Markdown
        What they do, at the start of a sentence.
    page : Markdown
        The page that shows them.
    address : dict[str, str]
        Query parameters of the page.
    """

    pattern: str
    verb: Markdown
    page: Markdown
    address: dict[str, str] = field(default_factory=dict)


KINDS = (
    JobFolders("indexes/*-measures-*", Markdown("Measuring"), Markdown("pages/dataset.py"), {"tab": "Sound"}),
    JobFolders("scores/*", Markdown("Scoring"), Markdown("pages/review.py")),
    JobFolders("tagged-folders/*", Markdown("Tagging a folder"), Markdown("pages/tag.py")),
)


@dataclass(frozen=True)
class AnyJob(DetachedJob):
    """A job of any kind, of which only the progress is read."""

    past: ClassVar[str] = "done"


@dataclass(frozen=True)
class RunningJob:
    """A job that runs now.

    Attributes
    ----------
    folder : Path
    kind : JobFolders
    dataset : Path or None
        The dataset that it is about, where it is one that the workspace knows.
    done, total : int
        Clips; both are 0 before the first results.
    left_s : float or None
        Seconds that it still takes, where they are known.
    """

    folder: Path
    kind: JobFolders
    dataset: Path | None
    done: int = 0
    total: int = 0
    left_s: float | None = None

    @property
    def text(self) -> Markdown:
        """What it does and how far it is."""
        verb: Markdown = self.kind.verb
        name = f" {escape(self.dataset.name)}" if self.dataset else ""
        if not self.total:
            return Markdown(f"{verb}{name}: starting")
        left = f", about {format_duration(self.left_s)} left" if self.left_s is not None else ""
        return Markdown(f"{verb}{name}: {self.done:,} of {self.total:,} clips{left}")


def running_jobs(workspace: Workspace) -> list[RunningJob]:
    """The jobs that run now; what belongs to trainings is in their runs."""
    by_hash = {cache_name(path, "")[-HASH_CHARS:]: path for path in workspace.dataset_folders()}
    found = []
    for kind in KINDS:
        for process in sorted(workspace.root.glob(f"{kind.pattern}/process.json")):
            job = AnyJob(process.parent)
            if job.is_active():
                progress = job.progress()
                dataset = next((path for part in job.folder.name.split("-") if (path := by_hash.get(part))), None)
                counts = (progress["done"], progress["total"], progress["left_s"]) if progress else ()
                found.append(RunningJob(job.folder, kind, dataset, *counts))
    return found


def show_running_jobs(jobs: list[RunningJob]) -> None:
    """A bar per job, and a link to the page that shows it."""
    for number, job in enumerate(jobs):
        with st.container(horizontal=True, vertical_alignment="center", key=f"job-{number}"):
            text: Markdown = job.text
            st.progress(min(1.0, job.done / job.total) if job.total else 0.0, text)
            page: Markdown = job.kind.page
            of_dataset = {"dataset": dataset_key(job.dataset)} if job.dataset else {}
            st.page_link(
                page, label="Show", icon=":material/arrow_forward:", query_params=job.kind.address | of_dataset
            )
