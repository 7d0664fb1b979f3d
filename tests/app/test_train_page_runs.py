"""The Train page with runs: each run is shown as it is on disk, and can be stopped, resumed, deleted, published."""

import json
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from audiotag.errors import AudiotagError
from audiotag.tagging.noise_gate_job import NoiseGateJob
from audiotag.training.preparation import PreparationWriter
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import SHARED_FOLD, Run, RunSettings, create_run, list_runs
from audiotag.workspace import Workspace

from .conftest import at_work, made_run, open_page, own_workspace, run_picker, texts, write_epoch


def curves(at: AppTest) -> list[dict[str, Any]]:
    """The traces of the first chart."""
    return json.loads(at.get("plotly_chart")[0].proto.spec)["data"]


def table_with(at: AppTest, column: str) -> Any:
    (table,) = [frame.value for frame in at.dataframe if column in frame.value]
    return table


def has_button(at: AppTest, key: str) -> bool:
    return any(button.key == key for button in at.button)


@pytest.fixture(scope="module")
def finished(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[AppTest, Run]:
    """The page of a finished run of two folds, for tests that only read it, and the run."""
    with own_workspace(tmp_path_factory, sounds) as home:
        run = made_run(home, sounds, (0.8, 0.9))
        run.write_status("finished")
        return open_page("pages/train.py"), run


def test_finished_run_shows_its_mean(finished: tuple[AppTest, Run]) -> None:
    at, _ = finished
    assert not at.exception
    assert texts(at.success) == ["Finished: mean lwlrap 0.8500 ± 0.0707 over 2 folds."]
    assert not has_button(at, "stop")
    assert not has_button(at, "resume")
    assert len(at.get("plotly_chart")) == 3


def test_clips_that_a_run_left_out_are_listed(home: Workspace, sounds: Path) -> None:
    run = create_run(home, RunSettings(str(sounds), load_recipe("quick"), (1,)))
    stages = [{"stage": 0, "subset": "curated", "epochs": 2, "clips": 24, "pixels": 9, "shared": False}]
    reasons = [f"dog/{number:02}.wav is empty." for number in range(12)]
    run.write_event("run-started", folds=[1], labels=["a"], stages=stages, devices=["cpu"], left_out=reasons)
    run.write_status("stopped")
    at = open_page("pages/train.py")
    assert not at.exception
    (listed,) = [box for box in at.expander if box.label == "12 clips are left out"]
    (text,) = texts(listed.markdown)
    assert text.count("\n") == 9
    assert "dog/09.wav is empty" in text
    (more,) = texts(listed.caption)
    assert more.startswith("2 more are in ")
    assert "left-out.txt" in more


def test_failed_run_shows_its_reason_its_log_and_how_to_continue(home: Workspace, sounds: Path) -> None:
    run = made_run(home, sounds)
    (run.folder / "log.txt").write_text("what the worker printed\n")
    run.write_status("failed", "Memory ran out; use a smaller batch_size or network.")
    at = open_page("pages/train.py")
    assert not at.exception
    assert texts(at.error) == ["Memory ran out; use a smaller batch_size or network."]
    assert "what the worker printed" in [code.value.strip() for code in at.code]
    assert any("Resume continues" in text for text in texts(at.caption))
    assert not at.button(key="resume").disabled


@pytest.mark.parametrize("how", ["interrupted", "stopped"])
def test_run_that_ended_early_shows_its_state(home: Workspace, sounds: Path, how: str) -> None:
    run = made_run(home, sounds, (0.8,))
    if how == "stopped":
        run.write_status("stopped")
    else:
        run.write_process(psutil.Process().pid, time.time() - 10_000)  # not this process: it began at another time
    at = open_page("pages/train.py")
    assert not at.exception
    (warning,) = texts(at.warning)
    assert warning.startswith(f"The run was {how}")
    assert list(table_with(at, "left")["state"]) == ["finished", "cut off", "not started"]


def test_running_run_shows_where_it_is_and_stops_on_the_button(home: Workspace, sounds: Path) -> None:
    run = at_work(made_run(home, sounds, (0.8,)))  # two epochs of 2 s per fold; both of fold 2 are done
    run.write_progress(
        2, subset="curated", stage=0, epoch=2, epochs=2, batch=1, batches=4, loss=0.25, phase="training",
        seconds_left_in_epoch=30.0,
    )  # fmt: skip
    at = open_page("pages/train.py")
    assert not at.exception
    (bar,) = at.get("progress")
    assert "Fold 2, curated, epoch 2 of 2, batch 1 of 4, loss 0.2500 · 0 s to the end of the fold" in bar.proto.text
    assert bar.proto.value == 25
    assert any("1 of 3 folds finished, about **4 s** left" in text for text in texts(at.markdown))
    assert list(table_with(at, "left")["left"].dropna()) == ["0 s", "4 s"]  # the parts add up
    assert not has_button(at, "delete")
    at = at.button(key="stop").click().run()
    assert not at.exception
    assert run.state() == "stopping"
    assert at.button(key="stop").disabled


def test_run_whose_stage_may_end_early_shows_its_soonest_end(home: Workspace, sounds: Path) -> None:
    """Two epochs of 2 s, the second one the best: fold 1 is over three epochs later, and so may the others be."""
    stage = {"stage": 0, "subset": "curated", "epochs": 700, "clips": 24, "pixels": 9, "shared": False, "stop_after": 3}
    run = at_work(made_run(home, sounds, stages=[stage]))
    run.write_progress(
        1, subset="curated", stage=0, epoch=3, epochs=700, batch=0, batches=4, loss=0.25, phase="training"
    )
    at = open_page("pages/train.py")
    assert not at.exception
    (bar,) = at.get("progress")
    assert "epoch 3 of at most 700" in bar.proto.text
    assert bar.proto.text.endswith("at least 6 s to the end of the fold")
    assert any("at least **26 s** left" in text for text in texts(at.markdown))  # 3 epochs, and 5 of two folds
    assert table_with(at, "left")["epochs"][0] == "2 of 5"
    axes = [json.loads(chart.proto.spec)["layout"]["xaxis"]["range"] for chart in at.get("plotly_chart")]
    assert axes[0] == [0.5, 5.5]


def test_each_fold_in_training_has_a_bar_that_shows_its_phase(home: Workspace, sounds: Path) -> None:
    run = at_work(made_run(home, sounds))
    values = {"subset": "noisy", "stage": 0, "epoch": 1, "epochs": 2, "batches": 4, "loss": 0.25}
    run.write_progress(1, batch=1, phase="training", seconds_left_in_epoch=3.0, **values)
    run.write_progress(2, batch=4, phase="measuring", seconds_left_in_epoch=0.0, **values)
    first, second = (bar.proto for bar in open_page("pages/train.py").get("progress"))
    assert "measuring" not in first.text
    assert second.text.startswith("Fold 2, noisy, epoch 1 of 2, measuring, batch 4 of 4")
    assert second.value == 100


def test_run_that_has_just_started_shows_what_it_does(home: Workspace, sounds: Path) -> None:
    run = at_work(create_run(home, RunSettings(str(sounds), load_recipe("quick"))))
    (bar,) = open_page("pages/train.py").get("progress")
    assert bar.proto.text == "Starting …"
    PreparationWriter(run.folder)("Preparing noisy clips", 5000, 20_000)
    (bar,) = open_page("pages/train.py").get("progress")
    assert bar.proto.text.replace("\\", "") == "Preparing noisy clips: 5,000 of 20,000 …"
    assert bar.proto.value == 25


def test_queued_run_shows_what_it_waits_for_and_can_leave_the_queue(home: Workspace, sounds: Path) -> None:
    first = at_work(made_run(home, sounds))
    second = at_work(create_run(home, RunSettings(str(sounds), load_recipe("default"), device="cpu")), time.time())
    at = open_page("pages/train.py", run=second.name)
    assert not at.exception
    (info,) = texts(at.info)
    assert info.startswith(f"Waits for cpu, which run {first.name} uses")
    at = at.button(key="stop").click().run()
    assert (second.folder / "stop").exists()
    assert not (first.folder / "stop").exists()


def test_resume_starts_the_run_again(home: Workspace, sounds: Path, spawned: list[Run]) -> None:
    run = made_run(home, sounds)
    run.write_status("failed")
    at = open_page("pages/train.py").button(key="resume").click().run()
    assert not at.exception
    assert spawned == [run]


def test_resume_that_is_refused_gives_a_message(home: Workspace, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_run(home, sounds).write_status("stopped")

    def refuse(run: Run) -> None:
        raise AudiotagError("it is already starting.")

    monkeypatch.setattr(Run, "start", refuse)
    at = open_page("pages/train.py").button(key="resume").click().run()
    assert not at.exception
    assert "it is already starting." in texts(at.error)


def test_run_is_deleted_after_confirmation_and_can_be_restored(home: Workspace, sounds: Path) -> None:
    older = made_run(home, sounds, (0.8,))
    older.write_status("finished")
    run = made_run(home, sounds, (0.8, 0.9))
    run.write_status("finished")
    at = open_page("pages/train.py", run=run.name).button(key="delete").click().run()
    assert any("2 finished folds" in text for text in texts(at.markdown))
    assert {found.name for found in list_runs(home)} == {older.name, run.name}
    at = at.button(key="delete-sure").click().run()
    assert not at.exception
    assert list_runs(home) == [older]
    assert run_picker(at).value == older.name
    assert f"Run {run.name} was deleted." in texts(at.caption)
    at = at.button(key="undo-delete-run").click().run()
    assert not at.exception
    assert set(list_runs(home)) == {older, run}
    assert run_picker(at).value == run.name
    assert len(run.finished_folds()) == 2


def test_chosen_run_is_in_the_address_and_the_address_chooses_it(home: Workspace, sounds: Path) -> None:
    older = made_run(home, sounds, (0.5,))
    older.write_status("finished")
    newer = made_run(home, sounds, (0.9,))
    newer.write_status("stopped")
    newest = max(older.name, newer.name)
    at = open_page("pages/train.py")
    assert run_picker(at).value == newest
    assert at.query_params["run"] == newest
    at = open_page("pages/train.py", run=older.name)
    assert run_picker(at).value == older.name
    assert texts(at.success) == ["Finished: mean lwlrap 0.5000 over 1 fold."]
    at = run_picker(at).set_value(newer.name).run()
    assert at.query_params["run"] == newer.name
    assert run_picker(open_page("pages/train.py", run="gone")).value == newest


def test_run_stays_chosen_when_its_state_and_so_its_label_changes(home: Workspace, sounds: Path) -> None:
    older = at_work(made_run(home, sounds))
    made_run(home, sounds, (0.9,)).write_status("finished")
    at = open_page("pages/train.py", run=older.name)
    older.write_status("finished")
    at = at.text_input(key="epochs").set_value("2").run()
    assert run_picker(at).value == older.name
    assert f"✓ {older.name}" in run_picker(at).options


def test_started_run_is_the_one_shown(home: Workspace, sounds: Path, spawned: list[Run]) -> None:
    made_run(home, sounds, (0.9,)).write_status("finished")
    at = open_page("pages/train.py", show="Training batch preview")
    at = at.button(key="start").click().run()
    (run,) = spawned
    assert run_picker(at).value == run.name
    assert at.query_params["run"] == run.name


def test_started_run_stays_shown_when_the_browser_still_has_the_picker_of_another(
    home: Workspace, sounds: Path, spawned: list[Run]
) -> None:
    made_run(home, sounds, (0.9,)).write_status("finished")
    at = open_page("pages/train.py")
    picker = run_picker(at)
    at = at.button(key="start").click().run()
    at.session_state[picker.key] = picker.value
    assert run_picker(at.run()).value == spawned[0].name


def test_run_with_unreadable_settings_still_shows_its_curves(home: Workspace, sounds: Path) -> None:
    run = made_run(home, sounds, (0.8,))
    run.write_status("finished")
    (run.folder / "settings.json").write_text("{}")
    at = open_page("pages/train.py")
    assert not at.exception
    assert any("settings of run" in text for text in texts(at.error))
    assert len(at.get("plotly_chart")) == 3


# Curves and tables


def test_each_fold_has_a_line_of_its_lwlrap(finished: tuple[AppTest, Run]) -> None:
    lines = curves(finished[0])
    assert [line["name"] for line in lines] == ["fold 1", "fold 2", "fold 3"]
    for line in lines:
        assert (line["x"], line["y"]) == ([1, 2], pytest.approx([0.5, 0.6]))
    assert len({line["line"]["dash"] for line in lines}) == 3


def test_smoothing_is_off_by_default_and_does_not_change_the_points(home: Workspace, sounds: Path) -> None:
    made_run(home, sounds).write_status("finished")
    at = open_page("pages/train.py")
    assert at.toggle(key="smooth").value is False
    raw = curves(at)[0]["y"]
    smooth, points = curves(at.toggle(key="smooth").set_value(True).run())
    assert points["y"] == raw
    assert points["mode"] == "markers"
    assert smooth["y"] == pytest.approx([0.5, 0.53])


def test_earlier_run_is_compared_as_the_mean_of_its_folds(home: Workspace, sounds: Path) -> None:
    earlier = made_run(home, sounds, (0.8,))
    write_epoch(earlier, 2, 2, 0.8)
    earlier.write_status("finished")
    run = made_run(home, sounds)
    run.write_status("finished")
    at = open_page("pages/train.py", run=run.name)
    assert at.multiselect(key="compare").options == [earlier.name]
    at = at.multiselect(key="compare").set_value([earlier.name]).run()
    (line,) = [line for line in curves(at) if line["name"] == earlier.name]
    assert (line["x"], line["y"]) == ([1, 2], pytest.approx([0.5, 0.7]))
    at = run_picker(at).set_value(earlier.name).run()  # it is not compared with itself
    assert not at.exception
    assert [line["name"] for line in curves(at)] == ["fold 1", "fold 2"]


def test_lwlrap_of_noisy_epochs_on_curated_clips_is_drawn_and_is_once_in_the_legend(
    home: Workspace, sounds: Path
) -> None:
    stages = [{"stage": 0, "subset": "noisy", "epochs": 2, "clips": 20, "pixels": 9, "shared": False}]
    run = made_run(home, sounds, stages=stages)
    for fold in (1, 2):
        run.write_event("fold-started", fold=fold)
        for epoch in (1, 2):
            write_epoch(run, fold, epoch, 0.5, subset="noisy", curated_lwlrap=0.3 + 0.1 * epoch)
    run.write_status("stopped")
    beside = [line for line in curves(open_page("pages/train.py")) if line["name"] == "on curated clips"]
    assert [line["y"] for line in beside] == [pytest.approx([0.4, 0.5])] * 2
    assert [line["showlegend"] for line in beside] == [True, False]


def test_labels_are_listed_worst_first_by_the_finished_folds(finished: tuple[AppTest, Run]) -> None:
    table = table_with(finished[0], "label")
    assert list(table["label"]) == ["c", "a", "b"]  # b is in no held-out clip
    assert list(table["lwlrap"][:2]) == pytest.approx([0.55, 0.85])
    assert any("Mean over 2 finished folds" in text for text in texts(finished[0].caption))


def test_labels_of_folds_in_training_are_those_of_their_last_epoch(home: Workspace, sounds: Path) -> None:
    made_run(home, sounds).write_status("stopped")
    at = open_page("pages/train.py")
    table = table_with(at, "label")
    assert dict(zip(table["label"], table["lwlrap"], strict=True)) == pytest.approx({"b": 0.2, "c": 0.6, "a": 0.9})
    assert any("the last epoch of fold 1" in text for text in texts(at.caption))


def test_all_folds_are_listed_with_their_state_and_epochs(home: Workspace, sounds: Path) -> None:
    at_work(made_run(home, sounds, (0.8,)))
    table = table_with(open_page("pages/train.py"), "left")
    assert list(table["fold"]) == ["fold 1", "fold 2", "fold 3"]
    assert list(table["state"]) == ["finished", "training", "waiting"]
    assert list(table["epochs"]) == ["2 of 2", "2 of 2", "0 of 2"]
    assert list(table["lwlrap"][:2]) == pytest.approx([0.8, 0.6])


def test_network_that_feeds_all_folds_has_its_own_row_and_line(home: Workspace, sounds: Path) -> None:
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
    at = open_page("pages/train.py")
    assert not at.exception
    table = table_with(at, "left")
    assert list(table["fold"]) == ["shared network", "fold 1", "fold 2"]
    assert list(table["state"]) == ["finished", "training", "waiting"]
    assert list(table["epochs"]) == ["1 of 1", "1 of 2", "0 of 2"]
    assert [(line["name"], line["x"]) for line in curves(at)] == [("shared network", [1]), ("fold 1", [2])]


def test_notes_explain_held_out_figures_and_augmented_held_out_clips(home: Workspace, sounds: Path) -> None:
    for recipe, handicapped in (("capstone", True), ("quick", False)):
        run = made_run(home, sounds, (0.8,), recipe)
        run.write_status("finished")
        captions = texts(open_page("pages/train.py", run=run.name).caption)
        assert any("cropped at random and masked" in text for text in captions) == handicapped
        assert any("0.1 higher than the score on the test set" in text for text in captions)


def test_every_table_can_be_downloaded(finished: tuple[AppTest, Run]) -> None:
    at, run = finished
    keys = {button.key for button in at.get("download_button")}
    assert {f"download-{run.name}-{table}-csv" for table in ("epochs", "folds", "labels", "rates")} <= keys


# Publishing


def publish(at: AppTest) -> AppTest:
    return next(button for button in at.button if button.label == "Publish").click().run()


def test_publishing_a_run_whose_files_are_gone_gives_a_message(home: Workspace, sounds: Path) -> None:
    run = made_run(home, sounds, (0.8,))
    run.write_status("finished")
    at = publish(open_page("pages/train.py"))
    assert not at.exception
    assert any(f"run {run.name} is incomplete" in text for text in texts(at.error))


def test_publishing_under_a_wrong_name_gives_a_message(home: Workspace, sounds: Path) -> None:
    run = made_run(home, sounds, (0.8,))
    run.write_status("finished")
    at = open_page("pages/train.py")
    at.text_input(key=f"publish-name-{run.name}").set_value("../mine")
    at = publish(at)
    assert not at.exception
    assert any("letters, digits" in text for text in texts(at.error))


def test_published_folds_become_the_chosen_ensemble(
    home: Workspace, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made_run(home, sounds, (0.8,))
    run.write_status("stopped")
    asked = []

    def published(of: Run, name: str, parent: Path, weights: str) -> Path:
        asked.append((of, name, parent, weights))
        return (home.ensembles / "tiny").rename(parent / name)

    started: list[NoiseGateJob] = []
    monkeypatch.setattr("audiotag.training.publish.publish", published)
    monkeypatch.setattr(NoiseGateJob, "start", lambda job: started.append(job))
    at = publish(open_page("pages/train.py"))
    assert not at.exception
    assert [job.ensemble.name for job in started] == ["starter-sounds-quick"]
    assert asked == [(run, "starter-sounds-quick", home.ensembles, "last")]
    assert at.session_state["ensemble"] == "starter-sounds-quick"  # for the pages that show it
    at = at.run()
    assert at.text_input(key=f"publish-name-{run.name}").value == "starter-sounds-quick"


def test_suggested_name_of_the_ensemble_is_not_taken(home: Workspace, sounds: Path) -> None:
    (home.ensembles / "tiny").rename(home.ensembles / "starter-sounds-quick")
    run = made_run(home, sounds, (0.8,))
    run.write_status("finished")
    offered = open_page("pages/train.py").text_input(key=f"publish-name-{run.name}").value
    assert offered == "starter-sounds-quick-2"


def test_nothing_is_published_before_a_fold_is_finished(home: Workspace, sounds: Path) -> None:
    made_run(home, sounds).write_status("stopped")
    assert not any(button.label == "Publish" for button in open_page("pages/train.py").button)
