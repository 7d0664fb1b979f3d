"""Rates of the noise gate are counts over hours, and a card cannot hold impossible ones."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from audiotag.errors import AudiotagError
from audiotag.trust.noise_gate import NoiseGate, Played

LABELS = ("Bark", "Rain", "Speech")
GATE = NoiseGate(
    (
        Played("silence", None, 36, 0, {}),
        Played("white noise", -40.0, 36, 36, {"Rain": 36, "Bark": 9}),
        Played("white noise", -20.0, 36, 18, {"Rain": 18}),
        Played("speech", -40.0, 72, 4, {"Bark": 4}, ("Speech",)),
    ),
    5.0, "synthetic babble without words", "2026-11-29",
)  # fmt: skip


VALUES = json.loads(json.dumps(GATE.to_dict()))


def test_rates_counted_by_hand() -> None:
    rows = GATE.by_sound().set_index(["kind", "level (dBFS)"])
    assert rows["minutes"].tolist() == [3, 3, 3, 6]
    loud = rows.loc[("white noise", -40.0)]
    assert (loud["tags"], loud["per hour"], loud["share"], loud["most often"]) == (45, 45 / 0.05, 1.0, "Rain")
    assert rows.loc[("speech", -40.0), "per hour"] == pytest.approx(4 / 0.1)
    assert np.isnan(rows.index.get_level_values(1)[0])
    assert rows.iloc[0]["share_high"] == pytest.approx(0.0964, abs=1e-4)  # none of 36 windows
    assert GATE.seconds == 180 * 5
    assert GATE.highest_rate == 720


def test_rates_of_labels_are_over_all_levels_of_a_kind() -> None:
    rates = GATE.by_label()
    assert rates.index.tolist() == ["Rain", "Bark"]
    assert rates.loc["Rain"].tolist() == pytest.approx([0, 54 / 0.1, 0, 54 / 0.25])
    assert rates.loc["Bark"].tolist() == pytest.approx([0, 9 / 0.1, 4 / 0.1, 13 / 0.25])


def test_a_label_that_is_right_for_a_kind_is_not_counted_there() -> None:
    extra = replace(GATE, played=(*GATE.played, Played("white noise", -60.0, 36, 36, {"Speech": 36})))
    row = extra.by_label().loc["Speech"]
    assert np.isnan(row["speech"])
    assert row["white noise"] == pytest.approx(36 / 0.15)
    assert row["all"] == pytest.approx(36 / 0.2)  # the time of speech does not count


def test_sentence_names_the_worst_sound_or_says_that_there_is_no_false_tag() -> None:
    assert "75% of the windows with white noise" in GATE.sentence()
    assert "Rain 216" in GATE.sentence()
    quiet = replace(GATE, played=GATE.played[:1])
    assert quiet.sentence().endswith("no false tag.")
    assert not len(quiet.by_label())


def test_it_is_read_from_json_as_it_was_written() -> None:
    assert NoiseGate.from_dict(VALUES, LABELS) == GATE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window_s": 0}, "does not hold"),
        ({"window_s": "5"}, "does not hold"),
        ({"played": {}}, "does not hold"),
        ({"speech": "a\nb"}, "does not hold"),
        ({"more": 1}, "does not hold"),
        ({"played": [{"kind": "hum"}]}, "does not hold"),
        ({"played": [VALUES["played"][0]] * 101}, "does not hold"),
        ({"played": [VALUES["played"][1] | {"windows": 10}]}, "more tagged windows"),
        ({"played": [VALUES["played"][1] | {"windows": -1}]}, "does not hold"),
        ({"played": [VALUES["played"][1] | {"tags": {"Rain": True}}]}, "does not hold"),
        ({"played": [VALUES["played"][1] | {"tags": {"Snow": 3}}]}, "Snow, which is not a label"),
        ({"played": [VALUES["played"][1] | {"level_dbfs": float("inf")}]}, "does not hold"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        NoiseGate.from_dict(VALUES | change, LABELS)
