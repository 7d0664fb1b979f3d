"""The command ``audiotag distil``: train one network that tags as all folds of an ensemble do."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from audiotag.cli.arguments import local_or_remote_path, whole_numbers
from audiotag.cli.exit_codes import ALL_DONE, NOTHING_DONE
from audiotag.cli.printing import print_json, print_line, say
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.tagging.single_card import SingleCard
    from audiotag.training.runs import Run

HELP = "Train one network with the folds of an ensemble as its teachers, for `audiotag tag --fast`."


def add_distil(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag distil``."""
    add = sub.add_argument
    add("ensemble", help="name or folder of the ensemble; its folder gets the network")
    add(
        "dataset",
        nargs="?",
        type=local_or_remote_path,
        help="what it was trained on (default: the dataset of its run, which is looked for in the workspace)",
    )
    add(
        "--check",
        action="store_true",
        help="also train one network per fold, with the network of this fold as its teacher, to measure lwlrap and "
        "agreement out of fold; as long as training the ensemble",
    )
    add(
        "--share",
        type=float,
        default=0.7,
        metavar="SHARE",
        help="share of the teacher's score in the targets, 0 to 1; the rest is the label (default: 0.7)",
    )
    add(
        "--teachers",
        choices=("unseen", "all"),
        default="unseen",
        help="which fold's network teaches a clip: one that was not trained on it, or all in turn (default: unseen)",
    )
    add(
        "--negatives",
        type=local_or_remote_path,
        metavar="FOLDER",
        help="the sounds without labels that the ensemble was trained with, if any (default: those of its run)",
    )
    add("--epochs", type=whole_numbers, default=(), metavar="N[,N,…]", help="for all stages, or one number per stage")
    add("--device", default="", help="device, as for audiotag train (default: the best)")
    add("--detach", action="store_true", help="return at once; the same command later goes on and saves the network")
    add("--json", action="store_true", help="print what was measured as JSON")


def distil(options: argparse.Namespace) -> int:
    """Train the network in detached workers, measure it, and put it beside the folds."""
    from audiotag.data.layouts import absolute
    from audiotag.distillation.saving import save_single
    from audiotag.distillation.source import find_source
    from audiotag.distillation.student_runs import student_run, taught_settings
    from audiotag.training.teaching import Teaching

    workspace = Workspace()
    dataset = None if options.dataset is None else absolute(options.dataset)
    negatives = None if options.negatives is None else absolute(options.negatives)
    source = find_source(options.ensemble, workspace, dataset, negatives)
    kinds = ("per-fold", "single") if options.check else ("single",)
    runs: dict[str, Run] = {}
    for kind in kinds:
        teaching = Teaching(source.card.name, options.share, kind, options.teachers)  # type: ignore[arg-type]
        settings = taught_settings(source, teaching, options.epochs, options.device)
        runs[kind] = student_run(source, settings, workspace)
        if not _is_trained(runs[kind], options.detach):
            return ALL_DONE if options.detach else NOTHING_DONE
    single = save_single(source, runs["single"], runs.get("per-fold"), say)
    if options.json:
        print_json({"run": runs["single"].name, "ensemble": source.card.name} | single.to_dict())
    else:
        _print_result(single, source.card.name)
    return ALL_DONE


def _is_trained(run: Run, detach: bool) -> bool:
    """Train a run to its end, or start it alone; whether it is finished."""
    from audiotag.cli.train import follow, print_left_out
    from audiotag.distillation.student_runs import start_unless_active
    from audiotag.training.run_blocking import how_it_ended

    if start_unless_active(run) or run.state() != "finished":
        say(f"run {run.name} in {run.folder}")
    if detach and run.state() != "finished":
        print_line(run.name)
        return False
    follow(run)
    if run.state() != "finished":
        print_left_out(run)
        say(f"audiotag: the run {how_it_ended(run)} The same command continues after its last epoch.")
        return False
    return True


def _print_result(single: SingleCard, name: str) -> None:
    for sentence in single.sentences():
        print_line(sentence)
    figures = single.out_of_fold or single.test
    if figures is None:
        print_line("There are no labelled test clips; --check measures the network out of fold.")
    elif figures.agreement:
        worst = sorted(figures.agreement.items(), key=lambda item: item[1])[:5]
        mean = sum(figures.agreement.values()) / len(figures.agreement)
        listed = ", ".join(f"{label} {share:.2f}" for label, share in worst)
        print_line(f"same tags as the folds, mean of labels: {mean:.3f}; lowest: {listed}")
    print_line(f"{name} has its single network: audiotag tag SOUNDS --ensemble {name} --fast")
