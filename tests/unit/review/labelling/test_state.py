"""Labelling from nothing: what is offered, what the head suggests, and what verdicts change."""

from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from audiotag.data.dataset import Dataset
from audiotag.data.layouts.reading import clip_table
from audiotag.data.verdicts import Verdict
from audiotag.review.labelling.answers import label_verdicts
from audiotag.review.labelling.material import LabellingMaterial, labelling_material
from audiotag.review.labelling.state import LabellingState, labelling_state
from audiotag.similarity.embedding_job import Embeddings

ACTIONS = count(1)


def sounds(kinds: list[int], seed: int = 0, dimensions: int = 32) -> np.ndarray:
    """Vectors of length 1 that lie near one direction per kind; 0 for kind -1, which is silence."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(max(kinds, default=0) + 1, dimensions))
    vectors = directions[kinds] + 0.3 * rng.normal(size=(len(kinds), dimensions))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[[kind < 0 for kind in kinds]] = 0
    return vectors.astype(np.float16)


def dataset_of(vectors: np.ndarray, labels: list[tuple[str, ...]] | None = None) -> tuple[Dataset, Embeddings]:
    names = [f"{number:05d}.wav" for number in range(len(vectors))]
    paths = [Path("/sounds") / name for name in names]
    labels = labels or [()] * len(names)
    clips = clip_table(clip=names, path=paths, subset="curated", labels=labels)
    vocabulary = tuple(sorted({label for own in labels for label in own}))
    dataset = Dataset("sounds", Path("/sounds"), "", clips, vocabulary, ())
    return dataset, Embeddings(clips[["subset", "clip", "path"]], vectors, 0)


def material_of(kinds: list[int], labels: list[tuple[str, ...]] | None = None) -> LabellingMaterial:
    return labelling_material(*dataset_of(sounds(kinds), labels))


def given(verdicts: list[Verdict]) -> list[Verdict]:
    """The verdicts as one action in a journal."""
    action = str(next(ACTIONS))
    return [replace(verdict, action=action) for verdict in verdicts]


def label_offers(material: LabellingMaterial, kinds: list[int], clips: int) -> tuple[list[Verdict], LabellingState]:
    """Label the first offer again and again by its kind."""
    verdicts: list[Verdict] = []
    state = labelling_state(material, verdicts, "ann")
    for _ in range(clips):
        row = state.offers[0].row
        verdicts += given(label_verdicts(state, [row], [f"kind {kinds[row]}"], "ann"))
        state = labelling_state(material, verdicts, "ann", state)
    return verdicts, state


KINDS = [number % 4 for number in range(80)]


def test_first_offers_are_of_different_clusters() -> None:
    material = material_of(KINDS)
    state = labelling_state(material, [], "ann")
    clusters = material.cluster.max() + 1
    first = [material.cluster[offer.row] for offer in state.offers[:clusters]]
    assert sorted(first) == list(range(clusters))
    assert sorted(offer.row for offer in state.offers) == list(range(80))


def test_clip_with_labels_is_never_offered() -> None:
    material = material_of(KINDS)
    _, state = label_offers(material, KINDS, 30)
    assert state.is_labelled.sum() == 30
    assert not state.is_labelled[[offer.row for offer in state.offers]].any()


def test_head_suggests_the_right_label_and_is_measured() -> None:
    material = material_of(KINDS)
    _, state = label_offers(material, KINDS, 40)
    right = [state.suggestions(row)[0][0] == f"kind {kind}" for row, kind in enumerate(KINDS)]
    assert np.mean(right) > 0.95
    assert state.figure.lwlrap is not None
    assert state.figure.low <= state.figure.lwlrap <= state.figure.high
    assert 0.9 < state.figure.lwlrap <= 1
