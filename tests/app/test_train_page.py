"""The Train page: what it starts is what its command starts, and a run is shown as it is on disk."""

import json
import os
import shlex
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from audiotag.cli import main, train
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.features.presets import save_preset
from audiotag.features.settings import SpectrogramSettings
from audiotag.training.devices import Device
from audiotag.training.recipe import load_recipe
from audiotag.training.run_options import RunOptions
from audiotag.training.run_progress import epochs_done
from audiotag.training.runs import SHARED_FOLD, Run, RunSettings, create_run, list_runs
from audiotag.training.worker import work
from audiotag.workspace import Workspace

from .conftest import opened, said, table_dataset

PREVIEW = "What the network will get"
OWN_RECIPE = """
title = "Mine"
about = "Two epochs."
folds = 2
[[stages]]
subset = "curated"
epochs = 2
lr = 1e-3
"""


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Runs that would have been started; none is."""
    runs: list[Run] = []
    monkeypatch.setattr(Run, "start", lambda run: runs.append(run))
    return runs


class FakeProbe:
    """Measures nothing; says what a test wants it to have found."""

    asked: list[RunSettings]
    started: list[bool]
    active: bool
    found: dict[str, Any] | None
    trouble: str

    @classmethod
    def of(cls, settings: RunSettings, workspace: Workspace) -> "FakeProbe":
        cls.asked.append(settings)
        return cls()

    def start(self, rates: bool = False) -> None:
        type(self).started.append(rates)
        type(self).active = True

    def is_active(self) -> bool:
        return self.active

    def result(self) -> dict[str, Any] | None:
        return self.found

    def problem(self) -> str:
        return self.trouble


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> type[FakeProbe]:
    fresh = type("Fresh", (FakeProbe,), {"asked": [], "started": [], "active": False, "found": None, "trouble": ""})
    monkeypatch.setattr("audiotag.training.estimate.Estimate", fresh)
    return fresh


def by_command(at: AppTest, home: Workspace) -> RunSettings:
    """The settings that the command shown would train with, read by the command's own parser."""
    (command,) = [code.value for code in at.code if code.value.startswith("audiotag train")]
    options = main.build_parser().parse_args(shlex.split(command)[1:])
    assert options.run is train.train
    return train.run_options_of(options).settings(home)


def started(at: AppTest, home: Workspace, spawned: list[Run]) -> RunSettings:
    """Press the button; the one run that it makes."""
    at.button(key="start").click().run()
    assert not at.exception
    (run,) = list_runs(home)
    assert spawned == [run]
    return run.settings()


def folds(at: AppTest) -> Any:
    (pills,) = [group for group in at.get("button_group") if group.label == "Folds"]
    return pills


def slider(at: AppTest, label: str) -> Any:
    (found,) = [slider for slider in at.slider if slider.label == label]
    return found


# Before the start


def test_without_runs_says_so(home: Workspace) -> None:
    assert any(text.startswith("No run yet") for text in said(opened("pages/train.py").info))


def test_what_is_chosen_by_itself_is_the_recipe_as_it_is(home: Workspace, sounds: Path, spawned: list[Run]) -> None:
    at = opened("pages/train.py")
    wanted = RunSettings(str(sounds), load_recipe("quick"))
    assert by_command(at, home) == wanted
    assert started(at, home, spawned) == wanted


@pytest.mark.parametrize(
    ("widgets", "wanted"),
    [
        ({"recipe": "default"}, {"recipe": "default"}),
        ({"recipe": "capstone", "epochs": "1, 2,3"}, {"recipe": "capstone", "epochs": (1, 2, 3)}),
        ({"epochs": "2", "seed": 0}, {"epochs": (2,), "seed": 0}),
        ({"train-preset": "mine"}, {"preset": "mine"}),
        ({"Folds": [4, 2]}, {"folds": (2, 4)}),
        ({"Training clips used (%)": 35, "Balance": 0.7}, {"fraction": 0.35, "balance": 0.7}),
        ({"Training clips used (%)": 100, "Balance": 0.0}, {}),
        (
            {"Balance": 1.0, "epochs": "3", "seed": 7, "Folds": [1], "train-preset": "mine"},
            {"balance": 1.0, "epochs": (3,), "seed": 7, "folds": (1,), "preset": "mine"},
        ),
    ],
)
def test_choices_the_command_and_the_run_have_the_same_settings(
    home: Workspace, sounds: Path, spawned: list[Run], widgets: dict[str, Any], wanted: dict[str, Any]
) -> None:
    save_preset("mine", SpectrogramSettings(n_mels=64), home)
    at = opened("pages/train.py")
    for name, value in widgets.items():
        if name == "Folds":
            folds(at).set_value(value)
        elif " " in name or name == "Balance":
            slider(at, name).set_value(value)
        elif name == "epochs":
            at.text_input(key=name).set_value(value)
        elif name == "seed":
            at.number_input(key=name).set_value(value)
        else:
            at.selectbox(key=name).set_value(value)
    at.run()
    settings = RunOptions(str(sounds), **wanted).settings(home)
    assert by_command(at, home) == settings
    assert started(at, home, spawned) == settings


