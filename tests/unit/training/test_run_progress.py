"""Progress of a run from its events: steps, work left, one row per fold."""

from pathlib import Path
from typing import Any

import pytest

from audiotag.training.run_progress import (
    epochs_done,
    expected_epochs,
    fingerprint_of,
    fold_rows,
    left_out_of,
    left_out_reasons,
    may_end_early,
    plan_of,
    stages_as_trained,
    work_left,
)
from audiotag.training.runs import SHARED_FOLD


def epoch(fold: int, stage: int, number: int, lwlrap: float = 0.5, seconds: float = 1.0) -> dict[str, Any]:
    return {
        "event": "epoch",
        "fold": fold,
        "stage": stage,
        "epoch": number,
        "lwlrap": lwlrap,
        "seconds": seconds,
    }


def begun(fold: int) -> dict[str, Any]:
    return {"event": "fold-started", "fold": fold}


def plan(*stages: tuple[int, int, int, bool], devices: int = 1, folds: int = 2) -> dict[str, Any]:
    """Stages of (epochs, clips, pixels, shared), numbered from 0."""
    return {
        "event": "run-started",
        "folds": list(range(1, folds + 1)),
        "devices": ["cpu"] * devices,
        "stages": [
            {"stage": number, "epochs": epochs, "clips": clips, "pixels": pixels, "shared": shared}
            for number, (epochs, clips, pixels, shared) in enumerate(stages)
        ],
    }


PLAN = plan((2, 100, 16, False), (3, 50, 16, False))
SHARING = plan((2, 100, 16, True), (3, 50, 16, False))


def test_plan_is_the_first_that_was_made_and_none_before_it() -> None:
    assert plan_of([]) is None
    assert plan_of([begun(1), PLAN, {"event": "run-resumed"}, SHARING]) == PLAN


def test_steps_count_on_across_stages_and_anew_for_each_fold() -> None:
    events = [PLAN, epoch(1, 0, 1), epoch(1, 0, 2), epoch(1, 1, 1), begun(2), epoch(2, 0, 1)]
    assert [(done["fold"], done["step"]) for done in epochs_done(events)] == [(1, 1), (1, 2), (1, 3), (2, 1)]


def test_steps_count_by_the_recipes_own_numbers_of_stages() -> None:
    """A dataset without noisy clips begins with stage 1."""
    only = PLAN | {"stages": PLAN["stages"][1:]}
    assert [done["step"] for done in epochs_done([only, epoch(1, 1, 1), epoch(1, 1, 2)])] == [1, 2]


def test_steps_of_folds_count_on_from_the_shared_stages() -> None:
    events = [SHARING, epoch(SHARED_FOLD, 0, 1), epoch(SHARED_FOLD, 0, 2), epoch(1, 1, 1), epoch(2, 1, 1)]
    assert [(done["fold"], done["step"]) for done in epochs_done(events)] == [
        (SHARED_FOLD, 1),
        (SHARED_FOLD, 2),
        (1, 3),
        (2, 3),
    ]


def test_epoch_with_two_events_counts_once_with_the_last_one() -> None:
    events = [PLAN, epoch(1, 0, 1, lwlrap=0.3), epoch(1, 0, 2), {"event": "run-resumed"}, epoch(1, 0, 2, lwlrap=0.4)]
    assert [(done["step"], done["lwlrap"]) for done in epochs_done(events)] == [(1, 0.3), (2, 0.4)]


def test_clips_left_out_before_and_since_the_run_began_are_listed_with_the_last_fingerprint() -> None:
    plan = PLAN | {"left_out": ["a.wav is empty."], "fingerprint": "one"}
    later = {"event": "clips-left-out", "clips": {"/x/b.wav": "b.wav cannot be read."}, "fingerprint": "two"}
    assert left_out_of([plan]) == {}
    assert left_out_of([plan, later]) == {Path("/x/b.wav"): "b.wav cannot be read."}
    assert left_out_reasons([plan, later]) == ["a.wav is empty.", "b.wav cannot be read."]
    assert (fingerprint_of([plan]), fingerprint_of([plan, later])) == ("one", "two")
    assert left_out_reasons([]) == left_out_reasons([{"event": "run-started"}]) == []  # as of audiotag 0.1
    assert fingerprint_of([]) == ""


