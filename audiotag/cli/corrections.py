"""The command ``audiotag corrections``: what reviewers corrected, exported, imported, compared and undone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from audiotag.cli.arguments import add_spreadsheet, local_or_remote_path
from audiotag.cli.exit_codes import ALL_DONE, NOTHING_DONE, SOME_FAILED
from audiotag.cli.printing import print_line, say
from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace, write_bytes

if TYPE_CHECKING:
    from audiotag.data.dataset import Dataset
    from audiotag.data.verdicts import VerdictJournal
    from audiotag.review.reviewed import Reviewed

HELP = "Print what reviewers corrected in a dataset; export, import and compare it."
MAX_DISAGREEMENTS = 50


def add_corrections(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``audiotag corrections``."""
    sub.epilog = "The dataset's own files are never changed."
    add = sub.add_argument
    add("dataset", type=local_or_remote_path, help="folder of the dataset, or its table, as audiotag scan opened it")
    add(
        "--export",
        type=Path,
        metavar="FILE",
        help="write the dataset's table with corrected labels, or the first one of a folder that was labelled in the "
        "app; several tables go into a folder or a .zip",
    )
    add("--diff", type=Path, metavar="FILE", help="write the changes into a .csv file, one row per corrected clip")
    add("--json", type=Path, metavar="FILE", help="write all verdicts, corrections and disagreements into a .json file")
    add_spreadsheet(sub)
    add(
        "--import",
        dest="import_file",
        type=Path,
        metavar="FILE",
        help="take over corrections: a table of clips and labels, or a file that --diff or --json wrote",
    )
    add("--reviewer", default="", metavar="NAME", help="in whose name --import is (default: the name of the file)")
    add("--confirm", action="store_true", help="with --import: clips with the same labels count as confirmed")
    add("--new-labels", action="store_true", help="with --import: take labels, too, that no clip of the dataset has")
    add("--dry-run", action="store_true", help="with --import: only print what would change")
    add("--undo", metavar="REVIEWER", help="take back what this reviewer gave last: one verdict, or an import")
    add("--agreement", action="store_true", help="list the labels about which reviewers disagree")


def corrections(options: argparse.Namespace) -> int:
    """Do what the options ask for, and print the state after it."""
    from audiotag.data.layouts import absolute
    from audiotag.data.saved_options import open_remembered
    from audiotag.data.verdicts import VerdictJournal
    from audiotag.review.reviewed import read_reviewed

    _check(options)
    workspace = Workspace()
    dataset = open_remembered(absolute(options.dataset), workspace)
    journal = VerdictJournal.of(dataset.root, workspace)
    status = ALL_DONE
    if options.undo:
        status = _undo(options.undo, journal)
    if options.import_file:
        status = _import(options, dataset, journal, workspace)
    reviewed = read_reviewed(dataset, workspace)
    _print_summary(dataset, reviewed)
    if options.agreement:
        _print_disagreements(reviewed)
    if options.export or options.diff or options.json:
        status = max(status, _write(options, dataset, reviewed, workspace))
    return status


def _check(options: argparse.Namespace) -> None:
    if not options.import_file:
        for name in ("reviewer", "confirm", "new_labels", "dry_run"):
            if getattr(options, name):
                option = "--" + name.replace("_", "-")
                raise AudiotagError(f"{option} is for --import; add --import FILE, or leave it out.")
    if options.import_file and options.undo:
        raise AudiotagError("--import and --undo contradict each other; give one of them.")
    if options.spreadsheet and not (options.diff or options.export):
        raise AudiotagError(
            "--spreadsheet is for a CSV file; add --diff FILE.csv or --export FILE.csv, or leave it out."
        )
    for option, suffix in (("diff", ".csv"), ("json", ".json")):
        path = getattr(options, option)
        if path and path.suffix.lower() != suffix:
            raise AudiotagError(f"--{option} must end in {suffix}, got {path}.")


