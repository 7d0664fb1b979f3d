"""The ``audiotag`` command: one sub-command a job, each a thin call into the room that does it.

Exit status: 0 when all was done, 1 when some clips could not be used, 2 when nothing could be done.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from audiotag import __version__
from audiotag.cli import ablation, score, tag, train
from audiotag.cli.exit_codes import ALL_DONE, NOTHING_DONE, SOME_FAILED
from audiotag.cli.progress import bar, print_problems
from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from audiotag.data.dataset import Dataset
    from audiotag.inspection.measurement_job import MeasurementJob


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit with its status."""
    options = _parser().parse_args(arguments)
    try:
        status = options.run(options)
    except AudiotagError as error:
        print(f"audiotag: {error}", file=sys.stderr)
        status = NOTHING_DONE
    except OSError as error:
        print(f"audiotag: {error.filename or 'the system'}: {error.strerror or error}.", file=sys.stderr)
        status = NOTHING_DONE
    except KeyboardInterrupt:
        print("audiotag: stopped.", file=sys.stderr)
        status = 130
    sys.exit(status)


def demo(options: argparse.Namespace) -> int:
    """Render the starter sounds."""
    from audiotag.starter.render import render_starter

    folder = options.folder or Workspace().starter
    began = time.monotonic()
    with bar("starter sounds", "clip") as progress:
        render_starter(folder, seed=options.seed, progress=progress)
    print(f"{folder} is ready ({time.monotonic() - began:.0f} s). Next: audiotag app, or audiotag train {folder}")
    return ALL_DONE


