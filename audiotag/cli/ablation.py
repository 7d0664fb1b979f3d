"""The command ``audiotag ablation``: what each step of an ensemble gains and costs on held-out clips."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from audiotag.cli.arguments import local_or_remote_path
from audiotag.cli.exit_codes import ALL_DONE, SOME_FAILED
from audiotag.cli.printing import print_json, print_line, say
from audiotag.cli.progress import bar, print_problems
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.tagging.ablation import Ablation

HELP = "Measure what each step of an ensemble gains and costs, on labelled clips that it was not trained on."


def add_ablation(commands: Any) -> None:
    """Add the command to what ``argparse``'s ``add_subparsers`` returns, and its old name, which no help shows."""
    for name, listing in (("ablation", {"help": HELP}), ("gains", {})):  # audiotag 0.1 called it gains
        sub = commands.add_parser(name, description=HELP, **listing)
        sub.set_defaults(run=ablation)
        sub.add_argument("ensemble", help="name or folder of the ensemble")
        sub.add_argument("dataset", type=local_or_remote_path, help="folder or table of labelled clips")
        sub.add_argument(
            "--subset",
            default="test",
            choices=("test", "curated", "noisy", "all"),
            help="which clips to score; for the ensemble's own training dataset only test is allowed (default: test)",
        )
        sub.add_argument(
            "--save", action="store_true", help="save the table with the ensemble, so that the Tag page shows it"
        )
        sub.add_argument("--keep", dest="save", action="store_true", help=argparse.SUPPRESS)  # name in audiotag 0.1
        sub.add_argument("--json", action="store_true", help="print the result as JSON")


def ablation(options: argparse.Namespace) -> int:
    """Measure each step and print the table."""
    from audiotag.blending.gains import measure_gains
    from audiotag.data.layouts import absolute
    from audiotag.data.saved_options import open_remembered
    from audiotag.tagging.ablation import write_ablation
    from audiotag.tagging.ensemble import find_ensemble

    folder = find_ensemble(options.ensemble)
    dataset = open_remembered(absolute(options.dataset), Workspace())
    with bar("clips", "clip") as progress:
        result = measure_gains(folder, dataset, options.subset, progress, say)
    if options.save:
        write_ablation(folder, result)
    if options.json:
        print_json(result.to_dict())
    else:
        _print_table(folder.name, result)
    print_problems(list(result.unreadable), len(result.unreadable), "--json")
    return SOME_FAILED if result.unreadable else ALL_DONE


def _print_table(ensemble: str, result: Ablation) -> None:
    """One row per step; beside each gain, the step that it is compared with."""
    print_line(f"{ensemble} on {result.clips:,} {result.subset} clips of {result.dataset}, {result.labels} labels")
    print_line()
    step_width, over_width = (max(len(getattr(row, name)) for row in result.rows) for name in ("step", "over"))
    has_intervals = any(row.low is not None for row in result.rows)
    interval_title = "  95 % interval   " if has_intervals else ""
    print_line(f"{'':{step_width}}  lwlrap  accuracy    gain{interval_title}  {'over':{over_width}}  ms/clip")
    for row in result.rows:
        gain = "" if row.gain is None else f"{row.gain:+.4f}"
        interval = "" if row.low is None or row.high is None else f"{row.low:+.4f}…{row.high:+.4f}"
        interval = f"  {interval:16}" if has_intervals else ""
        print_line(
            f"{row.step:{step_width}}  {row.lwlrap:.4f}    {row.accuracy:.4f}  {gain:>7}{interval}"
            f"  {row.over:{over_width}}  {row.ms_per_clip:7.1f}"
        )
    print_line()
    print_line(f"ms/clip: milliseconds per clip with {result.engine} on this machine, from the file to the scores.")
    for note in result.notes:
        print_line(note)
