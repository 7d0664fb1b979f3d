"""Labelling from nothing: what is offered, what the head suggests, and what verdicts change."""

from pathlib import Path

import numpy as np
import pytest

from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.review.labelling.answers import label_verdicts, skip_verdicts
from audiotag.review.labelling.material import labelling_material
from audiotag.review.labelling.state import REFIT_EVERY, LabellingState, labelling_state
from audiotag.similarity.embedding_job import Embeddings

from .kinds import KINDS, dataset_of, given, label_offers, material_of, sounds


def same(first: LabellingState, second: LabellingState) -> bool:
    """Whether two states offer, suggest and say the same."""
    return (
        first.offers == second.offers
        and first.given == second.given
        and first.figure == second.figure
        and first.labels == second.labels
        and first.until_refit == second.until_refit
        and np.array_equal(first.is_labelled, second.is_labelled)
        and (first.scores is second.scores or np.array_equal(first.scores, second.scores))
    )


def test_clip_with_labels_is_never_offered() -> None:
    material = material_of(KINDS)
    _, state = label_offers(material, KINDS, 30)
    assert state.is_labelled.sum() == 30
    assert not state.is_labelled[[offer.row for offer in state.offers]].any()
    assert len(state.offers) == len(KINDS) - 30


def test_every_offer_has_a_reason() -> None:
    material = material_of(KINDS)
    for clips in (0, 15):
        _, state = label_offers(material, KINDS, clips)
        assert all(offer.reason.endswith(".") for offer in state.offers)
    assert any("The head hesitates between kind " in offer.reason for offer in state.offers)


def test_head_suggests_the_right_label_and_is_measured() -> None:
    material = material_of(KINDS)
    _, state = label_offers(material, KINDS, 40)
    right = [state.suggestions(row)[0][0] == f"kind {kind}" for row, kind in enumerate(KINDS)]
    assert np.mean(right) > 0.95
    assert state.figure.lwlrap is not None
    assert state.figure.low <= state.figure.lwlrap <= state.figure.high
    assert 0.9 < state.figure.lwlrap <= 1
    assert sum(probability for _, probability in state.suggestions(0)) == pytest.approx(1)


def test_undo_gives_the_state_before(tmp_path: Path) -> None:
    material, journal = material_of(KINDS), VerdictJournal(tmp_path / "verdicts.jsonl")
    state = labelling_state(material, [], "ann")
    before = []
    for step in range(14):
        before.append(state)
        row = state.offers[0].row
        rows = state.open_rows(material.cluster_rows(row)) if step % 4 == 3 else [row]
        answers = skip_verdicts(state, rows, "ann") if step % 5 == 4 else label_verdicts(
            state, rows, [f"kind {KINDS[row]}"] if step % 3 else [], "ann"
        )  # fmt: skip
        journal.append(answers)
        state = labelling_state(material, journal.verdicts(), "ann", state)
    while before:
        journal.undo("ann")
        state = labelling_state(material, journal.verdicts(), "ann", state)
        assert same(state, before.pop())


def test_state_does_not_depend_on_the_state_before() -> None:
    material = material_of(KINDS)
    verdicts, state = label_offers(material, KINDS, 33)
    assert same(state, labelling_state(material, verdicts, "ann"))


def test_order_of_clips_makes_no_difference() -> None:
    vectors = sounds([*KINDS, -1])
    dataset, embeddings = dataset_of(vectors)
    shuffle = np.random.default_rng(1).permutation(len(vectors))
    moved = Embeddings(embeddings.clips.iloc[shuffle].reset_index(drop=True), vectors[shuffle], 0)
    material, other = labelling_material(dataset, embeddings), labelling_material(dataset, moved)
    verdicts, state = label_offers(material, [*KINDS, -1], 25)
    again = labelling_state(other, verdicts, "ann")
    names = [[each.clips["clip"][offer.row] for offer in of.offers] for each, of in ((material, state), (other, again))]
    assert names[0] == names[1]
    assert state.figure.sentence == again.figure.sentence


