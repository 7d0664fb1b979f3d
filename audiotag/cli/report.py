"""The command ``audiotag report``, and what the report of a run needs of the workspace."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from audiotag.cli.exit_codes import ALL_DONE
from audiotag.cli.printing import print_line
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.training.runs import Run

HELP = "Write a report of a run as one HTML file, which opens without a network."


def add_report(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag report``."""
    sub.add_argument("from_run", metavar="RUN", help="name of the run")
    sub.add_argument("--out", type=Path, metavar="FILE", help="file to write (default: RUN.html in the current folder)")


def report(options: argparse.Namespace) -> int:
    """Write the report of a run."""
    from audiotag.training.runs import find_run
    from audiotag.workspace import write_bytes

    run = find_run(Workspace(), options.from_run)
    out = options.out or Path(f"{run.name}.html")
    write_bytes(out, _report_of(run).encode(errors="backslashreplace"))
    print_line(f"the report is in {out}")
    return ALL_DONE


def _report_of(run: Run) -> str:
    from audiotag.cli.command_lines import train_again
    from audiotag.data.saved_options import open_remembered
    from audiotag.errors import AudiotagError
    from audiotag.figures.run_report import RunFacts, run_report
    from audiotag.training.begun import read_corrections, read_list_changes
    from audiotag.training.run_tables import clips_per_label

    settings = run.settings()
    try:
        dataset = open_remembered(Path(settings.dataset), Workspace())
        clips = clips_per_label(run.events(), dataset, read_corrections(run), read_list_changes(run))
    except AudiotagError:  # the dataset has gone; the report does without the numbers of clips
        clips = None
    return run_report(RunFacts(run, settings, *train_again(settings, Workspace()), clips_per_label=clips))
