"""Similar clips are ordered by similarity and have their labels; those of the same recording are marked."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.similarity.embedding_job import Embeddings
from audiotag.similarity.similar_clips import COUNT, Facts, SimilarClip, SoughtSound, find_similar

CLIPS = ("a.wav", "b.wav", "c.wav", "silent.wav", "d.wav", "a.wav")
SUBSETS = ("curated", "curated", "noisy", "noisy", "curated", "noisy")  # two clips have the same name
ANGLES = (0.0, 0.3, 0.1, 0.0, 2.0, 0.05)  # of their vectors
CONTENTS = {("curated", "a.wav"): "one", ("noisy", "a.wav"): "one", ("noisy", "c.wav"): "two"}


@pytest.fixture
def vectors() -> np.ndarray:
    vectors = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float16)
    vectors[3] = 0
    return vectors


@pytest.fixture
def index() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "subset": SUBSETS,
            "clip": CLIPS,
            "path": [Path("/sounds", subset, clip) for subset, clip in zip(SUBSETS, CLIPS, strict=True)],
            "labels": [["Bark"], ["Bark", "Hum"], [], ["Hum"], ["Hum"], ["Bell"]],
            "group": pd.array(["x", "x", pd.NA, pd.NA, "y", pd.NA], dtype="string"),
        }
    )


def found(sought: SoughtSound, vectors: np.ndarray, index: pd.DataFrame) -> tuple[SimilarClip, ...]:
    clips = pd.DataFrame({"subset": SUBSETS, "clip": CLIPS, "path": [Path(clip) for clip in CLIPS]})
    return find_similar(sought, Embeddings(clips, vectors, 0), index, content_of)


def content_of(facts: Facts) -> str:
    return CONTENTS.get((facts["subset"], facts["clip"]), "")


def test_the_most_similar_come_first_without_the_clip_itself_and_without_silence(
    vectors: np.ndarray, index: pd.DataFrame
) -> None:
    similar = found(SoughtSound(vectors[0], 0), vectors, index)
    assert [(each.subset, each.clip) for each in similar] == [
        ("noisy", "a.wav"), ("noisy", "c.wav"), ("curated", "b.wav"), ("curated", "d.wav"),
    ]  # fmt: skip
    wanted = [np.cos(0.05), np.cos(0.1), np.cos(0.3), 0.0]  # less than nothing in common is 0
    np.testing.assert_allclose([each.similarity for each in similar], wanted, atol=1e-3)
    assert [each.labels for each in similar] == [("Bell",), (), ("Bark", "Hum"), ("Hum",)]
    assert similar[0].path == Path("/sounds/noisy/a.wav")


def test_a_sound_from_elsewhere_finds_its_copy_in_the_dataset(vectors: np.ndarray, index: pd.DataFrame) -> None:
    similar = found(SoughtSound(vectors[0], content=lambda: "one"), vectors, index)
    assert [each.relation for each in similar] == ["same sound", "same sound", "", "", ""]
    assert similar[0].similarity == pytest.approx(1, abs=1e-3)


def test_clips_of_the_same_recording_are_marked_by_group_and_by_near_duplicates(
    vectors: np.ndarray, index: pd.DataFrame
) -> None:
    near = frozenset({("noisy", "c.wav")})
    similar = found(SoughtSound(vectors[0], 0, lambda: "one", "x", near), vectors, index)
    assert {(each.subset, each.clip): each.relation for each in similar} == {
        ("noisy", "a.wav"): "same sound",
        ("noisy", "c.wav"): "same recording",
        ("curated", "b.wav"): "same recording",
        ("curated", "d.wav"): "",
    }


def test_contents_are_compared_only_where_they_can_be_equal(vectors: np.ndarray, index: pd.DataFrame) -> None:
    asked = []

    def content() -> str:
        asked.append("content")
        return "one"

    found(SoughtSound(np.array([0.0, -1.0]), content=content), vectors, index)
    assert asked == []


def test_clips_without_a_group_are_not_of_the_same_recording(vectors: np.ndarray, index: pd.DataFrame) -> None:
    assert {each.relation for each in found(SoughtSound(vectors[2], 2), vectors, index)} == {""}


def test_silence_is_similar_to_nothing(vectors: np.ndarray, index: pd.DataFrame) -> None:
    assert found(SoughtSound(vectors[3], 3), vectors, index) == ()


def test_a_clip_that_the_dataset_does_not_have_any_more_is_left_out(vectors: np.ndarray, index: pd.DataFrame) -> None:
    similar = found(SoughtSound(vectors[0], 0), vectors, index.drop(index=2))
    assert "c.wav" not in [each.clip for each in similar]
    assert len(similar) == 3


def test_there_are_at_most_ten() -> None:
    clips = pd.DataFrame({"subset": "curated", "clip": [f"{number}.wav" for number in range(30)]})
    index = clips.assign(path=clips["clip"].map(Path), labels=[["Bark"]] * 30, group=pd.NA)
    draw = np.random.default_rng(0).random((30, 4)).astype(np.float32)
    vectors = draw / np.linalg.norm(draw, axis=1, keepdims=True)
    embeddings = Embeddings(index[["subset", "clip", "path"]], vectors, 0)
    similar = find_similar(SoughtSound(vectors[0], 0), embeddings, index, content_of)
    assert len(similar) == COUNT == 10
