"""Scoring by an ensemble on the Review page: refused, started, watched, stopped, and what is shown of the result."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from audiotag.review import ensemble_scores
from audiotag.review.ensemble_scores import EnsembleScores, score_clips
from audiotag.tagging.known_clips import FILE, KnownClips
from audiotag.workspace import Workspace

from .conftest import at_work, table_dataset, texts


def page(root: str, ensemble: str) -> None:
    from pathlib import Path

    import streamlit as st

    from audiotag.ui import dataset_cache
    from audiotag.ui.review.ensemble_job import show_ensemble_scores
    from audiotag.workspace import Workspace

    found = show_ensemble_scores(dataset_cache.load_dataset(Path(root)), Path(ensemble), Workspace())
    st.text("none" if found is None else " ".join(found.clips["clip"]))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two clips, one of them broken and with a name that Markdown and HTML would take for their own."""
    root = table_dataset(tmp_path / "sounds", ["a.wav,Bark", "[b](x)_<i>.wav,Meow"])
    (root / "[b](x)_<i>.wav").write_text("no sound")
    return root


@pytest.fixture
def ensemble(tiny_ensemble: Path, tmp_path: Path) -> Path:
    folder = shutil.copytree(tiny_ensemble, tmp_path / "knowing")
    known = KnownClips.of([("0f" * 16, (True, False))], 2).to_bytes()
    (folder / FILE).write_bytes(known)
    card = json.loads((folder / "card.json").read_text()) | {"known_clips": hashlib.sha256(known).hexdigest()}
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def show(root: Path, ensemble: Path) -> AppTest:
    return AppTest.from_function(page, args=(str(root), str(ensemble)), default_timeout=60).run()


def job_of(root: Path, ensemble: Path) -> EnsembleScores:
    from audiotag.data.layouts import open_dataset

    return EnsembleScores.of(open_dataset(root), ensemble, Workspace())


def test_scoring_is_started_stopped_and_its_result_shown(
    root: Path, ensemble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[EnsembleScores] = []
    monkeypatch.setattr(EnsembleScores, "start", lambda job: started.append(at_work(job)))
    monkeypatch.setattr(EnsembleScores, "write_process", write_process, raising=False)
    at = show(root, ensemble)
    assert not at.exception
    assert "2 clips are not scored by tiny yet" in texts(at.info)[0]
    assert at.text[0].value == "none"
    at.button(key="score-clips").click().run()
    (job,) = started
    job.write_progress(1, 2, 75.0)
    at.run()
    assert at.text[0].value == "none"
    assert not job.is_stop_requested()
    at.button(key="stop-scoring").click().run()
    assert job.is_stop_requested()
    for name in ("process.json", "stop"):
        (job.folder / name).unlink()
    score_clips(job, Workspace())
    at.run()
    assert not at.exception
    assert at.text[0].value == "a.wav"
    assert texts(at.caption)[0] == "The ensemble does not know these labels: Meow."
    assert at.expander[0].label == "1 clip cannot be read"
    assert texts(at.expander[0].caption)[0].startswith("[b](x)_<i>.wav ")
    assert at.button(key="score-again").label == "Try the clips again that cannot be read"


def write_process(job: EnsembleScores, pid: int, started: float, waiting_since: float | None = None) -> None:
    job.folder.mkdir(parents=True, exist_ok=True)
    (job.folder / "process.json").write_text(json.dumps({"pid": pid, "started": started}))


def test_an_ensemble_that_cannot_be_used_is_a_sentence(root: Path, tiny_ensemble: Path) -> None:
    at = show(root, tiny_ensemble)
    assert not at.exception
    assert "tiny does not say which clips" in texts(at.error)[0]
    assert at.text[0].value == "none"


def test_a_killed_process_is_reported_with_the_way_on(root: Path, ensemble: Path) -> None:
    job = job_of(root, ensemble)
    write_process(job, 2**22 + 5, 1.0)
    at = show(root, ensemble)
    assert "Scoring ended before all clips were scored: its process was killed" in texts(at.error)[0]
    assert at.button(key="score-clips").label == "Score the clips"


def test_changed_aliases_are_seen_at_once(root: Path, ensemble: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble_scores, "PART_INTERVAL_S", -1.0)
    score_clips(job_of(root, ensemble), Workspace())
    assert texts(show(root, ensemble).caption)[0] == "The ensemble does not know these labels: Meow."
    (Workspace().root / "label-aliases.toml").write_text('Meow = "Bell"\n')
    assert not any("does not know" in text for text in texts(show(root, ensemble).caption))
