"""Say what of the tagging settings a stand-alone tagger can have."""

from __future__ import annotations

from audiotag.checks import require
from audiotag.errors import AudiotagError
from audiotag.tagging.card import Card
from audiotag.tagging.settings import TagSettings


def check_exportable(card: Card, settings: TagSettings) -> None:
    """Raise if an ensemble with these settings cannot become one graph.

    Raises
    ------
    AudiotagError
        If the ensemble is a blend, or the settings ask for what needs more than its networks.
    """
    if card.blend is not None:
        members = ", ".join(member.name for member in card.blend.members)
        raise AudiotagError(
            f"{card.name} is a blend, and a graph holds one ensemble, with one kind of spectrogram; export one of its "
            f"members: {members}."
        )
    require(
        settings.combine != "weighted",
        "combine",
        "be mean or geometric in an exported tagger",
        settings.combine,
        "the weights are fitted to scores that are not exported",
    )
    require(
        settings.overlap_share <= 0.5,
        "overlap",
        "be at most 0.5 in an exported tagger",
        settings.overlap,
        "a higher one makes timelines finer and does not change the score of a clip",
    )
    require(not settings.tta, "tta", "be off in an exported tagger", settings.tta, "its passes are drawn at random")
    require(
        not settings.hold_back,
        "hold_back",
        "be off in an exported tagger",
        settings.hold_back,
        "it does not know the training sounds",
    )
    require(
        settings.window_rule in (None, "tiles"),
        "window_rule",
        "be tiles in an exported tagger",
        settings.window_rule,
        "leave it out",
    )
    require(
        card.spectrogram.crop == "waveform" or card.spectrogram.normalise != "batch",
        f"normalise of {card.name}",
        "not be batch in an exported tagger whose crops are cut from spectrograms",
        card.spectrogram.normalise,
        "train with clip, global or range to export it",
    )
    require(
        not settings.calibrated or card.calibration is not None,
        "calibrated",
        f"be off for {card.name}, whose card has no temperature",
        settings.calibrated,
        "publish it again to have one fitted",
    )
