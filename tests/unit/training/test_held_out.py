"""Out-of-fold scores are of clips that the fold, and the network that it starts from, was not trained on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors.numpy import save

from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.training.begun import note_begin, open_session, read_trained_on
from audiotag.training.fold_training import FoldTraining
from audiotag.training.held_out import HeldOutScores, read_held_out
from audiotag.training.recipe import Recipe
from audiotag.training.runs import Run, RunSettings, create_run
from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.workspace import Workspace

RATE = 8000
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.25, n_fft=256, win_length=256, hop_length=64, n_mels=32, f_max=4000.0
)
NOISY, CURATED = Stage("noisy", 1, 1e-3), Stage("curated", 1, 1e-3)
TINY = XResNetSettings(depth=18, width=0.0625, stem=4, activation="relu")
RECIPE = Recipe("tiny", "Tiny", "", (NOISY, CURATED), folds=3, batch_size=4, spectrogram=SETTINGS, network=TINY)
SHARED = replace(RECIPE, stages=(replace(NOISY, shared=True), CURATED))
COPIES = 4  # noisy clips that are copies of curated ones


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve curated and thirty noisy clips; the noisy ones 0 to 3 are copies of the curated ones 4 to 7."""
    root = tmp_path_factory.mktemp("held-out") / "sounds"
    for subset, count, first in (("curated", 12, 0), ("noisy", 30, 100)):
        (root / f"train_{subset}").mkdir(parents=True)
        lines = ["fname,labels"]
        for number in range(count):
            seed = number + 4 if subset == "noisy" and number < COPIES else first + number
            waveform = np.random.default_rng(seed).normal(0, 0.1, 800 + 8 * seed)
            soundfile.write(root / f"train_{subset}" / f"{number}.wav", waveform, RATE)
            lines.append(f"{number}.wav,{'Hum' if number % 2 else 'Hiss'}")
        (root / f"train_{subset}.csv").write_text("\n".join(lines) + "\n")
    return root


def begin(sounds: Path, workspace: Workspace, recipe: Recipe = RECIPE) -> tuple[Run, Session]:
    """A run that has begun and trained nothing."""
    run = create_run(workspace, RunSettings(str(sounds), recipe, device="cpu"))
    session = open_session(run)
    note_begin(run, session)
    stages = [
        {"stage": number, "subset": stage.subset, "epochs": 1, "clips": 12, "pixels": 1, "shared": stage.shared}
        for number, stage in session.stages
    ]
    run.write_event("run-started", folds=list(session.folds), labels=list(session.labels), stages=stages)
    return run, session


def finish(run: Run, session: Session, fold: int) -> None:
    """The fold's end, with untrained weights."""
    FoldTraining(run, session, fold, "cpu", lambda: False).finish()


def curated_twin(clip: str) -> str | None:
    """The curated clip of which a noisy clip is a copy."""
    number = int(Path(clip).stem)
    return f"{number + 4}.wav" if number < COPIES else None


@pytest.mark.parametrize("recipe", [RECIPE, SHARED], ids=["own noisy stage", "shared noisy stage"])
def test_no_clip_is_scored_by_a_network_that_was_trained_on_it_or_on_a_copy(
    sounds: Path, workspace: Workspace, recipe: Recipe
) -> None:
    run, session = begin(sounds, workspace, recipe)
    for fold in session.folds:
        finish(run, session, fold)
    held_out, noted = read_held_out(run), read_trained_on(run)
    assert noted is not None
    trained = {(row.subset, row.clip): set(map(int, row.folds.split())) for row in noted.itertuples()}
    rows = list(held_out.clips.itertuples(index=False, name=None))
    for subset, clip, fold in rows:
        assert fold not in trained.get((subset, clip), set())
        if subset == "noisy" and (twin := curated_twin(clip)):
            assert fold not in trained["curated", twin]
    names = [(subset, clip) for subset, clip, _ in rows]
    assert len(set(names)) == len(names)  # each clip is scored once
    assert {clip for subset, clip in names if subset == "curated"} == {f"{number}.wav" for number in range(12)}
    noisy = {clip for subset, clip in names if subset == "noisy"}
    if recipe is RECIPE:
        assert noisy == {f"{number}.wav" for number in range(30)}
    else:  # a tenth, which the shared network holds out, and the copies, on which it does not train either
        shared = {clip for (subset, clip), folds in trained.items() if subset == "noisy" and folds}
        assert noisy
        assert not noisy & shared


