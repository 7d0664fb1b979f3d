"""The command ``audiotag doubts``: list the labels of a dataset that are probably wrong or missing."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag.cli.arguments import add_spreadsheet, local_or_remote_path
from audiotag.cli.exit_codes import ALL_DONE
from audiotag.cli.printing import print_json, print_line, say
from audiotag.cli.progress import bar, print_problems, quiet_decoders
from audiotag.errors import AudiotagError
from audiotag.spreadsheets import csv_bytes
from audiotag.workspace import Workspace, write_bytes

if TYPE_CHECKING:
    import pandas as pd

    from audiotag.data.dataset import Dataset
    from audiotag.review.doubts import Doubt
    from audiotag.training.held_out import HeldOutScores

HELP = "List the labels of a dataset that are probably wrong or missing, the most doubtful first."
MAX_PRINTED = 20
COLUMNS = ("subset", "clip", "label", "kind", "quality", "score", "fold", "labels", "reason")


def add_doubts(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``audiotag doubts``."""
    sub.epilog = (
        "Clips are scored by folds that were not trained on them. The Review page goes through the same list; no table "
        "and no sound is changed."
    )
    add = sub.add_argument
    add("dataset", type=local_or_remote_path, help="folder or table of the dataset")
    scorer = sub.add_mutually_exclusive_group(required=True)
    scorer.add_argument("--run", dest="from_run", metavar="RUN", help="name of a run with finished folds")
    scorer.add_argument("--ensemble", metavar="NAME", help="name or folder of an ensemble, which then scores the clips")
    add("--out", type=Path, metavar="FILE", help="write all doubts to a .csv file, one per row")
    add_spreadsheet(sub)
    add("--json", action="store_true", help="print all doubts as JSON")


def doubts(options: argparse.Namespace) -> int:
    """List doubtful labels."""
    from audiotag.data.label_names import read_aliases
    from audiotag.data.layouts import absolute
    from audiotag.data.saved_options import open_remembered
    from audiotag.review.ranking import find_doubts

    if options.out and options.out.suffix.lower() != ".csv":
        raise AudiotagError(f"--out must end in .csv, got {options.out}.")
    if options.spreadsheet and not options.out:
        raise AudiotagError("--spreadsheet is for a CSV file; add --out FILE.csv, or leave it out.")
    workspace = Workspace()
    dataset = open_remembered(absolute(options.dataset), workspace)
    held_out, source = _held_out_scores(options, dataset, workspace)
    _check_scored(dataset, held_out, source)
    found = find_doubts(dataset, held_out, _faults(dataset, workspace), read_aliases(workspace))
    if options.out:
        write_bytes(options.out, csv_bytes(_table(found), options.spreadsheet))
    if options.json:
        print_json({"dataset": str(dataset.root), "scores": source, "doubts": list(map(_as_json, found))})
    else:
        _print_first(found, options.out)
    return ALL_DONE


def _held_out_scores(options: argparse.Namespace, dataset: Dataset, workspace: Workspace) -> tuple[HeldOutScores, str]:
    """The scores to judge labels by, and what they are of, for sentences."""
    from audiotag.review.ensemble_scores import score_and_wait
    from audiotag.tagging.ensemble import find_ensemble
    from audiotag.training.held_out import read_held_out
    from audiotag.training.runs import find_run

    if options.ensemble:
        with quiet_decoders(), bar("scoring", "clip") as progress:
            scored = score_and_wait(dataset, find_ensemble(options.ensemble), workspace, progress)
        print_problems(list(scored.problems), len(scored.problems), "the Problems tab of the Dataset page")
        if scored.trained_by_all:
            say(f"{_count(scored.trained_by_all, 'clip')} not scored: every fold was trained on them.")
        return scored.held_out, f"ensemble {options.ensemble}"
    run = find_run(workspace, options.from_run)
    return read_held_out(run), f"run {run.name}"


def _check_scored(dataset: Dataset, held_out: HeldOutScores, source: str) -> None:
    """Raise `AudiotagError` unless the scores are of clips of the dataset."""
    clips = set(zip(dataset.clips["subset"], dataset.clips["clip"], strict=True))
    scored = zip(held_out.clips["subset"], held_out.clips["clip"], strict=True)
    if clips.isdisjoint(scored):
        example = held_out.clips["clip"].iloc[0] if len(held_out.clips) else "none"
        raise AudiotagError(
            f"{source} must have scored clips of {dataset.root}, but scored others, such as {example}; name the "
            "dataset that it was trained on."
        )


def _faults(dataset: Dataset, workspace: Workspace) -> pd.DataFrame:
    """What is wrong with clips, by their headers and what is measured so far."""
    from audiotag.data.contents import cache_path
    from audiotag.data.index import cache_name, scan
    from audiotag.data.near_duplicates import read_near_duplicates
    from audiotag.inspection.faults import find_faults
    from audiotag.inspection.measurement_job import MeasurementJob, with_measures

    with quiet_decoders(), bar("headers", "file") as progress:
        index = scan(dataset, workspace.indexes, progress)
    measures = MeasurementJob.of(dataset.root, dataset.name, workspace).table()
    checksums = cache_path(workspace.indexes, cache_name(dataset.root, dataset.name))
    near_duplicates = read_near_duplicates(dataset, workspace)
    return find_faults(dataset, with_measures(index, measures), checksums, near_duplicates)


def _table(found: list[Doubt]) -> pd.DataFrame:
    import pandas as pd

    rows = [[getattr(doubt, name) for name in COLUMNS] for doubt in found]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.assign(
        quality=table["quality"].round(4),
        score=pd.to_numeric(table["score"]).round(4),
        fold=table["fold"].astype("Int64"),
        labels=table["labels"].map(",".join),
    )


def _as_json(doubt: Doubt) -> dict[str, Any]:
    return asdict(doubt) | {"path": str(doubt.path)}


def _print_first(found: list[Doubt], out: Path | None) -> None:
    if not found:
        print_line("no label is doubtful")
        return
    for doubt in found[:MAX_PRINTED]:
        print_line(f"{doubt.subset}/{doubt.clip}: {doubt.label} ({doubt.kind}, quality {doubt.quality:.2f})")
        print_line(f"  {doubt.reason}")
    clips = len({(doubt.subset, doubt.clip) for doubt in found})
    print_line(f"{_count(len(found), 'doubt')} about {_count(clips, 'clip')}")
    if more := max(0, len(found) - MAX_PRINTED):
        are = "is" if more == 1 else "are"
        print_line(f"{more:,} more {are} not shown; {out or '--out FILE.csv'} lists all.")


def _count(count: int, thing: str) -> str:
    return f"{count:,} {thing}" + ("" if count == 1 else "s")
