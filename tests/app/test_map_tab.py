"""The Map tab of the Dataset page, and selected clips on the Dataset and the Review page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from audiotag.data.dataset import Dataset
from audiotag.data.index import with_keys
from audiotag.data.layouts import open_dataset
from audiotag.data.selections import save_selection
from audiotag.detached_job import DetachedJob
from audiotag.similarity.embedding_job import EmbeddingJob
from audiotag.similarity.embedding_store import NewSound, file_keys
from audiotag.similarity.map_job import MapJob
from audiotag.tagging.card_reading import read_card
from audiotag.training.runs import Run
from audiotag.workspace import Workspace, write_json

from .conftest import clip_table, open_page, players, table_dataset, texts, wav

LABELS = ("Bark", "Bell", "Hiss")
CLIPS = {f"{number:02}.wav": LABELS[number % 3] for number in range(20)}
UNKNOWN = "The address names a selection of clips that this workspace does not have"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modules of the processes that pages start; none is started, as if it was stopped at once."""
    modules: list[str] = []

    def start(job: DetachedJob) -> None:
        modules.append(job.module)
        write_json(job.folder / "process.json", {"pid": 2**30, "started": 0.0})
        write_json(job.folder / "status.json", {"state": "stopped"})

    monkeypatch.setattr(DetachedJob, "start", start)
    return modules


