"""A worker that a decoder ended says so, and the next one leaves out the clip that did it; the rest is trained."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile

from audiotag import in_hand
from audiotag.audio.decoder_workers import HANGS, DecoderEndedError
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.training.recipe import Recipe
from audiotag.training.run_blocking import how_it_ended
from audiotag.training.run_progress import left_out_of, left_out_reasons
from audiotag.training.runs import WORKER, Run, RunSettings, create_run
from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.workspace import Workspace, read_json

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has other ends of processes")

RATE, CLIPS, BAD = 8000, 12, "03.wav"
RECIPE = Recipe(
    "tiny", "Tiny", "For tests.", (Stage("curated", 1, 1e-2),), folds=2, batch_size=2,
    spectrogram=SpectrogramSettings(
        sample_rate=RATE, clip_s=0.25, n_fft=256, win_length=256, hop_length=64, n_mels=16, f_max=4000.0
    ),
    network=XResNetSettings(depth=18, width=1 / 16, stem=4, activation="relu"),
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run on twelve clips of floats, which libsndfile decodes; nothing is started."""
    folder, lines = tmp_path / "sounds", ["fname,label"]
    folder.mkdir(parents=True)
    for number in range(CLIPS):
        noise = np.random.default_rng(number).normal(0, 0.1, RATE // 2)
        soundfile.write(folder / f"{number:02}.wav", noise, RATE, subtype="FLOAT")
        lines.append(f"{number:02}.wav,{('Hiss', 'Hum')[number % 2]}")
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    return create_run(Workspace(tmp_path / "home"), RunSettings(str(folder), RECIPE, device="cpu"))


def bad_clip(run: Run) -> Path:
    return Path(run.settings().dataset) / BAD


def trained_clips(run: Run) -> list[str]:
    """The clips that were scored by the folds that hold them out."""
    return sorted(name for fold in (1, 2) for name in read_json(run.fold_folder(fold) / "clips.json"))


@pytest.mark.parametrize("has_begun", [False, True], ids=["before the plan", "after the plan"])
def test_clip_that_ends_the_worker_is_named_and_left_out(
    run: Run, fake_libsndfile: ModuleType, fork_server: Any, monkeypatch: pytest.MonkeyPatch, has_begun: bool
) -> None:
    if has_begun:
        stop_at_once(run, monkeypatch)
        assert run.state() == "stopped"
    fake_libsndfile.deadly(bad_clip(run), "abort")
    for name in ("stop", "status.json"):
        (run.folder / name).unlink(missing_ok=True)

    def work(**stand_in: str) -> int:
        return fork_server.run(WORKER, [str(run.folder)], run.folder / "log.txt", **stand_in)

    assert work(stand_in=fake_libsndfile.__file__) == -signal.SIGABRT
    assert run.state() == "interrupted"
    assert run.reason().startswith("Its process crashed (aborted), while it read ")
    assert str(bad_clip(run)) in run.reason()
    assert "Fatal Python error: Aborted" in run.log_tail(200)
    assert how_it_ended(run) == f"was interrupted. {run.reason()}"

    assert work() == 0, run.log_tail()
    assert run.state() == "finished", run.log_tail()
    assert run.reason() == ""
    (sentence,) = left_out_reasons(run.events())
    assert sentence.startswith(f"{BAD} cannot be read: its decoder crashed on it")
    assert f"left out: {sentence}" in run.log_tail(200)
    assert set(left_out_of(run.events())) == ({bad_clip(run)} if has_begun else set())
    assert trained_clips(run) == [f"{number:02}.wav" for number in range(CLIPS) if number != 3]
    assert not list(run.folder.glob(".in-hand*"))


def test_suspect_that_the_system_cannot_read_now_is_not_left_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from audiotag.training import worker

    def fails(path: Path, **named: object) -> None:
        raise error

    monkeypatch.setattr(in_hand, "is_suspect", lambda path: path == bad_clip(run))
    monkeypatch.setattr(worker, "LongSound", fails)
    session = Session.open(run.settings(), run.workspace)
    error: Exception = OSError(5, "Input/output error")
    with pytest.raises(AudiotagError, match=r"03.wav cannot be read: Input/output error; .* Then resume the run."):
        worker.unreadable_suspects(session)
    error = AudiotagError("03.wav is damaged.")
    assert worker.unreadable_suspects(session) == {bad_clip(run): "03.wav is damaged."}
    error = AudiotagError("03.wav cannot be read: its decoder gave no sample for 30 s.", may_pass=True)
    error.__cause__ = DecoderEndedError(HANGS)  # it ended the worker before, so a run would never get past it
    assert list(worker.unreadable_suspects(session)) == [bad_clip(run)]


def stop_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the run write its plan and stop, in this process."""
    from audiotag.training import worker

    run.stop()
    monkeypatch.setattr(sys, "argv", ["worker", str(run.folder)])
    worker.train_run_folder(run)


def test_exception_of_one_clip_is_that_clips_problem(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from audiotag.training import clips

    read = clips.LongSound

    def fails_once(path: Path, *arguments: object) -> object:
        if path == bad_clip(run):
            raise IndexError("index 3 is out of bounds")
        return read(path, *arguments)

    monkeypatch.setattr(clips, "LongSound", fails_once)
    session = Session.open(run.settings(), run.workspace)
    subset = session.clips("curated")
    assert len(subset.clips) == CLIPS - 1
    assert [problem.split(" cannot")[0] for problem in subset.problems] == [BAD]


@pytest.mark.usefixtures("decoder_patience")
@pytest.mark.parametrize("way", ["abort", "hang", "allocate"])
def test_decoder_of_a_film_that_dies_costs_its_clip_alone(
    run: Run, fake_decoder: ModuleType, m4a: Callable, tone: Callable, way: str
) -> None:
    bad_clip(run).write_bytes(fake_decoder.deadly(m4a(tone()), way))
    subset = Session.open(run.settings(), run.workspace).clips("curated")
    assert len(subset.clips) == CLIPS - 1
    (problem,) = subset.problems
    assert problem.startswith(f"{BAD} cannot be read: its decoder ")


def test_clips_that_stay_keep_their_folds_when_one_is_left_out(run: Run) -> None:
    whole = Session.open(run.settings(), run.workspace).clips("curated")
    fewer = Session.open(run.settings(), run.workspace, [bad_clip(run)]).clips("curated")

    def folds(of: object) -> dict[str, int]:
        return dict(zip([clip.name for clip in of.clips], of.folds.folds, strict=True))

    assert folds(fewer) == {name: fold for name, fold in folds(whole).items() if name != "03.wav"}
    assert fewer.targets.shape == (CLIPS - 1, 2)
