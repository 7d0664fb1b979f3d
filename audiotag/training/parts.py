"""Losses and schedules as a recipe holds them: a name, or a table with ``kind`` and parameters.

A part without parameters is known by its name alone. A part with parameters is a frozen dataclass, derived from
`PartSettings`; its annotations hold the rules of its fields, as `audiotag.checks` describes. Its name alone stands for
all its defaults:

    loss = "focal"
    loss = { kind = "soft-bootstrapping", beta = 0.7 }
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from audiotag.checks import build, check, error_path, readable, require
from audiotag.registry import Registry


class PartSettings:
    """Parameters of a loss or a schedule; base of a frozen dataclass for each one that has some."""

    kind: ClassVar[str] = ""  # its name in recipes, set when it is registered

    def __post_init__(self) -> None:
        check(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; `read_part` reads them back."""
        return {"kind": self.kind} | asdict(self)  # type: ignore[call-overload]


def name_part(part: Any, name: str) -> None:
    """Tell a part with parameters the name under which it is registered."""
    if isinstance(part, type) and issubclass(part, PartSettings):
        part.kind = name


def read_part(value: Any, registry: Registry[Any], field: str) -> Any:
    """A part from the plain value of a recipe's field: a table becomes settings, a name stays a name.

    Raises
    ------
    AudiotagError
        If the table names no part that has parameters, or one of its fields is unknown or out of its range.
    """
    if not isinstance(value, dict):
        return value
    values = dict(value)
    kind = values.pop("kind", None)
    require(isinstance(kind, str), f"{field}.kind", f"be the name of a {registry.kind}", readable(kind), "add it")
    with error_path(f"{field}: "):
        part = registry.get(kind)
    if not isinstance(part, type):
        require(not values, f"{field}, {kind}", "have no parameters", readable(", ".join(values)), "leave them out")
        return kind
    settings: PartSettings = build(part, values, f"{field}, {kind}: ")
    return kind if settings == part() else settings


def check_part(value: Any, registry: Registry[Any], field: str) -> None:
    """Raise `AudiotagError` unless a field holds the name of a part, or a part's settings."""
    if isinstance(value, str):
        with error_path(f"{field}: "):
            registry.get(value)
        return
    require(
        isinstance(value, PartSettings) and value.kind in registry.names(),
        field,
        f"be the name of a {registry.kind} in quotes, or a table with its kind",
        readable(value),
        f"choose one of {', '.join(registry.names())}",
    )


def find_part(value: Any, registry: Registry[Any]) -> Any:
    """The part that a field holds: a name alone gives the part of this name, with its default parameters if any."""
    part = registry.get(value) if isinstance(value, str) else value
    return part() if isinstance(part, type) else part


def plain_part(value: Any) -> Any:
    """A part as plain values, for JSON: a name, or a table; None stays None."""
    return value.to_dict() if isinstance(value, PartSettings) else value


def part_name(value: Any) -> str:
    """The name of a part."""
    return value.kind if isinstance(value, PartSettings) else str(value)
