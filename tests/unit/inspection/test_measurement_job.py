"""The job measures every clip once, loses no finished measurement, and continues where it was stopped."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

from audiotag import jobs
from audiotag.data.index import scan
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.features.measures import measure
from audiotag.inspection import measurement_job, measuring_workers
from audiotag.inspection.measurement_job import MeasurementJob, measure_clips, with_measures
from audiotag.inspection.measuring_workers import MEASURE_COLUMNS, Clip, measure_row
from audiotag.workspace import Workspace, read_json, write_json

CLIPS = [f"{number:02}.wav" for number in range(12)]
TIMEOUT_S = 60


@pytest.fixture
def root(tmp_path: Path, tone: Callable, write_wav: Callable) -> Path:
    """Twelve clips of 0.1 s with different tones, the last of them broken."""
    root = tmp_path / "sounds"
    for number, clip in enumerate(CLIPS):
        write_wav(root / clip, tone(200 + 100 * number, 0.1))
    (root / CLIPS[-1]).write_text("no sound")
    (root / "t.csv").write_text("fname,label\n" + "".join(f"{clip},Hum\n" for clip in CLIPS))
    return root


@pytest.fixture
def job(root: Path) -> Iterator[MeasurementJob]:
    """The job for these clips; no process outlives the test."""
    job = MeasurementJob.of(root, "sounds", Workspace())
    yield job
    job.stop()
    wait_for(job)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the measured clips; this thread measures them, with one clip per part."""
    names: list[str] = []

    def counted(path: Path, name: str) -> Any:
        names.append(path.name)
        return measure(path, name)

    monkeypatch.setattr(measuring_workers, "measure", counted)
    monkeypatch.setattr(measurement_job, "measured_rows", measured_here)
    monkeypatch.setattr(measurement_job, "PART_INTERVAL_S", -1.0)
    return names


def measured_here(clips: list[Clip], workers: int, must_stop: Callable[[], bool]) -> Iterator[tuple[int, tuple]]:
    """`measured_rows` without processes."""
    for position, clip in enumerate(clips):
        if must_stop():
            return
        yield position, measure_row(clip)


def wait_for(job: MeasurementJob) -> None:
    end = time.monotonic() + TIMEOUT_S
    while job.is_active():
        assert time.monotonic() < end, (job.folder / "log.txt").read_text()
        time.sleep(0.05)


def parts(job: MeasurementJob) -> list[str]:
    return sorted(path.name for path in job.folder.glob("part-*.parquet"))


def stop_after(job: MeasurementJob, monkeypatch: pytest.MonkeyPatch, n_clips: int) -> None:
    """Have the job stopped from outside after so many clips."""
    counted = measuring_workers.measure
    seen: list[Path] = []

    def stopping(path: Path, name: str) -> Any:
        seen.append(path)
        if len(seen) == n_clips:
            job.stop()
        return counted(path, name)

    monkeypatch.setattr(measuring_workers, "measure", stopping)


# As it is used: a detached process


def test_detached_process_measures_every_clip_and_leaves_the_dataset_as_it_was(
    root: Path, job: MeasurementJob, tone: Callable, write_wav: Callable, contents: Callable
) -> None:
    before = contents(root)
    assert (job.is_active(), job.progress(), job.stamp()) == (False, {}, 0)
    job.start()
    assert job.is_active()
    process = (job.folder / "process.json").read_text()
    job.start()  # does nothing: a process is running
    assert (job.folder / "process.json").read_text().split(",")[0] == process.split(",")[0]
    wait_for(job)
    log = (job.folder / "log.txt").read_text()
    assert log == ""
    assert contents(root) == before

    table = job.table().set_index("clip")
    assert sorted(table.index) == CLIPS
    assert table["measure_error"].notna().sum() == 1
    assert table.loc["11.wav", "measure_error"].startswith("11.wav cannot be read as a sound")
    assert table.loc["11.wav", MEASURE_COLUMNS[:-1]].isna().all()
    assert job.progress() == {"done": 12, "total": 12, "left_s": 0.0}
    for clip in CLIPS[:-1]:
        row, here = table.loc[clip], measure(root / clip)
        assert row["rms_dbfs"] == here.rms_dbfs
        assert row["content"] == here.content
        assert tuple(row["third_octaves"]) == here.third_octaves


