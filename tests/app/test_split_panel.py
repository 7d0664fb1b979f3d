"""The panel of a new run that says whether its folds can be trusted, and the option that keeps more together."""

import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from audiotag.cli import main, train
from audiotag.data.index import KEY, with_keys
from audiotag.data.layouts import open_dataset
from audiotag.data.near_duplicates import NearDuplicate, NearDuplicateSearch, write_near_duplicates
from audiotag.inspection.measurement_job import MeasurementJob
from audiotag.training.runs import RunSettings
from audiotag.workspace import Workspace

from .conftest import open_page, texts

PANEL = {"splits": "true"}


def recordings(folder: Path, home: Workspace, with_folds: bool) -> Path:
    """Ten recordings of two clips; with folds, each recording is in both."""
    folder.mkdir()
    lines = ["fname,label,fold,source_id" if with_folds else "fname,label"]
    for number in range(20):
        name = f"rec{number // 2:02}_{number % 2}.wav"
        soundfile.write(folder / name, np.random.default_rng(number).normal(0, 0.1, 800), 8000)
        more = f",{1 + number % 2},take {number // 2}" if with_folds else ""
        lines.append(f"{name},{'ab'[number // 2 % 2]}{more}")
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    home.remember_dataset(folder)
    return folder


def settings_of(at: AppTest, home: Workspace) -> RunSettings:
    """The settings of the command that the page shows."""
    (line,) = [code.value for code in at.code if code.value.startswith("audiotag train")]
    return train.run_options_of(main.build_parser().parse_args(shlex.split(line)[1:])).settings(home)


def test_published_folds_that_leak_are_shown_with_their_groups(home: Workspace, tmp_path: Path) -> None:
    recordings(tmp_path / "mine", home, with_folds=True)
    closed = open_page("pages/train.py")
    assert any("10 of 10 source recordings" in text for text in texts(closed.warning))
    columns = [column for frame in closed.dataframe for column in frame.value.columns]
    assert "belong together" not in columns  # there is no work before the panel is opened
    at = open_page("pages/train.py", **PANEL)
    assert any("20 clips in 2 folds of the dataset's own" in text for text in texts(at.markdown))
    counts, largest = (frame.value for frame in at.dataframe if "belong together" in frame.value.columns)
    assert counts["in several folds"].tolist() == [10, 10]
    assert largest["where"].unique().tolist() == ["fold 1, fold 2"]
    assert any("In rec00_0.wav, **rec00** is taken for the recording" in text for text in texts(at.caption))
    assert any("They agree with the source recordings" in text for text in texts(at.caption))
    assert not any(pills.key == "keep-together" for pills in at.pills)


def test_names_are_kept_together_on_request(home: Workspace, tmp_path: Path) -> None:
    recordings(tmp_path / "mine", home, with_folds=False)
    at = open_page("pages/train.py", **PANEL)
    assert settings_of(at, home).keep_together == ()
    assert any("keep together what is known to belong together" in text for text in texts(at.markdown))
    assert any("If each of these is one recording" in text for text in texts(at.caption))
    before = next(frame.value for frame in at.dataframe if "in several folds" in frame.value.columns)
    assert before["in several folds"].tolist()[0] > 0
    (pills,) = [pills for pills in at.pills if pills.key == "keep-together"]
    at = pills.set_value(["names"]).run()
    after = next(frame.value for frame in at.dataframe if "in several folds" in frame.value.columns)
    assert after["in several folds"].tolist() == [0]
    assert settings_of(at, home).keep_together == ("names",)


def test_known_near_duplicates_are_kept_together_unless_the_user_says_no(home: Workspace, tmp_path: Path) -> None:
    dataset = open_dataset(recordings(tmp_path / "mine", home, with_folds=False))
    names = dataset.clips["clip"].tolist()
    pairs = tuple(NearDuplicate("curated", names[0], "curated", name, 0.5, 0.9) for name in names[1:9])
    files = frozenset(with_keys(dataset.clips)[KEY].itertuples(index=False, name=None))
    write_near_duplicates(dataset, NearDuplicateSearch("starter", 20, pairs, files), home)
    at = open_page("pages/train.py")
    (pills,) = [pills for pills in at.pills if pills.key == "keep-together"]
    assert settings_of(at, home).keep_together == ("near-duplicates",)
    assert not any("near-duplicates" in text for text in texts(at.warning))
    at = pills.set_value([]).run()
    assert settings_of(at, home).keep_together == ()
    assert any("1 of 1 groups of near-duplicates have clips in several folds" in text for text in texts(at.warning))


def test_what_is_not_measured_is_said_with_the_button_that_measures(
    home: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Path] = []
    monkeypatch.setattr(MeasurementJob, "start", lambda job: started.append(job.folder))
    recordings(tmp_path / "mine", home, with_folds=False)
    at = open_page("pages/train.py", **PANEL)
    assert any("20 of 20 clips are not measured" in text for text in texts(at.caption))
    assert any("Near-duplicates" in text for text in texts(at.caption))
    at.button(key="splits-measure").click().run()
    assert len(started) == 1