@pytest.mark.parametrize("numbers", [(1, 2, 3), (0, 1, 2)])
def test_fold_held_out_is_in_the_run_and_the_command(
    home: Workspace, tmp_path: Path, spawned: list[Run], numbers: tuple[int, ...]
) -> None:
    lines = [f"{number}.wav,Beep,{numbers[number % 3]}" for number in range(9)]
    folder = table_dataset(tmp_path / "mine", lines, "fname,label,fold")
    home.remember_dataset(folder)
    at = opened("pages/train.py")
    at = at.selectbox(key="held-out").set_value(numbers[0]).run()
    assert list(folds(at).value) == list(numbers[1:])
    wanted = RunSettings(str(folder), load_recipe("quick"), (), numbers[0])
    assert by_command(at, home) == wanted
    assert started(at, home, spawned) == wanted


def test_device_is_asked_where_there_are_several(
    home: Workspace, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tuple(Device(key, f"the {key}") for key in ("cuda:0", "cuda:1", "cpu"))
    monkeypatch.setattr("audiotag.training.devices.devices", lambda: here)
    monkeypatch.setattr("audiotag.ui.train.run_setup.devices", lambda: here)
    at = opened("pages/train.py")
    assert at.selectbox(key="device").options == ["all 2 GPUs, a fold on each", "the cuda:0", "the cuda:1", "the cpu"]
    assert by_command(at, home).device == ""
    at = at.selectbox(key="device").set_value("cuda:1").run()
    assert by_command(at, home).device == "cuda:1"
    assert any("the cuda:1" in text and "the cuda:0" not in text for text in said(at.caption))


def test_the_only_device_is_named_and_not_asked_for(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    here = (Device("cpu", "CPU, 2 cores", "An old GPU is not used."),)
    monkeypatch.setattr("audiotag.training.devices.devices", lambda: here)
    monkeypatch.setattr("audiotag.ui.train.run_setup.devices", lambda: here)
    at = opened("pages/train.py")
    assert not any(box.key == "device" for box in at.selectbox)
    assert any("CPU, 2 cores" in text for text in said(at.caption))
    assert "An old GPU is not used." in said(at.warning)


def test_command_of_a_folder_with_a_space_can_be_pasted(home: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "my own sounds", ["a.wav,Beep"])
    home.remember_dataset(folder)
    assert by_command(opened("pages/train.py"), home).dataset == str(folder)


def test_without_a_fold_nothing_can_be_started(home: Workspace) -> None:
    at = opened("pages/train.py")
    at = folds(at).set_value([]).run()
    assert not at.exception
    assert at.button(key="start").disabled


@pytest.mark.parametrize("epochs", ["two", "1,2,3", "0", "2,"])
def test_epochs_that_do_not_fit_are_a_sentence_and_the_folds_stay_chosen(home: Workspace, epochs: str) -> None:
    at = opened("pages/train.py")
    at = folds(at).set_value([2]).run()
    at = at.text_input(key="epochs").set_value(epochs).run()
    assert not at.exception
    (error,) = said(at.error)
    assert "epochs must be" in error
    assert at.button(key="start").disabled
    at = at.text_input(key="epochs").set_value("2").run()
    assert not at.error
    assert by_command(at, home).folds == (2,)


def test_own_recipe_is_in_the_run_and_the_command(
    home: Workspace, sounds: Path, tmp_path: Path, spawned: list[Run]
) -> None:
    path = tmp_path / "my own.toml"
    path.write_text(OWN_RECIPE)
    at = opened("pages/train.py")
    at = at.selectbox(key="recipe").set_value("own file").run()
    assert not at.error
    assert at.button(key="start").disabled
    at = at.text_input(key="recipe-file").set_value(str(path)).run()
    wanted = RunSettings(str(sounds), load_recipe(str(path)))
    assert by_command(at, home) == wanted
    assert started(at, home, spawned) == wanted


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (OWN_RECIPE + "epoch = 3", "stages.epoch is not a known field"),
        (OWN_RECIPE.replace("1e-3", "3"), "stages.lr must be a number above 0"),
        ("[", "cannot be read as TOML"),
        (None, "is not a recipe"),
    ],
)
def test_own_recipe_with_a_fault_is_a_sentence_that_names_it(
    home: Workspace, tmp_path: Path, text: str | None, sentence: str
) -> None:
    path = tmp_path / "mine.toml"
    if text is not None:
        path.write_text(text)
    at = opened("pages/train.py", recipe="Own file …", **{"recipe-file": str(path)})
    assert not at.exception
    (error,) = said(at.error)
    assert sentence in error
    assert at.button(key="start").disabled


