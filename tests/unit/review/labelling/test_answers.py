"""Answers become verdicts; names of labels are cleaned, and other spellings of a label are the same label."""

import pytest

from audiotag.errors import AudiotagError
from audiotag.review.labelling.answers import MAX_LABELS_PER_CLIP, clean_label, label_verdicts, skip_verdicts
from audiotag.review.labelling.state import labelling_state

from .kinds import KINDS, given, material_of


def test_case_and_spaces_make_no_new_label() -> None:
    labels = ["Tawny owl", "Rain"]
    for text in ("tawny owl", " Tawny_Owl ", "TAWNY-OWL", "tawny\towl", "Tawny\u200eowl"):
        assert clean_label(text, labels) == "Tawny owl"
    assert clean_label("  Barn \n owl ", labels) == "Barn owl"


def test_what_a_page_would_obey_is_removed() -> None:
    assert clean_label("a\x1b[2Jb\u202e", []) == "a[2Jb"
    assert clean_label("<b>犬</b>", []) == "<b>犬</b>"  # pages escape it


@pytest.mark.parametrize("text", ["", "  ", "\u200b\x00", "…"])
def test_label_without_a_letter_is_refused(text: str) -> None:
    with pytest.raises(AudiotagError, match="a label must have a letter or a digit"):
        clean_label(text, [])


def test_label_that_is_too_long_is_refused() -> None:
    with pytest.raises(AudiotagError, match="a label must be at most 200 characters, got 201"):
        clean_label("x" * 201, [])


def test_answer_replaces_the_labels_of_a_clip() -> None:
    material = material_of(KINDS)
    state = labelling_state(material, [], "ann")
    verdicts = given(label_verdicts(state, [2], ["owl", "Rain", "OWL"], "ann"))
    state = labelling_state(material, verdicts, "ann")
    assert state.given[2] == ("Rain", "owl")
    assert state.labels == ("Rain", "owl")
    verdicts += given(label_verdicts(state, [2, 3], ["RAIN"], "ann"))
    state = labelling_state(material, verdicts, "ann")
    assert (state.given[2], state.given[3]) == (("Rain",), ("Rain",))
    assert state.labels == ("Rain",)
    verdicts += given(label_verdicts(state, [2], [], "ann"))
    state = labelling_state(material, verdicts, "ann")
    assert (state.given[2], bool(state.is_labelled[2])) == ((), True)


def test_verdicts_have_the_labels_before_and_after() -> None:
    material = material_of(KINDS)
    state = labelling_state(material, [], "ann")
    (nothing_fits,) = label_verdicts(state, [0], [], "ann")
    (skipped,) = skip_verdicts(state, [0], "ann")
    (labelled,) = label_verdicts(state, [0], ["Owl"], "ann")
    assert (nothing_fits.answer, nothing_fits.before, nothing_fits.after) == ("right", (), ())
    assert (skipped.answer, skipped.decisions) == ("skip", {})
    assert (labelled.answer, labelled.decisions) == ("other", {"Owl": True})


def test_too_many_labels_are_refused() -> None:
    state = labelling_state(material_of(KINDS), [], "ann")
    with pytest.raises(AudiotagError, match="a clip can have at most 50 labels, got 51"):
        label_verdicts(state, [0], [f"label {number}" for number in range(MAX_LABELS_PER_CLIP + 1)], "ann")
