"""Trainings that are waited for: none is trained twice, one that was cut off is resumed, a failure has its reason."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.tagging.card_reading import read_card
from audiotag.training.recipe import Recipe
from audiotag.training.run_blocking import run_notes, train_and_wait, train_run
from audiotag.training.run_options import RunOptions
from audiotag.training.runs import RunSettings, create_run, list_runs
from audiotag.training.stage import Stage
from audiotag.workspace import Workspace, read_json

RATE = 8000

pytestmark = pytest.mark.usefixtures("forked_workers")
RECIPE = Recipe(
    "tiny", "Tiny", "For tests.", (Stage("curated", 2, 1e-2),), folds=2, batch_size=4,
    spectrogram=SpectrogramSettings(
        sample_rate=RATE, clip_s=0.25, n_fft=256, win_length=256, hop_length=64, n_mels=16, f_max=4000.0
    ),
    network=XResNetSettings(depth=18, width=1 / 16, stem=4, activation="relu"),
)  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> RunSettings:
    for label, pitch in (("Hum", 300), ("Whistle", 2000)):
        (tmp_path / "sounds" / label).mkdir(parents=True)
        for number in range(6):
            sound = 0.2 * np.sin(2 * np.pi * (pitch + number) * np.arange(RATE // 2) / RATE)
            soundfile.write(tmp_path / "sounds" / label / f"{number}.wav", sound, RATE)
    return RunSettings(str(tmp_path / "sounds"), RECIPE, (1,), device="cpu")


def test_finished_run_is_found_again_and_other_settings_train_anew(settings: RunSettings, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    workspace.runs.mkdir(parents=True)
    (workspace.runs / "older").mkdir()
    (workspace.runs / "older" / "settings.json").write_text('{"of": "an older audiotag"}')
    run = train_run(settings, workspace)
    assert run.finished_folds() == [1]
    events = run.events()
    assert train_run(settings, workspace).folder == run.folder
    assert run.events() == events
    other = train_run(replace(settings, recipe=replace(RECIPE, seed=7)), workspace)
    assert other.folder != run.folder


def test_run_that_was_cut_off_is_resumed(settings: RunSettings, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    cut = create_run(workspace, settings)
    cut.write_status("stopped")
    cut.write_process(2**22 - 3, 0.0)
    assert train_run(settings, workspace).folder == cut.folder
    assert cut.finished_folds() == [1]
    assert len(list_runs(workspace)) == 1


def test_run_that_fails_says_why(settings: RunSettings, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match=r"run .*tiny failed\. .*folds must be among 1, 2 here, got 9.* resume"):
        train_run(replace(settings, folds=(9,)), Workspace(tmp_path / "home"))
    (run,) = list_runs(Workspace(tmp_path / "home"))
    assert read_json(run.folder / "status.json")["state"] == "failed"


RECIPE_FILE = """
title = "Tiny"
about = "For tests."
folds = 2
batch_size = 4
[spectrogram]
sample_rate = 8000
clip_s = 0.25
n_fft = 256
win_length = 256
hop_length = 64
n_mels = 16
f_max = 4000.0
[network]
depth = 18
width = 0.0625
stem = 4
[[stages]]
subset = "curated"
epochs = 2
lr = 1e-2
"""


@pytest.fixture
def options(settings: RunSettings, tmp_path: Path) -> RunOptions:
    (tmp_path / "tiny.toml").write_text(RECIPE_FILE)
    return RunOptions(settings.dataset, str(tmp_path / "tiny.toml"), device="cpu")


def test_training_with_options_waits_reports_epochs_and_publishes(
    options: RunOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path / "home")
    monkeypatch.setenv("AUDIOTAG_HOME", str(workspace.root))
    reports: list[tuple[int, int]] = []
    run = train_and_wait(options, workspace, "mine", lambda done, total: reports.append((done, total)))
    assert run.finished_folds() == [1, 2]
    assert reports[-1] == (4, 4)
    assert reports == sorted(set(reports))
    assert [fold.fold for fold in read_card(workspace.ensembles / "mine").folds] == [1, 2]
    assert workspace.dataset_folders() == [Path(options.dataset)]


def test_options_and_name_are_checked_before_there_is_a_run(options: RunOptions, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    with pytest.raises(AudiotagError, match="folds must be among 1, 2 here, got 9"):
        train_and_wait(replace(options, folds=(9,)), workspace)
    with pytest.raises(AudiotagError, match="an ensemble's name must be"):
        train_and_wait(options, workspace, publish_as="../mine")
    assert list_runs(workspace) == []


def test_training_that_fails_raises_its_reason(options: RunOptions, tmp_path: Path) -> None:
    recipe = Path(options.recipe)
    recipe.write_text(recipe.read_text().replace('"curated"', '"noisy"'))
    with pytest.raises(AudiotagError, match=r"run .*tiny failed\. recipe tiny trains on noisy clips"):
        train_and_wait(options, Workspace(tmp_path / "home"))


def test_corrected_labels_are_said_before_a_run_and_only_if_it_uses_them(settings: RunSettings, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    options = RunOptions(settings.dataset)
    assert run_notes(options, workspace) == ()
    verdict = Verdict("curated", "Hum/0.wav", "Hum", "other", ("Hum",), ("Whistle",), "anna")
    VerdictJournal.of(Path(settings.dataset), workspace).append([verdict])
    said = "The labels of 1 clip are used as reviewers corrected them; --no-corrections uses those in the tables."
    assert run_notes(options, workspace) == (said,)
    assert run_notes(replace(options, corrected=False), workspace) == ()
