"""Labels are corrected by the newest verdict of each reviewer, and stay where reviewers disagree."""

from dataclasses import replace
from itertools import count
from pathlib import Path

import pandas as pd
import pytest

from audiotag.data.corrections import SOURCE_LABELS, Correction, apply_corrections, find_corrections
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
