"""A folder without labels can be trained on once clips have got labels; the others take no part."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.data.verdicts import Answer, Verdict, VerdictJournal
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.training.begun import trained_on
from audiotag.training.estimate import Estimate
from audiotag.training.recipe import Recipe
from audiotag.training.run_blocking import new_run
from audiotag.training.run_options import RunOptions
from audiotag.training.runs import RunSettings
from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.workspace import Workspace

RATE = 8000
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.25, n_fft=256, win_length=256, hop_length=64, n_mels=32, f_max=4000.0
)
RECIPE = Recipe("tiny", "Tiny", "", (Stage("curated", 1, 1e-3),), folds=3, spectrogram=SETTINGS)


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Twenty clips without labels."""
    root = tmp_path / "sounds"
    root.mkdir()
    for number in range(20):
        waveform = np.random.default_rng(number).normal(0, 0.1, 1000 + number)
        soundfile.write(root / f"{number:02d}.wav", waveform, RATE)
    return root


def label(root: Path, **labels: str) -> None:
    """Give labels to clips by their stems; an empty text says that no label fits."""
    verdicts = []
    for stem, text in labels.items():
        after = tuple(filter(None, text.split("|")))
        answer: Answer = "other" if after else "right"
        verdicts.append(Verdict("curated", f"{stem.removeprefix('c')}.wav", "", answer, (), after, "ann"))
    VerdictJournal.of(root, Workspace()).append(verdicts)


def session_of(root: Path, corrected: bool = True) -> Session:
    return Session.open(RunSettings(str(root), RECIPE, device="cpu", corrected=corrected), Workspace())


def test_folder_without_labels_is_refused_with_what_to_do(sounds: Path) -> None:
    with pytest.raises(AudiotagError, match="the clips of sounds have no labels; label some on the Review page"):
        session_of(sounds)
    with pytest.raises(AudiotagError, match="the clips of sounds have no labels"):
        new_run(RunOptions(str(sounds)), Workspace())
    label(sounds, c00="Owl")
    with pytest.raises(AudiotagError, match="the tables of sounds have no labels; use the labels that reviewers gave"):
        session_of(sounds, corrected=False)


def test_clips_without_labels_are_neither_trained_on_nor_held_out(sounds: Path) -> None:
    label(sounds, **{f"c{number:02d}": "Owl" if number % 2 else "Rain|Wind" for number in range(12)}, c15="")
    session = session_of(sounds)
    assert session.labels == ("Owl", "Rain", "Wind")
    clips = session.clips("curated")
    by_name = dict(zip([clip.name for clip in clips.clips], clips.targets.tolist(), strict=True))
    assert sorted(by_name) == sorted([f"{number:02d}.wav" for number in range(12)] + ["15.wav"])
    assert by_name["15.wav"] == [0, 0, 0]  # no label fits: an example of what none of them is
    assert by_name["00.wav"] == [0, 1, 1]
    assert set(trained_on(session)["clip"]) == set(by_name)
    assert session.expected_batches()[0] >= 1


def test_folds_are_drawn_by_the_labels_that_reviewers_gave(sounds: Path) -> None:
    label(sounds, **{f"c{number:02d}": "Owl" if number < 3 else "Rain" for number in range(18)})
    clips = session_of(sounds).clips("curated")
    owls = clips.folds.folds[clips.targets[:, 0] > 0]
    assert sorted(owls.tolist()) == [1, 2, 3]
    assert set(Counter(clips.folds.folds.tolist()).values()) == {6}


def test_more_labels_make_another_estimate(sounds: Path) -> None:
    settings = RunSettings(str(sounds), RECIPE, device="cpu", corrected=True)
    label(sounds, c00="Owl")
    before = Estimate.of(settings, Workspace())
    label(sounds, c01="Rain")
    assert Estimate.of(settings, Workspace()).folder != before.folder
    assert Estimate.of(settings, Workspace()).folder == Estimate.of(settings, Workspace()).folder


def test_table_that_labels_some_sounds_and_a_reviewer_who_labels_more(sounds: Path) -> None:
    lines = [f"{number:02d}.wav,{'Owl' if number % 2 else 'Rain'}" for number in range(8)]
    (sounds / "labels.csv").write_text("\n".join(["fname,labels", *lines]) + "\n")
    workspace = Workspace()
    workspace.remember_dataset(sounds, {"keep_unlabelled": True})
    before = session_of(sounds).clips("curated")
    assert len(before.clips) == 8
    label(sounds, c10="Wind", c11="Owl", c12="")
    session = session_of(sounds)
    assert session.labels == ("Owl", "Rain", "Wind")
    assert len(session.clips("curated").clips) == 11
    assert len(session_of(sounds, corrected=False).clips("curated").clips) == 8
