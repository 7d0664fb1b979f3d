"""Cross-validated agreement in runs: folds wait for each other, add only clips they do not hold out, and resume."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from audiotag.errors import AudiotagError
from audiotag.training import checkpoints, cross_scores, fold_training, lanes
from audiotag.training.agreement import Agreement, choose_rows
from audiotag.training.cross_scores import choose_clips, next_barrier, read_scores
from audiotag.training.lanes import train_lane
from audiotag.training.pool_notes import pool_notes
from audiotag.training.run_progress import fold_rows
from audiotag.training.runs import Run, RunSettings, create_run
from audiotag.training.stage import Stage
from audiotag.training.worker import train_run_folder
from audiotag.workspace import Workspace

from .short_runs import RECIPE, events_of, figures, held_out, session_of, work_and_record

NOISY, CURATED = Stage("noisy", 2, 1e-2), Stage("curated", 2, 1e-2)
WARM_UP = replace(
    RECIPE,
    stages=(
        NOISY,
        CURATED,
        replace(CURATED, epochs=1, agreement=Agreement((1, 2), 0.5, 2)),
        replace(CURATED, epochs=1, agreement=Agreement((3,), 1.0)),
    ),
)


@pytest.fixture(scope="session")
def warm_up(short_sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of four stages, for tests that only read it."""
    home = Workspace(tmp_path_factory.mktemp("warm-up"))
    return work_and_record(create_run(home, RunSettings(str(short_sounds), WARM_UP, device="cpu"))).run


def cut(*_: Any) -> Any:
    raise KeyboardInterrupt


def test_folds_are_trained_up_to_a_stage_that_needs_the_scores_of_all(warm_up: Run) -> None:
    order = [(event["stage"], event["fold"]) for event in events_of(warm_up, "epoch")]
    assert list(dict.fromkeys(order)) == [(0, 1), (1, 1), (0, 2), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]
    waits = [(event["fold"], event["stage"]) for event in events_of(warm_up, "fold-waits")]
    assert waits == [(1, 2), (2, 2), (1, 3), (2, 3)]
    assert warm_up.finished_folds() == [1, 2]


def test_each_noisy_clip_is_scored_by_the_fold_that_holds_it_out(warm_up: Run) -> None:
    session = session_of(warm_up)
    for fold in session.folds:
        for number in (0, 1, 2):
            names, scores, _ = read_scores(warm_up.fold_folder(fold), number)
            assert names == [clip.name for clip in session.clips("noisy").unseen(fold, False).clips]
            assert scores.shape == (len(names), 3)
        first, second = (read_scores(warm_up.fold_folder(fold), number)[1] for number in (0, 1))
        assert not np.array_equal(first, second)


def test_stage_adds_the_clips_of_other_folds_that_the_criterion_chooses(warm_up: Run) -> None:
    session = session_of(warm_up)
    noisy = session.clips("noisy")
    agreed = {(event["stage"], event["fold"]): event["clips"] for event in events_of(warm_up, "agreed")}
    for number in (2, 3):
        agreement = session.recipe.stages[number].agreement
        assert agreement is not None
        chosen = []
        for fold in session.folds:
            by_stage = [read_scores(warm_up.fold_folder(fold), asked - 1) for asked in agreement.stages]
            rows = choose_rows([scores for _, scores, _ in by_stage], by_stage[0][2], agreement)
            chosen += [by_stage[0][0][row] for row in rows]
        assert json.loads((warm_up.folder / f"agreement-{number + 1}.json").read_text()) == chosen
        for fold in session.folds:
            own = {clip.name for clip in noisy.train(fold).clips}
            assert agreed[number, fold] == len(own & set(chosen))
            assert not own & {clip.name for clip in noisy.unseen(fold, False).clips}
    assert any(agreed.values())


