"""``audiotag doubts`` lists the same doubts on the screen, as CSV and as JSON, and changes nothing."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors.numpy import save

from audiotag.data.layouts import open_dataset
from audiotag.inspection.measurement_job import MeasurementJob, measure_clips
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import Run, RunSettings, create_run
from audiotag.workspace import Workspace, write_bytes, write_json

from ..conftest import CommandResult

LABELS = ("Bark", "Hum")
WRONG = ("03.wav", "07.wav")  # labelled Bark, and a hum is heard


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Twelve clips, of which two have the wrong label, and a silent one."""
    root = tmp_path / "sounds"
    root.mkdir()
    lines = ["fname,label"]
    for number in range(12):
        name = f"{number:02}.wav"
        level = 0.0 if number == 10 else 0.1
        waveform = np.random.default_rng(number).normal(0, level, 2000)
        soundfile.write(root / name, waveform, 8000)
        lines.append(f"{name},{'Hum' if number % 2 and name not in WRONG else 'Bark'}")
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    return root


def scored_run(root: Path, names: list[str]) -> Run:
    """A finished run whose two folds hear what is there."""
    run = create_run(Workspace(), RunSettings(str(root), load_recipe("quick"), (1, 2)))
    stages = [{"stage": 0, "subset": "curated", "epochs": 1, "clips": 12, "pixels": 9, "shared": False}]
    run.write_event("run-started", folds=[1, 2], labels=list(LABELS), stages=stages, devices=["cpu"], left_out=[])
    for fold in (1, 2):
        held_out = [name for number, name in enumerate(names) if number // 2 % 2 == fold - 1]
        is_hum = np.array([int(Path(name).stem) % 2 if Path(name).stem.isdigit() else 0 for name in held_out])
        scores = np.stack([0.9 - 0.8 * is_hum, 0.1 + 0.8 * is_hum], axis=1).astype(np.float32)
        write_json(run.fold_folder(fold) / "clips.json", held_out)
        write_bytes(run.fold_folder(fold) / "scores.safetensors", save({"scores": scores, "targets": scores}))
        run.write_event("fold-finished", fold=fold, clips=6, lwlrap=0.5, accuracy=0.5, per_class=[0.5, 0.5])
    run.write_status("finished")
    return run


@pytest.fixture
def trained(sounds: Path) -> Run:
    return scored_run(sounds, [f"{number:02}.wav" for number in range(12)])


def test_first_doubts_are_printed_with_their_reasons(
    sounds: Path, trained: Run, run: Callable[..., CommandResult]
) -> None:
    before = {path: path.read_bytes() for path in sounds.iterdir()}
    outcome = run("doubts", sounds, "--run", trained.name)
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    assert lines[0].startswith("curated/03.wav: ")
    assert lines[1].startswith("  The clip is ")
    assert lines[-1] == "4 doubts about 2 clips"
    assert {path: path.read_bytes() for path in sounds.iterdir()} == before


def test_all_doubts_are_written_as_csv(
    sounds: Path, trained: Run, run: Callable[..., CommandResult], tmp_path: Path
) -> None:
    out = tmp_path / "doubts.csv"
    outcome = run("doubts", sounds, "--run", trained.name, "--out", out)
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["subset", "clip", "label", "kind", "quality", "score", "fold", "labels", "reason"]
    assert {(row["clip"], row["label"], row["kind"], row["labels"]) for row in rows} == {
        (name, *of) for name in WRONG for of in (("Bark", "wrong", "Bark"), ("Hum", "missing", "Bark"))
    }
    assert {row["fold"] for row in rows} == {"2"}
    assert {row["score"] for row in rows} == {"0.1", "0.9"}
    assert [float(row["quality"]) for row in rows] == sorted(float(row["quality"]) for row in rows)
    assert rows[0]["reason"] in outcome.out


def test_json_has_all_fields(sounds: Path, trained: Run, run: Callable[..., CommandResult]) -> None:
    values = run("doubts", sounds, "--run", trained.name, "--json").json()
    assert values["dataset"] == str(sounds)
    assert values["scores"] == f"run {trained.name}"
    assert len(values["doubts"]) == 4
    first = values["doubts"][0]
    assert first["path"] == str(sounds / first["clip"])
    assert first["clip_lwlrap"] == 0.5
    assert first["suggestions"] == [["Hum", pytest.approx(0.9)]]


def test_measured_faults_join_the_list(sounds: Path, trained: Run, run: Callable[..., CommandResult]) -> None:
    dataset = open_dataset(sounds)
    measure_clips(MeasurementJob.of(dataset.root, dataset.name, Workspace()))
    first = run("doubts", sounds, "--run", trained.name, "--json").json()["doubts"][0]
    assert (first["clip"], first["kind"]) == ("10.wav", "problem")
    assert "no sample above" in first["reason"]


def test_only_the_first_twenty_are_printed(
    sounds: Path, run: Callable[..., CommandResult], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trained: Run
) -> None:
    monkeypatch.setattr("audiotag.cli.doubts.MAX_PRINTED", 3)
    outcome = run("doubts", sounds, "--run", trained.name)
    assert len(outcome.out.splitlines()) == 3 * 2 + 2
    assert outcome.out.endswith("4 doubts about 2 clips\n1 more is not shown; --out FILE.csv lists all.\n")
    out = tmp_path / "all.csv"
    assert f"1 more is not shown; {out} lists all." in run("doubts", sounds, "--run", trained.name, "--out", out).out


def test_no_doubts_are_said(sounds: Path, trained: Run, run: Callable[..., CommandResult], tmp_path: Path) -> None:
    table = sounds / "clips.csv"
    right = [f"{n:02}.wav,{'Hum' if n % 2 else 'Bark'}" for n in range(12)]
    table.write_text("\n".join(["fname,label", *right]) + "\n")
    out = tmp_path / "none.csv"
    outcome = run("doubts", sounds, "--run", trained.name, "--out", out)
    assert (outcome.status, outcome.out) == (0, "no label is doubtful\n")
    assert len(out.read_text().splitlines()) == 1
    assert json.loads(run("doubts", sounds, "--run", trained.name, "--json").out)["doubts"] == []


def test_files_for_spreadsheets_are_disarmed_and_others_are_not(
    tmp_path: Path, run: Callable[..., CommandResult]
) -> None:
    root = tmp_path / "strange"
    root.mkdir()
    names = [*(f"{number:02}.wav" for number in range(12)), "=1+1.wav"]
    for number, name in enumerate(names):
        soundfile.write(root / name, np.random.default_rng(number).normal(0, 0.1, 800), 8000)
    given = ["Hum" if number % 2 else "Bark" for number in range(12)] + ["Hum"]
    rows = [f"{name},{label}" for name, label in zip(names, given, strict=True)]
    (root / "clips.csv").write_text("\n".join(["fname,label", *rows]) + "\n")
    trained = scored_run(root, names)
    out = tmp_path / "doubts.csv"
    for options, expected in (((), "=1+1.wav"), (("--spreadsheet",), "'=1+1.wav")):
        run("doubts", root, "--run", trained.name, "--out", out, *options)
        with out.open(encoding="utf-8", newline="") as file:
            assert {row["clip"] for row in csv.DictReader(file)} == {expected}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--run", "none"), "none"),
        (("--run", "RUN", "--out", "doubts.txt"), "--out must end in .csv, got doubts.txt"),
        (("--run", "RUN", "--spreadsheet"), "--spreadsheet is for a CSV file; add --out FILE.csv"),
    ],
)
def test_wrong_options_are_refused(
    sounds: Path, trained: Run, run: Callable[..., CommandResult], options: tuple[str, ...], message: str
) -> None:
    outcome = run("doubts", sounds, *(trained.name if option == "RUN" else option for option in options))
    assert outcome.status == 2
    assert message in outcome.err


def test_run_of_another_dataset_is_refused(
    sounds: Path, trained: Run, run: Callable[..., CommandResult], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    soundfile.write(other / "a.wav", np.full(800, 0.1), 8000)
    (other / "clips.csv").write_text("fname,label\na.wav,Hum\n")
    outcome = run("doubts", other, "--run", trained.name)
    assert outcome.status == 2
    assert f"run {trained.name} must have scored clips of {other}, but scored others, such as 00.wav" in outcome.err


def test_run_without_a_finished_fold_is_refused(sounds: Path, run: Callable[..., CommandResult]) -> None:
    begun = create_run(Workspace(), RunSettings(str(sounds), load_recipe("quick")))
    outcome = run("doubts", sounds, "--run", begun.name)
    assert outcome.status == 2
    assert "has no finished fold yet" in outcome.err