def test_work_left_counts_clips_not_epochs() -> None:
    assert work_left([]) is None
    assert work_left([PLAN]) is None
    # The whole is 2 folds × (2 × 100 + 3 × 50) = 700 clips; 100 took 10 s.
    assert work_left([PLAN, epoch(1, 0, 1, seconds=10)]) == pytest.approx(60)
    # 250 clips in 20 s: 0.08 s a clip, 450 to go.
    some = [epoch(1, 0, 1, seconds=8), epoch(1, 0, 2, seconds=8), epoch(1, 1, 1, seconds=4)]
    assert work_left([PLAN, *some]) == pytest.approx(36)
    assert work_left([PLAN, *some], fold=1) == pytest.approx(8)
    assert work_left([PLAN, *some], fold=2) == pytest.approx(28)
    fold = [epoch(1, 0, n) for n in (1, 2)] + [epoch(1, 1, n) for n in (1, 2, 3)]
    assert work_left([PLAN, *fold, *[event | {"fold": 2} for event in fold]]) == pytest.approx(0)


@pytest.mark.parametrize("made", [PLAN, SHARING, plan((2, 100, 16, False), folds=3)])
@pytest.mark.parametrize("phase", ["training", "measuring"])
def test_time_left_of_all_folds_adds_up_to_that_of_the_run_within_an_epoch_too(made: dict, phase: str) -> None:
    first = SHARED_FOLD if made is SHARING else 1
    events = [made, epoch(first, 0, 1, seconds=10)]
    progress = {"fold": first, "stage": 0, "epoch": 2, "batch": 3, "batches": 4, "phase": phase}
    folds = [*([SHARED_FOLD] if made is SHARING else []), *made["folds"]]
    whole = work_left(events, in_training=[progress])
    assert sum(work_left(events, fold, [progress]) for fold in folds) == pytest.approx(whole)
    assert work_left(events) - 10 < whole < work_left(events)  # less than a whole epoch is done since
    finished = progress | {"epoch": 1}  # the file of an epoch that the events have already
    assert work_left(events, in_training=[finished]) == work_left(events)


def test_work_left_weighs_clips_by_their_pixels() -> None:
    # 10 s for 100 clips of 1 pixel; 2 × 100 of 1 and 3 × 50 of 4 are 800 pixels a fold.
    events = [plan((2, 100, 1, False), (3, 50, 4, False)), epoch(1, 0, 1, seconds=10)]
    assert work_left(events, fold=1) == pytest.approx(70)
    assert work_left(events) == pytest.approx(150)


def test_shared_stages_are_work_only_once() -> None:
    # 2 × 100 shared and 2 folds × 3 × 50 are 500 clips; 100 took 10 s.
    events = [SHARING, epoch(SHARED_FOLD, 0, 1, seconds=10)]
    assert work_left(events) == pytest.approx(40)
    assert work_left(events, fold=SHARED_FOLD) == pytest.approx(10)
    assert work_left(events, fold=1) == pytest.approx(15)


def test_epoch_with_two_events_is_work_done_once() -> None:
    once = [PLAN, epoch(1, 0, 1, seconds=10)]
    assert work_left([*once, {"event": "run-resumed"}, epoch(1, 0, 1, seconds=10)]) == work_left(once)


@pytest.mark.parametrize(("devices", "folds", "at_once"), [(1, 4, 1), (2, 4, 2), (8, 4, 4)])
def test_folds_on_several_devices_share_the_work(devices: int, folds: int, at_once: int) -> None:
    one, several = (
        [plan((3, 10, 1, False), devices=count, folds=folds), epoch(1, 0, 1, seconds=10)] for count in (1, devices)
    )
    assert work_left(several) == pytest.approx(work_left(one) / at_once)
    assert work_left(several, fold=2) == work_left(one, fold=2)


def test_fold_rows_distinguish_finished_folds_from_the_one_in_training() -> None:
    events = [
        PLAN,
        begun(1),
        epoch(1, 0, 1, lwlrap=0.4, seconds=2),
        epoch(1, 1, 1, lwlrap=0.9, seconds=3),
        epoch(1, 1, 2, lwlrap=0.8, seconds=3),
        {"event": "fold-finished", "fold": 1, "lwlrap": 0.81},
        begun(2),
    ]
    first = {"fold": 1, "state": "finished", "epochs": 3, "lwlrap": 0.81, "best": 0.9, "seconds": 8, "left_s": None}
    second = {"fold": 2, "state": "training", "epochs": 0, "lwlrap": None, "best": None, "seconds": 0, "left_s": None}
    assert fold_rows(events) == [first, second]
    assert fold_rows(events, active=False) == [first, second | {"state": "cut off"}]


