"""Labels are corrected by the newest verdict of each reviewer, and stay where reviewers disagree."""

from dataclasses import replace
from itertools import count
from pathlib import Path

import pandas as pd
import pytest

from audiotag.data.corrections import (
    HAS_NO_LABEL,
    SOURCE_LABELS,
    Correction,
    apply_corrections,
    clips_with_known_labels,
    find_corrections,
    is_decided,
)
from audiotag.data.dataset import Dataset
from audiotag.data.verdicts import Answer, Verdict

CLOCK = count(1)
CONTENTS = {"a.wav": "aa" * 16, "b.wav": "bb" * 16}


def say(
    answer: Answer, label: str, clip: str = "a.wav", by: str = "ann", other: str = "", content: str = "", at: float = 0
) -> Verdict:
    """A verdict on a clip that is labelled Bark and Hum."""
    before = ("Bark", "Hum")
    kept = tuple(each for each in before if each != label)
    after = {"wrong": kept, "add": (*before, label), "other": (*kept, other)}.get(answer, before)
    return Verdict("curated", clip, label, answer, before, after, by, content, "", at or next(CLOCK), "x")


def clips(*names: str, labels: tuple[str, ...] = ("Bark", "Hum"), **columns: list) -> pd.DataFrame:
    return pd.DataFrame({"subset": "curated", "clip": list(names), "labels": [labels] * len(names)} | columns)


def after(*verdicts: Verdict) -> tuple[str, ...]:
    """The labels of the clip that these verdicts are about."""
    found = find_corrections(clips("a.wav"), verdicts)
    return found[0].after if found else ("Bark", "Hum")


def test_verdicts_change_the_labels_that_they_are_about() -> None:
    assert after(say("wrong", "Bark")) == ("Hum",)
    assert after(say("add", "Meow")) == ("Bark", "Hum", "Meow")
    assert after(say("other", "Bark", other="Meow")) == ("Hum", "Meow")
    assert after(say("wrong", "Bark"), say("add", "Meow")) == ("Hum", "Meow")


def test_verdicts_that_confirm_or_decide_nothing_are_no_correction() -> None:
    for answer in ("right", "unsure", "skip"):
        assert find_corrections(clips("a.wav"), [say(answer, "Bark")]) == []
    assert find_corrections(clips("a.wav"), []) == []
    assert find_corrections(clips("a.wav"), [say("wrong", "Bark", clip="gone.wav")]) == []


def test_all_labels_can_be_taken_away() -> None:
    assert after(say("wrong", "Bark"), say("wrong", "Hum")) == ()


def test_newest_verdict_of_a_reviewer_counts() -> None:
    assert after(say("wrong", "Bark"), say("right", "Bark")) == ("Bark", "Hum")
    assert after(say("right", "Bark"), say("wrong", "Bark")) == ("Hum",)
    assert after(say("wrong", "Bark"), say("unsure", "Bark")) == ("Hum",)  # unsure takes nothing back


def test_label_stays_while_two_reviewers_disagree() -> None:
    ann, ben = say("wrong", "Bark"), say("right", "Bark", by="ben")
    assert after(ann, ben) == after(ben, ann) == ("Bark", "Hum")
    assert after(ann, ben, say("wrong", "Bark", by="ben")) == ("Hum",)
    assert after(say("add", "Meow"), say("right", "Meow", by="ben")) == ("Bark", "Hum")
    # About another label they agree.
    assert after(ann, ben, say("wrong", "Hum"), say("wrong", "Hum", by="ben")) == ("Bark",)


def test_copies_of_a_clip_and_renamed_clips_are_corrected_by_their_content() -> None:
    table = clips("a.wav", "copy.wav", "other.wav", content=["aa" * 16, "aa" * 16, "bb" * 16])
    found = find_corrections(table, [say("wrong", "Bark", content="aa" * 16)])
    assert [(each.clip, each.after) for each in found] == [("a.wav", ("Hum",)), ("copy.wav", ("Hum",))]
    renamed = clips("new name.wav", content=["aa" * 16])
    assert [each.clip for each in find_corrections(renamed, [say("wrong", "Bark", content="aa" * 16)])] == [
        "new name.wav"
    ]


def test_verdict_is_not_used_for_another_sound_under_the_same_name() -> None:
    replaced = clips("a.wav", content=["bb" * 16])
    assert find_corrections(replaced, [say("wrong", "Bark", content="aa" * 16)]) == []
    assert len(find_corrections(replaced, [say("wrong", "Bark")])) == 1  # given before contents were known
    unknown = clips("a.wav", content=[pd.NA])
    assert len(find_corrections(unknown, [say("wrong", "Bark", content="aa" * 16)])) == 1


def test_copies_without_known_content_do_not_share_verdicts() -> None:
    table = clips("a.wav", "b.wav", content=["", ""])
    assert [each.clip for each in find_corrections(table, [say("wrong", "Bark")])] == ["a.wav"]


