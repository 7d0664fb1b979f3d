"""The commands that train: ``audiotag train``, ``estimate`` and ``publish``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag.cli.arguments import whole_numbers
from audiotag.cli.exit_codes import ALL_DONE, NOTHING_DONE
from audiotag.errors import AudiotagError
from audiotag.workspace import SHIPPED_MODELS, Workspace

if TYPE_CHECKING:
    from audiotag.training.run_options import RunOptions
    from audiotag.training.runs import Run

LOOK_EVERY_S = 0.5


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Options that are the fields of `audiotag.training.run_options.RunOptions`."""
    add = parser.add_argument
    add("dataset", nargs="?", type=Path, help="folder or CSV (default: the starter sounds)")
    add("--recipe", default="quick", help="name of a shipped recipe, or a .toml file (default: quick)")
    add("--preset", default="", metavar="NAME", help="spectrogram settings, instead of the recipe's own")
    add("--folds", type=whole_numbers, default=(), metavar="1,2,…", help="only these folds (default: all)")
    add("--epochs", type=whole_numbers, default=(), metavar="N[,N,…]", help="for all stages, or one number a stage")
    add("--fraction", type=float, metavar="SHARE", help="use this share of the training clips, above 0 to 1")
    add("--balance", type=float, metavar="POWER", help="0 takes each clip once an epoch, 1 evens the labels out")
    add("--seed", type=int, help="of folds, weights, order, crops and augmentation")
    add("--hold-out", type=int, metavar="FOLD", help="leave this fold of the dataset out, for testing")
    add("--device", default="", help="cpu, cuda, cuda:1, mps, or several with commas between (default: the best)")


def run_options_of(options: argparse.Namespace) -> RunOptions:
    """What the options say, the dataset and folds checked."""
    from audiotag.data.layouts import absolute
    from audiotag.training.run_options import RunOptions

    workspace = Workspace()
    if options.dataset is None and not workspace.starter.exists():
        raise AudiotagError("there are no starter sounds yet; run audiotag demo first, or name a dataset.")
    return RunOptions(
        dataset=str(absolute(options.dataset or workspace.starter)),
        recipe=options.recipe,
        preset=options.preset,
        folds=tuple(sorted(set(options.folds))),
        epochs=options.epochs,
        fraction=options.fraction,
        balance=options.balance,
        seed=options.seed,
        held_out=options.hold_out,
        device=options.device,
    )


def train(options: argparse.Namespace) -> int:
    """Train folds in a detached worker, and follow it."""
    from audiotag.training.publish import check_name
    from audiotag.training.publish import publish as publish_run

    workspace = Workspace()
    if options.publish:
        check_name(options.publish, workspace.ensembles)  # before the work, not after it
    run = _resumed(options) if options.resume else _begun(options)
    run.start()
    print(f"run {run.name} in {run.folder}", file=sys.stderr)
    if options.detach:
        print(run.name)
        return ALL_DONE
    _follow(run)
    state = run.state()
    if state != "finished":
        how = f"audiotag train --resume {run.name} goes on from its last epoch."
        print(f"audiotag: the run {state}. {run.reason()} {how}".replace("  ", " "), file=sys.stderr)
        return NOTHING_DONE
    folds = list({event["fold"]: event for event in run.events() if event["event"] == "fold-finished"}.values())
    mean = sum(event["lwlrap"] for event in folds) / len(folds)
    if options.json:
        print(json.dumps({"run": run.name, "mean_lwlrap": mean, "folds": folds}, indent=2))
    else:
        for event in folds:
            print(f"fold {event['fold']}: lwlrap {event['lwlrap']:.4f}, accuracy {event['accuracy']:.4f}")
        of = "the fold" if len(folds) == 1 else f"{len(folds)} folds"
        print(f"mean lwlrap of {of}, on clips never seen: {mean:.4f}")
    if options.publish:
        folder = publish_run(run, options.publish, workspace.ensembles)
        print(f"ensemble {options.publish} is in {folder}", file=sys.stderr)
    return ALL_DONE


