"""The command ``audiotag score``: score a submission against the true labels."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiotag.cli.exit_codes import ALL_DONE
from audiotag.cli.printing import print_json, print_line, print_table
from audiotag.workspace import Workspace

HELP = "Score a submission, or a table that audiotag tag wrote, against the true labels."


def add_score(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag score``."""
    add = sub.add_argument
    add(
        "submission",
        type=Path,
        help="table with a column of file names and one column of scores per label",
    )
    add(
        "--truth",
        type=Path,
        required=True,
        metavar="FILE",
        help="table with a file column and a label column",
    )
    add(
        "--alias",
        action="append",
        default=[],
        metavar="A=B",
        help="label A of one table is label B of the other; labels that differ in case, spaces, underscores or hyphens "
        "need none; repeat it for more. Those on the Score page count, too",
    )
    add("--json", action="store_true", help="print the result as JSON")


def score(options: argparse.Namespace) -> int:
    """Score a submission against the true labels."""
    from audiotag.data.label_names import parse_aliases, read_aliases
    from audiotag.scoring import score_submission

    aliases = read_aliases(Workspace()) | parse_aliases(options.alias)
    result = score_submission(options.submission, options.truth, aliases)
    per_class = result.per_class
    if options.json:
        values = {
            "lwlrap": result.lwlrap,
            "accuracy": result.accuracy,
            "clips": result.clips,
            "splits": {name: {"clips": n, "lwlrap": value} for name, (n, value) in result.per_split.items()},
            "per_class": {
                label: {"lwlrap": None if row.clips == 0 else row.lwlrap, "clips": int(row.clips)}
                for label, row in zip(per_class.index, per_class.itertuples(), strict=True)
            },
            "notes": result.notes,
        }
        print_json(values)
        return ALL_DONE
    print_line(f"lwlrap {result.lwlrap:.5f} on {result.clips} clips, accuracy {result.accuracy:.5f}")
    for name, (clips, value) in result.per_split.items():
        print_line(f"  {name}: {value:.5f} on {clips} clips")
    for note in result.notes:
        print_line(note)
    print_line()
    print_table(per_class, "{:.4f}")
    return ALL_DONE
