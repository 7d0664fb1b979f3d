"""``audiotag demo`` and ``scan`` do their jobs, end with the right status, and report in sentences what is wrong."""

import csv
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audiotag.cli.exit_codes import Terminated
from audiotag.data.layouts import open_dataset
from audiotag.inspection import measurement_job
from audiotag.inspection.measurement_job import MeasurementJob
from audiotag.inspection.measuring_workers import Clip, measure_row
from audiotag.starter import render
from audiotag.starter.render import render_starter
from audiotag.workspace import Workspace

from ..conftest import CommandResult


@pytest.fixture
def measuring_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A measurement job runs in a thread of this process; that it runs detached is tested with the job itself."""
    threads: list[threading.Thread] = []

    def start(job: MeasurementJob) -> None:
        job.folder.mkdir(parents=True)
        threads.append(threading.Thread(target=measurement_job.measure_clips, args=(job,)))
        threads[-1].start()

    def measured_here(clips: list[Clip], *_: Any) -> Iterator[tuple[int, tuple]]:
        return ((position, measure_row(clip)) for position, clip in enumerate(clips))

    monkeypatch.setattr(measurement_job, "measured_rows", measured_here)
    monkeypatch.setattr(MeasurementJob, "start", start)
    monkeypatch.setattr(MeasurementJob, "is_active", lambda job: threads[-1].is_alive())
    yield
    for thread in threads:
        thread.join()


def test_demo_renders_and_what_it_renders_can_be_scanned(
    run: Callable[..., CommandResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = render.StarterCounts(curated=2, noisy=2, test=1)
    monkeypatch.setattr(
        render, "render_starter", lambda *args, **named: render_starter(*args, **named, counts=few, workers=1)
    )
    outcome = run("demo", tmp_path / "starter", "--seed", 3)
    assert outcome.status == 0
    assert f"{tmp_path / 'starter'} is ready" in outcome.out
    scanned = run("scan", tmp_path / "starter", "--json")
    assert scanned.status == 0
    assert {name: row["clips"] for name, row in scanned.json()["subsets"].items()} == {
        "curated": 2,
        "noisy": 2,
        "test": 1,
    }


def test_contradictory_clips_are_left_out_until_they_are_taken_back(
    run: Callable[..., CommandResult], tmp_path: Path, tone: Callable, write_wav: Callable, contents: Callable
) -> None:
    folder = tmp_path / "mine"
    for name, frequency_hz in (("a.wav", 500), ("b.wav", 500), ("c.wav", 800)):
        write_wav(folder / name, tone(frequency_hz, 0.2))
    (folder / "t.csv").write_text("fname,label\na.wav,Hum\nb.wav,Hiss\nc.wav,Hum\n")
    before = contents(folder)
    found = run("scan", folder, "--json")
    assert found.status == 0
    contradictions = [row for row in found.json()["problems"] if row["kind"] == "contradiction"]
    assert [row["clip"] for row in contradictions] == ["a.wav", "b.wav"]
    assert contradictions[0]["what"] == "The same sound has different labels: a.wav (Hum), b.wav (Hiss)."
    assert run("scan", folder).err.count(contradictions[0]["what"]) == 1  # a sentence of two clips
    left_out = run("scan", folder, "--leave-out", "contradictions")
    assert left_out.status == 0
    assert "2 clips are left out from now on; --take-back uses them again." in left_out.err
    again = run("scan", folder, "--json")  # and so does whatever else opens it
    assert again.json()["subsets"]["curated"]["clips"] == 1
    assert [row["kind"] for row in again.json()["problems"]] == ["left out", "left out"]
    assert again.status == 0
    back = run("scan", folder, "--take-back", "--json")
    assert back.json()["subsets"]["curated"]["clips"] == 3
    assert "2 clips are taken back." in back.err
    refused = run("scan", folder, "--take-back", "--leave-out", "contradictions")
    assert refused.status == 2
    assert contents(folder) == before


def test_demo_refuses_a_folder_of_other_files(
    run: Callable[..., CommandResult], sounds: Path, contents: Callable
) -> None:
    before = contents(sounds)
    outcome = run("demo", sounds)
    assert outcome.status == 2
    assert outcome.err.startswith("audiotag: ")
    assert str(sounds) in outcome.err
    assert contents(sounds) == before


def test_scan_counts_good_clips_and_lists_bad_ones(
    run: Callable[..., CommandResult], dataset: Path, contents: Callable
) -> None:
    before = contents(dataset)
    outcome = run("scan", dataset)
    assert outcome.status == 1
    assert "2 left out:" in outcome.err
    assert "empty.ogg is empty (0 bytes)" in outcome.err
    assert "gone.wav is listed in t.csv but is not in" in outcome.err
    table = [line.split() for line in outcome.out.splitlines()]
    assert ["clips", "2"] in table
    assert ["mean_s", "1.50"] in table
    assert contents(dataset) == before
    assert Workspace().dataset_folders() == [dataset]


def test_scan_gives_the_same_as_json(run: Callable[..., CommandResult], dataset: Path) -> None:
    outcome = run("scan", dataset, "--json")
    assert outcome.status == 1
    values = outcome.json()
    assert values["dataset"] == str(dataset)
    assert values["labels"] == ["Hum"]
    assert (values["layout"], values["layout_key"]) == ("table with a file and a label column", "table")
    assert [problem["clip"] for problem in values["problems"]] == ["gone.wav", "empty.ogg"]
    assert values["subsets"]["curated"] == {
        "clips": 2,
        "hours": pytest.approx(3 / 3600),
        "labels": 1,
        "combinations": 1,
        "labels_per_clip": 1.0,
        "mean_s": 1.5,
        "median_s": 1.5,
        "shortest_s": 0.5,
        "longest_s": 2.5,
        "clips_per_label": {"Hum": 2},
        "most_frequent_combinations": [{"labels": ["Hum"], "clips": 2}],
    }
    assert isinstance(values["subsets"]["curated"]["clips"], int)


def test_json_has_the_clips_per_label_and_the_most_frequent_combinations(
    sounds: Path, run: Callable[..., CommandResult]
) -> None:
    rows = ['a.wav,"Hum,Buzz"', 'b.WAV,"Buzz,Hum"', "deep/c.wav,Hum"]
    (sounds / "c.wav").write_bytes((sounds / "deep" / "c.wav").read_bytes())
    (sounds / "t.csv").write_text("fname,labels\n" + "\n".join(rows).replace("deep/", "") + "\n")
    values = run("scan", sounds / "t.csv", "--json").json()["subsets"]["curated"]
    assert list(values["clips_per_label"].items()) == [("Hum", 3), ("Buzz", 2)]
    assert values["most_frequent_combinations"] == [
        {"labels": ["Buzz", "Hum"], "clips": 2},
        {"labels": ["Hum"], "clips": 1},
    ]


def test_most_frequent_combinations_of_noisy_fsdkaggle2019(shared: Path, run: Callable[..., CommandResult]) -> None:
    outcome = run("scan", shared / "data" / "fsdkaggle2019", "--json")
    noisy = outcome.json()["subsets"]["noisy"]
    assert noisy["most_frequent_combinations"][0] == {"labels": ["Waves_and_surf"], "clips": 291}
    assert len(noisy["most_frequent_combinations"]) == 20
    assert set(noisy["clips_per_label"].values()) == {300}
    assert len(noisy["clips_per_label"]) == 80


@pytest.mark.usefixtures("measuring_thread")
def test_refreshing_forgets_what_was_measured(dataset: Path, run: Callable[..., CommandResult]) -> None:
    opened = open_dataset(dataset)
    job = MeasurementJob.of(opened.root, opened.name, Workspace())
    run("scan", dataset, "--measure")
    assert len(job.table()) > 0
    outcome = run("scan", dataset, "--refresh")
    assert "what was measured before is deleted" in outcome.err
    assert len(job.table()) == 0
    assert "is deleted" not in run("scan", dataset, "--refresh").err


@pytest.mark.usefixtures("measuring_thread")
def test_scan_measures_every_clip_and_writes_table_and_dashboard(
    run: Callable[..., CommandResult], dataset: Path, tmp_path: Path
) -> None:
    table, page = tmp_path / "index.csv", tmp_path / "dashboard.html"
    assert run("scan", dataset, "--measure", "--out", table, "--html", page).status == 1
    rows = {row["clip"]: row for row in csv.DictReader(table.read_text().splitlines())}
    assert set(rows) == {"a.wav", "b.WAV", "empty.ogg"}
    assert rows["a.wav"]["labels"] == "Hum"
    assert float(rows["a.wav"]["rms_dbfs"]) < 0
    assert rows["empty.ogg"]["rms_dbfs"] == ""
    text = page.read_text()
    assert "plotly" in text
    assert "level in the third-octave band (dBFS)" in text
    assert "empty.ogg is empty (0 bytes)" in text
    assert "https://cdn" not in text.split("</script>")[-1]  # opens without a network
    parquet = tmp_path / "index.parquet"
    assert run("scan", dataset, "--out", parquet).status == 1  # the measures are still there
    assert pd.read_parquet(parquet)["rms_dbfs"].notna().sum() == 2


@pytest.mark.usefixtures("measuring_thread")
def test_a_clip_at_a_rate_that_no_sound_has_does_not_end_measuring(
    run: Callable[..., CommandResult], write_wav: Callable, tone: Callable, tmp_path: Path
) -> None:
    for number in range(3):
        write_wav(tmp_path / f"low/good/{number}.wav", tone(440 + number, 0.3))
    write_wav(tmp_path / "low/good/low.wav", tone(440, 0.3), 20)
    outcome = run("scan", tmp_path / "low", "--measure", "--out", tmp_path / "index.csv")
    assert outcome.status == 1
    assert "good/low.wav has a sample rate of 20 Hz, but a sound must have at least 100 Hz" in outcome.err
    rows = {row["clip"]: row for row in csv.DictReader((tmp_path / "index.csv").read_text().splitlines())}
    assert sorted(clip for clip, row in rows.items() if row["rms_dbfs"]) == [
        f"good/{number}.wav" for number in range(3)
    ]


def test_scan_says_how_many_clips_are_not_measured(
    run: Callable[..., CommandResult], dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("empty.ogg", "gone.wav"):  # no other problem
        (dataset / name).unlink(missing_ok=True)
    (dataset / "t.csv").write_text("fname,label\na.wav,Hum\nb.WAV,Hum\n")
    job = MeasurementJob.of(dataset, "t", Workspace())
    monkeypatch.setattr(MeasurementJob, "start", lambda job: None)
    monkeypatch.setattr(MeasurementJob, "failure", lambda job: "Measuring ended: its process was killed.")
    outcome = run("scan", dataset, "--measure")
    assert (outcome.status, outcome.out) == (2, "")  # nothing was measured
    assert "its process was killed" in outcome.err

    def measure_one(job: MeasurementJob) -> None:
        job.folder.mkdir(parents=True)
        with monkeypatch.context() as patched:
            patched.setattr(
                measurement_job, "measured_rows", lambda clips, *_: ((at, measure_row(clips[at])) for at in range(1))
            )
            measurement_job.measure_clips(job)

    monkeypatch.setattr(MeasurementJob, "start", measure_one)
    outcome = run("scan", dataset, "--measure")
    assert outcome.status == 1
    assert "1 clip is not measured. Measuring ended: its process was killed." in outcome.err
    monkeypatch.setattr(MeasurementJob, "failure", lambda job: "")
    monkeypatch.setattr(MeasurementJob, "start", lambda job: None)
    outcome = run("scan", dataset, "--measure", "--json")
    assert outcome.status == 1
    assert "1 clip is not measured. Measuring was stopped" in outcome.err
    assert outcome.json()["problems"] == []
    assert not job.is_active()


@pytest.mark.parametrize("end", [KeyboardInterrupt(), Terminated(15)], ids=["Ctrl-C", "SIGTERM"])
def test_scan_that_is_ended_stops_its_measuring(
    run: Callable[..., CommandResult], dataset: Path, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    def fail(job: MeasurementJob) -> bool:
        raise end

    monkeypatch.setattr(MeasurementJob, "start", lambda job: job.folder.mkdir(parents=True))
    monkeypatch.setattr(MeasurementJob, "is_active", fail)
    assert run("scan", dataset, "--measure").status in (130, 143)
    assert len(list(Workspace().indexes.glob("*/stop"))) == 1


def test_scan_refuses_another_kind_of_table_before_the_work(run: Callable[..., CommandResult], dataset: Path) -> None:
    outcome = run("scan", dataset, "--out", "index.xlsx")
    assert outcome.status == 2
    assert "--out must end in .csv or .parquet, got index.xlsx" in outcome.err


def test_scan_of_bad_clips_only_ends_with_status_2(run: Callable[..., CommandResult], dataset: Path) -> None:
    for name in ("a.wav", "b.WAV"):
        (dataset / name).write_bytes(b"")
    outcome = run("scan", dataset)
    assert outcome.status == 2
    assert "no clip can be read" in outcome.out
    assert "4 left out:" in outcome.err
    assert run("scan", dataset, "--json").json()["subsets"] == {}


def test_scan_of_a_folder_that_is_not_a_dataset_says_what_was_looked_for(
    run: Callable[..., CommandResult], tmp_path: Path
) -> None:
    for path, reason in ((tmp_path, "is not a dataset"), (tmp_path / "missing", "does not exist")):
        outcome = run("scan", path)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith(f"audiotag: {path} {reason}")
        assert "CSV" in outcome.err


def test_scan_uses_the_columns_of_its_options(run: Callable[..., CommandResult], dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text("sound|what\n")
    outcome = run("scan", tmp_path / "odd.csv", "--file-column", "gone")
    assert outcome.status == 2
    assert "odd.csv needs a column named gone, it has sound, what" in outcome.err


def test_scan_opens_the_layout_that_its_option_names(run: Callable[..., CommandResult], dataset: Path) -> None:
    values = run("scan", dataset, "--layout", "folder-of-sounds", "--json").json()
    assert (values["layout_key"], values["labels"]) == ("folder-of-sounds", [])
    assert Workspace().dataset_options(dataset)["layout"] == "folder-of-sounds"
    outcome = run("scan", dataset, "--layout", "folder")
    assert outcome.status == 2
    assert "'folder' is not a known layout; choose one of " in outcome.err
    assert "folder-of-sounds, folder-per-class, " in outcome.err


@pytest.mark.parametrize("option", ["--keep-flagged", "--keep-condemned"])  # the latter is its name in audiotag 0.1
def test_scan_uses_flagged_clips_if_asked_to(run: Callable[..., CommandResult], dataset: Path, option: str) -> None:
    run("scan", dataset)
    assert Workspace().dataset_options(dataset)["keep_flagged"] is False
    run("scan", dataset, option)
    assert Workspace().dataset_options(dataset)["keep_flagged"] is True


def test_table_of_a_scan_can_be_for_a_spreadsheet(
    run: Callable[..., CommandResult], tmp_path: Path, tone: Callable, write_wav: Callable
) -> None:
    write_wav(tmp_path / "sounds/=Bark/@a.wav", tone(500, 1.0))
    run("scan", tmp_path / "sounds", "--out", tmp_path / "t.csv", "--spreadsheet")
    header, row = (tmp_path / "t.csv").read_text("utf-8-sig").splitlines()
    assert header.startswith("clip,")
    assert "'=Bark" in row
    assert ",=Bark" not in row
    outcome = run("scan", tmp_path / "sounds", "--spreadsheet")
    assert "--spreadsheet is for a CSV file; add --out FILE.csv, or leave it out." in outcome.err
