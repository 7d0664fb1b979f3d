"""The Dataset page: its figures are those of the tables, and the filter changes all of them."""

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from audiotag.data.layouts import open_dataset
from audiotag.figures.dataset import MEASURED
from audiotag.inspection import measurement_job
from audiotag.inspection.measurement_job import MeasurementJob
from audiotag.inspection.measuring_workers import measure_row
from audiotag.ui.widgets import measurement
from audiotag.workspace import Workspace

from .conftest import START_BY_ITSELF, beep, clip_table, open_page, table_dataset, texts, wav


def tab(name: str, **address: Any) -> AppTest:
    """A tab of the Dataset page."""
    return open_page("pages/dataset.py", tab=name, **address)


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def test_dataset_counts_clips_of_each_subset(home: Workspace) -> None:
    at = open_page("pages/dataset.py")
    assert counts(at) == {"curated": "24 clips", "noisy": "20 clips", "test": "6 clips"}


def test_dataset_counts_labels_as_its_table_lists_them(home: Workspace, sounds: Path) -> None:
    at = open_page("pages/dataset.py")
    labels = {label for row in rows(sounds / "train_curated.csv") for label in row["labels"].split(",")}
    mean = sum(len(row["labels"].split(",")) for row in rows(sounds / "train_curated.csv")) / 24
    assert any(f"{len(labels)} labels, {mean:.2f} per clip" in text for text in texts(at.markdown))


def counts(at: AppTest) -> dict[str, str]:
    """The figures in the header: clips by subset."""
    assert not at.exception
    facts = (re.findall(r"\*\*(curated|noisy|test)\*\* ([\d,]+ clips?)", text) for text in texts(at.markdown))
    return dict(fact for found in facts for fact in found)


@pytest.fixture
def barks(home: Workspace, tmp_path: Path) -> Path:
    """Four beeps of one second with three labels, not measured yet."""
    lines = ["a.wav,Bark", 'b.wav,"Bark,Meow"', "c.wav,Meow", "d.wav,Hiss"]
    folder = table_dataset(tmp_path / "barks", lines)
    home.remember_dataset(folder)
    return folder


