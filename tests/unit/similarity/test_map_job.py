"""The map of a dataset is kept by what the clips sound like: nothing moves until it is made again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.similarity import map_layout
from audiotag.similarity.embedding_job import Embeddings
from audiotag.similarity.map_job import FILE, MapJob, make_map
from audiotag.state import take_sentences

CLIPS = 20


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MapJob:
    """A job whose layout is the first two numbers of each vector, so that no test waits for UMAP."""

    def layout(vectors: np.ndarray, progress: map_layout.Progress) -> np.ndarray:
        progress(1, 1)
        return vectors[:, :2].astype(np.float32)

    monkeypatch.setattr(map_layout, "umap_layout", layout)
    return MapJob(tmp_path / "map", tmp_path / "sounds", tmp_path / "ensemble")


@pytest.fixture
def vectors() -> np.ndarray:
    values = np.random.default_rng(0).standard_normal((CLIPS, 6))
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float16)


def embeddings(vectors: np.ndarray) -> Embeddings:
    return Embeddings(pd.DataFrame({"clip": range(len(vectors))}), vectors, 0)


def test_principal_components_are_shown_until_there_is_a_map(job: MapJob, vectors: np.ndarray) -> None:
    before = job.read(vectors)
    assert before.method == "PCA"
    np.testing.assert_array_equal(before.positions, map_layout.principal_components(vectors))
    assert job.stamp() == 0
    make_map(job, embeddings(vectors))
    after = job.read(vectors)
    assert after.method == "UMAP"
    np.testing.assert_array_equal(after.positions, vectors[:, :2].astype(np.float32))
    assert job.stamp() > 0


def test_positions_follow_the_vectors_in_any_order_and_copies_share_one(job: MapJob, vectors: np.ndarray) -> None:
    make_map(job, embeddings(np.concatenate([vectors, vectors[:3]])))
    turned = vectors[::-1]
    np.testing.assert_array_equal(job.read(turned).positions, turned[:, :2].astype(np.float32))


def test_silence_is_not_on_the_map(job: MapJob, vectors: np.ndarray) -> None:
    with_silence = np.concatenate([vectors, np.zeros((1, 6), np.float16)])
    assert np.isnan(job.read(with_silence).positions[-1]).all()
    make_map(job, embeddings(with_silence))
    found = job.read(with_silence).positions
    assert np.isnan(found[-1]).all()
    assert np.isfinite(found[:-1]).all()


def test_a_clip_that_comes_later_moves_no_other(job: MapJob, vectors: np.ndarray) -> None:
    make_map(job, embeddings(vectors[:-1]))
    found = job.read(vectors)
    assert (found.method, found.placed_later) == ("UMAP", 1)
    np.testing.assert_array_equal(found.positions[:-1], vectors[:-1, :2].astype(np.float32))
    assert np.isfinite(found.positions[-1]).all()


def test_a_map_of_other_clips_is_not_used(job: MapJob, vectors: np.ndarray) -> None:
    make_map(job, embeddings(vectors))
    assert job.read(-vectors).method == "PCA"
    assert job.read(np.concatenate([vectors[:9], -vectors[9:]])).method == "PCA"


def test_too_few_clips_get_no_map(job: MapJob, vectors: np.ndarray) -> None:
    make_map(job, embeddings(vectors[: map_layout.FEWEST_CLIPS - 1]))
    assert job.stamp() == 0


def test_a_job_that_is_stopped_leaves_the_map_as_it_was(job: MapJob, vectors: np.ndarray) -> None:
    make_map(job, embeddings(vectors))
    stamp = job.stamp()
    job.stop()
    make_map(job, embeddings(vectors))
    assert job.stamp() == stamp
    assert job.progress()["done"] == 1


@pytest.mark.parametrize("cut", [0, 10, -1])
def test_a_damaged_map_is_set_aside_and_principal_components_are_shown(
    job: MapJob, vectors: np.ndarray, cut: int
) -> None:
    make_map(job, embeddings(vectors))
    path = job.folder / FILE
    path.write_bytes(path.read_bytes()[:cut])
    take_sentences()
    assert job.read(vectors).method == "PCA"
    assert any("the map is made again" in sentence for sentence in take_sentences())
    assert job.stamp() == 0
