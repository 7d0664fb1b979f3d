"""Random scores with true labels, in which each clip has at least one label and some labels are rare."""

import numpy as np
import pytest

from audiotag.trust.labelled_scores import OUT_OF_FOLD, LabelledScores

LABELS = ("Bark", "Bell", "Hiss", "Rain", "Tap", "Wind")


@pytest.fixture(scope="session")
def labelled() -> LabelledScores:
    """400 clips in four folds, scored with too little confidence: the true probabilities are farther from a half."""
    rng = np.random.default_rng(7)
    logits = rng.normal(-1.5, 2.5, (400, len(LABELS)))
    targets = (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    scores = (1 / (1 + np.exp(-0.6 * logits))).astype(np.float32)
    return LabelledScores(LABELS, scores, targets, OUT_OF_FOLD, rng.integers(1, 5, 400), (0.3, 0.4, 0.5, 0.6, 0.4, 0.5))
