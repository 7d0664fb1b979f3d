"""A script's trainings are found again: none is trained twice, one that was cut off goes on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.training.recipe import Recipe, Stage
from audiotag.training.run_blocking import train_run
from audiotag.training.runs import RunSettings, create_run, list_runs
from audiotag.workspace import Workspace, read_json

RATE = 8000
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


def test_run_that_was_cut_off_goes_on(settings: RunSettings, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    cut = create_run(workspace, settings)
    cut.write_status("stopped")
    cut.write_process(2**22 - 3, 0.0)
    assert train_run(settings, workspace).folder == cut.folder
    assert cut.finished_folds() == [1]
    assert len(list_runs(workspace)) == 1


def test_run_that_fails_says_why(settings: RunSettings, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match=r"run .*tiny failed\. .*folds must be among 1, 2 here, got 9.* it goes on"):
        train_run(replace(settings, folds=(9,)), Workspace(tmp_path / "home"))
    (run,) = list_runs(Workspace(tmp_path / "home"))
    assert read_json(run.folder / "status.json")["state"] == "failed"