def test_recipe_for_clips_that_the_dataset_lacks_cannot_be_started(home: Workspace, tmp_path: Path) -> None:
    home.remember_dataset(table_dataset(tmp_path / "mine", [f"{number}.wav,Beep" for number in range(6)]))
    path = tmp_path / "noisy.toml"
    path.write_text(OWN_RECIPE.replace("curated", "noisy"))
    for show in ("Runs", PREVIEW):
        at = opened("pages/train.py", recipe="Own file …", show=show, **{"recipe-file": str(path)})
        assert not at.exception
        assert any("trains on noisy clips" in text for text in said(at.warning))
        assert at.button(key="start").disabled


def test_setup_is_in_the_address(home: Workspace, sounds: Path) -> None:
    at = opened("pages/train.py", recipe="Default", epochs="3,4", seed="9")
    assert by_command(at, home) == RunOptions(str(sounds), "default", epochs=(3, 4), seed=9).settings(home)


# A batch before the start


def pictures(at: AppTest) -> list[str]:
    return [picture.url for element in at.get("image") for picture in element.proto.imgs]


def captions(at: AppTest) -> list[str]:
    return [picture.caption.replace("\\", "") for element in at.get("image") for picture in element.proto.imgs]


def test_batch_is_shown_with_its_clips_and_labels_and_re_rolled(home: Workspace, sounds: Path) -> None:
    at = opened("pages/train.py", show=PREVIEW)
    assert not at.exception
    first = pictures(at)
    assert len(first) == 12
    dataset = open_dataset(sounds)
    names = set(dataset.subset("noisy")["clip"])
    for caption in captions(at):
        labels, clip = caption.split("  \n")
        assert clip.removeprefix(":gray[").removesuffix("]") in names
        assert set(labels.split(", ")) <= set(dataset.labels)
    at = at.button(key="re-roll").click().run()
    again = pictures(at)
    assert len(again) == 12
    assert set(again).isdisjoint(first)


def test_mixed_clips_show_their_labels_with_weights(home: Workspace, sounds: Path, tmp_path: Path) -> None:
    path = tmp_path / "mixed.toml"
    path.write_text(OWN_RECIPE + "mixup = 0.4\n")
    at = opened("pages/train.py", show=PREVIEW, recipe="Own file …", **{"recipe-file": str(path)})
    mixed = [labels for labels in (caption.split("  \n")[0] for caption in captions(at)) if ", " in labels]
    weights = [[float(part.split()[1]) for part in labels.split(", ")] for labels in mixed if "." in labels]
    assert weights
    assert all(found == sorted(found, reverse=True) and found[-1] > 0 for found in weights)


def test_batch_of_another_stage_is_drawn_from_its_subset(home: Workspace, sounds: Path) -> None:
    at = opened("pages/train.py", show=PREVIEW)
    (stage,) = [group for group in at.get("button_group") if group.label == "Stage"]
    at = stage.set_value(1).run()
    assert not at.exception
    curated = set(open_dataset(sounds).subset("curated")["clip"])
    assert len(captions(at)) == 12
    assert {caption.split(":gray[")[1].removesuffix("]") for caption in captions(at)} <= curated


def test_no_clip_is_read_before_the_batch_is_looked_at(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: Any) -> None:
        raise AssertionError("a clip was read")

    monkeypatch.setattr("audiotag.ui.train.batch_preview.prepare_clips", read)
    assert not opened("pages/train.py").exception


def test_batch_of_clips_that_cannot_be_read_is_a_sentence(home: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "mine", [f"{number}.wav,Beep" for number in range(6)])
    for path in folder.glob("*.wav"):
        path.write_bytes(b"no sound")
    home.remember_dataset(folder)
    at = opened("pages/train.py", show=PREVIEW)
    assert not at.exception
    assert any("None of the curated clips can be read" in text for text in said(at.error))


# How long it will take

FOUND = {
    "total_s": 720.0, "batch_s": [0.13, 0.13], "batches": [3, 4], "memory_gib": None, "rates": [], "losses": [],
    "suggested_lr": None, "lr": 4e-3,
}  # fmt: skip


