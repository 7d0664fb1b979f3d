"""Shipped export formats: every score and name comes back as it was, and each tag's time range appears once."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from audiotag.tagging.export.audacity import AudacityFormat
from audiotag.tagging.export.base import ExportOptions, export_bytes, export_format, write_export
from audiotag.tagging.export.csv import CsvFormat
from audiotag.tagging.export.json import JsonFormat
from audiotag.tagging.export.rows import (
    FAMILIARITY_COLUMNS,
    clip_row,
    exact_clip_row,
    problem_row,
    table_columns,
    timeline_entries,
)
from audiotag.tagging.familiar_tags import with_familiarity
from audiotag.tagging.result import Tag, Tags

LABELS = ("Bark", "Bell, big", "Hiss")
THRESHOLDS = (0.5, 0.4, 0.0)
OPTIONS = ExportOptions(LABELS, THRESHOLDS)
TABLES = (".csv", ".json", ".parquet")


def tags_of(timeline: list[list[float]], hop_s: float = 0.5, window_s: float = 1.0, duration_s: float = 9.0) -> Tags:
    """A clip with these scores in its windows; the clip's scores are their means."""
    windows = np.array(timeline)
    scores = windows.mean(axis=0)
    ranking = tuple(Tag(LABELS[i], float(scores[i]), THRESHOLDS[i], 2) for i in np.argsort(-scores, kind="stable"))
    return Tags(
        name="made.wav",
        duration_s=duration_s,
        ranking=ranking,
        folds=3,
        scores=scores,
        timeline=windows,
        starts_s=hop_s * np.arange(len(windows)),
        window_s=window_s,
        notes=("made.wav is odd.",),
    )


def track_of(tags: Tags, labels: tuple[str, ...] = LABELS, thresholds: tuple[float, ...] = THRESHOLDS) -> list[str]:
    options = ExportOptions(labels, thresholds)
    return export_bytes(AudacityFormat(), [exact_clip_row(tags, labels, "a.wav")], options).decode().splitlines()


def test_row_has_the_tags_by_score_all_scores_and_the_notes() -> None:
    row = clip_row(tags_of([[0.61234567, 0.2, 0.9], [0.61234567, 0.2, 0.9]]), "deep/made.wav", "/sounds/deep/made.wav")
    assert row == {
        "clip": "deep/made.wav",
        "path": "/sounds/deep/made.wav",
        "duration_s": 9.0,
        "tags": [{"label": "Hiss", "score": 0.9, "folds": 2}, {"label": "Bark", "score": 0.6123, "folds": 2}],
        "scores": {"Hiss": 0.9, "Bark": 0.6123, "Bell, big": 0.2},
        "familiarity": None,
        "unlike": None,
        "held_back": [],
        "notes": ["made.wav is odd."],
        "recorded": None,
    }


def test_rows_say_how_familiar_a_clip_and_its_windows_are_and_what_is_held_back(tmp_path: Path) -> None:
    tags = tags_of([[0.6, 0.45, 0.1], [0.2, 0.0, 0.0]])
    first = with_familiarity(tags, LABELS, np.array([[0.01, np.nan]]), 0.06, hold_back=True)
    second = with_familiarity(tags, LABELS, np.array([[0.5, np.nan]]), 0.06, hold_back=True)
    rows = [clip_row(tags, name) for tags, name in ((first, "a.wav"), (second, "b.wav"))]
    assert [(row["familiarity"], row["unlike"]) for row in rows] == [(0.01, True), (0.5, False)]
    assert [entry["familiarity"] for entry in timeline_entries(first, LABELS)] == [0.01, None]
    for suffix in (".csv", ".parquet"):
        write_export(export_format(tmp_path / f"tags{suffix}"), tmp_path / f"tags{suffix}", rows, OPTIONS)
    with (tmp_path / "tags.csv").open(newline="") as file:
        table = [[row[name] for name in ("tags", *FAMILIARITY_COLUMNS)] for row in csv.DictReader(file)]
    assert table == [["", "0.01", "1", "Hiss"], ["Hiss", "0.5", "0", ""]]
    stored = pyarrow.parquet.read_table(tmp_path / "tags.parquet").select(FAMILIARITY_COLUMNS).to_pydict()
    assert list(stored.values()) == [[0.01, 0.5], [1.0, 0.0], ["Hiss", ""]]


