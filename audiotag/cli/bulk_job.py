"""Tag many files for a command, onto the screen or into a file, with progress and a journal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag import __version__
from audiotag.cli.exit_codes import Terminated
from audiotag.cli.printing import say
from audiotag.cli.progress import Progress
from audiotag.disk import name_in_errors
from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from audiotag.tagging.bulk import FileResult, SoundFile
    from audiotag.tagging.export.rows import Row
    from audiotag.tagging.tagger import Tagger

WriteRows = Callable[[Callable[[], Iterator["Row"]]], None]  # gets a function that yields the rows from the first on


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


def tag_onto_screen(job: BulkJob, as_json: bool, notes: Path) -> int:
    """Print results as they come; returns the exit code.

    Parameters
    ----------
    job : BulkJob
    as_json : bool
    notes : Path
        Where the files in hand are noted; the same for the same command.
    """
    from audiotag import in_hand
    from audiotag.tagging.bulk import tag_files
    from audiotag.tagging.export.json import json_parts

    with (
        in_hand.noting_alone(notes) as suspects,
        Progress(job.total) as progress,
        closing(tag_files(job.tagger, job.files())) as results,
    ):
        if suspects:
            progress.say(in_hand.suspects_sentence(suspects))

        def rows() -> Iterator[Row]:
            for result in results:
                progress.count(result)
                row = job.row(result)
                if not as_json:
                    progress.print_tags(result)
                yield row

        if as_json:
            for part in json_parts(rows()):
                progress.print_json_part(part.decode())
        else:
            for _ in rows():
                pass
    return progress.finish("--json")


def tag_into_file(job: BulkJob, out: Path, dependencies: dict[str, Any], write: WriteRows) -> int:
    """Tag into a journal, which survives this process, then write the file from it; returns the exit code.

    Parameters
    ----------
    job : BulkJob
    out : Path
        The file, or the folder of several files.
    dependencies : dict
        What the rows depend on besides the tagger, by names that a message may use.
    write : callable
        Writes the file; gets a function that yields all rows.
    """
    from audiotag.tagging.bulk import tag_files
    from audiotag.tagging.journal import Journal, write_problems

    problems = out.with_name(f"{out.stem}.problems.csv")
    opened = Journal(out, _fingerprint(job.tagger) | dependencies, say)
    with name_in_errors(out), opened as journal, Progress(job.total) as progress:
        try:
            with closing(tag_files(job.tagger, journal.todo(job.files()))) as results:
                for result in results:
                    journal.add(job.row(result))
                    progress.count(result, journal.resumed)
        except (KeyboardInterrupt, Terminated):
            progress.count_resumed(journal.resumed)
            progress.say(f"{progress.good:,} clips are tagged; run the same command again to resume.")
            raise
        progress.count_resumed(journal.resumed)
        if progress.good:
            write(journal.rows)
        if progress.bad:
            write_problems(problems, journal.rows(), job.for_spreadsheet)
        else:
            problems.unlink(missing_ok=True)  # from an earlier command
        journal.remove()
    if progress.good:
        say(f"{out} has {progress.summary()}")
    return progress.finish(str(problems))


def check_out(out: Path, tagged: list[Path], is_folder: bool = False) -> None:
    """Refuse an output that cannot be written, before hours are spent on tagging.

    Parameters
    ----------
    out : Path
    tagged : list[Path]
        What is to be tagged, which ``out`` must not overwrite.
    is_folder : bool
        Whether ``out`` is a folder for several files.
    """
    if not is_folder and any(os.path.abspath(path) == os.path.abspath(out) for path in tagged):
        raise AudiotagError(f"--out would write over {out}, which is to be tagged; choose another file.")
    (out if is_folder else out.parent).mkdir(parents=True, exist_ok=True)
    if (out.is_dir() and not is_folder) or not os.access(out if is_folder else out.parent, os.W_OK):
        raise AudiotagError(f"--out cannot be written to {out}; choose another place.")


def problem_row_of(result: FileResult) -> Row:
    """The row of a file that could not be tagged."""
    from audiotag.tagging.export.rows import problem_row

    return problem_row(result.file.clip, str(result.file.path), result.problem)


def _fingerprint(tagger: Tagger) -> dict[str, Any]:
    """What scores and tags depend on."""
    from audiotag.tagging.ensemble import select_folds

    card = tagger.card
    folds = [fold.sha256 for fold in select_folds(card, tagger.settings.folds)]
    how = {"spectrogram": asdict(card.spectrogram), "windows": card.windows, "augment": card.recipe.get("augment")}
    return {
        "audiotag version": __version__,
        "ensemble": [card.name, folds, how],
        "tagging options": asdict(tagger.settings),
        "thresholds": tagger.thresholds,
    }