def scan(options: argparse.Namespace) -> int:
    """Say what a dataset holds."""
    from audiotag.data.index import scan as scan_headers
    from audiotag.data.saved_options import open_and_remember
    from audiotag.data.tables import TableOptions
    from audiotag.inspection.faults import USED_ALL_THE_SAME, faults
    from audiotag.inspection.measurement_job import MeasurementJob, with_measures
    from audiotag.inspection.statistics import summary

    if options.out and options.out.suffix.lower() not in (".csv", ".parquet"):
        raise AudiotagError(f"--out must end in .csv or .parquet, got {options.out}.")
    workspace = Workspace()
    table_options = TableOptions(options.separator, options.file_column, options.label_column)
    dataset = open_and_remember(options.dataset, table_options, options.keep_flagged, workspace)
    with bar("headers", "file") as progress:
        index = scan_headers(dataset, workspace.indexes, progress)
    measuring = MeasurementJob.of(dataset.root, dataset.name, workspace)
    if options.measure:
        _measure(measuring)
    index = with_measures(index, measuring.table())
    problems = faults(dataset, index)
    _write_scan(dataset, index, problems, options)
    table = summary(index)
    if options.json:
        values = {
            "dataset": str(dataset.root),
            "layout": dataset.layout,
            "labels": dataset.labels,
            "subsets": table.to_dict("index"),
            "missing": dataset.missing,
            "problems": problems.to_dict("records"),
        }
        print(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        print(f"{dataset.name}: {dataset.layout}, {len(dataset.labels)} labels\n")
        counts_stay_whole = table.astype(object).T
        print("no clip can be read" if table.empty else counts_stay_whole.to_string(float_format="{:,.2f}".format))
        for sentence in dataset.missing:
            print(sentence, file=sys.stderr)
        of_use = problems["kind"].isin(USED_ALL_THE_SAME)
        for used, what in ((~of_use, "left out"), (of_use, "used, but look at them")):
            reasons = list(problems.loc[used, "what"])
            print_problems(reasons, len(reasons), "--json", what)
    left_out = not problems["kind"].isin(USED_ALL_THE_SAME).all()
    return NOTHING_DONE if table.empty else SOME_FAILED if left_out or dataset.missing else ALL_DONE


def _measure(measuring: MeasurementJob) -> None:
    """Run the second pass and follow it; an interrupt stops it, and what is measured is kept."""
    measuring.start()
    try:
        with bar("measuring", "clip") as progress:
            while measuring.is_active():
                if state := measuring.progress():
                    progress(state["done"], state["total"])
                time.sleep(0.2)
    except KeyboardInterrupt:
        measuring.stop()
        raise
    if measuring.failure():
        raise AudiotagError(measuring.failure())


def _write_scan(dataset: Dataset, index: pd.DataFrame, problems: pd.DataFrame, options: argparse.Namespace) -> None:
    """The files that were asked for: the index as a table, the dashboard as HTML."""
    from audiotag.workspace import write_bytes

    if options.out:
        from audiotag.data.index import write_parquet

        table = index.drop(columns="path")
        if options.out.suffix.lower() == ".parquet":
            write_parquet(table, options.out)
        else:
            flat = table.drop(columns="third_octaves").assign(labels=table["labels"].map(",".join))
            write_bytes(options.out, flat.to_csv(index=False).encode())
    if options.html:
        from audiotag.features.settings import PRESETS
        from audiotag.figures.dashboard import dashboard
        from audiotag.inspection.filters import Filter

        page = dashboard(dataset, index, problems, Filter(), PRESETS["capstone"].clip_s)
        write_bytes(options.html, page.encode())


def app(options: argparse.Namespace) -> int:
    """Serve the app on 127.0.0.1."""
    import socket
    import subprocess

    workspace = Workspace()
    if not workspace.dataset_folders():
        print("First use: rendering the starter sounds.", file=sys.stderr)
        demo(argparse.Namespace(folder=None, seed=2019))
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", options.port)) == 0:
            raise AudiotagError(f"port {options.port} is taken; name another one with --port.")
    # Streamlit looks for .streamlit/config.toml, which binds it to 127.0.0.1, in the folder that it starts in.
    return subprocess.call(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(options.port)],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"AUDIOTAG_HOME": str(workspace.root)},
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="audiotag",
        description="Explore labelled sounds, train an ensemble of folds, tag clips.",
        epilog="Everything is kept in ./workspace, or in the folder that AUDIOTAG_HOME names.",
    )
    parser.add_argument("--version", action="version", version=f"audiotag {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help)
        sub.set_defaults(run=run)
        return sub

    sub = command("demo", demo, "Render the starter sounds: a small labelled dataset, made on this machine.")
    sub.add_argument("folder", nargs="?", type=Path, help="where to (default: in the workspace)")
    sub.add_argument("--seed", type=int, default=2019, help="another seed, other sounds (default: 2019)")

    sub = command("scan", scan, "Say what a dataset holds and what is wrong with it.")
    sub.add_argument("dataset", type=Path, help="its folder, or its CSV or Parquet file")
    sub.add_argument("--file-column", metavar="NAME", help="which column names the files (default: found out)")
    sub.add_argument("--label-column", metavar="NAME", help="which column holds the labels (default: found out)")
    sub.add_argument("--separator", metavar="SIGN", help="what parts the columns of a CSV (default: found out)")
    sub.add_argument(
        "--keep-flagged", action="store_true", help="also use the clips that the dataset's authors marked as wrong"
    )
    sub.add_argument("--keep-condemned", dest="keep_flagged", action="store_true", help=argparse.SUPPRESS)  # until 0.1
    sub.add_argument("--measure", action="store_true", help="decode every clip: levels, loudness, spectra, duplicates")
    sub.add_argument("--out", type=Path, metavar="FILE", help="write a row a clip to a .csv or .parquet file")
    sub.add_argument("--html", type=Path, metavar="FILE", help="write all figures to one HTML file")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")

    sub = command("train", train.train, "Train folds, and follow them; --detach lets them train on alone.")
    train.add_run_options(sub)
    sub.add_argument("--resume", metavar="RUN", help="go on with a run that was stopped, failed or interrupted")
    sub.add_argument("--publish", metavar="NAME", help="make an ensemble of the folds when they are done")
    sub.add_argument("--detach", action="store_true", help="return at once; the Train page shows how it goes")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")

    sub = command("estimate", train.estimate, "Measure a few batches: how long would this training take?")
    train.add_run_options(sub)
    sub.add_argument("--rates", action="store_true", help="look for a good learning rate as well")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")

    sub = command("publish", train.publish, "Make an ensemble of a run's finished folds.")
    sub.add_argument("from_run", metavar="run", help="name of the run")
    sub.add_argument("name", help="name of the ensemble")
    sub.add_argument("--about", default="", help="a sentence for its card")
    sub.add_argument("--licence", default="not stated", help="what its card says of its licence")
    sub.add_argument("--shipped", action="store_true", help="into models/ instead of the workspace")

    tag.add_tag(command("tag", tag.tag, "Tag sound files and folders of sound files."))
    tag.add_submit(command("submit", tag.submit, "Score a dataset's test clips and write a submission."))
    score.add_score(command("score", score.score, score.HELP))
    ablation.add_ablation(commands)

    sub = command("app", app, "Serve the app on 127.0.0.1; renders the starter sounds on first use.")
    sub.add_argument("--port", type=_port, default=8501, help="default: 8501")
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to 65535, got {text}")
    return int(text)
