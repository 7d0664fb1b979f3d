"""Scores that are kept on disk come back as they were, and nothing else is taken for them."""

import numpy as np
import pytest

from audiotag.tagging.evidence import Evidence
from audiotag.ui.tag.stored_scores import from_bytes, to_bytes


def evidence_of(folds: int = 2, augmented: bool = True, embedded: int = 0) -> Evidence:
    draw = np.random.default_rng(0)
    embeddings = draw.random((embedded, 3, 7), np.float32) if embedded else None
    passes = draw.random((4, folds, 3, 5), np.float32) if augmented else None
    scores = np.asfortranarray(draw.random((folds, 3, 5), np.float32))
    audible = np.array([True, False, True])
    return Evidence("a é", 2.5, np.arange(3.0), 1.0, audible, scores, passes, ("A note.",), "ab", embeddings)


@pytest.mark.parametrize(("augmented", "embedded"), [(True, 0), (False, 2)])
def test_scores_and_embeddings_come_back_as_they_were(augmented: bool, embedded: int) -> None:
    given = evidence_of(augmented=augmented, embedded=embedded)
    found = from_bytes(to_bytes(given), ((2, 5),))
    for name in ("name", "duration_s", "window_s", "notes", "content"):
        assert getattr(found, name) == getattr(given, name)
    for name in ("starts_s", "audible", "scores", "augmented", "embeddings"):
        np.testing.assert_array_equal(getattr(found, name), getattr(given, name))


def test_scores_of_another_ensemble_and_damaged_ones_are_refused() -> None:
    good = to_bytes(evidence_of())
    wrong = evidence_of()
    wrong.scores[0, 0, 0] = np.nan
    for content, size in (
        (good, (3, 5)),
        (good, (2, 4)),
        (good[:-9], (2, 5)),
        (to_bytes(wrong), (2, 5)),
        (to_bytes(evidence_of(embedded=3)), (2, 5)),
        (b"", (2, 5)),
    ):
        with pytest.raises(Exception, match=r".*"):
            from_bytes(content, (size,))
