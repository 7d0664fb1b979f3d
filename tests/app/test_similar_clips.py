"""Similar clips beside the players of the Dataset, Tag and Review pages: what is shown, and what is said instead."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from audiotag.data.index import KEY, with_keys
from audiotag.data.layouts import open_dataset
from audiotag.data.near_duplicates import NearDuplicate, NearDuplicateSearch, write_near_duplicates
from audiotag.similarity.embedding_job import EmbeddingJob, embed_clips
from audiotag.tagging.card_reading import read_card
from audiotag.training.runs import Run
from audiotag.ui.tag import stored_scores
from audiotag.workspace import Workspace

from .conftest import open_page, texts, wav
from .tag_page import given_path, noise, uploaded
from .test_hostile_text import HOSTILE

LABELS = ("Bark", "Hum", "Meow")
CLIPS = {f"{number:02}.wav": LABELS[number % 3] for number in range(11)}  # so that all others are similar ones
COPY, ORIGINAL = "10.wav", "00.wav"
RECORDINGS = {"01.wav": "lake", "02.wav": "lake"}  # of two clips
OPEN = {"similar": "true"}
DATASET_PAGE = {"tab": "Clips", **OPEN}


@pytest.fixture
def folder(home: Workspace, tmp_path: Path) -> Path:
    """Eleven clips: tones in noise, one of them a copy of the first, two of one recording."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for number, name in enumerate(CLIPS):
        number = 0 if name == COPY else number
        hiss = 0.05 * np.random.default_rng(number).standard_normal(30_000)
        (folder / name).write_bytes(wav(0.4 * np.sin(np.arange(30_000) / (5 + number)) + hiss))
    with (folder / "clips.csv").open("w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(("fname", "label", "source_id"))
        rows.writerows((name, label, RECORDINGS.get(name, name)) for name, label in CLIPS.items())
    home.remember_dataset(folder)
    return folder


def job_of(home: Workspace, folder: Path) -> EmbeddingJob:
    ensemble = home.ensembles / "tiny"
    return EmbeddingJob.of(open_dataset(folder), ensemble, read_card(ensemble), home)


@pytest.fixture
def embedded(home: Workspace, folder: Path) -> Path:
    """The folder, whose clips have vectors by the ensemble."""
    embed_clips(job_of(home, folder), home)
    return folder


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[EmbeddingJob]:
    """The jobs that a page starts, which look active; no process is started."""
    jobs: list[EmbeddingJob] = []

    monkeypatch.setattr(EmbeddingJob, "start", lambda job: jobs.append(job))
    monkeypatch.setattr(EmbeddingJob, "is_active", lambda job: bool(jobs))
    return jobs


def rows(at: AppTest) -> list[dict[str, Any]]:
    """The rows of the list on the page; empty where there is none."""
    assert not at.exception, at.exception
    lists = [each.proto for each in at.get("bidi_component") if each.proto.component_name == "audiotag-clip-list"]
    if not lists:
        return []
    (block,) = [each.bytes for each in lists]
    header = json.loads(block[4 : 4 + int.from_bytes(block[:4], "little")])
    return header["rows"]


def names(at: AppTest) -> list[str]:
    return [row["name"] for row in rows(at)]


def marks(at: AppTest) -> dict[str, str]:
    return {row["name"]: row["mark"] for row in rows(at) if row["mark"]}


def wanted_sounds(at: AppTest) -> int:
    """The number of sounds that the browser gets for the list."""
    return sum(b'"place": "similar-clips"' in each.proto.bytes[:200] for each in at.get("bidi_component")) - 1


# Dataset


def test_dataset_page_shows_the_ten_clips_that_are_most_similar_to_the_selected_one(embedded: Path) -> None:
    at = open_page("pages/dataset.py", **DATASET_PAGE)
    shown = rows(at)
    assert len(shown) == 10
    assert ORIGINAL not in names(at)
    similarities = [row["similarity"] for row in shown]
    assert similarities == sorted(similarities, reverse=True)
    assert (shown[0]["name"], shown[0]["similarity"], shown[0]["mark"]) == (COPY, 1.0, "same sound")
    assert all(row["details"] == CLIPS[row["name"]] for row in shown)
    assert wanted_sounds(at) == 1  # that of the first row; the others come when they are wanted


def test_clips_of_one_recording_are_marked(home: Workspace, embedded: Path) -> None:
    dataset = open_dataset(embedded)
    files = frozenset(with_keys(dataset.clips)[KEY].itertuples(index=False, name=None))
    pair = NearDuplicate("curated", "05.wav", "curated", "01.wav", 0.2, 0.98)
    write_near_duplicates(dataset, NearDuplicateSearch("tiny", 11, (pair,), files), home)
    at = open_page("pages/dataset.py", clip="curated/01.wav", **DATASET_PAGE)
    assert marks(at) == {"02.wav": "same recording", "05.wav": "same recording"}  # by the table, and by a search


def test_nothing_is_embedded_while_the_drawer_is_closed(folder: Path, started: list[EmbeddingJob]) -> None:
    at = open_page("pages/dataset.py", tab="Clips")
    assert rows(at) == []
    assert started == []
    at = open_page("pages/dataset.py", **DATASET_PAGE)
    assert [job.root for job in started] == [folder]
    assert rows(at) == []
    assert any(button.label == "Stop" for button in at.button)


def test_link_of_a_row_shows_that_clip(embedded: Path) -> None:
    at = open_page("pages/dataset.py", **DATASET_PAGE)
    row = rows(at)[3]
    parts = urlsplit(row["address"])
    assert parts.path == "dataset"
    address = {name: value for name, (value,) in parse_qs(parts.query).items()}
    at = open_page("pages/dataset.py", **address)
    assert any(text.startswith(f"**{row['name']}**") for text in texts(at.markdown))
    assert not at.warning


def test_clip_in_the_address_that_does_not_exist_is_named(folder: Path) -> None:
    at = open_page("pages/dataset.py", tab="Clips", clip="curated/gone.wav")
    assert any("gone.wav" in text for text in texts(at.warning))
    assert any(text.startswith("**00.wav**") for text in texts(at.markdown))


def test_selected_clip_is_in_the_address_unless_it_is_the_first(folder: Path) -> None:
    at = open_page("pages/dataset.py", tab="Clips")
    assert "clip" not in at.query_params
    at = at.button(key="next").click().run()
    assert at.query_params["clip"] == "curated/01.wav"


def test_clip_that_cannot_be_read_has_no_similar_ones(home: Workspace, folder: Path) -> None:
    soundfile.write(folder / "00.wav", np.full(30_000, np.nan), 44_100, "FLOAT")  # whose header can be read
    embed_clips(job_of(home, folder), home)
    at = open_page("pages/dataset.py", **DATASET_PAGE)
    assert rows(at) == []
    assert any("00.wav cannot be compared" in text for text in texts(at.info))


def test_silent_clip_has_no_similar_ones(home: Workspace, folder: Path) -> None:
    (folder / "00.wav").write_bytes(wav(np.zeros(30_000)))
    embed_clips(job_of(home, folder), home)
    at = open_page("pages/dataset.py", **DATASET_PAGE)
    assert rows(at) == []
    assert any("00.wav is silent" in text for text in texts(at.info))


def test_without_an_ensemble_the_way_to_one_is_said(empty: Workspace, folder: Path) -> None:
    (empty.ensembles / "tiny" / "card.json").unlink()
    at = open_page("pages/dataset.py", **DATASET_PAGE)
    assert not at.exception
    assert any("publish" in text for text in texts(at.info))


# Tag


def test_tag_page_finds_clips_similar_to_a_dropped_sound(embedded: Path) -> None:
    at = uploaded(open_page("pages/tag.py", **OPEN), ("new.wav", noise()))
    assert len(rows(at)) == 10
    assert marks(at) == {}


def test_tag_page_finds_the_dropped_sound_in_the_dataset(embedded: Path) -> None:
    at = uploaded(open_page("pages/tag.py", **OPEN), ("new.wav", (embedded / "05.wav").read_bytes()))
    first = rows(at)[0]
    assert (first["name"], first["mark"], first["similarity"]) == ("05.wav", "same sound", 1.0)


def test_sound_from_the_history_has_its_similar_clips_without_the_networks(
    embedded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = given_path(open_page("pages/tag.py", **OPEN), embedded / "05.wav")
    found = names(at)
    stored_scores._read.clear()  # as after a restart of the server
    monkeypatch.setattr("audiotag.ui.ensemble_cache._evidence", None)  # what it is needed for fails
    assert names(open_page("pages/tag.py", **OPEN)) == found


def test_tag_page_without_a_dataset_says_so_and_opens_one(
    empty: Workspace, tiny_ensemble: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_ensemble, empty.ensembles / "tiny")
    at = uploaded(open_page("pages/tag.py", **OPEN), ("new.wav", noise()))
    assert any("No dataset is open" in text for text in texts(at.info))
    assert any(button.key == "open-dataset-similar" for button in at.button)


# Review


@pytest.fixture
def run(home: Workspace, embedded: Path, scored_run: Callable[..., Run]) -> Run:
    """A finished run of two folds that doubts the labels of two clips."""
    scores = {name: [0.9 if label == given else 0.1 for label in LABELS] for name, given in CLIPS.items()}
    scores |= {"04.wav": [0.1, 0.04, 0.95], "08.wav": [0.9, 0.1, 0.05]}
    folds = {fold: {name: scores[name] for name in list(CLIPS)[6 * fold - 6 : 6 * fold]} for fold in (1, 2)}
    return scored_run(home, embedded, LABELS, folds)


def test_review_page_shows_clips_similar_to_the_one_in_doubt(run: Run) -> None:
    at = open_page("pages/review.py", reviewer="anna", **OPEN)
    first = names(at)
    assert len(first) == 10
    asked = next(text for text in texts(at.markdown) if " · curated · " in text).split(" · ")[0]
    assert asked not in first
    (on,) = [each for each in at.button if (each.key or "").startswith("press-right-")]
    while next(text for text in texts(at.markdown) if " · curated · " in text).split(" · ")[0] == asked:
        at = on.click().run()
        (on,) = [each for each in at.button if (each.key or "").startswith("press-right-")]
    assert names(at) != first


def test_hostile_names_and_labels_are_shown_as_they_are(home: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number} [x](y).wav").write_bytes(wav(0.4 * np.sin(np.arange(30_000) / (5 + number))))
    with (folder / "clips.csv").open("w", newline="") as table:
        csv.writer(table).writerows([("fname", "label"), *((f"{number} [x](y).wav", HOSTILE) for number in range(3))])
    home.remember_dataset(folder)
    embed_clips(job_of(home, folder), home)
    at = open_page("pages/dataset.py", **DATASET_PAGE)
    assert [row["details"] for row in rows(at)] == [HOSTILE, HOSTILE]
    assert sorted(names(at)) == ["1 [x](y).wav", "2 [x](y).wav"]
