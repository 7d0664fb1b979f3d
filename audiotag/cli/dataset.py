"""The commands about datasets: ``audiotag demo`` and ``scan``."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from audiotag.cli.arguments import add_reading, add_spreadsheet
from audiotag.cli.exit_codes import ALL_DONE, NOTHING_DONE, SOME_FAILED, Terminated
from audiotag.cli.printing import print_json, print_line, print_table, say
from audiotag.cli.progress import bar, print_problems, quiet_decoders
from audiotag.cli.readings import print_readings, readings_as_json
from audiotag.errors import AudiotagError
from audiotag.spreadsheets import disarm_table
from audiotag.workspace import Workspace, write_bytes

if TYPE_CHECKING:
    import pandas as pd

    from audiotag.data.dataset import Dataset
    from audiotag.inspection.measurement_job import MeasurementJob

STARTER_SEED = 2019
POLL_INTERVAL_S = 0.2
TABLE_SUFFIXES = (".csv", ".parquet")


def add_demo(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``audiotag demo``."""
    add = sub.add_argument
    add("folder", nargs="?", type=Path, help="folder to render into (default: in the workspace)")
    add("--seed", type=int, default=STARTER_SEED, help=f"another seed gives other sounds (default: {STARTER_SEED})")


def add_scan(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``audiotag scan``."""
    add = sub.add_argument
    add("dataset", type=Path, help="folder of the dataset, or its table: CSV or other text, Excel, JSON or Parquet")
    add("--layout", metavar="KEY", help="layout of the dataset, for example table (default: detected automatically)")
    add("--file-column", metavar="NAME", help="column of the file names (default: detected automatically)")
    add("--label-column", metavar="NAME", help="column of the labels (default: detected automatically)")
    add("--separator", metavar="CHAR", help="column separator of a CSV file (default: detected automatically)")
    add_reading(sub)
    add("--keep-flagged", action="store_true", help="also use the clips that the dataset's authors marked as wrong")
    add("--keep-condemned", dest="keep_flagged", action="store_true", help=argparse.SUPPRESS)  # name in audiotag 0.1
    add("--measure", action="store_true", help="decode every clip: levels, loudness, spectra, duplicates")
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
    from audiotag.data.index import scan as scan_headers
    from audiotag.data.layouts import OpenOptions
    from audiotag.data.saved_options import open_and_remember
    from audiotag.inspection.faults import KINDS_THAT_ARE_USED, find_faults
    from audiotag.inspection.measurement_job import MeasurementJob, count_unmeasured, with_measures
    from audiotag.inspection.statistics import summary

    if options.out and options.out.suffix.lower() not in TABLE_SUFFIXES:
        raise AudiotagError(f"--out must end in .csv or .parquet, got {options.out}.")
    if options.spreadsheet and not (options.out and options.out.suffix.lower() == ".csv"):
        raise AudiotagError("--spreadsheet is for a CSV file; add --out FILE.csv, or leave it out.")
    workspace = Workspace()
    dataset = open_and_remember(options.dataset, OpenOptions.from_dict(vars(options)), workspace)
    with quiet_decoders(), bar("headers", "file") as progress:
        index = scan_headers(dataset, workspace.indexes, progress)
    job = MeasurementJob.of(dataset.root, dataset.name, workspace)
    failure = _measure(job) if options.measure else ""
    index = with_measures(index, job.table())
    unmeasured = count_unmeasured(index) if options.measure else 0
    if failure and index["rms_dbfs"].isna().all():
        raise AudiotagError(failure)
    problems = find_faults(dataset, index)
    _write_files(dataset, index, problems, options)
    table = summary(index)
    is_used = problems["kind"].isin(KINDS_THAT_ARE_USED)
    if options.json:
        _print_json(dataset, table, problems)
    else:
        _print_text(dataset, table, problems, is_used)
    if unmeasured:
        clips = "1 clip is" if unmeasured == 1 else f"{unmeasured:,} clips are"
        why = failure or "Measuring was stopped, or the files have changed meanwhile; run the same command again."
        say()
        say(f"{clips} not measured. {why}")
    if table.empty:
        return NOTHING_DONE
    return ALL_DONE if is_used.all() and not dataset.missing and not unmeasured else SOME_FAILED


def _measure(job: MeasurementJob) -> str:
    """Run the measurement job and show its progress; returns why it failed, if it did.

    Ctrl-C or SIGTERM stops it without losing finished measurements.
    """
    job.start()
    try:
        with bar("measuring", "clip") as progress:
            while job.is_active():
                if state := job.progress():
                    progress(state["done"], state["total"])
                time.sleep(POLL_INTERVAL_S)
    except (KeyboardInterrupt, Terminated):
        job.stop()
        raise
    return job.failure()


def _print_json(dataset: Dataset, table: pd.DataFrame, problems: pd.DataFrame) -> None:
    values = {
        "dataset": str(dataset.root),
        "layout": dataset.layout,
        "layout_key": dataset.layout_key,
        "labels": dataset.labels,
        "subsets": table.to_dict("index"),
        "missing": dataset.missing,
        "problems": problems.to_dict("records"),
        **readings_as_json(dataset),
    }
    print_json(values)


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
            flat = disarm_table(flat) if options.spreadsheet else flat
            write_bytes(options.out, flat.to_csv(index=False).encode())
    if options.html:
        from audiotag.features.settings import PRESETS
        from audiotag.figures.dashboard import dashboard
        from audiotag.inspection.filters import Filter

        page = dashboard(dataset, index, problems, Filter(), PRESETS["capstone"].clip_s)
        write_bytes(options.html, page.encode())
