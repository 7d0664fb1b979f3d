"""Every page through AppTest: what it shows is true, and what goes wrong is a sentence, never a traceback."""

import csv
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.features.presets import own_presets, save_preset
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.figures.dataset import MEASURED
from audiotag.inspection import measurement_job
from audiotag.inspection.measurement_job import MeasurementJob
from audiotag.training.recipe import load_recipe
from audiotag.training.runs import RunSettings, create_run
from audiotag.workspace import Workspace

from .conftest import beep, opened, said, table_dataset, wav

PAGES = ("app.py", "pages/dataset.py", "pages/spectrogram.py", "pages/train.py", "pages/tag.py")


def tab(name: str, **address: Any) -> AppTest:
    """A tab of the Dataset page."""
    return opened("pages/dataset.py", tab=name, **address)


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


# Every page


@pytest.mark.parametrize("page", PAGES)
def test_page_opens_on_a_dataset_and_an_ensemble(home: Workspace, page: str) -> None:
    at = opened(page)
    assert not at.exception
    assert not at.error
    assert len(at.title) == 1
    links = [link.proto.label for link in at.sidebar.get("page_link")]
    assert links == ["Home", "Dataset", "Spectrogram", "Train", "Tag", "Score"]


@pytest.mark.parametrize("page", PAGES)
def test_page_of_an_empty_workspace_says_what_to_do(empty: Workspace, page: str) -> None:
    at = opened(page)
    assert not at.exception
    wanted = "There is no ensemble yet" if page == "pages/tag.py" else "There is no dataset yet"
    assert any(text.startswith(wanted) for text in said(at.info))


@pytest.mark.parametrize("page", PAGES[:-1])
def test_dataset_that_is_none_any_more_is_a_sentence(home: Workspace, tmp_path: Path, page: str) -> None:
    folder = table_dataset(tmp_path / "mine", ["a.wav,Beep"])
    home.remember_dataset(folder)
    for file in folder.iterdir():
        file.unlink()
    at = opened(page)
    assert not at.exception
    assert any(f"{folder} is not a dataset" in text for text in said(at.error))


@pytest.mark.parametrize("page", PAGES)
def test_dataset_without_one_readable_clip_is_no_exception(home: Workspace, tmp_path: Path, page: str) -> None:
    folder = table_dataset(tmp_path / "mine", ["a.wav,Beep"])
    (folder / "a.wav").write_text("no sound")
    home.remember_dataset(folder)
    assert not opened(page).exception


@pytest.mark.parametrize("page", PAGES)
def test_damaged_ensemble_is_no_exception(home: Workspace, page: str) -> None:
    (home.ensembles / "tiny" / "card.json").write_text("{")
    at = opened(page)
    assert not at.exception
    if page in ("app.py", "pages/tag.py"):
        assert any("tiny/card.json is damaged" in text for text in said(at.error))


@pytest.mark.parametrize("page", ["app.py", "pages/train.py"])
def test_run_that_cannot_be_read_is_no_exception(home: Workspace, sounds: Path, page: str) -> None:
    run = create_run(home, RunSettings(str(sounds), load_recipe("quick")))
    (run.folder / "settings.json").write_text("{")
    assert not opened(page).exception


def test_dataset_opened_by_its_path_is_the_one_shown(empty: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "mine", ["a.wav,Beep", "b.wav,Beep"])
    at = opened("pages/dataset.py")
    at.text_input(key="dataset-path").set_value(str(folder))
    submit = next(button for button in at.button if button.label == "Open")
    at = submit.click().run()
    assert not at.exception
    assert empty.dataset_folders() == [folder]
    assert [(metric.label, metric.value) for metric in at.metric] == [("curated", "2 clips")]


def test_path_that_is_no_dataset_is_refused_with_a_sentence(home: Workspace, tmp_path: Path) -> None:
    at = opened("pages/dataset.py")
    at.text_input(key="dataset-path").set_value(str(tmp_path / "gone"))
    at = next(button for button in at.button if button.label == "Open").click().run()
    assert not at.exception
    assert any(f"{tmp_path / 'gone'} is not there" in text for text in said(at.error))


