"""The quick head: a classifier on the embeddings of the labelled clips, which is fitted in less than a second.

Labels count the same however many clips they have: with few clips most labels are rare, and a head that follows their
shares would suggest the frequent ones alone. So the probabilities of rare labels are too high on average.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

STRENGTH = 10.0  # inverse of the regularisation, scikit-learn's C
MAX_ITERATIONS = 200


@dataclass(frozen=True, eq=False)
class Head:
    """A linear classifier with one output per label.

    Attributes
    ----------
    weights : numpy.ndarray, shape=(features, labels)
    bias : numpy.ndarray, shape=(labels,)
    is_exclusive : bool
        Whether each labelled clip had exactly one label: then the scores of a clip add up to 1.
    """

    weights: np.ndarray
    bias: np.ndarray
    is_exclusive: bool

    def scores(self, features: np.ndarray) -> np.ndarray:
        """The probability of each label, ``(clips, features)`` → ``(clips, labels)``, 0 to 1."""
        logits = features @ self.weights + self.bias
        if self.is_exclusive:
            powers = np.exp(logits - logits.max(axis=1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=1, keepdims=True))
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -50, 50))))


def fit_head(features: np.ndarray, targets: np.ndarray) -> Head | None:
    """Fit a logistic regression: softmax if each clip has exactly one label, else one against the rest per label.

    Parameters
    ----------
    features : numpy.ndarray, shape=(clips, features)
        Of the labelled clips.
    targets : numpy.ndarray, shape=(clips, labels)
        Multi-hot; a row of 0 is a clip without a label, a negative for each of them.

    Returns
    -------
    Head or None
        None if the clips do not tell any two labels apart: no clips, or all with the same labels. A label that no clip
        has, or every clip, has a constant probability.
    """
    targets = np.asarray(targets, dtype=np.float64)
    if not len(targets) or (targets == targets[0]).all():
        return None
    weights = np.zeros((features.shape[1], targets.shape[1]))
    share = (targets.sum(axis=0) + 0.5) / (len(targets) + 1)
    is_exclusive = bool((targets.sum(axis=1) == 1).all())
    if is_exclusive:
        bias = np.full(targets.shape[1], -50.0)  # of a label that no clip has
        classes = targets.argmax(axis=1)
        model = _logistic(features, classes)
        if len(model.classes_) == 2:  # scikit-learn has one row for two classes
            first, second = model.classes_
            weights[:, second], bias[[first, second]] = model.coef_[0], [0.0, model.intercept_[0]]
        else:
            weights[:, model.classes_], bias[model.classes_] = model.coef_.T, model.intercept_
        return Head(weights, bias, True)
    bias = np.log(share / (1 - share))
    for label in np.flatnonzero((targets.min(axis=0) == 0) & (targets.max(axis=0) == 1)):
        model = _logistic(features, targets[:, label])
        weights[:, label], bias[label] = model.coef_[0], model.intercept_[0]
    return Head(weights, bias, False)


def _logistic(features: np.ndarray, classes: np.ndarray) -> Any:
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # It warns of a fit that is not quite exact, and of nearly as many labels as clips; both are usual here.
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=STRENGTH, max_iter=MAX_ITERATIONS, class_weight="balanced")
        return model.fit(features, classes)
