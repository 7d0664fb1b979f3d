"""The command ``audiotag duplicates``: find the clips of a dataset that are the same recording."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from audiotag.cli.arguments import local_or_remote_path
from audiotag.cli.exit_codes import ALL_DONE, NOTHING_DONE, SOME_FAILED
from audiotag.cli.printing import print_json, print_line
from audiotag.cli.progress import print_problems, quiet_decoders, wait_for_job
from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.data.dataset import Dataset
    from audiotag.data.near_duplicates import NearDuplicate
    from audiotag.similarity.near_duplicate_job import NearDuplicateJob

HELP = "Find clips that are the same recording, cut, resampled, re-encoded or at another level."


def add_duplicates(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``audiotag duplicates``."""
    sub.epilog = (
        "The Dataset page then lists the clips that were found, and a training keeps them in one fold. Files that have "
        "the same samples are found by audiotag scan. An interrupted search continues where it was."
    )
    add = sub.add_argument
    add("dataset", type=local_or_remote_path, help="folder or table of the dataset")
    add(
        "--ensemble",
        default="starter",
        metavar="NAME",
        help="name or folder of the ensemble whose embeddings say which clips are compared (default: starter)",
    )
    add("--json", action="store_true", help="print the result as JSON")


def duplicates(options: argparse.Namespace) -> int:
    """Look for near-duplicates, and print them."""
    from audiotag.data.layouts import absolute
    from audiotag.data.near_duplicates import read_near_duplicates, read_search
    from audiotag.data.saved_options import open_remembered
    from audiotag.similarity.near_duplicate_job import NearDuplicateJob
    from audiotag.tagging.ensemble import find_ensemble

    workspace = Workspace()
    dataset = open_remembered(absolute(options.dataset), workspace)
    with quiet_decoders():
        _wait_for(NearDuplicateJob.of(dataset, find_ensemble(options.ensemble), workspace))
    search = read_search(dataset, workspace)
    if search is None:
        raise AudiotagError("the search was stopped before its end; start the command again to continue it.")
    workspace.remember_dataset(dataset.root)
    groups = _groups(dataset, read_near_duplicates(dataset, workspace))
    if options.json:
        values = {"dataset": str(dataset.root), "ensemble": search.ensemble, "compared": search.compared}
        print_json(values | {"groups": groups, "problems": search.problems})
    else:
        _print_groups(groups, search.compared)
    problems = list(search.problems)
    print_problems(problems, len(problems), "the Problems tab of the Dataset page")
    if not search.compared:
        return NOTHING_DONE
    return SOME_FAILED if problems else ALL_DONE


def _wait_for(job: NearDuplicateJob) -> None:
    """Run the search and show its progress; Ctrl-C or SIGTERM stops it without losing what is done."""
    if failure := wait_for_job(job, "comparing"):
        raise AudiotagError(failure)
    if job.is_stop_requested():
        raise AudiotagError("the search was stopped before its end; start the command again to continue it.")


def _groups(dataset: Dataset, pairs: list[NearDuplicate]) -> list[dict[str, Any]]:
    """Per group its clips with their labels, and the pairs in it, the most similar first."""
    from audiotag.data.near_duplicates import connect

    numbers = connect(dataset.clips, pairs)
    clips = dataset.clips[numbers.notna()]
    groups: dict[int, dict[str, Any]] = {}
    number_of: dict[tuple[str, str], int] = {}
    rows = zip(numbers[numbers.notna()], clips["subset"], clips["clip"], clips["labels"], strict=True)
    for number, subset, clip, labels in rows:
        group = groups.setdefault(number, {"clips": [], "pairs": []})
        group["clips"].append({"subset": subset, "clip": clip, "labels": list(labels)})
        number_of[subset, clip] = number
    for pair in pairs:
        groups[number_of[pair.names[0]]]["pairs"].append(asdict(pair))
    return list(groups.values())


def _print_groups(groups: list[dict[str, Any]], compared: int) -> None:
    from audiotag.inspection.near_duplicate_faults import MIN_OFFSET_S

    for group in groups:
        clips = group["clips"]
        labels = {frozenset(clip["labels"]) for clip in clips if clip["labels"]}
        print_line(f"{len(clips)} clips of one recording{', with different labels' if len(labels) > 1 else ''}:")
        for pair in group["pairs"]:
            when = f"{pair['offset_s']:.2f} s after" if pair["offset_s"] >= MIN_OFFSET_S else "at the same time as"
            print_line(f"  {pair['other_clip']} begins {when} {pair['clip']}; similarity {pair['similarity']:.2f}")
        if len(labels) > 1:
            for clip in clips:
                print_line(f"  {clip['clip']}: {', '.join(clip['labels']) or 'no label'}")
    found = sum(len(group["clips"]) for group in groups)
    recordings = "1 recording" if len(groups) == 1 else f"{len(groups):,} recordings"
    what = f"{found:,} near-duplicates, of {recordings}," if found else "No near-duplicates"
    print_line(f"{what} among {compared:,} clips that were compared.")