def test_two_datasets_of_one_name_are_told_apart_and_stay_chosen(home: Workspace, tmp_path: Path) -> None:
    folders = [table_dataset(tmp_path / place / "audio", [f"{place}.wav,Beep"]) for place in ("here", "there")]
    for folder in folders:
        home.remember_dataset(folder)
    at = opened("pages/dataset.py", tab="Clips")
    picker = at.selectbox(key="dataset")
    assert len(set(picker.options)) == len(picker.options) == 3
    assert {f"audio · {folder.parent}" for folder in folders} <= set(picker.options)
    assert clip_table(at) == ["there.wav"]
    at = at.selectbox(key="dataset").set_value(folders[0]).run()
    assert clip_table(at) == ["here.wav"]
    at = at.text_input(key="text").set_value("wav").run()
    assert clip_table(at) == ["here.wav"]


# Home


def test_home_shows_clips_labels_and_the_ensemble(home: Workspace, sounds: Path) -> None:
    texts = said(opened("app.py").markdown)
    labels = len(rows(sounds / "sample_submission.csv")[0]) - 1
    assert any(text.startswith("50 clips, ") and text.endswith(f" {labels} labels") for text in texts)
    assert "**starter-sounds**" in texts
    assert "**tiny**" in texts
    assert "3 labels, 2 folds, lwlrap 0.500 out of fold" in texts


def test_home_lists_the_last_runs_with_their_state(home: Workspace, sounds: Path) -> None:
    run = create_run(home, RunSettings(str(sounds), load_recipe("quick")))
    run.write_event("fold-finished", fold=1, lwlrap=0.75)
    run.write_status("stopped")
    (table,) = opened("app.py").dataframe
    row = table.value.iloc[0]
    assert row["run"] == run.name
    assert row["state"].endswith("stopped")
    assert (row["folds done"], row["mean lwlrap"]) == (1, 0.75)


# Dataset


def test_dataset_counts_clips_of_each_subset(home: Workspace) -> None:
    at = opened("pages/dataset.py")
    assert {metric.label: metric.value for metric in at.metric} == {
        "curated": "24 clips",
        "noisy": "20 clips",
        "test": "6 clips",
    }


def test_dataset_counts_labels_as_its_table_lists_them(home: Workspace, sounds: Path) -> None:
    at = opened("pages/dataset.py")
    labels = {label for row in rows(sounds / "train_curated.csv") for label in row["labels"].split(",")}
    mean = sum(len(row["labels"].split(",")) for row in rows(sounds / "train_curated.csv")) / 24
    assert any(
        f"{len(labels)} labels in " in text and f"{mean:.2f} labels a clip" in text for text in said(at.markdown)
    )


def counts(at: AppTest) -> dict[str, str]:
    """The figures in the header: clips by subset."""
    assert not at.exception
    return {metric.label: metric.value for metric in at.metric}


def clip_table(at: AppTest) -> list[str]:
    """Names in the table of the Clips tab."""
    columns = ["clip", "labels", "duration_s", "subset"]
    (table,) = [frame.value for frame in at.dataframe if list(frame.value.columns) == columns]
    return sorted(table["clip"])


@pytest.fixture
def barks(home: Workspace, tmp_path: Path) -> Path:
    """Four beeps of a second under two labels, and nothing measured yet."""
    lines = ["a.wav,Bark", 'b.wav,"Bark,Meow"', "c.wav,Meow", "d.wav,Hiss"]
    folder = table_dataset(tmp_path / "barks", lines)
    home.remember_dataset(folder)
    return folder


