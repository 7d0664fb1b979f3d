"""Set the overlap of windows that an ensemble tags with unless another one is asked for, and say what it costs.

It is a field of the ensemble's card. The out-of-fold scores, thresholds and other figures of the card were measured on
windows that overlap by half, and stay: from a half on, the score of a clip does not depend on the overlap.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from audiotag.checks import require
from audiotag.disk import locked
from audiotag.errors import AudiotagError
from audiotag.tagging.card import CARD
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.settings import DEFAULT_OVERLAP, MAX_OVERLAP, TagSettings
from audiotag.workspace import read_json, write_json

OVERLAPS = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95)  # to choose from


def save_overlap(folder: Path, overlap: float | None) -> None:
    """Write the overlap into the card of the ensemble in a folder; the rest of the card stays as it is.

    Parameters
    ----------
    folder : Path
    overlap : float or None
        Fraction of a window, 0 to 0.95; None for the usual 0.5, which is then no field of the card.

    Raises
    ------
    AudiotagError
        If the overlap is out of range, or the card cannot be read.
    """
    require(
        overlap is None or 0 <= overlap <= MAX_OVERLAP,
        "overlap",
        f"be 0 to {MAX_OVERLAP} of a window",
        overlap,
        "write 0.9 for 90 %",
    )
    with locked(folder / CARD):
        read_card(folder)  # refuses what is not a card
        values = {name: value for name, value in read_json(folder / CARD).items() if name != "overlap"}
        write_json(folder / CARD, values if overlap is None else values | {"overlap": float(overlap)})


def without_own_overlap(settings: TagSettings, folder: Path) -> TagSettings:
    """The settings that a command needs: without the overlap, if the ensemble in the folder has the same one."""
    with suppress(AudiotagError):  # an ensemble that is gone: the overlap is written out
        if TagSettings().or_overlap(read_card(folder).overlap).overlap == settings.overlap:
            return replace(settings, overlap=None)
    return settings


def cost_of_overlap(overlap: float, window_s: float) -> str:
    """What an overlap costs, and how fine the timeline is.

    >>> cost_of_overlap(0.95, 5.0)
    '240 windows per minute of sound, 10 times as slow as the usual 50%; a score every 0.25 s'
    >>> cost_of_overlap(0.0, 5.0)
    '12 windows per minute of sound, half the time of the usual 50%; a score every 5 s'
    """
    settings, usual = TagSettings(overlap=overlap), TagSettings(overlap=DEFAULT_OVERLAP)
    times = settings.overlap_cost / usual.overlap_cost
    if times == 1:
        speed = "the usual speed"
    elif times < 1:
        speed = f"{'half' if times == 0.5 else f'{times:.0%} of'} the time of the usual {DEFAULT_OVERLAP:.0%}"
    else:
        speed = (
            f"{'twice' if round(times, 2) == 2 else f'{times:.3g} times'} as slow as the usual {DEFAULT_OVERLAP:.0%}"
        )
    windows = settings.windows_per_minute(window_s)
    return f"{windows:,.0f} windows per minute of sound, {speed}; a score every {60 / windows:.3g} s"
