"""Exports say what the tags say: every score, every name as it is, every stretch of a label once."""

import csv
import io
import json

import numpy as np
import pytest

from audiotag.tagging.export import (
    audacity_bytes,
    cells_of,
    columns_of,
    csv_bytes,
    csv_lines,
    json_bytes,
    row_of,
    timeline_of,
)
from audiotag.tagging.result import Tag, Tags

LABELS = ("Bark", "Bell, big", "Hiss")
THRESHOLDS = (0.5, 0.4, 0.0)


def tags_of(timeline: list[list[float]], hop_s: float = 0.5, window_s: float = 1.0, duration_s: float = 9.0) -> Tags:
    """A clip with these scores a window; the clip's are their means."""
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


def test_a_row_holds_tags_by_score_all_scores_and_notes() -> None:
    row = row_of(tags_of([[0.61234567, 0.2, 0.9], [0.61234567, 0.2, 0.9]]), "deep/made.wav", "/sounds/deep/made.wav")
    assert row == {
        "clip": "deep/made.wav",
        "path": "/sounds/deep/made.wav",
        "duration_s": 9.0,
        "tags": [{"label": "Hiss", "score": 0.9, "folds": 2}, {"label": "Bark", "score": 0.6123, "folds": 2}],
        "scores": {"Hiss": 0.9, "Bark": 0.6123, "Bell, big": 0.2},
        "notes": ["made.wav is odd."],
    }


@pytest.mark.parametrize(
    "name",
    ["a,b.wav", 'say "hi".wav', "=1+1.wav", "+49.wav", "-1.wav", "@me.wav", "zwei\nZeilen.wav", " é日本.wav", ""],
)
def test_names_and_scores_come_back_from_csv_and_json_as_they_are(name: str) -> None:
    rows = [row_of(tags_of([[0.6, 0.45, 0.1]]), name), row_of(tags_of([[0, 0, 0]]), "other.wav")]
    table = list(csv.reader(io.StringIO(csv_bytes(rows, LABELS).decode(), newline="")))
    assert table == [
        ["fname", *LABELS, "tags"],
        [name, "0.6", "0.45", "0.1", "Bark,Bell, big,Hiss"],
        ["other.wav", "0.0", "0.0", "0.0", ""],
    ]
    assert json.loads(json_bytes(rows)) == rows


def test_json_in_parts_is_what_json_makes_of_the_whole() -> None:
    rows = [row_of(tags_of([[0.6, 0.45, 0.1]]), name) for name in ("ä\n.wav", "b.wav")]
    assert json_bytes(rows).decode() == json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    assert json_bytes([]) == b"[]\n"


def test_a_name_that_is_no_utf_8_does_not_spoil_the_table() -> None:
    row = row_of(tags_of([[0.6, 0.45, 0.1]]), "caf\udce9.wav")
    assert b"caf\\udce9.wav,0.6" in csv_bytes([row], LABELS)
    assert json.loads(json_bytes([row]))[0]["clip"] == "caf\\udce9.wav"


def test_timeline_has_a_row_a_window_that_ends_with_the_clip() -> None:
    tags = tags_of([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], duration_s=1.2)
    rows = [row_of(tags, "a.wav") | {"timeline": timeline_of(tags, LABELS)}]
    content = b"".join(csv_lines(columns_of(LABELS, timeline=True), cells_of(rows, LABELS, timeline=True)))
    assert list(csv.DictReader(io.StringIO(content.decode(), newline=""))) == [
        {"fname": "a.wav", "start_s": "0.0", "end_s": "1.0", "Bark": "0.1", "Bell, big": "0.2", "Hiss": "0.3"},
        {"fname": "a.wav", "start_s": "0.5", "end_s": "1.2", "Bark": "0.4", "Bell, big": "0.5", "Hiss": "0.6"},
    ]


def test_neighbouring_windows_that_pass_are_one_stretch() -> None:
    bark = [0.9, 0.6, 0.1, 0.5, 0.2]
    tags = tags_of([[score, 0.0, 0.0] for score in bark])
    assert audacity_bytes(tags, LABELS, THRESHOLDS).decode().splitlines() == [
        "0.000000\t1.500000\tBark 0.90",
        "1.500000\t2.500000\tBark 0.50",
    ]


def test_stretches_of_all_labels_come_by_their_start_and_end_with_the_clip() -> None:
    tags = tags_of([[0.0, 0.7, 0.0], [0.8, 0.7, 0.0], [0.8, 0.0, 0.0]], duration_s=1.7)
    assert audacity_bytes(tags, LABELS, THRESHOLDS).decode().splitlines() == [
        "0.000000\t1.500000\tBell, big 0.70",
        "0.500000\t1.700000\tBark 0.80",
    ]


def test_windows_without_overlap_are_merged_where_they_meet() -> None:
    tags = tags_of([[0.8, 0, 0], [0.8, 0, 0]], hop_s=1.0)
    assert audacity_bytes(tags, LABELS, THRESHOLDS) == b"0.000000\t2.000000\tBark 0.80\n"


def test_silence_has_an_empty_track_even_where_the_threshold_is_0() -> None:
    assert audacity_bytes(tags_of([[0, 0, 0]]), LABELS, (0, 0, 0)) == b""


def test_a_tab_or_line_in_a_label_does_not_break_the_track() -> None:
    tags = tags_of([[0.8, 0, 0]])
    assert (
        audacity_bytes(tags, ("Bark\tof\na dog", "b", "c"), THRESHOLDS) == b"0.000000\t1.000000\tBark of a dog 0.80\n"
    )
