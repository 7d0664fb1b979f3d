"""Formats with time ranges: each file, read by the rules of its format, has the events of the clips."""

import csv
import html
import io
import json
import os
import re
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from audiotag.audio.recording_time import time_in_name
from audiotag.data.layouts import open_dataset
from audiotag.tagging.bulk_job import export_row
from audiotag.tagging.events import Event, EventSettings, find_events
from audiotag.tagging.export.base import EXPORTS, ExportOptions, export_bytes, file_name
from audiotag.tagging.export.rows import Row, exact_clip_row, problem_row, timeline_entries
from audiotag.tagging.result import Tag, Tags

LABELS = ("Turdus merula_Eurasian Blackbird", "Bell, big", 'He said "hi" & <left>', "=Rain")
THRESHOLDS = (0.5, 0.5, 0.5, 0.5)
OPTIONS = ExportOptions(LABELS, THRESHOLDS, events=EventSettings(gap_s=0.5), band_hz=(20.0, 8000.0))
NAMES = ("night 1/SITE_20190528_235958.wav", "other.wav", "silent.wav")


def tags_of(seed: int) -> Tags:
    """A clip of 20 s whose scores are drawn; that of an even seed is silent in parts."""
    rng = np.random.default_rng(seed)
    scores = rng.choice([0.1, 0.4, 0.6, 0.875], size=(9, len(LABELS)))
    scores[:, 0] *= seed % 2
    ranking = tuple(Tag(label, float(scores[:, at].max()), 0.5, 1) for at, label in enumerate(LABELS))
    starts = 2.5 * np.arange(9)
    return Tags("x", 20.0 + seed, ranking, 1, scores.max(axis=0), scores, starts, 5.0, ())


CLIPS = {name: tags_of(seed) for seed, name in enumerate(NAMES[:2], start=1)}
SILENT = Tags(
    "x", 7.5, tuple(Tag(label, 0.0, 0.5, 0) for label in LABELS), 1, np.zeros(4), np.zeros((2, 4)), np.zeros(2), 5.0, ()
)


def rows_of(options: ExportOptions, folder: str = "/data") -> list[Row]:
    """The rows of three clips and a broken one; one clip is silent, and the name of one says when it was recorded."""
    found = [
        export_row(tags, options, name, f"{folder}/{name}", time_in_name(name))
        for name, tags in ({**CLIPS, NAMES[2]: SILENT}).items()
    ]
    return [found[0], problem_row("bad.wav", "/data/bad.wav", "bad.wav is bad."), found[2], found[1]]


def events(name: str, settings: EventSettings = OPTIONS.events) -> list[Event]:
    return find_events(CLIPS[name], LABELS, THRESHOLDS, settings)


def content(format: str, options: ExportOptions = OPTIONS, rows: list[Row] | None = None) -> str:
    return export_bytes(EXPORTS.get(format)(), rows or rows_of(options), options).decode()


def table(text: str, **dialect: object) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), **dialect))


def test_the_clips_have_events_to_write() -> None:
    found = {name: len(events(name)) for name in CLIPS}
    assert min(found.values()) > 4
    assert [event for event in events(NAMES[0]) if event.label == LABELS[0]]


def test_raven_has_its_own_columns_and_units_and_times_that_run_on_from_clip_to_clip() -> None:
    text = content("raven")
    assert text.splitlines()[0].split("\t") == [
        "Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)",
        "Begin Path", "Begin File", "File Offset (s)", "Begin Date Time", "Annotation", "Score",
    ]  # fmt: skip
    found = table(text, delimiter="\t", quoting=csv.QUOTE_NONE)
    assert [row["Selection"] for row in found] == [str(number + 1) for number in range(len(found))]
    assert {(row["View"], row["Channel"], row["Low Freq (Hz)"], row["High Freq (Hz)"]) for row in found} == {
        ("Spectrogram 1", "1", "20.0", "8000.0")
    }
    for name, before_s in ((NAMES[0], 0.0), (NAMES[1], 21.0 + 7.5)):  # the silent clip lies between them
        own = [row for row in found if row["Begin Path"] == f"/data/{name}"]
        assert {row["Begin File"] for row in own} == {Path(name).name}
        begun = [float(row["Begin Time (s)"]) - float(row["File Offset (s)"]) for row in own]
        assert begun == pytest.approx([before_s] * len(own))
        assert [
            Event(
                float(row["File Offset (s)"]),
                float(row["End Time (s)"]) - before_s,
                row["Annotation"],
                float(row["Score"]),
            )
            for row in own
        ] == events(name)
    first = events(NAMES[0])[0]
    assert found[0]["Begin Date Time"] == f"2019/05/{28 + (first.start_s >= 2)} " + (
        "23:59:58.000" if first.start_s == 0 else f"00:00:0{first.start_s - 2:.3f}"
    )
    assert found[-1]["Begin Date Time"] == ""


