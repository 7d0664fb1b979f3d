"""What a run or an estimate says that it is doing before its first batch."""

from pathlib import Path

import pytest

from audiotag.training import preparation
from audiotag.training.preparation import FILE, PreparationWriter, Preparing, read_preparing


def test_what_is_written_is_read_and_is_gone_at_the_end(tmp_path: Path) -> None:
    assert read_preparing(tmp_path) is None
    report = PreparationWriter(tmp_path)
    report("Drawing folds")
    assert read_preparing(tmp_path) == Preparing("Drawing folds")
    report("Preparing clips", 10, 40)
    assert read_preparing(tmp_path) == Preparing("Preparing clips", 10, 40)
    assert read_preparing(tmp_path).share == 0.25
    report.end()
    assert read_preparing(tmp_path) is None
    report.end()


def test_counts_between_two_writings_are_not_written_but_the_last_one_is(tmp_path: Path) -> None:
    report = PreparationWriter(tmp_path)
    for done in range(1, 6):
        report("Preparing clips", done, 5)
        assert read_preparing(tmp_path).done == (5 if done == 5 else 1)


def test_time_that_is_left_follows_from_the_speed_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter((100.0, 101.0, 130.0))
    monkeypatch.setattr(preparation.time, "monotonic", lambda: next(now))
    report = PreparationWriter(tmp_path)
    for done in (0, 1, 300):
        report("Preparing clips", done, 1000)
    assert read_preparing(tmp_path).left_s == 70.0


def test_a_damaged_file_is_done_without(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"step": 3}')
    assert read_preparing(tmp_path) is None
