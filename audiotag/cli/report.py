"""The command ``audiotag report``, and what the report of a run needs of the workspace."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from audiotag.cli.exit_codes import ALL_DONE
from audiotag.cli.printing import print_line
from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.training.runs import Run

HELP = "Write a report of a run or of an ensemble as one file, which opens without a network."
FORMATS = ("html", "md")  # as in audiotag.figures.ensemble_report.report, which loads pandas


def add_report(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag report``."""
    add = sub.add_argument
    add("subject", metavar="NAME", help="name of the run or the ensemble, or folder of the ensemble")
    add(
        "--out",
        type=Path,
        metavar="FILE",
        help="file to write, .html or .md (default: NAME.html or NAME.md in the current folder)",
    )
    add(
        "--format",
        choices=FORMATS,
        help="html: for people; md: a README.md with the front matter of Hugging Face's model cards, of an ensemble "
        "only (default: by the suffix of --out, else html)",
    )


def report(options: argparse.Namespace) -> int:
    """Write the report of a run or of an ensemble."""
    from audiotag.workspace import write_bytes

    format = _format_of(options)
    run = _run_of(options.subject)
    if run is not None:
        if format != "html":
            raise AudiotagError(f"the report of a run is an HTML file, got --format {format}; {run.name} is a run.")
        name, content = run.name, _report_of(run).encode(errors="backslashreplace")
    else:
        name, content = _report_of_ensemble(options.subject, format)
    out = options.out or Path(f"{name}.{format}")
    write_bytes(out, content)
    print_line(f"the report is in {out}")
    return ALL_DONE


def _format_of(options: argparse.Namespace) -> str:
    """The format that the options name, else that of the file's suffix."""
    if options.format or options.out is None:
        return options.format or "html"
    suffix = options.out.suffix.lower().lstrip(".")
    if suffix == "htm":
        return "html"
    if suffix not in FORMATS:
        raise AudiotagError(f"--out must end in .html or .md, got {options.out.name}; or give --format.")
    return suffix


def _run_of(name: str) -> Run | None:
    """The run of this name; None if it is the name of an ensemble."""
    from audiotag.tagging.card import CARD
    from audiotag.training.runs import find_run

    try:
        return find_run(Workspace(), name)
    except AudiotagError as error:
        ensembles = Workspace().ensemble_folders()
        if name in ensembles or (Path(name) / CARD).is_file():
            return None
        known = f" The ensembles are {', '.join(ensembles)}." if ensembles else ""
        raise AudiotagError(f"{error}{known}") from None


def _report_of_ensemble(name: str, format: str) -> tuple[str, bytes]:
    """The name of an ensemble, and its report."""
    from audiotag.cli.command_lines import report_commands
    from audiotag.figures.ensemble_report.report import report_bytes
    from audiotag.tagging.ensemble import ensemble_reference, find_ensemble
    from audiotag.tagging.model_card import EnsembleFacts

    facts = EnsembleFacts.of(find_ensemble(name))
    commands = report_commands(ensemble_reference(facts.folder))
    return facts.folder.resolve().name, report_bytes(facts, commands, format)


def _report_of(run: Run) -> str:
    from audiotag.cli.command_lines import train_again
    from audiotag.data.saved_options import open_remembered
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
