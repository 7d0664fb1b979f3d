"""The second pass measures every clip once, keeps what is done, and goes on where it was stopped."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

from audiotag.data.index import scan
from audiotag.data.layouts import open_dataset
from audiotag.features.measures import measure
from audiotag.inspection import measurement_job as measuring_module
from audiotag.inspection.measurement_job import MEASURE_COLUMNS, MeasurementJob, with_measures, work
from audiotag.workspace import Workspace

CLIPS = [f"{number:02}.wav" for number in range(12)]
TIMEOUT_S = 60


@pytest.fixture
def root(tmp_path: Path, tone: Callable, write_wav: Callable) -> Path:
    """Twelve clips of 0.1 s, a tone of its own each, the last of them broken."""
    root = tmp_path / "sounds"
    for number, clip in enumerate(CLIPS):
        write_wav(root / clip, tone(200 + 100 * number, 0.1))
    (root / CLIPS[-1]).write_text("no sound")
    (root / "t.csv").write_text("fname,label\n" + "".join(f"{clip},Hum\n" for clip in CLIPS))
    return root


@pytest.fixture
def measuring(root: Path) -> Iterator[MeasurementJob]:
    """The pass over them; no process outlives the test."""
    measuring = MeasurementJob.of(root, "sounds", Workspace())
    yield measuring
    measuring.stop()
    waited_for(measuring)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the clips that are measured, by a pool of threads, a clip a task and a part."""
    names: list[str] = []

    def counted(path: Path) -> Any:
        names.append(path.name)
        return measure(path)

    class Threads(ThreadPoolExecutor):
        """One worker; a task begins when the one before is asked for, so that a stop is met between two clips."""

        def __init__(self, workers: int, context: object) -> None:
            super().__init__(1)

        def map(self, function: Callable, chunks: list) -> Iterator:  # type: ignore[override]
            return (self.submit(function, chunk).result() for chunk in chunks)

    monkeypatch.setattr(measuring_module, "measure", counted)
    monkeypatch.setattr(measuring_module, "ProcessPoolExecutor", Threads)
    monkeypatch.setattr(measuring_module, "CHUNK", 1)
    monkeypatch.setattr(measuring_module, "PART_S", -1.0)
    return names


def waited_for(measuring: MeasurementJob) -> None:
    end = time.monotonic() + TIMEOUT_S
    while measuring.is_active():
        assert time.monotonic() < end, (measuring.folder / "log.txt").read_text()
        time.sleep(0.05)


def parts(measuring: MeasurementJob) -> list[str]:
    return sorted(path.name for path in measuring.folder.glob("part-*.parquet"))


def stop_after(measuring: MeasurementJob, monkeypatch: pytest.MonkeyPatch, n_clips: int) -> None:
    """Let the pass be stopped from outside once so many clips are measured."""
    counted = measuring_module.measure
    seen: list[Path] = []

    def stopping(path: Path) -> Any:
        seen.append(path)
        if len(seen) == n_clips:
            measuring.stop()
        return counted(path)

    monkeypatch.setattr(measuring_module, "measure", stopping)


# As it is used: a detached process


def test_a_detached_process_measures_every_clip_and_later_only_what_is_new(
    root: Path, measuring: MeasurementJob, tone: Callable, write_wav: Callable, contents: Callable
) -> None:
    before = contents(root)
    assert (measuring.is_active(), measuring.progress(), measuring.stamp()) == (False, {}, 0)
    measuring.start()
    assert measuring.is_active()
    process = (measuring.folder / "process.json").read_text()
    measuring.start()  # does nothing: one is at it
    assert (measuring.folder / "process.json").read_text().split(",")[0] == process.split(",")[0]
    waited_for(measuring)
    log = (measuring.folder / "log.txt").read_text()
    assert log == ""
    assert contents(root) == before

    table = measuring.table().set_index("clip")
    assert sorted(table.index) == CLIPS
    assert table["measure_error"].notna().sum() == 1
    assert table.loc["11.wav", "measure_error"].startswith("11.wav cannot be read as a sound")
    assert table.loc["11.wav", MEASURE_COLUMNS[:-1]].isna().all()
    assert measuring.progress() == {"done": 12, "total": 12, "left_s": 0.0}
    for clip in CLIPS[:-1]:
        row, here = table.loc[clip], measure(root / clip)
        assert row["rms_dbfs"] == here.rms_dbfs
        assert row["content"] == here.content
        assert tuple(row["third_octaves"]) == here.third_octaves

    stamp = measuring.stamp()
    write_wav(root / "00.wav", tone(5000, 0.2))
    write_wav(root / "12.wav", tone(6000, 0.2))
    with (root / "t.csv").open("a") as file:
        file.write("12.wav,Hum\n")
    measuring.start()
    waited_for(measuring)
    assert measuring.stamp() > stamp
    new = pd.concat(map(pd.read_parquet, sorted(measuring.folder.glob("part-*.parquet"))[stamp:]))
    assert sorted(new["clip"]) == ["00.wav", "12.wav"]

    index = with_measures(scan(open_dataset(root)), measuring.table())
    assert index["clip"].tolist() == [*CLIPS, "12.wav"]
    assert index.set_index("clip").loc["00.wav", "content"] == measure(root / "00.wav").content  # as it is now
    assert (index["rms_dbfs"].notna() | index["measure_error"].notna()).all()


def test_a_killed_process_is_not_active(measuring: MeasurementJob) -> None:
    measuring.start()
    pid = int((measuring.folder / "process.json").read_text().split('"pid":')[1].split(",")[0])
    process = psutil.Process(pid)
    family = [*process.children(recursive=True), process]
    for member in family:
        member.kill()
    psutil.wait_procs(family, TIMEOUT_S)
    assert not measuring.is_active()
    assert measuring.table().empty or len(measuring.table()) == 12  # what is written is whole


