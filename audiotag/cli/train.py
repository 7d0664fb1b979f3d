"""The commands that train: ``audiotag train`` and ``publish``."""

from __future__ import annotations

import argparse
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag.cli.arguments import local_or_remote_path, whole_numbers
from audiotag.cli.exit_codes import ALL_DONE, NOTHING_DONE, SOME_FAILED
from audiotag.cli.printing import print_json, print_line, say
from audiotag.cli.progress import preparation_lines, print_problems
from audiotag.errors import AudiotagError
from audiotag.wording import printable
from audiotag.workspace import SHIPPED_MODELS, Workspace

if TYPE_CHECKING:
    from audiotag.training.run_options import RunOptions
    from audiotag.training.runs import Run

POLL_S = 0.5
MAX_LEFT_OUT = 10  # clips whose reasons are printed


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that are the fields of `audiotag.training.run_options.RunOptions`."""
    add = parser.add_argument
    add(
        "dataset",
        nargs="?",
        type=local_or_remote_path,
        help="folder or table of the dataset, also by an address like s3://bucket/sounds (default: the starter sounds)",
    )
    add("--recipe", default="quick", help="name of a shipped recipe, or a .toml file (default: quick)")
    add("--preset", default="", metavar="NAME", help="name of spectrogram settings that replace the recipe's")
    add("--folds", type=whole_numbers, default=(), metavar="1,2,…", help="train only these folds (default: all)")
    add(
        "--epochs",
        type=whole_numbers,
        default=(),
        metavar="N[,N,…]",
        help="for all stages, or one number per stage",
    )
    add("--fraction", type=float, metavar="SHARE", help="train on this share of the clips, or of the draws")
    add(
        "--balance",
        type=float,
        metavar="POWER",
        help="0 uses each clip once per epoch; 1 balances the labels",
    )
    add(
        "--learning-rate",
        type=float,
        metavar="RATE",
        help="highest learning rate of the last stage that leaves out no augmentation, above 0 to 1; the other stages "
        "keep their ratio to it",
    )
    add("--seed", type=int, help="seed of folds, weights, order, crops and augmentation")
    add("--hold-out", type=int, metavar="FOLD", help="leave out this one of the dataset's own folds, for testing")
    add(
        "--folds-from",
        choices=("dataset", "recipe"),
        default="dataset",
        help="use the dataset's own folds if it has any, or folds that the recipe draws, which keep recordings and "
        "copies of a sound together (default: dataset)",
    )
    add(
        "--keep-together",
        type=_kinds,
        metavar="KIND[,KIND]",
        help="names, near-duplicates, both or none: folds that the recipe draws also keep together clips whose names "
        "look as if they were of one recording, or near-duplicates; audiotag splits lists them (default: "
        "near-duplicates, if audiotag duplicates found some)",
    )
    add(
        "--corrections",
        action=argparse.BooleanOptionalAction,
        help="use the labels as reviewers corrected them, or those in the dataset's tables (default: corrected, if "
        "there are verdicts)",
    )
    add("--device", default="", help="cpu, cuda, cuda:1, mps, or several separated by commas (default: the best)")


def _kinds(text: str) -> tuple[str, ...]:
    """Words separated by commas, which `RunOptions.settings` checks; "none" is the word for nothing."""
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    return () if words == ("none",) else words


def add_noise_gate_switch(parser: argparse.ArgumentParser) -> None:
    """Add the options that leave out what is measured of a new ensemble."""
    parser.add_argument(
        "--no-noise-gate",
        dest="noise_gate",
        action="store_false",
        help="do not play noises and speech to the new ensemble; audiotag noise-gate can do so later",
    )
    parser.add_argument(
        "--no-familiarity",
        dest="familiarity",
        action="store_false",
        help="do not measure what the training sounds of the new ensemble are like, by which it knows which sounds are "
        "unlike them; audiotag familiarity can do so later",
    )


def run_options_of(options: argparse.Namespace) -> RunOptions:
    """The run options that a command line gives."""
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
        learning_rate=options.learning_rate,
        held_out=options.hold_out,
        device=options.device,
        folds_from=options.folds_from,
        corrected=options.corrections,
        keep_together=options.keep_together,
        on=getattr(options, "on", ""),  # estimate measures on this machine
    )


def train(options: argparse.Namespace) -> int:
    """Train folds in a detached worker, and show its progress."""
    from audiotag.training.publish import check_name
    from audiotag.training.publish import publish as publish_run
    from audiotag.training.run_blocking import how_it_ended, new_run

    workspace = Workspace()
    if options.publish:
        check_name(options.publish, workspace.ensembles)  # before the training, not after it
    run = _run_to_resume(options) if options.resume else new_run(run_options_of(options), workspace)
    run.start()
    say(f"run {run.name} in {run.folder}")
    if not options.resume:
        _say_notes(options, run)
    if options.detach:
        print_line(run.name)
        return ALL_DONE
    follow(run)
    if run.state() != "finished":
        print_left_out(run)
        next_step = f"audiotag train --resume {run.name} continues after its last epoch."
        say(f"audiotag: the run {how_it_ended(run)} {next_step}")
        return NOTHING_DONE
    _print_result(run, options.json)
    left_out = print_left_out(run)
    if options.publish:
        folder = publish_run(run, options.publish, workspace.ensembles)
        say(f"ensemble {options.publish} is in {folder}")
        _measure_trust(folder, run, options)
    return SOME_FAILED if left_out else ALL_DONE


def _say_notes(options: argparse.Namespace, run: Run) -> None:
    """Say what there is to know about a new run, while its worker begins; Ctrl-C asks the run to stop."""
    from audiotag.training.run_blocking import run_notes

    try:
        with preparation_lines() as show:
            for sentence in run_notes(run_options_of(options), run.workspace, show):
                say(sentence)
    except KeyboardInterrupt:
        run.stop()
        raise


def print_left_out(run: Run) -> list[str]:
    """Print why the first clips take no part in the run; returns the reasons of all."""
    from audiotag.training.run_progress import LEFT_OUT_FILE, left_out_reasons

    reasons = left_out_reasons(run.events())
    print_problems(reasons, len(reasons), str(run.folder / LEFT_OUT_FILE), most=MAX_LEFT_OUT)
    return reasons


def _print_result(run: Run, as_json: bool) -> None:
    from audiotag.training.run_progress import left_out_reasons
    from audiotag.training.weights_choice import mean_lwlrap

    folds = list({event["fold"]: event for event in run.events() if event["event"] == "fold-finished"}.values())
    if not folds:
        raise AudiotagError(f"{run.folder / 'events.jsonl'} is damaged: it has no finished fold; train the run again.")
    mean = sum(event["lwlrap"] for event in folds) / len(folds)
    if as_json:
        left_out = left_out_reasons(run.events())
        print_json({"run": run.name, "mean_lwlrap": mean, "folds": folds, "left_out": left_out})
    else:
        for event in folds:
            print_line(f"fold {event['fold']}: lwlrap {event['lwlrap']:.4f}, accuracy {event['accuracy']:.4f}")
        which = "the fold" if len(folds) == 1 else f"{len(folds)} folds"
        print_line(f"mean lwlrap of {which}, on held-out clips: {mean:.4f}")
        best = mean_lwlrap(run.events(), "best") if run.settings().recipe.weights == "best" else None
        if best is not None:
            print_line(f"with the weights of the best epochs, which are chosen on these clips: {best:.4f}")


def publish(options: argparse.Namespace) -> int:
    """Turn a run's finished folds into an ensemble."""
    from audiotag.training.publish import publish as publish_run
    from audiotag.training.runs import find_run

    workspace = Workspace()
    parent = SHIPPED_MODELS if options.shipped else workspace.ensembles
    run = find_run(workspace, options.from_run)
    folder = publish_run(run, options.name, parent, options.about, options.licence, options.weights)
    print_line(f"ensemble {options.name} is in {folder}")
    _measure_trust(folder, run, options)
    return ALL_DONE


