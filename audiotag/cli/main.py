"""The ``audiotag`` command: parse the arguments, run one sub-command, and exit with its status (`exit_codes`).

However it ends, the user sees a sentence: a traceback goes into a log file.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from audiotag.cli import (
    ablation,
    app,
    blend,
    compare,
    corrections,
    dataset,
    distil,
    doubts,
    duplicates,
    embed,
    estimate,
    explain,
    export,
    overlap,
    report,
    score,
    splits,
    sweep,
    tag,
    train,
    trust,
    watch,
)
from audiotag.cli.arguments import add_on_option, list_remote_paths
from audiotag.cli.exit_codes import MEANINGS, NOTHING_DONE, SIGNALLED, UNEXPECTED_ERROR, Terminated
from audiotag.cli.printing import accept_every_character, say
from audiotag.crash_log import log_file, start_log, unexpected, watch_for_crashes
from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.leftovers import sweep_workspace
from audiotag.state import print_sentences
from audiotag.version import __version__
from audiotag.wording import printable
from audiotag.workspace import Workspace

INTERRUPTED = SIGNALLED + signal.SIGINT
BROKEN_PIPE = SIGNALLED + 13  # SIGPIPE, which Windows does not have


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit with its status.

    Parameters
    ----------
    arguments : list[str], optional
        By default the arguments of the command line.
    """
    accept_every_character()
    try:
        options = build_parser().parse_args(arguments)
    except SystemExit as ended:  # --help, --version, or an argument that is wrong
        sys.exit(_flushed(ended.code))
    except OSError as error:  # of --help; later versions of argparse hide it, and then the flush finds it
        sys.exit(_not_printed(error, 0))
    start_log()
    try:
        with _end_cleanly_when_terminated(), watch_for_crashes(_say), print_sentences():
            status = _run(options)
    except Terminated as ended:
        _say("stopped.")
        status = SIGNALLED + int(ended.args[0])
    sys.exit(_flushed(status))


def _flushed(status: Any) -> Any:
    """Write out what is still to be printed, because Python's own last flush would report a reader that has ended.

    Returns
    -------
    int or str or None
        The exit status given, or `BROKEN_PIPE`.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        return _not_printed(error, status)
    return status


def _not_printed(error: OSError, status: Any) -> Any:
    """The exit status where the output cannot be written; says why, unless nobody reads it or a failure was said."""
    _discard_output()
    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE
    if status:
        return status
    _say(disk_problem(error))
    return NOTHING_DONE


def _run(options: argparse.Namespace) -> int:
    """Run a command; returns its exit status, whatever it raises."""
    try:
        sweep_workspace(Workspace().root)
        list_remote_paths(options)
        status: int = options.run(options)
        sys.stdout.flush()  # here, so that a reader that has ended is found out
    except AudiotagError as error:
        _say(str(error))
        status = NOTHING_DONE
    except BrokenPipeError as error:  # as in `audiotag tag … | head`
        return _not_printed(error, 0)
    except OSError as error:
        _say(disk_problem(error))
        status = NOTHING_DONE
    except KeyboardInterrupt:
        _say("stopped.")
        return INTERRUPTED
    except Exception as error:
        _say(unexpected("the command", error))
        return UNEXPECTED_ERROR
    if path := log_file():
        _say(f"details of what was not expected are in {path}.")
    return status


def _say(sentence: str) -> None:
    with suppress(OSError):  # nobody reads it any more
        say(f"audiotag: {sentence}")


def _discard_output() -> None:
    """Let Python's last flush succeed although nobody reads standard output."""
    with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


