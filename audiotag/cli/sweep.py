"""The command ``audiotag sweep``: train combinations of settings on the same folds, and print which are best."""

from __future__ import annotations

import argparse
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from audiotag.cli.arguments import add_on_option
from audiotag.cli.exit_codes import ALL_DONE, NOTHING_DONE
from audiotag.cli.printing import print_json, print_line, say
from audiotag.cli.train import add_run_options, run_options_of
from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.training.leader_board import Entry, LeaderBoard
    from audiotag.training.sweeps import Sweep, SweepSettings

HELP = "Train combinations of settings on the same folds, and rank them by lwlrap: the settings leader board."
POLL_S = 0.5
MAX_NAME_WIDTH = 60
NO_FIGURE = "–"


def add_sweep(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag sweep``."""
    add_run_options(sub)
    add_on_option(sub)
    add = sub.add_argument
    add(
        "--vary",
        action="append",
        default=[],
        metavar="FIELD=VALUE,VALUE",
        help="a field and its values, such as n_mels=64,128, network.width=0.25,0.5, preset=capstone,argus or "
        "learning_rate=1e-3,3e-3; given several times, all combinations are trained",
    )
    add("--list", action="store_true", help="list the sweeps of the workspace, the newest first; trains nothing")
    add(
        "--table",
        nargs="?",
        const="",
        metavar="NAME",
        help="print the leader board of a sweep as it is now (default: the newest); trains nothing",
    )
    add("--detach", action="store_true", help="return at once; the Spectrogram page shows the progress")
    add("--json", action="store_true", help="print the result as JSON")


def sweep(options: argparse.Namespace) -> int:
    """Train what is missing of a sweep, show its progress, and print the leader board; or only print."""
    from audiotag.training.sweeps import SweepSettings, find_or_create_sweep, find_sweep, list_sweeps

    workspace = Workspace()
    if options.list:
        _print_list(list_sweeps(workspace), options.json)
        return ALL_DONE
    if options.table is not None:
        _print_board(find_sweep(workspace, options.table), options.json)
        return ALL_DONE
    from audiotag.training.sweep_settings import parse_varied

    if not options.vary:
        raise AudiotagError("nothing is varied; say what to compare, such as --vary n_mels=64,128.")
    settings = SweepSettings.of(run_options_of(options), parse_varied(options.vary), workspace)
    found, is_new = find_or_create_sweep(settings, workspace)
    _say_before(found, settings, is_new)
    found.start()
    if options.detach:
        print_line(found.name)
        return ALL_DONE
    _follow(found)
    if failure := found.failure():
        say(f"audiotag: {failure}")
    elif found.missing():
        say("audiotag: the sweep was stopped. The same command trains only what is missing.")
    _print_board(found, options.json)
    return NOTHING_DONE if found.missing() else ALL_DONE


def _say_before(sweep: Sweep, settings: SweepSettings, is_new: bool) -> None:
    """Say how many runs there are, where, and about how long they will take."""
    from audiotag.training.run_blocking import run_notes
    from audiotag.training.sweep_estimate import estimate_sweep
    from audiotag.wording import format_duration

    for sentence in run_notes(settings.options, sweep.workspace):
        say(sentence)
    missing, count = sweep.missing(), len(settings.runs)
    say(f"{count} runs: " + " × ".join(map(str, settings.varied)))
    if not is_new:
        say(f"this sweep exists already: {count - len(missing)} of {count} runs are finished.")
    say(f"sweep {sweep.name} in {sweep.folder}")
    if missing and not sweep.is_active() and not settings.options.on:  # how fast a cluster is cannot be measured here
        try:
            seconds = estimate_sweep(sweep)
        except AudiotagError as error:
            say(f"how long it takes is not known before it starts: {error}")
        else:
            say(f"about {format_duration(seconds)} in all, by a few batches of one run as this machine is now")


def _follow(sweep: Sweep) -> None:
    """Print a line per finished run, and a bar of epochs, until the sweep ends; Ctrl-C asks it to stop."""
    from tqdm import tqdm

    printed: set[int] = set()
    with tqdm(desc="epochs", unit="epoch", disable=None, leave=False) as bar:
        try:
            while True:
                active = sweep.is_active()
                _print_finished(sweep, printed, bar)
                if state := sweep.progress():
                    bar.total = state["total"]
                    bar.update(state["done"] - bar.n)
                if not active:
                    return
                time.sleep(POLL_S)
        except KeyboardInterrupt:
            say("stopping after this batch …", bar)
            sweep.stop()
            with suppress(KeyboardInterrupt):
                while sweep.is_active():
                    time.sleep(POLL_S / 2)


def _print_finished(sweep: Sweep, printed: set[int], bar: Any) -> None:
    from statistics import fmean

    settings = sweep.settings()
    for number, run in sweep.runs().items():
        if number not in printed and run.state() == "finished":
            printed.add(number)
            folds = [event["lwlrap"] for event in run.events() if event["event"] == "fold-finished"]
            mean = f"{fmean(folds):.4f}" if folds else NO_FIGURE
            name = settings.runs[number - 1].name
            say(f"run {number} of {len(settings.runs)}, {name}: mean lwlrap of its folds {mean} ({run.name})", bar)


def _print_list(sweeps: list[Sweep], as_json: bool) -> None:
    rows: list[dict[str, Any]] = []
    for each in sweeps:
        try:
            settings = each.settings()
        except AudiotagError as error:
            say(f"audiotag: {error}")
            continue
        finished = len(settings.runs) - len(each.missing())
        rows.append(
            {
                "sweep": each.name, "dataset": settings.options.dataset, "recipe": settings.options.recipe,
                "vary": [str(varied) for varied in settings.varied], "runs": len(settings.runs),
                "finished": finished, "is_running": each.is_active(),
            }
        )  # fmt: skip
    if as_json:
        print_json(rows)
        return
    for row in rows:
        running = ", running" if row["is_running"] else ""
        print_line(
            f"{row['sweep']}  {row['finished']} of {row['runs']} runs{running}  {' × '.join(row['vary'])}  "
            f"{row['dataset']}"
        )
    if not rows:
        say("there are no sweeps yet; start one with audiotag sweep DATASET --vary n_mels=64,128.")


def _print_board(sweep: Sweep, as_json: bool) -> None:
    from audiotag.training.leader_board import leader_board

    board = leader_board(sweep)
    if as_json:
        print_json(board.to_dict())
        return
    _print_entries(board)
    print_line()
    for sentence in (*board.findings, *board.cautions):
        print_line(sentence)
    for entry in board.entries:
        if entry.problem:
            print_line(f"{entry.name} is not ranked: {entry.problem}")


def _print_entries(board: LeaderBoard) -> None:
    rows = [_columns(entry) for entry in board.entries]
    title = (
        "rank", "settings", "lwlrap", "95 % interval", "against the best", "95 % interval", "", "s per fold", "input",
        "parameters", "GMAC",
    )  # fmt: skip
    widths = [max(len(row[at]) for row in (title, *rows)) for at in range(len(title))]
    for row in (title, *rows):
        print_line("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _columns(entry: Entry) -> tuple[str, ...]:
    placed = entry.placed
    name = entry.name if len(entry.name) <= MAX_NAME_WIDTH else entry.name[: MAX_NAME_WIDTH - 1] + "…"
    figures = [NO_FIGURE] * 5
    if placed is not None:
        against = placed.against_best
        figures = [
            str(placed.rank),
            f"{placed.lwlrap:.4f}",
            "" if placed.low != placed.low else f"{placed.low:.4f} to {placed.high:.4f}",
            "" if against is None else f"{against.difference:+.4f}",
            "" if against is None or against.low != against.low else f"{against.low:+.4f} to {against.high:+.4f}",
        ]
    return (
        figures[0],
        name,
        *figures[1:],
        entry.conclusion,
        NO_FIGURE if entry.fold_s is None else f"{entry.fold_s:.1f}",
        entry.input_text,
        NO_FIGURE if entry.parameters is None else f"{entry.parameters:,}",
        NO_FIGURE if entry.macs is None else f"{entry.macs / 1e9:.3g}",
    )
