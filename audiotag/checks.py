"""TODO."""

from __future__ import annotations

from numbers import Integral, Real

from audiotag.errors import AudiotagError


def require(holds: bool, field: str, rule: str, value: object, hint: str) -> None:
    """Raise unless a setting obeys its rule.

    >>> require(0.5 <= 1, "gain", "be at most 1", 0.5, "in dB?")
    >>> require(2 <= 1, "gain", "be at most 1", 2, "in dB?")
    Traceback (most recent call last):
    ...
    audiotag.errors.AudiotagError: gain must be at most 1, got 2; in dB?
    """
    if not holds:
        raise AudiotagError(f"{field} must {rule}, got {value}; {hint}")


def require_within(name: str, value: object, lowest: float, highest: float, hint: str, *, whole: bool = False) -> None:
    """Raise unless a setting is a number, or a whole one, from ``lowest`` to ``highest``."""
    number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    holds = number and lowest <= value <= highest  # type: ignore[operator]
    require(holds, name, f"be a {'whole ' * whole}number of {lowest:g} to {highest:g}", value, hint)


def require_range(
    names: tuple[str, str], values: tuple[float, float], lowest: float, highest: float, hint: str
) -> None:
    """Raise unless both ends of a range are allowed, and in order."""
    for name, value in zip(names, values, strict=True):
        require_within(name, value, lowest, highest, hint)
    require(values[0] <= values[1], names[0], f"be at most {names[1]} ({values[1]:g})", values[0], "swapped?")


def require_probability(p: object) -> None:
    """Raise unless ``p`` is 0 to 1."""
    require_within("p", p, 0, 1, "a probability; in per cent?")


def require_one_of(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Raise unless a setting is one of few, by type too: 1 does not pass for True."""
    holds = any(value == choice and type(value) is type(choice) for choice in choices)
    require(holds, name, f"be one of {', '.join(map(repr, choices))}", repr(value), "check its spelling")
