"""The estimate before a training: its time, and a learning rate."""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile

from audiotag.augmentation.mask import Mask
from audiotag.features.settings import SpectrogramSettings
from audiotag.jobs import is_alive
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.training import estimate as estimate_module
from audiotag.training import measured_batches
from audiotag.training import session as session_module
from audiotag.training.estimate import NO_RATES, Estimate
from audiotag.training.progress import FoldSplit
from audiotag.training.recipe import Recipe
from audiotag.training.runs import RunSettings, create_run
from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.workspace import Workspace, write_json

RATE = 16_000
TIMEOUT_S = 120

pytestmark = pytest.mark.usefixtures("forked_workers")
RECIPE = Recipe(
    name="tiny",
    title="Tiny",
    about="For tests.",
    stages=(Stage("noisy", 2, 1e-2, shared=True), Stage("curated", 4, 2e-2, mixup=0.2)),
    folds=2,
    batch_size=8,
    augment=(Mask("time", 4),),
    spectrogram=SpectrogramSettings(
        sample_rate=RATE, clip_s=1.0, n_fft=512, win_length=512, hop_length=256, n_mels=48, f_max=8000.0
    ),
    network=XResNetSettings(depth=18, width=0.25, stem=16, activation="relu"),
)


def write_dataset(folder: Path, curated: int = 64, noisy: int = 40) -> Path:
    """Hums and hisses of 1.2 s in the competition's layout; one curated file is not a sound."""
    rng = np.random.default_rng(3)
    time_s = np.arange(round(1.2 * RATE)) / RATE
    for subset, count in (("train_curated", curated), ("train_noisy", noisy)):
        (folder / subset).mkdir(parents=True)
        rows = []
        for index in range(count):
            hum, hiss = np.sin(2 * np.pi * rng.uniform(450, 550) * time_s), rng.normal(size=len(time_s))
            name = f"{subset[6]}{index:02}.wav"
            soundfile.write(folder / subset / name, 0.2 * (hum if index % 2 else hiss), RATE)
            rows.append((name, "Hum" if index % 2 else "Hiss"))
        if subset == "train_curated":
            (folder / subset / "broken.wav").write_text("no sound")
            rows.append(("broken.wav", "Hum"))
        with (folder / f"{subset}.csv").open("w", newline="") as table:
            csv.writer(table).writerows([("fname", "labels"), *rows])
    return folder


def test_learning_rate_is_that_of_the_main_stage(tmp_path: Path) -> None:
    whole = Stage("curated", 1, 1e-4, without=("mask",))
    settings = RunSettings("/data", replace(RECIPE, stages=(*RECIPE.stages, whole)), device="cpu")
    estimate = Estimate(tmp_path, settings)
    found = {
        "total_s": 1.0,
        "batch_s": [0.1],
        "held_out_batch_s": [0.1],
        "batches": [1],
        "memory_gib": None,
        "lr": 3e-4,
    }
    write_json(tmp_path / "result.json", NO_RATES | found)
    result = estimate.result()
    assert result is not None
    assert result["lr"] == RECIPE.stages[-1].lr


def ended(estimate: Estimate) -> dict[str, Any] | None:
    """The result, once its process has ended."""
    deadline = time.monotonic() + TIMEOUT_S
    process = json.loads((estimate.folder / "process.json").read_text())
    while estimate.is_active() or is_alive(process["pid"], process["started"]):
        assert time.monotonic() < deadline, f"still measuring after {TIMEOUT_S} s"
        time.sleep(0.02)
    return estimate.result()


def process_of(estimate: Estimate) -> psutil.Process:
    return psutil.Process(json.loads((estimate.folder / "process.json").read_text())["pid"])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("estimate") / "sounds")


@pytest.fixture(scope="module")
def settings(dataset: Path) -> RunSettings:
    return RunSettings(str(dataset), RECIPE, device="cpu")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("estimate") / "home")


@pytest.fixture(scope="module")
def timed(settings: RunSettings, workspace: Workspace) -> dict[str, Any]:
    """What a real process measured."""
    estimate = Estimate.of(settings, workspace)
    assert estimate.result() is None
    assert not estimate.is_active()
    assert not estimate.folder.exists()
    estimate.start()
    assert estimate.is_active()
    result = ended(estimate)
    assert estimate.problem() == ""
    assert result is not None
    return result


