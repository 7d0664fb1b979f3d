"""The ``audiotag`` command: one sub-command a job, each a thin call into the room that does it.

Exit status: 0 when all was done, 1 when some clips could not be used, 2 when nothing could be done.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag import __version__, cli_training
from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from audiotag.data.dataset import Dataset
    from audiotag.data.measuring import Measuring
    from audiotag.tagging.tagger import Tags

ALL_DONE, SOME_FAILED, NOTHING_DONE = 0, 1, 2
SHOWN_PROBLEMS = 20


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
    from audiotag.data.starter import render_starter

    folder = options.folder or Workspace().starter
    began = time.monotonic()
    with _bar("starter sounds", "clip") as progress:
        render_starter(folder, seed=options.seed, progress=progress)
    print(f"{folder} is ready ({time.monotonic() - began:.0f} s). Next: audiotag app, or audiotag train {folder}")
    return ALL_DONE


def scan(options: argparse.Namespace) -> int:
    """Say what a dataset holds."""
    from audiotag.data.faults import USED_ALL_THE_SAME, faults
    from audiotag.data.index import scan as scan_headers
    from audiotag.data.measuring import Measuring, with_measures
    from audiotag.data.remembered import open_and_remember
    from audiotag.data.statistics import summary
    from audiotag.data.tables import TableOptions

    if options.out and options.out.suffix.lower() not in (".csv", ".parquet"):
        raise AudiotagError(f"--out must end in .csv or .parquet, got {options.out}.")
    workspace = Workspace()
    table_options = TableOptions(options.separator, options.file_column, options.label_column)
    dataset = open_and_remember(options.dataset, table_options, options.keep_condemned, workspace)
    with _bar("headers", "file") as progress:
        index = scan_headers(dataset, workspace.indexes, progress)
    measuring = Measuring.of(dataset.root, dataset.name, workspace)
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
        _print_problems(list(problems.loc[~of_use, "what"]), SHOWN_PROBLEMS)
        _print_problems(list(problems.loc[of_use, "what"]), SHOWN_PROBLEMS, "used, but look at them")
    left_out = not problems["kind"].isin(USED_ALL_THE_SAME).all()
    return NOTHING_DONE if table.empty else SOME_FAILED if left_out or dataset.missing else ALL_DONE


def _measure(measuring: Measuring) -> None:
    """Run the second pass and follow it; an interrupt stops it, and what is measured is kept."""
    measuring.start()
    try:
        with _bar("measuring", "clip") as progress:
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
        from audiotag.data.filters import Filter
        from audiotag.figures.dashboard import dashboard
        from audiotag.sound.settings import PRESETS

        page = dashboard(dataset, index, problems, Filter(), PRESETS["capstone"].clip_s)
        write_bytes(options.html, page.encode())


def tag(options: argparse.Namespace) -> int:
    """Tag clips."""
    if options.out:
        _check_out(options.out)
    from audiotag.sound.audio import READABLE
    from audiotag.tagging.settings import TagSettings
    from audiotag.tagging.tagger import Tagger

    tagger = Tagger(_ensemble_folder(options.ensemble), TagSettings(folds=options.folds))
    paths = _sound_files(options.paths)
    if not paths:
        raise AudiotagError(f"no sound files in {', '.join(map(str, options.paths))}; {READABLE} are read.")
    results, problems = [], []
    with _bar("clips", "clip") as progress:
        for done, path in enumerate(paths, start=1):
            try:
                result = tagger.tag(path)
            except (AudiotagError, OSError) as error:
                problems.append(str(error))
            else:
                results.append((path, result))
            if len(paths) > 1:
                progress(done, len(paths))
    rows = [_tag_row(path, tags, options.paths) for path, tags in results]
    if options.out:
        _write_tags(options.out, rows, tagger.card.labels)
    if options.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    elif not options.out:
        for _, tags in results:
            shown = ", ".join(f"{t.label} {t.score:.2f} ({t.folds_agreeing} of {tags.folds} folds)" for t in tags.tags)
            print(f"{tags.name}: {shown or 'nothing I know'}")
            for note in tags.notes:
                print(f"  {note}")
    _print_problems(problems, len(problems))
    return SOME_FAILED if problems and results else NOTHING_DONE if problems else ALL_DONE


def score(options: argparse.Namespace) -> int:
    """Score a submission against the truth."""
    from audiotag.scoring import score_submission

    result = score_submission(options.submission, options.truth)
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
        print(json.dumps(values, indent=2, ensure_ascii=False))
        return ALL_DONE
    print(f"lwlrap {result.lwlrap:.5f} on {result.clips} clips, accuracy {result.accuracy:.5f}")
    for name, (clips, value) in result.per_split.items():
        print(f"  {name}: {value:.5f} on {clips} clips")
    for note in result.notes:
        print(note)
    print()
    print(per_class.to_string(float_format=lambda value: f"{value:.4f}"))
    return ALL_DONE


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
        cwd=Path(__file__).parent.parent,
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
    sub.add_argument("--keep-condemned", action="store_true", help="keep clips that the dataset's own notes condemn")
    sub.add_argument("--measure", action="store_true", help="decode every clip: levels, loudness, spectra, duplicates")
    sub.add_argument("--out", type=Path, metavar="FILE", help="write a row a clip to a .csv or .parquet file")
    sub.add_argument("--html", type=Path, metavar="FILE", help="write all figures to one HTML file")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")

    sub = command("train", cli_training.train, "Train folds, and follow them; --detach lets them train on alone.")
    cli_training.add_choices(sub)
    sub.add_argument("--resume", metavar="RUN", help="go on with a run that was stopped, failed or interrupted")
    sub.add_argument("--publish", metavar="NAME", help="make an ensemble of the folds when they are done")
    sub.add_argument("--detach", action="store_true", help="return at once; the Train page shows how it goes")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")

    sub = command("estimate", cli_training.estimate, "Measure a few batches: how long would this training take?")
    cli_training.add_choices(sub)
    sub.add_argument("--rates", action="store_true", help="look for a good learning rate as well")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")

    sub = command("publish", cli_training.publish, "Make an ensemble of a run's finished folds.")
    sub.add_argument("from_run", metavar="run", help="name of the run")
    sub.add_argument("name", help="name of the ensemble")
    sub.add_argument("--about", default="", help="a sentence for its card")
    sub.add_argument("--licence", default="not stated", help="what its card says of its licence")
    sub.add_argument("--shipped", action="store_true", help="into models/ instead of the workspace")

    sub = command("tag", tag, "Tag clips, or folders of clips.")
    sub.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="sound files or folders")
    sub.add_argument("--ensemble", default="starter", help="name or folder of the ensemble (default: starter)")
    sub.add_argument("--folds", type=_numbers, default=(), metavar="1,2,…", help="use only these of its folds")
    sub.add_argument("--out", type=Path, metavar="FILE", help="write all scores to a .csv or .json file")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")

    sub = command("score", score, "Score a submission against the truth.")
    sub.add_argument("submission", type=Path, help="CSV of a file column and a column of scores a label")
    sub.add_argument("--truth", type=Path, required=True, help="CSV of a file column and a label column")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")

    sub = command("app", app, "Serve the app on 127.0.0.1; renders the starter sounds on first use.")
    sub.add_argument("--port", type=_port, default=8501, help="default: 8501")
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to 65535, got {text}")
    return int(text)


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be numbers with commas between, like 1,2, got {text}") from None
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"folds are counted from 1, got {min(numbers)}")
    return numbers


def _ensemble_folder(name: str) -> Path:
    known = Workspace().ensemble_folders()
    if name in known:
        return known[name]
    if Path(name).is_dir():
        return Path(name)
    raise AudiotagError(f"there is no ensemble named {name}; there are {', '.join(known) or 'none'}.")


def _sound_files(paths: list[Path]) -> list[Path]:
    from audiotag.sound.audio import SUFFIXES

    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        else:
            files.append(path)  # named by hand, so whatever is wrong with it is said
    return files


def _tag_row(path: Path, tags: Tags, given: list[Path]) -> dict[str, Any]:
    folder = next((folder for folder in given if folder in path.parents), path.parent)
    return {
        "clip": str(path.relative_to(folder)),  # as the tables of a dataset name it
        "path": str(path),
        "tags": [{"label": tag.label, "score": round(tag.score, 4), "folds": tag.folds_agreeing} for tag in tags.tags],
        "scores": {tag.label: round(tag.score, 4) for tag in tags.ranking},
        "notes": list(tags.notes),
    }


def _check_out(out: Path) -> None:
    """Refuse what cannot be written before hours are spent on tagging."""
    if out.suffix.lower() not in (".csv", ".json"):
        raise AudiotagError(f"--out must end in .csv or .json, got {out.name}.")
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.is_dir() or not os.access(out.parent, os.W_OK):
        raise AudiotagError(f"--out cannot be written to {out}; choose another place.")


def _write_tags(out: Path, rows: list[dict[str, Any]], labels: tuple[str, ...]) -> None:
    from audiotag.workspace import write_bytes, write_json

    if out.suffix.lower() == ".json":
        write_json(out, rows)
        return
    import io

    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["fname", *labels, "tags"])
    for row in rows:
        tags = ",".join(tag["label"] for tag in row["tags"])
        writer.writerow([row["clip"], *(row["scores"][label] for label in labels), tags])
    write_bytes(out, text.getvalue().encode())


def _print_problems(reasons: list[str], shown: int, what: str = "left out") -> None:
    if reasons:
        print(f"\n{len(reasons)} {what}:", file=sys.stderr)
        for reason in reasons[:shown]:
            print(f"  {reason}", file=sys.stderr)
        if len(reasons) > shown:
            print(f"  … and {len(reasons) - shown} more; --json lists all.", file=sys.stderr)


@contextmanager
def _bar(what: str, unit: str):  # type: ignore[no-untyped-def]
    """A progress bar on standard error, as a callable (done, total)."""
    from tqdm import tqdm

    with tqdm(desc=what, unit=unit, disable=None, leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress
