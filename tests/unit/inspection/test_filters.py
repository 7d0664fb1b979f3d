"""A filter passes the clips that it asks for, and no others."""

import math

import pandas as pd
import pytest

from audiotag.data.index import HEADER_TYPES
from audiotag.inspection.filters import Filter, faults_of_clips, filter_clips


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
        ("flagged", "z.wav", "", ""),  # left out of the index
    ]
    return pd.DataFrame(rows, columns=["kind", "clip", "subset", "what"])


def clips(index: pd.DataFrame, **wanted: object) -> str:
    """First letters of the clips that pass."""
    return "".join(clip[0] for clip in filter_clips(index, Filter(**wanted))["clip"])  # type: ignore[arg-type]


def test_empty_filter_passes_every_clip(index: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(filter_clips(index, Filter()), index)


def test_clips_are_found_by_their_labels(index: pd.DataFrame) -> None:
    assert clips(index, labels=("Meow", "Hiss")) == "bcen"
    assert clips(index, labels=("Meow", "Bark"), every_label=True) == "bcn"
    assert clips(index, labels=("Bark", "Hiss"), every_label=True) == ""
    assert clips(index, labels=("Bar",)) == ""  # whole labels only


def test_selected_clips_pass_and_no_others_of_their_names(index: pd.DataFrame) -> None:
    selected = frozenset([("curated", "a.wav"), ("noisy", "b.wav"), ("noisy", "n.wav"), ("test", "gone.wav")])
    assert clips(index, clips=selected) == "an"
    assert clips(index, clips=selected, subset="noisy") == "n"
    assert clips(index, clips=frozenset()) == ""


def test_clips_are_found_by_subset_and_length(index: pd.DataFrame) -> None:
    assert clips(index, subset="noisy") == "n"
    assert clips(index, shortest_s=2.0, below_s=10.0) == "bc"  # as in a bin; a clip without a duration does not pass
    assert clips(index, below_s=1.5) == "a"
    assert clips(index, shortest_s=2.0) == "bcdn"
    assert clips(index, subset="noisy", below_s=1.0) == ""


def test_clips_are_found_by_text_in_name_label_and_source(index: pd.DataFrame) -> None:
    assert clips(index, text="B.WAV") == "b"
    assert clips(index, text="meow") == "bcn"
    assert clips(index, text="freesound.org") == "a"
    assert clips(index, text=".*") == ""  # as text, not as a pattern
    assert clips(index, text="(") == ""


def test_clip_must_pass_all_parts_of_a_filter(index: pd.DataFrame) -> None:
    assert clips(index, subset="curated", labels=("Meow",), text="c.wav", shortest_s=1.0) == "c"


def test_clips_that_pass_keep_their_row_labels(index: pd.DataFrame) -> None:
    assert filter_clips(index, Filter(labels=("Meow",))).index.tolist() == [1, 2, 5]
    assert filter_clips(
        filter_clips(index, Filter(text="nowhere")), Filter(labels=("Meow",), text="x", below_s=1)
    ).empty


def test_clips_are_found_by_level_as_in_a_bin(index: pd.DataFrame) -> None:
    assert clips(index, quietest_dbfs=-20.0) == "ab"
    assert clips(index, below_dbfs=-10.0) == "bcd"  # silence is below; a clip that is not measured does not pass
    assert clips(index, quietest_dbfs=-30.0, below_dbfs=-10.0) == "bc"
    assert clips(index, quietest_dbfs=0.0) == ""  # 0 dBFS is a level like any other


def test_clips_are_found_by_their_problems(index: pd.DataFrame, found: pd.DataFrame) -> None:
    def passing(*problems: str) -> list[str]:
        return filter_clips(index, Filter(problems=problems), found)["clip"].tolist()

    assert passing("silent") == ["d.wav"]
    assert passing("clipped") == ["b.wav"]
    assert passing("silent", "DC") == ["b.wav", "d.wav"]
    assert passing("flagged") == []


def test_faults_of_clips_are_those_of_no_other_clip(index: pd.DataFrame, found: pd.DataFrame) -> None:
    few = filter_clips(index, Filter(subset="curated", below_s=2.5))
    assert faults_of_clips(found, few)["kind"].tolist() == ["DC", "clipped"]
    assert faults_of_clips(found, index.iloc[:0]).empty


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Filter(), "every clip"),
        (Filter(subset="noisy", labels=("Bark", "Meow")), "noisy clips; Bark or Meow"),
        (Filter(labels=("Bark", "Meow"), every_label=True), "Bark and Meow"),
        (Filter(shortest_s=1.0, below_s=2.5), "1 to below 2.5 s"),
        (Filter(below_s=2.0, quietest_dbfs=-60.0), "below 2 s; at least −60 dBFS"),
        (Filter(quietest_dbfs=0.0), "at least 0 dBFS"),
        (Filter(quietest_dbfs=0.0, below_dbfs=1.0), "0 to below 1 dBFS"),
        (Filter(problems=("DC", "silent"), text="x"), "“x” in name, label or link; problem: DC or silent"),
        (Filter(subset="noisy", clips=frozenset([("noisy", "n.wav")])), "noisy clips; 1 selected clip"),
        (Filter(clips=frozenset()), "0 selected clips"),
    ],
)
def test_filter_describes_itself(wanted: Filter, words: str) -> None:
    assert str(wanted) == words
