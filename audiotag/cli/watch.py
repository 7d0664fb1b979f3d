"""The command ``audiotag watch``: tag what arrives in a folder."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag.cli.arguments import local_folder
from audiotag.cli.event_options import event_settings
from audiotag.cli.exit_codes import ALL_DONE, NOTHING_DONE, SOME_FAILED, Terminated
from audiotag.cli.printing import print_line, say
from audiotag.cli.progress import quiet_decoders, tags_in_words
from audiotag.cli.tag import (
    add_output,
    add_tag_settings,
    check_spreadsheet,
    chosen_ensemble,
    chosen_thresholds,
    dependencies,
    output_format,
    per_clip_folders,
)
from audiotag.disk import name_in_errors
from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from audiotag.tagging.arrival_journal import ArrivalJournal
    from audiotag.tagging.bulk import FileResult
    from audiotag.tagging.export.base import ExportFormat
    from audiotag.tagging.export.rows import Row

HELP = "Tag the sounds that arrive in a folder, until Ctrl-C; the same command continues."
MAX_SETTLE_S = 86_400.0


def add_watch(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag watch``."""
    add = sub.add_argument
    add(
        "paths",
        nargs=1,
        type=local_folder,
        metavar="FOLDER",
        help="folder of sounds, with all folders below it; links to folders are not followed, and hidden files and "
        "temporary ones are passed over",
    )
    add_tag_settings(sub)
    add_output(sub, is_required=True)
    add(
        "--settle",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="a file is complete when its size and time have stayed the same for so long (default: 2)",
    )
    add("--once", action="store_true", help="end when nothing is left to tag")


def watch(options: argparse.Namespace) -> int:
    """Tag what arrives in a folder."""
    from audiotag.tagging.arrival_journal import ArrivalJournal
    from audiotag.tagging.bulk_job import check_own_files, fingerprint, tag_row
    from audiotag.tagging.export.base import ExportOptions
    from audiotag.tagging.journal import journal_path
    from audiotag.tagging.opening import open_tagger
    from audiotag.tagging.watching import WatchListener, WatchOptions, watch_folder

    folder = Path(os.path.abspath(options.paths[0]))
    if not os.path.isdir(folder):
        is_there = os.path.exists(folder)
        what = "is a file; give the folder that it is in." if is_there else "does not exist; check the path."
        raise AudiotagError(f"{folder} {what}")
    if not 0 <= options.settle <= MAX_SETTLE_S:
        raise AudiotagError(f"--settle must be 0 to {MAX_SETTLE_S:,.0f} seconds, got {options.settle:g}.")
    format = output_format(options)
    assert format is not None  # --out is required
    check_spreadsheet(options, format)
    events = event_settings(options, format)
    ensemble, settings, card = chosen_ensemble(options)
    thresholds = chosen_thresholds(options.threshold, ensemble, card, settings)
    export = ExportOptions.of(
        card, thresholds, timeline=options.timeline, spreadsheet=options.spreadsheet, events=events
    )
    per_clip = per_clip_folders(options, format)
    depends = fingerprint(card, settings, thresholds) | dependencies(options, format, export) | {"folder": str(folder)}
    del depends["audiotag version"]  # scores are the same in all versions, and a watch survives an update
    out = Path(os.path.abspath(options.out))

    def write(rows: Callable[[], Iterator[Row]]) -> None:
        _write_results(format, out, rows, export, journal.bad)

    if not os.path.exists(journal_path(out, ArrivalJournal.kind)) and _has_content(out):
        raise _not_ours(out)
    told = _Told()
    with name_in_errors(out), quiet_decoders(), ArrivalJournal(out, depends, say) as journal:
        if not journal.is_resumed and _has_content(out):  # killed before its first line was whole
            journal.remove()
            raise _not_ours(out)
        if len(journal):
            say(f"{out.name} has {_clips(journal.good)}; what has not changed is not tagged again.")
        say(f"Watching {folder}{'' if options.once else '; Ctrl-C ends'}.")
        watched = WatchOptions(
            folder,
            lambda: open_tagger(ensemble, settings, thresholds, say=say),
            lambda files: check_own_files(files, per_clip),
            lambda result: tag_row(result, export, per_clip),
            write,
            options.settle,
            options.once,
        )
        try:
            told.unreadable = watch_folder(watched, journal, WatchListener(told.result, say))
        except (KeyboardInterrupt, Terminated):
            say(told.summary(out, journal))
            raise
        say(told.summary(out, journal))
    if told.bad and not told.good:
        return NOTHING_DONE
    return SOME_FAILED if told.bad or told.unreadable else ALL_DONE


class _Told:
    """Prints results, and counts them."""

    def __init__(self) -> None:
        self.good = self.bad = self.again = self.unreadable = 0

    def result(self, result: FileResult, is_again: bool) -> None:
        """Print a result; the next one may take hours to come, so nothing of this one stays in a buffer."""
        if result.tags is None:
            self.bad += 1
            say(f"not tagged: {result.problem}")
            return
        self.good += 1
        self.again += is_again
        again = " (replaces its earlier result)" if is_again else ""
        print_line(f"{result.file.clip}: {tags_in_words(result.tags)}{again}")
        sys.stdout.flush()

    def summary(self, out: Path, journal: ArrivalJournal) -> str:
        """What this command did, and what the file has now."""
        bad = f" {_clips(self.bad)} could not be tagged; {_problems_path(out).name} says why." if self.bad else ""
        again = f", {self.again:,} of them again" if self.again else ""
        if self.unreadable:
            folders = "1 folder was" if self.unreadable == 1 else f"{self.unreadable:,} folders were"
            bad += f" {folders} not read as a whole, see above."
        if not len(journal):
            return f"There was nothing to tag, so {out} is not written.{bad}"
        return f"{_clips(self.good)} tagged{again}; {out} has {_clips(journal.good)}.{bad}"


def _write_results(format: ExportFormat, out: Path, rows: Callable[[], Iterator[Row]], options: Any, bad: int) -> None:
    """Write the results and the list of files that could not be tagged."""
    from audiotag.tagging.export.base import write_export
    from audiotag.tagging.journal import write_problems

    if not format.one_file_per_clip:
        write_export(format, out, rows(), options)
    if bad:
        write_problems(_problems_path(out), rows(), options.spreadsheet)
    else:
        _problems_path(out).unlink(missing_ok=True)  # the files were replaced by good ones


def _has_content(out: Path) -> bool:
    return os.path.isfile(out) and os.path.getsize(out) > 0


def _not_ours(out: Path) -> AudiotagError:
    from audiotag.tagging.arrival_journal import ArrivalJournal
    from audiotag.tagging.journal import journal_path

    journal = journal_path(out, ArrivalJournal.kind)
    return AudiotagError(
        f"{out} exists already, and {journal.name} is not beside it, so another command has written it; move it away, "
        "or choose another file."
    )


def _problems_path(out: Path) -> Path:
    """Named after the whole file: another command lists the problems of a file with this stem in STEM.problems.csv."""
    return out.with_name(f"{out.name}.problems.csv")


def _clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count:,} clips"