def test_row_of_a_fold_in_training_says_how_long_it_still_takes() -> None:
    events = [PLAN, begun(1), epoch(1, 0, 1, lwlrap=0.4, seconds=10), begun(2), epoch(2, 0, 1, lwlrap=0.5, seconds=10)]
    rows = fold_rows(events)
    assert [(row["lwlrap"], row["best"], row["left_s"]) for row in rows] == [(0.4, 0.4, 25.0), (0.5, 0.5, 25.0)]
    assert [row["left_s"] for row in fold_rows(events, active=False)] == [None, None]


@pytest.mark.parametrize("active", [True, False])
def test_row_of_the_shared_network_is_finished_when_it_is(active: bool) -> None:
    events = [
        SHARING,
        begun(SHARED_FOLD),
        epoch(SHARED_FOLD, 0, 1),
        epoch(SHARED_FOLD, 0, 2, lwlrap=0.6),
        {"event": "shared-finished", "fold": SHARED_FOLD, "lwlrap": 0.7},
        begun(1),
    ]
    shared, _ = fold_rows(events, active)
    assert (shared["fold"], shared["state"], shared["lwlrap"], shared["left_s"]) == (SHARED_FOLD, "finished", 0.7, None)


def test_fold_that_was_resumed_is_one_row() -> None:
    events = [PLAN, begun(1), epoch(1, 0, 1), {"event": "run-resumed"}, epoch(1, 0, 1), epoch(1, 0, 2)]
    (row,) = fold_rows(events)
    assert (row["epochs"], row["seconds"]) == (2, 2.0)


# Stages that end early

EARLY = plan((2, 100, 16, False), (20, 50, 16, False))
EARLY["stages"][1]["stop_after"] = 3
NOISY = [epoch(fold, 0, number) for fold in (1, 2) for number in (1, 2)]


def curated(fold: int, *lwlraps: float) -> list[dict[str, Any]]:
    return [epoch(fold, 1, number, lwlrap) for number, lwlrap in enumerate(lwlraps, start=1)]


def test_stage_that_may_end_early_has_its_planned_epochs_until_a_fold_has_begun_it() -> None:
    assert may_end_early([EARLY])
    assert not may_end_early([PLAN])
    assert expected_epochs([EARLY, *NOISY]) == {(1, 0): 2, (2, 0): 2, (1, 1): 20, (2, 1): 20}


def test_epochs_of_a_fold_in_such_a_stage_are_those_to_its_soonest_end_and_other_folds_have_as_many() -> None:
    events = [EARLY, *NOISY, *curated(1, 0.5, 0.6, 0.6)]
    assert expected_epochs(events) == {(1, 0): 2, (2, 0): 2, (1, 1): 5, (2, 1): 5}
    over = [*events, *curated(1, 0.5, 0.6, 0.6, 0.4, 0.6)[3:], *curated(2, 0.5)]
    assert expected_epochs(over)[1, 1] == 5
    assert expected_epochs(over)[2, 1] == 4


def test_work_left_ends_with_the_stage_and_epochs_count_on_from_its_longest_fold() -> None:
    third = {"stage": 2, "epochs": 4, "clips": 50, "pixels": 16, "shared": False}
    three = EARLY | {"stages": [*EARLY["stages"], third]}
    events = [three, *NOISY, *curated(1, 0.6, 0.5, 0.5, 0.5), *curated(2, 0.5, 0.6, 0.5, 0.5, 0.5)]
    assert [stage["epochs"] for stage in stages_as_trained(events)] == [2, 5, 4]
    done = [epoch(fold, 2, number) for fold in (1, 2) for number in range(1, 5)]
    assert [event["step"] for event in epochs_done([*events, *done]) if event["stage"] == 2] == 2 * [8, 9, 10, 11]
    assert work_left([*events, *done]) == 0
    assert work_left(events, fold=1) == pytest.approx(work_left(events, fold=2))
