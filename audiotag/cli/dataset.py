"""The commands about datasets: ``audiotag demo`` and ``scan``."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag.cli.arguments import add_reading, add_spreadsheet, local_or_remote_path
from audiotag.cli.command_lines import scan_line
from audiotag.cli.exit_codes import ALL_DONE, NOTHING_DONE, SOME_FAILED
from audiotag.cli.printing import print_json, print_line, print_table, say
from audiotag.cli.progress import bar, print_problems, quiet_decoders, wait_for_job
from audiotag.cli.readings import print_readings, readings_as_json
from audiotag.errors import AudiotagError
from audiotag.spreadsheets import csv_bytes
from audiotag.workspace import Workspace, write_bytes

if TYPE_CHECKING:
    import pandas as pd

    from audiotag.data.dataset import Dataset

STARTER_SEED = 2019
MAX_COMBINATIONS = 20  # of labels, in the JSON
TABLE_SUFFIXES = (".csv", ".parquet")
PUBLISHED = (
    "tables with a file and a label column, a folder per class, train.csv with train/, metadata.csv of Hugging Face, "
    "Hugging Face in Parquet files, exports of Label Studio, label tracks of Audacity; AudioMNIST, AudioSet, BirdCLEF, "
    "CREMA-D, DESED, EmoDB, ESC-50, Free Spoken Digit Dataset, FSD50K, FSDKaggle2018, FSDKaggle2019, FSDnoisy18k, "
    "GTZAN, kitchen20, MUSAN, NSynth, RAVDESS, SAVEE, SONYC-UST, Speech Commands, TAU and TUT acoustic scenes, TESS, "
    "UrbanSound8K, VGGSound, VocalSound"
)


def add_demo(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``audiotag demo``."""
    add = sub.add_argument
    add("folder", nargs="?", type=Path, help="folder to render into (default: in the workspace)")
    add("--seed", type=int, default=STARTER_SEED, help=f"another seed gives other sounds (default: {STARTER_SEED})")


