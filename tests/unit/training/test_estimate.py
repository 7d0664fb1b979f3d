"""What is measured before a training: its time, as a real one takes it, and a learning rate."""

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
from audiotag.training import estimate as probe_module
from audiotag.training.estimate import Estimate
from audiotag.training.recipe import Recipe, Stage
from audiotag.training.runs import SHARED_FOLD, RunSettings, create_run, plan_of
from audiotag.training.worker import Training, work
from audiotag.workspace import Workspace, write_json

RATE = 16_000
TIMEOUT_S = 120
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
    """Hums and hisses of 1.2 s in the competition's layout; one curated file is no sound."""
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


def waited_for(probe: Estimate) -> dict[str, Any] | None:
    """The result, once its process has ended."""
    deadline = time.monotonic() + TIMEOUT_S
    process = json.loads((probe.folder / "process.json").read_text())
    while probe.is_active() or is_alive(process["pid"], process["started"]):
        assert time.monotonic() < deadline, f"still measuring after {TIMEOUT_S} s"
        time.sleep(0.05)
    return probe.result()


def process_of(probe: Estimate) -> psutil.Process:
    return psutil.Process(json.loads((probe.folder / "process.json").read_text())["pid"])


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OMP_NUM_THREADS", "1")
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("probe") / "sounds")


@pytest.fixture(scope="module")
def settings(dataset: Path) -> RunSettings:
    return RunSettings(str(dataset), RECIPE, device="cpu")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("probe") / "home")


@pytest.fixture(scope="module")
def timed(settings: RunSettings, workspace: Workspace) -> dict[str, Any]:
    """What a real process measured."""
    probe = Estimate.of(settings, workspace)
    assert probe.result() is None
    assert not probe.is_active()
    assert not probe.folder.exists()
    probe.start()
    assert probe.is_active()
    result = waited_for(probe)
    assert probe.problem() == ""
    assert result is not None
    return result


@pytest.fixture
def idle(tmp_path: Path, settings: RunSettings) -> Iterator[Callable[..., Estimate]]:
    """Makes probes in a workspace of their own, and ends their processes when the test is over."""
    probes = []

    def make(**changes: Any) -> Estimate:
        probes.append(Estimate.of(replace(settings, **changes), Workspace(tmp_path / "home")))
        return probes[-1]

    yield make
    for probe in probes:
        if probe.is_active():
            process_of(probe).kill()
            waited_for(probe)


# A real process


def test_times_are_finite_and_positive(timed: dict[str, Any]) -> None:
    for key in ("batch_s", "held_out_batch_s"):
        assert len(timed[key]) == 2
        assert all(np.isfinite(value) and value > 0 for value in timed[key])
    assert np.isfinite(timed["total_s"])
    assert timed["total_s"] > 0
    assert 0.05 < timed["memory_gib"] < psutil.virtual_memory().total / 2**30
    assert timed["lr"] == 2e-2
    assert (timed["rates"], timed["losses"], timed["suggested_lr"]) == ([], [], None)


def test_the_whole_time_is_that_of_a_real_run_within_a_factor_of_three(
    timed: dict[str, Any], settings: RunSettings, tmp_path: Path
) -> None:
    run = create_run(Workspace(tmp_path), settings)
    work(run)
    seconds = sum(event["seconds"] for event in run.events() if event["event"] == "epoch")
    assert 1 / 3 < timed["total_s"] / seconds < 3
    plan = plan_of(run.events())
    assert plan is not None
    assert timed["batches"] == [stage["batches"] for stage in plan["stages"]]


def test_another_look_finds_the_result_and_rates_are_added_to_it(
    timed: dict[str, Any], settings: RunSettings, workspace: Workspace
) -> None:
    probe = Estimate.of(settings, Workspace(workspace.root))
    assert probe.result() == timed
    probe.start(rates=True)
    assert Estimate.of(settings, workspace).is_active()
    found = waited_for(probe)
    assert probe.problem() == ""
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


def test_a_process_that_is_killed_is_told_of_and_another_can_be_started(idle: Callable[..., Estimate]) -> None:
    probe = idle()
    probe.start()
    first = process_of(probe)
    probe.start()
    assert process_of(probe) == first  # one is at it already
    first.kill()
    assert waited_for(probe) is None
    assert "ended without a word" in probe.problem()
    probe.start()
    assert probe.is_active()
    assert probe.problem() == ""
    assert process_of(probe) != first


def test_beside_an_active_run_it_refuses(idle: Callable[..., Estimate], settings: RunSettings, tmp_path: Path) -> None:
    probe = idle()
    me = psutil.Process()
    run = create_run(Workspace(tmp_path / "home"), settings)
    run.write_process(me.pid, me.create_time())
    probe.start()
    assert waited_for(probe) is None
    assert f"run {run.name} is starting on this device" in probe.problem()
    assert "Traceback" not in (probe.folder / "log.txt").read_text()


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
        wanted = "clips"
    probe = idle(**changes)
    probe.folder.mkdir(parents=True)
    write_json(probe.folder / "settings.json", probe.settings.to_dict())
    monkeypatch.setattr(sys, "argv", ["probe", str(probe.folder)])
    monkeypatch.setattr(os, "nice", lambda _: None, raising=False)
    probe_module.main()
    assert wanted in probe.problem()
    assert not probe.is_active()
    assert probe.result() is None