def measured(home: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the second pass over a dataset here and now."""
    monkeypatch.setattr(measurement_job, "ProcessPoolExecutor", lambda *_: ThreadPoolExecutor(1))
    of = open_dataset(folder)
    measurement_job.work(MeasurementJob.of(of.root, of.name, home))


def charts(at: AppTest) -> int:
    return len(at.get("plotly_chart"))


TABS = ("Durations", "Labels", "Sound", "Problems", "Clips")


@pytest.mark.parametrize("name", TABS)
def test_dataset_tab_is_in_the_address_and_alone_is_drawn(home: Workspace, name: str) -> None:
    at = tab(name)
    assert not at.exception
    assert not at.error
    assert [tab.label for tab in at.tabs if len(tab.children)] == [name]


def test_dataset_opens_with_every_tab_before_anything_is_measured(home: Workspace) -> None:
    assert [tab.label for tab in opened("pages/dataset.py").tabs] == list(TABS)
    assert any(text.startswith("50 clips are not measured yet") for text in said(tab("Sound").info))
    assert "Nothing is wrong that is looked for." in said(tab("Problems").success)
    assert any("No problem found, by the headers; " in text for text in said(tab("Problems").caption))
    assert len(clip_table(tab("Clips"))) == 50
    assert charts(tab("Durations")) == 3
    assert charts(tab("Labels")) == 3


def test_dataset_shows_what_is_measured(home: Workspace, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert charts(tab("Sound")) == 0
    measured(home, sounds, monkeypatch)
    at = tab("Sound")
    assert not at.exception
    assert not any("by the headers" in text for text in said(at.caption))
    assert charts(at) == 2 + len(MEASURED)  # the spectra, the gap between the sets, and a distribution a measure
    assert not any(button.key == "measure" for button in at.button)
    spectra = next(frame.value for frame in at.dataframe if "frequency (Hz)" in frame.value.columns)
    assert list(spectra.columns) == ["frequency (Hz)", "curated", "noisy", "test"]
    assert len(spectra) == 30


def test_average_spectrum_of_one_label_differs_from_that_of_all(
    home: Workspace, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(home, sounds, monkeypatch)

    def spectrum(at: AppTest) -> Any:
        return next(frame.value for frame in at.dataframe if "frequency (Hz)" in frame.value.columns)

    at = tab("Sound")
    every = spectrum(at)
    label = next(label for label in at.selectbox(key="spectrum-label").options if label != "all labels")
    at = at.selectbox(key="spectrum-label").set_value(label).run()
    assert not at.exception
    assert not spectrum(at).equals(every)
    level = spectrum(at)
    at = at.toggle(key="same-power").set_value(True).run()
    share = 10 ** (spectrum(at)["curated"].to_numpy() / 10)
    assert share.sum() == pytest.approx(1, abs=1e-3)  # 0 dB is the power in all bands
    assert not spectrum(at).equals(level)


@pytest.mark.parametrize(
    ("at_row", "key", "wanted"),
    [(0, "next", "b"), (2, "next", "d"), (3, "next", "a"), (2, "previous", "b"), (0, "previous", "d")],
)
def test_keys_step_through_the_clips_and_round(barks: Path, at_row: int, key: str, wanted: str) -> None:
    at = tab("Clips")
    at.session_state["clips-table"] = {"selection": {"rows": [at_row], "columns": [], "cells": []}}
    at = at.button(key=key).click().run()
    assert not at.exception
    assert any(text.startswith(f"**{wanted}.wav** · ") for text in said(at.markdown))


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ({"shortest": "1.5"}, "bc"),
        ({"below": "1.5"}, "ade"),
        ({"shortest": "2", "below": "3"}, "b"),
        ({"quietest": "-10"}, "abde"),
        ({"softer": "-10"}, "c"),
        ({"problem": "duplicate"}, "de"),
        ({"problem": ["duplicate", "silent"]}, "cde"),
    ],
)
def test_dataset_filter_by_duration_level_and_problem_is_read_from_the_address(
    home: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: dict[str, Any], wanted: str
) -> None:
    folder = table_dataset(tmp_path / "mine", [f"{name}.wav,Beep" for name in "abcde"])
    for name, waveform in (("b", beep(2)), ("c", 0 * beep(3)), ("d", beep(0.5)), ("e", beep(0.5))):
        (folder / f"{name}.wav").write_bytes(wav(waveform))
    home.remember_dataset(folder)
    measured(home, folder, monkeypatch)
    at = tab("Clips", **address)
    assert clip_table(at) == [f"{name}.wav" for name in wanted]
    at = at.button(key="clear").click().run()
    assert counts(at) == {"curated": "5 clips"}


def test_dataset_with_a_file_that_cannot_be_decoded_is_measured_and_says_so(
    barks: Path, home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(barks / "d.wav", np.full(44_100, np.nan), 44_100, subtype="FLOAT")
    measured(home, barks, monkeypatch)
    assert not any(button.key == "measure" for button in tab("Sound").button)
    at = tab("Problems")
    assert not at.exception
    table = next(frame.value for frame in at.dataframe if "what" in frame.value.columns)
    assert table[["kind", "clip"]].to_numpy().tolist() == [
        ["unreadable", "d.wav"],
        *(["duplicate", clip] for clip in ("a.wav", "b.wav", "c.wav")),
    ]


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ({"labels": ["Bark"]}, "ab"),
        ({"labels": ["Bark", "Meow"]}, "abc"),
        ({"labels": ["Bark", "Meow"], "every": True}, "b"),
        ({"text": "D.WAV"}, "d"),
        ({"text": "meow"}, "bc"),
        ({"text": "meow", "labels": ["Bark"]}, "b"),
        ({"subset": "curated"}, "abcd"),
    ],
)
def test_dataset_filter_changes_the_header_and_the_clips(barks: Path, chosen: dict[str, Any], wanted: str) -> None:
    at = tab("Clips")
    assert counts(at) == {"curated": "4 clips"}
    kinds = {"labels": "multiselect", "every": "toggle", "text": "text_input", "subset": "selectbox"}
    for key, value in chosen.items():
        at = getattr(at, kinds[key])(key=key).set_value(value).run()
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
        ({"labels": ["Bark"]}, "ab"),
        ({"labels": ["Bark", "Meow"], "every": "true"}, "b"),
        ({"text": "b.wav", "subset": "curated"}, "b"),
        ({"labels": ["Unheard"], "subset": "noisy"}, "abcd"),  # of another dataset: what is not here does not filter
    ],
)
def test_dataset_filter_is_read_from_the_address(barks: Path, address: dict[str, Any], wanted: str) -> None:
    assert clip_table(tab("Clips", **address)) == [f"{clip}.wav" for clip in wanted]


def test_dataset_filter_does_not_outlive_its_dataset(barks: Path, home: Workspace, sounds: Path) -> None:
    at = opened("pages/dataset.py")
    at = at.multiselect(key="labels").set_value(["Hiss"]).run()
    assert counts(at) == {"curated": "1 clip"}
    at = at.selectbox(key="dataset").set_value(sounds).run()
    assert counts(at)["curated"] == "24 clips"


def test_dataset_filter_that_nothing_passes_is_a_hint(barks: Path) -> None:
    at = opened("pages/dataset.py")
    at = at.text_input(key="text").set_value("nowhere").run()
    assert counts(at) == {}
    assert "No clip passes the filter; clear a part of it." in said(at.info)
    at = at.text_input(key="text").set_value("").run()
    assert counts(at) == {"curated": "4 clips"}


def test_dataset_of_labels_without_sounds_opens(home: Workspace, shared: Path) -> None:
    home.remember_dataset(shared / "data/fsdkaggle2019")
    at = opened("pages/dataset.py")
    assert counts(at) == {"curated": "4,964 clips", "noisy": "19,815 clips", "test": "4,481 clips"}
    assert not at.exception
    assert sum("The sounds of" in text for text in said(at.warning)) == 3
    assert any("This needs the sounds" in text for text in said(at.info))
    facts = [text for text in said(at.markdown) if "labels in" in text]
    assert [text.split(" · ")[0] for text in facts[:2]] == [
        "80 labels in 213 combinations",
        "80 labels in 1168 combinations",
    ]
    assert not any(button.key == "measure" for button in tab("Sound").button)
    assert any("Problems: 6 flagged" in text for text in said(at.caption))
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
    assert "These clips have no labels." in said(tab("Labels").info)


def test_measure_every_clip_starts_the_pass(barks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_dataset_lists_what_is_wrong_and_why(home: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "mine", ["a.wav,Beep", "b.wav,Beep", "c.wav,Beep", "d.wav,Beep"])
    (folder / "b.wav").write_text("no sound")
    (folder / "c.wav").unlink()
    (folder / "d.wav").write_bytes(b"")
    home.remember_dataset(folder)
    at = tab("Problems")
    table = next(frame.value for frame in at.dataframe if "what" in frame.value.columns)
    assert table[["kind", "clip"]].to_numpy().tolist() == [
        ["missing", "c.wav"],
        ["unreadable", "b.wav"],
        ["unreadable", "d.wav"],
    ]
    assert any("1 missing" in text and "2 unreadable" in text for text in said(at.caption))
    assert counts(at) == {"curated": "1 clip"}


@pytest.mark.parametrize("page", ["pages/dataset.py", "pages/spectrogram.py"])
def test_clip_that_vanished_since_is_a_sentence(home: Workspace, tmp_path: Path, page: str) -> None:
    folder = table_dataset(tmp_path / "mine", ["a.wav,Beep"])
    home.remember_dataset(folder)
    assert not opened(page, tab="Clips").exception  # its index is in memory now
    (folder / "a.wav").unlink()
    at = opened(page, tab="Clips")
    assert not at.exception
    assert any("a.wav" in text for text in said(at.error))


# Spectrogram


def readouts(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def test_mel_slider_changes_the_picture(home: Workspace) -> None:
    at = opened("pages/spectrogram.py")
    assert readouts(at)["Network input"] == "128 × 128"
    at = at.slider(key="set-n_mels").set_value(64).run()
    assert not at.exception
    assert readouts(at)["Network input"] == "64 × 128"
    at = at.slider(key="set-clip_s").set_value(4.0).run()
    assert readouts(at)["Network input"] == "64 × 256"


def test_preset_moves_the_sliders(home: Workspace) -> None:
    at = opened("pages/spectrogram.py")
    at = at.selectbox(key="preset").set_value("argus").run()
    assert not at.exception
    assert at.slider(key="set-clip_s").value == 4.0
    assert readouts(at)["Network input"] == "128 × 256"


@pytest.mark.parametrize(
    ("kind", "field", "value", "named"),
    [
        ("slider", "win_length", 4096, "n_fft"),
        ("slider", "hop_length", 2048, "hop_length"),
        ("slider", "band", (20, 30_000), "f_max"),
        ("selectbox", "sample_rate", 8000, "f_max"),
        ("number_input", "resize", 8, "resize"),
        ("number_input", "std_db", 0.0, "std_db"),
    ],
)
def test_settings_that_contradict_each_other_are_the_librarys_sentence(
    home: Workspace, kind: str, field: str, value: Any, named: str
) -> None:
    at = opened("pages/spectrogram.py")
    at = getattr(at, kind)(key=f"set-{field}").set_value(value).run()
    assert not at.exception
    (error,) = said(at.error)
    fields = {"f_min": value[0], "f_max": value[1]} if field == "band" else {field: value}
    with pytest.raises(AudiotagError) as refused:
        SpectrogramSettings(**{name: float(number) if name[:2] == "f_" else number for name, number in fields.items()})
    assert error == str(refused.value)
    assert error.startswith(f"{named} must be")
    assert getattr(at, kind)(key=f"set-{field}").value == value  # still there to be moved back


@pytest.mark.parametrize("name", PRESETS)
def test_preset_is_what_all_widgets_show(home: Workspace, name: str) -> None:
    at = opened("pages/spectrogram.py", bench="Use it")
    at = at.selectbox(key="preset").set_value(name).run()
    assert not at.exception
    code = next(element.value for element in at.code if "SpectrogramSettings(" in element.value)
    changes = re.search(r"SpectrogramSettings\((.*)\)", code)[1]
    assert eval(f"dict({changes})") == {
        field: value
        for field, value in PRESETS[name].to_dict().items()
        if value != PRESETS["capstone"].to_dict()[field]
    }


def test_preset_beyond_the_sliders_is_shown_as_it_is(home: Workspace) -> None:
    wide = SpectrogramSettings(
        sample_rate=11_025,
        clip_s=12.3,
        n_fft=16_384,
        win_length=10_000,
        hop_length=3001,
        n_mels=300,
        f_min=20.5,
        f_max=5000.0,
        top_db=150.5,
        trim_db=12.5,
        trim_pad_s=0.7,
    )
    save_preset("wide", wide, home)
    at = opened("pages/spectrogram.py", bench="Use it")
    at = at.selectbox(key="preset").set_value("wide").run()
    assert not at.exception
    assert not at.error
    assert train_link(at).query_string == "train-preset=wide"  # these are exactly its settings
    at = at.selectbox(key="preset").set_value("capstone").run()
    assert not at.exception
    assert train_link(at).query_string == "train-preset=capstone"


def test_python_lines_make_the_picture(home: Workspace) -> None:
    at = opened("pages/spectrogram.py", bench="Use it")
    at = at.slider(key="set-n_mels").set_value(64).run()
    code = next(element.value for element in at.code if "SpectrogramSettings(" in element.value)
    made: dict[str, Any] = {}
    exec(code, made)
    assert made["picture"].shape == (1, 64, 128)
    assert made["settings"] == SpectrogramSettings(n_mels=64)


BENCH = ("Picture", "Compare", "Clips of the label", "Augment", "What survives", "Use it")


@pytest.mark.parametrize("name", BENCH)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_tab_of_the_bench_opens_under_every_preset(home: Workspace, name: str, preset: str) -> None:
    at = opened("pages/spectrogram.py", bench=name)
    at = at.selectbox(key="preset").set_value(preset).run()
    assert not at.exception
    assert not at.error
    assert [tab.label for tab in at.tabs if len(tab.children)] == [name]


def test_deltas_resize_and_normalising_are_in_the_picture(home: Workspace) -> None:
    at = opened("pages/spectrogram.py")
    at = at.number_input(key="set-resize").set_value(96).run()
    at = at.selectbox(key="set-normalise").set_value("clip").run()
    assert not at.exception
    assert readouts(at)["Network input"] == "96 × 96"


def train_link(at: AppTest) -> Any:
    """The link of the "Use it" tab."""
    return next(link.proto for link in at.main.get("page_link") if link.proto.label == "Train with this")


def test_saved_preset_is_found_on_train_deleted_and_brought_back(home: Workspace) -> None:
    at = opened("pages/spectrogram.py", bench="Use it")
    at = at.slider(key="set-n_mels").set_value(64).run()
    assert train_link(at).disabled
    at.text_input(key="preset-name").set_value("mine")
    at = next(button for button in at.button if button.label == "Save").click().run()
    assert not at.exception
    assert own_presets(home) == {"mine": SpectrogramSettings(n_mels=64)}
    assert at.selectbox(key="preset").value == "mine"
    assert not train_link(at).disabled
    assert train_link(at).query_string == "train-preset=mine"
    train = opened("pages/train.py", **{"train-preset": "mine"})
    assert not train.exception
    assert any("--preset mine" in element.value for element in train.code)
    at = at.button(key="delete-preset").click().run()
    assert not at.exception
    assert own_presets(home) == {}
    at = at.button(key="undo-delete").click().run()
    assert not at.exception
    assert own_presets(home) == {"mine": SpectrogramSettings(n_mels=64)}


@pytest.mark.parametrize("name", ["capstone", "a b", "../x", ""])
def test_preset_of_a_wrong_name_is_not_saved(home: Workspace, name: str) -> None:
    at = opened("pages/spectrogram.py")
    at.text_input(key="preset-name").set_value(name)
    at = next(button for button in at.button if button.label == "Save").click().run()
    assert not at.exception
    assert len(at.error) == (name != "")
    assert own_presets(home) == {}


def test_square_picture_has_as_many_columns_as_bands(home: Workspace) -> None:
    at = opened("pages/spectrogram.py")
    at = at.slider(key="set-clip_s").set_value(1.0).run()
    assert readouts(at)["Network input"] == "128 × 64"
    at = at.button(key="square").click().run()
    assert readouts(at)["Network input"] == "128 × 128"


def test_draw_stays_until_it_is_rolled_again(home: Workspace) -> None:
    at = opened("pages/spectrogram.py", bench="Augment")
    shown = [image.proto.imgs[0].url for image in at.get("image")]
    assert len(shown) == 4
    assert len(set(shown)) == 4
    again = at.run()
    assert [image.proto.imgs[0].url for image in again.get("image")] == shown
    rolled = again.button(key="re-roll").click().run()
    assert not rolled.exception
    assert [image.proto.imgs[0].url for image in rolled.get("image")] != shown


def test_upload_is_looked_at(home: Workspace) -> None:
    at = opened("pages/spectrogram.py")
    at = at.segmented_control(key="sound-from").set_value("Upload").run()
    assert not at.exception
    assert not readouts(at)
    at = at.file_uploader(key="spectrogram-upload").set_value(("tone.wav", wav(beep(3)), "audio/wav")).run()
    assert not at.exception
    assert readouts(at)["Network input"] == "128 × 128"
    at = at.file_uploader(key="spectrogram-upload").set_value(("bad.wav", b"no sound", "audio/wav")).run()
    assert not at.exception
    assert any("bad.wav cannot be read as a sound" in text for text in said(at.error))


def test_label_without_clips_is_a_hint(home: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    table_dataset(folder / "train_curated", ["a.wav,Beep"])
    (folder / "train_curated" / "clips.csv").rename(folder / "train_curated.csv")
    (folder / "sample_submission.csv").write_text("fname,Beep,Unheard\n")
    home.remember_dataset(folder)
    at = opened("pages/spectrogram.py")
    assert readouts(at)
    at = at.selectbox(key="spectrogram-label").set_value("Unheard").run()
    assert not at.exception
    assert any("No clip has the label Unheard" in text for text in said(at.info))
    assert not readouts(at)


def test_picture_is_turned_back_into_sound(home: Workspace) -> None:
    at = opened("pages/spectrogram.py", bench="What survives")
    players = len(at.get("audio"))
    at = at.button(key="invert").click().run()
    assert not at.exception
    assert len(at.get("audio")) == players + 1
    assert len(at.run().get("audio")) == players + 1  # and it stays
    at = at.slider(key="set-n_mels").set_value(64).run()
    assert len(at.get("audio")) == players  # of other settings it would not be true
