"""``audiotag trust`` and ``audiotag noise-gate`` print what was measured, and the latter writes it into the card."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiotag.tagging.card_reading import read_card
from audiotag.tagging.tagger import Tagger
from audiotag.trust.noise_sounds import NOISES
from audiotag.workspace import Workspace


@pytest.fixture
def mine(tiny_ensemble: Path) -> Path:
    return shutil.copytree(tiny_ensemble, Workspace().ensembles / "mine")


@pytest.fixture
def quick_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Play silence and white noise alone."""
    monkeypatch.setattr("audiotag.tagging.noise_gate_measurement.NOISES", NOISES[:1])
    monkeypatch.setattr("audiotag.tagging.noise_gate_measurement.speech_kind", lambda: (NOISES[1], "nothing"))


@pytest.mark.usefixtures("quick_gate")
def test_noise_gate_prints_rates_and_writes_them_into_the_card(run: Callable[..., Any], mine: Path) -> None:
    outcome = run("noise-gate", "mine", "--windows", "2", "--no-save", "--json")
    assert outcome.status == 0
    printed = json.loads(outcome.out)
    assert read_card(mine).noise_gate is None
    assert [(one["kind"], one["windows"]) for one in printed["played"]] == [("silence", 2), *[("white noise", 2)] * 3]
    outcome = run("noise-gate", "mine", "--windows", "2")
    assert outcome.status == 0
    assert "white noise" in outcome.out
    assert "3600" in outcome.out  # every window of 1 s
    gate = read_card(mine).noise_gate
    assert gate is not None
    assert json.loads(json.dumps(gate.to_dict())) == printed


def test_noise_gate_refuses_a_number_that_cannot_be(run: Callable[..., Any], mine: Path) -> None:
    outcome = run("noise-gate", "mine", "--windows", "0")
    assert outcome.status == 2
    assert "windows must be" in outcome.err


def test_trust_needs_out_of_fold_scores(run: Callable[..., Any], mine: Path) -> None:
    outcome = run("trust", "mine")
    assert outcome.status == 2
    assert "mine holds no out-of-fold scores" in outcome.err or "tiny holds no out-of-fold scores" in outcome.err


def test_trust_of_the_shipped_ensemble_is_what_its_card_says(run: Callable[..., Any]) -> None:
    outcome = run("trust", "starter")
    assert outcome.status == 0
    card = read_card(Workspace().ensemble_folders()["starter"])
    assert card.calibration is not None
    assert card.noise_gate is not None
    assert f"temperature {card.calibration.temperature:.3f}" in outcome.out
    assert f"{card.calibration.calibrated_ece:.4f}" in outcome.out
    assert "with thresholds chosen on the other folds" in outcome.out
    assert "false tags on 76 minutes" in outcome.out
    values = json.loads(run("trust", "starter", "--json").out)
    assert values["calibration"]["temperature"] == card.calibration.temperature
    assert len(values["labels"]) == len(card.labels)
    assert values["clips"] == card.calibration.clips


def test_tag_gives_calibrated_scores_and_the_same_tags(
    run: Callable[..., Any], sounds: Path, monkeypatch: pytest.MonkeyPatch, tiny_ensemble: Path
) -> None:
    monkeypatch.setattr(Tagger, "temperature", 0.5)
    plain = json.loads(run("tag", str(sounds / "a.wav"), "--ensemble", str(tiny_ensemble), "--json").out)
    options = ("--ensemble", str(tiny_ensemble), "--calibrated", "--json")
    calibrated = json.loads(run("tag", str(sounds / "a.wav"), *options).out)
    assert [tag["label"] for tag in plain[0]["tags"]] == [tag["label"] for tag in calibrated[0]["tags"]]
    assert plain[0]["scores"] != calibrated[0]["scores"]
