"""The Train page before a run: page and command start the same run; batch preview and estimate."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from audiotag.cli import main, train
from audiotag.data.layouts import open_dataset
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.features.presets import save_preset
from audiotag.features.settings import SpectrogramSettings
from audiotag.training.devices import Device
from audiotag.training.preparation import Preparing
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_options import RunOptions
from audiotag.training.runs import Run, RunSettings, list_runs
from audiotag.workspace import Workspace

from .conftest import at_work, made_run, open_page, table_dataset, texts

PREVIEW = "Training batch preview"
OWN_RECIPE = """
title = "Mine"
about = "Two epochs."
folds = 2
[[stages]]
subset = "curated"
epochs = 2
lr = 1e-3
"""


class FakeProbe:
    """An estimate that measures nothing and has the result that a test gives it."""

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

    def preparing(self) -> Preparing:
        return Preparing("Preparing curated clips", 100, 400, 9.0)

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
    """Settings of the command that the page shows, read by the command's own parser."""
    (command,) = [code.value for code in at.code if code.value.startswith("audiotag train")]
    options = main.build_parser().parse_args(shlex.split(command)[1:])
    assert options.run is train.train
    return train.run_options_of(options).settings(home)


def started(at: AppTest, home: Workspace, spawned: list[Run]) -> RunSettings:
    """Press the start button; settings of the run that it makes."""
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


def test_without_runs_there_is_a_hint(home: Workspace) -> None:
    assert any(text.startswith("There is no run yet") for text in texts(open_page("pages/train.py").info))


def test_defaults_are_the_recipe_without_changes(home: Workspace, sounds: Path, spawned: list[Run]) -> None:
    at = open_page("pages/train.py")
    wanted = RunSettings(str(sounds), load_recipe("quick"))
    assert by_command(at, home) == wanted
    assert started(at, home, spawned) == wanted


@pytest.mark.parametrize(
    ("widgets", "wanted"),
    [
        ({"recipe": "capstone", "epochs": "1, 2,3"}, {"recipe": "capstone", "epochs": (1, 2, 3)}),
        ({"Training clips used (%)": 35, "Balance": 0.7}, {"fraction": 0.35, "balance": 0.7}),
        ({"Training clips used (%)": 100, "Balance": 0.0}, {}),
        (
            {"Balance": 1.0, "epochs": "3", "seed": 0, "Folds": [4, 2], "train-preset": "mine"},
            {"balance": 1.0, "epochs": (3,), "seed": 0, "folds": (2, 4), "preset": "mine"},
        ),
    ],
)
def test_widgets_command_and_run_have_the_same_settings(
    home: Workspace, sounds: Path, spawned: list[Run], widgets: dict[str, Any], wanted: dict[str, Any]
) -> None:
    save_preset("mine", SpectrogramSettings(n_mels=64), home)
    at = open_page("pages/train.py")
    for name, value in widgets.items():
        if name == "Folds":
            folds(at).set_value(value)
        elif " " in name or name == "Balance":
            slider(at, name).set_value(value)
        elif name == "epochs":
            at.text_input(key=name).set_value(value)
        elif name == "seed":
            at.text_input(key=name).set_value(str(value))
        else:
            at.selectbox(key=name).set_value(value)
    at.run()
    settings = RunOptions(str(sounds), **wanted).settings(home)
    assert by_command(at, home) == settings
    assert started(at, home, spawned) == settings


def test_fold_held_out_is_in_the_run_and_the_command(home: Workspace, tmp_path: Path, spawned: list[Run]) -> None:
    numbers = (0, 1, 2)  # 0 must not be taken for no fold
    lines = [f"{number}.wav,Beep,{numbers[number % 3]}" for number in range(9)]
    folder = table_dataset(tmp_path / "mine", lines, "fname,label,fold")
    home.remember_dataset(folder)
    at = open_page("pages/train.py")
    at = at.selectbox(key="held-out").set_value(numbers[0]).run()
    assert list(folds(at).value) == list(numbers[1:])
    wanted = RunSettings(str(folder), load_recipe("quick"), (), numbers[0])
    assert by_command(at, home) == wanted
    assert started(at, home, spawned) == wanted


