"""The Train page compares runs on held-out clips, and trains on corrected labels if there are any."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from audiotag.cli import compare, main
from audiotag.data.corrections import Correction
from audiotag.data.layouts import open_dataset
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.metrics import multi_hot
from audiotag.training.runs import Run, list_runs
from audiotag.workspace import Workspace

from .conftest import made_run, open_page, texts

Scored = Callable[..., Run]


@pytest.fixture
def two_runs(home: Workspace, sounds: Path, scored_run: Scored) -> tuple[Run, Run]:
    """A run that is wrong on every clip and a later one that is right on all, by the tables; of two folds."""
    dataset = open_dataset(sounds)
    rows = dataset.subset("curated")
    truth = multi_hot(list(rows["labels"]), dataset.labels)
    runs = []
    for scores in (1 - truth, truth):
        by_clip = list(zip(rows["clip"], scores.tolist(), strict=True))
        runs.append(scored_run(home, sounds, dataset.labels, {1: dict(by_clip[:12]), 2: dict(by_clip[12:])}))
    return runs[0], runs[1]


def correct(sounds: Path, home: Workspace, clips: int) -> None:
    """A reviewer says of the first clips that they have another label than the tables say."""
    dataset = open_dataset(sounds)
    journal = VerdictJournal.of(dataset.root, home)
    for clip, labels in dataset.subset("curated")[["clip", "labels"]].iloc[:clips].itertuples(index=False, name=None):
        other = next(label for label in dataset.labels if label not in labels)
        journal.append([Verdict("curated", clip, labels[0], "other", labels, (other,), "Ann")])


def compared(first: Run, second: Run, **address: Any) -> AppTest:
    at = open_page("pages/train.py", run=second.name, compare=first.name, **address)
    assert not at.exception
    return at


def control(at: AppTest, key: str) -> Any:
    return next((group for group in at.get("button_group") if group.key == key), None)


def drawn(at: AppTest) -> list[dict[str, Any]]:
    """Traces of the chart of differences, which follows those of the curves."""
    return json.loads(at.get("plotly_chart")[3].proto.spec)["data"]


def table_of(at: AppTest, column: str) -> Any:
    (table,) = [frame.value for frame in at.dataframe if [column, "first"] == list(frame.value.columns[:2])]
    return table.set_index(column)


def test_conclusion_figure_table_and_command_are_those_of_the_comparison(two_runs: tuple[Run, Run]) -> None:
    first, second = two_runs
    at = compared(first, second)
    (sentence,) = [text for text in texts(at.success) if " is better than " in text]
    assert sentence.startswith(f"{second.name} is better than {first.name} on these 24 clips: lwlrap 1.0000 against ")
    (better,) = drawn(at)
    table = table_of(at, "fold")
    assert list(table.index) == ["fold 1", "fold 2", "mean of 2 folds", "all clips", "all clips, accuracy"]
    assert better["x"] == pytest.approx(table["difference"][:4].tolist())
    assert table.loc["all clips", "second"] == 1
    assert table.loc["fold 1", "clips"] == 12
    (command,) = [code.value for code in at.code if code.value.startswith("audiotag compare")]
    options = main.build_parser().parse_args(shlex.split(command)[1:])
    assert (options.run, options.first, options.second) == (compare.compare, first.name, second.name)
    assert control(at, "truth") is None  # there are no verdicts


def test_labels_are_drawn_from_the_one_that_lost_most(two_runs: tuple[Run, Run]) -> None:
    at = compared(*two_runs)
    at = control(at, "differences").set_value("By label").run()
    assert not at.exception
    table = table_of(at, "label")
    assert table["difference"].is_monotonic_increasing
    assert table["clips"].sum() >= 24
    assert sum(len(trace["x"]) for trace in drawn(at)) == min(20, len(table))


def test_runs_are_measured_on_corrected_labels_and_on_those_in_the_tables_by_a_switch(
    two_runs: tuple[Run, Run], home: Workspace, sounds: Path
) -> None:
    correct(sounds, home, 8)
    at = compared(*two_runs)
    by_corrected = table_of(at, "fold").loc["all clips", "second"]
    assert by_corrected < 1  # the run is right by the tables
    at = control(at, "truth").set_value("tables").run()
    assert table_of(at, "fold").loc["all clips", "second"] == 1
    assert any(code.value.endswith("--truth tables") for code in at.code)
    assert table_of(compared(*two_runs, truth="labels in the tables"), "fold").loc["all clips", "second"] == 1


def test_a_verdict_is_seen_at_once(two_runs: tuple[Run, Run], home: Workspace, sounds: Path) -> None:
    correct(sounds, home, 1)
    at = compared(*two_runs)
    before = table_of(at, "fold").loc["all clips", "second"]
    correct(sounds, home, 8)
    assert table_of(at.run(), "fold").loc["all clips", "second"] < before < 1


def test_runs_that_cannot_be_compared_are_refused_with_the_reason(
    two_runs: tuple[Run, Run], home: Workspace, sounds: Path, scored_run: Scored
) -> None:
    first = scored_run(home, sounds, ("a", "b"), {1: {"x.wav": [0.1, 0.9]}})
    at = compared(first, two_runs[1])
    reason = f"{first.name} and {two_runs[1].name} cannot be compared: they have no label in common."
    assert reason in texts(at.info)
    assert len(at.get("plotly_chart")) == 3  # the curves alone


def test_one_of_several_compared_runs_is_chosen(two_runs: tuple[Run, Run], home: Workspace, sounds: Path) -> None:
    first, second = two_runs
    unfinished = made_run(home, sounds)
    unfinished.write_status("stopped")
    at = open_page("pages/train.py", run=second.name)
    at = at.multiselect(key="compare").set_value([unfinished.name]).run()
    assert "Held-out clips are compared as soon as a fold of both runs is finished." in texts(at.caption)
    third = Run(first.folder.rename(first.folder.with_name("2026-11-01-000000-other")))
    at = open_page("pages/train.py", run=second.name)
    at = at.multiselect(key="compare").set_value([unfinished.name, third.name]).run()
    assert any(f" is better than {third.name} " in text for text in texts(at.success))
    assert control(at, "compare-held-out") is None  # the other one has no finished fold


# Training on corrected labels


def test_without_verdicts_there_is_no_toggle(home: Workspace) -> None:
    at = open_page("pages/train.py")
    assert [toggle.key for toggle in at.toggle] == []
    assert not any("corrections" in code.value for code in at.code)


@pytest.mark.parametrize("use", [True, False])
def test_corrections_are_used_unless_the_toggle_is_off(
    home: Workspace, sounds: Path, spawned: list[Run], use: bool
) -> None:
    correct(sounds, home, 2)
    at = open_page("pages/train.py")
    assert at.toggle(key="corrections").value is True
    labels = open_dataset(sounds).subset("curated")["labels"].iloc[:2]
    removed = f"Reviewers corrected 2 clips: 2 labels added, {sum(map(len, labels))} removed."
    assert removed in texts(at.caption)
    if not use:
        at = at.toggle(key="corrections").set_value(False).run()
        assert open_page("pages/train.py", corrections="false").toggle(key="corrections").value is False
    (command,) = [code.value for code in at.code if code.value.startswith("audiotag train")]
    assert command.endswith("--corrections" if use else "--no-corrections")
    at.button(key="start").click().run()
    assert not at.exception
    assert [run.settings().corrected for run in list_runs(home)] == [use]
    assert len(spawned) == 1


def test_verdicts_that_change_nothing_are_said_to(home: Workspace, sounds: Path) -> None:
    dataset = open_dataset(sounds)
    clip, labels = dataset.subset("curated")[["clip", "labels"]].iloc[0]
    right = Verdict("curated", clip, labels[0], "right", labels, labels, "Ann")
    VerdictJournal.of(dataset.root, home).append([right])
    at = open_page("pages/train.py")
    assert "The verdicts so far change no label." in texts(at.caption)


def test_the_run_says_which_corrected_labels_it_was_trained_on(home: Workspace, sounds: Path) -> None:
    run = made_run(home, sounds, (0.8,))
    run.write_status("finished")
    corrections = [Correction("curated", f"{number}.wav", ("Bark", "Bell"), ("Bell",)) for number in range(3)]
    (run.folder / "corrections.json").write_text(json.dumps([each.to_dict() for each in corrections]))
    at = open_page("pages/train.py")
    (part,) = [part for part in at.expander if part.label == "Trained on the labels of 3 corrected clips"]
    (table,) = [frame.value for frame in part.dataframe]
    assert table["corrected"].tolist() == ["Bell"] * 3
    assert np.array_equal(table["clip"], ["0.wav", "1.wav", "2.wav"])
