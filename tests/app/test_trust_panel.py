"""The panel of trust shows on each page what the library finds, and says whether that is out of fold or held out."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from audiotag.tagging.card_reading import read_card
from audiotag.tagging.noise_gate_job import NoiseGateJob
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.trust.findings import Findings, percent
from audiotag.trust.noise_gate import NoiseGate, Played
from audiotag.trust.reliability import reliability
from audiotag.workspace import Workspace

from .conftest import changed, open_page, texts

GATE = NoiseGate(
    (Played("silence", None, 36, 0, {}), Played("wind", -40.0, 36, 9, {"Bell": 9, "Hiss": 1})),
    1.0, "synthetic babble without words", "2026-11-29",
)  # fmt: skip


def opened(page: str, expander: str, **address: Any) -> AppTest:
    at = open_page(page, **address)
    at.session_state[expander] = True
    at = at.run()
    assert not at.exception
    return at


def figures(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def table(at: AppTest, column: str) -> Any:
    (found,) = [frame.value for frame in at.dataframe if column in frame.value]
    return found


def test_an_ensemble_shows_its_out_of_fold_figures(home: Workspace, held_out: OutOfFold) -> None:
    at = opened("pages/tag.py", "drawer", settings="Trust")
    found = Findings(held_out.labelled(read_card(home.ensembles / "tiny")))
    shown = figures(at)
    assert shown["Precision"] == percent(found.overall["precision"])
    assert shown["Recall"] == percent(found.overall["recall"])
    error = reliability(held_out.targets, held_out.scores).ece
    assert shown["Calibration error, as scored"] == f"{error:.4f}"
    said = texts(at.caption)
    assert any("Out of fold" in text and "40 clips" in text for text in said)
    assert any("With thresholds chosen on the clips of the other folds" in text for text in said)
    assert any("1 label has no clip here" in text and "Hiss" in text for text in said)
    rows = table(at, "precision_low").set_index("label")
    assert rows.loc["Bark", ["positives", "tagged", "right"]].tolist() == [10, 40, 10]
    keys = {button.key for button in at.get("download_button")}
    assert "download-tiny-precision-recall-csv" in keys


@pytest.mark.parametrize(("tab", "column"), [("Reliability", "share_high"), ("Confusion", "no tag")])
def test_every_tab_has_its_table(home: Workspace, held_out: OutOfFold, tab: str, column: str) -> None:
    at = opened("pages/tag.py", "drawer", settings="Trust", **{"trust-card-tab": tab})
    assert len(table(at, column))


def test_noise_gate_is_measured_by_a_button_and_shown_once_it_is_in_the_card(
    home: Workspace, held_out: OutOfFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[NoiseGateJob] = []
    monkeypatch.setattr(NoiseGateJob, "start", lambda job: started.append(job))
    at = opened("pages/tag.py", "drawer", settings="Trust", **{"trust-card-tab": "Noise gate"})
    assert any("not measured yet" in text for text in texts(at.caption))
    next(button for button in at.button if button.label == "Measure the noise gate").click().run()
    assert [job.ensemble.name for job in started] == ["tiny"]
    changed(home.ensembles / "tiny", noise_gate=GATE.to_dict())
    at = opened("pages/tag.py", "drawer", settings="Trust", **{"trust-card-tab": "Noise gate"})
    assert any("**wind**: false tags in 25 % of the windows, most often Bell" in text for text in texts(at.markdown))
    assert any("synthetic babble" in text for text in texts(at.caption))
    assert table(at, "per hour")["per hour"].tolist() == [0, 1000]


def test_calibrated_scores_are_chosen_by_a_toggle_and_in_the_command(home: Workspace, held_out: OutOfFold) -> None:
    at = open_page("pages/tag.py", calibrated="true")
    assert not at.exception
    assert at.toggle(key="calibrated").value
    assert any("--calibrated" in code.value for code in at.code)


def test_a_run_shows_what_its_folds_held_out(home: Workspace, sounds: Path, scored_run: Callable[..., Any]) -> None:
    draw = np.random.default_rng(0)
    labels = ("a", "b", "c")
    folds = {fold: {f"{fold}-{n}.wav": draw.random(3) for n in range(20)} for fold in (1, 2)}
    run = scored_run(home, sounds, labels, folds)
    at = opened("pages/train.py", "trust-run", run=run.name)
    assert any("Out of fold" in text and "40 clips" in text for text in texts(at.caption))
    assert table(at, "precision_low")["positives"].sum() == 40


def test_a_submission_is_held_out_and_without_thresholds_gets_as_many_tags_as_labels(
    home: Workspace, sounds: Path, tmp_path: Path
) -> None:
    with (sounds / "test_truth.csv").open() as file:
        clips = [row["fname"] for row in csv.DictReader(file)]
    labels = (sounds / "sample_submission.csv").read_text().splitlines()[0].split(",")[1:]
    draw = np.random.default_rng(0)
    rows = [[clip, *(f"{score:.3f}" for score in draw.normal(size=len(labels)))] for clip in clips]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(",".join(row) for row in [["fname", *labels], *rows]))
    at = open_page("pages/score.py", score="A table of scores")
    at.segmented_control(key="submission-from").set_value("Path").run()
    at.text_input(key="submission-path").set_value(str(path)).run()
    at.session_state["trust-score"] = True
    at = at.run()
    assert not at.exception
    assert any("Held out" in text for text in texts(at.caption))
    assert any("No thresholds are known" in text for text in texts(at.caption))
    assert "Calibration error, as scored" not in figures(at)  # scores below 0 are no probabilities