def test_both_measurements_start_and_tell_that_they_are_at_it(home: Workspace, probe: type[FakeProbe]) -> None:
    for key, rates in (("measure-time", False), ("find-rate", True)):
        probe.started, probe.active = [], False
        at = opened("pages/train.py")
        assert not at.button(key=key).disabled
        at = at.button(key=key).click().run()
        assert not at.exception
        assert probe.started == [rates]
        assert any("Measuring" in text for text in said(at.caption))
        assert at.button(key="measure-time").disabled
        assert at.button(key="find-rate").disabled


def test_measurement_is_of_the_settings_that_would_be_started(
    home: Workspace, sounds: Path, probe: type[FakeProbe]
) -> None:
    opened("pages/train.py", epochs="2,3")
    assert probe.asked[-1] == RunOptions(str(sounds), epochs=(2, 3)).settings(home)


def test_estimate_is_a_sentence_and_the_rates_a_chart_with_both_rates(home: Workspace, probe: type[FakeProbe]) -> None:
    probe.found = FOUND
    at = opened("pages/train.py")
    assert any("About 12 min: 0.13 s a batch, 5 folds of 24 epochs" in text for text in said(at.caption))
    assert not at.get("plotly_chart")
    probe.found = FOUND | {"rates": [1e-4, 1e-3, 1e-2], "losses": [0.7, 0.4, 0.9], "suggested_lr": 2e-3}
    at = opened("pages/train.py")
    (chart,) = at.get("plotly_chart")
    names = {trace.get("name") for trace in json.loads(chart.proto.spec)["data"]}
    assert {"recipe 0.004", "suggested 0.002"} <= names


def test_measurement_that_went_wrong_is_a_sentence(home: Workspace, probe: type[FakeProbe]) -> None:
    probe.trouble = "Memory ran out; use a smaller batch_size."
    assert "Memory ran out; use a smaller batch_size." in said(opened("pages/train.py").error)


def test_nothing_is_measured_while_a_run_is_at_work_and_it_says_why(
    home: Workspace, sounds: Path, probe: type[FakeProbe]
) -> None:
    run = at_work(made_run(home, sounds))
    at = opened("pages/train.py")
    for key in ("measure-time", "find-rate"):
        assert at.button(key=key).disabled
        assert run.name in at.button(key=key).help


# A run


def made_run(
    home: Workspace, sounds: Path, finished: tuple[float, ...] = (), recipe: str = "quick", stages: Any = None
) -> Run:
    """A run of one stage of two epochs; all folds given are finished, the next one has begun."""
    run = create_run(home, RunSettings(str(sounds), load_recipe(recipe), (1, 2, 3)))
    stages = stages or [{"stage": 0, "subset": "curated", "epochs": 2, "clips": 24, "pixels": 9, "shared": False}]
    run.write_event("run-started", folds=[1, 2, 3], labels=["a", "b", "c"], stages=stages, devices=["cpu"])
    for fold in range(1, len(finished) + 2):
        run.write_event("fold-started", fold=fold)
        for epoch in (1, 2):
            write_epoch(run, fold, epoch, 0.4 + 0.1 * epoch)
        if fold <= len(finished):
            score = finished[fold - 1]
            per_class = [score, None, score - 0.3]
            run.write_event("fold-finished", fold=fold, clips=8, lwlrap=score, accuracy=0.5, per_class=per_class)
    return run


def write_epoch(run: Run, fold: int, epoch: int, lwlrap: float, **others: Any) -> None:
    values = {
        "stage": 0, "subset": "curated", "train_loss": 0.5, "valid_loss": 0.6, "accuracy": 0.4, "seconds": 2.0,
        "lr": 1e-3, "per_class": [0.9, 0.2, lwlrap], "curated_lwlrap": None,
    }  # fmt: skip
    run.write_event("epoch", fold=fold, epoch=epoch, lwlrap=lwlrap, **(values | others))


def at_work(run: Run, waiting_since: float | None = None) -> Run:
    """By this process, which lives."""
    run.write_process(os.getpid(), psutil.Process().create_time(), waiting_since)
    return run


def curves(at: AppTest) -> list[dict[str, Any]]:
    """The traces of the first chart."""
    return json.loads(at.get("plotly_chart")[0].proto.spec)["data"]


def table_with(at: AppTest, column: str) -> Any:
    (table,) = [frame.value for frame in at.dataframe if column in frame.value]
    return table


def has_button(at: AppTest, key: str) -> bool:
    return any(button.key == key for button in at.button)