@pytest.mark.parametrize(
    "name",
    ["a,b.wav", 'say "hi".wav', "=1+1.wav", "+49.wav", "-1.wav", "@me.wav", "zwei\nZeilen.wav", " é日本.wav", ""],
)
def test_names_and_scores_come_back_from_csv_and_json_unchanged(name: str) -> None:
    rows = [clip_row(tags_of([[0.6, 0.45, 0.1]]), name), clip_row(tags_of([[0, 0, 0]]), "other.wav")]
    table = list(csv.reader(io.StringIO(export_bytes(CsvFormat(), rows, OPTIONS).decode(), newline="")))
    assert table == [
        ["fname", *LABELS, "tags", "familiarity", "unlike", "held_back", "recorded"],
        [name, "0.6", "0.45", "0.1", "Bark,Bell, big,Hiss", "", "", "", ""],
        ["other.wav", "0.0", "0.0", "0.0", "", "", "", "", ""],
    ]
    assert json.loads(export_bytes(JsonFormat(), rows, OPTIONS)) == rows


def test_streamed_json_is_what_json_writes_at_once() -> None:
    rows = [clip_row(tags_of([[0.6, 0.45, 0.1]]), name) for name in ("ä\n.wav", "b.wav")]
    content = export_bytes(JsonFormat(), iter(rows), OPTIONS)
    assert content.decode() == json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    assert export_bytes(JsonFormat(), [], OPTIONS) == b"[]\n"


def test_name_that_is_not_utf_8_is_spelt_out() -> None:
    row = clip_row(tags_of([[0.6, 0.45, 0.1]]), "caf\udce9.wav")
    assert b"caf\\udce9.wav,0.6" in export_bytes(CsvFormat(), [row], OPTIONS)
    assert json.loads(export_bytes(JsonFormat(), [row], OPTIONS))[0]["clip"] == "caf\\udce9.wav"


def test_timeline_has_one_row_per_window_and_ends_with_the_clip() -> None:
    tags = tags_of([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], duration_s=1.2)
    rows = [clip_row(tags, "a.wav") | {"timeline": timeline_entries(tags, LABELS)}]
    content = export_bytes(CsvFormat(), rows, ExportOptions(LABELS, THRESHOLDS, timeline=True))
    assert list(csv.reader(io.StringIO(content.decode(), newline=""))) == [
        ["fname", "start_s", "end_s", *LABELS, "familiarity", "recorded"],
        ["a.wav", "0.0", "1.0", "0.1", "0.2", "0.3", "", ""],
        ["a.wav", "0.5", "1.2", "0.4", "0.5", "0.6", "", ""],
    ]