def test_run_that_is_cut_off_at_the_barrier_ends_as_one_that_is_not(
    warm_up: Run, ready: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready(WARM_UP)
    with monkeypatch.context() as patched:
        patched.setattr(fold_training, "choose_clips", cut)
        with pytest.raises(KeyboardInterrupt):
            train_run_folder(run)
    assert [row["state"] for row in fold_rows(run.events())] == ["waiting", "waiting"]
    assert next_barrier(run, session_of(run)) == 3
    with monkeypatch.context() as patched:  # after the scores of fold 1 at the end of stage 3
        patched.setattr(Run, "clear_progress", cut)
        with pytest.raises(KeyboardInterrupt):
            train_run_folder(run)
    train_run_folder(run)
    assert run.state() == "finished"
    assert figures(run) == figures(warm_up)
    np.testing.assert_array_equal(held_out(run, 2)["scores"], held_out(warm_up, 2)["scores"])


def test_fold_that_resumes_from_its_earlier_checkpoint_trains_the_missing_epoch_although_it_has_scores(
    warm_up: Run, ready: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready(WARM_UP)
    with monkeypatch.context() as patched:
        patched.setattr(fold_training, "choose_clips", cut)
        with pytest.raises(KeyboardInterrupt):
            train_run_folder(run)
    (run.fold_folder(1) / checkpoints.CHECKPOINT).write_bytes(b"damaged")
    train_run_folder(run)
    assert figures(run) == figures(warm_up)


def test_fold_past_the_barrier_goes_on_without_its_scores_and_is_refused_where_the_choice_is_lost_too(
    warm_up: Run, ready: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready(WARM_UP)
    save = fold_training.save_noisy_scores

    def save_before_stage_3(folder: Path, number: int, *scores: Any) -> None:
        cut() if number == 2 else save(folder, number, *scores)

    with monkeypatch.context() as patched:
        patched.setattr(fold_training, "save_noisy_scores", save_before_stage_3)
        with pytest.raises(KeyboardInterrupt):
            train_run_folder(run)
    (run.fold_folder(1) / "agreement-2.safetensors").unlink()
    choice = (run.folder / "agreement-3.json").read_bytes()
    (run.folder / "agreement-3.json").unlink()
    with pytest.raises(AudiotagError, match=r"fold-1/agreement-2\.safetensors is missing; train the run again"):
        train_run_folder(run)
    (run.folder / "agreement-3.json").write_bytes(choice)
    train_run_folder(run)
    assert run.state() == "finished"
    assert figures(run) == figures(warm_up)


def test_lanes_wait_for_each_other_at_the_barrier(
    warm_up: Run, ready: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready(WARM_UP, device="cpu,cpu")

    class Lane:
        """A lane in this process, which works when it is waited for."""

        def __init__(self, command: list[str], env: dict[str, str]) -> None:
            (folds,) = (word.removeprefix("--folds=") for word in command if word.startswith("--folds="))
            self.folds = [int(fold) for fold in folds.split(",")]

        def wait(self) -> int:
            train_lane(run, self.folds, "cpu", psutil.Process())
            return 0

    monkeypatch.setattr(lanes.subprocess, "Popen", Lane)
    train_run_folder(run, ("cpu", "cpu"))
    assert run.state() == "finished"
    assert figures(run) == figures(warm_up)


def test_damaged_list_of_chosen_clips_is_made_again_and_damaged_scores_are_refused_by_name(
    warm_up: Run, ready: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    run, session = ready(WARM_UP), session_of(warm_up)
    for fold in (1, 2):
        for path in warm_up.fold_folder(fold).glob("agreement-*"):
            run.fold_folder(fold).mkdir(parents=True, exist_ok=True)
            (run.fold_folder(fold) / path.name).write_bytes(path.read_bytes())
    stage = WARM_UP.stages[2]
    (run.folder / "agreement-3.json").write_text("{")
    assert choose_clips(run, session, 2, stage) == choose_clips(warm_up, session, 2, stage)
    (run.folder / "agreement-3.json").unlink()
    (run.fold_folder(2) / "agreement-1.safetensors").write_bytes(b"damaged")
    with pytest.raises(AudiotagError, match=r"fold-2/agreement-1\.safetensors is damaged"):
        choose_clips(run, session, 2, stage)
    (run.fold_folder(2) / "agreement-1.safetensors").unlink()
    with pytest.raises(AudiotagError, match=r"fold-2/agreement-1\.safetensors is missing"):
        choose_clips(run, session, 2, stage)
    assert cross_scores.has_scores(run, 1, {0, 1, 2})


@pytest.mark.parametrize("folds", [(1,), (1, 2)])
def test_single_fold_is_warned_that_agreement_adds_nothing(
    folds: tuple[int, ...], short_sounds: Path, tmp_path: Path
) -> None:
    from audiotag.training.session import Session

    session = Session.open(RunSettings(str(short_sounds), WARM_UP, folds, device="cpu"), Workspace(tmp_path))
    sentences = [note for note in pool_notes(session) if "by agreement" in note]
    assert len(sentences) == (1 if folds == (1,) else 0)
    assert all(note.startswith("Stages 3 and 4 add no noisy clips by agreement, because only") for note in sentences)


def test_dataset_without_noisy_clips_has_no_barrier(short_sounds: Path, tmp_path: Path) -> None:
    from audiotag.data.layouts import open_dataset
    from audiotag.training.session import Session

    dataset = open_dataset(short_sounds)
    curated = replace(dataset, clips=dataset.subset("curated"))
    session = Session(curated, RunSettings(str(short_sounds), WARM_UP), Workspace(tmp_path))
    assert (session.barriers, session.scored_stages) == ([], set())
    assert [number for number, _ in session.stages] == [1, 2, 3]