def test_folds_that_separate_recordings_are_said_and_can_be_drawn_anew(
    home: Workspace, tmp_path: Path, spawned: list[Run]
) -> None:
    lines = [f"{number}.wav,{'ab'[number % 2]},{1 + number % 2},{number // 2}" for number in range(12)]
    folder = table_dataset(tmp_path / "mine", lines, "fname,label,fold,source_id")
    home.remember_dataset(folder)
    at = open_page("pages/train.py")
    (warning,) = [text for text in texts(at.warning) if "6 of 6 source recordings" in text]
    assert "have clips in several of its own folds" in warning
    at = at.selectbox(key="folds-from").set_value("recipe").run()
    assert not any("source recordings" in text for text in texts(at.warning))
    assert list(folds(at).value) == [1, 2, 3, 4, 5]
    wanted = RunSettings(str(folder), load_recipe("quick"), folds_from="recipe")
    assert by_command(at, home) == wanted
    assert started(at, home, spawned) == wanted


def test_several_devices_can_be_chosen(home: Workspace, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tuple(Device(key, f"the {key}") for key in ("cuda:0", "cuda:1", "cpu"))
    monkeypatch.setattr("audiotag.ui.train.run_setup.devices", lambda: here)  # first: it takes the other at its import
    monkeypatch.setattr("audiotag.training.devices.devices", lambda: here)
    at = open_page("pages/train.py")
    assert at.selectbox(key="device").options == ["all 2 GPUs, one fold on each", "the cuda:0", "the cuda:1", "the cpu"]
    assert by_command(at, home).device == ""
    at = at.selectbox(key="device").set_value("cuda:1").run()
    assert by_command(at, home).device == "cuda:1"
    assert any("the cuda:1" in text and "the cuda:0" not in text for text in texts(at.caption))


def test_the_only_device_is_named_without_a_widget(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    here = (Device("cpu", "CPU, 2 cores", "An old GPU is not used."),)
    monkeypatch.setattr("audiotag.ui.train.run_setup.devices", lambda: here)  # first: it takes the other at its import
    monkeypatch.setattr("audiotag.training.devices.devices", lambda: here)
    at = open_page("pages/train.py")
    assert not any(box.key == "device" for box in at.selectbox)
    assert any("CPU, 2 cores" in text for text in texts(at.caption))
    assert "An old GPU is not used." in texts(at.warning)


def test_command_of_a_folder_with_a_space_can_be_pasted(home: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "my own sounds", ["a.wav,Beep"])
    home.remember_dataset(folder)
    assert by_command(open_page("pages/train.py"), home).dataset == str(folder)


def test_without_a_fold_nothing_can_be_started(home: Workspace) -> None:
    at = open_page("pages/train.py")
    at = folds(at).set_value([]).run()
    assert not at.exception
    assert at.button(key="start").disabled


@pytest.mark.parametrize("epochs", ["two", "1,2,3"])
def test_epochs_that_do_not_fit_give_a_message_and_the_folds_stay_chosen(home: Workspace, epochs: str) -> None:
    at = open_page("pages/train.py")
    at = folds(at).set_value([2]).run()
    at = at.text_input(key="epochs").set_value(epochs).run()
    assert not at.exception
    (error,) = texts(at.error)
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
    at = open_page("pages/train.py")
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
        (None, "is not a recipe"),
    ],
)
def test_own_recipe_with_a_fault_gives_a_message_that_names_it(
    home: Workspace, tmp_path: Path, text: str | None, sentence: str
) -> None:
    path = tmp_path / "mine.toml"
    if text is not None:
        path.write_text(text)
    at = open_page("pages/train.py", recipe="Own file …", **{"recipe-file": str(path)})
    assert not at.exception
    (error,) = texts(at.error)
    assert sentence in error
    assert at.button(key="start").disabled


