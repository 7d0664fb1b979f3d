"""The report of a run opens without a network, has all that is known of the run, and shows texts unchanged."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save

from audiotag.errors import AudiotagError
from audiotag.figures import run_report as report_module
from audiotag.figures.run_report import RunFacts, run_report
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_notes import RunNote, write_note
from audiotag.training.runs import Run, RunSettings, create_run
from audiotag.workspace import Workspace

STAGES = [{"stage": 0, "subset": "curated", "epochs": 2, "clips": 24, "pixels": 9, "shared": False}]
BEST = {"epoch": 1, "lwlrap": 0.95, "accuracy": 0.5, "per_class": [0.9, 0.8]}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two folds, both finished; one label looks like HTML."""
    folder = tmp_path_factory.mktemp("report")
    settings = RunSettings(str(folder), load_recipe("quick").with_epochs((2,)))
    run = create_run(Workspace(folder / "home"), settings)
    versions = {"audiotag": "0.3.0", "torch": "2.9"}
    run.write_event(
        "run-started", folds=[1, 2], labels=["a", "<b>"], stages=STAGES, versions=versions,
        left_out=["x.wav is empty."], splits=["These folds leak <much>.", "Source recordings: 3 straddle."],
    )  # fmt: skip
    for fold, score in ((1, 0.8), (2, 0.9)):
        run.write_event("fold-started", fold=fold)
        for epoch in (1, 2):
            run.write_event(
                "epoch", fold=fold, epoch=epoch, stage=0, subset="curated", lwlrap=score, accuracy=0.5, train_loss=0.4,
                valid_loss=0.5, seconds=2.0, lr=1e-3, rates=[[0.5, 2e-3], [1.0, 1e-3]], per_class=[0.5, 0.6],
            )  # fmt: skip
        run.fold_folder(fold).mkdir()
        scores = {"scores": np.float32([[0.9, 0.2], [0.1, score]]), "targets": np.eye(2, dtype=np.float32)}
        (run.fold_folder(fold) / "scores.safetensors").write_bytes(save(scores))
        (run.fold_folder(fold) / "clips.json").write_text(json.dumps([f"{fold}-a.wav", f"{fold}-b.wav"]))
        run.write_event("fold-finished", fold=fold, lwlrap=score, accuracy=0.5, per_class=[0.7, score], best=BEST)
    run.write_status("finished")
    write_note(run, RunNote("wide <windows>", "& longer"))
    return run


@pytest.fixture(scope="module")
def html(run: Run) -> str:
    clips = pd.Series({"a": 11, "<b>": 13})
    return run_report(RunFacts(run, run.settings(), "audiotag train /sounds", clips_per_label=clips))


def test_report_says_whether_the_folds_can_be_trusted(html: str) -> None:
    assert "Can the folds be trusted?" in html
    assert "These folds leak &lt;much&gt;." in html
    assert "<li>Source recordings: 3 straddle.</li>" in html


def body_of(html: str) -> str:
    return html[html.index("<body>") :]


def test_report_loads_nothing_from_elsewhere(html: str) -> None:
    assert not re.search(r"(?:src|href)\s*=\s*[\"'](?:https?:)?//", body_of(html))
    assert html.count("<script") == 1 + 3 + 2  # Plotly's, and one of each figure: of curves, of trust
    assert "4 of 4 tags are right (51 % to 100 %)" in body_of(html)


def test_figures_settings_versions_and_the_command_are_in_the_report(html: str) -> None:
    body = body_of(html)
    for expected in (
        "0.8500 ± 0.0707",  # of the last epochs
        "0.9500 ± 0.0000",  # of the best ones, and that this is too much:
        "its figures are too high for new clips",
        "audiotag train /sounds",
        "<td>2.9</td>",
        "x.wav is empty.",
        "What this run changes in it:",
        "<td>2, 2</td>",
        "spectrogram.hop_length",
    ):
        assert expected in body
    labels = body[body.index("Labels, worst first") :]
    assert re.search(r"<td>a</td>\s*<td>0.7</td>\s*<td>11</td>", labels)


def test_texts_from_data_are_shown_unchanged(html: str) -> None:
    body = body_of(html)
    assert "wide &lt;windows&gt;" in body
    assert "&amp; longer" in body
    assert "&lt;b&gt;" in body
    assert "<b>" not in body


def test_a_section_that_is_added_appears_and_an_empty_one_does_not(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    added = [lambda facts: f"<p>added to {facts.run.name}</p>", lambda facts: ""]
    monkeypatch.setattr(report_module, "SECTIONS", added)
    assert body_of(run_report(RunFacts(run, run.settings()))) == f"<body><p>added to {run.name}</p></body></html>\n"


def test_run_without_an_epoch_has_no_report(tmp_path: Path) -> None:
    run = create_run(Workspace(tmp_path / "home"), RunSettings(str(tmp_path), load_recipe("quick")))
    with pytest.raises(AudiotagError, match="has not finished an epoch yet"):
        run_report(RunFacts(run, run.settings()))