def _measure_trust(folder: Path, run: Run, options: argparse.Namespace) -> None:
    """Measure what the training sounds of a new ensemble are like, and play noises to it, unless that is left out."""
    from audiotag.cli.trust import run_familiarity, run_noise_gate

    if options.familiarity:
        try:
            run_familiarity(folder, Path(run.settings().dataset))
        except AudiotagError as error:  # the ensemble can be used without it
            say(str(error))
    if options.noise_gate:
        say(run_noise_gate(folder).sentence())


def _run_to_resume(options: argparse.Namespace) -> Run:
    from audiotag.training.runs import find_run

    if options.dataset is not None:
        raise AudiotagError("a run that is resumed keeps its dataset and settings; leave out the dataset.")
    return find_run(Workspace(), options.resume)


def follow(run: Run) -> None:
    """Say what the run prepares, then print its epochs, until it ends; Ctrl-C asks the run to stop."""
    from audiotag.training.run_progress import epochs_done

    try:
        printed = len(epochs_done(run.events()))
        _follow_preparation(run)
        _follow_epochs(run, printed)
    except KeyboardInterrupt:
        say("stopping after this batch …")
        run.stop()
        with suppress(KeyboardInterrupt):
            while run.is_active():
                time.sleep(POLL_S / 2)


def _follow_epochs(run: Run, printed: int) -> None:
    """Print one line per epoch after the first ``printed`` ones, and a bar for the current one, until the run ends."""
    from tqdm import tqdm

    from audiotag.training.run_progress import epochs_done

    with tqdm(disable=None, leave=False, bar_format="{desc} {percentage:3.0f}% |{bar}| {postfix}") as bar:
        while True:
            active = run.is_active()
            epochs = epochs_done(run.events())
            for event in epochs[printed:]:
                say(_epoch_line(event), bar)
            printed = len(epochs)
            _show_progress(bar, run)
            if not active:
                return
            time.sleep(POLL_S)