@contextmanager
def _end_cleanly_when_terminated() -> Iterator[None]:
    """Inside the context SIGTERM and SIGHUP unwind the command as Ctrl-C does; a run in the background continues."""

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second one ends the command at once
        raise Terminated(number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    if threading.current_thread() is not threading.main_thread():
        before = {}
    ours = [number for number, handler in before.items() if handler is signal.SIG_DFL]  # nohup ignores SIGHUP
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(printable(message))  # it quotes arguments, which a shell's wildcard may have filled in


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; a command's function is the attribute ``run`` of the parsed options."""
    parser = _Parser(
        prog="audiotag",
        description="Explore labelled sounds, train an ensemble of folds, tag clips.",
        epilog="Runs, ensembles, indexes and settings are stored in ./workspace, or in the folder that AUDIOTAG_HOME "
        f"names. {MEANINGS}",
    )
    parser.add_argument("--version", action="version", version=f"audiotag {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help)
        sub.set_defaults(run=run)
        return sub

    dataset.add_demo(
        command("demo", dataset.demo, "Render the starter sounds: a small labelled dataset, made on this machine.")
    )
    dataset.add_scan(command("scan", dataset.scan, "Print what a dataset contains and what is wrong with it."))

    sub = command("train", train.train, "Train folds and show their progress; with --detach, in the background.")
    train.add_run_options(sub)
    add_on_option(sub)
    sub.add_argument("--resume", metavar="RUN", help="continue a run that was stopped, failed or interrupted")
    sub.add_argument("--publish", metavar="NAME", help="publish the folds as an ensemble when they are trained")
    train.add_noise_gate_switch(sub)
    sub.add_argument("--detach", action="store_true", help="return at once; the Train page shows the progress")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")

    sub = command("estimate", estimate.estimate, "Measure a few batches, and estimate how long the training takes.")
    train.add_run_options(sub)
    sub.add_argument("--rates", action="store_true", help="also suggest a learning rate")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")

    sweep.add_sweep(command("sweep", sweep.sweep, sweep.HELP))
    splits.add_splits(command("splits", splits.splits, splits.HELP))

    sub = command("publish", train.publish, "Publish the finished folds of a run as an ensemble.")
    sub.add_argument("from_run", metavar="run", help="name of the run")
    sub.add_argument("name", help="name of the ensemble")
    sub.add_argument("--about", default="", help="a sentence for its card")
    sub.add_argument("--licence", default="not stated", help="licence for its card (default: not stated)")
    sub.add_argument(
        "--weights",
        choices=("last", "best"),
        help="the weights of each fold's last epoch, or of the one that was best on its held-out clips, whose figures "
        "are too high for new clips (default: as the recipe says)",
    )
    sub.add_argument("--shipped", action="store_true", help="publish into models/ instead of the workspace")
    train.add_noise_gate_switch(sub)

    blend.add_blend(command("blend", blend.blend, blend.HELP))
    distil.add_distil(command("distil", distil.distil, distil.HELP))
    compare.add_compare(command("compare", compare.compare, compare.HELP))
    report.add_report(command("report", report.report, report.HELP))
    corrections.add_corrections(command("corrections", corrections.corrections, corrections.HELP))
    tag.add_tag(command("tag", tag.tag, "Tag sound files and folders of sound files."))
    watch.add_watch(command("watch", watch.watch, watch.HELP))
    explain.add_explain(command("explain", explain.explain, explain.HELP))
    embed.add_embed(command("embed", embed.embed, embed.HELP))
    export.add_export(command("export", export.export, export.HELP))
    tag.add_submit(command("submit", tag.submit, "Score a dataset's test clips and write a submission."))
    score.add_score(command("score", score.score, score.HELP))
    doubts.add_doubts(command("doubts", doubts.doubts, doubts.HELP))
    duplicates.add_duplicates(command("duplicates", duplicates.duplicates, duplicates.HELP))
    trust.add_trust(command("trust", trust.trust, trust.TRUST_HELP))
    trust.add_noise_gate(command("noise-gate", trust.noise_gate, trust.GATE_HELP))
    trust.add_familiarity(command("familiarity", trust.familiarity, trust.FAMILIARITY_HELP))
    overlap.add_overlap(command("overlap", overlap.overlap, overlap.HELP))
    ablation.add_ablation(commands)
    app.add_app(
        command(
            "app",
            app.app,
            "Serve the app to this machine; if no dataset has been opened yet, render the starter sounds meanwhile.",
        )
    )
    return parser
