"""The report of a run's folds counts each kind of groups, and folds keep together on request what it lists."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audiotag.data.dataset import Dataset
from audiotag.data.index import KEY, with_keys
from audiotag.data.layouts import open_dataset
from audiotag.data.leaks import count_straddling
from audiotag.data.near_duplicates import NearDuplicate, NearDuplicateSearch, write_near_duplicates
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.training.begun import TOGETHER, note_begin, open_session
from audiotag.training.recipe import Recipe
from audiotag.training.run_options import RunOptions
from audiotag.training.run_splits import leak_sentences, report_run_splits
from audiotag.training.runs import RunSettings, create_run
from audiotag.training.session import Session
from audiotag.training.split_report import KindOfGroups, SplitReport
from audiotag.training.stage import Stage
from audiotag.workspace import Workspace

RATE = 8000
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.1, n_fft=256, win_length=256, hop_length=128, n_mels=16, f_max=4000.0
)
RECIPE = Recipe("tiny", "Tiny", "For tests.", (Stage("curated", 1, 1e-3),), folds=3, spectrogram=SETTINGS)
RECORDINGS, CLIPS = 12, 3


def make(root: Path, header: str, row: str) -> Path:
    """Twelve recordings of three clips, ``rec00_0.wav`` to ``rec11_2.wav``; the last is a copy of the first."""
    root.mkdir()
    lines = [header]
    for recording in range(RECORDINGS):
        for clip in range(CLIPS):
            number = CLIPS * recording + clip
            seed = 0 if number == RECORDINGS * CLIPS - 1 else number
            name = f"rec{recording:02}_{clip}.wav"
            soundfile.write(root / name, np.random.default_rng(seed).normal(0, 0.1, 800), RATE)
            lines.append(
                row.format(name=name, label="ab"[recording % 2], fold=1 + number % 3, recording=recording // 2)
            )
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Without folds and recordings."""
    return make(tmp_path / "plain", "fname,label", "{name},{label}")


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """With folds that separate the recordings, which have the clips of two names each."""
    return make(tmp_path / "published", "fname,label,fold,source_id", "{name},{label},{fold},{recording}")


def session_of(root: Path, workspace: Workspace, recipe: Recipe = RECIPE, **settings: Any) -> Session:
    return Session(open_dataset(root), RunSettings(str(root), recipe, **settings), workspace)


def note_near_duplicates(dataset: Dataset, workspace: Workspace, *pairs: tuple[str, str]) -> None:
    found = tuple(NearDuplicate("curated", first, "curated", second, 0.7, 0.9) for first, second in pairs)
    files = frozenset(with_keys(dataset.clips)[KEY].itertuples(index=False, name=None))
    write_near_duplicates(dataset, NearDuplicateSearch("starter", len(dataset.clips), found, files), workspace)


def kind(report: SplitReport, name: Any) -> KindOfGroups:
    found = report.kind(name)
    assert found is not None
    return found


def test_published_folds_that_separate_recordings_are_counted(published: Path, workspace: Workspace) -> None:
    report = report_run_splits(session_of(published, workspace))
    recordings, names, identical = (kind(report, each) for each in ("recordings", "names", "identical"))
    assert (recordings.total, recordings.groups, recordings.clips) == (6, 6, 36)
    assert (recordings.straddling, recordings.straddling_clips, recordings.is_kept_together) == (6, 36, False)
    assert (names.groups, names.straddling) == (12, 12)
    assert (identical.groups, identical.straddling) == (1, 1)
    first = recordings.largest[0]
    assert (first.name, first.size, first.parts) == ("0", 6, ("fold 1", "fold 2", "fold 3"))
    assert report.folds == "3 folds of the dataset's own"
    assert (report.leak,) == leak_sentences(session_of(published, workspace))
    assert "6 of 6 source recordings and 1 of 1 groups of identical clips have clips in several" in report.verdict
    assert "--folds-from recipe" in report.advice["recordings"]
    assert report.advice["names"].startswith(
        "They agree with the source recordings: 36 of 36 pairs of clips that names"
    )
    assert json.loads(json.dumps(report.to_dict()))["kinds"][0]["straddling"] == 6
    assert report.lines()[1] == (
        "Source recordings: 6 with two or more clips (36 clips), 6 straddle the folds (36 clips)."
    )


def test_drawn_folds_keep_recordings_and_copies_together_and_names_with_them(
    published: Path, workspace: Workspace
) -> None:
    report = report_run_splits(session_of(published, workspace, folds_from="recipe"))
    assert [(each.kind, each.straddling) for each in report.kinds] == [
        ("recordings", 0),
        ("names", 0),
        ("identical", 0),
    ]
    assert kind(report, "recordings").is_kept_together
    assert not kind(report, "names").is_kept_together
    assert report.verdict == "These folds keep together what is known to belong together."
    assert report.leak == ""
    assert report.folds == "3 folds, drawn by the recipe"