def test_killed_process_is_not_active(job: MeasurementJob) -> None:
    job.start()
    pid = int((job.folder / "process.json").read_text().split('"pid":')[1].split(",")[0])
    process = psutil.Process(pid)
    family = [*process.children(recursive=True), process]
    for member in family:
        member.kill()
    psutil.wait_procs(family, TIMEOUT_S)
    assert not job.is_active()
    assert job.table().empty or len(job.table()) == 12  # no part is half written
    assert job.failure().startswith("Measuring ended before all clips were measured: its process was killed")


def test_process_killed_before_its_first_part_is_reported_although_an_earlier_one_finished(
    job: MeasurementJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.folder.mkdir(parents=True)
    job.write_progress(12, 12, 0.0)
    monkeypatch.setattr(jobs, "start_detached", lambda *_: psutil.Process())
    monkeypatch.setattr(jobs, "is_alive", lambda *_: False)
    job.start()
    assert job.progress() == {}
    assert job.failure().startswith("Measuring ended before all clips were measured: its process was killed")


def test_nothing_outlives_a_killed_process(
    root: Path, job: MeasurementJob, fake_libsndfile: ModuleType, wait_until: Callable
) -> None:
    fake_libsndfile.deadly(root / "05.wav", "hang")  # so that it is not done before
    job.start()
    process = psutil.Process(read_json(job.folder / "process.json")["pid"])
    wait_until(lambda: len(process.children()) >= 2)
    family = process.children(recursive=True)  # the workers, and what tracks the resources of processes
    process.kill()
    _, alive = psutil.wait_procs([process, *family], TIMEOUT_S)
    assert not alive


# How it ended


def run_main(job: MeasurementJob, monkeypatch: pytest.MonkeyPatch, measure: Callable[[MeasurementJob], None]) -> int:
    """Run what the process runs, here; its exit status. Afterwards no process is running."""
    job.folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(measurement_job, "measure_clips", measure)
    monkeypatch.setattr(sys, "argv", ["job", str(job.root), str(job.folder)])
    status = 0
    try:
        measurement_job.main()
    except SystemExit as end:
        status = int(str(end.code))
    write_json(job.folder / "process.json", {"pid": psutil.Process().pid, "started": 0.0})
    return status


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (AudiotagError("there is no such dataset; open it again."), "Measuring failed: there is no such dataset;"),
        (
            OSError(28, "No space left on device", "/x/part"),
            "Measuring failed: /x/part cannot be written: the disk is full;",
        ),
        (IndexError("index 3"), "Measuring failed: an unexpected error ended it. The details are in "),
    ],
    ids=["expected", "full disk", "unexpected"],
)
def test_failed_process_says_why_and_where_the_log_is(
    job: MeasurementJob, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    def fails(job: MeasurementJob) -> None:
        raise error

    assert run_main(job, monkeypatch, fails) == 1
    assert job.failure().startswith(sentence)
    assert str(job.folder / "log.txt") in job.failure()
    assert "Error" not in job.failure()


def test_text_in_the_log_is_no_failure(job: MeasurementJob, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_main(job, monkeypatch, lambda job: None) == 0
    (job.folder / "log.txt").write_text("Traceback (most recent call last):\nof a library that recovered\n")
    assert job.failure() == ""


def test_stopped_process_has_not_failed(job: MeasurementJob, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_main(job, monkeypatch, lambda job: job.stop()) == 0
    assert read_json(job.folder / "status.json") == {"state": "stopped"}
    assert job.failure() == ""


def test_job_of_an_old_workspace_that_was_complete_or_stopped_has_not_failed(job: MeasurementJob) -> None:
    write_json(job.folder / "process.json", {"pid": psutil.Process().pid, "started": 0.0})
    write_json(job.folder / "progress.json", {"done": 12, "total": 12, "left_s": 0.0})
    assert job.failure() == ""
    write_json(job.folder / "progress.json", {"done": 5, "total": 12, "left_s": 1.0})
    assert job.failure().startswith("Measuring ended before all clips were measured")
    job.stop()
    assert job.failure() == ""


# Its logic, in this process


def test_job_that_was_stopped_continues_where_it_was(
    job: MeasurementJob, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job.folder.mkdir(parents=True)
    stop_after(job, monkeypatch, 5)
    measure_clips(job)
    assert measured == CLIPS[:5]
    assert sorted(job.table()["clip"]) == CLIPS[:5]
    progress = job.progress()
    assert (progress["done"], progress["total"]) == (5, 12)
    assert progress["left_s"] >= 0

    (job.folder / "stop").unlink()  # as `start` does
    measured.clear()
    measure_clips(job)
    assert measured == CLIPS[5:]
    assert sorted(job.table()["clip"]) == CLIPS
    assert job.progress() == {"done": 12, "total": 12, "left_s": 0.0}

    measured.clear()
    measure_clips(job)
    assert measured == []


def test_only_new_and_changed_files_are_measured_again(
    root: Path, job: MeasurementJob, measured: list[str], tone: Callable, write_wav: Callable
) -> None:
    job.folder.mkdir(parents=True)
    measure_clips(job)
    stamp = job.stamp()
    measured.clear()
    write_wav(root / "00.wav", tone(5000, 0.2))
    write_wav(root / "12.wav", tone(6000, 0.2))
    with (root / "t.csv").open("a") as file:
        file.write("12.wav,Hum\n")
    measure_clips(job)
    assert measured == ["00.wav", "12.wav"]
    assert job.stamp() > stamp
    new = pd.concat(map(pd.read_parquet, sorted(job.folder.glob("part-*.parquet"))[stamp:]))
    assert sorted(new["clip"]) == ["00.wav", "12.wav"]

    index = with_measures(scan(open_dataset(root)), job.table())
    assert index["clip"].tolist() == [*CLIPS, "12.wav"]
    assert index.set_index("clip").loc["00.wav", "content"] == measure(root / "00.wav").content  # as it is now
    assert (index["rms_dbfs"].notna() | index["measure_error"].notna()).all()


def test_start_removes_an_old_stop(job: MeasurementJob, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def start(module: str, arguments: list[str], log: Path) -> psutil.Process:
        started.append([module, *arguments])
        return psutil.Process()

    monkeypatch.setattr("audiotag.jobs.start_detached", start)
    job.stop()  # no process is running
    assert (job.folder / "stop").exists()
    job.start()
    assert not (job.folder / "stop").exists()
    assert started == [["audiotag.inspection.measurement_job", str(job.root), str(job.folder)]]
    assert job.is_active()
    job.start()
    assert len(started) == 1
    (job.folder / "process.json").unlink()  # that was this process


def test_parts_with_and_without_broken_files_make_one_table(job: MeasurementJob, measured: list[str]) -> None:
    job.folder.mkdir(parents=True)
    measure_clips(job)
    assert len(parts(job)) == 12  # one clip per part
    table = job.table()
    figures = table.select_dtypes(float)
    others = {"truncated", "decode_note", "mix_note", "content", "third_octaves", "measure_error"}
    assert set(MEASURE_COLUMNS) - set(figures.columns) == others
    assert figures.isna().all(axis=1).sum() == 1
    assert table["truncated"].dropna().tolist() == [False] * 11
    assert table["measure_error"].notna().sum() == 1


def test_clips_of_a_damaged_part_are_measured_again(job: MeasurementJob, measured: list[str]) -> None:
    job.folder.mkdir(parents=True)
    measure_clips(job)
    third, fourth = (job.folder / name for name in parts(job)[2:4])
    third.write_bytes(third.read_bytes()[:100])
    pd.DataFrame({"clip": ["03.wav"]}).to_parquet(fourth)
    measured.clear()
    measure_clips(job)
    assert measured == CLIPS[2:4]
    assert sorted(job.table()["clip"]) == CLIPS


def test_missing_files_are_skipped(root: Path, job: MeasurementJob, measured: list[str]) -> None:
    job.folder.mkdir(parents=True)
    for clip in CLIPS:
        (root / clip).unlink()
    measure_clips(job)
    assert measured == []
    assert job.table().empty


def test_measures_of_a_file_that_changed_since_are_not_used(
    job: MeasurementJob, root: Path, measured: list[str]
) -> None:
    job.folder.mkdir(parents=True)
    index = scan(open_dataset(root))
    before = with_measures(index, job.table())
    assert before[MEASURE_COLUMNS].isna().all(axis=None)
    measure_clips(job)
    stat = (root / "00.wav").stat()
    os.utime(root / "00.wav", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))
    after = with_measures(scan(open_dataset(root)), job.table())
    assert after["clip"].tolist() == CLIPS
    assert after["rms_dbfs"].isna().tolist() == [True, *[False] * 10, True]
    assert after.loc[1, "rms_dbfs"] == pytest.approx(-9.03, abs=0.01)
    pd.testing.assert_frame_equal(with_measures(index, job.table())[index.columns], index)


def test_measured_row_has_one_value_per_column(root: Path) -> None:
    *values, error, _ = measure_row(Clip("00.wav", root / "00.wav"))
    assert error is None
    np.testing.assert_equal(values, list(astuple(measure(root / "00.wav"))))  # its loudness is NaN on both sides
    *nothing, sentence, _ = measure_row(Clip("deep/away.wav", root / "away.wav"))
    assert nothing == [None] * (len(MEASURE_COLUMNS) - 1)
    assert sentence.startswith("deep/away.wav does not exist")


def test_clip_that_failed_because_of_the_system_is_measured_again(
    job: MeasurementJob, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = measuring_workers.measure

    def fails(path: Path, name: str) -> Any:
        if path.name == "03.wav":
            raise OSError(5, "Input/output error")
        return counted(path, name)

    with monkeypatch.context() as patched:
        patched.setattr(measuring_workers, "measure", fails)
        measurement_job.measure_clips(job)
    before = job.table().set_index("clip")["measure_error"]
    assert before["03.wav"].startswith("03.wav cannot be read: Input/output error")
    measured.clear()
    measurement_job.measure_clips(job)
    assert measured == ["03.wav"]
    after = job.table().set_index("clip")["measure_error"]
    assert after.dropna().index.tolist() == ["11.wav"]


def test_unexpected_exception_of_one_clip_is_its_problem_and_the_others_are_measured(
    job: MeasurementJob, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = measuring_workers.measure

    def fails_once(path: Path, name: str) -> Any:
        if path.name == "03.wav":
            raise IndexError("index 3 is out of bounds")
        return counted(path, name)

    monkeypatch.setattr(measuring_workers, "measure", fails_once)
    measure_clips(job)
    table = job.table().set_index("clip")
    assert table["measure_error"].dropna().index.tolist() == ["03.wav", "11.wav"]
    assert table.loc["03.wav", "measure_error"].startswith("03.wav cannot be used")
    assert table["rms_dbfs"].notna().sum() == 10


def test_two_datasets_have_two_folders(tmp_path: Path) -> None:
    first, second = (MeasurementJob.of(tmp_path / name, "sounds", Workspace()) for name in "ab")
    assert first.folder != second.folder
    assert first == MeasurementJob.of(tmp_path / "a", "sounds", Workspace())


def test_worker_measures_without_importing_pandas(root: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from audiotag.inspection.measurement_job import Clip
from audiotag.inspection.measuring_workers import measure_row
row = measure_row(Clip("00.wav", Path({str(root / "00.wav")!r})))
print(row[-2], "numpy" in sys.modules, "pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (done.stdout.strip(), done.stderr) == ("None True False", "")


def test_process_gives_each_worker_one_thread(monkeypatch: pytest.MonkeyPatch, job: MeasurementJob) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(sys, "argv", ["job", str(job.root), str(job.folder)])
    monkeypatch.setattr(measurement_job, "measure_clips", lambda of: seen.extend([of, os.environ["OMP_NUM_THREADS"]]))
    measurement_job.main()
    assert seen == [job, "1"]
    (job.folder / "process.json").unlink()  # that was this process


@pytest.mark.parametrize("time_s", [-1, 10_413_792_000], ids=["before 1970", "2300"])
def test_clip_of_any_time_is_measured_once(root: Path, job: MeasurementJob, measured: list[str], time_s: int) -> None:
    os.utime(root / "03.wav", (time_s, time_s))
    measurement_job.measure_clips(job)
    index = with_measures(scan(open_dataset(root)), job.table())
    assert index["rms_dbfs"].notna().sum() == len(CLIPS) - 1
    measured.clear()
    measurement_job.measure_clips(job)
    assert measured == []


def test_forgotten_measures_are_taken_again(job: MeasurementJob, measured: list[str]) -> None:
    assert not job.forget()
    measurement_job.measure_clips(job)
    assert job.forget()
    assert (len(job.table()), job.forget()) == (0, False)
    measured.clear()
    measurement_job.measure_clips(job)
    assert sorted(measured) == CLIPS
