"""Check settings against the rules that their dataclass declares, with one sentence per fault.

A settings class is a frozen dataclass. The annotation of a field holds its rule and, as a text, the hint that ends the
sentence; a field that is true or false, text, or one of a ``Literal``'s choices needs neither:

    @dataclass(frozen=True)
    class Fade:
        frames: Annotated[int, Within(1, 10_000, "frames"), "to switch the fade off, remove it from the recipe"] = 8
        shape: Literal["linear", "cosine"] = "linear"

        def __post_init__(self) -> None:
            check(self)

`check` raises for the first field that breaks its rule. `build` makes an object from the plain values that TOML and
JSON hold. A rule between two fields is plain code after `check`, with `require`.
"""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields, replace
from numbers import Integral, Real
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from audiotag.errors import AudiotagError
from audiotag.wording import shortened

Settings = TypeVar("Settings")

# Hints for fields that have none of their own
NUMBER_HINT = "write it without quotes or a unit"
BOOL_HINT = "write it without quotes"
TEXT_HINT = "put it in quotes"
CHOICE_HINT = "check its spelling"


@dataclass(frozen=True)
class Within:
    """The bounds of a number.

    Attributes
    ----------
    lowest, highest : float
        Both allowed, unless ``above`` or ``below`` is set; an infinite ``highest`` allows every finite number.
    unit : str
        Unit of the number, for the sentence.
    above, below : bool
        Whether ``lowest`` itself, or ``highest`` itself, is refused.
    zero : str
        What 0 means, where it is allowed although it is outside the bounds.
    """

    lowest: float
    highest: float = math.inf
    unit: str = ""
    above: bool = False
    below: bool = False
    zero: str = ""

    def accepts(self, number: float) -> bool:
        """Whether a number is inside the bounds; one that is not finite never is.

        >>> Within(16, 1024, zero="no resizing").accepts(0), Within(0, 1, above=True).accepts(0)
        (True, False)
        """
        if self.zero and number == 0:
            return True
        is_above = number > self.lowest if self.above else number >= self.lowest
        is_below = number < self.highest if self.below else number <= self.highest
        return is_above and is_below and number < math.inf

    def __str__(self) -> str:
        low, high, unit = f"{self.lowest:.10g}", f"{self.highest:.10g}", f" {self.unit}" * bool(self.unit)
        if self.highest == math.inf:
            bounds = f"{'above' if self.above else 'of at least'} {low}{unit}"
        elif self.above:
            bounds = f"above {low} and {'below' if self.below else 'at most'} {high}{unit}"
        else:
            bounds = f"from {low} to {'below ' * self.below}{high}{unit}"
        return bounds + f", or 0 ({self.zero})" * bool(self.zero)


class OneOf:
    """The values that a field may have, where its type is wider than these."""

    def __init__(self, *choices: object) -> None:
        self.choices = choices


@dataclass(frozen=True)
class Rule:
    """What the value of one field must be: a test, the words that complete "must be …", and a hint."""

    accepts: Callable[[Any], bool]
    description: str
    hint: str
    is_whole: bool = False


def check(settings: Any) -> None:
    """Raise for the first field of a dataclass object that breaks the rule of its annotation.

    Raises
    ------
    AudiotagError
        Names the field, its rule, its value and a hint.
    """
    for name, rule in rules_of(type(settings)).items():  # type: ignore[arg-type]
        value = getattr(settings, name)
        require(rule.accepts(value), name, f"be {rule.description}", readable(value), rule.hint)


def build(settings: type[Settings], values: object, path: str = "") -> Settings:
    """An object of a settings class from plain values; a whole number may be written as a decimal, such as 3.0.

    Parameters
    ----------
    settings : type
        Dataclass that checks itself, as with `check`.
    values : dict
        Value of each field by its name; a field with a default may be missing.
    path : str
        Where the values come from, put before the name of a field in an error: ``"stages."`` gives ``stages.lr``.

    Raises
    ------
    AudiotagError
        If a field is unknown, missing, of the wrong type or out of its range.
    """
    if not isinstance(values, dict):
        raise AudiotagError(
            f"{path.rstrip('.: ') or 'the settings'} must be a table of fields, got {readable(values)}."
        )
    known = {field.name: field for field in fields(settings)}  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise AudiotagError(
                f"{path}{shortened(str(name))} is not a known field; the fields are {', '.join(known)}."
            )
    for name, field in known.items():
        if name not in values and field.default is MISSING and field.default_factory is MISSING:
            raise AudiotagError(f"{path}{name} is missing; give it a value.")
    rules = rules_of(settings)  # type: ignore[arg-type]
    whole = {name for name, rule in rules.items() if rule.is_whole}
    with error_path(path):
        return settings(**{name: _as_whole(value) if name in whole else value for name, value in values.items()})


