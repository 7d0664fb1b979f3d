"""Tag many files for a command, onto the screen or into a file, with progress and a journal."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag.cli.exit_codes import Terminated
from audiotag.cli.printing import say
from audiotag.cli.progress import Progress
from audiotag.disk import name_in_errors
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.tagging.bulk_job import BulkJob
    from audiotag.tagging.export.rows import Row
    from audiotag.tagging.journal import Journal
    from audiotag.tagging.shards import ShardOptions
    from audiotag.tagging.sound_files import SoundFile

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

    def work(journal: Journal, progress: Progress) -> None:
        tag_into_journal(job, journal, lambda result: progress.count(result, journal.resumed))

    return work_into_file(work, job.total, out, fingerprint_of(job.tagger) | dependencies, write, job.for_spreadsheet)


def work_into_file(
    work: Callable[[Journal, Progress], None],
    total: int,
    out: Path,
    fingerprint: dict[str, Any],
    write: WriteRows,
    for_spreadsheet: bool = False,
) -> int:
    """As `tag_into_file`, by any ``work`` that puts the results of ``total`` clips into the journal and counts them."""
    from audiotag.tagging.journal import Journal, write_problems

    problems = out.with_name(f"{out.stem}.problems.csv")
    opened = Journal(out, fingerprint, say)
    with name_in_errors(out), opened as journal, Progress(total) as progress:
        try:
            work(journal, progress)
        except (KeyboardInterrupt, Terminated):
            progress.count_resumed(journal.resumed)
            progress.say(f"{progress.good:,} clips are tagged; run the same command again to resume.")
            raise
        progress.count_resumed(journal.resumed)
        if progress.good:
            write(journal.rows)
        if progress.bad:
            write_problems(problems, journal.rows(), for_spreadsheet)
        else:
            problems.unlink(missing_ok=True)  # from an earlier command
        journal.remove()
    if progress.good:
        say(f"{out} has {progress.summary()}")
    return progress.finish(str(problems))


def tag_on_cluster(
    on: str, options: ShardOptions, files: Callable[[], Iterator[SoundFile]], journal: Journal, progress: Progress
) -> None:
    """Tag on the nodes of a cluster into a journal.

    Parameters
    ----------
    on : str
        The place, see `audiotag.cluster`.
    options : ShardOptions
    files : callable
        Yields all files, from the first on, each time it is called.
    journal : Journal
    progress : Progress
    """
    from audiotag.cluster import connected
    from audiotag.tagging.bulk_job import remove_own_files
    from audiotag.tagging.cluster_tagging import ClusterTagging
    from audiotag.tagging.shards import Shard, ShardResult, cut_shards
    from audiotag.workspace import write_bytes

    def commit(shard: Shard, result: ShardResult) -> None:
        for path, content in result.exports:
            write_bytes(path, content)
        remove_own_files(result.stale)
        journal.commit(shard.positions, result.part)
        progress.count_more(result.good, result.sound_s, result.known, result.problems, journal.resumed)

    first = next(files(), None)
    probe = first.path if first and os.path.exists(first.path) else None
    shards = cut_shards(journal, files())
    if (first_shard := next(shards, None)) is None:  # all is tagged: to write the file needs no cluster
        return
    with connected(on) as ray:
        ClusterTagging(ray, options, progress.say, probe).tag(chain([first_shard], shards), commit)
