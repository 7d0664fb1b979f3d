"""What the tests of labelling share: clips of several kinds as vectors, and verdicts on them."""

from dataclasses import replace
from functools import cache
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
    directions = rng.normal(size=(max(kinds, default=0) + 2, dimensions))
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
    return _material(tuple(kinds), None if labels is None else tuple(labels))


@cache  # nothing changes it
def _material(kinds: tuple[int, ...], labels: tuple[tuple[str, ...], ...] | None) -> LabellingMaterial:
    return labelling_material(*dataset_of(sounds(list(kinds)), None if labels is None else list(labels)))


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