def _follow_preparation(run: Run) -> None:
    """Say what the run is doing until its first batch, or its end."""
    from audiotag.training.preparation import read_preparing

    with preparation_lines() as show:
        while run.is_active() and not run.progress():
            if run.state() == "queued":
                show("Waiting for the device", 0, 0)
            elif preparing := read_preparing(run.folder):
                show(preparing.step, preparing.done, preparing.total)
            time.sleep(POLL_S)


def _show_progress(bar: Any, run: Run) -> None:
    from audiotag.training.run_progress import work_left
    from audiotag.wording import format_duration

    state = run.state()
    if state == "queued":
        bar.set_description_str("waiting for the device")
    for fold in run.progress()[:1]:
        bar.total, bar.n = fold["batches"], fold["batch"]
        left_s = work_left(run.events(), in_training=run.progress())
        epoch = f"epoch {fold['epoch']}/{fold['epochs']}"
        phase = fold.get("phase", "training")
        bar.set_description_str(printable(f"fold {fold['fold']}, {fold['subset']}, {epoch}, {phase}"))
        bar.set_postfix_str(
            f"loss {fold['loss']:.4f}" + (f", {format_duration(left_s)} left" if left_s is not None else "")
        )
    bar.refresh()


def _epoch_line(event: dict[str, Any]) -> str:
    curated = event.get("curated_lwlrap")
    return (
        f"fold {event['fold']}  {event['subset']:8} epoch {event['epoch']:3}  lwlrap {event['lwlrap']:.4f}"
        + (f" (curated {curated:.4f})" if curated is not None else "")
        + f"  loss {event['train_loss']:.4f}"
        + (f"  negatives tagged {tagged:.0%}" if (tagged := event.get("negatives_tagged")) is not None else "")
        + f"  {event['seconds']:.1f} s"
    )