def test_finished_run_shows_its_mean(home: Workspace, sounds: Path) -> None:
    made_run(home, sounds, (0.8, 0.9)).write_status("finished")
    at = opened("pages/train.py")
    assert not at.exception
    assert said(at.success) == ["Finished: mean lwlrap 0.8500 over 2 folds."]
    assert not has_button(at, "stop")
    assert not has_button(at, "resume")
    assert len(at.get("plotly_chart")) == 2


def test_failed_run_shows_its_reason_its_log_and_the_way_on(home: Workspace, sounds: Path) -> None:
    run = made_run(home, sounds)
    (run.folder / "log.txt").write_text("what the worker printed\n")
    run.write_status("failed", "Memory ran out; use a smaller batch_size or network.")
    at = opened("pages/train.py")
    assert not at.exception
    assert said(at.error) == ["Memory ran out; use a smaller batch_size or network."]
    assert "what the worker printed" in [code.value.strip() for code in at.code]
    assert any("Resume goes on" in text for text in said(at.caption))
    assert not at.button(key="resume").disabled


@pytest.mark.parametrize("how", ["interrupted", "stopped"])
def test_run_that_ended_early_is_shown_as_what_it_is(home: Workspace, sounds: Path, how: str) -> None:
    run = made_run(home, sounds, (0.8,))
    if how == "stopped":
        run.write_status("stopped")
    else:
        run.write_process(psutil.Process().pid, time.time() - 10_000)  # not this process: it began at another time
    at = opened("pages/train.py")
    assert not at.exception
    (warning,) = said(at.warning)
    assert warning.startswith(f"The run was {how}")
    assert list(table_with(at, "state")["state"]) == ["finished", "cut off", "not begun"]


def test_running_run_shows_where_it_is_and_stops_on_the_button(home: Workspace, sounds: Path) -> None:
    run = at_work(made_run(home, sounds, (0.8,)))
    run.write_progress(
        2, subset="curated", stage=0, epoch=2, epochs=2, batch=1, batches=4, loss=0.25, phase="training",
        seconds_left_in_epoch=30.0,
    )  # fmt: skip
    at = opened("pages/train.py")
    assert not at.exception
    (bar,) = at.get("progress")
    assert "Fold 2, curated, epoch 2 of 2, batch 1 of 4, loss 0.2500 · 30 s to the end of the epoch" in bar.proto.text
    assert bar.proto.value == 25
    assert any("1 of 3 folds finished, about **4 s** left" in text for text in said(at.markdown))
    assert not has_button(at, "delete")
    at = at.button(key="stop").click().run()
    assert not at.exception
    assert run.state() == "stopping"
    assert at.button(key="stop").disabled


def test_each_fold_in_training_has_a_bar_and_measuring_is_said(home: Workspace, sounds: Path) -> None:
    run = at_work(made_run(home, sounds))
    values = {"subset": "noisy", "stage": 0, "epoch": 1, "epochs": 2, "batches": 4, "loss": 0.25}
    run.write_progress(1, batch=1, phase="training", seconds_left_in_epoch=3.0, **values)
    run.write_progress(2, batch=4, phase="measuring", seconds_left_in_epoch=0.0, **values)
    first, second = (bar.proto for bar in opened("pages/train.py").get("progress"))
    assert "measuring" not in first.text
    assert second.text.startswith("Fold 2, noisy, epoch 1 of 2, measuring, batch 4 of 4")
    assert second.value == 100


def test_run_that_has_just_begun_says_what_it_does(home: Workspace, sounds: Path) -> None:
    at_work(create_run(home, RunSettings(str(sounds), load_recipe("quick"))))
    (bar,) = opened("pages/train.py").get("progress")
    assert bar.proto.text.startswith("Starting: loading the libraries")


def test_queued_run_says_for_what_it_waits_and_can_leave_the_queue(home: Workspace, sounds: Path) -> None:
    first = at_work(made_run(home, sounds))
    second = at_work(create_run(home, RunSettings(str(sounds), load_recipe("default"), device="cpu")), time.time())
    at = opened("pages/train.py", run=second.name)
    assert not at.exception
    (info,) = said(at.info)
    assert info.startswith(f"Waits for the cpu: run {first.name} is at it")
    at = at.button(key="stop").click().run()
    assert (second.folder / "stop").exists()
    assert not (first.folder / "stop").exists()


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_resume_starts_the_run_again(home: Workspace, sounds: Path, spawned: list[Run], state: Any) -> None:
    run = made_run(home, sounds)
    run.write_status(state)
    at = opened("pages/train.py").button(key="resume").click().run()
    assert not at.exception
    assert spawned == [run]


