"""The order of offers: clusters first, then clips about which the head is unsure and that are unlike each other."""

import numpy as np
import pytest

from audiotag.review.labelling.material import NO_CLUSTER, cluster_count, labelling_material
from audiotag.review.labelling.order import order_offers, uncertainty

from .kinds import KINDS, dataset_of, material_of, sounds


def nothing() -> np.ndarray:
    return np.zeros(len(KINDS), dtype=bool)


def test_first_offers_are_typical_clips_of_all_clusters_the_largest_first() -> None:
    material = material_of(KINDS)
    offers = order_offers(material, nothing(), nothing(), None, ())
    clusters = int(material.cluster.max()) + 1
    assert [material.cluster[offer.row] for offer in offers[:clusters]] == list(range(clusters))
    for offer in offers[:clusters]:
        members = material.cluster == material.cluster[offer.row]
        assert material.typicality[offer.row] == material.typicality[members].max()
    sizes = np.bincount(material.cluster)
    assert (np.diff(sizes) <= 0).all()


def test_cluster_with_a_labelled_or_skipped_clip_is_not_asked_about_first() -> None:
    material = material_of(KINDS)
    seen = nothing()
    seen[np.flatnonzero(material.cluster == 0)[0]] = True
    for labelled, skipped in ((seen, nothing()), (nothing(), seen)):
        offers = order_offers(material, labelled, skipped, None, ())
        assert material.cluster[offers[0].row] == 1


def test_unsure_clips_come_before_sure_ones() -> None:
    material = material_of(KINDS)
    is_labelled = nothing()
    for number in range(material.cluster.max() + 1):
        is_labelled[np.flatnonzero(material.cluster == number)[0]] = True
    scores = np.tile([0.98, 0.02], (len(KINDS), 1))
    unsure = np.flatnonzero(~is_labelled)[[5, 20, 40]]
    scores[unsure] = [0.52, 0.48]
    offers = order_offers(material, is_labelled, nothing(), scores, ("Bark", "Owl"))
    assert {offer.row for offer in offers[:3]} == set(unsure)
    assert offers[0].reason == "The head hesitates between Bark (0.52) and Owl (0.48)."


def test_equally_unsure_clips_are_unlike_each_other() -> None:
    material = material_of(KINDS)
    is_labelled = nothing()
    for number in range(material.cluster.max() + 1):
        is_labelled[np.flatnonzero(material.cluster == number)[0]] = True
    offers = order_offers(material, is_labelled, nothing(), np.full((len(KINDS), 2), 0.5), ("Bark", "Owl"))
    first = [offer.row for offer in offers[:8]]
    similarity = material.features[first] @ material.features[first].T
    random = np.random.default_rng(0).permutation(np.flatnonzero(~is_labelled))[:8]
    at_random = material.features[random] @ material.features[random].T
    assert np.triu(similarity, 1).max() < np.triu(at_random, 1).max()


def test_uncertainty_is_highest_where_two_labels_are_as_probable() -> None:
    scores = np.array([[0.5, 0.5, 0.0], [0.9, 0.05, 0.05], [0.4, 0.3, 0.3]])
    assert uncertainty(scores) == pytest.approx([1, 0.15, 0.9])
    assert uncertainty(np.array([[0.5], [1.0], [0.0]])) == pytest.approx([1, 0, 0])


@pytest.mark.parametrize("count", [2, 5, 30])
def test_clips_that_are_all_the_same_are_offered(count: int) -> None:
    vectors = np.repeat(sounds([0]), count, axis=0)
    material = labelling_material(*dataset_of(vectors))
    nobody = np.zeros(count, dtype=bool)
    offers = order_offers(material, nobody, nobody, None, ())
    assert sorted(offer.row for offer in offers) == list(range(count))


def test_clusters_separate_kinds_of_sounds() -> None:
    material = material_of([*KINDS, -1])
    assert material.cluster[-1] == NO_CLUSTER
    kinds = np.array(KINDS)
    for number in range(cluster_count(len(KINDS))):
        assert len(np.unique(kinds[material.cluster[:-1] == number])) == 1
    row = material.cluster_rows(3)
    assert row[0] == 3
    assert {material.cluster[each] for each in row} == {material.cluster[3]}
    assert KINDS[material.similar_rows(3)[0]] == KINDS[3]
