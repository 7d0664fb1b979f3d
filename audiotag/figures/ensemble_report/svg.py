"""Draw static charts as SVG: they need no script and no network, and take the colours of the page around them.

Each has its text alternative in itself. Series differ by shape or dash as well as by colour. A chart is `WIDTH` units
wide, which are meant as pixels, so that its text is readable on a telephone.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from audiotag.wording import as_text, printable, shortened

WIDTH = 480
LABEL_CHARS = 18
LEFT, RIGHT, TOP, BOTTOM = 150, 14, 8, 42  # margins of a chart with the names of rows on its left
ROW_PX = 26
LEFT_OF_LINES, HEIGHT_OF_LINES = 54, 300
DASHES = ("", "7 4", "2 3", "9 3 2 3", "12 4")
MAX_CLASSES = 8  # of colours, which the page defines
MAX_LEGEND_ROWS = 12
LEGEND_ROW_PX = 20


@dataclass(frozen=True)
class Point:
    """A value with its interval; NaN where it is not known."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """A line through points.

    Attributes
    ----------
    name : str
    x, y : sequence of float
    low, high : sequence of float, optional
        Bounds of an interval at each point.
    has_points : bool
        Whether the points are marked.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    has_points: bool = False


def interval_chart(
    names: Sequence[str], series: Mapping[str, Sequence[Point]], x_title: str, alternative: str, highest: float = 1.0
) -> str:
    """One row per name with a point and its interval for each series, at most two; from 0 to ``highest``."""
    height = TOP + ROW_PX * len(names) + BOTTOM + (26 if len(series) > 1 else 0)
    top, bottom = TOP, TOP + ROW_PX * len(names)

    def across(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(value / highest, 0), 1)

    parts = _grid_x([highest * step / 5 for step in range(6)], across, top, bottom, x_title)
    for row, name in enumerate(names):
        middle = top + ROW_PX * (row + 0.5)
        parts.append(_text(shortened(_shown(name), LABEL_CHARS), LEFT - 8, middle + 4, "end"))
        shifts = (0,) if len(series) == 1 else (-5, 5)
        for number, (shift, points) in enumerate(zip(shifts, series.values(), strict=True)):
            point = points[row]
            if math.isnan(point.value):
                continue
            y = middle + shift
            if not math.isnan(point.low):
                parts.append(_segment(across(point.low), y, across(point.high), y, f"c{number} line"))
            parts.append(_marker(number, across(point.value), y))
    if len(series) > 1:
        parts += _legend_of_markers(list(series), height - 8)
    return _svg(height, parts, alternative)


