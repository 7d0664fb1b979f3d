"""The Train page lists all runs: they are named, searched, compared and deleted together; the weights are chosen."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from audiotag.errors import AudiotagError
from audiotag.training.deleted_runs import delete_runs
from audiotag.training.run_notes import RunNote, read_note, write_note
from audiotag.training.runs import Run, list_runs
from audiotag.training.weights_choice import SCORES, WEIGHTS
from audiotag.ui.train.run_list import save_edits
from audiotag.workspace import Workspace, write_json

from .conftest import at_work, made_run, open_page, run_picker, texts


def run_table(at: AppTest) -> Any:
    (table,) = [frame.value for frame in at.dataframe if "changes" in frame.value]
    return table


@pytest.fixture
def three(home: Workspace, sounds: Path) -> list[Run]:
    """Three finished runs, the newest first, of which the newest has a name and a note."""
    for scores in ((0.5,), (0.8, 0.9), (0.6, 0.7)):
        made_run(home, sounds, scores).write_status("finished")
    runs = list_runs(home)
    write_note(runs[0], RunNote("wide *windows*", "longer clips"))
    return runs


def ticked(runs: list[Run], **address: Any) -> AppTest:
    at = open_page("pages/train.py", selected=[run.name for run in runs], **address)
    assert not at.exception
    return at


def test_all_runs_are_listed_with_figures_names_and_notes(three: list[Run]) -> None:
    table = run_table(open_page("pages/train.py"))
    assert table["name"].tolist() == ["wide *windows*", three[1].name, three[2].name]
    assert table["note"].tolist() == ["longer clips", "", ""]
    assert sorted(table["lwlrap"]) == pytest.approx([0.5, 0.65, 0.85])
    assert table["deviation"].isna().sum() == 1  # of the run of one fold
    assert table["best_epoch"].tolist() == [2.0] * 3
    assert table["changes"].tolist() == ["folds 1, 2, 3"] * 3
    assert (table["open"] != "").tolist() == [True, False, False]


def test_ticked_runs_of_an_address_are_compared_with_their_settings(three: list[Run]) -> None:
    settings = json.loads((three[1].folder / "settings.json").read_text())
    settings["recipe"]["seed"] = 7
    (three[1].folder / "settings.json").write_text(json.dumps(settings))
    at = ticked(three[:2]).button(key="compare-selected").click().run()
    assert not at.exception
    assert run_picker(at).value == three[0].name
    assert at.multiselect(key="compare").value == [three[1].name]
    (table,) = [frame.value for frame in at.dataframe if "setting" in frame.value]
    assert table.iloc[0].tolist() == ["seed", "42", "7"]
    assert len(table) == 1
    at = next(group for group in at.get("button_group") if group.key == "lines").set_value("Mean of folds").run()
    bands_and_lines = json.loads(at.get("plotly_chart")[0].proto.spec)["data"]
    assert [trace.get("name") for trace in bands_and_lines[2:]] == ["wide *windows*", three[1].name]


def test_several_ticked_runs_are_deleted_and_restored(home: Workspace, three: list[Run]) -> None:
    at = ticked(three[:2]).button(key="delete-selected").click().run()
    folds = sum(len(run.finished_folds()) for run in three[:2])
    assert any(f"{folds} finished folds" in text for text in texts(at.markdown))
    at = at.button(key="delete-sure").click().run()
    assert not at.exception
    assert list_runs(home) == three[2:]
    assert "2 runs were deleted." in texts(at.caption)
    at = at.button(key="undo-delete-run").click().run()
    assert not at.exception
    assert list_runs(home) == three


def test_a_run_that_was_deleted_earlier_is_restored_from_the_list_of_deleted_ones(
    home: Workspace, three: list[Run]
) -> None:
    delete_runs(home, three[1:2])
    at = open_page("pages/train.py").button(key="deleted").click().run()
    at = at.button(key="restore-runs").click().run()
    assert not at.exception
    assert list_runs(home) == three
    assert run_picker(at).value == three[1].name


def test_a_running_run_among_the_ticked_ones_is_refused_and_all_stay(
    home: Workspace, sounds: Path, three: list[Run]
) -> None:
    running = at_work(made_run(home, sounds))
    at = ticked([running, three[0]]).button(key="delete-selected").click().run()
    assert any(text.startswith(f"{running.name} is in training or waiting. Stop it") for text in texts(at.error))
    assert not any(button.key == "delete-sure" for button in at.button)
    assert len(list_runs(home)) == 4


def test_runs_are_found_by_words_and_the_name_and_note_of_the_open_one_are_edited(three: list[Run]) -> None:
    at = open_page("pages/train.py", find="LONGER finished", run=three[1].name)
    assert run_table(at)["note"].tolist() == ["longer clips"]
    at.text_input(key="find").set_value("nothing like it")
    at.text_input(key=f"run-title-{three[1].name}").set_value("second")
    at = at.text_area(key=f"run-note-{three[1].name}").set_value("no [link](http://x)").run()
    assert not at.exception
    assert "No run matches what is searched for." in texts(at.caption)
    assert read_note(three[1]) == RunNote("second", "no [link](http://x)")
    assert texts(at.header) == ["second"]


def test_edits_in_the_table_are_saved_and_an_empty_name_is_that_of_the_folder(three: list[Run]) -> None:
    save_edits(three, {0: {"name": None}, 2: {"name": "third", "note": "fine"}})
    assert [read_note(run) for run in three] == [RunNote("", "longer clips"), RunNote(), RunNote("third", "fine")]
    with pytest.raises(AudiotagError, match="at most 2,000 characters"):
        save_edits(three, {1: {"note": "x" * 2001}})


# Weights


def choice(at: AppTest) -> Any:
    return next((group for group in at.get("button_group") if group.key == "weights"), None)


def test_weights_are_chosen_where_both_are_stored_and_their_figures_are_beside_them(
    home: Workspace, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made_run(home, sounds)
    best = {"epoch": 1, "lwlrap": 0.75, "accuracy": 0.5, "per_class": [0.5] * 3}
    run.write_event("fold-finished", fold=1, clips=8, lwlrap=0.7, accuracy=0.5, per_class=[0.5] * 3, best=best)
    run.write_status("stopped")
    at = open_page("pages/train.py")
    assert choice(at) is None
    assert any("scores of the best epoch are not stored for fold 1" in text for text in texts(at.caption))
    run.fold_folder(1).mkdir()
    for name in (WEIGHTS["best"], SCORES["best"]):
        (run.fold_folder(1) / name).touch()
    asked = []
    monkeypatch.setattr("audiotag.training.publish.publish", lambda *_, weights: asked.append(weights))
    monkeypatch.setattr("audiotag.ui.trust.noise_gate.start_after_publishing", lambda *_: None)
    at = choice(open_page("pages/train.py")).set_value("best").run()
    (table,) = [frame.value for frame in at.dataframe if "weights" in frame.value]
    assert table.to_numpy().tolist() == [
        ["last epoch", "0.7000", "0.7000 (2)"],
        ["best epoch", "0.7500", "0.7500 (1)"],
    ]
    assert any("its figures are too high for new clips" in text for text in texts(at.caption))
    assert any(code.value.endswith("--weights best") for code in at.code)
    at = at.button(key="publish-run").click().run()
    assert not at.exception
    assert asked == ["best"]


def test_weights_that_the_recipe_asks_for_are_chosen_at_first(home: Workspace, sounds: Path) -> None:
    run = made_run(home, sounds)
    settings = run.settings()
    recipe = replace(settings.recipe, weights="best", schedule="plateau")
    write_json(run.folder / "settings.json", replace(settings, recipe=recipe).to_dict())
    best = {"epoch": 1, "lwlrap": 0.75, "accuracy": 0.5, "per_class": [0.5] * 3}
    run.write_event("fold-finished", fold=1, clips=8, lwlrap=0.7, accuracy=0.5, per_class=[0.5] * 3, best=best)
    run.write_status("stopped")
    run.fold_folder(1).mkdir()
    for name in (WEIGHTS["best"], SCORES["best"]):
        (run.fold_folder(1) / name).touch()
    at = open_page("pages/train.py")
    assert choice(at).value == "best"
    assert not any("--weights" in code.value for code in at.code)
    assert any("the figures of the last epoch are too high for new clips too" in text for text in texts(at.caption))
