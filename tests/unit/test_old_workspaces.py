"""A workspace of audiotag 0.1 opens in this version: its datasets, presets, runs, ensembles and compiled engines."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load as load_arrays

from audiotag.features.presets import load_preset
from audiotag.metrics import lwlrap
from audiotag.tagging import engine_comparison, engine_selection
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.engine_selection import read_choice, select_engine
from audiotag.tagging.tagger import Tagger
from audiotag.tagging.thresholds import read_saved_thresholds
from audiotag.training.comparison import compare_runs
from audiotag.training.publish import publish
from audiotag.training.runs import Run, list_runs
from audiotag.training.worker import train_run_folder
from audiotag.workspace import Workspace

from .conftest import SHORT_SOUNDS_LABELS as LABELS
from .conftest import write_short_sounds

FIXTURE = Path(__file__).parents[1] / "fixtures" / "workspace-0.1"
OTHER_PROCESSOR = 0.05  # how far scores may lie apart where another processor rounds differently while training


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_short_sounds(tmp_path_factory.mktemp("old") / "sounds")


@pytest.fixture
def workspace(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of the old workspace, which names the dataset where it lies now."""
    home = tmp_path / "home"
    shutil.copytree(FIXTURE, home)
    for file in (home / "datasets.json", *home.glob("runs/*/settings.json")):
        file.write_text(file.read_text().replace('"/sounds"', json.dumps(str(sounds))))
    monkeypatch.setenv("AUDIOTAG_HOME", str(home))
    return Workspace()


@pytest.fixture
def finished(workspace: Workspace) -> Run:
    return Run(workspace.runs / "2026-11-01-120000-finished")


def test_dataset_is_listed_and_opens_with_the_options_that_were_chosen(workspace: Workspace, sounds: Path) -> None:
    from audiotag.data.saved_options import open_remembered

    assert workspace.dataset_folders() == [sounds]
    assert workspace.dataset_options(sounds)["keep_flagged"] is True
    dataset = open_remembered(sounds, workspace)
    assert (len(dataset.clips), dataset.labels) == (28, LABELS)


def test_preset_keeps_its_values(workspace: Workspace) -> None:
    preset = load_preset("mine", workspace)
    assert (preset.n_mels, preset.top_db, preset.hop_length) == (64, 60.0, 690)


def test_runs_are_listed_with_their_states_and_settings(workspace: Workspace) -> None:
    runs = {run.name: run for run in list_runs(workspace)}
    assert {name: run.state() for name, run in runs.items()} == {
        "2026-11-01-120000-finished": "finished",
        "2026-11-02-120000-stopped": "stopped",
    }
    for run in runs.values():
        recipe = run.settings().recipe
        written = json.loads((run.folder / "settings.json").read_text())["recipe"]
        assert [item["kind"] for item in recipe.to_dict()["augment"]] == [item["kind"] for item in written["augment"]]
        assert written["network"].items() <= recipe.network.to_dict().items()
        assert recipe.spectrogram.to_dict() == written["spectrogram"]
        assert len(recipe.stages) == len(written["stages"])
        for stage, as_written in zip(recipe.stages, written["stages"], strict=True):
            assert as_written.items() <= vars(stage).items()


def test_stopped_run_resumes_from_its_checkpoint_and_ends_as_the_one_that_was_left_alone(
    workspace: Workspace, finished: Run
) -> None:
    run = Run(workspace.runs / "2026-11-02-120000-stopped")
    before = run.events()
    (run.folder / "stop").unlink()
    train_run_folder(run)
    added = [event for event in run.events() if event not in before]
    epochs = [(event["fold"], event["stage"], event["epoch"]) for event in added if event["event"] == "epoch"]
    assert epochs == [(1, 1, 3), (2, 0, 1), (2, 1, 1), (2, 1, 2), (2, 1, 3)]
    for fold in (1, 2):
        mine, theirs = (
            load_arrays((one.fold_folder(fold) / "scores.safetensors").read_bytes()) for one in (run, finished)
        )
        np.testing.assert_array_equal(mine["targets"], theirs["targets"])
        assert np.abs(mine["scores"] - theirs["scores"]).mean() < OTHER_PROCESSOR


def test_run_is_published_as_it_was_then(workspace: Workspace, finished: Run) -> None:
    folder = publish(finished, "again", workspace.ensembles, about="For tests.", licence="CC0-1.0")
    now, then = read_card(folder), read_card(workspace.ensembles / "mine")
    assert now.folds == then.folds  # checksums of the weights
    assert (now.labels, now.thresholds, now.lwlrap, now.accuracy) == (
        then.labels,
        then.thresholds,
        then.lwlrap,
        then.accuracy,
    )


def test_ensemble_gives_the_scores_that_it_gave(workspace: Workspace, sounds: Path) -> None:
    tagger = Tagger(workspace.ensemble_folders()["mine"])
    expected = json.loads((FIXTURE / "expected-scores.json").read_text())
    assert list(tagger.card.labels) == expected["labels"]
    for name, scores in expected["torch"].items():
        np.testing.assert_allclose(tagger.tag(sounds / "train_curated" / name).scores, scores, atol=1e-5)
    assert tagger.out_of_fold is not None
    assert lwlrap(tagger.out_of_fold.targets, tagger.out_of_fold.scores) == pytest.approx(tagger.card.lwlrap, abs=1e-5)


def test_thresholds_of_the_user_are_found(workspace: Workspace) -> None:
    assert read_saved_thresholds(workspace, read_card(workspace.ensembles / "mine")) == (0.2, 0.3, 0.4)


def test_compiled_engine_without_embeddings_is_made_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder,) = (workspace.root / "compiled").iterdir()
    written = json.loads((folder / "choice.json").read_text())
    monkeypatch.delenv("AUDIOTAG_ENGINE")
    monkeypatch.setattr(engine_selection, "machine", lambda: written["machine"].removeprefix("audiotag 0.1.0 · "))
    monkeypatch.setattr(engine_comparison, "N_INPUTS", 4)
    ensemble = workspace.ensembles / "mine"
    name, engine = select_engine(ensemble, read_card(ensemble))
    assert name == read_choice(folder)["engine"]
    outputs = engine(np.zeros((1, 1, 16, 32), dtype=np.float32))
    assert (outputs.scores.shape, outputs.embeddings.shape[:2]) == ((2, 1, 3), (2, 1))


def test_finished_run_is_compared_on_the_clips_that_it_held_out(finished: Run, workspace: Workspace) -> None:
    measured = {event["fold"]: event for event in finished.events() if event["event"] == "fold-finished"}
    found = compare_runs(finished, finished, workspace)
    assert {fold: result.clips for fold, result in found.folds.items()} == {
        fold: event["clips"] for fold, event in measured.items()
    }
    for fold, event in measured.items():
        assert found.folds[fold].first == pytest.approx(event["lwlrap"], abs=1e-9)
    assert (found.conclusion, found.notes) == ("cannot be told apart", ())