def test_recipe_for_clips_that_the_dataset_lacks_cannot_be_started(home: Workspace, tmp_path: Path) -> None:
    home.remember_dataset(table_dataset(tmp_path / "mine", [f"{number}.wav,Beep" for number in range(6)]))
    path = tmp_path / "noisy.toml"
    path.write_text(OWN_RECIPE.replace("curated", "noisy"))
    for show in ("Runs", PREVIEW):
        at = open_page("pages/train.py", recipe="Own file …", show=show, **{"recipe-file": str(path)})
        assert not at.exception
        assert any("trains on noisy clips" in text for text in texts(at.warning))
        assert at.button(key="start").disabled


@pytest.mark.parametrize(
    ("lines", "sounds_exist", "reason"),
    [
        (["a.wav,Beep"], True, "clips has 1 curated clip, fewer than the 5 folds of the recipe."),
        ([f"{number}.wav,Beep" for number in range(6)], False, "the sound files of the curated clips are missing."),
    ],
)
def test_start_is_disabled_with_the_reason_beside_it(
    home: Workspace, tmp_path: Path, lines: list[str], sounds_exist: bool, reason: str
) -> None:
    folder = table_dataset(tmp_path / "mine", lines)
    home.remember_dataset(folder)
    if not sounds_exist:
        for path in folder.glob("*.wav"):
            path.unlink()
    at = open_page("pages/train.py")
    assert at.button(key="start").disabled
    assert any(reason in text for text in texts(at.caption))


def test_folder_without_labels_can_be_trained_on_once_clips_are_labelled(home: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "bare", [f"{number}.wav,Beep" for number in range(8)])
    (folder / "clips.csv").unlink()
    home.remember_dataset(folder)
    at = open_page("pages/train.py")
    assert not at.exception
    assert at.button(key="start").disabled
    assert any("the clips of bare have no labels; label some on the Review page" in text for text in texts(at.caption))
    assert not at.warning
    verdicts = [
        Verdict("curated", f"{number}.wav", "", "other", (), ("Beep" if number % 2 else "Buzz",), "ann")
        for number in range(6)
    ]
    VerdictJournal.of(folder, home).append(verdicts)
    at = open_page("pages/train.py")
    assert not at.exception
    assert not at.button(key="start").disabled


@pytest.mark.parametrize(("field", "typed"), [("learning-rate", "fast"), ("seed", "2,5"), ("epochs", "two")])
def test_a_run_does_not_start_with_a_number_that_cannot_be_read(home: Workspace, field: str, typed: str) -> None:
    at = open_page("pages/train.py", **{field: typed})
    assert not at.exception
    (error,) = texts(at.error)
    assert typed in error
    assert at.button(key="start").disabled


def test_folds_of_the_recipe_need_as_many_clips_whatever_folds_the_dataset_has(home: Workspace, tmp_path: Path) -> None:
    lines = [f"{number}.wav,Beep,{number % 2}" for number in range(4)]
    home.remember_dataset(table_dataset(tmp_path / "mine", lines, "fname,label,fold"))
    at = open_page("pages/train.py")
    assert not at.button(key="start").disabled
    at = at.selectbox(key="folds-from").set_value("recipe").run()
    assert at.button(key="start").disabled
    assert any("fewer than the 5 folds" in text for text in texts(at.caption))


def test_setup_is_in_the_address(home: Workspace, sounds: Path) -> None:
    at = open_page("pages/train.py", recipe="Default", epochs="3,4,2", seed="9")
    assert by_command(at, home) == RunOptions(str(sounds), "default", epochs=(3, 4, 2), seed=9).settings(home)


# A batch before the start


def pictures(at: AppTest) -> list[str]:
    return [picture.url for element in at.get("image") for picture in element.proto.imgs]


def captions(at: AppTest) -> list[str]:
    return [picture.caption.replace("\\", "") for element in at.get("image") for picture in element.proto.imgs]


