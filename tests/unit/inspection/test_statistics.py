"""The tables about a dataset have the values that can be counted by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from audiotag.data.dataset import Dataset
from audiotag.data.index import HEADER_TYPES, KEY
from audiotag.features.measures import THIRD_OCTAVES_HZ
from audiotag.inspection.measurement_job import with_measures
from audiotag.inspection.measuring_workers import MEASURE_COLUMNS
from audiotag.inspection.statistics import (
    co_occurrence,
    combinations,
    describe_rarest_labels,
    distribution,
    durations_by_label,
    formats,
    is_absent,
    label_counts,
    labelled_clips,
    labels_by_median_duration,
    labels_per_clip,
    licences,
    measured_clips,
    percentiles,
    readable_clips,
    round_edges,
    share_covered,
    share_shorter,
    sort_label_counts,
    spectral_gap,
    summary,
    third_octaves,
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
        bits=[16, 16, 16, pd.NA, pd.NA, 16],
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
    gone = index.assign(size=0, modified_ns=0, duration_s=pd.NA, error="does not exist")
    return gone.astype({name: HEADER_TYPES[name] for name in ("duration_s", "error")})


def test_summary_counts_each_subset(index: pd.DataFrame) -> None:
    table = summary(index)
    assert table.index.tolist() == ["curated", "noisy"]
    assert table.loc["curated"].to_dict() == {
        "clips": 4,
        "hours": pytest.approx(16 / 3600),
        "labels": 2,
        "combinations": 2,  # Bark; Bark and Meow in whatever order
        "labels_per_clip": 1.5,
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


def test_share_of_shorter_clips_excludes_equal_durations(index: pd.DataFrame) -> None:
    assert share_shorter(index, 2.0).to_dict() == {"curated": 0.25, "noisy": 0.0}
    assert share_shorter(index, 1e9).to_dict() == {"curated": 1.0, "noisy": 1.0}


def test_labels_are_ordered_by_count_or_name(index: pd.DataFrame) -> None:
    counts = label_counts(index)
    assert sort_label_counts(counts, "most clips").index.tolist() == ["Bark", "Meow", "Zip"]
    assert sort_label_counts(counts, "fewest clips").index.tolist() == ["Zip", "Meow", "Bark"]
    assert sort_label_counts(counts.iloc[::-1], "name").index.tolist() == ["Bark", "Meow", "Zip"]


def test_empty_file_does_not_count_but_a_missing_one_counts_by_its_labels(
    index: pd.DataFrame, silent_index: pd.DataFrame
) -> None:
    assert is_absent(index).sum() == 0
    assert (
        labelled_clips(index)["clip"].tolist()
        == readable_clips(index)["clip"].tolist()
        == [f"{x}.wav" for x in "abcdn"]
    )
    assert len(labelled_clips(silent_index)) == 6
    assert readable_clips(silent_index).empty
    table = summary(silent_index)
    assert table["clips"].tolist() == [5, 1]
    assert table["mean_s"].isna().all()


def test_clips_are_counted_by_their_number_of_labels(index: pd.DataFrame) -> None:
    assert labels_per_clip(index).to_dict("index") == {
        1: {"curated": 2, "noisy": 0},
        2: {"curated": 2, "noisy": 0},
        3: {"curated": 0, "noisy": 1},
    }


def test_combinations_are_counted_whatever_the_order_of_their_labels(index: pd.DataFrame) -> None:
    assert combinations(index).to_dict("index") == {
        "Bark": {"curated": 2, "noisy": 0},
        "Bark, Meow": {"curated": 2, "noisy": 0},
        "Bark, Meow, Zip": {"curated": 0, "noisy": 1},
    }


def test_pairs_of_labels_are_counted_in_both_orders(index: pd.DataFrame) -> None:
    table = co_occurrence(index)
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


def test_licences_are_counted_if_there_are_any(index: pd.DataFrame) -> None:
    assert licences(index).to_dict("index") == {
        "CC-BY": {"curated": 1, "noisy": 0},
        "CC0": {"curated": 2, "noisy": 1},
    }
    assert licences(index.assign(licence=pd.array([pd.NA] * 6, dtype="string"))).empty


def test_formats_name_the_one_value_or_count_each(index: pd.DataFrame) -> None:
    table = formats(index)
    assert table.loc["container", "curated"] == "WAV (2), FLAC (1), OGG (1)"
    assert table.loc["channels", "curated"] == "1 (3), 2 (1)"
    assert table.loc["bits per sample"].tolist() == ["16", "16"]  # a lossy codec has none
    assert table.loc[:"sample rate (Hz)", "noisy"].tolist() == ["WAV", "PCM_16", "16", "1", "16000"]
    assert table.loc[["hours", "mean duration (s)"], "noisy"].tolist() == ["2.00", "7200.00"]
    assert table.loc["median duration (s)", "curated"] == "2.50"
    assert table.loc["shortest and longest (s)", "curated"] == "1.00 – 10.00"
    many = pd.concat([index.assign(subset="test", sample_rate=rate) for rate in (1, 2, 3, 4)])
    assert formats(many).loc["sample rate (Hz)", "test"].endswith(" …")


def test_share_that_a_crop_covers(index: pd.DataFrame) -> None:
    assert share_covered(index, 2.0)["curated"] == pytest.approx((1 + 2 + 2 + 2) / 16)
    assert share_covered(index, 3600.0).to_dict() == {"curated": 1.0, "noisy": 0.5}


def test_clips_count_as_measured_only_if_they_have_a_level(index: pd.DataFrame, sounding: pd.DataFrame) -> None:
    assert measured_clips(index).empty
    assert measured_clips(sounding)["clip"].tolist() == ["a.wav", "b.wav", "c.wav", "d.wav"]


def test_spectra_are_averaged_by_power_over_all_clips(sounding: pd.DataFrame) -> None:
    table = third_octaves(sounding)
    assert table.columns.tolist() == ["curated"]
    assert tuple(table.index) == THIRD_OCTAVES_HZ
    power = 10 ** (table["curated"].to_numpy() / 10)
    assert power[[4, 20]] == pytest.approx([1 / 4, 1.001 / 4])  # four clips, the silent one too; 1 is 0 dBFS
    assert np.isfinite(table.to_numpy()).all()


def test_spectra_at_the_same_power_are_averaged_by_shape_and_not_by_level(sounding: pd.DataFrame) -> None:
    shares = 10 ** (third_octaves(sounding, same_power=True)["curated"].to_numpy() / 10)
    assert shares.sum() == pytest.approx(1)
    assert shares[[4, 20]] == pytest.approx([1 / 3, 2 / 3])  # the silent clip has no shape; the quiet one counts fully


def test_gap_between_two_subsets_is_exact_and_changes_sign_when_they_are_swapped(sounding: pd.DataFrame) -> None:
    """Bark's noisy clips have a tenth of their power where the curated ones have a half; Meow's are equal."""
    table = sounding[sounding["clip"].isin(["a.wav", "c.wav", "n.wav", "b.wav"])].reset_index(drop=True)
    even = tuple(0.5 if at in (4, 20) else 0.0 for at in range(30))
    tilted = tuple({4: 0.1, 20: 0.9}.get(at, 0.0) for at in range(30))
    table = table.assign(
        labels=[("Bark",), ("Meow",), ("Bark",), ("Meow",)],
        subset=["curated", "curated", "noisy", "noisy"],
        rms_dbfs=-10.0,
        third_octaves=[even, even, tuple(1e-4 * value for value in tilted), even],
    )
    gap = spectral_gap(table, "noisy", "curated")
    assert gap.index.tolist() == ["Bark", "Meow"]  # the most different first
    bark = gap.loc["Bark"].dropna()
    assert bark.to_dict() == pytest.approx(
        {f"{THIRD_OCTAVES_HZ[4]} Hz": 10 * np.log10(0.2), f"{THIRD_OCTAVES_HZ[20]} Hz": 10 * np.log10(1.8)}
    )
    assert gap.loc["Meow"].dropna().to_numpy() == pytest.approx([0, 0])
    pd.testing.assert_frame_equal(spectral_gap(table, "curated", "noisy"), -gap)
    assert spectral_gap(table[table["subset"] == "noisy"], "noisy", "curated").empty


def test_durations_of_each_label_are_those_of_its_clips(index: pd.DataFrame) -> None:
    table = durations_by_label(index).set_index(["label", "subset"])
    bark = table.loc[("Bark", "curated")]
    assert bark[["clips", "mean_s", "median_s"]].tolist() == [4, 4.0, 2.5]
    assert bark["p10_s"] == pytest.approx(1.3)
    assert bark["p90_s"] == pytest.approx(np.quantile([1, 2, 3, 10], 0.9))
    assert ("Hiss", "curated") not in table.index  # its one clip cannot be read
    assert labels_by_median_duration(table.reset_index()) == ["Bark", "Meow", "Zip"]


def test_percentiles_rise_to_the_longest_duration(index: pd.DataFrame) -> None:
    table = percentiles(index)
    assert table.index[[0, -1]].tolist() == [0, 100]
    assert table["curated"].is_monotonic_increasing
    assert table["curated"].iloc[[0, -1]].tolist() == [1.0, 10.0]
    assert table.loc[50.0, "curated"] == 2.0  # half of the clips are at most so long


def test_distribution_counts_every_clip_once(index: pd.DataFrame) -> None:
    table = distribution(readable_clips(index), "duration_s")
    assert table[["curated", "noisy"]].sum().tolist() == pytest.approx([1, 1])
    assert (table["to"].iloc[:-1].to_numpy() == table["from"].iloc[1:].to_numpy()).all()
    assert table["from"].iloc[0] <= 1.0
    assert table["to"].iloc[-1] > 7200


def test_value_on_an_edge_is_in_the_bin_that_begins_there(index: pd.DataFrame) -> None:
    table = distribution(index[index["subset"] == "curated"].dropna(subset=["duration_s"]), "duration_s")
    for value in (1.0, 2.0, 3.0, 10.0):
        ((share),) = table.loc[(table["from"] <= value) & (value < table["to"]), "curated"]
        assert share == 0.25


@pytest.mark.parametrize(
    ("low", "high"), [(0.3, 30.0), (-63.2, -3.1), (0.0, 0.0), (5.0, 5.0), (3.3, 22_050.0), (0.1, 0.3), (-1.0, 1e9)]
)
def test_edges_contain_all_values_and_are_few(low: float, high: float) -> None:
    edges = round_edges(low, high)
    assert edges[0] <= low
    assert edges[-1] > high
    assert 2 <= len(edges) <= 53
    assert np.diff(edges) == pytest.approx(np.full(len(edges) - 1, edges[1] - edges[0]))


def test_digital_silence_does_not_stretch_the_range_of_levels(sounding: pd.DataFrame) -> None:
    levels = sounding.assign(noise_floor_dbfs=[-50.0, -60.0, -200.0, -40.0, np.nan, np.nan])
    table = distribution(measured_clips(levels), "noise_floor_dbfs")
    assert table["from"].iloc[0] == -120
    assert table["curated"].sum() == pytest.approx(1)
    unmeasured = distribution(levels[levels["subset"] == "noisy"], "noise_floor_dbfs")
    assert len(unmeasured) == 0


def test_rarest_labels_are_named_with_their_number_of_clips(index: pd.DataFrame) -> None:
    curated, noisy = describe_rarest_labels(label_counts(index))
    assert curated == "rarest curated: Zip (0), Meow (2), Bark (4); the median label has 2 clips"
    assert noisy.startswith("rarest noisy: Bark (1), Meow (1), Zip (1)")


def test_spectra_of_silence_are_an_empty_table(sounding: pd.DataFrame) -> None:
    assert third_octaves(sounding[sounding["clip"] == "d.wav"]).shape == (30, 0)


def test_tables_of_measures_are_empty_before_the_first_measure(index: pd.DataFrame) -> None:
    table = with_measures(index, pd.DataFrame(columns=KEY + MEASURE_COLUMNS))
    assert len(table) == len(index)
    assert measured_clips(table).empty
    assert third_octaves(table).shape == (30, 0)


def test_label_tables_of_fsdkaggle2019_have_the_published_figures(
    real_release: tuple[Dataset, pd.DataFrame],
) -> None:
    """DCASE 2019 task 2's notes, without the six flagged clips; combinations as the capstone counted them."""
    _, index = real_release
    table = summary(index)
    assert table["clips"].to_dict() == {"curated": 4964, "noisy": 19_815, "test": 4481}
    assert table["labels"].tolist() == [80, 80, 80]
    assert table.loc[["curated", "noisy"], "combinations"].tolist() == [213, 1168]
    assert table["labels_per_clip"].astype(float).round(1).tolist() == [1.2, 1.2, 1.4]
    most = combinations(index)["noisy"]
    assert (most.idxmax(), most.max()) == ("Waves_and_surf", 291)
    assert combinations(index).astype(bool).sum()[["curated", "noisy"]].tolist() == [213, 1168]
    assert (
        label_counts(index).sum().tolist()
        == labels_per_clip(index).mul(labels_per_clip(index).index, axis=0).sum().tolist()
    )


def test_dataset_of_unreadable_clips_gives_empty_tables(index: pd.DataFrame) -> None:
    unreadable = index[index["error"].notna()]
    assert readable_clips(unreadable).empty
    assert summary(unreadable).empty
    assert label_counts(unreadable).empty
    assert sort_label_counts(label_counts(unreadable), "most clips").empty
    assert share_shorter(unreadable, 2.0).empty
    assert share_covered(unreadable, 2.0).empty
    assert combinations(unreadable).empty
    assert labels_per_clip(unreadable).empty
    assert co_occurrence(unreadable).empty
    assert licences(unreadable).empty
    assert formats(unreadable).empty


def test_dataset_without_labels_gives_empty_tables(index: pd.DataFrame) -> None:
    bare = index.assign(labels=[()] * len(index))
    assert label_counts(bare).empty
    assert co_occurrence(bare).empty
    assert durations_by_label(bare).empty
    assert labels_per_clip(bare).to_dict("index") == {0: {"curated": 4, "noisy": 1}}
    assert summary(bare)["labels"].tolist() == [0, 0]
