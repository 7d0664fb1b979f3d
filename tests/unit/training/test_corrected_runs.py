"""A run uses the labels as reviewers corrected them when it began; its folds are those of the dataset's tables."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.data.verdicts import Answer, Verdict, VerdictJournal
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.inspection.measurement_job import MeasurementJob
from audiotag.training.begun import CORRECTIONS, open_session, read_corrections
from audiotag.training.recipe import Recipe
from audiotag.training.run_options import RunOptions
from audiotag.training.runs import Run, RunSettings, create_run
from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.training.worker import write_plan
from audiotag.workspace import Workspace

RATE = 8000
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.25, n_fft=256, win_length=256, hop_length=64, n_mels=32, f_max=4000.0
)
RECIPE = Recipe("tiny", "Tiny", "", (Stage("noisy", 1, 1e-3), Stage("curated", 1, 1e-3)), folds=3, spectrogram=SETTINGS)


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Fifteen curated and fifteen noisy clips with one or two of three labels."""
    root = tmp_path / "sounds"
    for subset, first in (("curated", 0), ("noisy", 100)):
        (root / f"train_{subset}").mkdir(parents=True)
        lines = ["fname,labels"]
        for number in range(15):
            waveform = np.random.default_rng(first + number).normal(0, 0.1, 800 + 8 * number)
            soundfile.write(root / f"train_{subset}" / f"{number}.wav", waveform, RATE)
            labels = {"abc"[number % 3], "abc"[number // 4 % 3]}
            lines.append(f'{number}.wav,"{",".join(sorted(labels))}"')
        (root / f"train_{subset}.csv").write_text("\n".join(lines) + "\n")
    return root


def review(
    sounds: Path, workspace: Workspace, clip: str, label: str, answer: Answer, after: tuple[str, ...], content: str = ""
) -> None:
    before = tuple(dict(zip(*_table(sounds), strict=True))[clip])
    verdict = Verdict("curated", clip, label, answer, before, after, "ann", content)
    VerdictJournal.of(sounds, workspace).append([verdict])


def _table(sounds: Path) -> tuple[list[str], list[tuple[str, ...]]]:
    from audiotag.data.layouts import open_dataset

    clips = open_dataset(sounds).subset("curated")
    return clips["clip"].tolist(), clips["labels"].tolist()


def settings_of(sounds: Path, corrected: bool = True, recipe: Recipe = RECIPE) -> RunSettings:
    return RunSettings(str(sounds), recipe, device="cpu", corrected=corrected)


def labels_in(session: Session, subset: str = "curated") -> dict[str, set[str]]:
    """The labels that the session trains on, by clip."""
    clips = session.clips(subset)
    rows = zip(clips.clips, clips.targets, strict=True)
    return {clip.name: {session.labels[at] for at in np.flatnonzero(target)} for clip, target in rows}


def test_session_trains_on_corrected_labels_if_it_is_asked_to(sounds: Path, workspace: Workspace) -> None:
    review(sounds, workspace, "0.wav", "a", "other", ("c",))
    review(sounds, workspace, "4.wav", "b", "wrong", ())
    plain, corrected = (Session.open(settings_of(sounds, yes), workspace) for yes in (False, True))
    assert plain.corrections == []
    assert [(each.clip, each.after) for each in corrected.corrections] == [("0.wav", ("c",)), ("4.wav", ())]
    before, after = labels_in(plain), labels_in(corrected)
    assert (before["0.wav"], after["0.wav"]) == ({"a"}, {"c"})
    assert (before["4.wav"], after["4.wav"]) == ({"b"}, set())
    for name in before.keys() - {"0.wav", "4.wav"}:
        assert before[name] == after[name]


@pytest.mark.parametrize("recipe", [RECIPE, replace(RECIPE, stages=(Stage("noisy", 1, 1e-3, shared=True),
                                                                    Stage("curated", 1, 1e-3)))])  # fmt: skip
def test_folds_stay_as_they_are_whatever_is_corrected(sounds: Path, workspace: Workspace, recipe: Recipe) -> None:
    for number in range(9):  # also with labels that no table has, which make the vocabulary longer
        review(sounds, workspace, f"{number}.wav", "", "other", ("a new one", "c", "zz"))
    plain, corrected = (Session.open(settings_of(sounds, yes, recipe), workspace) for yes in (False, True))
    assert len(corrected.corrections) == 9
    assert set(corrected.labels) - set(plain.labels) == {"a new one", "zz"}
    for subset in ("curated", "noisy"):
        first, second = (session.clips(subset).folds for session in (plain, corrected))
        assert first.folds.tolist() == second.folds.tolist()
        assert first.in_shared.tolist() == second.in_shared.tolist()


def begin(sounds: Path, workspace: Workspace, corrected: bool = True) -> tuple[Run, Session]:
    run = create_run(workspace, settings_of(sounds, corrected))
    session = open_session(run)
    write_plan(run, session, ("cpu",))
    return run, session


def test_run_keeps_the_corrections_that_it_began_with(sounds: Path, workspace: Workspace) -> None:
    review(sounds, workspace, "0.wav", "a", "other", ("c",))
    run, session = begin(sounds, workspace)
    review(sounds, workspace, "3.wav", "a", "wrong", ())
    VerdictJournal.of(sounds, workspace).append([Verdict("curated", "0.wav", "c", "wrong", ("c",), (), "ann")])
    resumed = open_session(run)
    assert resumed.corrections == session.corrections == read_corrections(run)
    write_plan(run, resumed, ("cpu",))  # else it would raise: other labels than the run began with
    assert [event["event"] for event in run.events()] == ["run-started", "run-resumed"]
    assert run.events()[0]["corrected"] == 1
    later, _ = begin(sounds, workspace)
    assert {each.clip: each.after for each in read_corrections(later)} == {"0.wav": (), "3.wav": ()}


def test_run_that_is_undone_under_its_feet_goes_on(sounds: Path, workspace: Workspace) -> None:
    review(sounds, workspace, "0.wav", "a", "other", ("c",))
    run, session = begin(sounds, workspace)
    VerdictJournal.of(sounds, workspace).undo("ann")
    assert labels_in(open_session(run)) == labels_in(session)
    assert labels_in(session)["0.wav"] == {"c"}


def test_run_without_corrections_notes_none_and_never_takes_any(sounds: Path, workspace: Workspace) -> None:
    run, session = begin(sounds, workspace, corrected=False)
    assert not (run.folder / CORRECTIONS).exists()
    review(sounds, workspace, "0.wav", "a", "other", ("c",))
    assert labels_in(open_session(run)) == labels_in(session)


def test_run_of_an_earlier_version_uses_the_labels_of_the_tables(sounds: Path, workspace: Workspace) -> None:
    run, session = begin(sounds, workspace, corrected=False)
    path = run.folder / "settings.json"
    values = json.loads(path.read_text())
    del values["corrected"]
    path.write_text(json.dumps(values))
    review(sounds, workspace, "0.wav", "a", "other", ("c",))
    assert Run(run.folder).settings().corrected is False
    assert Run(run.folder).settings() == settings_of(sounds, corrected=False)
    assert labels_in(open_session(Run(run.folder))) == labels_in(session)


def test_labels_that_change_in_the_tables_end_a_begun_run(sounds: Path, workspace: Workspace) -> None:
    review(sounds, workspace, "0.wav", "a", "other", ("c",))
    run, _ = begin(sounds, workspace)
    table = sounds / "train_curated.csv"
    table.write_text(table.read_text().replace('0.wav,"a"', '0.wav,"b"', 1))
    with pytest.raises(AudiotagError, match="the clips or labels of sounds have changed since this run began"):
        write_plan(run, open_session(run), ("cpu",))


def test_corrections_are_the_default_once_there_are_verdicts(sounds: Path, workspace: Workspace) -> None:
    options = RunOptions(str(sounds))
    assert options.settings(workspace).corrected is False
    review(sounds, workspace, "0.wav", "a", "other", ("c",))
    assert options.settings(workspace).corrected is True
    assert replace(options, corrected=False).settings(workspace).corrected is False
    VerdictJournal.of(sounds, workspace).undo("ann")
    assert options.settings(workspace).corrected is False


def test_verdict_follows_the_content_of_a_measured_clip(
    sounds: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(sounds, workspace)
    content = dict(zip(*contents(sounds, workspace), strict=True))
    review(sounds, workspace, "0.wav", "a", "other", ("c",), content["0.wav"])
    review(sounds, workspace, "4.wav", "b", "wrong", (), content["4.wav"])
    (sounds / "train_curated" / "7.wav").write_bytes((sounds / "train_curated" / "0.wav").read_bytes())
    waveform = np.random.default_rng(500).normal(0, 0.1, 900)
    soundfile.write(sounds / "train_curated" / "4.wav", waveform, RATE)  # another sound
    measure(sounds, workspace)
    found = Session.open(settings_of(sounds), workspace).corrections
    assert {each.clip: each.after for each in found} == {"0.wav": ("c",), "7.wav": ("b", "c")}


def measure(sounds: Path, workspace: Workspace) -> None:
    from audiotag.data.index import scan
    from audiotag.data.layouts import open_dataset
    from audiotag.inspection.measurement_job import measure_clips

    dataset = open_dataset(sounds)
    scan(dataset, workspace.indexes)
    job = MeasurementJob.of(dataset.root, dataset.name, workspace)
    measure_clips(job)


def contents(sounds: Path, workspace: Workspace) -> tuple[list[str], list[str]]:
    session = Session.open(settings_of(sounds, corrected=False), workspace)
    rows = session.index[session.index["subset"] == "curated"]
    return rows["clip"].tolist(), rows["content"].tolist()
