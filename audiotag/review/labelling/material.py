"""What labelling works on, made once per dataset and ensemble: clips, their vectors, clusters and sources.

Clips are clustered by k-means. The order of the clips does not matter: all is computed in the order of their names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from audiotag.data.contents import connect_rows
from audiotag.data.dataset import Dataset
from audiotag.similarity.embedding_job import Embeddings
from audiotag.similarity.nearest import NearestClips

MAX_DIMENSIONS = 64  # of the vectors that clusters and head work on
TYPICALITY_NEIGHBOURS = 20
NO_CLUSTER = -1
SEED = 19

Name = tuple[str, str]  # subset and clip


@dataclass(frozen=True, eq=False)
class LabellingMaterial:
    """The clips that can be labelled.

    Attributes
    ----------
    clips : pandas.DataFrame
        ``subset``, ``clip``, ``path``, ``labels`` (tuple of str: those of the dataset's tables) and ``content`` (hash
        of the samples, or NA), one row per clip that has an embedding, as in `Embeddings.clips`. Rows are numbers
        from 0 everywhere.
    labels : tuple[str, ...]
        The vocabulary of the dataset's tables, sorted; often empty.
    vectors : numpy.ndarray, shape=(clips, dimensions), float16
        The embeddings, of length 1, or 0 for silence.
    features : numpy.ndarray, shape=(clips, features), float32
        The same in at most `MAX_DIMENSIONS` dimensions, of length 1 again; 0 for silence.
    cluster : numpy.ndarray, shape=(clips,), int
        The number of each clip's cluster, from 0 for the largest one; `NO_CLUSTER` for silence.
    typicality : numpy.ndarray, shape=(clips,), float32
        The similarity of each clip to its nearest neighbours in its cluster, -1 to 1.
    sources : numpy.ndarray, shape=(clips,), int
        The number of each clip's recording. Clips of one recording, and copies, have the same one.
    """

    clips: pd.DataFrame
    labels: tuple[str, ...]
    vectors: np.ndarray
    features: np.ndarray
    cluster: np.ndarray
    typicality: np.ndarray
    sources: np.ndarray

    @property
    def is_silent(self) -> np.ndarray:
        """Whether each clip is silent, shape ``(clips,)``; such a clip is never offered."""
        return self.cluster == NO_CLUSTER

    def similar_rows(self, row: int, count: int = 12) -> list[int]:
        """The rows of the clips that sound most like a clip, the most similar first; none for a silent one."""
        if self.cluster[row] == NO_CLUSTER:
            return []
        return [int(each) for each in self._nearest.find(self.vectors[row], count, [row]).rows]

    @cached_property
    def _nearest(self) -> NearestClips:
        return NearestClips(self.vectors)

    def cluster_rows(self, row: int) -> list[int]:
        """The rows of all clips in the cluster of a clip, itself first, then the most similar first."""
        if self.cluster[row] == NO_CLUSTER:
            return [row]
        members = np.flatnonzero(self.cluster == self.cluster[row])
        similarity = self.features[members] @ self.features[row]
        others = members[np.lexsort((members, -similarity))]
        return [row, *(int(each) for each in others if each != row)]


def labelling_material(
    dataset: Dataset,
    embeddings: Embeddings,
    contents: Mapping[Name, str] | None = None,
    copies: Iterable[Iterable[Name]] = (),
) -> LabellingMaterial:
    """The material for labelling a dataset; takes about two seconds for 5,000 clips, so pages should cache it.

    Parameters
    ----------
    dataset : Dataset
        With the labels of its own tables, if there are any.
    embeddings : Embeddings
    contents : mapping of (str, str) to str, optional
        Hashes of the samples by subset and clip, as far as they are known: then a verdict counts for copies, too.
    copies : iterable of iterable of (str, str)
        Further groups of clips that are the same recording, such as near-duplicates.
    """
    known = dataset.clips[["subset", "clip", "labels", "group"]]
    clips = embeddings.clips.merge(known, how="left", on=["subset", "clip"])
    names = list(zip(clips["subset"], clips["clip"], strict=True))
    clips["labels"] = [labels if isinstance(labels, tuple) else () for labels in clips["labels"]]
    clips["content"] = pd.array([(contents or {}).get(name) or None for name in names], dtype="string")
    of_group = {name: number for number, group in enumerate(copies) for name in group}
    copy = pd.Series([of_group.get(name, pd.NA) for name in names], dtype="Int64")
    sources = connect_rows(clips["group"], clips["content"], copy)
    order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=int)
    features = reduced(embeddings.vectors[order])
    cluster, typicality = clusters_of(features)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    clips = clips[["subset", "clip", "path", "labels", "content"]]
    return LabellingMaterial(
        clips, dataset.labels, embeddings.vectors, features[back], cluster[back], typicality[back], sources
    )


def reduced(vectors: np.ndarray, dimensions: int = MAX_DIMENSIONS) -> np.ndarray:
    """Vectors in fewer dimensions by a principal component analysis, of length 1; 0 stays 0.

    Parameters
    ----------
    vectors : numpy.ndarray, shape=(clips, dimensions)
    dimensions : int
        At most so many; fewer if there are fewer clips.

    Returns
    -------
    numpy.ndarray, shape=(clips, dimensions), float32
    """
    is_silent = ~vectors.any(axis=1)
    features = vectors.astype(np.float32)
    audible = features[~is_silent]
    count = min(dimensions, len(audible) - 1, vectors.shape[1])
    if 0 < count < vectors.shape[1] and np.ptp(audible, axis=0).any():  # clips that are all the same have no axes
        from sklearn.decomposition import PCA

        model = PCA(count, svd_solver="randomized", random_state=SEED).fit(audible)
        features = np.zeros((len(vectors), count), np.float32)
        features[~is_silent] = model.transform(audible)
        # Nothing is left of a clip that is exactly the mean; it must not look like silence.
        features[~is_silent & ~features.any(axis=1), 0] = 1
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def cluster_count(clips: int) -> int:
    """The number of clusters for a number of clips that are not silent: the square root, at least 10 if possible.

    >>> [cluster_count(clips) for clips in (0, 4, 60, 1000, 5000)]
    [0, 4, 10, 32, 71]
    """
    return min(clips, max(10, round(math.sqrt(clips))))


def clusters_of(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cluster and the typicality of each row, as in `LabellingMaterial`, of features as `reduced` gives them."""
    rows = np.flatnonzero(features.any(axis=1))
    cluster = np.full(len(features), NO_CLUSTER)
    typicality = np.full(len(features), -1.0, dtype=np.float32)
    if len(rows):
        cluster[rows] = _cluster(features[rows], cluster_count(len(rows)))
    for number in range(cluster.max(initial=-1) + 1):
        members = np.flatnonzero(cluster == number)
        similarity = features[members] @ features[members].T
        np.fill_diagonal(similarity, -np.inf)
        neighbours = min(TYPICALITY_NEIGHBOURS, len(members) - 1)
        if neighbours:
            typicality[members] = -np.sort(-similarity, axis=1)[:, :neighbours].mean(axis=1)
    return cluster, typicality


def _cluster(features: np.ndarray, count: int) -> np.ndarray:
    """The cluster of each row, from 0 for the largest."""
    from sklearn.cluster import KMeans

    if len(np.unique(features, axis=0)) < count:
        count = len(np.unique(features, axis=0))
    found = KMeans(count, n_init=3, random_state=SEED).fit_predict(features)
    sizes = np.bincount(found, minlength=count)
    rank = np.empty(count, dtype=int)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(count)
    return rank[found]
