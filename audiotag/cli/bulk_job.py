"""Tag many files for a command, onto the screen or into a file, with progress and a journal."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag.cli.exit_codes import Terminated
from audiotag.cli.printing import say
from audiotag.cli.progress import Progress
from audiotag.disk import name_in_errors
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.tagging.bulk import FileResult
    from audiotag.tagging.bulk_job import BulkJob
    from audiotag.tagging.export.rows import Row

WriteRows = Callable[[Callable[[], Iterator["Row"]]], None]  # gets a function that yields the rows from the first on


def notes_path(paths: Sequence[Path]) -> Path:
    """Where a command that writes no file beside which they could be notes which files it has in hand."""
    text = "\0".join(map(os.path.abspath, paths))
    key = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    return Workspace().root / "in-hand" / key


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
    from audiotag.tagging.bulk_job import fingerprint_of, tag_into_journal
    from audiotag.tagging.journal import Journal, write_problems

    problems = out.with_name(f"{out.stem}.problems.csv")
    opened = Journal(out, fingerprint_of(job.tagger) | dependencies, say)
    with name_in_errors(out), opened as journal, Progress(job.total) as progress:

        def count(result: FileResult) -> None:
            progress.count(result, journal.resumed)

        try:
            tag_into_journal(job, journal, count)
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