def test_batch_is_shown_with_its_clips_and_labels_and_can_be_drawn_again(home: Workspace, sounds: Path) -> None:
    at = open_page("pages/train.py", show=PREVIEW)
    assert not at.exception
    first = pictures(at)
    assert len(first) == 12
    dataset = open_dataset(sounds)
    names = set(dataset.subset("noisy")["clip"])
    for caption in captions(at):
        labels, clip = caption.split("  \n")
        assert clip.removeprefix(":gray[").removesuffix("]") in names
        assert set(labels.split(", ")) <= set(dataset.labels)
    at = at.button(key="batch-draw-again").click().run()
    again = pictures(at)
    assert len(again) == 12
    assert set(again).isdisjoint(first)


def test_mixed_clips_show_their_labels_with_weights(home: Workspace, sounds: Path, tmp_path: Path) -> None:
    path = tmp_path / "mixed.toml"
    path.write_text(OWN_RECIPE + "mixup = 0.4\n")
    at = open_page("pages/train.py", show=PREVIEW, recipe="Own file …", **{"recipe-file": str(path)})
    mixed = [labels for labels in (caption.split("  \n")[0] for caption in captions(at)) if ", " in labels]
    weights = [[float(part.split()[1]) for part in labels.split(", ")] for labels in mixed if "." in labels]
    assert weights
    assert all(found == sorted(found, reverse=True) and found[-1] > 0 for found in weights)


def pooled_recipe(tmp_path: Path, relabel: str) -> str:
    """A recipe that draws from pools, and relabels one clip of the starter sounds and one that they do not have."""
    (tmp_path / "relabel.csv").write_text(f"clip,labels\n{relabel}\nelsewhere.wav,Moo\n")
    path = tmp_path / "pooled.toml"
    lists = 'lists = { relabel = "relabel.csv" }\n'
    pools = "pools = { curated = 0.6, noisy = 0.4 }\ndraws = 640\n"
    path.write_text(OWN_RECIPE.replace("[[stages]]", lists + "[[stages]]") + pools)
    return str(path)


def test_what_a_stage_leaves_out_is_said_before_the_run(home: Workspace, sounds: Path) -> None:
    at = open_page("pages/train.py", recipe="Default")
    said = " ".join(texts(at.caption))
    assert re.search(r"→ curated, 20 epochs of \d+ batch(es)?, without crop and overlay", said)


def test_what_pools_and_lists_do_is_said_before_the_run(home: Workspace, sounds: Path, tmp_path: Path) -> None:
    dataset = open_dataset(sounds)
    first, labels = dataset.subset("curated").loc[0, ["clip", "labels"]]
    other = next(label for label in dataset.labels if label not in labels)
    path = pooled_recipe(tmp_path, f'{first},"{other}"')
    at = open_page("pages/train.py", show=PREVIEW, recipe="Own file …", **{"recipe-file": path})
    assert not at.error
    assert not at.button(key="start").disabled
    said = " ".join(texts(at.caption))
    assert "60 % curated and 40 % noisy, 2 epochs of 20 batches" in said
    assert "List relabel.csv relabels 1 clip and leaves 0 out, in training and in held-out clips alike." in said
    assert "It names 1 clip that starter-sounds does not have." in said
    assert "No fold holds out noisy clips" in said
    names = {caption.split(":gray[")[1].removesuffix("]") for caption in captions(at)}
    assert names & set(dataset.subset("curated")["clip"])
    assert names & set(dataset.subset("noisy")["clip"])


def test_list_with_a_label_that_the_dataset_lacks_is_refused_before_the_run(
    home: Workspace, sounds: Path, tmp_path: Path
) -> None:
    first = open_dataset(sounds).subset("curated").loc[0, "clip"]
    path = pooled_recipe(tmp_path, f"{first},Moo")
    at = open_page("pages/train.py", recipe="Own file …", **{"recipe-file": path})
    assert not at.exception
    (error,) = texts(at.error)
    assert "the labels in relabel.csv must be among those of starter-sounds, got Moo" in error
    assert at.button(key="start").disabled


