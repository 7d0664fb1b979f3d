"""Tag many files into a journal: what ``audiotag tag --out`` and the Tag page's jobs have in common."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiotag.audio.opening import READABLE, SUFFIXES
from audiotag.audio.recording_time import RecordingTime, recording_time
from audiotag.errors import AudiotagError
from audiotag.tagging.bulk import FileResult, tag_files
from audiotag.tagging.card import Card, select_folds
from audiotag.tagging.events import find_events
from audiotag.tagging.export.base import ExportFormat, ExportOptions, export_bytes
from audiotag.tagging.export.rows import (
    Row,
    clip_row,
    event_entries,
    exact_clip_row,
    problem_row,
    timeline_entries,
)
from audiotag.tagging.journal import Journal
from audiotag.tagging.result import Tags
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.sound_files import SoundFile, sound_files
from audiotag.tagging.tagger import Tagger
from audiotag.version import __version__
from audiotag.wording import as_text
from audiotag.workspace import write_bytes

PerClip = Sequence[tuple[ExportFormat, Path]]  # formats that write one file per clip, and the folder of each


@dataclass(frozen=True)
class BulkJob:
    """Files to tag.

    Attributes
    ----------
    tagger : Tagger
    files : callable
        Yields the files, from the first on, each time it is called.
    total : int
        Number of files.
    row : callable
        Turns a result into the row that is written; see `audiotag.tagging.export.rows`.
    for_spreadsheet : bool
        Whether the list of problems is for a spreadsheet; see `audiotag.spreadsheets`.
    """

    tagger: Tagger
    files: Callable[[], Iterator[SoundFile]]
    total: int
    row: Callable[[FileResult], Row]
    for_spreadsheet: bool = False


def tag_into_journal(
    job: BulkJob, journal: Journal, count: Callable[[FileResult], None], is_stopped: Callable[[], bool] = lambda: False
) -> None:
    """Tag the files that the journal does not have yet, until all are done or ``is_stopped`` says so.

    Parameters
    ----------
    job : BulkJob
    journal : Journal
        Open; each result is in it before the next file is counted.
    count : callable
        Gets each result.
    is_stopped : callable
        Asked after each result.
    """
    with closing(tag_files(job.tagger, journal.todo(job.files()))) as results:
        for result in results:
            journal.add(job.row(result))
            count(result)
            if is_stopped():
                return


def count_sounds(paths: Sequence[Path]) -> int:
    """Count the sound files that paths name.

    Raises
    ------
    AudiotagError
        If there are none.
    """
    named = ", ".join(map(str, paths))
    if not any(map(os.path.exists, paths)):
        raise AudiotagError(f"there is no such file or folder: {named}; check the path.")
    if total := sum(1 for _ in sound_files(paths)):
        return total
    raise AudiotagError(f"no sound files in {named}; {READABLE} are read.")


def check_out(out: Path, tagged: Sequence[Path], is_folder: bool = False, option: str = "--out") -> None:
    """Refuse an output that cannot be written, before hours are spent on tagging.

    Parameters
    ----------
    out : Path
    tagged : sequence of Path
        What is to be tagged: ``out`` must overwrite none of it, nor be named like a sound in one of its folders.
    is_folder : bool
        Whether ``out`` is a folder for several files.
    option : str
        What gives ``out``.
    """
    real = Path(os.path.realpath(out))
    if not is_folder and any(real == Path(os.path.realpath(path)) for path in tagged):
        raise AudiotagError(f"{option} would write over {out}, which is to be tagged; choose another file.")
    if not is_folder and out.name.lower().endswith(SUFFIXES):
        for folder in filter(os.path.isdir, tagged):
            if real.is_relative_to(os.path.realpath(folder)):
                raise AudiotagError(
                    f"{option} would write {out}, which is among the sounds of {folder} by its name; choose another "
                    "file, with the suffix of its format."
                )
    (out if is_folder else out.parent).mkdir(parents=True, exist_ok=True)
    if (out.is_dir() and not is_folder) or not os.access(out if is_folder else out.parent, os.W_OK):
        raise AudiotagError(f"{option} cannot be written to {out}; choose another place.")


def tag_row(result: FileResult, options: ExportOptions, per_clip: PerClip = ()) -> Row:
    """The row of a result; writes the clip's own files, so that they exist for every clip in the journal.

    Those of a clip that cannot be tagged are removed: they are of an earlier sound with its name.
    """
    file, tags = result.file, result.tags
    if tags is None:
        remove_own_files(own_paths(file, per_clip))
        return problem_row_of(result)
    for path, content in clip_exports(result, options, per_clip):
        write_bytes(path, content)
    return export_row(tags, options, file.clip, str(file.path), recording_time(file.path))


def export_row(tags: Tags, options: ExportOptions, clip: str, path: str, recorded: RecordingTime | None) -> Row:
    """The row that a file for many clips gets: `clip_row` with its events and, if it is wanted, its timeline."""
    events = find_events(tags, options.labels, options.thresholds, options.events)
    row = clip_row(tags, clip, path, recorded) | {"events": event_entries(events)}
    return row | {"timeline": timeline_entries(tags, options.labels)} if options.timeline else row


def clip_exports(result: FileResult, options: ExportOptions, per_clip: PerClip) -> Iterator[tuple[Path, bytes]]:
    """Path and content of the clip's own files; none for a clip that could not be tagged."""
    file, tags = result.file, result.tags
    if tags is not None and per_clip:
        exact = exact_clip_row(tags, options.labels, file.clip, str(file.path), recording_time(file.path))
        for path, (format, _) in zip(own_paths(file, per_clip), per_clip, strict=True):
            yield path, export_bytes(format, [exact], options)


