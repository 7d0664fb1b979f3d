"""Folds that a recipe draws keep near-duplicates together, and a run keeps the folds that it began with."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.data.index import KEY, with_keys
from audiotag.data.layouts import open_dataset
from audiotag.data.near_duplicates import (
    NearDuplicate,
    NearDuplicateSearch,
    near_duplicates_path,
    write_near_duplicates,
)
from audiotag.features.settings import SpectrogramSettings
from audiotag.training.begun import TOGETHER, open_session
from audiotag.training.recipe import Recipe
from audiotag.training.run_options import RunOptions
from audiotag.training.runs import RunSettings, create_run
from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.training.worker import write_plan
from audiotag.workspace import Workspace

RATE = 8000
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.25, n_fft=256, win_length=256, hop_length=64, n_mels=32, f_max=4000.0
)
RECIPE = Recipe("tiny", "Tiny", "", (Stage("noisy", 1, 1e-3), Stage("curated", 1, 1e-3)), folds=3, spectrogram=SETTINGS)
PAIRS = (("0.wav", "5.wav"), ("5.wav", "10.wav"), ("1.wav", "12.wav"), ("3.wav", "8.wav"))


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Fifteen curated and fifteen noisy clips of three labels."""
    root = tmp_path / "sounds"
    for subset, first in (("curated", 0), ("noisy", 100)):
        (root / f"train_{subset}").mkdir(parents=True)
        lines = ["fname,labels"]
        for number in range(15):
            waveform = np.random.default_rng(first + number).normal(0, 0.1, 800 + 8 * number)
            soundfile.write(root / f"train_{subset}" / f"{number}.wav", waveform, RATE)
            lines.append(f"{number}.wav,{'abc'[number % 3]}")
        (root / f"train_{subset}.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


def write_search(sounds: Path, workspace: Workspace, *more: NearDuplicate) -> None:
    dataset = open_dataset(sounds)
    pairs = [NearDuplicate("curated", *(pair[0], "curated", pair[1]), 0.5, 0.9) for pair in PAIRS]
    files = frozenset(with_keys(dataset.clips)[KEY].itertuples(index=False, name=None))
    write_near_duplicates(dataset, NearDuplicateSearch("starter", 30, (*pairs, *more), files), workspace)


def settings_of(sounds: Path, together: bool = True) -> RunSettings:
    return RunSettings(str(sounds), RECIPE, device="cpu", keep_together=("near-duplicates",) if together else ())


def fold_of_clips(session: Session, subset: str = "curated") -> dict[str, int]:
    """The fold that holds out each clip."""
    found = session.clips(subset)
    return {clip.path.name: int(fold) for clip, fold in zip(found.clips, found.folds.folds, strict=True)}


def separated(session: Session) -> int:
    folds = fold_of_clips(session)
    return sum(folds[first] != folds[second] for first, second in PAIRS)


def test_no_fold_separates_near_duplicates(sounds: Path, workspace: Workspace) -> None:
    write_search(sounds, workspace)
    assert separated(Session.open(settings_of(sounds, together=False), workspace)) > 0
    assert separated(Session.open(settings_of(sounds), workspace)) == 0


def test_noisy_near_duplicates_of_held_out_clips_are_not_trained_on(sounds: Path, workspace: Workspace) -> None:
    write_search(sounds, workspace, NearDuplicate("noisy", "7.wav", "curated", "2.wav", 0.0, 0.99))
    session = Session.open(settings_of(sounds), workspace)
    fold = fold_of_clips(session)["2.wav"]
    noisy = session.clips("noisy")
    trained = {noisy.clips[row].path.name for row in noisy.folds.training_rows(fold)}
    assert "7.wav" not in trained
    assert len(trained) > 5


def test_run_keeps_the_folds_that_it_began_with(sounds: Path, workspace: Workspace) -> None:
    write_search(sounds, workspace)
    run = create_run(workspace, settings_of(sounds))
    session = open_session(run)
    write_plan(run, session, ("cpu",))
    near_duplicates_path(sounds, workspace).unlink()
    resumed = open_session(run)
    write_plan(run, resumed, ("cpu",))  # else it would raise: other folds than the run began with
    assert fold_of_clips(resumed) == fold_of_clips(session)
    assert separated(resumed) == 0


def test_run_that_does_not_keep_them_together_notes_none(sounds: Path, workspace: Workspace) -> None:
    write_search(sounds, workspace)
    run = create_run(workspace, settings_of(sounds, together=False))
    session = open_session(run)
    write_plan(run, session, ("cpu",))
    assert not (run.folder / TOGETHER).exists()
    assert fold_of_clips(open_session(run)) == fold_of_clips(session)


def test_they_stay_together_by_default_once_some_are_known(sounds: Path, workspace: Workspace) -> None:
    options = RunOptions(str(sounds))
    assert options.settings(workspace).keep_together == ()
    write_search(sounds, workspace)
    assert options.settings(workspace).keep_together == ("near-duplicates",)
    assert replace(options, keep_together=()).settings(workspace).keep_together == ()


def test_settings_are_read_as_they_were_written_and_those_of_earlier_versions_look_at_none(sounds: Path) -> None:
    values = json.loads(json.dumps(settings_of(sounds).to_dict()))
    assert RunSettings.from_dict(values) == settings_of(sounds)
    del values["keep_together"]
    assert RunSettings.from_dict(values) == settings_of(sounds, together=False)
