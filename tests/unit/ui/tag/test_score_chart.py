"""The chart of scores gets right figures, and takes nothing from a browser but thresholds of its labels."""

from typing import Any

import numpy as np
import pytest

from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.ui.tag.score_chart.score_chart import curves, read_label, read_threshold

LABELS = ["Bark", "Bell"]


def test_curves_are_precision_and_recall_at_every_hundredth() -> None:
    draw = np.random.default_rng(0)
    targets = (draw.random((300, 2)) < 0.3).astype(np.float32)
    targets[:, 1] = 0  # no clip has it
    held_out = OutOfFold(np.round(draw.random((300, 2)), 2).astype(np.float32), targets, np.ones(300, int))
    for column in (0, 1):
        for at, pair in enumerate(zip(*curves(held_out, column), strict=True)):
            for shown, value in zip(pair, held_out.precision_recall(column, at / 100), strict=True):
                assert (shown is None) == np.isnan(value)
                assert shown is None or shown == pytest.approx(value, abs=6e-4)


@pytest.mark.parametrize(
    ("sent", "threshold"),
    [
        ({"label": "Bark", "value": 0.25}, ("Bark", 0.25)),
        ({"label": "Bark", "value": 1}, ("Bark", 1.0)),
        ({"label": "Hiss", "value": 0.25}, None),
        ({"label": "Bark", "value": 1.5}, None),
        ({"label": "Bark", "value": float("nan")}, None),
        ({"label": "Bark"}, None),
        ("Bark", None),
        (None, None),
    ],
)
def test_a_threshold_is_taken_only_for_a_label_of_the_chart_from_0_to_1(sent: Any, threshold: Any) -> None:
    assert read_threshold({"threshold": sent}, LABELS) == threshold
    label = sent.get("label") if isinstance(sent, dict) else None
    assert read_label({"jump": sent}, LABELS) == (label if label in LABELS else None)
    assert read_threshold(None, LABELS) is read_label(None, LABELS) is None
