"""The Home page shows the dataset, the ensemble and the runs as they are, and what comes next."""

import csv
import os
import shutil
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.inspection.measurement_job import MeasurementJob
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import RunSettings, create_run
from audiotag.ui.home.facts import Facts
from audiotag.ui.home.guide import guide_steps, next_step
from audiotag.ui.home.run_summary import RunSummary
from audiotag.workspace import Workspace, write_json

from .conftest import at_work, changed, made_run, open_page, table_dataset, texts


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def links(at: AppTest) -> dict[str, str]:
    """Label and address of the links on the page, without those in the sidebar."""
    protos = [link.proto for link in at.main.get("page_link")]
    return {proto.label: f"{proto.page}?{proto.query_string}".rstrip("?") for proto in protos}


def bars(at: AppTest) -> list[tuple[int, str]]:
    """Percentage and text of the progress bars."""
    return [(bar.proto.value, bar.proto.text) for bar in at.main.get("progress")]


def test_home_shows_clips_labels_and_the_ensemble_and_opens_every_page(home: Workspace, sounds: Path) -> None:
    at = open_page("app.py")
    shown = texts(at.markdown)
    labels = len(rows(sounds / "sample_submission.csv")[0]) - 1
    assert any(text.startswith("50 clips, ") and text.endswith(f" {labels} labels") for text in shown)
    assert "**starter-sounds**" in shown
    assert "**tiny**" in shown
    assert "3 labels, 2 folds, lwlrap 0.500 out of fold" in shown
    doors = ["Explore", "Tune", "Train", "Tag", "Review doubtful labels", "Score tags against true labels"]
    pages = ["dataset", "spectrogram", "train", "tag", "review", "score"]
    assert [links(at)[label] for label in doors] == pages


def test_runs_have_their_state_and_open_their_place_on_the_train_page(home: Workspace, sounds: Path) -> None:
    run = create_run(home, RunSettings(str(sounds), load_recipe("quick")))
    run.write_event("fold-finished", fold=1, lwlrap=0.75)
    run.write_status("stopped")
    at = open_page("app.py")
    assert links(at)[run.name] == f"train?run={run.name}"
    assert "◼ stopped · starter-sounds · Quick · 1 fold · lwlrap **0.7500**" in texts(at.markdown)


def test_a_run_in_training_shows_how_far_it_is(home: Workspace, sounds: Path) -> None:
    at_work(made_run(home, sounds, finished=(0.8,)))  # two epochs each of two of its three folds
    assert bars(open_page("app.py")) == [(66, "Training: 1 of 3 folds finished, about 4 s left")]


def test_home_says_that_the_sounds_of_a_dataset_are_missing(home: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "mine", ["a.wav,Beep", "b.wav,Beep"])
    for path in folder.glob("*.wav"):
        path.unlink()
    home.remember_dataset(folder)
    at = open_page("app.py")
    assert "2 clips without sounds, 1 label" in texts(at.markdown)
    assert not any("hours" in text for text in texts(at.markdown))
    assert at.button(key="guide-folder").label == "See what is missing"


def test_guide_measures_the_clips(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Path] = []
    monkeypatch.setattr(MeasurementJob, "start", lambda job: started.append(job.root))
    at = open_page("app.py").button(key="guide-measure").click().run()
    assert not at.exception
    assert started == [home.dataset_folders()[0]]


def test_guide_stays_hidden_until_it_is_asked_for(home: Workspace) -> None:
    at = open_page("app.py")
    assert any(header.value.startswith("First steps") for header in at.header)
    at.button(key="hide-guide").click().run()
    at = open_page("app.py")
    assert not any(header.value.startswith("First steps") for header in at.header)
    at.button(key="show-guide").click().run()
    assert any(header.value.startswith("First steps") for header in open_page("app.py").header)


def test_jobs_that_run_are_shown_with_their_progress(home: Workspace, sounds: Path) -> None:
    folder = MeasurementJob.of(sounds, "starter-sounds", home).folder
    folder.mkdir(parents=True)
    at_work_in(folder)
    write_json(folder / "progress.json", {"done": 10, "total": 40, "left_s": 30.0})
    at = open_page("app.py")
    assert bars(at) == [(20, "10 of 50 clips measured, about 30 s left")]  # in the guide
    at = at.button(key="hide-guide").click().run()
    assert bars(at) == [(25, "Measuring starter-sounds: 10 of 40 clips, about 30 s left")]


def at_work_in(folder: Path) -> None:
    """Make a detached job look active: this process, which is alive, does it."""
    write_json(folder / "process.json", {"pid": os.getpid(), "started": psutil.Process().create_time()})


@pytest.fixture(scope="module")
def dataset(sounds: Path) -> Dataset:
    return open_dataset(sounds)


def test_guide_finds_what_was_done_with_the_dataset_in_the_workspace(home: Workspace, sounds: Path) -> None:
    finished = made_run(home, sounds, finished=(0.8,))
    finished.write_status("finished")
    made_run(home, sounds).write_status("failed")  # newer, but of no use
    changed(home.ensembles / "tiny", dataset={"name": "x", "fingerprint": open_dataset(sounds).fingerprint})
    (home.root / "tag-history").mkdir()
    (home.root / "tag-history" / "history.json").write_text("[]")
    at = open_page("app.py")
    assert {"Published as tiny.", "Sounds were tagged."} <= set(texts(at.markdown))
    shutil.rmtree(home.ensembles)
    at = open_page("app.py")
    assert "The run has finished: lwlrap 0.800. Publish it, so that the Tag page can use it." in texts(at.markdown)
    assert links(at)["Open the run"] == f"train?run={finished.name}"


def test_guide_leads_from_a_folder_to_tags(dataset: Dataset) -> None:
    def following(facts: Facts) -> str:
        step = next_step(guide_steps(facts))
        return step.key if step else ""

    facts = Facts()
    assert following(facts) == "folder"
    facts = replace(facts, dataset=dataset, clips=50, readable=0)
    assert following(facts) == "folder"
    facts = replace(facts, readable=50, measured=49)
    assert following(facts) == "measure"
    facts = replace(facts, measured=50)
    assert following(facts) == "train"
    facts = replace(facts, run=RunSummary("r", "finished", lwlrap=0.8))
    assert following(facts) == "train"  # until it is published
    facts = replace(facts, ensemble="mine")
    assert following(facts) == "tag"
    assert following(replace(facts, has_tagged=True)) == ""


def test_guide_says_how_far_what_runs_is(dataset: Dataset) -> None:
    run = RunSummary("r", "running", folds_done=1, folds=5, share=0.3, left_s=60.0)
    facts = Facts(dataset, 50, 50, 20, is_measuring=True, measuring_left_s=5.0, run=run, verdicts=3)
    steps = {step.key: step for step in guide_steps(facts)}
    assert (steps["measure"].state, steps["measure"].share) == ("20 of 50 clips measured, about 5 s left", 0.4)
    assert steps["train"].state == "Training: 1 of 5 folds finished, about 60 s left"
    assert steps["train"].action.address == {"run": "r"}
    assert (following := next_step(list(steps.values()))) is not None
    assert following.key == "tag"  # what runs need not be waited for
    assert steps["review"].is_done
    assert steps["review"].state == "3 verdicts so far."