def test_recipe_with_negatives_says_what_it_adds_and_shows_some(home: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "quiet.toml"
    path.write_text(f"{OWN_RECIPE}\n[negatives]\nshare = 0.4\nrendered = 12\n", encoding="utf-8")
    at = open_page("pages/train.py", show=PREVIEW, recipe="Own file …", **{"recipe-file": str(path)})
    assert not at.exception
    said = " ".join(texts(at.caption))
    assert "40 % of each batch are sounds with none of the labels: 12 rendered noises, hums, tones, sweeps" in said
    assert "No clicks, because Tap is a label." in said
    assert "8 sounds without labels, and augmented as in training" in said
    assert any(caption.startswith("no label") for caption in captions(at))


def test_recipe_whose_folder_of_negatives_is_missing_is_refused_before_the_run(home: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "quiet.toml"
    path.write_text(f'{OWN_RECIPE}\n[negatives]\nshare = 0.1\nfolder = "rooms"\n', encoding="utf-8")
    at = open_page("pages/train.py", recipe="Own file …", **{"recipe-file": str(path)})
    assert not at.exception
    (error,) = texts(at.error)
    assert "negatives.folder must be a folder of sounds" in error
    assert at.button(key="start").disabled


def test_batch_of_another_stage_is_drawn_from_its_subset(home: Workspace, sounds: Path) -> None:
    at = open_page("pages/train.py", show=PREVIEW)
    (stage,) = [group for group in at.get("button_group") if group.label == "Stage"]
    at = stage.set_value(1).run()
    assert not at.exception
    curated = set(open_dataset(sounds).subset("curated")["clip"])
    assert len(captions(at)) == 12
    assert {caption.split(":gray[")[1].removesuffix("]") for caption in captions(at)} <= curated


def test_waveforms_of_a_batch_are_shown_as_their_spectrograms(home: Workspace, sounds: Path) -> None:
    at = open_page("pages/train.py", recipe="EnvNet-v2", show=PREVIEW)
    assert not at.exception
    said = " ".join(texts(at.caption))
    assert "EnvNet-v2, input of 133,300 samples, batches of 128" in said
    assert "network inputs of a batch, 133,300 samples, shown as their spectrograms. " in said
    assert len(captions(at)) == 12


def test_no_clip_is_read_before_the_batch_preview_is_opened(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: Any) -> None:
        raise AssertionError("a clip was read")

    monkeypatch.setattr("audiotag.ui.train.batch_preview.prepare_clips", read)
    assert not open_page("pages/train.py").exception


def test_batch_of_clips_that_cannot_be_read_gives_a_message(home: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "mine", [f"{number}.wav,Beep" for number in range(6)])
    for path in folder.glob("*.wav"):
        path.write_bytes(b"no sound")
    home.remember_dataset(folder)
    at = open_page("pages/train.py", show=PREVIEW)
    assert not at.exception
    assert any("None of the curated clips can be read" in text for text in texts(at.error))


# How long it will take

FOUND = {
    "total_s": 720.0, "batch_s": [0.13, 0.13], "batches": [3, 4], "memory_gib": None, "rates": [], "losses": [],
    "suggested_lr": None, "lr": 4e-3,
}  # fmt: skip


def test_both_measurements_start_and_show_that_they_are_running(home: Workspace, probe: type[FakeProbe]) -> None:
    for key, rates in (("measure-time", False), ("find-rate", True)):
        probe.started, probe.active = [], False
        at = open_page("pages/train.py")
        assert not at.button(key=key).disabled
        at = at.button(key=key).click().run()
        assert not at.exception
        assert probe.started == [rates]
        (bar,) = at.get("progress")
        assert bar.proto.text.replace("\\", "") == "Preparing curated clips: 100 of 400, about 9 s left …"
        assert at.button(key="measure-time").disabled
        assert at.button(key="find-rate").disabled


def test_measurement_is_of_the_settings_that_would_be_started(
    home: Workspace, sounds: Path, probe: type[FakeProbe]
) -> None:
    open_page("pages/train.py", epochs="2,3")
    assert probe.asked[-1] == RunOptions(str(sounds), epochs=(2, 3)).settings(home)


def test_estimate_is_text_and_the_suggested_learning_rate_is_taken_from_its_chart(
    home: Workspace, sounds: Path, probe: type[FakeProbe]
) -> None:
    probe.found = FOUND
    at = open_page("pages/train.py")
    said = "About 12 min for 5 folds: 4 epochs on noisy clips, 0.13 s per batch; then 20 epochs on curated clips"
    assert any(said in text for text in texts(at.caption))
    assert not at.get("plotly_chart")
    probe.found = FOUND | {"rates": [1e-4, 1e-3, 1e-2], "losses": [0.7, 0.4, 0.9], "suggested_lr": 2e-3}
    at = open_page("pages/train.py")
    at = at.button(key="use-rate").click().run()
    assert at.text_input(key="learning-rate").value == "0.002"
    assert probe.asked[-1] == RunOptions(str(sounds), learning_rate=2e-3).settings(home)
    (chart,) = at.get("plotly_chart")
    names = {trace.get("name") for trace in json.loads(chart.proto.spec)["data"]}
    assert {"recipe 0.004", "suggested 0.002"} <= names


def test_run_of_weeks_offers_what_takes_less_time(home: Workspace, sounds: Path, probe: type[FakeProbe]) -> None:
    shorter = {"fraction": 0.12, "epochs": [2, 40, 1], "others": [{"recipe": "quick", "s": 36_000.0}]}
    probe.found = FOUND | {"total_s": 3e6, "shorter": shorter}
    at = open_page("pages/train.py", recipe="Default")
    assert any("About 5 weeks for 5 folds" in text for text in texts(at.caption))
    (warning,) = [text for text in texts(at.warning) if "5 weeks on this device" in text]
    assert "--fraction 0.12" in warning
    at = at.button(key="use-epochs").click().run()
    assert by_command(at, home) == RunOptions(str(sounds), "default", epochs=(2, 40, 1)).settings(home)
    at = at.button(key="use-recipe-quick").click().run()
    assert not at.exception
    assert by_command(at, home).recipe.name == "quick"
    probe.found = FOUND
    assert not any("on this device" in text for text in texts(open_page("pages/train.py").warning))


def test_measurement_that_went_wrong_gives_a_message(home: Workspace, probe: type[FakeProbe]) -> None:
    probe.trouble = "Memory ran out; use a smaller batch_size."
    assert "Memory ran out; use a smaller batch_size." in texts(open_page("pages/train.py").error)


def test_nothing_is_measured_while_a_run_is_active_and_the_button_says_why(
    home: Workspace, sounds: Path, probe: type[FakeProbe]
) -> None:
    run = at_work(made_run(home, sounds))
    at = open_page("pages/train.py")
    for key in ("measure-time", "find-rate"):
        assert at.button(key=key).disabled
        assert run.name in at.button(key=key).help


def test_run_of_the_page_and_run_of_its_command_have_the_same_settings_file(
    home: Workspace, sounds: Path, spawned: list[Run], tmp_path: Path
) -> None:
    """A worker reads nothing else, and runs with equal settings end alike (`tests/unit/training/test_resume.py`)."""
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        OWN_RECIPE + "mixup = 0.4\n[network]\nwidth = 0.0625\nstem = 4\n"
        "[spectrogram]\nclip_s = 0.5\nhop_length = 690\nn_mels = 32\n"
        '[[augment]]\nkind = "mask"\naxis = "mel"\nwidth = 3'
    )
    at = open_page("pages/train.py", recipe="Own file …", **{"recipe-file": str(recipe), "seed": "7"})
    at.button(key="start").click().run()
    assert not at.exception
    (command,) = [code.value for code in at.code if code.value.startswith("audiotag train")]
    with pytest.raises(SystemExit):
        main.main([*shlex.split(command)[1:], "--detach"])
    by_command, by_page = list_runs(home)
    assert spawned == [by_page, by_command]
    assert by_page.settings() == by_command.settings()
    assert by_page.settings().recipe.seed == 7
    assert (by_page.folder / "settings.json").read_bytes() == (by_command.folder / "settings.json").read_bytes()