@pytest.fixture
def idle(tmp_path: Path, settings: RunSettings) -> Iterator[Callable[..., Estimate]]:
    """Makes estimates in a workspace of their own, and ends their processes when the test is over."""
    estimates = []

    def make(**changes: Any) -> Estimate:
        estimates.append(Estimate.of(replace(settings, **changes), Workspace(tmp_path / "home")))
        return estimates[-1]

    yield make
    for estimate in estimates:
        if estimate.is_active():
            process_of(estimate).kill()
            ended(estimate)


# A real process


def test_times_are_finite_and_positive_and_batches_are_those_of_the_session(
    timed: dict[str, Any], settings: RunSettings, workspace: Workspace
) -> None:
    for key in ("batch_s", "held_out_batch_s"):
        assert len(timed[key]) == 2
        assert all(np.isfinite(value) and value > 0 for value in timed[key])
    assert np.isfinite(timed["total_s"])
    assert timed["total_s"] > 0
    assert 0.05 < timed["memory_gib"] < psutil.virtual_memory().total / 2**30
    assert timed["lr"] == 2e-2
    session = Session.open(settings, workspace)
    assert timed["batches"] == [session.count_batches(stage)[0] for _, stage in session.stages]
    assert (timed["rates"], timed["losses"], timed["suggested_lr"]) == ([], [], None)


def test_same_estimate_finds_the_result_and_rates_are_added_to_it(
    timed: dict[str, Any], settings: RunSettings, workspace: Workspace
) -> None:
    estimate = Estimate.of(settings, Workspace(workspace.root))
    assert estimate.result() == timed
    estimate.start(rates=True)
    assert Estimate.of(settings, workspace).is_active()
    found = ended(estimate)
    assert estimate.problem() == ""
    assert found is not None
    rates, losses = found["rates"], found["losses"]
    assert found == timed | {"rates": rates, "losses": losses, "suggested_lr": found["suggested_lr"]}
    assert rates == sorted(set(rates))
    assert pytest.approx(rates[0]) == 1e-6
    assert rates[-1] <= 1
    assert len(losses) == len(rates) > 20
    assert np.isfinite(losses).all()
    assert rates[0] < found["suggested_lr"] < rates[-1]
    assert losses[rates.index(found["suggested_lr"])] < losses[0]


def test_killed_process_is_reported_and_another_can_be_started(idle: Callable[..., Estimate]) -> None:
    estimate = idle()
    estimate.start()
    first = process_of(estimate)
    estimate.start()
    assert process_of(estimate) == first  # one is at it already
    first.kill()
    assert ended(estimate) is None
    assert "ended without giving a reason" in estimate.problem()
    estimate.start()
    assert estimate.is_active()
    assert estimate.problem() == ""
    assert process_of(estimate) != first


def test_estimate_is_refused_during_a_run(idle: Callable[..., Estimate], settings: RunSettings, tmp_path: Path) -> None:
    estimate = idle()
    me = psutil.Process()
    run = create_run(Workspace(tmp_path / "home"), settings)
    run.write_process(me.pid, me.create_time())
    estimate.start()
    assert ended(estimate) is None
    assert f"run {run.name} is starting on this device" in estimate.problem()
    assert "Traceback" not in (estimate.folder / "log.txt").read_text()


# The same in this process