def test_newest_verdict_counts_even_if_a_clock_was_set_back() -> None:
    first = say("wrong", "Bark", content="aa" * 16, at=1000.0)
    second = say("right", "Bark", clip="copy.wav", content="aa" * 16, at=10.0)  # later in the journal
    table = clips("a.wav", "copy.wav", content=["aa" * 16] * 2)
    assert find_corrections(table, [first, second]) == []
    assert len(find_corrections(table, [second, first])) == 2


@pytest.fixture
def dataset() -> Dataset:
    names = ("a.wav", "b.wav")
    rows = clips(*names).assign(path=[Path(name) for name in names], fold=pd.NA, group=pd.NA)
    return Dataset("data", Path("/data"), "made", rows, ("Bark", "Hum"), ())


def test_corrected_dataset_keeps_the_labels_of_its_tables_beside_the_new_ones(dataset: Dataset) -> None:
    before = dataset.clips.copy()
    corrected = apply_corrections(dataset, [Correction("curated", "a.wav", ("Bark", "Hum"), ("Meow",))])
    assert corrected.clips["labels"].tolist() == [("Meow",), ("Bark", "Hum")]
    assert corrected.clips[SOURCE_LABELS].tolist() == [("Bark", "Hum")] * 2
    assert corrected.labels == ("Bark", "Hum", "Meow")
    pd.testing.assert_frame_equal(dataset.clips, before)
    emptied = apply_corrections(dataset, [Correction("curated", "a.wav", ("Bark", "Hum"), ())])
    assert emptied.clips["labels"].tolist() == [(), ("Bark", "Hum")]
    assert emptied.labels == ("Bark", "Hum")  # what a network can say does not depend on one clip


def test_correction_of_labels_that_have_changed_since_or_of_no_clip_is_left_out(dataset: Dataset) -> None:
    changed = Correction("curated", "a.wav", ("Bark",), ("Meow",))
    for correction in (changed, replace(changed, clip="gone.wav"), replace(changed, subset="noisy")):
        assert apply_corrections(dataset, [correction]) is dataset
    reordered = Correction("curated", "a.wav", ("Hum", "Bark"), ("Meow",))
    assert apply_corrections(dataset, [reordered]).clips["labels"].iloc[0] == ("Meow",)


def test_correction_survives_its_plain_values() -> None:
    correction = Correction("curated", "a.wav", ("Bark", "Hum"), ())
    assert Correction.from_dict(correction.to_dict()) == correction


def label(*after: str, before: tuple[str, ...] = (), by: str = "ann", clip: str = "a.wav") -> Verdict:
    """A verdict that gives a clip all its labels at once, as labelling from nothing does."""
    answer: Answer = "right" if set(before) == set(after) else "other"
    return Verdict("curated", clip, "", answer, before, after, by, "", "", next(CLOCK), "x")


def test_clips_without_a_label_in_the_tables_get_labels_that_no_table_has() -> None:
    table = clips("a.wav", "b.wav", "c.wav", labels=())
    verdicts = [label("Owl", "Wind"), label("Rain", clip="b.wav")]
    assert [(each.clip, each.before, each.after) for each in find_corrections(table, verdicts)] == [
        ("a.wav", (), ("Owl", "Wind")),
        ("b.wav", (), ("Rain",)),
    ]
    changed = find_corrections(table, [*verdicts, label("Owl", before=("Owl", "Wind"))])
    assert changed[0].after == ("Owl",)


def test_no_label_fits_is_known_and_nothing_said_is_not() -> None:
    bare: tuple[str, ...] = ()
    assert not is_decided(bare, [])
    assert not is_decided(bare, [Verdict("curated", "a.wav", "", "skip", (), (), "ann")])
    assert not is_decided(bare, [Verdict("curated", "a.wav", "Bark", "right", (), (), "ann")])  # only not a Bark
    assert is_decided(bare, [label()])
    assert is_decided(bare, [label("Owl"), label(before=("Owl",))])
    assert is_decided(("Bark",), [])
    disagreement = [label("Owl"), label(before=("Owl",), by="bob")]
    assert not is_decided(bare, disagreement)
    assert find_corrections(clips("a.wav", labels=()), disagreement) == []


def test_only_clips_with_known_labels_are_left(tmp_path: Path) -> None:
    table = clips("a.wav", "b.wav", "c.wav", labels=()).assign(path=tmp_path)
    dataset = Dataset("sounds", tmp_path, "", table, (), ())
    assert len(clips_with_known_labels(dataset).clips) == 0
    corrected = apply_corrections(dataset, find_corrections(table, [label("Owl"), label(clip="b.wav")]))
    assert corrected.labels == ("Owl",)
    assert corrected.clips[HAS_NO_LABEL].tolist() == [False, True, False]
    known = clips_with_known_labels(corrected)
    assert dict(zip(known.clips["clip"], known.clips["labels"], strict=True)) == {"a.wav": ("Owl",), "b.wav": ()}
    assert clips_with_known_labels(known) is known