def test_head_waits_for_ten_clips_and_a_whole_cluster_is_enough() -> None:
    material = material_of(KINDS)
    _, state = label_offers(material, KINDS, REFIT_EVERY - 1)
    assert (state.scores is None, state.until_refit) == (True, 1)
    verdicts, state = label_offers(material, KINDS, REFIT_EVERY)
    assert (state.scores is not None, state.until_refit) == (True, REFIT_EVERY)
    rows = next(rows for row in range(80) if len(rows := state.open_rows(material.cluster_rows(row))) >= 5)
    verdicts += given(label_verdicts(state, rows, ["another"], "ann"))
    after = labelling_state(material, verdicts, "ann", state)
    assert after.labels == (*sorted({*state.labels, "another"}),)
    assert "another" in after.clips_per_label()
    assert all(after.given[row] == ("another",) for row in rows)


def test_skipped_clips_come_last_and_only_for_who_skipped_them() -> None:
    material = material_of(KINDS)
    state = labelling_state(material, [], "ann")
    row = state.offers[0].row
    verdicts = given(skip_verdicts(state, [row], "ann"))
    mine, theirs = (labelling_state(material, verdicts, name) for name in ("ann", "bob"))
    assert (mine.offers[-1].row, mine.offers[-1].reason) == (row, "You skipped this clip.")
    assert theirs.offers == state.offers
    labelled = labelling_state(material, [*verdicts, *given(label_verdicts(mine, [row], ["Owl"], "ann"))], "ann")
    assert row not in [offer.row for offer in labelled.offers]


def test_labels_of_tables_count_from_the_start() -> None:
    tables: list[tuple[str, ...]] = [(f"kind {kind}",) if at < 30 else () for at, kind in enumerate(KINDS)]
    material = material_of(KINDS, tables)
    state = labelling_state(material, [], "ann")
    assert state.is_labelled.sum() == 30
    assert state.scores is not None
    assert min(offer.row for offer in state.offers) == 30
    assert state.suggestions(40)[0][0] == f"kind {KINDS[40]}"


def test_verdict_counts_for_copies_of_the_sound() -> None:
    dataset, embeddings = dataset_of(sounds(KINDS))
    contents = {("curated", f"0000{number}.wav"): "ab" * 16 for number in (3, 7)}
    material = labelling_material(dataset, embeddings, contents)
    assert material.sources[3] == material.sources[7]
    state = labelling_state(material, [], "ann")
    after = labelling_state(material, given(label_verdicts(state, [3], ["Owl"], "ann")), "ann")
    assert after.given[7] == ("Owl",)
    assert after.is_labelled.sum() == 2


def test_no_label_fits_is_a_negative_for_the_head() -> None:
    material = material_of(KINDS)
    verdicts: list[Verdict] = []
    state = labelling_state(material, verdicts, "ann")
    for row in range(40):
        labels = [] if KINDS[row] == 0 else [f"kind {KINDS[row]}"]
        verdicts += given(label_verdicts(state, [row], labels, "ann"))
    state = labelling_state(material, verdicts, "ann")
    assert state.is_labelled.sum() == 40
    assert state.scores is not None
    best = state.scores.max(axis=1)
    kinds = np.array(KINDS)
    assert best[kinds == 0].max() < best[kinds != 0].min()


@pytest.mark.parametrize("kinds", [[], [0], [0, 1], [-1], [-1, -1, 0], [0] * 12])
def test_few_and_silent_clips(kinds: list[int]) -> None:
    material = material_of(kinds)
    audible = [row for row, kind in enumerate(kinds) if kind >= 0]
    state = labelling_state(material, [], "ann")
    assert sorted(offer.row for offer in state.offers) == audible
    _, state = label_offers(material, kinds, len(audible))
    assert state.offers == ()
    assert state.scores is None  # one label, or too few clips: nothing to tell apart
    assert state.figure.lwlrap is None
    assert "Too few" in state.figure.sentence
    if kinds:
        assert sorted(material.similar_rows(0)) == ([row for row in audible if row] if kinds[0] >= 0 else [])
