"""How the points of the map look: one colour and one shape per group, so that it can be read without colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audiotag.figures.theme import FOLD_COLOURS, QUIET

# So many groups can be told apart, by colour and shape. The last two colours are used nowhere else.
COLOURS = (*FOLD_COLOURS, "#d14b3c", "#4f8f5b")
SYMBOLS = (
    "circle", "diamond", "square", "triangle-up", "cross", "triangle-down", "x", "star", "pentagon", "hexagram",
)  # fmt: skip
OTHER_COLOUR = QUIET


@dataclass(frozen=True)
class PointStyle:
    """How the points of one group look.

    Attributes
    ----------
    name : str
        In the legend.
    colour, symbol : str
        ``symbols.js`` has the shapes of the symbols.
    """

    name: str
    colour: str
    symbol: str = "circle"


def numbered_styles(names: Sequence[str]) -> list[PointStyle]:
    """A style for each of at most ten names; neither colour nor shape is used twice."""
    return [PointStyle(*style) for style in zip(names, COLOURS, SYMBOLS, strict=False)]
