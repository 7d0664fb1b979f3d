"""Tag a folder of any size in a detached process, for the Tag page: start it, watch it, stop it, resume it.

The process is `audiotag.tagging.folder_tagging`. A job is a folder in the workspace:

job.json                 what to do: `FolderOptions`
.tags.partial.jsonl      the journal of ``audiotag tag --out``, from which the job resumes; it stays when it is finished
rows-START-END.parquet   the results as a table, see `audiotag.tagging.bulk_results`
files/                   the exported files, unless another folder was chosen
process.json, …          see `audiotag.detached_job`

Nothing is written into the folder of sounds.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from audiotag.audio.opening import READABLE
from audiotag.detached_job import DetachedJob
from audiotag.disk import locked
from audiotag.errors import AudiotagError
from audiotag.state import fits, is_path, read_json_state
from audiotag.tagging.bulk_results import ResultTable
from audiotag.tagging.events import EventSettings
from audiotag.tagging.export.base import EXPORTS, ExportFormat, export_formats, file_name
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.sound_files import sound_files
from audiotag.wording import as_text
from audiotag.workspace import Workspace, read_json, write_json

JOBS, DELETED = "tagged-folders", ".deleted"
SPREADSHEET = "-spreadsheet"  # ends the name of a file that is written for spreadsheets
PROBLEMS = "problems.csv"

Stage = Literal["listing", "loading", "tagging", "writing"]
State = Literal["running", "stopping", "finished", "stopped", "failed", "interrupted"]

OPTIONS_SHAPE = {
    "sounds": is_path, "ensemble": is_path, "settings": dict, "thresholds": [float], "specs": [str], "files": [str],
    "out": lambda out: out == "" or is_path(out), "created": float,
}  # fmt: skip
PROGRESS_SHAPE = {
    "stage": lambda stage: stage in get_args(Stage), "done": int, "total": int, "left_s": float, "bad": int,
    "clips_per_s": float, "times_real_time": float,
}  # fmt: skip


@dataclass(frozen=True)
class FolderOptions:
    """What a job does.

    Attributes
    ----------
    sounds : str
        The folder of sounds; all folders below it are included.
    ensemble : str
        Folder of the ensemble.
    settings : TagSettings
    thresholds : tuple[float, ...]
        One per label of the ensemble.
    specs : tuple[str, ...]
        The same as values of ``--threshold``, for the command that is shown.
    files : tuple[str, ...]
        Files to write at the end, by `export_choices`.
    out : str
        Folder for them; empty for the job's own.
    created : float
        Seconds since the epoch.
    events : EventSettings or None
        How time ranges are found. None for a job of an earlier version, whose results have none.
    """

    sounds: str
    ensemble: str
    settings: TagSettings
    thresholds: tuple[float, ...]
    specs: tuple[str, ...] = ()
    files: tuple[str, ...] = ("csv",)
    out: str = ""
    created: float = field(default_factory=time.time)
    events: EventSettings | None = field(default_factory=EventSettings)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FolderOptions:
        """Read what `to_dict` gave."""
        settings = values["settings"] | {"folds": tuple(values["settings"]["folds"])}
        lists = {name: tuple(values[name]) for name in ("thresholds", "specs", "files")}
        events = EventSettings(**found) if (found := values.get("events")) is not None else None
        return cls(**{**values, **lists, "settings": TagSettings(**settings), "events": events})

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"settings": self.settings.to_dict()}

    def key(self) -> str:
        """The same for jobs with the same results; a format that writes one file per clip makes another job."""
        per_clip = [name for name in self.files if export_writer(name)[0].one_file_per_clip]
        values = [self.sounds, self.ensemble, self.settings.to_dict(), self.thresholds, self.out, per_clip]
        if self.events not in (None, EventSettings()):
            values.append(self.events.to_dict())
        digest = hashlib.sha256(json.dumps(values).encode(errors="backslashreplace")).hexdigest()
        name = re.sub(r"[^\w-]+", "-", as_text(Path(self.sounds).name)).strip("-")[:40]
        return f"{name or 'sounds'}-{digest[:12]}"


@dataclass(frozen=True)
class FolderProgress:
    """How far a job is.

    Attributes
    ----------
    stage : "listing", "loading", "tagging" or "writing"
    done, total : int
        Sounds; ``total`` is 0 before they are listed.
    left_s : float
        Estimated time that is left.
    bad : int
        Sounds that could not be tagged, of those that are done.
    clips_per_s, times_real_time : float
        Rate since the process began.
    """

    stage: Stage = "listing"
    done: int = 0
    total: int = 0
    left_s: float = 0.0
    bad: int = 0
    clips_per_s: float = 0.0
    times_real_time: float = 0.0


@dataclass(frozen=True)
class FolderJob(DetachedJob):
    """A folder of sounds that is tagged, and the job's folder in the workspace."""

    module: ClassVar[str] = "audiotag.tagging.folder_tagging"
    activity: ClassVar[str] = "Tagging"
    past: ClassVar[str] = "tagged"

    @classmethod
    def create(cls, options: FolderOptions, workspace: Workspace) -> FolderJob:
        """Write down what to do; nothing is started yet. The same options give the same job, with what it has done.

        Raises
        ------
        AudiotagError
            If there are no sounds, or if the output would lie among them, or over files that exist.
        """
        sounds = Path(options.sounds)
        if not os.path.isdir(sounds):
            what = "is a file. Give the folder that it is in." if os.path.exists(sounds) else "does not exist."
            raise AudiotagError(f"{sounds} {what}")
        if next(sound_files([sounds]), None) is None:
            raise AudiotagError(f"{sounds} contains no sounds. Readable are {READABLE}.")
        if not options.files:
            raise AudiotagError("Choose at least one kind of file to write.")
        job = cls(workspace.root / JOBS / options.key())
        before = job.options_if_any()
        if options.out:
            _check_out(Path(options.out), sounds, options, is_new=before is None)
        with locked(job.folder / "job.json"):
            if before is not None:
                has_events = any(export_writer(name)[0].has_events for name in options.files)
                events = options.events if has_events else before.events  # a job without them goes on as it is
                files = tuple(dict.fromkeys((*before.files, *options.files)))
                options = replace(options, files=files, events=events)
            write_json(job.folder / "job.json", options.to_dict())
        return job

    def arguments(self) -> list[str]:
        """The arguments of the process, which `main` reads."""
        return [str(self.folder)]

    def options(self) -> FolderOptions:
        """What to do.

        Raises
        ------
        AudiotagError
            If the file is damaged.
        """
        path = self.folder / "job.json"
        try:
            values = read_json(path)
            if fits(values, OPTIONS_SHAPE):
                return FolderOptions.from_dict(values)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            pass
        raise AudiotagError(f"{path} is missing or damaged, so this job cannot be resumed; delete it and start again.")

    def options_if_any(self) -> FolderOptions | None:
        """What to do; None where that is not known."""
        with suppress(AudiotagError):
            return self.options()
        return None

    def state(self) -> State:
        """What the job is doing, or how it ended."""
        if self.is_active():
            return "stopping" if self.is_stop_requested() else "running"
        otherwise = "how it ended is not known; resume it, nothing that is tagged is lost"
        status = read_json_state(self.folder / "status.json", {"state": str}, {}, otherwise)
        ended: dict[str, State] = {"finished": "finished", "stopped": "stopped", "failed": "failed"}
        return ended.get(status.get("state", ""), "stopped" if self.is_stop_requested() else "interrupted")

    def how_far(self) -> FolderProgress:
        """How far the job is, or was when it ended."""
        otherwise = "the job writes it again"
        values = read_json_state(self.folder / "progress.json", PROGRESS_SHAPE, {}, otherwise)
        return FolderProgress(**{name: values[name] for name in PROGRESS_SHAPE} if values else {})

    def report(self, progress: FolderProgress) -> None:
        """Write what `how_far` reads; called by the process."""
        write_json(self.folder / "progress.json", asdict(progress))

    def table(self) -> ResultTable:
        """The results so far."""
        otherwise = "the results cannot be filtered by label until the job is resumed"
        return ResultTable(self.folder, read_json_state(self.folder / "labels.json", [str], [], otherwise))

    def out(self, options: FolderOptions) -> Path:
        """Folder of the exported files."""
        return Path(options.out) if options.out else self.folder / "files"

    def add_file(self, name: str) -> None:
        """Have one more file written the next time the job is started."""
        with locked(self.folder / "job.json"):
            options = self.options()
            files = tuple(dict.fromkeys((*options.files, name)))
            write_json(self.folder / "job.json", replace(options, files=files).to_dict())

    def delete(self) -> None:
        """Remove the job from the list; `restore_job` brings it back until another one is deleted.

        Raises
        ------
        AudiotagError
            If it is running.
        """
        if self.is_active():
            raise AudiotagError("The job is running. Stop it first.")
        deleted = self.folder.parent / DELETED
        shutil.rmtree(deleted, ignore_errors=True)
        deleted.mkdir(parents=True, exist_ok=True)
        os.replace(self.folder, deleted / self.folder.name)