def test_raven_tables_of_one_clip_count_from_its_start() -> None:
    exact = exact_clip_row(CLIPS[NAMES[1]], LABELS, NAMES[1], f"/data/{NAMES[1]}")
    found = table(content("raven-per-clip", rows=[exact]), delimiter="\t", quoting=csv.QUOTE_NONE)
    assert [row["Begin Time (s)"] for row in found] == [row["File Offset (s)"] for row in found]
    assert len(found) == len(events(NAMES[1]))
    assert EXPORTS.get("raven-per-clip")().clip_file("night/a.wav") == "night/a.wav.Table.1.selections.txt"


def test_kaleidoscope_has_places_times_and_the_best_match() -> None:
    found = table(content("kaleidoscope"))
    assert list(found[0]) == [
        "INDIR", "FOLDER", "IN FILE", "CHANNEL", "OFFSET", "DURATION", "Fmin", "Fmean", "Fmax", "DATE", "TIME", "HOUR",
        "DATE-12", "TIME-12", "HOUR-12", "TOP1MATCH", "TOP1DIST", "VOCALIZATIONS", "MANUAL ID",
    ]  # fmt: skip
    for name, place in ((NAMES[0], ("/data", "night 1")), (NAMES[1], ("/data", ""))):
        own = [row for row in found if row["IN FILE"] == Path(name).name]
        assert {(row["INDIR"], row["FOLDER"], row["CHANNEL"], row["Fmax"]) for row in own} == {(*place, "0", "8000.0")}
        assert [
            Event(
                float(row["OFFSET"]),
                float(row["OFFSET"]) + float(row["DURATION"]),
                row["TOP1MATCH"],
                round(1 - float(row["TOP1DIST"]), 4),
            )
            for row in own
        ] == events(name)
    for row in found:
        moment = datetime(2019, 5, 28, 23, 59, 58) + timedelta(seconds=float(row["OFFSET"]))
        written = [row[name] for name in ("DATE", "TIME", "HOUR", "DATE-12", "TIME-12", "HOUR-12")]
        assert written == (
            [""] * 6
            if row["IN FILE"] == "other.wav"
            else [
                part
                for each in (moment, moment - timedelta(hours=12))
                for part in (f"{each:%Y-%m-%d}", f"{each:%H:%M:%S}", str(each.hour))
            ]
        )
    assert {row["DATE"] for row in found} >= {"2019-05-29", ""}


def test_birdnet_has_both_names_where_a_label_has_them() -> None:
    found = table(content("birdnet"))
    assert list(found[0]) == ["Start (s)", "End (s)", "Scientific name", "Common name", "Confidence", "File"]
    assert {(row["Scientific name"], row["Common name"]) for row in found} == {
        ("Turdus merula", "Eurasian Blackbird"), *((label, label) for label in LABELS[1:]),
    }  # fmt: skip
    for name in CLIPS:
        assert [
            Event(
                float(row["Start (s)"]),
                float(row["End (s)"]),
                "_".join(dict.fromkeys([row["Scientific name"], row["Common name"]])),
                float(row["Confidence"]),
            )
            for row in found
            if row["File"] == f"/data/{name}"
        ] == events(name)


@pytest.mark.parametrize("name", CLIPS)
def test_webvtt_is_a_list_of_cues(name: str) -> None:
    text = content("webvtt", rows=[exact_clip_row(CLIPS[name], LABELS, name)])
    header, *cues = text.removesuffix("\n").split("\n\n")
    assert header == "WEBVTT"
    found = []
    for cue in cues:
        timing, shown = cue.split("\n")
        start, end = re.fullmatch(r"(\d\d:\d\d:\d\d\.\d{3}) --> (\d\d:\d\d:\d\d\.\d{3})", timing).groups()
        assert not re.search(r"<|>|&(?!amp;|lt;|gt;)", shown)
        label, score = html.unescape(shown).rsplit(" ", 1)
        seconds = [60 * int(time[3:5]) + float(time[6:]) for time in (start, end)]
        found.append((*seconds, label, score))
    assert found == [(*event[:3], f"{event.score:.2f}") for event in events(name)]


