"""The state right after an answer says the same as the state of which all is computed, apart from head and order."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.review.labelling.material import LabellingMaterial
from audiotag.review.labelling.state import LabellingState, labelling_state
from audiotag.ui.review.label import loading
from audiotag.ui.review.label.quick_state import advance, changed_since

CLIPS = 12


@pytest.fixture
def material() -> LabellingMaterial:
    """Twelve clips in three clusters; the last one is silent."""
    vectors = np.eye(3, dtype=np.float16)[np.arange(CLIPS) % 3]
    vectors[-1] = 0
    cluster = np.where(vectors.any(axis=1), np.arange(CLIPS) % 3, -1)
    names = [f"{number:02}.wav" for number in range(CLIPS)]
    clips = pd.DataFrame({"subset": "curated", "clip": names, "path": [Path(name) for name in names]})
    clips["labels"] = [()] * CLIPS
    clips["content"] = pd.array([pd.NA] * CLIPS, dtype="string")
    ones = np.ones(CLIPS, dtype=np.float32)
    return LabellingMaterial(clips, (), vectors, vectors.astype(np.float32), cluster, ones, np.arange(CLIPS))


def verdict(number: int, *labels: str, answer: str = "other", reviewer: str = "ann", action: str = "") -> Verdict:
    after = () if answer == "skip" else labels
    return Verdict("curated", f"{number:02}.wav", "", answer, (), after, reviewer, action=action or str(number))  # type: ignore[arg-type]


STEPS = (
    [verdict(0, "Bark")],
    [verdict(1, "Howl", "Bark"), verdict(2, "Howl", action="1")],
    [verdict(3, answer="skip")],
    [verdict(4, answer="skip", reviewer="ben")],
    [verdict(5)],
    [verdict(0, "Howl", reviewer="ben")],
    [verdict(3, "Bark")],
)


def assert_same(quick: LabellingState, whole: LabellingState) -> None:
    assert (quick.labels, quick.given) == (whole.labels, whole.given)
    np.testing.assert_array_equal(quick.is_labelled, whole.is_labelled)
    np.testing.assert_array_equal(quick.is_skipped, whole.is_skipped)
    assert sorted(offer.row for offer in quick.offers) == sorted(offer.row for offer in whole.offers)
    skipped = [offer.row for offer in quick.offers if quick.is_skipped[offer.row]]
    assert [offer.row for offer in quick.offers][len(quick.offers) - len(skipped) :] == skipped


def test_quick_state_equals_the_whole_one_after_answers_and_after_undo(material: LabellingMaterial) -> None:
    rows = loading.rows_by_name(material)
    verdicts: list[Verdict] = []
    quick = labelling_state(material, verdicts, "ann")
    for step in STEPS:
        before, verdicts = verdicts, [*verdicts, *step]
        quick = advance(quick, rows, verdicts, changed_since(before, verdicts), "ann")
        assert_same(quick, labelling_state(material, verdicts, "ann"))
    for count in range(len(verdicts) - 1, -1, -1):
        quick = advance(quick, rows, verdicts[:count], changed_since(verdicts[: count + 1], verdicts[:count]), "ann")
        assert quick.given == labelling_state(material, verdicts[:count], "ann").given


def test_many_clips_have_the_whole_state_once_it_is_computed(
    material: LabellingMaterial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "MANY_CLIPS", 1)
    states = loading._States()
    journal = VerdictJournal(tmp_path / "journal.jsonl")
    states.after(material, (), "ann")
    for step in STEPS:
        journal.append([replace(each, time=0.0) for each in step])
        given = tuple(journal.verdicts())
        assert_same(states.after(material, given, "ann"), labelling_state(material, given, "ann"))
    assert states._waiting is not None
    states._waiting.result(60)
    after, whole = states.after(material, given, "ann"), labelling_state(material, given, "ann")
    assert after.offers == whole.offers
    assert after.until_refit == whole.until_refit
