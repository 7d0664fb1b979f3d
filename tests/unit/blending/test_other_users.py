"""What else uses ensembles takes a blend: held-out scores, familiarity, measured engines, the journal of a folder."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiotag.audio.reading import read_sound
from audiotag.blending.blend import make_blend
from audiotag.blending.settings import BlendSettings
from audiotag.cli.main import main
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.review.ensemble_scores import EnsembleScores, score_clips
from audiotag.tagging import engine_selection
from audiotag.tagging.bulk_job import fingerprint_of
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.familiar import Familiar
from audiotag.tagging.familiarity_measurement import familiarity_tagger, save_familiar
from audiotag.tagging.noise_gate_measurement import gate_tagger, window_tags
from audiotag.tagging.opening import open_tagger
from audiotag.tagging.settings import TagSettings
from audiotag.trust.familiarity import fit_sounds
from audiotag.workspace import Workspace

Blends = Callable[[str], Path]


def test_review_and_score_get_held_out_scores_of_a_blend(blends: Blends, trained: Any) -> None:
    workspace, dataset = Workspace(), open_dataset(trained.dataset)
    job = EnsembleScores.of(dataset, blends("stacked"), workspace)
    score_clips(job, workspace)
    found = job.read(dataset, workspace)
    assert found.unscored == found.trained_by_all == 0
    tagger = open_tagger(blends("stacked"))
    for row, clip in enumerate(found.held_out.clips["clip"]):
        expected = tagger.tag(trained.dataset / clip).scores
        np.testing.assert_allclose(found.held_out.scores[row], expected, atol=1e-5)


def trust(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["trust", str(folder)])
    assert not ended.value.code
    return capsys.readouterr().out


def test_familiarity_is_that_of_the_first_member(
    blends: Blends, trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = shutil.copytree(trained.members[0], tmp_path / "first")
    features = familiarity_tagger(first).features
    far = -1 - 1e-3 * np.random.default_rng(0).random((9, features))  # features are above 0 after a ReLU
    sounds = fit_sounds(far, np.eye(3, dtype=bool)[np.arange(9) % 3], far)
    save_familiar(first, Familiar((sounds,) * 3, 0.5))
    folder = make_blend(BlendSettings("careful", (first, *trained.members[1:])), tmp_path)
    settings = TagSettings(hold_back=True)
    tags = open_tagger(folder, settings, thresholds=(0.0, 0.0, 0.0)).tag(
        np.random.default_rng(1).random(32_000) - 0.5, sample_rate=16_000
    )
    assert tags.is_unlike
    assert not tags.tags
    assert len(tags.held_back) == 3
    assert sum("unlike the training sounds: its familiarity" in note for note in tags.notes) == 1
    assert "audiotag familiarity" not in trust(folder, capsys)
    assert "audiotag familiarity first DATASET, then blend again" in trust(blends("plain"), capsys)
    advice = "plain does not know what its training sounds are like, .*run audiotag familiarity first DATASET"
    with pytest.raises(AudiotagError, match=advice):
        open_tagger(blends("plain"), settings)
    with pytest.raises(AudiotagError, match="plain is a blend, and this needs an ensemble of one network"):
        familiarity_tagger(blends("plain"))


def test_the_noise_gate_plays_windows_of_the_first_member(blends: Blends, trained: Any) -> None:
    sound = read_sound(trained.dataset / "0.wav", 16_000)
    tags = window_tags(gate_tagger(blends("plain")), sound.waveform, "a sound")
    assert tags.shape == (3, 3)


def test_engines_of_a_blend_are_those_of_its_members(blends: Blends, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = blends("plain")
    measured: list[Path] = []
    monkeypatch.setattr(engine_selection, "select_engine", lambda path, card: measured.append(path))
    monkeypatch.setattr(engine_selection, "end_with_parent", lambda: None)
    monkeypatch.setattr("sys.argv", ["engine_selection", str(folder)])
    assert not engine_selection.is_measured(folder, read_card(folder))
    engine_selection.main()
    assert measured == [folder / f"member-{number}" for number in (1, 2, 3)]


def test_a_journal_of_one_blend_is_not_resumed_by_another(blends: Blends) -> None:
    plain, stacked = (fingerprint_of(open_tagger(blends(name))) for name in ("plain", "stacked"))
    assert plain["ensemble"] != stacked["ensemble"]


def test_weighted_folds_are_refused_for_a_blend(blends: Blends) -> None:
    with pytest.raises(AudiotagError, match="plain is a blend, whose folds are combined by mean or geometric"):
        open_tagger(blends("plain"), TagSettings(combine="weighted"))
