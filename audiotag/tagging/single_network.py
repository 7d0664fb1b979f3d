"""Tag with the single network of an ensemble, which scores a window once where five folds score it five times.

`as_single_card` gives the card of an ensemble that has this network as its only fold. Its checksum is another one, so
no cache, journal or file mixes its scores with those of the folds.
"""

from __future__ import annotations

from dataclasses import replace

from audiotag.errors import AudiotagError
from audiotag.tagging.card import Card, FoldCard
from audiotag.tagging.single_card import SingleCard

FILE = "single.safetensors"
FOLD = 0  # the number of the single network, where folds have numbers


def require_single(card: Card) -> SingleCard:
    """The single network of an ensemble; raises `AudiotagError` with the command that makes one if there is none."""
    if card.blend is not None:
        raise AudiotagError(
            f"{card.name} is a blend, and only an ensemble of one network can have a single network that tags for all "
            "its folds; tag without --fast, or with an ensemble."
        )
    if card.single is None:
        raise AudiotagError(
            f"{card.name} has no single network to tag fast with; audiotag distil {card.name} trains one, or tag "
            "without --fast."
        )
    return card.single


def as_single_card(card: Card) -> Card:
    """The card of an ensemble whose only network is the single one.

    Raises
    ------
    AudiotagError
        If the ensemble has none.
    """
    single = require_single(card)
    figures = single.out_of_fold or single.test
    network = FoldCard(
        FOLD, single.file, single.sha256, figures.clips if figures else 0, figures.single if figures else 0.0, 0.0
    )
    return replace(
        card,
        folds=(network,),
        thresholds=single.thresholds,
        calibration=single.calibration or card.calibration,
        out_of_fold="",
        familiar="",  # it is in the embeddings of the folds
        noise_gate=None,
    )
