"""Every fault is found once, has its kind, and says in a sentence what is wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.data import measuring as measuring_module
from audiotag.data.dataset import Dataset
from audiotag.data.faults import TWINS_NAMED, faults
from audiotag.data.index import KEY, scan, with_keys
from audiotag.data.layouts import open_dataset
from audiotag.data.measuring import MEASURE_COLUMNS, with_measures

RATE = 44_100


def measured_index(dataset: Dataset) -> pd.DataFrame:
    """The index after both passes."""
    clips = with_keys(dataset.clips)
    rows = [
        (*key[:-1], *measuring_module._measure_row(key[-1]))
        for key in clips[[*KEY, "path"]].itertuples(index=False, name=None)
    ]
    return with_measures(scan(dataset), pd.DataFrame(rows, columns=KEY + MEASURE_COLUMNS))


@pytest.fixture
def sounds(tmp_path: Path, write_wav: Callable) -> Callable[..., Path]:
    """``sounds({name: waveform})``: the clips beside a table that labels each of them Hum."""

    def make(clips: dict[str, np.ndarray], subtype: str = "PCM_16") -> Path:
        root = tmp_path / "sounds"
        for name, waveform in clips.items():
            write_wav(root / name, waveform, RATE, subtype)
        (root / "t.csv").write_text("fname,label\n" + "".join(f"{name},Hum\n" for name in clips))
        return root

    return make


def found(root: Path) -> dict[tuple[str, str], str]:
    """Sentences by kind and clip; none twice."""
    dataset = open_dataset(root)
    table = faults(dataset, measured_index(dataset))
    assert table.columns.tolist() == ["kind", "clip", "subset", "what"]
    assert not table.duplicated(["kind", "clip"]).any()
    return {(row.kind, row.clip): row.what for row in table.itertuples()}


def test_sound_clips_have_no_faults(sounds: Callable, tone: Callable) -> None:
    assert found(sounds({"a.wav": tone(440), "b.wav": tone(880)})) == {}


def test_every_kind_of_fault_is_found_with_its_sentence(sounds: Callable, tone: Callable) -> None:
    clips = {
        "good.wav": tone(440, 0.5),
        "silent.wav": np.zeros(RATE),
        "clipped.wav": np.clip(tone(440, 1.0, 2.0), -1, 1),
        "dc.wav": tone(440, 1.0, 0.2) + 0.1,
        "short.wav": tone(440, 0.05),
        "cut.wav": tone(550, 1.0),
        "text.wav": tone(440),
        "empty.wav": tone(440),
        "gone.wav": tone(440),
        "twin.wav": tone(440, 0.5),
    }
    root = sounds(clips)
    (root / "cut.wav").write_bytes((root / "cut.wav").read_bytes()[:50_000])
    (root / "text.wav").write_text("no sound")
    (root / "empty.wav").write_bytes(b"")
    (root / "gone.wav").unlink()
    table = found(root)
    assert set(table) == {
        ("missing", "gone.wav"),
        ("unreadable", "text.wav"),
        ("unreadable", "empty.wav"),
        ("too short", "short.wav"),
        ("truncated", "cut.wav"),
        ("silent", "silent.wav"),
        ("clipped", "clipped.wav"),
        ("DC", "dc.wav"),
        ("duplicate", "good.wav"),
        ("duplicate", "twin.wav"),
    }
    assert table["missing", "gone.wav"].startswith("gone.wav is listed in t.csv but is not in")
    assert table["unreadable", "text.wav"].startswith("text.wav cannot be read as a sound")
    assert table["unreadable", "empty.wav"].startswith("empty.wav is empty (0 bytes)")
    assert table["too short", "short.wav"] == "short.wav lasts 50 ms."
    assert table["truncated", "cut.wav"] == "cut.wav ends before its header says."
    assert table["silent", "silent.wav"] == "silent.wav has no sample above -90 dBFS."
    assert table["clipped", "clipped.wav"].endswith("% of clipped.wav is in runs at full scale.")
    assert float(table["clipped", "clipped.wav"].split()[0]) == pytest.approx(66.7, abs=1.5)  # arccos(1/2) is 60°
    assert table["DC", "dc.wav"] == "dc.wav has a DC offset of +0.100 of full scale."
    assert table["duplicate", "good.wav"] == table["duplicate", "twin.wav"] == "The same sound: good.wav, twin.wav."


def test_the_worst_come_first(sounds: Callable, tone: Callable) -> None:
    root = sounds({"a.wav": tone(), "b.wav": tone(), "nan.wav": np.full(RATE, np.nan), "x.wav": tone()}, "FLOAT")
    (root / "x.wav").unlink()
    assert [kind for kind, _ in found(root)] == ["missing", "unreadable", "duplicate", "duplicate"]


def test_what_only_decoding_shows_is_unreadable_with_its_reason(sounds: Callable) -> None:
    root = sounds({"nan.wav": np.full(RATE, np.nan)}, "FLOAT")
    dataset = open_dataset(root)
    assert faults(dataset, scan(dataset)).empty  # its header is fine
    ((kind, clip),) = table = found(root)
    assert (kind, clip) == ("unreadable", "nan.wav")
    assert "not numbers" in table[kind, clip]


def test_before_the_second_pass_headers_are_enough_for_some(sounds: Callable, tone: Callable) -> None:
    dataset = open_dataset(sounds({"a.wav": tone(440, 0.05), "b.wav": np.zeros(RATE)}))
    assert faults(dataset, scan(dataset))["kind"].tolist() == ["too short"]


def test_a_clip_that_vanished_since_the_table_was_read_is_missing(sounds: Callable, tone: Callable) -> None:
    root = sounds({"a.wav": tone(), "b.wav": tone(880)})
    dataset = open_dataset(root)
    (root / "b.wav").unlink()
    table = faults(dataset, scan(dataset))
    assert table[["kind", "clip", "what"]].to_numpy().tolist() == [["missing", "b.wav", "b.wav is not there."]]


def test_sounds_that_are_not_there_at_all_are_not_listed_one_by_one(sounds: Callable, tone: Callable) -> None:
    root = sounds({name: tone() for name in ("a.wav", "b.wav")})
    for file in root.glob("*.wav"):
        file.unlink()
    dataset = open_dataset(root)
    assert dataset.missing
    assert faults(dataset, scan(dataset)).empty


def test_many_twins_are_counted_rather_than_named(sounds: Callable) -> None:
    n_clips = TWINS_NAMED + 5
    table = found(sounds({f"{number:02}.wav": np.zeros(RATE // 2) for number in range(n_clips)}))
    twins = [what for (kind, _), what in table.items() if kind == "duplicate"]
    assert len(twins) == n_clips
    assert set(twins) == {"The same sound: " + ", ".join(f"{at:02}.wav" for at in range(10)) + " and 5 more."}


def test_clips_that_the_notes_condemn_are_listed_with_the_reason(shared: Path) -> None:
    dataset = open_dataset(shared / "data/fsdkaggle2019")
    table = faults(dataset, scan(dataset))
    condemned = table[table["kind"] == "condemned"].set_index("clip")["what"]
    assert len(condemned) == 6
    assert "no signal" in condemned["1d44b0bd.wav"]
    assert "wrong label" in condemned["f76181c4.wav"]
    assert set(table["kind"]) == {"condemned"}  # and not 29,000 files that are not there