@pytest.mark.parametrize("broken", ["dataset", "subset", "folds", "clips"])
def test_what_cannot_be_trained_gives_a_sentence(
    broken: str, idle: Callable[..., Estimate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_dataset(tmp_path / "sounds", curated=6, noisy=6)
    recipe = replace(RECIPE, stages=(Stage("curated", 1, 1e-2),))
    changes: dict[str, Any] = {"dataset": str(folder), "recipe": recipe}
    wanted = ""
    if broken == "dataset":
        changes, wanted = changes | {"dataset": str(tmp_path / "gone")}, "gone"
    elif broken == "subset":
        (folder / "train_curated.csv").write_text("fname,labels\n")
        wanted = "trains on curated clips"
    elif broken == "folds":
        changes, wanted = changes | {"folds": (7,)}, "folds must be among 1, 2 here, got 7"
    else:
        for path in (folder / "train_curated").iterdir():
            path.write_text("no sound")
        wanted = "none of the 7 curated sounds can be used"
    estimate = idle(**changes)
    estimate.folder.mkdir(parents=True)
    write_json(estimate.folder / "settings.json", estimate.settings.to_dict())
    monkeypatch.setattr(sys, "argv", ["estimate", str(estimate.folder)])
    estimate_module.main()
    assert wanted in estimate.problem()
    assert not estimate.is_active()
    assert estimate.result() is None


def test_failure_leaves_what_was_measured_before(
    idle: Callable[..., Estimate], timed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("CUDA out of memory")

    estimate = idle()
    write_json(estimate.folder / "result.json", timed)
    write_json(estimate.folder / "settings.json", estimate.settings.to_dict())
    monkeypatch.setattr(estimate_module, "_find_rates", fail)
    monkeypatch.setattr(sys, "argv", ["estimate", str(estimate.folder), "--rates"])
    estimate_module.main()
    assert estimate.problem().startswith("Memory ran out")
    assert estimate.result() == timed


@pytest.mark.parametrize(("device", "rounds"), [("cpu", 2), ("cpu,cpu", 1)])
def test_folds_take_turns_on_a_device_and_what_they_share_is_trained_once(
    device: str, rounds: int, settings: RunSettings, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate_module, "measure_batches", lambda *_: [(10.0, 7.0), (2.0, 1.0)])
    session = Session.open(settings, workspace)
    result = estimate_module._measure_time(session, tuple(device.split(",")), lambda *_: None)
    total = 0.0
    for (_, stage), times in zip(session.stages, (1, rounds), strict=True):
        batches, held_out = session.count_batches(stage)
        total += times * (batches * 10 + held_out * 7 + (stage.epochs - 1) * (batches * 2 + held_out * 1))
    assert result["total_s"] == pytest.approx(total)
    assert (result["batch_s"], result["held_out_batch_s"]) == ([2.0, 2.0], [1.0, 1.0])


def test_only_the_clips_that_are_needed_are_decoded(
    idle: Callable[..., Estimate], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Path] = []

    def prepare(rows: Any, *others: Any) -> Any:
        decoded.extend(rows["path"])
        return prepare_clips(rows, *others)

    prepare_clips = session_module.prepare_clips
    monkeypatch.setattr(session_module, "prepare_clips", prepare)
    monkeypatch.setattr(measured_batches, "MAX_EPOCHS", 2)
    estimate = idle(recipe=replace(RECIPE, batch_size=2, stages=(Stage("curated", 1, 1e-2),)))
    estimate_module.run_estimate(estimate, rates=False)
    assert estimate.result() is not None
    assert len(decoded) == measured_batches.BATCHES * 2 + measured_batches.HELD_OUT_BATCHES * 4


def test_for_a_gpu_packed_waveforms_are_measured_and_their_packing_is_counted_once(
    idle: Callable[..., Estimate], monkeypatch: pytest.MonkeyPatch
) -> None:
    from audiotag.training import packed_waveforms
    from audiotag.training.backend import learner

    class Trainer(learner.FoldTrainer):
        def train(self, number: int, stage: Stage, split: FoldSplit, *others: Any) -> bool:
            assert split.valid is not None
            trained.append(self.packed is not None and self.packed.has([*split.train.clips, *split.valid.clips]))
            return super().train(number, stage, split, *others)

    trained: list[bool] = []
    monkeypatch.setattr(packed_waveforms, "is_packed", lambda *_: True)  # as if the CPU were a GPU
    monkeypatch.setattr(learner, "FoldTrainer", Trainer)
    monkeypatch.setattr(measured_batches, "MAX_EPOCHS", 2)
    estimate = idle(recipe=replace(RECIPE, batch_size=2, stages=(Stage("curated", 2, 1e-2),)))
    estimate_module.run_estimate(estimate, rates=False)
    result = estimate.result()
    assert result is not None
    assert trained == [True]
    assert result["packing_s"] > 0
    assert result["total_s"] == pytest.approx(result["packing_s"] + sum(result["stage_s"]))
    assert list((estimate.folder.parents[1] / "waveforms").iterdir()) == []


def test_a_fold_smaller_than_a_batch_is_measured(
    idle: Callable[..., Estimate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate_module, "MAX_RATES", 20)
    small = write_dataset(tmp_path / "sounds", curated=6, noisy=4)
    estimate = idle(dataset=str(small), recipe=replace(RECIPE, batch_size=32))
    estimate_module.run_estimate(estimate, rates=True)
    result = estimate.result()
    assert result is not None
    assert result["batches"] == [1, 1]
    assert min(result["batch_s"] + result["held_out_batch_s"]) > 0
    assert len(result["rates"]) == len(result["losses"]) <= 20


def test_no_rate_is_suggested_where_the_loss_does_not_fall_and_nothing_is_left_behind(
    settings: RunSettings, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audiotag.training.backend import learner

    losses = iter(np.linspace(1, 2, 50))
    monkeypatch.setattr(learner, "BatchLoss", lambda *_: lambda logits, *_: 0 * logits.sum() + float(next(losses)))
    monkeypatch.chdir(tmp_path)
    session = Session.open(settings, workspace)
    part = session.sample(session.split_rows("curated", 1)[0], 16)
    trainer = learner.FoldTrainer(RECIPE, session.labels, 1, "cpu")
    rates, smoothed, suggested = trainer.find_rates(RECIPE.stages[-1], part, 20, max_s=TIMEOUT_S)
    assert len(rates) == len(smoothed) == 20
    assert smoothed == sorted(smoothed)
    assert suggested is None
    assert list(tmp_path.iterdir()) == []


def test_finding_rates_ends_when_the_loss_is_not_finite_or_the_time_is_over(
    settings: RunSettings, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audiotag.training.backend import learner

    losses = iter([1.0] * 7 + [np.nan] * 50)
    monkeypatch.setattr(learner, "BatchLoss", lambda *_: lambda logits, *_: 0 * logits.sum() + next(losses))
    session = Session.open(settings, workspace)
    part = session.sample(session.split_rows("curated", 1)[0], 16)
    trainer = learner.FoldTrainer(RECIPE, session.labels, 1, "cpu")
    assert len(trainer.find_rates(RECIPE.stages[-1], part, 20, max_s=TIMEOUT_S)[0]) == 7
    losses = iter([1.0] * 50)
    assert len(trainer.find_rates(RECIPE.stages[-1], part, 20, max_s=0)[0]) == 1


# Which measurement it is


def test_what_matters_changes_the_key_and_a_recipes_texts_do_not(
    settings: RunSettings, workspace: Workspace, dataset: Path
) -> None:
    def key(**changes: Any) -> str:
        return Estimate.of(replace(settings, **changes), workspace).folder.name

    assert key() == key(recipe=replace(RECIPE, name="other", title="Other", about="Something else."))
    others = [
        key(recipe=RECIPE.with_epochs((7,))),
        key(recipe=replace(RECIPE, batch_size=9)),
        key(folds=(1,)),
        key(device=""),
        key(dataset=str(dataset.parent)),
    ]
    assert len({key(), *others}) == 6


def test_a_dataset_that_was_changed_or_is_opened_otherwise_is_another(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "sounds", curated=2, noisy=2)
    workspace, settings = Workspace(tmp_path / "home"), RunSettings(str(folder), RECIPE, device="cpu")
    keys = [Estimate.of(settings, workspace).folder.name]
    os.utime(folder / "train_curated.csv", (1, 1))
    keys.append(Estimate.of(settings, workspace).folder.name)
    workspace.remember_dataset(folder, {"keep_condemned": True})
    keys.append(Estimate.of(settings, workspace).folder.name)
    assert len(set(keys)) == 3


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, audiotag.training.estimate; print({'torch', 'fastai', 'librosa', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (done.stdout.strip(), done.stderr) == ("set()", "")
