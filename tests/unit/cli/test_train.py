"""A training says which clips it did without, and its status says that there were some."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_progress import LEFT_OUT_FILE
from audiotag.training.runs import Run, RunSettings, create_run
from audiotag.training.session import Session
from audiotag.training.worker import write_left_out, write_plan
from audiotag.workspace import Workspace

from ..conftest import CommandResult

STAGES = [{"stage": 0, "subset": "curated", "epochs": 1, "clips": 9, "pixels": 9, "shared": False}]


@pytest.fixture
def finished(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], Run]:
    """``finished(count)``: a finished run that left out so many clips; starting it again does nothing."""
    monkeypatch.setattr(Run, "start", lambda run: None)

    def make(count: int) -> Run:
        run = create_run(Workspace(), RunSettings(str(tmp_path), load_recipe("quick"), (1,)))
        reasons = [f"dog/{number:02}.wav is empty (0 bytes); copy or record it again." for number in range(count)]
        run.write_event("run-started", folds=[1], labels=["a"], stages=STAGES, devices=["cpu"], left_out=reasons)
        run.write_event("fold-finished", fold=1, clips=9, lwlrap=0.5, accuracy=0.5, per_class=[0.5])
        write_left_out(run)
        run.write_status("finished")
        return run

    return make


def test_clips_that_were_left_out_are_printed_and_make_the_status_one(
    finished: Callable[[int], Run], run: Callable[..., CommandResult]
) -> None:
    trained = finished(12)
    outcome = run("train", "--resume", trained.name)
    assert outcome.status == 1
    assert "\n12 left out:\n  dog/00.wav is empty" in outcome.err
    assert "dog/09.wav" in outcome.err
    assert "dog/10.wav" not in outcome.err
    assert f"… and 2 more; {trained.folder / LEFT_OUT_FILE} lists all." in outcome.err
    assert len((trained.folder / LEFT_OUT_FILE).read_text().splitlines()) == 12
    assert len(run("train", "--resume", trained.name, "--json").json()["left_out"]) == 12


def test_training_that_used_all_clips_has_the_status_zero_and_no_list(
    finished: Callable[[int], Run], run: Callable[..., CommandResult]
) -> None:
    trained = finished(0)
    outcome = run("train", "--resume", trained.name)
    assert (outcome.status, "left out" in outcome.err) == (0, False)
    assert not (trained.folder / LEFT_OUT_FILE).exists()


@pytest.fixture
def dataset(tmp_path: Path, write_wav: Callable) -> Path:
    """Nine whole clips, a broken one, one that the table names but that is not there, and one without a label."""
    root = tmp_path / "sounds"
    names = [write_wav(root / f"{number}.wav", np.full(2000, 0.1 + number / 100), 8000).name for number in range(9)]
    (root / "broken.wav").write_text("Dear Sir or Madam,")
    write_wav(root / "bare.wav", np.full(2000, 0.3), 8000)
    rows = [
        f"{name},{'Hum' if number % 2 else 'Hiss'}" for number, name in enumerate([*names, "broken.wav", "gone.wav"])
    ]
    (root / "t.csv").write_text("\n".join(["fname,label", *rows, "bare.wav,"]) + "\n")
    return root


def session_of(root: Path) -> Session:
    return Session(open_dataset(root), RunSettings(str(root), load_recipe("quick"), (1,)))


def test_plan_of_a_run_lists_broken_missing_and_unlabelled_clips(dataset: Path) -> None:
    session = session_of(dataset)
    run = create_run(Workspace(), session.settings)
    write_plan(run, session, ("cpu",))
    lines = (run.folder / LEFT_OUT_FILE).read_text().splitlines()
    assert sorted(line.split()[0] for line in lines) == ["bare.wav", "broken.wav", "gone.wav"]
    assert lines == run.events()[0]["left_out"]


def test_sounds_that_were_moved_are_said_in_one_sentence(dataset: Path) -> None:
    session, estimate = session_of(dataset), session_of(dataset)
    for path in dataset.glob("*.wav"):
        path.unlink()
    sentence = rf"none of the 10 curated sounds are where the dataset says, like {dataset}/0\.wav; put them back"
    for ask in (session.check_clips, lambda: estimate.split_rows("curated", 1)):
        with pytest.raises(AudiotagError, match=sentence):
            ask()


def test_sounds_that_are_all_broken_are_said_with_the_first_reason(dataset: Path) -> None:
    session = session_of(dataset)
    for path in dataset.glob("*.wav"):
        path.write_bytes(b"")
    with pytest.raises(
        AudiotagError, match=r"none of the 10 curated sounds can be used; the first one: 0\.wav is empty"
    ):
        session.check_clips()


def test_ctrl_c_while_the_notes_of_a_new_run_are_found_stops_it(
    dataset: Path, run: Callable[..., CommandResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Run] = []

    def interrupted(*_: object) -> tuple[str, ...]:
        assert begun  # the worker does not wait for the notes
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "start", lambda run: begun.append(run))
    monkeypatch.setattr("audiotag.training.run_blocking.run_notes", interrupted)
    run("train", dataset, "--folds", "1", "--detach")
    assert begun[0].is_stop_requested()