def _undo(reviewer: str, journal: VerdictJournal) -> int:
    undone = journal.undo(reviewer)
    if not undone:
        names = ", ".join(sorted({verdict.reviewer for verdict in journal.verdicts()}))
        others = f"there are some of {names}" if names else "nobody has given one"
        raise AudiotagError(f"there is no verdict of {reviewer} to undo; {others}.")
    say(f"{_count(len(undone), 'verdict')} of {reviewer} undone.")
    return ALL_DONE


def _import(options: argparse.Namespace, dataset: Dataset, journal: VerdictJournal, workspace: Workspace) -> int:
    from audiotag.data.label_names import read_aliases
    from audiotag.review.importing import ImportOptions, plan_import

    how = ImportOptions(options.reviewer, options.confirm, options.new_labels)
    plan = plan_import(options.import_file, dataset, journal.verdicts(), how, read_aliases(workspace))
    for note in plan.notes:
        say(note)
    if options.dry_run:
        for one in plan.verdicts:
            print_line(f"{one.subset} {one.clip}: {', '.join(one.before) or '-'} -> {', '.join(one.after) or '-'}")
    else:
        plan.apply(journal)
    say(plan.sentence if options.dry_run or not plan.verdicts else f"Imported: {plan.sentence}")
    if plan.left_out and not plan.verdicts:
        return NOTHING_DONE
    return SOME_FAILED if plan.left_out else ALL_DONE


def _print_summary(dataset: Dataset, reviewed: Reviewed) -> None:
    from audiotag.review.agreement import compare_reviewers, find_disagreements

    counts = reviewed.verdicts_by_reviewer
    by = ", ".join(f"{count:,} by {name}" for name, count in counts.items())
    print_line(f"{dataset.name}: {_count(len(reviewed.verdicts), 'verdict')}" + (f" ({by})" if by else ""))
    clips = "1 clip is" if len(reviewed.corrections) == 1 else f"{len(reviewed.corrections):,} clips are"
    print_line(f"The labels of {clips} corrected.")
    for pair in compare_reviewers(reviewed.verdicts):
        print_line(pair.sentence)
    if disagreements := find_disagreements(reviewed.verdicts):
        count = _count(len(disagreements), "label")
        print_line(f"Reviewers disagree about {count}; where they do, the label stays as in the tables.")


def _print_disagreements(reviewed: Reviewed) -> None:
    from audiotag.review.agreement import find_disagreements

    disagreements = find_disagreements(reviewed.verdicts)
    for one in disagreements[:MAX_DISAGREEMENTS]:
        notes = "; ".join(f"{said.reviewer}: {said.note}" for said in one.statements if said.note)
        print_line(f"  {one.subset} {one.clip}: {one.sentence}" + (f" ({notes})" if notes else ""))
    if len(disagreements) > MAX_DISAGREEMENTS:
        print_line(f"  … and {len(disagreements) - MAX_DISAGREEMENTS:,} more; --json FILE has all of them.")


def _write(options: argparse.Namespace, dataset: Dataset, reviewed: Reviewed, workspace: Workspace) -> int:
    from audiotag.review.differences import differences_csv
    from audiotag.review.export.exporting import export_labels, require_elsewhere
    from audiotag.review.interchange import corrections_json

    status = ALL_DONE
    if options.export:
        export = export_labels(dataset, reviewed.corrections, workspace, options.spreadsheet)
        for path in export.write(options.export):
            say(f"{path} is written.")
        for note in export.notes:
            say(note)
        status = ALL_DONE if export.is_own_format or export.is_first else SOME_FAILED
    if options.diff:
        require_elsewhere(options.diff, dataset)
        write_bytes(options.diff, differences_csv(reviewed.corrections, reviewed.verdicts, options.spreadsheet))
        say(f"{options.diff} is written.")
    if options.json:
        require_elsewhere(options.json, dataset)
        write_bytes(options.json, corrections_json(dataset, reviewed.corrections, reviewed.verdicts))
        say(f"{options.json} is written.")
    return status


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