def add_scan(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``audiotag scan``."""
    sub.epilog = f"Read as they are, without an option: {PUBLISHED}."
    add = sub.add_argument
    add(
        "dataset",
        type=local_or_remote_path,
        help="folder of the dataset, or its table (CSV or other text, Excel, JSON or Parquet), also by an address like "
        "s3://bucket/sounds",
    )
    add("--layout", metavar="KEY", help="layout of the dataset, for example table (default: detected automatically)")
    add("--file-column", metavar="NAME", help="column of the file names (default: detected automatically)")
    add("--label-column", metavar="NAME", help="column of the labels; - for columns of 0 and 1 (default: detected)")
    add("--separator", metavar="CHAR", help="column separator of a CSV file (default: detected automatically)")
    add_reading(sub)
    add("--keep-flagged", action="store_true", help="also use the clips that the dataset's authors marked as wrong")
    add("--keep-unlabelled", action="store_true", help="also list the sounds without a label, to label them in the app")
    add("--keep-condemned", dest="keep_flagged", action="store_true", help=argparse.SUPPRESS)  # name in audiotag 0.1
    add(
        "--leave-out",
        choices=("contradictions",),
        help="from now on leave out the clips whose labels contradict those of other clips with the same sound; "
        "the files stay as they are",
    )
    add("--take-back", action="store_true", help="use all clips again that were left out by --leave-out")
    add("--measure", action="store_true", help="decode every clip: levels, loudness, spectra, duplicates")
    add(
        "--refresh",
        action="store_true",
        help="read all files again, also those of the same size and time as before, and forget what was measured",
    )
    add("--out", type=Path, metavar="FILE", help="write one row per clip to a .csv or .parquet file")
    add_spreadsheet(sub)
    add("--html", type=Path, metavar="FILE", help="write all figures to one HTML file")
    add("--json", action="store_true", help="print the result as JSON")


def demo(options: argparse.Namespace) -> int:
    """Render the starter sounds."""
    render_starter_sounds(options.folder or Workspace().starter, options.seed)
    return ALL_DONE


def render_starter_sounds(folder: Path, seed: int = STARTER_SEED) -> None:
    """Render the starter sounds with a progress bar, and print what to do next."""
    from audiotag.starter.render import render_starter

    began = time.monotonic()
    with bar("starter sounds", "clip") as progress:
        render_starter(folder, seed=seed, progress=progress, say=say)
    print_line(f"{folder} is ready ({time.monotonic() - began:.0f} s). Next: audiotag app, or audiotag train {folder}")


def scan(options: argparse.Namespace) -> int:
    """Print what a dataset contains and what is wrong with it."""
    from audiotag.data.contents import cache_path
    from audiotag.data.index import cache_name
    from audiotag.data.index import scan as scan_headers
    from audiotag.data.layouts import OpenOptions, absolute
    from audiotag.data.left_out import KIND, leave_out, take_back
    from audiotag.data.near_duplicates import read_near_duplicates
    from audiotag.data.saved_options import open_and_remember
    from audiotag.inspection.contradictions import clips_to_leave_out
    from audiotag.inspection.faults import KINDS_THAT_ARE_USED, find_faults
    from audiotag.inspection.measurement_job import MeasurementJob, count_unmeasured, with_measures
    from audiotag.inspection.statistics import summary

    if options.out and options.out.suffix.lower() not in TABLE_SUFFIXES:
        raise AudiotagError(f"--out must end in .csv or .parquet, got {options.out}.")
    if options.leave_out and options.take_back:
        raise AudiotagError("--leave-out and --take-back contradict each other; give one of them.")
    if options.spreadsheet and not (options.out and options.out.suffix.lower() == ".csv"):
        raise AudiotagError("--spreadsheet is for a CSV file; add --out FILE.csv, or leave it out.")
    workspace = Workspace()
    opening = OpenOptions.from_dict(vars(options))
    before = OpenOptions.from_dict(workspace.dataset_options(absolute(options.dataset)))
    dataset = open_and_remember(options.dataset, opening, workspace)
    if before not in (opening, OpenOptions()):
        say(f"The options of the last time are not used any more. To use them again: {scan_line(dataset.root, before)}")
    if options.take_back:
        say(f"{_count_of_clips(take_back(dataset.root, workspace))} taken back.")
        dataset = open_and_remember(options.dataset, opening, workspace)
    with quiet_decoders(), bar("headers", "file") as progress:
        index = scan_headers(dataset, workspace.indexes, progress, options.refresh)
    job = MeasurementJob.of(dataset.root, dataset.name, workspace)
    if options.refresh and job.forget() and not options.measure:
        say("what was measured before is deleted; --measure measures all clips again.")
    failure = wait_for_job(job, "measuring") if options.measure else ""
    index = with_measures(index, job.table())
    unmeasured = count_unmeasured(index) if options.measure else 0
    if failure and index["rms_dbfs"].isna().all():
        raise AudiotagError(failure)
    checksums = cache_path(workspace.indexes, cache_name(dataset.root, dataset.name))
    problems = find_faults(dataset, index, checksums, read_near_duplicates(dataset, workspace))
    if options.leave_out:
        count = leave_out(dataset, clips_to_leave_out(problems), workspace)
        say(f"{_count_of_clips(count)} left out from now on; --take-back uses them again.")
        dataset = open_and_remember(options.dataset, opening, workspace)
        kept = set(zip(dataset.clips["subset"], dataset.clips["clip"], strict=True))
        index = index[[pair in kept for pair in zip(index["subset"], index["clip"], strict=True)]]
        problems = find_faults(dataset, index, checksums, read_near_duplicates(dataset, workspace))
    _write_files(dataset, index, problems, options)
    table = summary(index)
    is_used = problems["kind"].isin(KINDS_THAT_ARE_USED)
    is_expected = is_used | (problems["kind"] == KIND)
    if options.json:
        _print_json(dataset, index, table, problems)
    else:
        _print_text(dataset, table, problems, is_used)
    if contradictory := clips_to_leave_out(problems):
        clips = "1 clip has" if len(contradictory) == 1 else f"{len(contradictory):,} clips have"
        say()
        say(f"{clips} the sound of another clip and other labels; --leave-out contradictions leaves them out.")
    if unmeasured:
        why = failure or "Measuring was stopped, or the files have changed meanwhile; run the same command again."
        say()
        say(f"{_count_of_clips(unmeasured)} not measured. {why}")
    if table.empty:
        return NOTHING_DONE
    return ALL_DONE if is_expected.all() and not dataset.missing and not unmeasured else SOME_FAILED


def _count_of_clips(count: int) -> str:
    return "1 clip is" if count == 1 else f"{count:,} clips are"


def _print_json(dataset: Dataset, index: pd.DataFrame, table: pd.DataFrame, problems: pd.DataFrame) -> None:
    values = {
        "dataset": str(dataset.root),
        "layout": dataset.layout,
        "layout_key": dataset.layout_key,
        "labels": dataset.labels,
        "subsets": _subset_values(index, table),
        "missing": dataset.missing,
        "problems": problems.to_dict("records"),
        **readings_as_json(dataset),
    }
    print_json(values)


def _subset_values(index: pd.DataFrame, table: pd.DataFrame) -> dict[str, Any]:
    """Per subset its row of `summary`, the clips per label, and the most frequent combinations of labels."""
    from audiotag.inspection.statistics import clips_per_label, frequent_combinations

    return {
        name: row
        | {
            "clips_per_label": clips_per_label(index, name),
            "most_frequent_combinations": frequent_combinations(index, name, MAX_COMBINATIONS),
        }
        for name, row in table.to_dict("index").items()
    }


def _print_text(dataset: Dataset, table: pd.DataFrame, problems: pd.DataFrame, is_used: pd.Series) -> None:
    print_line(f"{dataset.name}: {dataset.layout}, {len(dataset.labels)} labels")
    print_readings(dataset)
    print_line()
    columns_of_one_type = table.astype(object).T  # so that counts are printed as whole numbers
    if table.empty:
        print_line("no clip can be read")
    else:
        print_table(columns_of_one_type, "{:,.2f}")
    for sentence in dataset.missing:
        say(sentence)
    for rows, heading in ((~is_used, "left out"), (is_used, "used, but check them")):
        reasons = list(problems.loc[rows, "what"])
        print_problems(reasons, len(reasons), "--json", heading)


def _write_files(dataset: Dataset, index: pd.DataFrame, problems: pd.DataFrame, options: argparse.Namespace) -> None:
    """Write the files that the options ask for: the index as a table, the dashboard as HTML."""
    if options.out:
        from audiotag.data.index import write_parquet

        table = index.drop(columns="path")
        if options.out.suffix.lower() == ".parquet":
            write_parquet(table, options.out)
        else:
            flat = table.drop(columns="third_octaves").assign(labels=table["labels"].map(",".join))
            write_bytes(options.out, csv_bytes(flat, options.spreadsheet))
    if options.html:
        from audiotag.features.settings import PRESETS
        from audiotag.figures.dashboard import dashboard
        from audiotag.inspection.filters import Filter

        page = dashboard(dataset, index, problems, Filter(), PRESETS["capstone"].clip_s)
        write_bytes(options.html, page.encode())
