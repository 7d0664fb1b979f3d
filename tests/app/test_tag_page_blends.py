"""A blend on the pages: its card, its tags, what was scored before a restart, and the table of its gains."""

import hashlib
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load, save

from audiotag.blending.blend import make_blend
from audiotag.blending.settings import BlendSettings
from audiotag.tagging.ablation import Ablation, AblationRow, write_ablation
from audiotag.tagging.card_reading import read_card
from audiotag.ui import ensemble_cache
from audiotag.ui.tag import stored_scores
from audiotag.workspace import Workspace

from .conftest import beep, changed, open_page, texts, wav
from .tag_page import opened, row, uploaded, words


@pytest.fixture
def blend(home: Workspace, tiny_ensemble: Path) -> Path:
    """A blend of the tiny ensemble and of one with other weights and shorter windows, the newest in the workspace."""
    other = shutil.copytree(tiny_ensemble, home.ensembles / "other")
    card, folds = read_card(other), []
    for fold in card.folds:
        weights = {
            name: each * 0.9 if each.ndim > 1 else each for name, each in load((other / fold.file).read_bytes()).items()
        }
        (other / fold.file).write_bytes(save(weights))
        folds.append(fold.__dict__ | {"sha256": hashlib.sha256((other / fold.file).read_bytes()).hexdigest()})
    changed(other, name="other", folds=folds, spectrogram=card.to_dict()["spectrogram"] | {"clip_s": 0.5})
    return make_blend(BlendSettings("both", (home.ensembles / "tiny", other)), home.ensembles)


def test_the_card_of_a_blend_lists_its_members(blend: Path) -> None:
    at = opened(open_page("pages/tag.py", ensemble="both"), "Ensemble")
    assert not at.exception
    figures = {metric.label: metric.value for metric in at.metric}
    assert figures == {"lwlrap": "not known", "Accuracy": "not known", "Members": "2", "Labels": "3"}
    assert any("No out-of-fold figures: tiny does not say which clips" in text for text in texts(at.caption))
    (members,) = [frame.value for frame in at.dataframe if "member" in frame.value]
    assert list(members["member"]) == ["tiny", "other"]


def test_a_blend_tags_and_its_scores_outlive_a_restart(blend: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = uploaded(open_page("pages/tag.py", ensemble="both"), ("a.wav", wav(beep(1))), ("b.wav", wav(beep(2))))
    assert not at.exception
    first = str(row(at, 0))
    assert "2 of 2" in first
    assert "2 of 2 members" in words(at)
    for cached in (ensemble_cache._evidence, stored_scores._read):  # as after a restart of the server
        cached.clear()
    monkeypatch.setattr(ensemble_cache, "load_evidence", None)  # the scores are on disk
    at = open_page("pages/tag.py", ensemble="both")
    assert not at.exception
    assert str(row(at, 0)) == first


def test_the_gains_of_a_blend_are_shown_with_their_intervals(blend: Path) -> None:
    rows = (
        AblationRow("tiny, all folds", 0.8, 0.7, "", None, 10.0),
        AblationRow("geometric mean of the members", 0.85, 0.75, "tiny, all folds", 0.05, 20.0, 0.01, 0.09),
    )
    checksums = read_card(blend).fold_checksums
    write_ablation(blend, Ablation(rows, "mine", "test", 120, 3, "2026-11-22", checksums, "torch"))
    at = opened(open_page("pages/tag.py", ensemble="both"), "Options")
    (table,) = [frame.value for frame in at.dataframe if "step" in frame.value]
    assert list(table["95 % interval"]) == ["", "+0.010 to +0.090"]
    assert list(table["over"]) == ["", "tiny, all folds"]


def test_home_counts_the_members(blend: Path) -> None:
    at = open_page("app.py", ensemble="both")
    assert not at.exception
    assert "3 labels, 2 members" in texts(at.markdown)
