"""The command ``audiotag overlap``: the overlap of windows that an ensemble tags with, and what it costs."""

from __future__ import annotations

import argparse

from audiotag.cli.exit_codes import ALL_DONE
from audiotag.cli.printing import print_line

HELP = "Print the overlap of windows that an ensemble tags with and what others cost, or set it in the ensemble's card."


def add_overlap(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag overlap``."""
    sub.add_argument("ensemble", help="name or folder of the ensemble")
    sub.add_argument(
        "--set",
        dest="share",
        type=_share,
        metavar="SHARE",
        help="write it into the ensemble's card: 0 to 0.95 of a window, or usual for 0.5; the Tag page, audiotag tag, "
        "audiotag watch and Python use it unless they are given another one",
    )


def overlap(options: argparse.Namespace) -> int:
    """Set the overlap, if one is given, and print the one that is used."""
    from audiotag.tagging.card_reading import read_card
    from audiotag.tagging.ensemble import find_ensemble
    from audiotag.tagging.own_overlap import OVERLAPS, cost_of_overlap, save_overlap
    from audiotag.tagging.settings import DEFAULT_OVERLAP, TagSettings

    folder = find_ensemble(options.ensemble)
    if options.share is not None:
        save_overlap(folder, None if options.share == DEFAULT_OVERLAP else options.share)
    card = read_card(folder)
    own = TagSettings().or_overlap(card.overlap).overlap_share
    print_line(f"{card.name} tags with windows of {card.spectrogram.clip_s:g} s.")
    for share in sorted({*OVERLAPS, own}):
        mark = "*" if share == own else " "
        print_line(f"{mark} overlap {share:<5g} {cost_of_overlap(share, card.spectrogram.clip_s)}")
    return ALL_DONE


def _share(text: str) -> float:
    """A share, or the usual one."""
    from audiotag.tagging.settings import DEFAULT_OVERLAP

    try:
        return DEFAULT_OVERLAP if text == "usual" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 0.95, or usual; got {text}") from None