@pytest.fixture
def dataset(home: Workspace, tmp_path: Path, started: list[str]) -> Dataset:
    """Twenty clips whose vectors by the tiny ensemble are known."""
    folder = table_dataset(tmp_path / "mine", [f"{name},{label}" for name, label in CLIPS.items()])
    for number, name in enumerate(CLIPS):
        (folder / name).write_bytes(wav(0.5 * np.sin(np.arange(20_000) / (5 + number))))
    home.remember_dataset(folder)
    dataset = open_dataset(folder)
    vectors = np.random.default_rng(0).standard_normal((len(CLIPS), 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    keys = file_keys(with_keys(dataset.clips)).tolist()
    _, job = jobs(home, dataset)
    job.store.add(NewSound(key, key, 0, np.zeros(1), vector[None]) for key, vector in zip(keys, vectors, strict=True))
    return dataset


def jobs(home: Workspace, dataset: Dataset) -> tuple[MapJob, EmbeddingJob]:
    ensemble = home.ensembles / "tiny"
    card = read_card(ensemble)
    return MapJob.of(dataset, ensemble, card, home), EmbeddingJob.of(dataset, ensemble, card, home)


def the_map(**address: Any) -> AppTest:
    at = open_page("pages/dataset.py", tab="Map", **address)
    assert not at.exception
    assert not at.error
    return at


def maps(at: AppTest) -> list[Any]:
    return [each for each in at.get("bidi_component") if each.proto.component_name == "audiotag-clip-map"]


def shown_clip(at: AppTest) -> str:
    """The name of the clip that is picked."""
    (name,) = [text for text in texts(at.markdown) if text.startswith("**") and ".wav**" in text]
    return name.split("**")[1]


def test_map_is_by_principal_components_until_a_process_has_made_it(dataset: Dataset, started: list[str]) -> None:
    at = the_map()
    assert started == ["audiotag.similarity.map_job"]
    assert len(maps(at)) == 1
    assert any("(PCA of its embeddings)" in text for text in texts(at.caption))
    assert len(players(at)) == 1


def test_clips_without_vectors_are_embedded_first(home: Workspace, sounds: Path, started: list[str]) -> None:
    at = open_page("pages/dataset.py", tab="Map")
    assert not at.exception
    assert len(maps(at)) == 0
    assert any("have no embedding by tiny yet" in text for text in texts(at.info))
    assert started == ["audiotag.similarity.embedding_job"]
    at.button(key="embed-map").click().run()
    assert started == 2 * ["audiotag.similarity.embedding_job"]


def test_without_an_ensemble_the_tab_says_what_to_do(empty: Workspace, tmp_path: Path) -> None:
    empty.remember_dataset(table_dataset(tmp_path / "mine", ["a.wav,Beep", "b.wav,Beep"]))
    at = open_page("pages/dataset.py", tab="Map")
    assert not at.exception
    assert any("There is no ensemble yet" in text for text in texts(at.info))


def test_keys_step_through_the_clips_from_the_last_to_the_first(dataset: Dataset) -> None:
    at = the_map()
    assert shown_clip(at) == "00.wav"
    at = at.button(key="map-next").click().run()
    assert shown_clip(at) == "01.wav"
    at = at.button(key="map-previous").click().run()
    at = at.button(key="map-previous").click().run()
    assert shown_clip(at) == "19.wav"
    assert not at.exception


@pytest.mark.parametrize("colour", ["label", "subset", "doubt", "problem"])
def test_map_is_drawn_in_every_colour(dataset: Dataset, colour: str) -> None:
    at = the_map(**{"map-colour": colour})
    assert len(maps(at)) == 1
    if colour == "doubt":
        assert any("Train at least one fold on this dataset" in text for text in texts(at.info))


def test_doubts_are_those_of_the_review(home: Workspace, dataset: Dataset, scored_run: Callable[..., Run]) -> None:
    scored_run(home, dataset.root, LABELS, scores(odd="04.wav"))
    at = the_map(**{"map-colour": "doubt"})
    (table,) = [frame.value for frame in at.dataframe if "doubt" in frame.value.columns]
    doubts = dict(zip(table["clip"], table["doubt"], strict=True))
    assert doubts.pop("04.wav") in ("a label may be wrong", "a label may be missing")
    assert set(doubts.values()) == {"no doubt"}


def scores(odd: str) -> dict[int, dict[str, list[float]]]:
    """Scores of two folds that agree with all labels but those of one clip."""
    of_clips = {name: [0.9 if label == given else 0.1 for label in LABELS] for name, given in CLIPS.items()}
    of_clips[odd] = of_clips[odd][::-1] if CLIPS[odd] != "Bell" else [0.95, 0.04, 0.1]
    return {fold: {name: of_clips[name] for name in list(CLIPS)[10 * fold - 10 : 10 * fold]} for fold in (1, 2)}


def test_a_selection_in_the_address_filters_every_tab_until_it_is_cleared(home: Workspace, dataset: Dataset) -> None:
    chosen = ["03.wav", "05.wav"]
    found = save_selection(dataset, [("curated", name) for name in chosen], home)
    at = open_page("pages/dataset.py", tab="Clips", selection=found)
    assert clip_table(at) == chosen
    assert any("2 selected clips" in text for text in texts(at.caption))
    at = the_map(selection=found)
    assert shown_clip(at) == "03.wav"
    assert any("**2 clips selected**" in text for text in texts(at.markdown))
    (link,) = [link for link in at.main.get("page_link") if link.proto.label == "Open in Review"]
    assert found in link.proto.query_string
    at = at.button(key="clear").click().run()
    assert "selection" not in at.query_params
    assert any(text == "Clip 1 of 20" for text in texts(at.caption))


def test_a_selection_alone_can_be_cleared_beside_another_filter(home: Workspace, dataset: Dataset) -> None:
    found = save_selection(dataset, [("curated", name) for name in ("00.wav", "01.wav")], home)
    at = open_page("pages/dataset.py", tab="Clips", selection=found, labels="Bark")
    assert clip_table(at) == ["00.wav"]
    at = at.button(key="clear-selection").click().run()
    assert clip_table(at) == [name for name, label in CLIPS.items() if label == "Bark"]


@pytest.mark.parametrize("text", ["000000000000", "../../datasets"])
def test_unknown_selection_shows_all_clips_and_says_so(dataset: Dataset, text: str) -> None:
    at = open_page("pages/dataset.py", tab="Clips", selection=text)
    assert not at.exception
    assert len(clip_table(at)) == len(CLIPS)
    assert any(warning.startswith(UNKNOWN) for warning in texts(at.warning))


def test_review_shows_the_doubts_and_the_grid_of_selected_clips_alone(
    home: Workspace, dataset: Dataset, scored_run: Callable[..., Run]
) -> None:
    scored_run(home, dataset.root, LABELS, scores(odd="04.wav"))
    others = save_selection(dataset, [("curated", name) for name in ("00.wav", "03.wav")], home)
    at = open_page("pages/review.py", reviewer="anna", selection=others)
    assert not at.exception
    assert any("Only 2 selected clips" in text for text in texts(at.caption))
    assert any("No doubt passes the filter" in text for text in texts(at.info))
    at = at.button(key="clear-selection").click().run()
    assert any("04.wav" in text for text in texts(at.markdown))
    at = open_page("pages/review.py", reviewer="anna", tab="Grid", selection=others)
    assert not at.exception
    assert at.selectbox(key="grid-label").options == ["Bark"]
    assert any("0 of 2 clips with Bark" in str(each.proto) for each in at.get("progress"))
