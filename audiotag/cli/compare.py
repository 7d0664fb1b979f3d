"""The command ``audiotag compare``: compare two runs on the clips that both held out."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from audiotag.cli.exit_codes import ALL_DONE
from audiotag.cli.printing import print_json, print_line
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.training.comparison import Comparison
    from audiotag.training.paired_bootstrap import Difference

HELP = "Compare two runs, clip by clip, on the clips that both held out."
MAX_LABELS = 5  # labels that gained most, and labels that lost most
MAX_NAME_WIDTH = 40


def add_compare(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag compare``."""
    add = sub.add_argument
    add("first", metavar="RUN", help="name of the run to compare with")
    add("second", metavar="RUN", help="name of the run that may be better or worse")
    add(
        "--truth",
        choices=("corrected", "tables"),
        default="corrected",
        help="measure both on the labels as reviewers corrected them, or on those in the dataset's tables (default: "
        "corrected)",
    )
    add(
        "--subset",
        choices=("curated", "noisy"),
        help="compare them on the clips of this subset (default: the one that their folds are scored on)",
    )
    add("--json", action="store_true", help="print the result as JSON, with all labels")


def compare(options: argparse.Namespace) -> int:
    """Compare two runs and print the differences."""
    from audiotag.training.comparison import compare_runs
    from audiotag.training.runs import find_run

    workspace = Workspace()
    first, second = find_run(workspace, options.first), find_run(workspace, options.second)
    comparison = compare_runs(first, second, workspace, options.truth, [options.subset] if options.subset else [])
    if options.json:
        print_json(comparison.to_dict())
    else:
        _print(comparison)
    return ALL_DONE


def _print(comparison: Comparison) -> None:
    from audiotag.training.true_labels import TRUTHS

    print_line(f"first:  {comparison.first}")
    print_line(f"second: {comparison.second}")
    if comparison.truth is not None:
        print_line(f"truth:  {TRUTHS[comparison.truth]}")
    tables = {
        "lwlrap": comparison.rows,
        "accuracy": {"all clips": comparison.accuracy},
        **_extreme_labels(comparison),
    }
    width = min(MAX_NAME_WIDTH, max(len(name) for title, rows in tables.items() for name in (title, *rows)))
    for title, rows in tables.items():
        print_line()
        _print_table(title, rows, width)
    print_line()
    for note in comparison.notes:
        print_line(note)
    print_line(comparison.sentence)


def _extreme_labels(comparison: Comparison) -> dict[str, dict[str, Difference]]:
    """The labels that gained most, and those that lost most."""
    ranked = sorted(comparison.labels.items(), key=lambda item: (item[1].difference, item[0]))
    lost = [(label, result) for label, result in ranked[:MAX_LABELS] if result.difference < 0]
    gained = [(label, result) for label, result in ranked[::-1][:MAX_LABELS] if result.difference > 0]
    tables = {"lwlrap of labels that gained most": gained, "lwlrap of labels that lost most": lost}
    return {title: dict(labels) for title, labels in tables.items() if labels}


def _print_table(title: str, rows: dict[str, Difference], width: int) -> None:
    print_line(f"{title:{width}}   first  second  difference  95 % interval       clips")
    for name, result in rows.items():
        interval = "" if math.isnan(result.low) else f"{result.low:+.4f} to {result.high:+.4f}"
        shown = name if len(name) <= width else name[: width - 1] + "…"
        print_line(
            f"{shown:{width}}  {result.first:.4f}  {result.second:.4f}     {result.difference:+.4f}  {interval:18}"
            f"  {result.clips:5,}"
        )
