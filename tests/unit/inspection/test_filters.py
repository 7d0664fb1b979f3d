"""A filter lets through what it asks for, and nothing else."""

import math

import pandas as pd
import pytest

from audiotag.data.index import HEADER_TYPES
from audiotag.inspection.filters import Filter, filtered, of_clips


@pytest.fixture
def index() -> pd.DataFrame:
    rows = [
        ("a.wav", "curated", ("Bark",), 1.0, -10.0),
        ("b.wav", "curated", ("Bark", "Meow"), 2.0, -20.0),
        ("c.wav", "curated", ("Meow", "Bark"), 3.0, -30.0),
        ("d.wav", "curated", ("Bark",), 10.0, -math.inf),
        ("e.wav", "curated", ("Hiss",), pd.NA, math.nan),
        ("n.wav", "noisy", ("Zip", "Meow", "Bark"), 7200.0, math.nan),
    ]
    index = pd.DataFrame(rows, columns=["clip", "subset", "labels", "duration_s", "rms_dbfs"])
    source = pd.array(["https://freesound.org/s/7/", *[pd.NA] * 5], dtype="string")
    return index.assign(source=source).astype({"duration_s": HEADER_TYPES["duration_s"], "rms_dbfs": float})


@pytest.fixture
def found() -> pd.DataFrame:
    rows = [
        ("silent", "d.wav", "curated", ""),
        ("DC", "b.wav", "curated", ""),
        ("clipped", "b.wav", "curated", ""),
        ("clipped", "a.wav", "noisy", ""),  # another clip of that name
        ("condemned", "z.wav", "", ""),  # left out of the index
    ]
    return pd.DataFrame(rows, columns=["kind", "clip", "subset", "what"])


def clips(index: pd.DataFrame, **wanted: object) -> str:
    """First letters of the clips that pass."""
    return "".join(clip[0] for clip in filtered(index, Filter(**wanted))["clip"])  # type: ignore[arg-type]


def test_an_empty_filter_lets_everything_through(index: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(filtered(index, Filter()), index)


def test_clips_are_found_by_their_labels(index: pd.DataFrame) -> None:
    assert clips(index, labels=("Meow", "Hiss")) == "bcen"
    assert clips(index, labels=("Meow", "Bark"), every_label=True) == "bcn"
    assert clips(index, labels=("Bark", "Hiss"), every_label=True) == ""
    assert clips(index, labels=("Bar",)) == ""  # whole labels only


def test_clips_are_found_by_subset_and_length(index: pd.DataFrame) -> None:
    assert clips(index, subset="noisy") == "n"
    assert clips(index, shortest_s=2.0, below_s=10.0) == "bc"  # as in a bin; what has no length does not pass
    assert clips(index, below_s=1.5) == "a"
    assert clips(index, shortest_s=2.0) == "bcdn"
    assert clips(index, subset="noisy", below_s=1.0) == ""


def test_clips_are_found_by_text_in_name_label_and_source(index: pd.DataFrame) -> None:
    assert clips(index, text="B.WAV") == "b"
    assert clips(index, text="meow") == "bcn"
    assert clips(index, text="freesound.org") == "a"
    assert clips(index, text=".*") == ""  # text, no pattern
    assert clips(index, text="(") == ""


def test_all_parts_of_a_filter_must_pass(index: pd.DataFrame) -> None:
    assert clips(index, subset="curated", labels=("Meow",), text="c.wav", shortest_s=1.0) == "c"


def test_what_passes_keeps_its_rows(index: pd.DataFrame) -> None:
    assert filtered(index, Filter(labels=("Meow",))).index.tolist() == [1, 2, 5]
    assert filtered(filtered(index, Filter(text="nowhere")), Filter(labels=("Meow",), text="x", below_s=1)).empty


def test_clips_are_found_by_level_as_in_a_bin(index: pd.DataFrame) -> None:
    assert clips(index, quietest_dbfs=-20.0) == "ab"
    assert clips(index, below_dbfs=-10.0) == "bcd"  # silence is below; what is not measured does not pass
    assert clips(index, quietest_dbfs=-30.0, below_dbfs=-10.0) == "bc"
    assert clips(index, quietest_dbfs=0.0) == ""  # 0 dBFS is a level like any other


def test_clips_are_found_by_their_problems(index: pd.DataFrame, found: pd.DataFrame) -> None:
    def passing(*problems: str) -> list[str]:
        return filtered(index, Filter(problems=problems), found)["clip"].tolist()

    assert passing("silent") == ["d.wav"]
    assert passing("clipped") == ["b.wav"]
    assert passing("silent", "DC") == ["b.wav", "d.wav"]
    assert passing("condemned") == []


def test_problems_of_clips_are_theirs_alone(index: pd.DataFrame, found: pd.DataFrame) -> None:
    few = filtered(index, Filter(subset="curated", below_s=2.5))
    assert of_clips(found, few)["kind"].tolist() == ["DC", "clipped"]
    assert of_clips(found, index.iloc[:0]).empty


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Filter(), "every clip"),
        (Filter(subset="noisy", labels=("Bark", "Meow")), "noisy clips; Bark or Meow"),
        (Filter(labels=("Bark", "Meow"), every_label=True), "Bark and Meow"),
        (Filter(shortest_s=1.0, below_s=2.5), "1 to below 2.5 s"),
        (Filter(below_s=2.0, quietest_dbfs=-60.0), "below 2 s; at least -60 dBFS"),
        (Filter(quietest_dbfs=0.0), "at least 0 dBFS"),
        (Filter(quietest_dbfs=0.0, below_dbfs=1.0), "0 to below 1 dBFS"),
        (Filter(problems=("DC", "silent"), text="x"), "“x” in name, label or link; problem: DC or silent"),
    ],
)
def test_a_filter_says_what_it_asks_for(wanted: Filter, words: str) -> None:
    assert str(wanted) == words
