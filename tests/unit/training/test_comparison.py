"""Comparing two runs: better, worse or not to be told apart, on the clips that both held out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

import audiotag
from audiotag.data.clip_lists import ClipLists
from audiotag.data.layouts import open_dataset
from audiotag.data.left_out import LeftOutClip, leave_out
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.errors import AudiotagError
from audiotag.training.comparison import Comparison, compare_held_out, compare_runs
from audiotag.training.held_out import HeldOutScores
from audiotag.training.pools import Pools
from audiotag.training.runs import Run
from audiotag.training.stage import Stage
from audiotag.workspace import Workspace, write_json

LABELS = ("Bark", "Bell", "Hiss")
COUNT = 24
NAMES = [f"{number:02}.wav" for number in range(COUNT)]
TRUTH = {("curated", name): (LABELS[number % 3],) for number, name in enumerate(NAMES)}
RIGHT = np.eye(3, dtype=np.float32)[np.arange(COUNT) % 3]
WRONG = 1 - RIGHT
MakeRun = Callable[..., Run]


def held_out(scores: np.ndarray = RIGHT, labels: tuple[str, ...] = LABELS, folds: int = 3) -> HeldOutScores:
    """Scores of all clips, in ``folds`` folds that each hold out successive clips."""
    clips = pd.DataFrame({"subset": "curated", "clip": NAMES, "fold": np.arange(COUNT) * folds // COUNT + 1})
    return HeldOutScores(labels, clips, scores, RIGHT)


def rows(scores: HeldOutScores, chosen: Any) -> HeldOutScores:
    clips = scores.clips.iloc[chosen].reset_index(drop=True)
    return HeldOutScores(scores.labels, clips, scores.scores[chosen], scores.targets[chosen])


def noisy_scores(seed: int, skill: float = 1.0) -> np.ndarray:
    return (skill * RIGHT + np.random.default_rng(seed).normal(size=RIGHT.shape)).astype(np.float32)


def test_identical_runs_cannot_be_told_apart() -> None:
    found = compare_held_out(held_out(noisy_scores(0)), held_out(noisy_scores(0)), TRUTH)
    assert found.conclusion == "cannot be told apart"
    every = [found.accuracy, *found.rows.values(), *found.labels.values()]
    assert {(result.difference, result.low, result.high) for result in every} == {(0, 0, 0)}
    assert found.sentence == (
        f"the second run and the first run cannot be told apart by these 24 clips: lwlrap {found.lwlrap.first:.4f} "
        f"against {found.lwlrap.first:.4f}, a difference of +0.0000 (95 % interval +0.0000 to +0.0000)."
    )


def test_a_run_that_is_right_on_every_clip_is_better_and_the_other_one_worse() -> None:
    found = compare_held_out(held_out(WRONG), held_out(RIGHT), TRUTH)
    # A clip of the first run has its label on rank 3 of 3.
    assert (found.lwlrap.first, found.lwlrap.second) == pytest.approx((1 / 3, 1))
    assert (found.accuracy.first, found.accuracy.second) == (0, 1)
    assert found.conclusion == "better"
    assert found.sentence == (
        "the second run is better than the first run on these 24 clips: lwlrap 1.0000 against 0.3333, a difference of "
        "+0.6667 (95 % interval +0.6667 to +0.6667)."
    )
    assert compare_held_out(held_out(RIGHT), held_out(WRONG), TRUTH).conclusion == "worse"


def test_exchanging_the_runs_changes_the_sign_alone() -> None:
    first, second = held_out(noisy_scores(0)), held_out(noisy_scores(1))
    there, back = compare_held_out(first, second, TRUTH), compare_held_out(second, first, TRUTH)
    for name in ("lwlrap", "accuracy"):
        one, other = getattr(there, name), getattr(back, name)
        assert one.difference == pytest.approx(-other.difference)
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_clips_are_paired_whatever_their_order() -> None:
    first, second = held_out(noisy_scores(0)), held_out(noisy_scores(1))
    shuffled = rows(second, np.random.default_rng(0).permutation(COUNT))
    assert compare_held_out(first, shuffled, TRUTH) == compare_held_out(first, second, TRUTH)


def test_the_truth_is_what_is_given_not_what_a_run_was_trained_on() -> None:
    swapped = {key: (LABELS[(LABELS.index(label) + 1) % 3],) for key, (label,) in TRUTH.items()}
    assert compare_held_out(held_out(RIGHT), held_out(np.roll(RIGHT, 1, axis=1)), swapped).lwlrap.second == 1


def test_each_fold_and_each_label_has_its_own_difference() -> None:
    scores = RIGHT.copy()
    scores[:8] = WRONG[:8]  # fold 1
    found = compare_held_out(held_out(scores), held_out(RIGHT), TRUTH)
    assert list(found.rows) == ["fold 1", "fold 2", "fold 3", "mean of 3 folds", "all clips"]
    assert [result.difference for result in found.rows.values()] == pytest.approx([2 / 3, 0, 0, 2 / 9, 2 / 9])
    assert [result.conclusion for result in found.folds.values()] == ["better", *["cannot be told apart"] * 2]
    # Of the 8 clips of each label, fold 1 has 3 Barks, 3 Bells and 2 Hisses.
    assert {label: result.clips for label, result in found.labels.items()} == dict.fromkeys(LABELS, 8)
    differences = [result.difference for result in found.labels.values()]
    assert differences == pytest.approx([2 / 3 * 3 / 8, 2 / 3 * 3 / 8, 2 / 3 * 2 / 8])
    assert found.labels["Bark"].low <= differences[0] <= found.labels["Bark"].high


def test_clips_of_one_group_count_as_one_recording() -> None:
    first, second = held_out(noisy_scores(0)), held_out(noisy_scores(1))
    alone = compare_held_out(first, second, TRUTH)
    grouped = compare_held_out(first, second, TRUTH, {("curated", name): at // 8 for at, name in enumerate(NAMES)})
    assert (alone.lwlrap.units, grouped.lwlrap.units) == (24, 3)
    assert grouped.lwlrap.difference == alone.lwlrap.difference
    wrong = compare_held_out(held_out(WRONG), held_out(RIGHT), TRUTH, {key: 0 for key in list(TRUTH)[4:]})
    assert wrong.lwlrap.differing_units == 5
    assert wrong.conclusion == "cannot be told apart"
    assert wrong.sentence.endswith(" They differ on 5 recordings; at least 6 are needed to tell.")


def test_runs_with_other_folds_are_compared_clip_by_clip_and_that_is_said() -> None:
    found = compare_held_out(held_out(WRONG), held_out(RIGHT, folds=4), TRUTH)
    assert (found.conclusion, found.lwlrap.clips, found.folds, found.mean_of_folds) == ("better", 24, {}, None)
    assert list(found.rows) == ["all clips"]
    assert found.notes == (
        "The folds of the two runs differ. They are compared on the 24 clips that both held out, clip by clip, without "
        "figures per fold.",
    )


def test_folds_of_one_run_alone_do_not_count() -> None:
    found = compare_held_out(held_out(WRONG), rows(held_out(RIGHT), slice(0, 16)), TRUTH)
    assert (list(found.folds), found.lwlrap.clips) == ([1, 2], 16)
    assert found.notes == ("8 clips were held out by finished folds of the first run alone.",)


def test_clips_that_are_gone_or_left_out_or_have_no_label_are_counted() -> None:
    truth = {key: labels for key, labels in TRUTH.items() if key[1] > "03.wav"}
    truth["curated", "04.wav"] = ()
    found = compare_held_out(held_out(WRONG), held_out(RIGHT), truth, left_out=[("curated", "00.wav")])
    assert found.lwlrap.clips == 19
    assert found.notes == (
        "1 clip is left out of the dataset by you, and does not count.",
        "3 clips are not in the dataset any more.",
        "1 clip has no label to be scored by.",
    )


def test_file_names_of_earlier_versions_find_their_clip_or_are_left_out() -> None:
    truth = {("curated", f"dog/{name}"): labels for (_, name), labels in TRUTH.items()}
    truth["curated", "cat/00.wav"] = ("Bark",)
    new = held_out(RIGHT)
    renamed = HeldOutScores(LABELS, new.clips.assign(clip="dog/" + new.clips["clip"]), new.scores, new.targets)
    found = compare_held_out(held_out(WRONG), renamed, truth)
    assert found.lwlrap.clips == 23
    assert found.notes == (
        "1 clip was held out by finished folds of the second run alone.",
        "1 clip has a file name in the first run that fits several; left out.",
    )


def test_runs_with_other_vocabularies_are_compared_on_the_labels_that_both_know() -> None:
    scores = np.concatenate([np.ones((COUNT, 1), np.float32), WRONG[:, ::-1]], axis=1)
    first = held_out(scores, ("Alarm", "Hiss", "Bell", "Bark"))
    truth = TRUTH | {("curated", "00.wav"): ("Siren", "Bark"), ("curated", "01.wav"): ("Alarm",)}
    found = compare_held_out(first, held_out(RIGHT), truth)
    assert (found.lwlrap.first, found.lwlrap.second) == pytest.approx((1 / 3, 1))  # Alarm would be on rank 1
    assert (found.lwlrap.clips, sorted(found.labels)) == (23, ["Bark", "Bell", "Hiss"])
    assert found.notes == (
        "the second run does not know Alarm; only labels that both know are compared.",
        "Neither run knows Siren, which some clips have; that is not scored.",
        "1 clip has no label to be scored by.",
    )


@pytest.mark.parametrize(
    ("second", "truth", "message"),
    [
        (held_out(RIGHT, ("a", "b", "c")), TRUTH, "they have no label in common."),
        (
            rows(held_out(RIGHT), slice(16, COUNT)),
            TRUTH,
            "they held out no clip in common: finished are folds 1, 2 of the first run and fold 3 of the second run. "
            "Train the same folds of both.",
        ),
        (held_out(RIGHT), {("noisy", "00.wav"): ("Bark",)}, "the 16 clips that both held out are not in the dataset"),
        (held_out(RIGHT), dict.fromkeys(TRUTH, ("Siren",)), "none of the clips that both held out has a label"),
        (held_out(np.full_like(RIGHT, np.nan)), TRUTH, "16 scores of the second run are not numbers"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(second: HeldOutScores, truth: Any, message: str) -> None:
    with pytest.raises(AudiotagError) as raised:
        compare_held_out(rows(held_out(WRONG), slice(0, 16)), second, truth)
    assert str(raised.value).startswith(message)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A folder with a different sound for each clip, but two that are copies of each other."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        content = np.random.default_rng(max(number, 1)).normal(size=100)
        soundfile.write(folder / name, 0.1 * content, 8000)
    lines = [f"{name},{LABELS[number % 3]}" for number, name in enumerate(NAMES)]
    (folder / "clips.csv").write_text("\n".join(["fname,label", *lines]) + "\n")
    return folder


def folds_of(scores: np.ndarray, folds: int = 3) -> dict[int, dict[str, list[float]]]:
    """The clips that each fold holds out, with their scores."""
    each = zip(np.arange(COUNT) * folds // COUNT + 1, NAMES, scores.tolist(), strict=True)
    found: dict[int, dict[str, list[float]]] = {}
    for fold, name, values in each:
        found.setdefault(int(fold), {})[name] = values
    return found


def compared(first: Run, second: Run, **options: Any) -> Comparison:
    return compare_runs(first, second, Workspace(), **options)


def give_verdict(dataset: Path, clip: str, label: str, answer: Any, before: list[str], after: list[str]) -> None:
    root = open_dataset(dataset).root
    verdict = Verdict("curated", clip, label, answer, tuple(before), tuple(after), "Ann")
    VerdictJournal.of(root, Workspace()).append([verdict])


def test_runs_are_read_from_disk_and_copies_stay_together(dataset: Path, scored_run: MakeRun) -> None:
    first, second = (scored_run(Workspace(), dataset, LABELS, folds_of(scores)) for scores in (WRONG, RIGHT))
    found = compared(first, second)
    assert (found.first, found.second, found.truth) == (first.name, second.name, "corrected")
    assert (found.lwlrap.clips, found.lwlrap.units, found.conclusion) == (24, 23, "better")
    assert found.sentence.startswith(f"{second.name} is better than {first.name} on these 24 clips: lwlrap 1.0000 ")
    assert found.notes == ()
    assert found.to_dict()["folds"]["2"]["clips"] == 8


def test_both_runs_are_measured_on_corrected_labels_unless_those_of_the_tables_are_asked_for(
    dataset: Path, scored_run: MakeRun
) -> None:
    learnt = RIGHT.copy()
    learnt[:12] = [0, 0, 1]  # these sounds are hisses, whatever the table says
    first = scored_run(Workspace(), dataset, LABELS, folds_of(RIGHT))
    second = scored_run(Workspace(), dataset, LABELS, folds_of(learnt), corrected=8)
    for number in range(12):
        if LABELS[number % 3] != "Hiss":
            give_verdict(dataset, NAMES[number], LABELS[number % 3], "other", [LABELS[number % 3]], ["Hiss"])
    by_tables, corrected = compared(first, second, truth="tables"), compared(first, second)
    assert (by_tables.conclusion, by_tables.lwlrap.first) == ("worse", 1)
    assert (corrected.conclusion, corrected.lwlrap.second) == ("better", 1)
    assert corrected.lwlrap.differing_units == 7  # 00.wav and 01.wav are copies
    assert by_tables.notes == (f"{second.name} was trained on the corrected labels of 8 clips.",)
    assert {label: result.clips for label, result in corrected.labels.items()} == {"Bark": 4, "Bell": 4, "Hiss": 16}


def test_a_run_that_draws_from_trusted_clips_is_compared_on_the_labels_of_the_dataset(
    dataset: Path, scored_run: MakeRun, tmp_path: Path
) -> None:
    first, second = (scored_run(Workspace(), dataset, LABELS, folds_of(scores)) for scores in (RIGHT, WRONG))
    (tmp_path / "list.csv").write_text("clip,labels\n01.wav,Bark\n")
    recipe = replace(
        first.settings().recipe,
        stages=(Stage("curated", 1, 1e-3, pools=Pools(curated=0.5, trusted=0.5)),),
        lists=ClipLists("list.csv", "list.csv").relative_to(tmp_path),
    )
    write_json(first.folder / "settings.json", replace(first.settings(), recipe=recipe).to_dict())
    found = compared(Run(first.folder), second)
    assert (found.lwlrap.first, found.conclusion) == (1, "worse")
    assert found.notes == (
        f"{first.name} was trained by lists of clips; both runs are compared on the labels of the dataset.",
    )


def test_a_clip_that_was_left_out_since_does_not_count(dataset: Path, scored_run: MakeRun) -> None:
    first, second = (scored_run(Workspace(), dataset, LABELS, folds_of(scores)) for scores in (WRONG, RIGHT))
    leave_out(open_dataset(dataset), [LeftOutClip("curated", "05.wav", "noise")], Workspace())
    found = compared(first, second)
    assert found.lwlrap.clips == 23
    assert found.notes == ("1 clip is left out of the dataset by you, and does not count.",)


def test_other_datasets_are_refused(dataset: Path, scored_run: MakeRun, tmp_path: Path) -> None:
    other = tmp_path / "others"
    other.mkdir()
    first, second = (scored_run(Workspace(), path, LABELS, folds_of(RIGHT)) for path in (dataset, other))
    message = f"{first.name} and {second.name} cannot be compared: the first is of {dataset}, and the second of {other}"
    with pytest.raises(AudiotagError) as raised:
        compared(first, second)
    assert str(raised.value) == f"{message}. Choose two runs of one dataset."


def test_refusals_name_both_runs(dataset: Path, scored_run: MakeRun) -> None:
    first = scored_run(Workspace(), dataset, LABELS, folds_of(RIGHT))
    second = scored_run(Workspace(), dataset, ("a", "b", "c"), folds_of(RIGHT))
    with pytest.raises(AudiotagError) as raised:
        compared(first, second)
    assert str(raised.value) == f"{first.name} and {second.name} cannot be compared: they have no label in common."


def test_a_run_without_a_finished_fold_or_with_a_missing_file_is_refused(dataset: Path, scored_run: MakeRun) -> None:
    first = scored_run(Workspace(), dataset, LABELS, folds_of(RIGHT))
    empty = scored_run(Workspace(), dataset, LABELS, {})
    with pytest.raises(AudiotagError, match=f"run {empty.name} has no finished fold yet"):
        compared(first, empty)
    (first.fold_folder(2) / "scores.safetensors").unlink()
    with pytest.raises(AudiotagError, match=f"run {first.name} is incomplete: .*fold-2/scores.safetensors is missing"):
        compared(first, first)


def test_an_unknown_truth_is_refused(dataset: Path, scored_run: MakeRun) -> None:
    run = scored_run(Workspace(), dataset, LABELS, folds_of(RIGHT))
    with pytest.raises(AudiotagError, match="truth must be corrected or tables, got 'mine'"):
        compared(run, run, truth="mine")


def test_the_api_takes_runs_and_their_names(dataset: Path, scored_run: MakeRun) -> None:
    first, second = (scored_run(Workspace(), dataset, LABELS, folds_of(scores)) for scores in (WRONG, RIGHT))
    assert audiotag.compare(first.name, second, "tables") == compared(first, second, truth="tables")
    with pytest.raises(AudiotagError, match="there is no run named mine"):
        audiotag.compare("mine", second)


def test_the_result_is_the_same_each_time(dataset: Path, scored_run: MakeRun) -> None:
    first, second = (scored_run(Workspace(), dataset, LABELS, folds_of(noisy_scores(seed))) for seed in (0, 1))
    found = compared(first, second)
    assert compared(first, second) == found
    assert replace(compared(first, second, seed=1), lwlrap=found.lwlrap) != found