def test_scores_are_read_with_their_clips_targets_and_folds(sounds: Path, workspace: Workspace) -> None:
    run, session = begin(sounds, workspace)
    finish(run, session, 2)
    finish(run, session, 1)
    held_out = read_held_out(run)
    assert held_out.labels == ("Hiss", "Hum")
    assert held_out.scores.shape == held_out.targets.shape == (len(held_out.clips), 2)
    assert set(held_out.clips["fold"]) == {1, 2}
    assert ((held_out.scores >= 0) & (held_out.scores <= 1)).all()
    for (_, clip, _), target in zip(held_out.clips.itertuples(index=False, name=None), held_out.targets, strict=True):
        assert target.tolist() == ([0, 1] if int(Path(clip).stem) % 2 else [1, 0])
    for fold, subset in ((1, "curated"), (2, "noisy")):
        part = read_held_out(run, folds=(fold,), subsets=(subset,))
        is_part = (held_out.clips["fold"] == fold) & (held_out.clips["subset"] == subset)
        assert part.clips.values.tolist() == held_out.clips[is_part].values.tolist()
        assert np.array_equal(part.scores, held_out.scores[is_part])
        assert part.clips["clip"].tolist() == [clip.name for clip in expected(session, fold, subset)]


def expected(session: Session, fold: int, subset: str) -> list:
    clips = session.clips(subset)
    return clips.held_out(fold).clips if subset == "curated" else clips.unseen(fold, False).clips


def test_run_of_an_earlier_version_has_scores_of_its_last_subset_alone(sounds: Path, workspace: Workspace) -> None:
    run, session = begin(sounds, workspace)
    finish(run, session, 1)
    for name in ("noisy-scores.safetensors", "noisy-clips.json"):
        (run.fold_folder(1) / name).unlink()
    assert set(read_held_out(run).clips["subset"]) == {"curated"}
    assert len(read_held_out(run, subsets=("noisy",)).clips) == 0


def test_run_without_a_finished_fold_is_refused(sounds: Path, workspace: Workspace) -> None:
    run, _ = begin(sounds, workspace)
    with pytest.raises(AudiotagError, match=f"run {run.name} has no finished fold yet"):
        read_held_out(run)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("scores.safetensors", b"no scores"),
        ("scores.safetensors", save({"scores": np.zeros((4, 3), np.float32), "targets": np.zeros((4, 3), np.float32)})),
        ("scores.safetensors", save({"scores": np.zeros((4, 2), np.float32)})),
        ("clips.json", json.dumps(["0.wav"]).encode()),
        ("clips.json", json.dumps([1, 2, 3, 4]).encode()),
        ("clips.json", b"{"),
    ],
    ids=["no file of scores", "another vocabulary", "no targets", "too few clips", "no names", "no JSON"],
)
def test_damaged_file_is_named(sounds: Path, workspace: Workspace, name: str, content: bytes) -> None:
    run, session = begin(sounds, workspace)
    finish(run, session, 1)
    (run.fold_folder(1) / name).write_bytes(content)
    with pytest.raises(AudiotagError, match=f"{name} is damaged; put a copy of it there, or train the run again"):
        read_held_out(run)


def test_scores_and_clips_have_as_many_rows(sounds: Path, workspace: Workspace) -> None:
    run, session = begin(sounds, workspace)
    finish(run, session, 1)
    found: HeldOutScores = read_held_out(run)
    assert len(found.clips) == len(found.scores) == len(found.targets) > 0
