"""Rules that a dataclass declares are checked, and plain values become objects or a sentence that names the fault."""

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest

from audiotag.checks import OneOf, Within, build, check, error_path, require_order, rules_of
from audiotag.errors import AudiotagError


@dataclass(frozen=True)
class Fade:
    """One field of each type."""

    frames: Annotated[int, Within(1, 100, "frames"), "to switch the fade off, remove it from the recipe"]
    level_db: Annotated[float, Within(-60, 0, "dB"), "the unit is dB"] = -6.0
    share: Annotated[float, Within(0, 1, above=True), "write 0.2 for 20 %"] = 0.5
    loss: Annotated[float, Within(0, 1, below=True), "write 0.2 for 20 %"] = 0.0
    scale: Annotated[float, Within(0.5)] = 1.0
    size: Annotated[int, Within(16, 1024, "pixels", zero="no resizing")] = 0
    power: Annotated[float, OneOf(1, 2)] = 2.0
    depth: Annotated[int, OneOf(18, 34)] = 18
    shape: Literal["linear", "cosine"] = "linear"
    gaps: Annotated[Literal["zeros", "noise"] | None, "leave it out for none"] = None
    most: Annotated[int | None, Within(1, 9)] = None
    count: int = 1
    rate: float = 1.0
    is_open: bool = False
    title: str = "Fade"
    folds: tuple[int, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check(self)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "frames",
            0,
            "frames must be a whole number from 1 to 100 frames, got 0; to switch the fade off, remove it",
        ),
        ("frames", 101, "from 1 to 100 frames, got 101"),
        ("frames", 2.0, "a whole number from 1 to 100 frames, got 2.0"),
        ("frames", "8", "got '8'"),
        ("frames", True, "got True"),
        ("frames", None, "got None"),
        ("level_db", 3, "level_db must be a number from -60 to 0 dB, got 3; the unit is dB"),
        ("level_db", math.nan, "got nan"),
        ("share", 0, "share must be a number above 0 and at most 1, got 0; write 0.2 for 20 %"),
        ("loss", 1, "loss must be a number from 0 to below 1, got 1; write 0.2 for 20 %"),
        ("scale", 0.4, "scale must be a number of at least 0.5, got 0.4; write it without quotes or a unit"),
        ("scale", math.inf, "got inf"),
        ("size", 8, "size must be a whole number from 16 to 1024 pixels, or 0 (no resizing), got 8"),
        ("power", 3, "power must be one of 1, 2, got 3; check its spelling"),
        ("power", True, "got True"),
        ("depth", 18.0, "depth must be one of 18, 34, got 18.0"),
        ("shape", "Linear", "shape must be one of 'linear', 'cosine', got 'Linear'; check its spelling"),
        ("shape", ["linear"], "got ['linear']"),
        ("gaps", "ones", "gaps must be one of 'zeros', 'noise', got 'ones'; leave it out for none"),
        ("most", 10, "most must be a whole number from 1 to 9, got 10"),
        ("count", 1.5, "count must be a whole number, got 1.5; write it without quotes or a unit"),
        ("rate", "fast", "rate must be a number, got 'fast'"),
        ("is_open", 1, "is_open must be true or false, got 1; write it without quotes"),
        ("title", 3, "title must be text, got 3; put it in quotes"),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused_with_field_rule_value_and_hint(
    name: str, value: object, sentence: str
) -> None:
    with pytest.raises(AudiotagError) as caught:
        Fade(**{"frames": 8} | {name: value})  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"{name} must be ")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frames", 1), ("frames", 100), ("level_db", -60), ("share", 1), ("loss", 0), ("scale", 1e9), ("size", 0),
        ("size", 16), ("power", 1), ("power", 2.0), ("gaps", None), ("gaps", "noise"), ("most", None), ("most", 9),
        ("count", -5), ("title", ""),
    ],
)  # fmt: skip
def test_a_value_within_its_rule_is_accepted(name: str, value: object) -> None:
    assert getattr(build(Fade, {"frames": 8, name: value}), name) == value


def test_fields_of_other_types_have_no_rule() -> None:
    assert set(vars(Fade(8))) - set(rules_of(Fade)) == {"folds", "extra"}


def test_whole_numbers_may_be_written_as_decimals() -> None:
    built = build(Fade, {"frames": 8.0, "depth": 34.0, "most": 3.0, "rate": 2.0})
    assert [repr(value) for value in (built.frames, built.depth, built.most, built.rate)] == ["8", "34", "3", "2.0"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"frames": 8, "shap": "linear"}, "fade.shap is not a known field; the fields are frames, level_db, share"),
        ({"shape": "linear"}, "fade.frames is missing; give it a value."),
        ("linear", "fade must be a table of fields, got 'linear'."),
        ([8], "fade must be a table of fields, got [8]."),
        ({"frames": 0}, "fade.frames must be a whole number from 1 to 100 frames, got 0"),
        ({"frames": 8.5}, "fade.frames must be a whole number from 1 to 100 frames, got 8.5"),
        ({"frames": 8, "shape": 3}, "fade.shape must be one of 'linear', 'cosine', got 3"),
    ],
)
def test_wrong_plain_values_are_refused_with_their_path(values: object, sentence: str) -> None:
    with pytest.raises(AudiotagError) as caught:
        build(Fade, values, "fade.")
    assert str(caught.value).startswith(sentence)


def test_paths_of_nested_parts_add_up() -> None:
    with (
        pytest.raises(AudiotagError, match=r"^mine\.toml: stages\.frames must be"),
        error_path("mine.toml: "),
        error_path("stages."),
    ):
        Fade(0)


def test_ends_of_a_range_must_be_in_order() -> None:
    require_order(Fade(8, level_db=0.0), "level_db", "scale")
    with pytest.raises(AudiotagError, match=r"rate must be at most loss \(0\), got 1.0; swap the two values"):
        require_order(Fade(8), "rate", "loss")
