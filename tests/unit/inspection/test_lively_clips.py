"""The clip that is shown first fills the crop and has sound that changes."""

import numpy as np
import pandas as pd

from audiotag.inspection.lively_clips import liveliest_clip

MEASURED = {
    "trim_start_s": 0.0,
    "rms_dbfs": -20.0,
    "noise_floor_dbfs": -50.0,
    "bandwidth_hz": 12_000.0,
    "clipped_share": 0.0,
}


def index(*rows: dict) -> pd.DataFrame:
    defaults = {"labels": ("a",), "duration_s": 2.5, "error": pd.NA}
    table = pd.DataFrame([defaults | row for row in rows], index=range(10, 10 + len(rows)))
    return table.astype({"error": "string", "duration_s": "Float64"})


def measured(*rows: dict) -> pd.DataFrame:
    return index(*(MEASURED | {"trim_end_s": row.get("duration_s", 2.5)} | row for row in rows))


def test_a_clip_that_fills_the_crop_comes_before_shorter_and_much_longer_ones() -> None:
    clips = index({"duration_s": 0.3}, {"duration_s": 30.0}, {"duration_s": 2.4}, {"duration_s": 1.9})
    assert liveliest_clip(clips, 2.0) == 12
    assert liveliest_clip(clips, 20.0) == 11


def test_silence_at_the_ends_does_not_count_as_length() -> None:
    assert liveliest_clip(measured({"trim_end_s": 0.4}, {"trim_end_s": 2.1}), 2.0) == 11


def test_levels_that_change_come_before_steady_noise() -> None:
    assert liveliest_clip(measured({"noise_floor_dbfs": -21.0}, {}), 2.0) == 11
    assert liveliest_clip(measured({"bandwidth_hz": 800.0}, {}), 2.0) == 11
    assert liveliest_clip(measured({"clipped_share": 0.1}, {}), 2.0) == 11


def test_digital_silence_and_clips_that_cannot_be_read_come_last() -> None:
    silent = {"rms_dbfs": -np.inf, "noise_floor_dbfs": -200.0, "bandwidth_hz": np.nan}
    assert liveliest_clip(measured(silent, {"rms_dbfs": -49.0}), 2.0) == 11
    assert liveliest_clip(measured({"error": "It is damaged."}, silent), 2.0) == 11
    assert liveliest_clip(index({"error": "It is damaged."}, {"duration_s": pd.NA}), 2.0) is None


def test_a_tie_is_the_first_clip_and_clips_without_measures_count() -> None:
    assert liveliest_clip(index({}, {}), 2.0) == 10
    unmeasured = dict.fromkeys([*MEASURED, "trim_end_s"], np.nan)
    assert liveliest_clip(measured({"duration_s": 0.3, "trim_end_s": 0.3}, unmeasured), 2.0) == 11