def test_resume_that_is_refused_is_a_sentence(home: Workspace, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_run(home, sounds).write_status("stopped")

    def refuse(run: Run) -> None:
        raise AudiotagError("it is being started already.")

    monkeypatch.setattr(Run, "start", refuse)
    at = opened("pages/train.py").button(key="resume").click().run()
    assert not at.exception
    assert "it is being started already." in said(at.error)


def test_run_is_deleted_only_after_it_is_confirmed_and_can_be_brought_back(home: Workspace, sounds: Path) -> None:
    older = made_run(home, sounds, (0.8,))
    older.write_status("finished")
    run = made_run(home, sounds, (0.8, 0.9))
    run.write_status("finished")
    at = opened("pages/train.py", run=run.name).button(key="delete").click().run()
    assert any("2 finished folds" in text for text in said(at.markdown))
    assert {found.name for found in list_runs(home)} == {older.name, run.name}
    at = at.button(key="delete-sure").click().run()
    assert not at.exception
    assert list_runs(home) == [older]
    assert at.selectbox(key="run").value == older.name
    assert f"Run {run.name} is deleted." in said(at.caption)
    at = at.button(key="undo-delete-run").click().run()
    assert not at.exception
    assert set(list_runs(home)) == {older, run}
    assert at.selectbox(key="run").value == run.name
    assert len(run.finished_folds()) == 2


def test_chosen_run_is_in_the_address_and_the_address_chooses_it(home: Workspace, sounds: Path) -> None:
    older = made_run(home, sounds, (0.5,))
    older.write_status("finished")
    newer = made_run(home, sounds, (0.9,))
    newer.write_status("stopped")
    newest = max(older.name, newer.name)
    at = opened("pages/train.py")
    assert at.selectbox(key="run").value == newest
    assert at.query_params["run"] == newest
    at = opened("pages/train.py", run=older.name)
    assert at.selectbox(key="run").value == older.name
    assert said(at.success) == ["Finished: mean lwlrap 0.5000 over 1 fold."]
    at = at.selectbox(key="run").set_value(newer.name).run()
    assert at.query_params["run"] == newer.name
    assert opened("pages/train.py", run="gone").selectbox(key="run").value == newest


def test_run_stays_chosen_when_its_state_and_so_its_label_changes(home: Workspace, sounds: Path) -> None:
    older = at_work(made_run(home, sounds))
    made_run(home, sounds, (0.9,)).write_status("finished")
    at = opened("pages/train.py", run=older.name)
    older.write_status("finished")
    at = at.text_input(key="epochs").set_value("2").run()
    assert at.selectbox(key="run").value == older.name
    assert f"✓ {older.name}" in at.selectbox(key="run").options


def test_started_run_is_the_one_shown(home: Workspace, sounds: Path, spawned: list[Run]) -> None:
    made_run(home, sounds, (0.9,)).write_status("finished")
    at = opened("pages/train.py", show=PREVIEW)
    at = at.button(key="start").click().run()
    (run,) = spawned
    assert at.selectbox(key="run").value == run.name
    assert at.query_params["run"] == run.name


def test_run_with_unreadable_settings_still_shows_its_curves(home: Workspace, sounds: Path) -> None:
    run = made_run(home, sounds, (0.8,))
    run.write_status("finished")
    (run.folder / "settings.json").write_text("{}")
    at = opened("pages/train.py")
    assert not at.exception
    assert any("settings of run" in text for text in said(at.error))
    assert len(at.get("plotly_chart")) == 2


# Curves and tables


def test_each_fold_has_a_line_of_its_lwlrap_as_it_is(home: Workspace, sounds: Path) -> None:
    made_run(home, sounds, (0.8, 0.9)).write_status("finished")
    lines = curves(opened("pages/train.py"))
    assert [line["name"] for line in lines] == ["fold 1", "fold 2", "fold 3"]
    for line in lines:
        assert (line["x"], line["y"]) == ([1, 2], pytest.approx([0.5, 0.6]))
    assert len({line["line"]["dash"] for line in lines}) == 3


def test_smoothing_is_off_until_it_is_asked_for_and_keeps_the_points(home: Workspace, sounds: Path) -> None:
    made_run(home, sounds).write_status("finished")
    at = opened("pages/train.py")
    assert at.toggle(key="smooth").value is False
    raw = curves(at)[0]["y"]
    smooth, points = curves(at.toggle(key="smooth").set_value(True).run())
    assert points["y"] == raw
    assert points["mode"] == "markers"
    assert smooth["y"] == pytest.approx([0.5, 0.53])


def test_earlier_run_is_laid_beside_as_the_mean_of_its_folds(home: Workspace, sounds: Path) -> None:
    earlier = made_run(home, sounds, (0.8,))
    write_epoch(earlier, 2, 2, 0.8)
    earlier.write_status("finished")
    run = made_run(home, sounds)
    run.write_status("finished")
    at = opened("pages/train.py", run=run.name)
    assert at.multiselect(key="compare").options == [earlier.name]
    at = at.multiselect(key="compare").set_value([earlier.name]).run()
    (line,) = [line for line in curves(at) if line["name"] == earlier.name]
    assert (line["x"], line["y"]) == ([1, 2], pytest.approx([0.5, 0.7]))
    at = at.selectbox(key="run").set_value(earlier.name).run()  # it is not compared with itself
    assert not at.exception
    assert [line["name"] for line in curves(at)] == ["fold 1", "fold 2"]


def test_noisy_epochs_have_their_lwlrap_on_curated_clips_beside_them_once_in_the_legend(
    home: Workspace, sounds: Path
) -> None:
    stages = [{"stage": 0, "subset": "noisy", "epochs": 2, "clips": 20, "pixels": 9, "shared": False}]
    run = made_run(home, sounds, stages=stages)
    for fold in (1, 2):
        run.write_event("fold-started", fold=fold)
        for epoch in (1, 2):
            write_epoch(run, fold, epoch, 0.5, subset="noisy", curated_lwlrap=0.3 + 0.1 * epoch)
    run.write_status("stopped")
    beside = [line for line in curves(opened("pages/train.py")) if line["name"] == "on curated clips"]
    assert [line["y"] for line in beside] == [pytest.approx([0.4, 0.5])] * 2
    assert [line["showlegend"] for line in beside] == [True, False]


def test_labels_are_listed_worst_first_by_the_finished_folds(home: Workspace, sounds: Path) -> None:
    made_run(home, sounds, (0.8, 0.9)).write_status("stopped")
    at = opened("pages/train.py")
    table = table_with(at, "label")
    assert list(table["label"]) == ["c", "a", "b"]  # b was in no held-out clip
    assert list(table["lwlrap"][:2]) == pytest.approx([0.55, 0.85])
    assert any("Mean over 2 finished folds" in text for text in said(at.caption))


def test_labels_of_folds_in_training_are_those_of_their_last_epoch(home: Workspace, sounds: Path) -> None:
    made_run(home, sounds).write_status("stopped")
    at = opened("pages/train.py")
    table = table_with(at, "label")
    assert dict(zip(table["label"], table["lwlrap"], strict=True)) == pytest.approx({"b": 0.2, "c": 0.6, "a": 0.9})
    assert any("the last epoch of fold 1" in text for text in said(at.caption))


def test_folds_are_listed_with_their_epochs_of_how_many_and_those_to_come(home: Workspace, sounds: Path) -> None:
    at_work(made_run(home, sounds, (0.8,)))
    table = table_with(opened("pages/train.py"), "state")
    assert list(table["fold"]) == ["fold 1", "fold 2", "fold 3"]
    assert list(table["state"]) == ["finished", "training", "waits"]
    assert list(table["epochs"]) == ["2 of 2", "2 of 2", "0 of 2"]
    assert list(table["lwlrap"][:2]) == pytest.approx([0.8, 0.6])


def test_network_that_feeds_all_folds_is_a_row_and_a_line_of_its_own(home: Workspace, sounds: Path) -> None:
    stages = [
        {"stage": 0, "subset": "noisy", "epochs": 1, "clips": 20, "pixels": 9, "shared": True},
        {"stage": 1, "subset": "curated", "epochs": 2, "clips": 24, "pixels": 9, "shared": False},
    ]
    run = create_run(home, RunSettings(str(sounds), load_recipe("quick")))
    run.write_event("run-started", folds=[1, 2], labels=["a", "b", "c"], stages=stages, devices=["cpu"])
    run.write_event("fold-started", fold=SHARED_FOLD)
    write_epoch(run, SHARED_FOLD, 1, 0.4, subset="noisy")
    run.write_event("shared-finished", fold=SHARED_FOLD, clips=2, lwlrap=0.45, accuracy=0.1, per_class=[0.1] * 3)
    run.write_event("fold-started", fold=1)
    write_epoch(run, 1, 1, 0.6, stage=1)
    at_work(run)
    at = opened("pages/train.py")
    assert not at.exception
    table = table_with(at, "state")
    assert list(table["fold"]) == ["shared network", "fold 1", "fold 2"]
    assert list(table["state"]) == ["finished", "training", "waits"]
    assert list(table["epochs"]) == ["1 of 1", "1 of 2", "0 of 2"]
    assert [(line["name"], line["x"]) for line in curves(at)] == [("shared network", [1]), ("fold 1", [2])]


def test_handicap_of_the_published_method_is_said_and_the_figures_are_read_with_care(
    home: Workspace, sounds: Path
) -> None:
    for recipe, handicapped in (("capstone", True), ("quick", False)):
        run = made_run(home, sounds, (0.8,), recipe)
        run.write_status("finished")
        captions = said(opened("pages/train.py", run=run.name).caption)
        assert any("cropped at random and masked" in text for text in captions) == handicapped
        assert any("0.1 above the score on the test set" in text for text in captions)


def test_every_table_can_be_taken_home(home: Workspace, sounds: Path) -> None:
    run = made_run(home, sounds, (0.8,))
    run.write_status("finished")
    at = opened("pages/train.py")
    labels = {button.key for button in at.get("download_button")}
    assert {f"download-{run.name}-{what}-csv" for what in ("epochs", "folds", "labels", "losses")} <= labels


# Publishing


def publish(at: AppTest) -> AppTest:
    return next(button for button in at.button if button.label == "Publish").click().run()


def test_publishing_a_run_whose_files_are_gone_is_a_sentence(home: Workspace, sounds: Path) -> None:
    made_run(home, sounds, (0.8,)).write_status("finished")
    at = publish(opened("pages/train.py"))
    assert not at.exception
    assert any("is incomplete" in text for text in said(at.error))


def test_publishing_under_a_wrong_name_is_a_sentence(home: Workspace, sounds: Path) -> None:
    run = made_run(home, sounds, (0.8,))
    run.write_status("finished")
    at = opened("pages/train.py")
    at.text_input(key=f"publish-name-{run.name}").set_value("../mine")
    at = publish(at)
    assert not at.exception
    assert any("letters, digits" in text for text in said(at.error))


def test_published_folds_become_the_chosen_ensemble(
    home: Workspace, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made_run(home, sounds, (0.8,))
    run.write_status("stopped")
    asked = []

    def published(of: Run, name: str, parent: Path) -> Path:
        asked.append((of, name, parent))
        return (home.ensembles / "tiny").rename(parent / name)

    monkeypatch.setattr("audiotag.training.publish.publish", published)
    at = publish(opened("pages/train.py"))
    assert not at.exception
    assert asked == [(run, "starter-sounds-quick", home.ensembles)]
    assert at.selectbox(key="ensemble").value == "starter-sounds-quick"
    at = at.run()
    assert at.text_input(key=f"publish-name-{run.name}").value == "starter-sounds-quick"


def test_name_that_is_offered_is_free(home: Workspace, sounds: Path) -> None:
    (home.ensembles / "tiny").rename(home.ensembles / "starter-sounds-quick")
    run = made_run(home, sounds, (0.8,))
    run.write_status("finished")
    offered = opened("pages/train.py").text_input(key=f"publish-name-{run.name}").value
    assert offered == "starter-sounds-quick-2"


def test_nothing_is_published_before_a_fold_is_finished(home: Workspace, sounds: Path) -> None:
    made_run(home, sounds).write_status("stopped")
    assert not any(button.label == "Publish" for button in opened("pages/train.py").button)


def test_run_of_the_page_and_run_of_its_command_give_the_same_figures(
    home: Workspace, sounds: Path, spawned: list[Run], tmp_path: Path
) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        OWN_RECIPE + "mixup = 0.4\n[network]\nwidth = 0.0625\nstem = 4\n"
        "[spectrogram]\nclip_s = 0.5\nhop_length = 690\nn_mels = 32\n"
        '[[augment]]\nkind = "mask"\naxis = "mel"\nwidth = 3'
    )
    at = opened("pages/train.py", recipe="Own file …", **{"recipe-file": str(recipe), "seed": "7"})
    at.button(key="start").click().run()
    assert not at.exception
    (command,) = [code.value for code in at.code if code.value.startswith("audiotag train")]
    with pytest.raises(SystemExit):  # it follows a run that nobody works at, and says so
        main.main([*shlex.split(command)[1:], "--detach"])
    by_command, by_page = list_runs(home)
    assert spawned == [by_page, by_command]
    assert by_page.settings() == by_command.settings()
    assert by_page.settings().recipe.seed == 7
    for run in spawned:
        work(run)
        assert run.state() == "finished"
    figures = [
        [(e["fold"], e["step"], e["lwlrap"], e["train_loss"]) for e in epochs_done(run.events())] for run in spawned
    ]
    assert figures[0] == figures[1]
    assert len(figures[0]) == 4
    weights = [(run.fold_folder(2) / "weights.safetensors").read_bytes() for run in spawned]
    assert weights[0] == weights[1]
