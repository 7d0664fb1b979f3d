"""Doubts: an obviously wrong or missing label comes first, and nothing depends on the order of clips or labels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.data.corrections import Correction, apply_corrections
from audiotag.data.dataset import Dataset
from audiotag.review.doubts import Doubt
from audiotag.review.ranking import find_doubts
from audiotag.training.held_out import HeldOutScores

LABELS = ("Bark", "Hum", "Meow", "Rain")
CLIPS = 40
FOLDS = 4


def name(number: int) -> str:
    return f"{number:02}.wav"


def dataset_of(labels: list[tuple[str, ...]], subset: str | list[str] = "curated") -> Dataset:
    clips = pd.DataFrame(
        {
            "clip": [name(number) for number in range(len(labels))],
            "path": [Path(f"/data/{name(number)}") for number in range(len(labels))],
            "subset": subset,
            "labels": pd.Series(labels, dtype=object),
        }
    )
    return Dataset(
        "data", Path("/data"), "made", clips, tuple(sorted({*LABELS, *(x for of in labels for x in of)})), ()
    )


@pytest.fixture
def truth() -> list[tuple[str, ...]]:
    """Forty clips of one label each, in turn."""
    return [(LABELS[number % 4],) for number in range(CLIPS)]


@pytest.fixture
def held_out(truth: list[tuple[str, ...]]) -> HeldOutScores:
    """Scores of folds that hear most of what is there: 0.5 to 0.9 of the label, up to 0.2 of others."""
    rng = np.random.default_rng(5)
    is_in = np.array([[label in of_clip for label in LABELS] for of_clip in truth])
    scores = np.where(is_in, rng.uniform(0.5, 0.9, is_in.shape), rng.uniform(0.0, 0.2, is_in.shape))
    table = pd.DataFrame(
        {
            "subset": "curated",
            "clip": [name(number) for number in range(CLIPS)],
            "fold": [1 + number // 4 % FOLDS for number in range(CLIPS)],
        }
    )
    return HeldOutScores(LABELS, table, scores.astype(np.float32), is_in.astype(np.float32))


def changed(truth: list[tuple[str, ...]], **labels: tuple[str, ...]) -> Dataset:
    """The dataset with wrong labels: ``clip3=("Bark",)``."""
    given = list(truth)
    for clip, of_clip in labels.items():
        given[int(clip.removeprefix("clip"))] = of_clip
    return dataset_of(given)


def keys(doubts: list[Doubt]) -> list[tuple[str, str, str]]:
    return [(doubt.kind, doubt.clip, doubt.label) for doubt in doubts]


def test_obviously_wrong_label_and_the_one_that_is_missing_instead_come_first(
    truth: list[tuple[str, ...]], held_out: HeldOutScores
) -> None:
    doubts = find_doubts(changed(truth, clip3=("Bark",)), held_out)  # it is Rain
    assert set(keys(doubts)[:2]) == {("wrong", "03.wav", "Bark"), ("missing", "03.wav", "Rain")}
    by_kind = {doubt.kind: doubt for doubt in doubts[:2]}
    wrong = by_kind["wrong"]
    assert wrong.labels == ("Bark",)
    assert wrong.score == pytest.approx(float(held_out.scores[3, 0]))
    assert wrong.fold == 1
    assert wrong.path == Path("/data/03.wav")
    assert wrong.clip_lwlrap is not None
    assert wrong.clip_lwlrap < 1
    assert wrong.suggestions[0] == ("Rain", pytest.approx(float(held_out.scores[3, 3])))
    assert [label for label, _ in wrong.suggestions] == sorted(
        {"Hum", "Meow", "Rain"}, key=lambda label: -held_out.scores[3, LABELS.index(label)]
    )
    assert "labelled Bark, but fold 1, not trained on it, scores Bark 0.04" in wrong.reason
    assert "is not labelled Rain, but fold 1" in by_kind["missing"].reason


def test_label_that_was_left_out_is_missing(truth: list[tuple[str, ...]], held_out: HeldOutScores) -> None:
    scores = held_out.scores.copy()
    scores[7, 1] = 0.85  # Rain and Hum
    doubts = find_doubts(dataset_of(truth), replace(held_out, scores=scores))
    assert keys(doubts)[0] == ("missing", "07.wav", "Hum")
    both = changed(truth, clip7=("Hum", "Rain"))
    assert ("missing", "07.wav", "Hum") not in keys(find_doubts(both, replace(held_out, scores=scores)))


def test_list_of_doubts_is_short_where_labels_are_right(truth: list[tuple[str, ...]], held_out: HeldOutScores) -> None:
    assert len(find_doubts(dataset_of(truth), held_out)) == 0
    two = find_doubts(changed(truth, clip3=("Bark",), clip9=("Rain",)), held_out)
    assert {doubt.clip for doubt in two} == {"03.wav", "09.wav"}


def test_qualities_ascend_from_0_to_1(truth: list[tuple[str, ...]], held_out: HeldOutScores) -> None:
    given = dict.fromkeys((f"clip{number}" for number in range(0, 20, 3)), ("Meow",))
    qualities = [doubt.quality for doubt in find_doubts(changed(truth, **given), held_out)]
    assert len(qualities) >= 4
    assert qualities == sorted(qualities)
    assert min(qualities) >= 0
    assert max(qualities) <= 1


def test_order_of_clips_and_labels_changes_nothing(truth: list[tuple[str, ...]], held_out: HeldOutScores) -> None:
    dataset = changed(truth, clip3=("Bark",), clip9=("Rain",), clip20=("Meow", "Hum"))
    first = find_doubts(dataset, held_out)
    rows, columns = np.random.default_rng(1).permutation(CLIPS), [2, 0, 3, 1]
    shuffled = HeldOutScores(
        tuple(LABELS[column] for column in columns),
        held_out.clips.iloc[rows].reset_index(drop=True),
        held_out.scores[rows][:, columns],
        held_out.targets[rows][:, columns],
    )
    clips = dataset.clips.iloc[np.random.default_rng(2).permutation(CLIPS)]
    clips = clips.assign(labels=[tuple(reversed(labels)) for labels in clips["labels"]])
    second = find_doubts(replace(dataset, clips=clips), shuffled)
    assert keys(first) == keys(second)
    for one, other in zip(first, second, strict=True):
        assert one.quality == pytest.approx(other.quality)
        assert one.reason == other.reason
        assert set(one.labels) == set(other.labels)


def test_labels_are_matched_despite_their_spelling_and_by_aliases(
    truth: list[tuple[str, ...]], held_out: HeldOutScores
) -> None:
    dataset = changed(truth, clip3=("Bark",))
    expected = keys(find_doubts(dataset, held_out))
    spelt = replace(held_out, labels=("bark", "HUM", "meow", "rain"))
    assert keys(find_doubts(dataset, spelt)) == expected
    renamed = replace(held_out, labels=("Dog", "HUM", "meow", "rain"))
    assert keys(find_doubts(dataset, renamed, aliases={"Dog": "Bark"})) == expected
    # Without the alias nothing is known about Bark: the clip has no label that is scored, and Rain is missing.
    assert keys(find_doubts(dataset, renamed)) == [("missing", "03.wav", "Rain")]


def test_labels_that_the_dataset_does_not_have_are_no_doubt(
    truth: list[tuple[str, ...]], held_out: HeldOutScores
) -> None:
    loud = np.ones((CLIPS, 1), np.float32)
    more = replace(held_out, labels=(*LABELS, "Speech"), scores=np.hstack([held_out.scores, loud]))
    doubts = find_doubts(changed(truth, clip3=("Bark",)), more)
    assert doubts == find_doubts(changed(truth, clip3=("Bark",)), held_out)
    assert not any(label == "Speech" for doubt in doubts for label, _ in doubt.suggestions)


def test_clips_that_are_gone_or_new_are_passed_over(truth: list[tuple[str, ...]], held_out: HeldOutScores) -> None:
    dataset = changed(truth, clip3=("Bark",), clip9=("Rain",))
    new = dataset.clips.iloc[[9]].assign(clip="new.wav")
    clips = pd.concat([dataset.clips.drop(index=9), new], ignore_index=True)
    assert {doubt.clip for doubt in find_doubts(replace(dataset, clips=clips), held_out)} == {"03.wav"}


def test_scores_that_are_no_numbers_are_passed_over(truth: list[tuple[str, ...]], held_out: HeldOutScores) -> None:
    dataset = changed(truth, clip3=("Bark",), clip9=("Rain",))
    scores = held_out.scores.copy()
    scores[9, 2] = np.nan
    assert {doubt.clip for doubt in find_doubts(dataset, replace(held_out, scores=scores))} == {"03.wav"}
    assert find_doubts(dataset, replace(held_out, scores=np.full_like(scores, np.nan))) == []


def test_scores_of_several_folds_are_averaged(truth: list[tuple[str, ...]], held_out: HeldOutScores) -> None:
    dataset = changed(truth, clip3=("Bark",))
    twice = HeldOutScores(
        LABELS,
        pd.concat([held_out.clips, held_out.clips.assign(fold=held_out.clips["fold"] % FOLDS + 1)], ignore_index=True),
        np.concatenate([held_out.scores * 0.5, held_out.scores * 1.1]),
        np.concatenate([held_out.targets] * 2),
    )
    first = find_doubts(dataset, twice)[0]
    assert first.clip == "03.wav"
    assert first.fold is None
    assert first.score == pytest.approx(0.8 * held_out.scores[3, LABELS.index(first.label)], rel=1e-5)
    assert "the folds that were not trained on it score" in first.reason


def test_clip_without_labels_can_only_miss_some(truth: list[tuple[str, ...]], held_out: HeldOutScores) -> None:
    doubts = find_doubts(changed(truth, clip3=()), held_out)
    assert keys(doubts) == [("missing", "03.wav", "Rain")]
    assert doubts[0].clip_lwlrap is None
    assert doubts[0].labels == ()
    empty = find_doubts(dataset_of([()] * CLIPS), held_out)
    assert empty == []  # nothing is known about any label


def test_label_that_no_fold_could_learn_is_not_called_wrong(
    truth: list[tuple[str, ...]], held_out: HeldOutScores
) -> None:
    labels = (*LABELS, "Zither")
    scores = np.hstack([held_out.scores, np.full((CLIPS, 1), 1e-4, np.float32)])
    more = replace(held_out, labels=labels, scores=scores)
    alone = find_doubts(changed(truth, clip3=("Rain", "Zither")), more)
    assert ("wrong", "03.wav", "Zither") not in keys(alone)
    same_fold = find_doubts(changed(truth, clip3=("Rain", "Zither"), clip2=("Meow", "Zither")), more)  # both in fold 1
    assert "Zither" not in {doubt.label for doubt in same_fold if doubt.kind == "wrong"}
    elsewhere = find_doubts(changed(truth, clip3=("Rain", "Zither"), clip4=("Bark", "Zither")), more)
    assert "Zither" in {doubt.label for doubt in elsewhere if doubt.kind == "wrong"}


def test_folds_of_an_ensemble_that_was_trained_on_other_sounds_know_their_labels(
    truth: list[tuple[str, ...]], held_out: HeldOutScores
) -> None:
    dataset = changed(truth, clip3=("Bark",))
    one_fold = replace(held_out, clips=held_out.clips.assign(fold=1))
    no_number = replace(held_out, clips=held_out.clips.assign(fold=None))
    for scores in (one_fold, no_number):
        assert set(keys(find_doubts(dataset, scores))) == set(keys(find_doubts(dataset, held_out)))


def test_subsets_are_compared_with_themselves(truth: list[tuple[str, ...]], held_out: HeldOutScores) -> None:
    """Noisy clips of the same labels are scored lower, and are not doubtful for that."""
    both = [*truth, *truth]
    dataset = dataset_of(both, ["curated"] * CLIPS + ["noisy"] * CLIPS)
    noisy = held_out.clips.assign(subset="noisy", clip=[name(CLIPS + number) for number in range(CLIPS)])
    scores = np.concatenate([held_out.scores, held_out.scores * 0.1])
    table = pd.concat([held_out.clips, noisy], ignore_index=True)
    assert find_doubts(dataset, HeldOutScores(LABELS, table, scores, np.zeros_like(scores))) == []


def test_labels_are_those_of_the_tables_even_if_they_were_corrected(
    truth: list[tuple[str, ...]], held_out: HeldOutScores
) -> None:
    dataset = changed(truth, clip3=("Bark",))
    corrected = apply_corrections(dataset, [Correction("curated", "03.wav", ("Bark",), ("Rain",))])
    assert find_doubts(corrected, held_out) == find_doubts(dataset, held_out)


def test_dataset_of_a_single_label_has_no_wrong_ones(held_out: HeldOutScores) -> None:
    dataset = dataset_of([("Bark",)] * CLIPS)
    one = replace(held_out, labels=("Bark",), scores=held_out.scores[:, :1], targets=held_out.targets[:, :1])
    assert find_doubts(replace(dataset, labels=("Bark",)), one) == []
    assert find_doubts(dataset, replace(one, labels=("Speech",))) == []  # no label in common


def faults(*rows: tuple[str, str]) -> pd.DataFrame:
    table = [(kind, clip, "curated", f"{clip} is {kind}.") for kind, clip in rows]
    return pd.DataFrame(table, columns=["kind", "clip", "subset", "what"])


def test_contradictions_and_problems_of_the_sound_join_the_queue(
    truth: list[tuple[str, ...]], held_out: HeldOutScores
) -> None:
    dataset = changed(truth, clip3=("Bark",))
    found = find_doubts(
        dataset,
        held_out,
        faults(("silent", "10.wav"), ("contradiction", "11.wav"), ("clipped", "12.wav"), ("DC", "13.wav"),
               ("missing", "14.wav"), ("silent", "gone.wav")),
    )  # fmt: skip
    by_clip = {doubt.clip: doubt for doubt in found if doubt.clip != "03.wav"}
    assert {clip: (doubt.kind, doubt.label) for clip, doubt in by_clip.items()} == {
        "10.wav": ("problem", "Meow"),
        "11.wav": ("contradiction", "Rain"),
        "12.wav": ("problem", "Bark"),
    }
    assert by_clip["10.wav"].reason == "10.wav is silent."
    order = [doubt.clip for doubt in found]
    assert order[0] == "10.wav"  # nothing can be heard in it
    assert order.index("11.wav") < order.index("12.wav") == len(order) - 1
    assert by_clip["11.wav"].suggestions


def test_each_label_of_a_clip_is_asked_about_once(truth: list[tuple[str, ...]], held_out: HeldOutScores) -> None:
    dataset = changed(truth, clip3=("Bark",))
    found = find_doubts(dataset, held_out, faults(("truncated", "03.wav"), ("contradiction", "03.wav")))
    assert len({(doubt.clip, doubt.label) for doubt in found}) == len(found)
    (first,) = [doubt for doubt in found if doubt.label == "Bark"]
    assert first.kind == "contradiction"
    assert "03.wav is contradiction." in first.reason
    assert "03.wav is truncated." in first.reason
    assert "is labelled Bark, but fold 1" in first.reason
    assert first.quality <= min(doubt.quality for doubt in find_doubts(dataset, held_out))


def test_contradictory_clip_that_no_fold_has_scored_is_listed(
    truth: list[tuple[str, ...]], held_out: HeldOutScores
) -> None:
    dataset = changed(truth)
    unscored = replace(
        held_out, clips=held_out.clips.iloc[1:], scores=held_out.scores[1:], targets=held_out.targets[1:]
    )
    (doubt,) = find_doubts(dataset, unscored, faults(("contradiction", "00.wav")))
    assert (doubt.kind, doubt.label, doubt.score, doubt.fold, doubt.clip_lwlrap) == (
        "contradiction", "Bark", None, None, None,
    )  # fmt: skip


def test_no_scores_are_no_doubts(truth: list[tuple[str, ...]], held_out: HeldOutScores) -> None:
    nothing = HeldOutScores(LABELS, held_out.clips.iloc[:0], held_out.scores[:0], held_out.targets[:0])
    assert find_doubts(dataset_of(truth), nothing) == []
