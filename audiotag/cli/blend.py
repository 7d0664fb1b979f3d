"""The command ``audiotag blend``: make an ensemble of ensembles, with or without stackers."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from audiotag.cli.arguments import local_or_remote_path
from audiotag.cli.exit_codes import ALL_DONE
from audiotag.cli.printing import print_line, say
from audiotag.cli.progress import bar
from audiotag.errors import AudiotagError
from audiotag.training.run_options import epochs_of
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.blending.member_training import PlannedMember

HELP = "Blend ensembles into one: the mean of their scores, with or without stackers that are fitted to them."


def add_blend(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag blend``."""
    add = sub.add_argument
    add("ensembles", nargs="*", metavar="ENSEMBLE", help="names or folders of ensembles, at least two with --train")
    add(
        "--train",
        default="",
        metavar="RECIPE,…",
        help="first train these recipes on --dataset, each as an ensemble NAME-RECIPE; a pattern such as 'argus*' "
        "stands for all recipes that it matches; the same command goes on after an interruption",
    )
    add("--epochs", type=epochs_of, default=(), metavar="N", help="with --train: epochs, in place of the recipes'")
    add("--fraction", type=float, metavar="SHARE", help="with --train: share of the clips, above 0 to 1")
    add("--device", default="", metavar="NAME", help="with --train: cpu, cuda:0, …")
    add("--name", required=True, help="name of the blend: letters, digits, - or _")
    add(
        "--combine",
        choices=("geometric", "mean"),
        default="geometric",
        help="the geometric or the arithmetic mean of the members' scores (default: geometric)",
    )
    add(
        "--weights",
        type=_numbers,
        default=(),
        metavar="1,2,…",
        help="a weight for each ensemble, in the same order; with --stack also one for each stacker (default: all 1)",
    )
    add(
        "--stack",
        action="store_true",
        help="also fit three stackers to the members' out-of-fold scores; needs --dataset, and members with the same "
        "folds",
    )
    add(
        "--dataset",
        type=local_or_remote_path,
        metavar="FOLDER",
        help="folder or table of the dataset that the members were trained on, or are to be",
    )
    add(
        "--stack-epochs",
        type=int,
        metavar="N",
        help="at most so many epochs per stacker and fold (default: 700, and 30 without a rise end them)",
    )
    add(
        "--stack-rate",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="multiply the published learning rates of the stackers; a dataset of a few hundred clips, with its short "
        "epochs, needs 10 to 20 (default: 1)",
    )
    add("--json", action="store_true", help="print the blend's card as JSON")


def blend(options: argparse.Namespace) -> int:
    """Make a blend and print its figures."""
    from audiotag.blending.blend import make_blend
    from audiotag.blending.settings import PUBLISHED_STACKERS, BlendSettings, FitSettings
    from audiotag.data.layouts import absolute
    from audiotag.tagging.card_reading import read_card
    from audiotag.tagging.ensemble import find_ensemble
    from audiotag.training.publish import check_name

    workspace = Workspace()
    dataset = absolute(options.dataset) if options.dataset else None
    check_name(options.name, workspace.ensembles)
    fit = FitSettings(lr_scale=options.stack_rate)
    if options.stack_epochs is not None:
        fit = replace(fit, max_epochs=options.stack_epochs)
    given = tuple(map(find_ensemble, options.ensembles))
    planned = _planned_members(options, dataset, workspace)
    for card in map(read_card, given if planned else ()):
        if card.blend is not None:
            raise AudiotagError(f"{card.name} is a blend; a blend has ensembles as members: name its members instead.")
    settings = BlendSettings(  # before the training, so that an option that does not fit costs no days
        name=options.name,
        members=(*given, *(member.folder for member in planned)),
        combine=options.combine,
        weights=options.weights,
        stackers=PUBLISHED_STACKERS if options.stack else (),
        fit=fit,
    )
    if planned:
        from audiotag.blending.member_training import train_members

        with bar("epochs", "epoch") as progress:
            train_members(planned, workspace, say, progress)
    with bar("training clips", "clip") as progress:
        folder = make_blend(settings, workspace.ensembles, dataset, say, progress)
    card = read_card(folder)
    if options.json:
        from audiotag.cli.printing import print_json

        print_json(card.to_dict())
        return ALL_DONE
    assert card.blend is not None
    if card.out_of_fold:
        names = [member.name for member in card.blend.members]
        names += [f"stacker {stacker.name}" for stacker in card.blend.stackers]
        width = max(map(len, [*names, card.name]))
        print_line(f"{'':{width}}  lwlrap  accuracy")
        for name, voter in zip(names, card.folds, strict=True):
            print_line(f"{name:{width}}  {voter.lwlrap:.4f}    {voter.accuracy:.4f}")
        print_line(f"{card.name:{width}}  {card.lwlrap:.4f}    {card.accuracy:.4f}")
    print_line(card.blend.out_of_fold)
    print_line(f"{card.name} is in {folder}. Licence: {card.licence}. audiotag tag PATH --ensemble {card.name}")
    return ALL_DONE


def _planned_members(options: argparse.Namespace, dataset: Path | None, workspace: Workspace) -> list[PlannedMember]:
    """The ensembles that ``--train`` asks for; some may be there already."""
    if not options.train:
        return []
    from audiotag.blending.member_training import plan_members, recipes_matching
    from audiotag.training.run_options import RunOptions

    if dataset is None:
        raise AudiotagError("--train needs --dataset: the folder or table of the dataset to train on.")
    recipes = recipes_matching([name.strip() for name in options.train.split(",") if name.strip()])
    run_options = RunOptions(str(dataset), epochs=options.epochs, fraction=options.fraction, device=options.device)
    return plan_members(recipes, run_options, options.name, workspace, say)


def _numbers(text: str) -> tuple[float, ...]:
    """Numbers separated by commas."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"write numbers separated by commas, such as 1,1,0.5, got {text}") from None
