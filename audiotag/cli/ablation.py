"""The command ``audiotag gains``: what each step of an ensemble gains and costs, on clips that it never saw."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag.cli.progress import ALL_DONE, SOME_FAILED, bar, print_problems
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.tagging.ablation import Ablation

HELP = "Measure what each step of an ensemble gains and costs, on labelled clips that it never saw."


def add_ablation(commands: Any) -> None:
    """Put the command among those of ``argparse``'s ``add_subparsers``."""
    sub = commands.add_parser("gains", help=HELP, description=HELP)
    sub.set_defaults(run=ablation)
    sub.add_argument("ensemble", help="name or folder of the ensemble")
    sub.add_argument("dataset", type=Path, help="folder or CSV of labelled clips")
    sub.add_argument(
        "--subset",
        default="test",
        choices=("test", "curated", "noisy", "all"),
        help="which of its clips; of the dataset that the ensemble was trained on, test alone (default: test)",
    )
    sub.add_argument("--keep", action="store_true", help="write the table into the ensemble, for its card on Tag")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")


def ablation(options: argparse.Namespace) -> int:
    """Measure the gains and print their table."""
    from audiotag.cli.tag import ensemble_folder
    from audiotag.data.layouts import absolute
    from audiotag.data.saved_options import open_remembered
    from audiotag.tagging.ablation import write_ablation
    from audiotag.tagging.ablation_measurement import measure_ablation

    folder = ensemble_folder(options.ensemble)
    dataset = open_remembered(absolute(options.dataset), Workspace())
    with bar("clips", "clip") as progress:
        found = measure_ablation(folder, dataset, options.subset, progress, lambda said: print(said, file=sys.stderr))
    if options.keep:
        write_ablation(folder, found)
    if options.json:
        print(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
    else:
        _print(folder.name, found)
    print_problems(list(found.unreadable), len(found.unreadable), "--json")
    return SOME_FAILED if found.unreadable else ALL_DONE


def _print(ensemble: str, found: Ablation) -> None:
    """A row a step; beside each gain stands the row that it is over."""
    print(f"{ensemble} on {found.clips:,} {found.subset} clips of {found.dataset}, {found.labels} labels\n")
    widths = max(len(row.step) for row in found.rows), max(len(row.over) for row in found.rows)
    print(f"{'':{widths[0]}}  lwlrap  accuracy    gain  {'over':{widths[1]}}  ms a clip")
    for row in found.rows:
        gain = "" if row.gain is None else f"{row.gain:+.4f}"
        print(
            f"{row.step:{widths[0]}}  {row.lwlrap:.4f}    {row.accuracy:.4f}  {gain:>7}  {row.over:{widths[1]}}"
            f"  {row.ms_per_clip:9.1f}"
        )
    print(f"\nMilliseconds a clip are of {found.engine} on this machine, from the file to the scores.")
    for note in found.notes:
        print(note)
