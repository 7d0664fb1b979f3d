"""The ``audiotag`` command: parse the arguments and run one sub-command.

Exit status: 0 if everything was done, 1 if some clips could not be used, 2 if nothing could be done, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from audiotag import __version__
from audiotag.cli import ablation, app, dataset, score, tag, train
from audiotag.cli.exit_codes import NOTHING_DONE
from audiotag.cli.printing import accept_every_character, say
from audiotag.errors import AudiotagError
from audiotag.wording import printable

INTERRUPTED = 130  # as shells report a program that Ctrl-C ended


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit with its status.

    Parameters
    ----------
    arguments : list[str], optional
        By default the arguments of the command line.
    """
    accept_every_character()
    options = build_parser().parse_args(arguments)
    try:
        status = options.run(options)
    except AudiotagError as error:
        say(f"audiotag: {error}")
        status = NOTHING_DONE
    except OSError as error:
        say(f"audiotag: {error.filename or 'the system'}: {error.strerror or error}.")
        status = NOTHING_DONE
    except KeyboardInterrupt:
        say("audiotag: stopped.")
        status = INTERRUPTED
    sys.exit(status)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(printable(message))  # it quotes arguments, which a shell's wildcard may have filled in


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; a command's function is the attribute ``run`` of the parsed options."""
    parser = _Parser(
        prog="audiotag",
        description="Explore labelled sounds, train an ensemble of folds, tag clips.",
        epilog="Runs, ensembles, indexes and settings are stored in ./workspace, or in the folder that AUDIOTAG_HOME "
        "names.",
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
    sub.add_argument("--resume", metavar="RUN", help="continue a run that was stopped, failed or interrupted")
    sub.add_argument("--publish", metavar="NAME", help="publish the folds as an ensemble when they are trained")
    sub.add_argument("--detach", action="store_true", help="return at once; the Train page shows the progress")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")

    sub = command("estimate", train.estimate, "Measure a few batches, and estimate how long the training takes.")
    train.add_run_options(sub)
    sub.add_argument("--rates", action="store_true", help="also suggest a learning rate")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")

    sub = command("publish", train.publish, "Publish the finished folds of a run as an ensemble.")
    sub.add_argument("from_run", metavar="run", help="name of the run")
    sub.add_argument("name", help="name of the ensemble")
    sub.add_argument("--about", default="", help="a sentence for its card")
    sub.add_argument("--licence", default="not stated", help="licence for its card (default: not stated)")
    sub.add_argument("--shipped", action="store_true", help="publish into models/ instead of the workspace")

    tag.add_tag(command("tag", tag.tag, "Tag sound files and folders of sound files."))
    tag.add_submit(command("submit", tag.submit, "Score a dataset's test clips and write a submission."))
    score.add_score(command("score", score.score, score.HELP))
    ablation.add_ablation(commands)
    app.add_app(
        command(
            "app",
            app.app,
            "Serve the app on 127.0.0.1; if no dataset has been opened yet, render the starter sounds first.",
        )
    )
    return parser