@contextmanager
def error_path(path: str) -> Iterator[None]:
    """Put a path before the message of each error that is raised inside.

    >>> with error_path("stages."):
    ...     require(False, "lr", "be at most 1", 2, "3e-3 is common")
    Traceback (most recent call last):
    ...
    audiotag.errors.AudiotagError: stages.lr must be at most 1, got 2; 3e-3 is common
    """
    try:
        yield
    except AudiotagError as error:
        raise AudiotagError(f"{path}{error}") from error


def require(holds: bool, field: str, rule: str, value: object, hint: str) -> None:
    """Raise unless a setting obeys its rule.

    >>> require(0.5 <= 1, "gain", "be at most 1", 0.5, "the unit is dB")
    >>> require(2 <= 1, "gain", "be at most 1", 2, "the unit is dB")
    Traceback (most recent call last):
    ...
    audiotag.errors.AudiotagError: gain must be at most 1, got 2; the unit is dB
    """
    if not holds:
        raise AudiotagError(f"{field} must {rule}, got {value}; {hint}")


def require_order(settings: object, low: str, high: str) -> None:
    """Raise unless the field that holds the low end of a range is at most the field that holds the high end."""
    lowest, highest = getattr(settings, low), getattr(settings, high)
    require(lowest <= highest, low, f"be at most {high} ({highest:g})", lowest, "swap the two values")


def readable(value: object) -> str:
    """A value as messages show it: text in quotes, all else as it prints; shortened, for it may come from a file."""
    return shortened(repr(value) if isinstance(value, str) else str(value))


@functools.cache
def rules_of(settings: type) -> dict[str, Rule]:
    """The rule of each field of a settings class; a field of another type than those above has none."""
    annotations = get_type_hints(settings, include_extras=True)
    rules = {field.name: _rule_of(annotations[field.name]) for field in fields(settings)}
    return {name: rule for name, rule in rules.items() if rule is not None}


def _rule_of(annotation: Any) -> Rule | None:
    kind, *extras = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
    if get_origin(kind) not in (Union, types.UnionType):
        return _rule_for(kind, extras)
    kinds = [each for each in get_args(kind) if each is not type(None)]
    rule = _rule_for(kinds[0], extras) if len(kinds) == 1 else None
    return rule and replace(rule, accepts=lambda value: value is None or rule.accepts(value))


def _rule_for(kind: Any, extras: list[Any]) -> Rule | None:
    hint = next((extra for extra in extras if isinstance(extra, str)), "")
    choices = next((extra.choices for extra in extras if isinstance(extra, OneOf)), ())
    if get_origin(kind) is Literal:
        choices = get_args(kind)
    if choices:
        return _choice_rule(kind, choices, hint or CHOICE_HINT)
    if kind in (int, float):
        return _number_rule(kind, next((extra for extra in extras if isinstance(extra, Within)), None), hint)
    if kind is bool:
        return Rule(lambda value: isinstance(value, bool), "true or false", hint or BOOL_HINT)
    if kind is str:
        return Rule(lambda value: isinstance(value, str), "text", hint or TEXT_HINT)
    return None


def _choice_rule(kind: Any, choices: tuple[object, ...], hint: str) -> Rule:
    def accepts(value: object) -> bool:
        if kind is float:
            return _is_number(value, Real) and value in choices
        return any(value == choice and type(value) is type(choice) for choice in choices)  # 1 does not pass for True

    return Rule(accepts, f"one of {', '.join(map(readable, choices))}", hint, is_whole=kind is int)


def _number_rule(kind: Any, bounds: Within | None, hint: str) -> Rule:
    number = Integral if kind is int else Real

    def accepts(value: Any) -> bool:
        return _is_number(value, number) and (bounds is None or bounds.accepts(value))

    words = "a whole number" if kind is int else "a number"
    return Rule(accepts, words + f" {bounds or ''}".rstrip(), hint or NUMBER_HINT, is_whole=kind is int)


def _is_number(value: object, number: type) -> bool:
    return isinstance(value, number) and not isinstance(value, bool)


def _as_whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
