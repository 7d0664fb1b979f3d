"""Which unlabelled clips teach most: first a typical clip of each cluster, then clips about which the head is unsure.

The first part is TypiClust (Hacohen et al., "Active learning on a budget: opposite strategies suit high and low
budgets", ICML 2022): with few labels a head learns most from typical clips of large clusters, and uncertainty means
nothing yet. The second part is margin sampling (Scheffer et al. 2001) made diverse: each offer is unlike those before
it, as in a core-set (Sener and Savarese, ICLR 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiotag.review.labelling.material import LabellingMaterial

DIVERSE_OFFERS = 50  # beyond them clips are in the order of their uncertainty alone


@dataclass(frozen=True)
class Offer:
    """An unlabelled clip that the reviewer is asked about.

    Attributes
    ----------
    row : int
        Of the material's clips.
    reason : str
        A sentence that says why it is offered now.
    """

    row: int
    reason: str


def order_offers(
    material: LabellingMaterial,
    is_labelled: np.ndarray,
    is_skipped: np.ndarray,
    scores: np.ndarray | None,
    labels: tuple[str, ...],
) -> tuple[Offer, ...]:
    """All clips that can be offered, the one that teaches most first; those that were skipped come last.

    Parameters
    ----------
    material : LabellingMaterial
    is_labelled, is_skipped : numpy.ndarray, shape=(clips,), bool
    scores : numpy.ndarray, shape=(clips, labels), or None
        Of the head, if there is one.
    labels : tuple[str, ...]
        The names of the labels.
    """
    is_open = ~is_labelled & ~is_skipped & ~material.is_silent
    offers = _of_clusters(material, is_open, is_labelled | is_skipped)
    is_open[[offer.row for offer in offers]] = False
    if scores is None:
        offers += _typical(material, is_open)
    else:
        offers += _uncertain(material, is_open, is_labelled | is_skipped, scores, labels)
    skipped = np.flatnonzero(is_skipped & ~is_labelled & ~material.is_silent)
    names = _by_name(material, skipped)
    return (*offers, *(Offer(int(row), "You skipped this clip.") for row in names))


def _of_clusters(material: LabellingMaterial, is_open: np.ndarray, is_seen: np.ndarray) -> list[Offer]:
    """The most typical clip of each cluster that has no clip with a label yet, of the largest cluster first."""
    offers = []
    for number in range(material.cluster.max(initial=-1) + 1):
        members = material.cluster == number
        rows = np.flatnonzero(members & is_open)
        if len(rows) and not (members & is_seen).any():
            best = _by_name(material, rows[material.typicality[rows] == material.typicality[rows].max()])[0]
            count = int(members.sum())
            alike = f"a typical one of {count:,} clips that sound alike" if count > 1 else "unlike all other clips"
            offers.append(Offer(int(best), f"This clip is {alike}, and no clip of this group has a label yet."))
    return offers


def _typical(material: LabellingMaterial, is_open: np.ndarray) -> list[Offer]:
    """The other clips, the most typical first."""
    rows = _by_name(material, np.flatnonzero(is_open))
    ordered = rows[np.argsort(-material.typicality[rows], kind="stable")]
    return [Offer(int(row), "Many clips sound like this one.") for row in ordered]


def _uncertain(
    material: LabellingMaterial,
    is_open: np.ndarray,
    is_seen: np.ndarray,
    scores: np.ndarray,
    labels: tuple[str, ...],
) -> list[Offer]:
    """The other clips: the first ones uncertain and unlike each other, the rest by uncertainty."""
    rows = _by_name(material, np.flatnonzero(is_open))
    doubt = uncertainty(scores[rows])
    nearest = np.zeros(len(rows))  # similarity to the most similar clip that was offered or has a label
    if is_seen.any() and len(rows):
        nearest = (material.features[rows] @ material.features[is_seen].T).max(axis=1)
    chosen: list[int] = []
    is_left = np.ones(len(rows), dtype=bool)
    while is_left.any() and len(chosen) < DIVERSE_OFFERS:
        gain = np.where(is_left, doubt * (1.001 - nearest), -np.inf)
        best = int(np.argmax(gain))
        chosen.append(best)
        is_left[best] = False
        nearest = np.maximum(nearest, material.features[rows] @ material.features[rows[best]])
    rest = np.flatnonzero(is_left)
    chosen += rest[np.argsort(-doubt[rest], kind="stable")].tolist()
    return [Offer(int(rows[place]), _why_uncertain(scores[rows[place]], labels)) for place in chosen]


def uncertainty(scores: np.ndarray) -> np.ndarray:
    """How unsure the head is about each clip, 0 to 1: 1 less the margin between its two highest scores."""
    if scores.shape[1] < 2:
        return np.asarray(1 - 2 * np.abs(scores[:, 0] - 0.5))
    best = -np.sort(-scores, axis=1)[:, :2]
    return np.asarray(1 - (best[:, 0] - best[:, 1]))


def _why_uncertain(scores: np.ndarray, labels: tuple[str, ...]) -> str:
    best = np.argsort(-scores, kind="stable")[:2]
    named = [f"{labels[label]} ({scores[label]:.2f})" for label in best]
    return f"The head hesitates between {' and '.join(named)}."


def _by_name(material: LabellingMaterial, rows: np.ndarray) -> np.ndarray:
    """Rows in the order of the clips' names, so that ties do not depend on the order of the clips."""
    names = material.clips[["subset", "clip"]].to_numpy()
    return np.array(sorted(rows.tolist(), key=lambda row: tuple(names[row])), dtype=int)