def test_a_failure_keeps_what_was_measured_before(
    idle: Callable[..., Estimate], timed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("CUDA out of memory")

    probe = idle()
    write_json(probe.folder / "result.json", timed)
    write_json(probe.folder / "settings.json", probe.settings.to_dict())
    monkeypatch.setattr(probe_module, "_rates", fail)
    monkeypatch.setattr(sys, "argv", ["probe", str(probe.folder), "--rates"])
    monkeypatch.setattr(os, "nice", lambda _: None, raising=False)
    probe_module.main()
    assert probe.problem().startswith("Memory ran out")
    assert probe.result() == timed


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"fraction": 0.4},
        {"batch_size": 50},
        {"stages": (Stage("noisy", 2, 1e-2), Stage("curated", 2, 1e-2))},
        {"folds": 5, "fold_method": "shuffled"},
    ],
    ids=["shared", "fraction", "big batches", "own noisy stage", "shuffled"],
)
def test_batches_are_counted_as_the_trainer_makes_them(
    changes: dict[str, Any], settings: RunSettings, workspace: Workspace, tmp_path: Path
) -> None:
    settings = replace(settings, recipe=replace(RECIPE, **changes))
    training = Training(create_run(Workspace(tmp_path), settings))
    sketch = probe_module._Sketch(settings, workspace)
    size = settings.recipe.batch_size
    for number, stage in training.stages:
        fold = SHARED_FOLD if stage.shared else training.folds[0]
        subset = training.subsets[stage.subset]
        clips = [len(subset.held_out(fold).clips)]
        if stage.subset == "noisy" and not stage.shared:
            clips.append(len(training.subsets["curated"].held_out(fold).clips))
        wanted = max(1, len(subset.train(fold).clips) // size), sum(-(-count // (2 * size)) for count in clips)
        assert (number, sketch.batches(stage)) == (number, wanted)


@pytest.mark.parametrize(("device", "rounds"), [("cpu", 2), ("cpu,cpu", 1)])
def test_folds_take_turns_on_a_device_and_what_they_share_is_trained_once(
    device: str, rounds: int, settings: RunSettings, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_module, "_time_stage", lambda *_: [(10.0, 7.0), (2.0, 1.0)])
    sketch = probe_module._Sketch(settings, workspace)
    result = probe_module._time(sketch, tuple(device.split(",")))
    total = 0.0
    for (_, stage), times in zip(sketch.stages, (1, rounds), strict=True):
        batches, held_out = sketch.batches(stage)
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

    prepare_clips = probe_module.prepare_clips
    monkeypatch.setattr(probe_module, "prepare_clips", prepare)
    monkeypatch.setattr(probe_module, "EPOCHS", 2)
    probe = idle(recipe=replace(RECIPE, batch_size=2, stages=(Stage("curated", 1, 1e-2),)))
    probe_module.work(probe, rates=False)
    assert probe.result() is not None
    assert len(decoded) == probe_module.BATCHES * 2 + probe_module.HELD_OUT_BATCHES * 4


def test_a_fold_smaller_than_a_batch_is_measured(
    idle: Callable[..., Estimate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_module, "RATES", 20)
    small = write_dataset(tmp_path / "sounds", curated=6, noisy=4)
    probe = idle(dataset=str(small), recipe=replace(RECIPE, batch_size=32))
    probe_module.work(probe, rates=True)
    result = probe.result()
    assert result is not None
    assert result["batches"] == [1, 1]
    assert min(result["batch_s"] + result["held_out_batch_s"]) > 0
    assert len(result["rates"]) == len(result["losses"]) <= 20


def test_no_rate_is_suggested_where_the_loss_does_not_fall_and_nothing_is_left_behind(
    settings: RunSettings, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audiotag.training.backend import learner

    losses = iter(np.linspace(1, 2, 50))
    loss = {"bce": lambda logits, _: 0 * logits.sum() + float(next(losses))}
    monkeypatch.setattr(learner, "LOSSES", loss)
    monkeypatch.chdir(tmp_path)
    sketch = probe_module._Sketch(settings, workspace)
    part = sketch.drawn(sketch.splits["curated", False][0], 16)
    trainer = learner.FoldTrainer(RECIPE, sketch.dataset.labels, 1, "cpu")
    rates, smoothed, suggested = trainer.find_rates(RECIPE.stages[-1], part, 20, most_s=TIMEOUT_S)
    assert len(rates) == len(smoothed) == 20
    assert smoothed == sorted(smoothed)
    assert suggested is None
    assert list(tmp_path.iterdir()) == []


def test_finding_rates_ends_where_the_loss_is_no_number_or_the_time_is_over(
    settings: RunSettings, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audiotag.training.backend import learner

    losses = iter([1.0] * 7 + [np.nan] * 50)
    monkeypatch.setattr(learner, "LOSSES", {"bce": lambda logits, _: 0 * logits.sum() + next(losses)})
    sketch = probe_module._Sketch(settings, workspace)
    part = sketch.drawn(sketch.splits["curated", False][0], 16)
    trainer = learner.FoldTrainer(RECIPE, sketch.dataset.labels, 1, "cpu")
    assert len(trainer.find_rates(RECIPE.stages[-1], part, 20, most_s=TIMEOUT_S)[0]) == 7
    losses = iter([1.0] * 50)
    assert len(trainer.find_rates(RECIPE.stages[-1], part, 20, most_s=0)[0]) == 1


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