@pytest.mark.parametrize("timeline", [False, True])
def test_all_formats_for_many_clips_hold_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timeline: bool
) -> None:
    monkeypatch.setattr("audiotag.tagging.export.parquet.ROWS_PER_GROUP", 4)
    rng = np.random.default_rng(0)
    rows = []
    for number in range(11):
        tags = tags_of(rng.random((1 + number % 4, 3)).tolist())
        row = clip_row(tags, f"{number}.wav")
        rows.append(row | {"timeline": timeline_entries(tags, LABELS)} if timeline else row)
    rows.insert(3, problem_row("bad.wav", "/in/bad.wav", "bad.wav is bad."))
    for suffix in TABLES:
        out = tmp_path / f"tags{suffix}"
        write_export(export_format(out), out, iter(rows), ExportOptions(LABELS, THRESHOLDS, timeline))
    assert json.loads((tmp_path / "tags.json").read_text()) == rows
    with (tmp_path / "tags.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    stored = pyarrow.parquet.ParquetFile(tmp_path / "tags.parquet")
    assert stored.num_row_groups == -(-len(table) // 4)
    cells = [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in stored.read().to_pylist()
    ]
    assert cells == table
    assert list(table[0]) == table_columns(LABELS, timeline)
    assert len(table) == (sum(1 + number % 4 for number in range(11)) if timeline else 11)


@pytest.mark.parametrize("suffix", TABLES)
def test_rows_are_written_before_the_last_one_is_there(suffix: str) -> None:
    file = io.BytesIO()

    def rows() -> Iterator[dict]:
        for number in range(2500):
            assert file.tell() > 0 or number < 1001
            yield {"clip": f"{number}.wav", "scores": dict.fromkeys(LABELS, 0.5), "tags": []}

    export_format(Path(f"tags{suffix}")).write(file, rows(), OPTIONS)


def test_no_clips_give_a_table_without_rows(tmp_path: Path) -> None:
    for suffix in TABLES:
        out = tmp_path / f"tags{suffix}"
        write_export(export_format(out), out, [], ExportOptions(("Bark", "Hiss"), (0.5, 0.5)))
    assert (tmp_path / "tags.csv").read_text().split() == ["fname,Bark,Hiss,tags,familiarity,unlike,held_back,recorded"]
    assert json.loads((tmp_path / "tags.json").read_text()) == []
    assert pyarrow.parquet.read_table(tmp_path / "tags.parquet").column_names == table_columns(["Bark", "Hiss"])


def test_after_an_error_the_earlier_file_is_unchanged(tmp_path: Path) -> None:
    out = tmp_path / "tags.csv"
    out.write_text("before")

    def failing_rows() -> Iterator[dict]:
        yield {"clip": "a.wav", "scores": dict.fromkeys(LABELS, 0.5), "tags": []}
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_export(CsvFormat(), out, failing_rows(), OPTIONS)
    assert out.read_text() == "before"
    assert list(tmp_path.iterdir()) == [out]


def test_neighbouring_windows_at_the_threshold_make_one_range() -> None:
    bark = [0.9, 0.6, 0.1, 0.5, 0.2]
    assert track_of(tags_of([[score, 0.0, 0.0] for score in bark])) == [
        "0.000000\t1.500000\tBark 0.90",
        "1.500000\t2.500000\tBark 0.50",
    ]


def test_ranges_of_all_labels_are_sorted_by_start_and_end_with_the_clip() -> None:
    tags = tags_of([[0.0, 0.7, 0.0], [0.8, 0.7, 0.0], [0.8, 0.0, 0.0]], duration_s=1.7)
    assert track_of(tags) == ["0.000000\t1.500000\tBell, big 0.70", "0.500000\t1.700000\tBark 0.80"]


def test_windows_without_overlap_are_joined_where_they_meet() -> None:
    assert track_of(tags_of([[0.8, 0, 0], [0.8, 0, 0]], hop_s=1.0)) == ["0.000000\t2.000000\tBark 0.80"]


def test_times_and_thresholds_of_a_label_track_are_not_rounded() -> None:
    tags = tags_of([[0.49999, 0.0, 0.0], [0.5, 0.0, 0.0]], hop_s=1 / 3)  # 0.49999 would round to the threshold
    assert track_of(tags) == ["0.333333\t1.333333\tBark 0.50"]


def test_silence_has_an_empty_track_even_where_the_threshold_is_0() -> None:
    assert track_of(tags_of([[0, 0, 0]]), thresholds=(0, 0, 0)) == []


def test_tab_or_line_break_in_a_label_does_not_break_the_track() -> None:
    assert track_of(tags_of([[0.8, 0, 0]]), ("Bark\tof\na dog", "b", "c")) == ["0.000000\t1.000000\tBark of a dog 0.80"]
