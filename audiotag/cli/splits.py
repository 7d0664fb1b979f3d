"""The command ``audiotag splits``: report whether the folds of a run can be trusted, before it is started."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from audiotag.cli.exit_codes import ALL_DONE
from audiotag.cli.printing import print_json, print_line
from audiotag.cli.progress import bar, quiet_decoders
from audiotag.cli.train import add_run_options, run_options_of
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.training.split_report import KindOfGroups, SplitReport

HELP = "List which clips belong together, and which of them the folds of a run separate."
MAX_PATTERNS = 4


def add_splits(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``audiotag splits``."""
    sub.epilog = (
        "Clips of one recording that are in several folds make scores too high. Recordings by their names are a guess, "
        "which folds follow only with --keep-together names."
    )
    add_run_options(sub)
    sub.add_argument("--json", action="store_true", help="print the report as JSON")


def splits(options: argparse.Namespace) -> int:
    """Report what the folds of a run with these options keep together."""
    from pathlib import Path

    from audiotag.data.index import scan
    from audiotag.data.saved_options import open_remembered
    from audiotag.training.run_splits import report_run_splits
    from audiotag.training.session import Session

    workspace = Workspace()
    settings = run_options_of(options).settings(workspace)
    dataset = open_remembered(Path(settings.dataset), workspace)
    session = Session(dataset, settings, workspace)
    session.check()
    with quiet_decoders(), bar("headers", "file") as progress:
        scan(dataset, workspace.indexes, progress)
    report = report_run_splits(session)
    if options.json:
        print_json({"dataset": str(dataset.root), **report.to_dict()})
        return ALL_DONE
    print_line(f"{dataset.name}: {report.clips:,} clips, {report.folds}")
    _print_report(report)
    return ALL_DONE


def _print_report(report: SplitReport) -> None:
    from audiotag.training.split_report import EXAMPLE

    print_line(report.verdict)
    if report.leak:
        print_line(EXAMPLE)
    for each in report.kinds:
        _print_kind(each, report)
    if report.unknown:
        print_line()
    for sentence in report.unknown:
        print_line(sentence)


def _print_kind(each: KindOfGroups, report: SplitReport) -> None:
    from audiotag.training.split_report import TITLES

    print_line()
    print_line(f"{TITLES[each.kind]}: {each.describe()}")
    if each.kind == "names":
        for pattern in report.patterns[:MAX_PATTERNS]:
            print_line(f"  in {pattern.example}, {pattern.recording} is taken for the recording")
    for group in each.largest:
        parts = f" in {', '.join(group.parts)}" if group.parts else ""
        print_line(f"  {group.name}: {group.size:,} clips{parts}")
    if each.kind in report.advice:
        print_line(report.advice[each.kind])