def test_names_are_a_guess_that_folds_follow_only_on_request(plain: Path, workspace: Workspace) -> None:
    session = session_of(plain, workspace)
    report = report_run_splits(session)
    names = kind(report, "names")
    assert (names.groups, names.clips) == (12, 36)
    assert names.straddling is not None
    assert names.straddling > 6
    assert "--keep-together names" in report.advice["names"]
    assert report.leak == ""
    assert leak_sentences(session) == ()
    assert [pattern.recording for pattern in report.patterns] == ["rec00"]

    together = session_of(plain, workspace, keep_together=("names",))
    assert kind(report_run_splits(together), "names").straddling == 0
    rows, folds = together.rows_with_units("curated"), together.clips("curated").folds.folds
    assert count_straddling(rows["clip"].str[:5], folds) == (0, 12)
    assert count_straddling(rows["content"], folds) == (0, 1)  # as before
    assert len(set(folds)) == 3


def test_near_duplicates_are_said_where_folds_separate_them(plain: Path, workspace: Workspace) -> None:
    dataset = open_dataset(plain)
    assert "have not been looked for" in report_run_splits(session_of(plain, workspace)).unknown[-1]
    chain = [(f"rec{number:02}_0.wav", f"rec{number + 1:02}_0.wav") for number in range(5)]
    note_near_duplicates(dataset, workspace, *chain)
    report = report_run_splits(session_of(plain, workspace))
    near = kind(report, "near-duplicates")
    assert (near.groups, near.clips, near.straddling) == (1, 6, 1)
    assert "With recipe tiny, 1 of 1 groups of near-duplicates have clips in several folds" in report.leak
    assert "--keep-together near-duplicates" in report.advice["near-duplicates"]
    assert not any("have not been looked for" in sentence for sentence in report.unknown)
    session = session_of(plain, workspace, keep_together=("near-duplicates",))
    assert leak_sentences(session) == ()
    assert kind(report_run_splits(session), "near-duplicates").straddling == 0


def test_folds_that_are_not_drawn_leave_counts_open(plain: Path, workspace: Workspace) -> None:
    report = report_run_splits(session_of(plain, workspace), draw=False)
    names = kind(report, "names")
    assert (names.groups, names.straddling, names.straddling_clips) == (12, None, None)
    assert names.describe() == "12 with two or more clips (36 clips), not compared with these folds"
    assert all(group.parts == () for group in names.largest)


def test_groups_with_test_clips_are_counted(published: Path, workspace: Workspace) -> None:
    session = session_of(published, workspace, held_out=3)
    report = report_run_splits(session)
    assert report.clips == 24
    assert kind(report, "recordings").with_test == 6
    assert kind(report, "identical").with_test == 1
    assert kind(report, "identical").straddling == 0
    assert "leave the clips out of the test" in report.advice["identical"]


def test_shuffled_folds_are_compared_with_all_kinds(published: Path, workspace: Workspace) -> None:
    shuffled = replace(RECIPE, fold_method="shuffled")
    report = report_run_splits(session_of(published, workspace, shuffled, folds_from="recipe"))
    assert (kind(report, "recordings").straddling or 0) > 0
    assert report.leak.startswith("With recipe tiny, ")
    assert "A recipe with stratified folds keeps them together." in report.leak


def test_only_drawn_stratified_folds_can_keep_more_together(published: Path, plain: Path, workspace: Workspace) -> None:
    with pytest.raises(AudiotagError, match="keep_together is for folds that the recipe draws, got names for folds of"):
        session_of(published, workspace, keep_together=("names",)).check()
    shuffled = replace(RECIPE, fold_method="shuffled")
    with pytest.raises(AudiotagError, match="with stratified folds, got names for recipe tiny with shuffled folds"):
        session_of(plain, workspace, shuffled, keep_together=("names",)).check()
    session_of(published, workspace, folds_from="recipe", keep_together=("names",)).check()
    with pytest.raises(AudiotagError, match="keep_together must be names or near-duplicates, got files"):
        RunOptions(str(plain), keep_together=("files",)).settings(workspace)  # type: ignore[arg-type]


def test_settings_of_earlier_versions_keep_nothing_more_together(plain: Path, workspace: Workspace) -> None:
    settings = RunOptions(str(plain), keep_together=("near-duplicates", "names")).settings(workspace)
    values = json.loads(json.dumps(settings.to_dict()))
    assert RunSettings.from_dict(values).keep_together == ("names", "near-duplicates")
    del values["keep_together"]
    assert RunSettings.from_dict(values).keep_together == ()
    with pytest.raises(AudiotagError):
        RunSettings.from_dict(values | {"keep_together": ["files"]})


def test_a_run_keeps_the_groups_that_it_began_with(plain: Path, workspace: Workspace) -> None:
    dataset = open_dataset(plain)
    note_near_duplicates(dataset, workspace, ("rec00_0.wav", "rec01_0.wav"))
    run = create_run(workspace, RunSettings(str(plain), RECIPE, keep_together=("near-duplicates",)))
    session = open_session(run)
    assert session.together == [[["curated/rec00_0.wav", "curated/rec01_0.wav"]]]
    note_begin(run, session)
    stages = [{"stage": 0, "subset": "curated", "epochs": 1, "clips": 36, "pixels": 1, "shared": False}]
    run.write_event("run-started", folds=[1, 2, 3], labels=["a", "b"], stages=stages)
    note_near_duplicates(dataset, workspace, ("rec05_0.wav", "rec06_0.wav"))
    assert open_session(run).together == session.together
    (run.folder / TOGETHER).write_bytes(b"[[1]]")  # damaged
    assert open_session(run).together == [[["curated/rec05_0.wav", "curated/rec06_0.wav"]]]