def list_jobs(workspace: Workspace) -> list[FolderJob]:
    """All jobs of the workspace, the newest first."""
    jobs = [FolderJob(path.parent) for path in (workspace.root / JOBS).glob("*/job.json") if path.parent.name[0] != "."]
    return sorted(jobs, key=lambda job: ((found := job.options_if_any()) and -found.created) or 0.0)


def restore_job(name: str, workspace: Workspace) -> None:
    """Bring back the job that was deleted last."""
    with suppress(FileNotFoundError):
        os.replace(workspace.root / JOBS / DELETED / name, workspace.root / JOBS / name)


def export_choices(with_events: bool = True) -> dict[str, str]:
    """The files that can be written: their names for `FolderOptions.files`, and their titles.

    ``with_events`` says whether files of time ranges are among them.
    """
    choices = {}
    for format in export_formats():
        if format.has_events and not with_events:
            continue
        choices[format.name] = format.title
        if format.for_spreadsheets:
            choices[format.name + SPREADSHEET] = f"{format.title} for a spreadsheet"
    return choices


def export_path(out: Path, name: str) -> Path:
    """The file of a choice; of a format with one file per clip, the archive with all of them."""
    format, spreadsheet = export_writer(name)
    return out / (f"{name}.zip" if format.one_file_per_clip else file_name(format, spreadsheet))


def export_writer(name: str) -> tuple[ExportFormat, bool]:
    """The format of an export choice, and whether it is for a spreadsheet."""
    spreadsheet = name.endswith(SPREADSHEET) and name not in EXPORTS.names()
    return EXPORTS.get(name.removesuffix(SPREADSHEET) if spreadsheet else name)(), spreadsheet


def _check_out(out: Path, sounds: Path, options: FolderOptions, is_new: bool) -> None:
    """Refuse a folder among the sounds, one that cannot be written, and one with files that would be lost."""
    if Path(os.path.realpath(out)).is_relative_to(os.path.realpath(sounds)):
        raise AudiotagError(f"{out} is inside of the folder of sounds, which stays as it is; choose another folder.")
    for path in [export_path(out, name) for name in options.files] + [out / PROBLEMS]:
        if is_new and os.path.lexists(path):
            raise AudiotagError(f"{path} exists already; choose another folder, or move it away.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudiotagError(f"{out} cannot be made: {error.strerror}; choose another folder.") from error
    if not os.access(out, os.W_OK):
        raise AudiotagError(f"{out} cannot be written to; choose another folder.")
