"""The tables about a dataset hold what can be counted by hand."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.data.index import HEADER_TYPES, KEY, scan
from audiotag.data.layouts import open_dataset
from audiotag.data.measures import THIRD_OCTAVES_HZ
from audiotag.data.measuring import MEASURE_COLUMNS, with_measures
from audiotag.data.statistics import (
    Filter,
    absent,
    combinations,
    filtered,
    formats,
    label_counts,
    labelled,
    labels_a_clip,
    licences,
    measured,
    ordered,
    readable,
    share_seen,
    share_shorter,
    summary,
    third_octaves,
    together,
)


@pytest.fixture
def index() -> pd.DataFrame:
    rows = [
        ("a.wav", "curated", ("Bark",), 1.0, pd.NA),
        ("b.wav", "curated", ("Bark", "Meow"), 2.0, pd.NA),
        ("c.wav", "curated", ("Meow", "Bark"), 3.0, pd.NA),
        ("d.wav", "curated", ("Bark",), 10.0, pd.NA),
        ("e.wav", "curated", ("Hiss",), pd.NA, "e.wav is empty (0 bytes); copy or record it again."),
        ("n.wav", "noisy", ("Zip", "Meow", "Bark"), 7200.0, pd.NA),
    ]
    index = pd.DataFrame(rows, columns=["clip", "subset", "labels", "duration_s", "error"])
    index = index.assign(
        size=[1, 1, 1, 1, 0, 1],
        modified_ns=1,
        licence=pd.array(["CC0", "CC0", "CC-BY", pd.NA, "CC0", "CC0"], dtype="string"),
        source=pd.array(["https://freesound.org/s/7/", *[pd.NA] * 5], dtype="string"),
        container=["WAV", "WAV", "FLAC", "OGG", pd.NA, "WAV"],
        codec=["PCM_16", "PCM_16", "PCM_16", "VORBIS", pd.NA, "PCM_16"],
        channels=[1, 1, 1, 2, pd.NA, 1],
        sample_rate=[44_100, 44_100, 44_100, 48_000, pd.NA, 16_000],
    )
    return index.astype({name: type_ for name, type_ in HEADER_TYPES.items() if name in index})


@pytest.fixture
def sounding(index: pd.DataFrame) -> pd.DataFrame:
    """The index with measures: curated clips at −10, −20 and −30 dBFS, one silent; the noisy one is not measured."""
    nothing, low, high = (tuple(float(at == only) for at in range(30)) for only in (-1, 4, 20))
    measures = {column: pd.NA for column in MEASURE_COLUMNS}
    rows = [
        {**measures, "clip": clip, "rms_dbfs": level, "third_octaves": bands}
        for clip, level, bands in (
            ("a.wav", -10.0, low),
            ("b.wav", -20.0, tuple(1e-3 * value for value in high)),
            ("c.wav", -30.0, high),
            ("d.wav", -math.inf, nothing),
        )
    ]
    table = pd.DataFrame(rows).astype({"rms_dbfs": float})
    return index.merge(table, how="left", on="clip")


@pytest.fixture
def silent_index(index: pd.DataFrame) -> pd.DataFrame:
    """The same labels without any sound."""
    gone = index.assign(size=0, modified_ns=0, duration_s=pd.NA, error="is not there")
    return gone.astype({name: HEADER_TYPES[name] for name in ("duration_s", "error")})


def test_the_summary_counts_each_subset(index: pd.DataFrame) -> None:
    table = summary(index)
    assert table.index.tolist() == ["curated", "noisy"]
    assert table.loc["curated"].to_dict() == {
        "clips": 4,
        "hours": pytest.approx(16 / 3600),
        "labels": 2,
        "combinations": 2,  # Bark; Bark and Meow in whatever order
        "labels_a_clip": 1.5,
        "mean_s": 4.0,
        "median_s": 2.5,
        "shortest_s": 1.0,
        "longest_s": 10.0,
    }
    assert table.loc["noisy", ["clips", "hours", "labels", "combinations"]].tolist() == [1, 2.0, 3, 1]


def test_labels_are_counted_in_each_subset(index: pd.DataFrame) -> None:
    counts = label_counts(index)
    assert counts.columns.tolist() == ["curated", "noisy"]
    assert counts.to_dict("index") == {
        "Bark": {"curated": 4, "noisy": 1},
        "Meow": {"curated": 2, "noisy": 1},
        "Zip": {"curated": 0, "noisy": 1},
    }


def test_the_share_of_shorter_clips_leaves_out_the_equal(index: pd.DataFrame) -> None:
    assert share_shorter(index, 2.0).to_dict() == {"curated": 0.25, "noisy": 0.0}
    assert share_shorter(index, 1e9).to_dict() == {"curated": 1.0, "noisy": 1.0}


def test_labels_are_ordered_by_count_or_name(index: pd.DataFrame) -> None:
    counts = label_counts(index)
    assert ordered(counts, "most clips").index.tolist() == ["Bark", "Meow", "Zip"]
    assert ordered(counts, "fewest clips").index.tolist() == ["Zip", "Meow", "Bark"]
    assert ordered(counts.iloc[::-1], "name").index.tolist() == ["Bark", "Meow", "Zip"]


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
    assert clips(index, shortest_s=2.0, longest_s=10.0) == "bcd"  # both ends count; what has no length does not pass
    assert clips(index, longest_s=1.0) == "a"
    assert clips(index, subset="noisy", longest_s=1.0) == ""


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
    assert filtered(filtered(index, Filter(text="nowhere")), Filter(labels=("Meow",), text="x", longest_s=1)).empty


def test_an_empty_file_is_no_clip_but_one_that_is_not_there_counts_by_its_labels(
    index: pd.DataFrame, silent_index: pd.DataFrame
) -> None:
    assert absent(index).sum() == 0
    assert labelled(index)["clip"].tolist() == readable(index)["clip"].tolist() == [f"{x}.wav" for x in "abcdn"]
    assert len(labelled(silent_index)) == 6
    assert readable(silent_index).empty
    table = summary(silent_index)
    assert table["clips"].tolist() == [5, 1]
    assert table["mean_s"].isna().all()


def test_clips_are_counted_by_their_number_of_labels(index: pd.DataFrame) -> None:
    assert labels_a_clip(index).to_dict("index") == {
        1: {"curated": 2, "noisy": 0},
        2: {"curated": 2, "noisy": 0},
        3: {"curated": 0, "noisy": 1},
    }


def test_combinations_are_counted_in_whatever_order_their_labels_stand(index: pd.DataFrame) -> None:
    assert combinations(index).to_dict("index") == {
        "Bark": {"curated": 2, "noisy": 0},
        "Bark, Meow": {"curated": 2, "noisy": 0},
        "Bark, Meow, Zip": {"curated": 0, "noisy": 1},
    }


def test_pairs_of_labels_are_counted_both_ways_round(index: pd.DataFrame) -> None:
    table = together(index)
    counted = {(row.label, row.other): row.clips for row in table.itertuples()}
    assert counted == {
        ("Bark", "Meow"): 3,
        ("Meow", "Bark"): 3,
        ("Bark", "Zip"): 1,
        ("Zip", "Bark"): 1,
        ("Meow", "Zip"): 1,
        ("Zip", "Meow"): 1,
    }
    assert len(counted) == len(table)


def test_licences_are_counted_where_there_are_any(index: pd.DataFrame) -> None:
    assert licences(index).to_dict("index") == {
        "CC-BY": {"curated": 1, "noisy": 0},
        "CC0": {"curated": 2, "noisy": 1},
    }
    assert licences(index.assign(licence=pd.array([pd.NA] * 6, dtype="string"))).empty


def test_formats_name_what_is_constant_and_count_what_is_not(index: pd.DataFrame) -> None:
    table = formats(index)
    assert table.loc["container", "curated"] == "WAV (2), FLAC (1), OGG (1)"
    assert table.loc["channels", "curated"] == "1 (3), 2 (1)"
    assert table["noisy"].tolist() == ["WAV", "PCM_16", "1", "16000"]
    many = pd.concat([index.assign(subset="test", sample_rate=rate) for rate in (1, 2, 3, 4)])
    assert formats(many).loc["sample rate (Hz)", "test"].endswith(" …")


def test_the_share_that_a_crop_sees(index: pd.DataFrame) -> None:
    assert share_seen(index, 2.0)["curated"] == pytest.approx((1 + 2 + 2 + 2) / 16)
    assert share_seen(index, 3600.0).to_dict() == {"curated": 1.0, "noisy": 0.5}


def test_only_what_is_measured_is_measured(index: pd.DataFrame, sounding: pd.DataFrame) -> None:
    assert measured(index).empty
    assert measured(sounding)["clip"].tolist() == ["a.wav", "b.wav", "c.wav", "d.wav"]


def test_spectra_are_averaged_by_colour_and_not_by_level(sounding: pd.DataFrame) -> None:
    table = third_octaves(sounding)
    assert table.columns.tolist() == ["curated"]
    assert tuple(table.index) == THIRD_OCTAVES_HZ
    shares = 10 ** (table["curated"].to_numpy() / 10)
    assert shares.sum() == pytest.approx(1)
    assert shares[[4, 20]] == pytest.approx([1 / 3, 2 / 3])  # the silent clip has no colour; the faint one counts whole
    assert np.isfinite(table.to_numpy()).all()


def test_spectra_of_silence_are_an_empty_table(sounding: pd.DataFrame) -> None:
    assert third_octaves(sounding[sounding["clip"] == "d.wav"]).shape == (30, 0)


def test_before_the_first_measure_the_tables_are_empty(index: pd.DataFrame) -> None:
    table = with_measures(index, pd.DataFrame(columns=KEY + MEASURE_COLUMNS))
    assert len(table) == len(index)
    assert measured(table).empty
    assert third_octaves(table).shape == (30, 0)


def test_the_label_tables_of_fsdkaggle2019_have_the_published_figures(shared: Path) -> None:
    """DCASE 2019 task 2's notes, less the six condemned clips; combinations as the capstone counted them."""
    index = scan(open_dataset(shared / "data/fsdkaggle2019"))
    table = summary(index)
    assert table["clips"].to_dict() == {"curated": 4964, "noisy": 19_815, "test": 4481}
    assert table["labels"].tolist() == [80, 80, 80]
    assert table.loc[["curated", "noisy"], "combinations"].tolist() == [213, 1168]
    assert table["labels_a_clip"].astype(float).round(1).tolist() == [1.2, 1.2, 1.4]
    most = combinations(index)["noisy"]
    assert (most.idxmax(), most.max()) == ("Waves_and_surf", 291)
    assert combinations(index).astype(bool).sum()[["curated", "noisy"]].tolist() == [213, 1168]
    assert (
        label_counts(index).sum().tolist()
        == labels_a_clip(index).mul(labels_a_clip(index).index, axis=0).sum().tolist()
    )


def test_a_dataset_of_unreadable_clips_gives_empty_tables(index: pd.DataFrame) -> None:
    unreadable = index[index["error"].notna()]
    assert readable(unreadable).empty
    assert summary(unreadable).empty
    assert label_counts(unreadable).empty
    assert ordered(label_counts(unreadable), "most clips").empty
    assert share_shorter(unreadable, 2.0).empty
    assert share_seen(unreadable, 2.0).empty
    assert combinations(unreadable).empty
    assert labels_a_clip(unreadable).empty
    assert together(unreadable).empty
    assert licences(unreadable).empty
    assert formats(unreadable).empty


def test_a_dataset_without_labels_gives_empty_tables(index: pd.DataFrame) -> None:
    bare = index.assign(labels=[()] * len(index))
    assert label_counts(bare).empty
    assert together(bare).empty
    assert labels_a_clip(bare).to_dict("index") == {0: {"curated": 4, "noisy": 1}}
    assert summary(bare)["labels"].tolist() == [0, 0]