# Its logic, in this process


def test_a_stop_keeps_what_is_done_and_a_start_goes_on(
    measuring: MeasurementJob, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measuring.folder.mkdir(parents=True)
    stop_after(measuring, monkeypatch, 5)
    work(measuring)
    assert measured == CLIPS[:5]
    assert sorted(measuring.table()["clip"]) == CLIPS[:5]
    progress = measuring.progress()
    assert (progress["done"], progress["total"]) == (5, 12)
    assert progress["left_s"] >= 0

    (measuring.folder / "stop").unlink()  # as `start` does
    measured.clear()
    work(measuring)
    assert measured == CLIPS[5:]
    assert sorted(measuring.table()["clip"]) == CLIPS
    assert measuring.progress() == {"done": 12, "total": 12, "left_s": 0.0}

    measured.clear()
    work(measuring)
    assert measured == []


def test_start_clears_an_old_stop(measuring: MeasurementJob, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def start(module: str, arguments: list[str], log: Path) -> psutil.Process:
        started.append([module, *arguments])
        return psutil.Process()

    monkeypatch.setattr("audiotag.jobs.start_detached", start)
    measuring.stop()  # nothing is at it
    assert (measuring.folder / "stop").exists()
    measuring.start()
    assert not (measuring.folder / "stop").exists()
    assert started == [["audiotag.inspection.measurement_job", str(measuring.root), str(measuring.folder)]]
    assert measuring.is_active()
    measuring.start()
    assert len(started) == 1
    (measuring.folder / "process.json").unlink()  # that was this process


def test_a_part_only_of_broken_files_and_one_of_sound_ones_are_one_table(
    measuring: MeasurementJob, measured: list[str]
) -> None:
    measuring.folder.mkdir(parents=True)
    work(measuring)
    assert len(parts(measuring)) == 12  # a clip a part
    table = measuring.table()
    figures = table.select_dtypes(float)
    assert set(MEASURE_COLUMNS) - set(figures.columns) == {"truncated", "content", "third_octaves", "measure_error"}
    assert figures.isna().all(axis=1).sum() == 1
    assert table["truncated"].dropna().tolist() == [False] * 11
    assert table["measure_error"].notna().sum() == 1


def test_a_damaged_part_is_measured_again(measuring: MeasurementJob, measured: list[str]) -> None:
    measuring.folder.mkdir(parents=True)
    work(measuring)
    third, fourth = (measuring.folder / name for name in parts(measuring)[2:4])
    third.write_bytes(third.read_bytes()[:100])
    pd.DataFrame({"clip": ["03.wav"]}).to_parquet(fourth)
    measured.clear()
    work(measuring)
    assert measured == CLIPS[2:4]
    assert sorted(measuring.table()["clip"]) == CLIPS


def test_what_is_not_there_is_left_alone(root: Path, measuring: MeasurementJob, measured: list[str]) -> None:
    measuring.folder.mkdir(parents=True)
    for clip in CLIPS:
        (root / clip).unlink()
    work(measuring)
    assert measured == []
    assert measuring.table().empty


def test_measures_are_joined_to_their_clip_in_its_state(
    measuring: MeasurementJob, root: Path, measured: list[str]
) -> None:
    measuring.folder.mkdir(parents=True)
    index = scan(open_dataset(root))
    before = with_measures(index, measuring.table())
    assert before[MEASURE_COLUMNS].isna().all(axis=None)
    work(measuring)
    stat = (root / "00.wav").stat()
    os.utime(root / "00.wav", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))
    after = with_measures(scan(open_dataset(root)), measuring.table())
    assert after["clip"].tolist() == CLIPS
    assert after["rms_dbfs"].isna().tolist() == [True, *[False] * 10, True]
    assert after.loc[1, "rms_dbfs"] == pytest.approx(-9.03, abs=0.01)
    pd.testing.assert_frame_equal(with_measures(index, measuring.table())[index.columns], index)


def test_a_measured_row_has_a_value_a_column(root: Path) -> None:
    *values, error = measuring_module._measure_row(root / "00.wav")
    assert error is None
    np.testing.assert_equal(values, list(astuple(measure(root / "00.wav"))))  # its loudness is NaN on both sides
    *nothing, sentence = measuring_module._measure_row(root / "away.wav")
    assert nothing == [None] * (len(MEASURE_COLUMNS) - 1)
    assert sentence.startswith("away.wav is not there")


def test_two_datasets_have_two_folders(tmp_path: Path) -> None:
    first, second = (MeasurementJob.of(tmp_path / name, "sounds", Workspace()) for name in "ab")
    assert first.folder != second.folder
    assert first == MeasurementJob.of(tmp_path / "a", "sounds", Workspace())


def test_a_worker_measures_without_loading_tables(root: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from audiotag.inspection.measurement_job import _measure_chunk
(row,) = _measure_chunk([(Path({str(root / "00.wav")!r}),)])
print(row[-1], "numpy" in sys.modules, "pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (done.stdout.strip(), done.stderr) == ("None True False", "")


def test_the_process_leaves_each_worker_one_thread(monkeypatch: pytest.MonkeyPatch, measuring: MeasurementJob) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(os, "nice", lambda _: None, raising=False)
    monkeypatch.setattr(sys, "argv", ["measuring", str(measuring.root), str(measuring.folder)])
    monkeypatch.setattr(measuring_module, "work", lambda of: seen.extend([of, os.environ["OMP_NUM_THREADS"]]))
    measuring_module.main()
    assert seen == [measuring, "1"]
    (measuring.folder / "process.json").unlink()  # that was this process
