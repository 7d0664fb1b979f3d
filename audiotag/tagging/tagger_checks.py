"""Check that an ensemble can tag as it is asked to, and say what to do where it cannot."""

from __future__ import annotations

from audiotag.checks import require
from audiotag.errors import AudiotagError
from audiotag.tagging.card import Card
from audiotag.tagging.settings import TagSettings


def check_thresholds(thresholds: tuple[float, ...], card: Card) -> tuple[float, ...]:
    """The thresholds; raises `AudiotagError` if they are not one per label of the card, each 0 to 1."""
    if len(thresholds) != len(card.labels):
        raise AudiotagError(
            f"thresholds must be one per label ({len(card.labels)} in {card.name}), got {len(thresholds)}."
        )
    for threshold in thresholds:
        require(0 <= threshold <= 1, "a threshold", "be 0 to 1", threshold, "write 0.4 for 40 %")
    return thresholds


def require_familiar(settings: TagSettings, card: Card, is_known: bool, is_fast: bool) -> None:
    """Raise `AudiotagError` if tags are to be held back without knowledge of the training sounds.

    Parameters
    ----------
    settings : TagSettings
    card : Card
    is_known : bool
        Whether the ensemble knows what its training sounds are like.
    is_fast : bool
        Whether its single network tags, which never knows that.
    """
    if settings.hold_back and is_fast:
        raise AudiotagError(
            f"the single network of {card.name} does not know what its training sounds are like, only the folds do; "
            "tag without --fast, or without holding back."
        )
    if settings.hold_back and not is_known:
        name, then = (card.name, "") if card.blend is None else (card.blend.members[0].name, " and blend again")
        raise AudiotagError(
            f"{card.name} does not know what its training sounds are like, so it cannot hold back the tags of other "
            f"sounds; run audiotag familiarity {name} DATASET with the dataset that it was trained on{then}, or tag "
            "without holding back."
        )


def require_weights(settings: TagSettings, card: Card, has_out_of_fold: bool) -> None:
    """Raise `AudiotagError` if folds are to be weighted without out-of-fold scores to fit their weights to."""
    if settings.combine == "weighted" and not has_out_of_fold:
        raise AudiotagError(
            f"{card.name} holds no out-of-fold scores to fit weights to; combine its folds by mean or geometric, or "
            "publish it again."
        )
