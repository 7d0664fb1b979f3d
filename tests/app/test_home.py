"""The Home page shows the dataset, the ensemble and the last runs as they are."""

import csv
from pathlib import Path

from audiotag.training.recipe import load_recipe
from audiotag.training.runs import RunSettings, create_run
from audiotag.workspace import Workspace

from .conftest import open_page, table_dataset, texts


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def test_home_shows_clips_labels_and_the_ensemble(home: Workspace, sounds: Path) -> None:
    shown = texts(open_page("app.py").markdown)
    labels = len(rows(sounds / "sample_submission.csv")[0]) - 1
    assert any(text.startswith("50 clips, ") and text.endswith(f" {labels} labels") for text in shown)
    assert "**starter-sounds**" in shown
    assert "**tiny**" in shown
    assert "3 labels, 2 folds, lwlrap 0.500 out of fold" in shown


def test_home_lists_the_last_runs_with_their_state(home: Workspace, sounds: Path) -> None:
    run = create_run(home, RunSettings(str(sounds), load_recipe("quick")))
    run.write_event("fold-finished", fold=1, lwlrap=0.75)
    run.write_status("stopped")
    (table,) = open_page("app.py").dataframe
    row = table.value.iloc[0]
    assert row["run"] == run.name
    assert row["state"].endswith("stopped")
    assert (row["folds done"], row["mean lwlrap"]) == (1, 0.75)


def test_home_says_that_the_sounds_of_a_dataset_are_missing(home: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "mine", ["a.wav,Beep", "b.wav,Beep"])
    for path in folder.glob("*.wav"):
        path.unlink()
    home.remember_dataset(folder)
    at = open_page("app.py")
    assert "2 clips without sounds, 1 label" in texts(at.markdown)
    assert not any("hours" in text for text in texts(at.markdown))