def test_webvtt_of_a_silent_clip_is_its_header_and_hours_are_counted() -> None:
    assert content("webvtt", rows=[exact_clip_row(SILENT, LABELS, "a.wav")]) == "WEBVTT\n"
    late = {"start_s": 3600.0, "end_s": 90_000.0, "label": "Bark", "score": 0.5}
    assert "\n01:00:00.000 --> 25:00:00.000\nBark 0.50\n" in content("webvtt", rows=[{"events": [late]}])


def test_json_lines_are_the_rows_of_the_json_file() -> None:
    lines = content("jsonl").splitlines()
    assert [json.loads(line) for line in lines] == json.loads(content("json")) == rows_of(OPTIONS)
    first = json.loads(lines[0])
    assert [tuple(each.values()) for each in first["events"]] == [tuple(event) for event in events(NAMES[0])]
    assert (first["recorded"], json.loads(lines[2])["recorded"]) == ("2019-05-28T23:59:58", None)


@pytest.mark.parametrize("format", ["raven", "kaleidoscope", "birdnet"])
def test_timeline_has_each_window_on_its_own(format: str) -> None:
    options = ExportOptions(LABELS, THRESHOLDS, timeline=True, band_hz=OPTIONS.band_hz)
    reached = sum(int((tags.timeline >= 0.5).sum()) for tags in CLIPS.values())
    assert len(content(format, options).splitlines()) == 1 + reached
    assert timeline_entries(CLIPS[NAMES[0]], LABELS)[0]["end_s"] == 5.0


@pytest.mark.parametrize("format", ["raven", "kaleidoscope", "birdnet"])
def test_a_table_without_events_is_its_header(format: str) -> None:
    assert len(content(format, rows=[problem_row("a.wav", "", "a.wav is bad.")]).splitlines()) == 1


def test_tab_or_line_break_in_a_label_or_path_does_not_break_a_raven_table() -> None:
    event = {"start_s": 0.0, "end_s": 1.0, "label": "Bark\tof\na dog", "score": 0.5}
    row = {"clip": "a\tb.wav", "path": "", "duration_s": 1.0, "events": [event], "recorded": None}
    (_, line) = content("raven", rows=[row]).splitlines()
    assert line.split("\t")[7:9] == ["a b.wav", "a b.wav"]
    assert line.split("\t")[11:] == ["Bark of a dog", "0.5"]


def row_of(clip: str, path: str = "") -> Row:
    event = {"start_s": 0.0, "end_s": 1.0, "label": "Bark", "score": 0.5}
    return {"clip": clip, "path": path, "duration_s": 1.0, "events": [event], "recorded": None}


def test_a_name_that_begins_with_a_quotation_mark_takes_in_no_other_cell_of_a_raven_table(tmp_path: Path) -> None:
    names = ['"=1+1".wav', '"loud.wav', 'a "b".wav']
    text = content("raven", rows=[row_of(name) for name in names])
    read = pd.read_csv(io.StringIO(text), sep="\t")
    assert read["Begin File"].tolist() == names
    assert {len(line.split("\t")) for line in text.splitlines()} == {13}
    assert 'a "b".wav\ta "b".wav\t' in text
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "tags.txt").write_text(text)
    assert dict(open_dataset(tmp_path).clips[["clip", "labels"]].to_numpy()) == {name: ("Bark",) for name in names}


@pytest.mark.skipif(os.sep == "\\", reason="there every backslash is a separator")
def test_a_backslash_in_the_name_of_a_file_is_no_separator_but_those_of_windows_are() -> None:
    for path, clip, place in (
        ("/data/caf\\udce9.wav", "caf\\udce9.wav", ("/data", "", "caf\\udce9.wav")),
        ("/data/n\\1/a.wav", "n\\1/a.wav", ("/data", "n\\1", "a.wav")),
        ("D:\\data\\night\\a.wav", "night\\a.wav", ("D:\\data", "night", "a.wav")),
        ("\\\\host\\share\\night\\a.wav", "night/a.wav", ("\\\\host\\share\\", "night", "a.wav")),
    ):
        (row,) = table(content("kaleidoscope", rows=[row_of(clip, path)]))
        assert (row["INDIR"], row["FOLDER"], row["IN FILE"]) == place
        (row,) = table(content("raven", rows=[row_of(clip, path)]), delimiter="\t")
        assert (row["Begin Path"], row["Begin File"]) == (path, place[2])


