"""Runs of recipes with lists of clips: what is trained on, what is held out, and that a resumed run has the same."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from audiotag.data.clip_lists import ClipLists
from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.data.list_changes import ListChanges
from audiotag.data.verdicts import Answer, Verdict, VerdictJournal
from audiotag.errors import AudiotagError
from audiotag.training.begun import LISTS, open_session, read_corrections, read_list_changes
from audiotag.training.estimate import Estimate
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_blocking import run_notes
from audiotag.training.run_options import RunOptions
from audiotag.training.run_tables import clips_per_label
from audiotag.training.runs import Run, RunSettings, create_run
from audiotag.training.session import Session
from audiotag.training.worker import write_plan
from audiotag.workspace import Workspace

from ..conftest import SHORT_SOUNDS_LABELS as LABELS
from .recipe_files import GOOD
from .short_runs import CURATED, NOISY, RECIPE

RELABELLED, EMPTIED, DROPPED = "13.wav", "14.wav", "15.wav"


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """Stages on noisy and on curated clips; 13.wav gets the first label, 14.wav and 15.wav are left out."""
    (tmp_path / "relabel.csv").write_text(f"clip,labels\n{RELABELLED},{LABELS[0]}\n{EMPTIED},\nother.wav,Moo\n")
    (tmp_path / "drop.csv").write_text(f"clip\n{DROPPED}\n")
    lists = ClipLists("relabel.csv", drop="drop.csv").relative_to(tmp_path)
    return replace(RECIPE, stages=(NOISY, CURATED), lists=lists)


def session_of(sounds: Path, recipe: Recipe, home: Path, corrected: bool = False) -> Session:
    return Session.open(RunSettings(str(sounds), recipe, device="cpu", corrected=corrected), Workspace(home))


def labels_in(session: Session, subset: str = "curated") -> dict[str, set[str]]:
    clips = session.clips(subset)
    rows = zip(clips.clips, clips.targets, strict=True)
    return {clip.name: {session.labels[at] for at in np.flatnonzero(target)} for clip, target in rows}


def review(sounds: Path, home: Path, clip: str, label: str, answer: Answer) -> None:
    before = dict(zip(*(open_dataset(sounds).subset("curated")[c] for c in ("clip", "labels")), strict=True))[clip]
    after = tuple(each for each in before if answer == "right" or each != label)
    VerdictJournal.of(sounds, Workspace(home)).append([Verdict("curated", clip, label, answer, before, after, "ann")])


def test_labels_are_changed_in_training_and_held_out_clips_and_dropped_clips_are_in_neither(
    short_sounds: Path, recipe: Recipe, tmp_path: Path
) -> None:
    plain, listed = (session_of(short_sounds, each, tmp_path) for each in (replace(recipe, lists=ClipLists()), recipe))
    before, after = labels_in(plain), labels_in(listed)
    assert after[RELABELLED] == {LABELS[0]} != before[RELABELLED]
    assert before.keys() - after.keys() == {EMPTIED, DROPPED}
    assert all(after[clip] == before[clip] for clip in after.keys() - {RELABELLED})
    sides = [listed.clips("curated").train(1), listed.clips("curated").held_out(1)]
    assert sum(RELABELLED in {clip.name for clip in side.clips} for side in sides) == 1
    assert listed.count_batches(CURATED)[0] == len(sides[0].clips) // recipe.batch_size
    train, held_out = listed.split_rows("curated", 1)
    assert {*train["clip"], *held_out["clip"]} == set(after)
    assert set(listed.rows("curated")["clip"]) == set(after)


def test_folds_stay_as_they_are_whatever_lists_change(short_sounds: Path, recipe: Recipe, tmp_path: Path) -> None:
    for method in ("stratified", "shuffled"):
        drawn = replace(recipe, fold_method=method)
        plain, listed = (
            session_of(short_sounds, each, tmp_path) for each in (replace(drawn, lists=ClipLists()), drawn)
        )
        for subset in ("curated", "noisy"):
            of_plain, of_listed = (session.scored_with(subset) for session in (plain, listed))
            pd.testing.assert_series_equal(of_listed, of_plain[of_listed.index])
            assert listed.clips(subset).folds.folds.tolist() == of_listed.tolist()


@pytest.fixture
def flagged(short_sounds: Path) -> Dataset:
    """The short sounds, of which the authors marked two curated ones as wrong."""
    dataset = open_dataset(short_sounds)
    out = dataset.clips["clip"].isin(["03.wav", "13.wav"]) & (dataset.clips["subset"] == "curated")
    rows = dataset.clips[out].assign(place=(~out).cumsum()[out]).reset_index(drop=True)
    return replace(dataset, clips=dataset.clips[~out].reset_index(drop=True), flagged_clips=rows)


@pytest.mark.parametrize("method", ["stratified", "shuffled"])
def test_recipes_with_other_lists_have_the_same_folds_where_the_authors_flagged_clips(
    flagged: Dataset, recipe: Recipe, tmp_path: Path, method: Literal["stratified", "shuffled"]
) -> None:
    drawn = replace(recipe, fold_method=method)
    other = replace(drawn, lists=ClipLists(drop=recipe.lists.drop))
    relabels, drops = (
        Session(flagged, RunSettings(str(flagged.root), each), Workspace(tmp_path)).scored_with("curated")
        for each in (drawn, other)
    )
    names = [{path.name for path in folds.index} for folds in (relabels, drops)]
    assert names[0] - names[1] == {RELABELLED}
    assert names[1] - names[0] == {EMPTIED}
    assert "03.wav" not in names[0] | names[1]
    noisy = Session(flagged, RunSettings(str(flagged.root), other), Workspace(tmp_path)).rows("noisy")
    assert "03.wav" in noisy["clip"].tolist()  # a clip of the same name that nobody flagged
    common = relabels.index.intersection(drops.index)
    pd.testing.assert_series_equal(relabels[common], drops[common])


def test_run_that_began_with_fewer_flagged_clips_keeps_its_folds(
    flagged: Dataset, recipe: Recipe, tmp_path: Path
) -> None:
    noted = ListChanges(restored=(RELABELLED,))  # as an earlier version noted
    session = Session(flagged, RunSettings(str(flagged.root), recipe), Workspace(tmp_path), lists=noted)
    names = session.rows_with_units("curated")["clip"].tolist()
    assert RELABELLED in names
    assert "03.wav" not in names


def test_run_keeps_what_the_lists_changed_when_it_began(short_sounds: Path, recipe: Recipe, tmp_path: Path) -> None:
    run = create_run(Workspace(tmp_path / "home"), RunSettings(str(short_sounds), recipe, device="cpu"))
    session = open_session(run)
    write_plan(run, session, ("cpu",))
    notes = run.events()[0]["notes"]
    assert notes[0].startswith("List relabel.csv relabels 1 clip and leaves 1 out, in training and in held-out clips")
    assert "List drop.csv leaves 1 clip out." in notes
    assert read_list_changes(run) == session.lists
    Path(recipe.lists.relabel).unlink()
    resumed = open_session(run)
    assert labels_in(resumed) == labels_in(session)
    write_plan(run, resumed, ("cpu",))  # else it would raise: other labels than the run began with
    assert [event["event"] for event in run.events()] == ["run-started", "run-resumed"]


def test_clips_per_label_are_counted_as_the_lists_changed_them(
    short_sounds: Path, recipe: Recipe, tmp_path: Path
) -> None:
    run = create_run(Workspace(tmp_path / "home"), RunSettings(str(short_sounds), recipe, device="cpu"))
    session = open_session(run)
    write_plan(run, session, ("cpu",))
    counted = clips_per_label(run.events(), open_dataset(short_sounds), read_corrections(run), read_list_changes(run))
    assert counted is not None
    assert counted.to_dict() == Counter(label for labels in labels_in(session).values() for label in labels)


def test_damaged_note_of_the_lists_is_replaced_by_the_lists(short_sounds: Path, recipe: Recipe, tmp_path: Path) -> None:
    run = create_run(Workspace(tmp_path / "home"), RunSettings(str(short_sounds), recipe, device="cpu"))
    session = open_session(run)
    write_plan(run, session, ("cpu",))
    for content in (
        "{",
        "[]",
        '{"relabelled": [], "trusted": [["a"]], "dropped": [], "restored": [], "sentences": []}',
    ):
        (run.folder / LISTS).write_text(content)
        assert open_session(Run(run.folder)).lists == session.lists


def test_run_without_lists_notes_none(short_sounds: Path, tmp_path: Path) -> None:
    run = create_run(Workspace(tmp_path / "home"), RunSettings(str(short_sounds), RECIPE, device="cpu"))
    write_plan(run, open_session(run), ("cpu",))
    assert not (run.folder / LISTS).exists()
    assert run.events()[0]["notes"] == []


def test_verdicts_take_precedence_over_lists_and_later_ones_do_not_change_the_run(
    short_sounds: Path, recipe: Recipe, tmp_path: Path
) -> None:
    plain = labels_in(session_of(short_sounds, replace(recipe, lists=ClipLists()), tmp_path / "home"))
    review(short_sounds, tmp_path / "home", EMPTIED, sorted(plain[EMPTIED])[0], "right")
    settings = RunSettings(str(short_sounds), recipe, device="cpu", corrected=True)
    run = create_run(Workspace(tmp_path / "home"), settings)
    session = open_session(run)
    assert labels_in(session)[EMPTIED] == plain[EMPTIED]
    assert labels_in(session)[RELABELLED] == {LABELS[0]}
    assert "changes nothing about 1 clip whose labels reviewers decided" in session.lists.sentences[0]
    write_plan(run, session, ("cpu",))
    review(short_sounds, tmp_path / "home", RELABELLED, sorted(plain[RELABELLED])[0], "right")
    assert labels_in(open_session(run)) == labels_in(session)
    assert read_corrections(run) == []
    assert (
        labels_in(session_of(short_sounds, recipe, tmp_path / "home", corrected=True))[RELABELLED] == plain[RELABELLED]
    )


def test_lists_of_a_recipe_file_are_found_beside_it_and_said_before_the_run(
    short_sounds: Path, recipe: Recipe, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace("[[augment]]", 'lists = { relabel = "relabel.csv" }\n[[augment]]', 1))
    assert load_recipe(str(path)).lists == ClipLists(str(tmp_path / "relabel.csv"))
    notes = run_notes(RunOptions(str(short_sounds), str(path)), Workspace(tmp_path / "home"))
    assert any(note.startswith("List relabel.csv relabels 1 clip") for note in notes)
    path.write_text(GOOD.replace("[[augment]]", "lists = { relabel = 3 }\n[[augment]]", 1))
    with pytest.raises(AudiotagError, match=r"mine\.toml: lists\.relabel must be text, got 3"):
        load_recipe(str(path))


def test_estimate_is_another_one_once_a_list_has_changed(short_sounds: Path, recipe: Recipe, tmp_path: Path) -> None:
    settings, workspace = RunSettings(str(short_sounds), recipe, device="cpu"), Workspace(tmp_path / "home")
    before = Estimate.of(settings, workspace).folder
    assert Estimate.of(settings, workspace).folder == before
    Path(recipe.lists.drop).write_text("clip\n01.wav\n02.wav\n")
    assert Estimate.of(settings, workspace).folder != before
