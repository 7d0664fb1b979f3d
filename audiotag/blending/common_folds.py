"""Find the clips that all members of a blend held out in the same folds, and align their scores.

An out-of-fold score of a blend is honest only if no member that takes part in it was trained on the clip. Recipes may
leave out different clips; a clip that some member did not hold out has no out-of-fold score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.tagging.card import Card
from audiotag.tagging.known_clips import KnownClips, read_known_clips
from audiotag.tagging.out_of_fold import read_out_of_fold

MIN_COMMON = 0.9  # of the clips that a member held out: fewer would not stand for them


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Out-of-fold scores of all members for the same clips.

    Attributes
    ----------
    scores : numpy.ndarray, shape=(members, clips, labels)
        The labels are in the order of the first member.
    targets : numpy.ndarray, shape=(clips, labels)
    folds : numpy.ndarray, shape=(clips,)
    """

    scores: np.ndarray
    targets: np.ndarray
    folds: np.ndarray


def label_orders(cards: Sequence[Card]) -> list[list[int]]:
    """Where each label of the first card is in each card.

    Raises
    ------
    AudiotagError
        If a card has other labels; names some that are not in both.
    """
    first = cards[0]
    for card in cards[1:]:
        if differing := sorted(set(first.labels) ^ set(card.labels)):
            shown = ", ".join(differing[:5]) + (", …" if differing[5:] else "")
            raise AudiotagError(
                f"members of a blend must have the same labels; {first.name} and {card.name} do not share {shown}. "
                "Train both on the same labels."
            )
    return [[card.labels.index(label) for label in first.labels] for card in cards]


def common_held_out(folders: Sequence[Path], cards: Sequence[Card]) -> dict[int, int] | str:
    """The contents that every member held out, or a sentence that says why they cannot be used together.

    Returns
    -------
    dict[int, int] or str
        The fold of each content, which is that of all members. These are at least `MIN_COMMON` of what each member
        held out.
    """
    held_out = _held_out_of_all(folders, cards)
    if isinstance(held_out, str):
        return held_out
    first, common = held_out[0], set(held_out[0]).intersection(*held_out[1:])
    for card, own in zip(cards[1:], held_out[1:], strict=True):
        if any(first[content] != own[content] for content in common):
            return (
                f"{cards[0].name} and {card.name} did not hold out the same clips in the same folds; train both on the "
                "same dataset with the same folds."
            )
    for card, own in zip(cards, held_out, strict=True):
        if not own:
            return f"no clip was held out by one fold of {card.name} and trained on by all others."
        if len(common) < MIN_COMMON * len(own):
            return (
                f"all members must have held out at least {100 * MIN_COMMON:.0f} % of the clips that {card.name} held "
                f"out, got {len(common):,} of {len(own):,}; train all on the same dataset with the same folds."
            )
    return {content: fold for content, fold in first.items() if content in common}


def _held_out_of_all(folders: Sequence[Path], cards: Sequence[Card]) -> list[dict[int, int]] | str:
    """What `held_out_by` gives for each member, or a sentence that says why it cannot be compared."""
    known = [read_known_clips(folder, card) for folder, card in zip(folders, cards, strict=True)]
    numbers = sorted(fold.fold for fold in cards[0].folds)
    for card, of_card in zip(cards, known, strict=True):
        if of_card is None:
            return f"{card.name} does not say which clips its folds were trained on; publish its run again."
        if sorted(fold.fold for fold in card.folds) != numbers:
            return f"{cards[0].name} and {card.name} have other folds; train both with the same ones."
    return [held_out_by(of_card, card) for of_card, card in zip(known, cards, strict=True) if of_card is not None]


def aligned_scores(folders: Sequence[Path], cards: Sequence[Card]) -> HeldOut | str:
    """The out-of-fold scores in the members' own files, or a sentence that says why they cannot be joined.

    These files do not name the clips. Their rows are those of the same clips if the members held out the same contents
    in the same folds, and all rows have the same folds and labels: training lists the clips of a fold in the order of
    the dataset.
    """
    held_out = _held_out_of_all(folders, cards)
    if isinstance(held_out, str):
        return held_out
    for card, own in zip(cards[1:], held_out[1:], strict=True):
        if own != held_out[0]:
            return f"{cards[0].name} and {card.name} did not hold out the same clips in the same folds."
    if not held_out[0]:
        return f"no clip was held out by one fold of {cards[0].name} and trained on by all others."
    orders, found = label_orders(cards), []
    for folder, card, order in zip(folders, cards, orders, strict=True):
        scored = read_out_of_fold(folder, card)
        if scored is None:
            return f"{card.name} has no out-of-fold scores; publish its run again."
        found.append((scored.scores[:, order], scored.targets[:, order], scored.folds))
    _, targets, folds = found[0]
    for card, (_, own_targets, own_folds) in zip(cards[1:], found[1:], strict=True):
        if not np.array_equal(own_folds, folds) or not np.array_equal(own_targets, targets):
            return f"{cards[0].name} and {card.name} have out-of-fold scores of other clips or with other labels."
    return HeldOut(np.array([scores for scores, _, _ in found]), targets, folds)


def held_out_by(known: KnownClips, card: Card) -> dict[int, int]:
    """The fold that held out each content, for contents that all other folds were trained on."""
    if len(card.folds) == 1:
        return {}
    numbers = [fold.fold for fold in card.folds]
    rows = np.flatnonzero(known.trained.sum(axis=1) == len(numbers) - 1)
    held_out = known.trained[rows].argmin(axis=1)
    return {int(known.keys[row]): numbers[place] for row, place in zip(rows, held_out, strict=True)}
