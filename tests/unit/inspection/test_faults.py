"""Every fault is found once, with its kind and a sentence that says what is wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.data.dataset import Dataset
from audiotag.data.index import KEY, scan, with_keys
from audiotag.data.layouts import open_dataset
from audiotag.inspection.faults import MAX_NAMED_DUPLICATES, find_faults
from audiotag.inspection.measurement_job import with_measures
from audiotag.inspection.measuring_workers import MEASURE_COLUMNS, ROW_COLUMNS, Clip, measure_row

RATE = 44_100


def measured_index(dataset: Dataset) -> pd.DataFrame:
    """The index with measures."""
    clips = with_keys(dataset.clips)
    rows = [
        (*key[:-1], *measure_row(Clip(key[0], key[-1])))
        for key in clips[[*KEY, "path"]].itertuples(index=False, name=None)
    ]
    return with_measures(scan(dataset), pd.DataFrame(rows, columns=KEY + ROW_COLUMNS)[KEY + MEASURE_COLUMNS])


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
    table = find_faults(dataset, measured_index(dataset))
    assert table.columns.tolist() == ["kind", "clip", "subset", "what"]
    assert not table.duplicated(["kind", "clip"]).any()
    return {(row.kind, row.clip): row.what for row in table.itertuples()}


def test_sound_clips_have_no_faults(sounds: Callable, tone: Callable) -> None:
    assert found(sounds({"a.wav": tone(440), "b.wav": tone(880)})) == {}


def test_what_a_recorder_left_at_its_crash_is_listed_as_salvaged(sounds: Callable, tone: Callable) -> None:
    root = sounds({"a.wav": tone(440, 0.5)})
    content = bytearray((root / "a.wav").read_bytes())
    content[4:8] = content[40:44] = bytes(4)  # the sizes that are written last
    (root / "a.wav").write_bytes(content)
    sentence = "a.wav states no length in its header, as after a recorder's crash; all 0.50 s in it are used."
    dataset = open_dataset(root)
    assert find_faults(dataset, scan(dataset))["what"].tolist() == [sentence]  # without measuring
    assert found(root) == {("salvaged", "a.wav"): sentence}


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
    assert table["truncated", "cut.wav"].startswith("cut.wav is truncated: its header states 1.00 s,")
    assert table["silent", "silent.wav"] == "silent.wav has no sample above −90 dBFS."
    assert table["clipped", "clipped.wav"].endswith("% of the samples of clipped.wav are clipped.")
    assert float(table["clipped", "clipped.wav"].split()[0]) == pytest.approx(66.7, abs=1.5)  # arccos(1/2) is 60°
    assert table["DC", "dc.wav"] == "dc.wav has a DC offset of +0.100 of full scale."
    assert table["duplicate", "good.wav"] == table["duplicate", "twin.wav"] == "The same sound: good.wav, twin.wav."


def test_a_file_whose_channels_cancel_is_silent_for_that_reason(sounds: Callable, tone: Callable) -> None:
    opposite = np.stack([tone(440, 0.5, 1.0), -tone(440, 0.5, 1.0)], axis=1)
    table = found(sounds({"a.wav": opposite, "b.wav": np.zeros(RATE), "c.wav": np.zeros((RATE, 2))}))
    assert table["silent", "a.wav"] == (
        "a.wav is silent in the mono mix that is used: its channels cancel each other, with peaks of: left 0 dBFS, "
        "right 0 dBFS; export the left or the right channel as a file of its own."
    )
    assert table["silent", "b.wav"] == "b.wav has no sample above −90 dBFS."
    assert table["silent", "c.wav"] == "c.wav has no sample above −90 dBFS."


def test_worst_faults_come_first(sounds: Callable, tone: Callable) -> None:
    root = sounds({"a.wav": tone(), "b.wav": tone(), "nan.wav": np.full(RATE, np.nan), "x.wav": tone()}, "FLOAT")
    (root / "x.wav").unlink()
    assert [kind for kind, _ in found(root)] == ["missing", "unreadable", "duplicate", "duplicate"]


def test_clip_that_only_decoding_shows_to_be_bad_is_unreadable_with_its_reason(sounds: Callable) -> None:
    root = sounds({"nan.wav": np.full(RATE, np.nan)}, "FLOAT")
    dataset = open_dataset(root)
    assert find_faults(dataset, scan(dataset)).empty  # its header is fine
    ((kind, clip),) = table = found(root)
    assert (kind, clip) == ("unreadable", "nan.wav")
    assert "not numbers" in table[kind, clip]


def test_some_faults_are_found_without_measures(sounds: Callable, tone: Callable) -> None:
    dataset = open_dataset(sounds({"a.wav": tone(440, 0.05), "b.wav": np.zeros(RATE)}))
    assert find_faults(dataset, scan(dataset))["kind"].tolist() == ["too short"]


def test_clip_that_was_deleted_after_the_table_was_read_is_missing(sounds: Callable, tone: Callable) -> None:
    root = sounds({"a.wav": tone(), "b.wav": tone(880)})
    dataset = open_dataset(root)
    (root / "b.wav").unlink()
    table = find_faults(dataset, scan(dataset))
    assert table[["kind", "clip", "what"]].to_numpy().tolist() == [["missing", "b.wav", "b.wav does not exist."]]
    (
        root / "a.wav"
    ).unlink()  # now all are gone, but the dataset was opened when they were there and does not report it
    assert find_faults(dataset, scan(dataset))["clip"].tolist() == ["a.wav", "b.wav"]


def test_clips_of_a_dataset_without_any_sounds_are_not_listed_one_by_one(sounds: Callable, tone: Callable) -> None:
    root = sounds({name: tone() for name in ("a.wav", "b.wav")})
    for file in root.glob("*.wav"):
        file.unlink()
    dataset = open_dataset(root)
    assert dataset.missing
    assert find_faults(dataset, scan(dataset)).empty


def test_subset_without_any_sounds_is_reported_once_and_single_clips_of_others_one_by_one(
    tmp_path: Path, tone: Callable, write_wav: Callable
) -> None:
    root = tmp_path / "sounds"
    for subset in ("curated", "noisy"):
        lines = ["fname,labels"]
        for number in range(3):
            write_wav(root / f"train_{subset}/{subset}{number}.wav", tone(300 + 100 * number))
            lines.append(f"{subset}{number}.wav,Hum")
        (root / f"train_{subset}.csv").write_text("\n".join(lines))
    for file in (root / "train_noisy").glob("*"):
        file.unlink()
    dataset = open_dataset(root)
    assert len(dataset.missing) == 1
    assert find_faults(dataset, scan(dataset)).empty
    (root / "train_curated/curated1.wav").unlink()
    rows = find_faults(dataset, scan(dataset))
    assert rows.to_numpy().tolist() == [["missing", "curated1.wav", "curated", "curated1.wav does not exist."]]
    (reopened,) = find_faults(open_dataset(root), scan(open_dataset(root))).itertuples()
    assert (reopened.kind, reopened.clip) == ("missing", "curated1.wav")


def test_silent_clips_are_not_duplicates_and_hide_no_others(sounds: Callable, tone: Callable) -> None:
    same = {f"silent{number}.wav": np.zeros(RATE) for number in range(3)} | {
        f"tone{number}.wav": tone(440) for number in range(2)
    }
    assert set(found(sounds(same))) == {
        *(("silent", f"silent{number}.wav") for number in range(3)),
        *(("duplicate", f"tone{number}.wav") for number in range(2)),
    }


def test_disagreeing_counts_are_a_fault(sounds: Callable, tone: Callable, write_wav: Callable) -> None:
    root = sounds({"audio/a.wav": tone(), "audio/b.wav": tone(880)})
    (root / "t.csv").write_text("fname,label\na.wav,Hum\n")
    assert found(root) == {("counts", "b.wav"): "audio/ holds 2 sounds, t.csv names 1: b.wav is not in the table."}


@pytest.fixture
def odd_index() -> Callable[[int], pd.DataFrame]:
    """``odd_index(seed)``: 200 clips with anything wrong, alone and together, with measures."""

    def make(seed: int) -> pd.DataFrame:
        rng, n_clips = np.random.default_rng(seed), 200
        clips = pd.DataFrame({"clip": [f"{number}.wav" for number in range(n_clips)]}, dtype="str")
        clips["subset"] = pd.Series(rng.choice(["curated", "noisy", "test"], n_clips), dtype="str")
        state = rng.choice(
            ["gone", "broken", "undecodable", "unmeasured", "whole"], n_clips, p=[0.1, 0.1, 0.1, 0.1, 0.6]
        )
        there, headed, decoded = state != "gone", ~np.isin(state, ["gone", "broken"]), state == "whole"
        reasons = pd.Series([f"{clip} fails." for clip in clips["clip"]], dtype="string")
        return clips.assign(
            path=[Path("/odd") / clip for clip in clips["clip"]],
            labels=[("Hum",)] * n_clips,
            fold=pd.NA,
            group=pd.NA,
            size=np.where(there, 1000, 0),
            modified_ns=np.where(there, 1000, 0),
            error=reasons.where(~headed),
            duration_s=pd.Series(rng.choice([0.05, 0.1, 2.0], n_clips), dtype="Float64").where(headed),
            measure_error=reasons.astype(object).where(state == "undecodable", None),
            truncated=pd.Series(rng.random(n_clips) < 0.2, dtype=object).where(decoded, None),
            peak_dbfs=pd.Series(rng.choice([-np.inf, -90.1, -90.0, -3.0], n_clips)).where(decoded),
            rms_dbfs=pd.Series(-20.0, index=clips.index).where(decoded),
            clipped_share=pd.Series(rng.choice([0, 0.001, 0.0011, 0.5], n_clips)).where(decoded),
            dc=pd.Series(rng.choice([0, 0.01, 0.011, -0.011], n_clips)).where(decoded),
            content=pd.Series(rng.integers(0, 60, n_clips).astype(str), dtype=object).where(decoded, None),
        )

    return make


def faults_of(row: pd.Series, others: list[pd.Series], missing_subsets: set[str]) -> set[str]:
    """The kinds of one clip's faults, by their definitions."""
    if row["size"] == row["modified_ns"] == 0:
        return set() if row["subset"] in missing_subsets else {"missing"}
    if pd.notna(row["error"]):
        return {"unreadable"}
    kinds = {"too short"} if row["duration_s"] < 0.1 else set()
    if row["measure_error"] is not None:
        return kinds | {"unreadable"}
    if pd.isna(row["rms_dbfs"]):
        return kinds
    if row["truncated"]:
        kinds.add("truncated")
    if row["peak_dbfs"] < -90:
        kinds.add("silent")
    elif any(row["content"] == other["content"] and other["peak_dbfs"] >= -90 for other in others):
        kinds.add("duplicate")
    if row["clipped_share"] > 0.001:
        kinds.add("clipped")
    if abs(row["dc"]) > 0.01:
        kinds.add("DC")
    return kinds


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("absent", [(), ("noisy",), ("noisy", "test")])
def test_faults_are_those_that_the_definitions_give_clip_by_clip(
    odd_index: Callable[[int], pd.DataFrame], seed: int, absent: tuple[str, ...]
) -> None:
    index = odd_index(seed)
    if absent:
        index = pd.concat([index[~index["subset"].isin(absent)], index[index["subset"].isin(absent)]])
        gone = index["subset"].isin(absent)
        index.loc[gone, ["size", "modified_ns"]] = 0
        index.loc[gone, "error"] = index.loc[gone, "clip"] + " does not exist."
        index.loc[gone, ["rms_dbfs", "peak_dbfs", "content", "measure_error"]] = [np.nan, np.nan, None, None]
    missing = tuple(f"The sounds of {subset} are not there." for subset in absent)
    dataset = Dataset("odd", Path("/odd"), "", index, ("Hum",), (), missing=missing)
    rows = [row for _, row in index.iterrows()]
    wanted = {
        (kind, row["clip"], row["subset"])
        for row in rows
        for kind in faults_of(row, [other for other in rows if other is not row], set(absent))
    }
    table = find_faults(dataset, index)
    table = table[table["kind"] != "leak"]  # one per sound, see test_leaks
    assert not table.duplicated(["kind", "clip"]).any()
    assert set(zip(table["kind"], table["clip"], table["subset"], strict=True)) == wanted
    assert all(clip in what for clip, what in zip(table["clip"], table["what"], strict=True))


def test_many_duplicates_are_counted_rather_than_named(sounds: Callable, tone: Callable) -> None:
    n_clips = MAX_NAMED_DUPLICATES + 5
    table = found(sounds({f"{number:02}.wav": tone(440, 0.5) for number in range(n_clips)}))
    sentences = [what for (kind, _), what in table.items() if kind == "duplicate"]
    assert len(sentences) == n_clips
    assert set(sentences) == {"The same sound: " + ", ".join(f"{at:02}.wav" for at in range(10)) + " and 5 more."}


def test_flagged_clips_are_listed_with_the_reason(real_release: tuple[Dataset, pd.DataFrame]) -> None:
    table = find_faults(*real_release)
    flagged = table[table["kind"] == "flagged"].set_index("clip")["what"]
    assert len(flagged) == 6
    assert "no signal" in flagged["1d44b0bd.wav"]
    assert "wrong label" in flagged["f76181c4.wav"]
    assert set(table["kind"]) == {"flagged"}  # and not 29,000 missing files