def line_chart(
    lines: Sequence[Line],
    x_title: str,
    y_title: str,
    alternative: str,
    y_range: tuple[float, float] | None = None,
    x_range: tuple[float, float] | None = None,
    diagonal: bool = False,
) -> str:
    """Lines over a grid; with a ``diagonal``, a dotted line on which x equals y."""
    xs = np.concatenate([np.asarray(line.x, dtype=float) for line in lines])
    ys = np.concatenate([np.asarray(line.y, dtype=float) for line in lines])
    x_low, x_high = x_range or (float(xs.min()), float(xs.max()) if xs.max() > xs.min() else float(xs.min()) + 1)
    y_low, y_high = y_range or _rounded_range(ys[np.isfinite(ys)])
    legend_rows = math.ceil(min(len(lines), MAX_LEGEND_ROWS) / 2) if len(lines) > 1 else 0
    bottom = TOP + HEIGHT_OF_LINES
    height = bottom + BOTTOM + LEGEND_ROW_PX * legend_rows + 8

    def across(value: float) -> float:
        return LEFT_OF_LINES + (WIDTH - LEFT_OF_LINES - RIGHT) * (value - x_low) / (x_high - x_low)

    def up(value: float) -> float:
        return bottom - HEIGHT_OF_LINES * (value - y_low) / (y_high - y_low)

    parts = _grid_x(_ticks(x_low, x_high), across, TOP, bottom, x_title)
    for tick in _ticks(y_low, y_high):
        parts.append(_segment(LEFT_OF_LINES, up(tick), WIDTH - RIGHT, up(tick), "grid"))
        parts.append(_text(f"{tick:.4g}", LEFT_OF_LINES - 6, up(tick) + 4, "end"))
    middle = TOP + HEIGHT_OF_LINES / 2
    turned = f'transform="rotate(-90 12 {middle:.1f})"'
    parts.append(f'<text x="12" y="{middle:.1f}" text-anchor="middle" {turned}>{_escaped(y_title)}</text>')
    if diagonal:
        parts.append(_segment(across(x_low), up(x_low), across(x_high), up(x_high), "diagonal"))
    for number, line in enumerate(lines):
        points = [(across(x), up(y)) for x, y in zip(line.x, line.y, strict=True) if math.isfinite(y)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline class="{_class(number)} line" points="{path}"{_dash(number)}/>')
        for x, low, high in zip(line.x, line.low, line.high, strict=False):
            parts.append(_segment(across(x), up(low), across(x), up(high), f"{_class(number)} thin"))
        if line.has_points:
            parts += [_marker(number, x, y) for x, y in points]
    if legend_rows:
        for number, line in enumerate(lines[:MAX_LEGEND_ROWS]):
            x = LEFT_OF_LINES + (number % 2) * (WIDTH - LEFT_OF_LINES) / 2
            y = bottom + BOTTOM + LEGEND_ROW_PX * (number // 2) + 16
            parts.append(
                f'<line class="{_class(number)} line" x1="{x:.0f}" x2="{x + 28:.0f}" y1="{y - 4:.0f}" '
                f'y2="{y - 4:.0f}"{_dash(number)}/>'
            )
            parts.append(_text(shortened(_shown(line.name), 24), x + 34, y, "start"))
    return _svg(height, parts, alternative)


def _svg(height: float, parts: list[str], alternative: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{_escaped(alternative)}">'
        f"{''.join(parts)}</svg>"
    )


def _grid_x(ticks, across, top: float, bottom: float, title: str) -> list[str]:  # type: ignore[no-untyped-def]
    parts = []
    for tick in ticks:
        x = across(tick)
        parts.append(_segment(x, top, x, bottom, "grid"))
        parts.append(_text(f"{tick:.4g}", x, bottom + 16, "middle"))
    left = across(ticks[0])
    return [*parts, _text(title, (left + across(ticks[-1])) / 2, bottom + 34, "middle")]


def _legend_of_markers(names: list[str], y: float) -> list[str]:
    parts = []
    for number, name in enumerate(names):
        x = LEFT + 120 * number
        parts += [_marker(number, x, y - 4), _text(name, x + 12, y, "start")]
    return parts


def _marker(number: int, x: float, y: float) -> str:
    if number % 2 == 0:
        return f'<circle class="{_class(number)} mark" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
    return f'<path class="{_class(number)} mark" d="M{x:.1f} {y - 5.5:.1f}l5.5 5.5-5.5 5.5-5.5-5.5z"/>'


def _segment(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(words: str, x: float, y: float, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_escaped(words)}</text>'


def _class(number: int) -> str:
    return f"c{number % MAX_CLASSES}"


def _dash(number: int) -> str:
    dash = DASHES[number % len(DASHES)]
    return f' stroke-dasharray="{dash}"' if dash else ""


def _ticks(low: float, high: float) -> list[float]:
    """About six round numbers from ``low`` to ``high``.

    >>> _ticks(0, 1), _ticks(1, 270)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [100, 200])
    """
    rough = (high - low) / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _rounded_range(values: np.ndarray) -> tuple[float, float]:
    """A range of round numbers around values, from 0 where that is near."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if low > 0 and low < high / 2:
        low = 0.0
    if high <= low:
        high = low + 1
    step = 10 ** math.floor(math.log10((high - low) / 2))
    return math.floor(low / step) * step, math.ceil(high / step) * step


def _shown(text: object) -> str:
    return printable(as_text(text))


def _escaped(text: object) -> str:
    return html.escape(_shown(text))