def own_paths(file: SoundFile, per_clip: PerClip) -> list[Path]:
    """The paths of a clip's own files."""
    return [folder / format.clip_file(as_text(file.clip)) for format, folder in per_clip]


def remove_own_files(paths: Iterable[Path]) -> None:
    """Remove those of the paths that are files."""
    for path in filter(os.path.isfile, paths):
        path.unlink(missing_ok=True)


def check_own_files(files: Iterable[SoundFile], per_clip: PerClip) -> Iterator[SoundFile]:
    """The files; one whose clip cannot have files of its own, as its name is too long for them, gets a ``problem``."""
    for file in files:
        problems = (_own_file_problem(file.clip, path) for path in own_paths(file, per_clip))
        yield file if file.problem else file._replace(problem=next(filter(None, problems), ""))


def _own_file_problem(clip: str, path: Path) -> str:
    """Why no file can be written at ``path``, by its name alone; else empty. Its folders need not exist yet."""
    there = path.parent
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    for name in (path, *(there / part for part in path.relative_to(there).parts)):
        try:
            os.lstat(name)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return f"{as_text(clip)}: its name is too long for a file of its own, {path.name}; rename the sound."
            if error.errno == errno.ENOTDIR:
                return f"{as_text(clip)}: {path} cannot be written, because {there} is a file; move that away."
            raise
    if os.path.isdir(path):
        return f"{as_text(clip)}: {path} cannot be written, because it is a folder; move that away."
    return ""


def problem_row_of(result: FileResult) -> Row:
    """The row of a file that could not be tagged."""
    return problem_row(result.file.clip, str(result.file.path), result.problem)


def fingerprint_of(tagger: Tagger) -> dict[str, Any]:
    """What scores and tags depend on, by names that a message may use; see `Journal`."""
    return fingerprint(tagger.card, tagger.settings, tagger.thresholds)


def fingerprint(card: Card, settings: TagSettings, thresholds: tuple[float, ...]) -> dict[str, Any]:
    """`fingerprint_of` a tagger that is not open here."""
    folds = [fold.sha256 for fold in select_folds(card, settings.folds)]
    how = {"spectrogram": card.spectrogram.to_dict(), "windows": card.windows, "augment": card.recipe.get("augment")}
    return {
        "audiotag version": __version__,
        "ensemble": [card.name, folds, how, card.familiar],
        "tagging options": settings.to_dict(),
        "thresholds": thresholds,
    }