def measured(home: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure a dataset in this process."""
    monkeypatch.setattr(
        measurement_job, "measured_rows", lambda clips, *_: ((at, measure_row(clip)) for at, clip in enumerate(clips))
    )
    of = open_dataset(folder)
    measurement_job.measure_clips(MeasurementJob.of(of.root, of.name, home))


def charts(at: AppTest) -> int:
    return len(at.get("plotly_chart"))


TABS = ("Durations", "Labels", "Sound", "Problems", "Clips", "Map")


def test_every_tab_is_in_the_address_and_only_the_open_one_is_drawn(home: Workspace) -> None:
    opened_tabs = {name: tab(name) for name in TABS}
    for name, at in opened_tabs.items():
        assert not at.exception
        assert not at.error
        assert [tab.label for tab in at.tabs] == list(TABS)
        assert [tab.label for tab in at.tabs if len(tab.children)] == [name]
    assert charts(opened_tabs["Durations"]) == 3
    assert charts(opened_tabs["Labels"]) == 3
    assert charts(opened_tabs["Sound"]) == 0
    assert len(clip_table(opened_tabs["Clips"])) == 50
    assert any(text.startswith("50 clips are not measured yet") for text in texts(opened_tabs["Sound"].info))
    assert "No problem found in what is measured so far." in texts(opened_tabs["Problems"].success)
    assert opened_tabs["Problems"].button(key="open-problems").label == "No problem found so far"
    assert opened_tabs["Problems"].button(key="open-sound").label == "Only headers are checked"


def test_measurements_are_shown_for_all_labels_and_for_one(
    home: Workspace, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(home, sounds, monkeypatch)

    def spectrum(at: AppTest) -> Any:
        return next(frame.value for frame in at.dataframe if "frequency (Hz)" in frame.value.columns)

    at = tab("Sound")
    assert not at.exception
    assert not any(button.key == "open-sound" for button in at.button)
    assert charts(at) == 2 + len(MEASURED)  # the spectra, the gap between the subsets, one distribution per measure
    assert not any(button.key == "measure" for button in at.button)
    every = spectrum(at)
    assert list(every.columns) == ["frequency (Hz)", "curated", "noisy", "test"]
    assert len(every) == 30
    label = next(label for label in at.selectbox(key="spectrum-label").options if label != "all labels")
    at = at.selectbox(key="spectrum-label").set_value(label).run()
    assert not at.exception
    assert not spectrum(at).equals(every)
    level = spectrum(at)
    at = at.toggle(key="same-power").set_value(True).run()
    share = 10 ** (spectrum(at)["curated"].to_numpy() / 10)
    assert share.sum() == pytest.approx(1, abs=1e-3)  # 0 dB is the power in all bands
    assert not spectrum(at).equals(level)


def test_keys_step_through_the_clips_and_start_again_at_the_ends(barks: Path) -> None:
    at = tab("Clips")
    for key, wanted in (
        ("next", "b"),
        ("next", "c"),
        ("next", "d"),
        ("next", "a"),
        ("previous", "d"),
        ("previous", "c"),
    ):
        at = at.button(key=key).click().run()
        assert not at.exception
        assert any(text.startswith(f"**{wanted}.wav** · ") for text in texts(at.markdown))


def test_filter_by_duration_level_and_problem_is_read_from_the_address(
    home: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = table_dataset(tmp_path / "mine", [f"{name}.wav,Beep" for name in "abcde"])
    for name, waveform in (("b", beep(2)), ("c", 0 * beep(3)), ("d", beep(0.5)), ("e", beep(0.5))):
        (folder / f"{name}.wav").write_bytes(wav(waveform))
    home.remember_dataset(folder)
    measured(home, folder, monkeypatch)
    for address, wanted in (
        ({"shortest": "1.5"}, "bc"),
        ({"below": "1.5"}, "ade"),
        ({"quietest": "-10"}, "abde"),
        ({"softer": "-10"}, "c"),
        ({"problem": ["duplicate", "silent"]}, "cde"),
    ):
        at = tab("Clips", **address)
        assert clip_table(at) == [f"{name}.wav" for name in wanted]
    at = at.button(key="clear").click().run()
    assert counts(at) == {"curated": "5 clips"}


def test_dataset_with_a_file_that_cannot_be_decoded_is_measured_and_lists_it(
    barks: Path, home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(barks / "d.wav", np.full(44_100, np.nan), 44_100, subtype="FLOAT")
    measured(home, barks, monkeypatch)
    assert not any(button.key == "measure" for button in tab("Sound").button)
    at = tab("Problems")
    assert not at.exception
    assert problems_of(at) == [
        ["unreadable", "d.wav"],
        *(["contradiction", clip] for clip in ("a.wav", "b.wav", "c.wav")),  # three labels of one beep
        *(["duplicate", clip] for clip in ("a.wav", "b.wav", "c.wav")),
    ]


def test_clips_with_contradictory_labels_are_left_out_and_taken_back(home: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "mine", ["a.wav,Bark", "b.wav,Meow", "c.wav,Hiss"])
    (folder / "c.wav").write_bytes(wav(beep(2)))
    home.remember_dataset(folder)
    at = tab("Problems")
    assert counts(at) == {"curated": "3 clips"}
    button = at.button(key="leave-out")
    assert button.label == "Leave out 2 clips with contradictory labels"
    at = button.click().run()
    assert counts(at) == {"curated": "1 clip"}
    table = next(frame.value for frame in at.dataframe if "what" in frame.value.columns)
    assert table["kind"].tolist() == ["left out", "left out"]
    assert "a.wav (Bark), b.wav (Meow)" in table["what"].iloc[0]
    assert not any(button.key == "leave-out" for button in at.button)
    at = at.button(key="take-back").click().run()
    assert counts(at) == {"curated": "3 clips"}


def problems_of(at: AppTest) -> list[list[str]]:
    """Kind and clip of each row of the table of problems."""
    assert not at.exception
    (table,) = [frame.value for frame in at.dataframe if "what" in frame.value.columns]
    return table[["kind", "clip"]].to_numpy().tolist()


def test_the_number_of_problems_opens_them_and_keys_step_through_their_clips(home: Workspace, tmp_path: Path) -> None:
    lines = ["a.wav,Bark,train", "b.wav,Meow,train", "c.wav,Bark,test", "d.wav,Hiss,train"]
    folder = table_dataset(tmp_path / "mine", lines, "fname,label,split")
    (folder / "c.wav").write_bytes(wav(beep(2)))
    (folder / "d.wav").write_bytes(wav(beep(0.05)))
    home.remember_dataset(folder)
    at = open_page("pages/dataset.py")
    button = at.button(key="open-problems")
    assert button.label == "5 problems: 2 contradiction · 1 too short · 2 duplicate"
    at = button.click().run()
    wanted = [["contradiction", "a.wav"], ["contradiction", "b.wav"], ["too short", "d.wav"]]
    assert problems_of(at)[:3] == wanted
    players = [text for text in texts(at.markdown) if "Labels:" in text]
    assert players == [  # side by side, each with what it alone has
        "**a.wav** · curated · a.wav  \nLabels: Bark · only here: Bark",
        "**b.wav** · curated · b.wav  \nLabels: Meow · only here: Meow",
    ]
    assert sum(" Hz · " in text and "RMS" in text for text in texts(at.caption)) == 2  # the facts below the players
    at = at.button(key="problem-next").click().run().button(key="problem-next").click().run()
    assert [text for text in texts(at.markdown) if "Labels:" in text] == ["**d.wav** · curated · d.wav  \nLabels: Hiss"]
    assert any("which is too little to recognise most sounds. **What to do:**" in text for text in texts(at.markdown))
    at = at.button(key="leave-out-0").click().run()
    assert counts(at) == {"curated": "2 clips", "test": "1 clip"}
    assert ["left out", "d.wav"] in problems_of(at)
    at = tab("Problems", **{"problem-kind": "duplicate"})
    assert problems_of(at) == [["duplicate", "a.wav"], ["duplicate", "b.wav"]]


def test_a_small_dataset_is_measured_by_itself_once_and_not_again_after_it_was_stopped(
    barks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurement, "start_by_itself", START_BY_ITSELF)
    started: list[MeasurementJob] = []
    monkeypatch.setattr(MeasurementJob, "start", lambda job: started.append(job))
    assert not open_page("pages/dataset.py").exception
    (job,) = started
    assert job.root == barks
    job.folder.mkdir(parents=True)
    (job.folder / "process.json").write_text('{"pid": 1, "started": 1.0}')  # which was stopped meanwhile
    job.stop()
    assert not open_page("pages/dataset.py").exception
    assert len(started) == 1
    monkeypatch.setattr("audiotag.inspection.measurement_job.MAX_SMALL_CLIPS", 3)
    monkeypatch.setattr("audiotag.inspection.measurement_job.MAX_SMALL_S", 3.0)
    (job.folder / "process.json").unlink()
    assert not open_page("pages/dataset.py").exception
    assert len(started) == 1  # four seconds are too many


def test_filter_changes_the_header_and_the_clips(barks: Path) -> None:
    at = tab("Clips")
    assert counts(at) == {"curated": "4 clips"}
    widgets = {"labels": "multiselect", "every": "toggle", "text": "text_input", "subset": "selectbox"}
    for chosen, wanted in (
        ({"labels": ["Bark", "Meow"]}, "abc"),
        ({"every": True}, "b"),
        ({"labels": ["Bark"]}, "ab"),
        ({"text": "meow"}, "b"),
        ({"labels": []}, "bc"),
        ({"text": "D.WAV"}, "d"),
        ({"text": "", "subset": "curated"}, "abcd"),
    ):
        for key, value in chosen.items():
            getattr(at, widgets[key])(key=key).set_value(value)
        at = at.run()
        assert counts(at) == {"curated": f"{len(wanted)} clip{'s' * (len(wanted) > 1)}"}
        assert clip_table(at) == [f"{clip}.wav" for clip in wanted]


def test_dataset_filter_by_subset_shows_that_subset_alone(home: Workspace) -> None:
    at = tab("Clips")
    at = at.selectbox(key="subset").set_value("noisy").run()
    assert counts(at) == {"noisy": "20 clips"}
    assert len(clip_table(at)) == 20


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ({"labels": ["Bark", "Meow"], "every": "true"}, "b"),
        ({"text": "b.wav", "subset": "curated"}, "b"),
        ({"labels": ["Unheard"], "subset": "noisy"}, "abcd"),  # of another dataset: unknown values do not filter
    ],
)
def test_filter_is_read_from_the_address(barks: Path, address: dict[str, Any], wanted: str) -> None:
    assert clip_table(tab("Clips", **address)) == [f"{clip}.wav" for clip in wanted]


def test_address_of_an_unknown_tab_opens_the_first(barks: Path) -> None:
    at = tab("No such tab")
    assert not at.exception
    assert [tab.label for tab in at.tabs if len(tab.children)] == ["Durations"]


def test_dataset_filter_does_not_apply_to_another_dataset(barks: Path, home: Workspace, sounds: Path) -> None:
    at = open_page("pages/dataset.py")
    at = at.multiselect(key="labels").set_value(["Hiss"]).run()
    assert counts(at) == {"curated": "1 clip"}
    at = at.selectbox(key="dataset").set_value(sounds).run()
    assert counts(at)["curated"] == "24 clips"


def test_dataset_filter_that_nothing_passes_gives_a_hint(barks: Path) -> None:
    at = open_page("pages/dataset.py")
    at = at.text_input(key="text").set_value("nowhere").run()
    assert counts(at) == {}
    assert "No clip passes the filter. Remove a part of it." in texts(at.info)
    at = at.text_input(key="text").set_value("").run()
    assert counts(at) == {"curated": "4 clips"}


def test_dataset_of_labels_without_sounds_opens(home: Workspace, shared: Path) -> None:
    home.remember_dataset(shared / "data/fsdkaggle2019")
    at = open_page("pages/dataset.py")
    assert counts(at) == {"curated": "4,964 clips", "noisy": "19,815 clips", "test": "4,481 clips"}
    assert not at.exception
    assert sum("The sounds of" in text for text in texts(at.warning)) == 3
    assert any("The sound files of these clips are missing" in text for text in texts(at.info))
    (facts,) = [text for text in texts(at.markdown) if text.startswith("**curated**")]
    assert "**curated** 4,964 clips · 80 labels, 1.16 per clip" in facts
    assert not any(button.key == "measure" for button in tab("Sound").button)
    assert at.button(key="open-problems").label == "6 problems: 6 flagged"
    at = at.multiselect(key="labels").set_value(["Waves_and_surf"]).run()
    assert int(counts(at)["noisy"].split()[0]) >= 291


def test_dataset_of_sounds_without_labels_opens(
    home: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "a.wav").write_bytes(wav(beep(1)))
    home.remember_dataset(folder)
    measured(home, folder, monkeypatch)
    for name in TABS:
        assert counts(tab(name)) == {"curated": "1 clip"}
    assert "These clips have no labels." in texts(tab("Labels").info)


def test_measure_button_starts_the_measurement(barks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Path] = []
    monkeypatch.setattr(MeasurementJob, "start", lambda pass_: started.append(pass_.root))
    at = tab("Sound")
    assert started == []
    at = at.button(key="measure").click().run()
    assert not at.exception
    assert started == [barks]


def test_measuring_shows_its_progress_and_stops_on_the_button(
    barks: Path, home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[Path] = []
    monkeypatch.setattr(MeasurementJob, "is_active", lambda pass_: True)
    monkeypatch.setattr(MeasurementJob, "progress", lambda pass_: {"done": 1, "total": 4, "left_s": 90.0})
    monkeypatch.setattr(MeasurementJob, "stop", lambda pass_: stopped.append(pass_.root))
    at = tab("Sound")
    assert not at.exception
    (bar,) = at.get("progress")
    assert bar.proto.text.startswith("Measuring 1 of 4 clips · ")
    assert bar.proto.value == 25
    at.button(key="stop-measuring").click().run()
    assert stopped == [barks]


def test_dataset_lists_problems_with_their_reasons(home: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "mine", ["a.wav,Beep", "b.wav,Beep", "c.wav,Beep", "d.wav,Beep"])
    (folder / "b.wav").write_text("no sound")
    (folder / "c.wav").unlink()
    (folder / "d.wav").write_bytes(b"")
    home.remember_dataset(folder)
    at = tab("Problems")
    assert problems_of(at) == [
        ["unreadable", "b.wav"],
        ["unreadable", "d.wav"],
        ["missing", "c.wav"],
    ]
    assert at.button(key="open-problems").label == "3 problems: 2 unreadable · 1 missing"
    assert counts(at) == {"curated": "1 clip"}


@pytest.mark.parametrize("page", ["pages/dataset.py", "pages/spectrogram.py"])
def test_clip_that_was_deleted_gives_a_message(home: Workspace, tmp_path: Path, page: str) -> None:
    folder = table_dataset(tmp_path / "mine", ["a.wav,Beep"])
    home.remember_dataset(folder)
    assert not open_page(page, tab="Clips").exception  # its index is in memory now
    (folder / "a.wav").unlink()
    at = open_page(page, tab="Clips")
    assert not at.exception
    assert any("a.wav" in text for text in texts(at.error))