def estimate(options: argparse.Namespace) -> int:
    """Measure a few batches, and say how long the training would take."""
    from audiotag.training.estimate import Estimate
    from audiotag.wording import format_duration

    workspace = Workspace()
    probe = Estimate.of(run_options_of(options).settings(workspace), workspace)
    probe.start(rates=options.rates)
    while probe.is_active():
        time.sleep(LOOK_EVERY_S)
    result = probe.result()
    if probe.problem() or result is None:
        raise AudiotagError(probe.problem() or "the measurement was cut off; try it again.")
    if options.json:
        print(json.dumps(result, indent=2))
        return ALL_DONE
    batches = ", ".join(f"{count} of {s:.3g} s" for count, s in zip(result["batches"], result["batch_s"], strict=True))
    print(f"about {format_duration(result['total_s'])}; batches an epoch: {batches}")
    if options.rates:
        found = result["suggested_lr"]
        advice = f"about {found:.1e}" if found else "none, for the loss never fell"
        print(f"learning rate: {advice}; the recipe's is {result['lr']:g}")
    return ALL_DONE


def publish(options: argparse.Namespace) -> int:
    """Turn a run's finished folds into an ensemble."""
    from audiotag.training.publish import publish as publish_run
    from audiotag.training.runs import find_run

    workspace = Workspace()
    parent = SHIPPED_MODELS if options.shipped else workspace.ensembles
    run = find_run(workspace, options.from_run)
    folder = publish_run(run, options.name, parent, about=options.about, licence=options.licence)
    print(f"ensemble {options.name} is in {folder}")
    return ALL_DONE


def _begun(options: argparse.Namespace) -> Run:
    from audiotag.data.saved_options import open_remembered
    from audiotag.training.folds import check_folds
    from audiotag.training.runs import create_run

    workspace = Workspace()
    choices = run_options_of(options)
    dataset = open_remembered(Path(choices.dataset), workspace)
    settings = choices.settings(workspace)
    check_folds(dataset, settings.recipe, settings.folds, settings.held_out)
    run = create_run(workspace, settings)
    workspace.remember_dataset(dataset.root)
    return run


def _resumed(options: argparse.Namespace) -> Run:
    from audiotag.training.runs import find_run

    if options.dataset is not None:
        raise AudiotagError("a run that is resumed keeps its dataset and settings; leave the dataset away.")
    return find_run(Workspace(), options.resume)


def _follow(run: Run) -> None:
    """A line for each epoch and a bar for the one in training, until the run ends; Ctrl-C asks it to stop."""
    from tqdm import tqdm

    from audiotag.training.runs import epochs_done

    printed = len(epochs_done(run.events()))
    with tqdm(disable=None, leave=False, bar_format="{desc} {percentage:3.0f}% |{bar}| {postfix}") as bar:
        try:
            while True:
                active = run.is_active()
                epochs = epochs_done(run.events())
                for event in epochs[printed:]:
                    bar.write(_line(event), file=sys.stderr)
                printed = len(epochs)
                _show(bar, run)
                if not active:
                    return
                time.sleep(LOOK_EVERY_S)
        except KeyboardInterrupt:
            bar.write("stopping after this batch …", file=sys.stderr)
            run.stop()
            with suppress(KeyboardInterrupt):
                while run.is_active():
                    time.sleep(LOOK_EVERY_S / 2)


def _show(bar: Any, run: Run) -> None:
    from audiotag.training.runs import work_left
    from audiotag.wording import format_duration

    state = run.state()
    if state == "queued":
        bar.set_description_str("waits for the device")
    for at in run.progress()[:1]:
        bar.total, bar.n = at["batches"], at["batch"]
        left_s = work_left(run.events())
        bar.set_description_str(f"fold {at['fold']}, {at['subset']}, epoch {at['epoch']}/{at['epochs']}, {at['phase']}")
        bar.set_postfix_str(
            f"loss {at['loss']:.4f}" + (f", {format_duration(left_s)} left" if left_s is not None else "")
        )
    bar.refresh()


def _line(event: dict[str, Any]) -> str:
    beside = event.get("curated_lwlrap")
    return (
        f"fold {event['fold']}  {event['subset']:8} epoch {event['epoch']:3}  lwlrap {event['lwlrap']:.4f}"
        + (f" (curated {beside:.4f})" if beside is not None else "")
        + f"  loss {event['train_loss']:.4f}  {event['seconds']:.1f} s"
    )