def written(folder: Path, format: str, spreadsheet: bool = False) -> dict[str, set[str]]:
    """A dataset: sounds, and the tables or tracks of a format beside them; returns its true labels."""
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    made = EXPORTS.get(format)()
    options = ExportOptions(LABELS, THRESHOLDS, spreadsheet=spreadsheet, events=OPTIONS.events)
    if made.one_file_per_clip:
        for name, tags in CLIPS.items():
            exact = exact_clip_row(tags, LABELS, name, str(folder / name))
            (folder / made.clip_file(name)).write_bytes(export_bytes(made, [exact], options))
    else:
        (folder / file_name(made, spreadsheet)).write_bytes(export_bytes(made, rows_of(options, str(folder)), options))
    return {name: {event.label for event in events(name)} for name in CLIPS}


@pytest.mark.parametrize(
    ("format", "spreadsheet"), [("raven", False), ("raven", True), ("raven-per-clip", False), ("audacity", False)]
)
def test_exported_ranges_are_read_back_as_the_labels_of_a_dataset(
    format: str, spreadsheet: bool, tmp_path: Path
) -> None:
    labels = written(tmp_path / "sounds", format, spreadsheet)
    dataset = open_dataset(tmp_path / "sounds")
    assert dataset.layout_key == ("audacity-labels" if format == "audacity" else "raven-selections")
    assert {row.clip: set(row.labels) for row in dataset.clips.itertuples()} == labels
    notes = [note for reading in dataset.readings for note in reading.ignored]
    assert "1 sound in the folder itself without an annotation is left out." in notes


@pytest.mark.parametrize("format", ["csv", "raven", "kaleidoscope", "birdnet"])
def test_a_file_for_a_spreadsheet_is_marked_as_utf_8_and_has_no_formula(format: str) -> None:
    safe = ExportOptions(LABELS, THRESHOLDS, spreadsheet=True, events=OPTIONS.events)
    rows = [row | {"clip": "@é.wav", "path": "=é.wav"} for row in rows_of(safe) if "problem" not in row]
    found = export_bytes(EXPORTS.get(format)(), rows, safe)
    assert found.startswith(b"\xef\xbb\xbf")  # without it Excel shows Ã©
    assert not export_bytes(EXPORTS.get(format)(), rows, OPTIONS).startswith(b"\xef\xbb\xbf")
    separator = "\t" if format == "raven" else ","
    text = found.decode("utf-8-sig")
    assert (text.splitlines()[0].count(separator), text.count("\r\n")) == (
        len(text.splitlines()[0].split(separator)) - 1, text.count("\n"),
    )  # fmt: skip
    quoting = csv.QUOTE_NONE if format == "raven" else csv.QUOTE_MINIMAL
    cells = [
        cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting) for cell in row
    ]
    assert [cell for cell in cells if re.match(r"\s*[=+\-@]", cell)] == []
    assert any("'=Rain" in cell for cell in cells)
    assert any("é.wav" in cell for cell in cells)


@pytest.mark.parametrize("saved_as", ["csv", "xlsx"])
def test_a_csv_file_for_a_spreadsheet_is_read_back_as_a_dataset_with_its_labels_unharmed(
    saved_as: str, tmp_path: Path
) -> None:
    labels = ("=Rain", "Bell", "+Wind")
    safe = ExportOptions(labels, (0.5, 0.5, 0.5), spreadsheet=True)
    names = {"=1.wav": ("=Rain", "Bell"), "b.wav": ("+Wind",), "@c.wav": ("Bell",)}
    rows = []
    for name, own in names.items():
        (tmp_path / name).touch()
        scores = {label: 0.9 if label in own else 0.1 for label in labels}
        rows.append({"clip": name, "path": "", "scores": scores, "tags": [{"label": label} for label in own]})
    content = export_bytes(EXPORTS.get("csv")(), rows, safe)
    assert b"'=Rain" in content
    path = tmp_path / f"tags.{saved_as}"
    if saved_as == "csv":
        path.write_bytes(content)
    else:  # as a spreadsheet opens and saves it: every cell is text or a number, and none is a formula
        book = openpyxl.Workbook()
        for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")):
            book.active.append(row)
        assert {cell.data_type for row in book.active for cell in row} <= {"s", "n"}
        book.save(path)
    dataset = open_dataset(path)
    assert {row.clip: set(row.labels) for row in dataset.clips.itertuples()} == {
        name: set(own) for name, own in names.items()
    }
