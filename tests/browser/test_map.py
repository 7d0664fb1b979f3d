"""The map of clips in Chromium: a click plays a clip, a lasso goes to Review, and a reload shows the same clips."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Page, expect
from safetensors.numpy import save

from audiotag.data.dataset import Dataset
from audiotag.data.index import with_keys
from audiotag.data.layouts import open_dataset
from audiotag.inspection import measurement_job
from audiotag.inspection.measuring_workers import measure_row
from audiotag.review.doubts import Doubt
from audiotag.review.ranking import find_doubts
from audiotag.similarity.embedding_job import EmbeddingJob
from audiotag.similarity.embedding_store import NewSound, file_keys
from audiotag.similarity.map_job import FILE, MapJob
from audiotag.similarity.map_layout import vector_keys
from audiotag.tagging.card_reading import read_card
from audiotag.training.held_out import read_held_out
from audiotag.training.runs import Run
from audiotag.workspace import Workspace, write_bytes

from .conftest import Server
from .readable import barriers
from .test_app import wait_until_settled

RATE = 16_000
LABELS = ("High", "Low", "Middle")
CLIPS = {f"{number:02}.wav": LABELS[number % 3] for number in range(30)}
CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [5.0, 9.0]])  # of the three labels on the map
# Where the points of the map are in the window, by the name of the clip; without those that are faint or hidden.
POINTS = """async root => {
  const map = root.clipMap;
  await map.loadNames();
  const { left, top } = map.stage.getBoundingClientRect();
  const rows = map.groups.filter(({ isHidden }) => !isHidden).flatMap(({ rows }) => rows);
  return Object.fromEntries(rows.map(row => {
    const [x, y] = map.placeOf(row);
    return [map.points.names(row)[0], [left + x, top + y]];
  }));
}"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("map") / "home")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, workspace: Workspace) -> Dataset:
    """Thirty clips with three labels, which are measured; on the map each label is a group of its own."""
    folder = tmp_path_factory.mktemp("map") / "tones"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number, (name, label) in enumerate(CLIPS.items()):
        frequency_hz = 400 * 2 ** LABELS.index(label) + 5 * number
        tone = 0.3 * np.sin(2 * np.pi * frequency_hz * np.arange(RATE) / RATE)
        soundfile.write(folder / name, tone + 0.01 * rng.standard_normal(RATE), RATE)
    (folder / "clips.csv").write_text("fname,label\n" + "".join(f"{name},{label}\n" for name, label in CLIPS.items()))
    workspace.remember_dataset(folder)
    dataset = open_dataset(folder)
    measure(dataset, workspace)
    ensemble = workspace.ensemble_folders()["starter"]
    card = read_card(ensemble)
    vectors = rng.standard_normal((len(CLIPS), 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    clips = with_keys(dataset.clips)
    store = EmbeddingJob.of(dataset, ensemble, card, workspace).store
    keys = file_keys(clips).tolist()
    store.add(NewSound(key, key, 0, np.zeros(1), vector[None]) for key, vector in zip(keys, vectors, strict=True))
    hashes = vector_keys(vectors)
    order = np.argsort(hashes)
    near = CENTRES[[LABELS.index(CLIPS[name]) for name in clips["clip"]]] + rng.uniform(-1, 1, (len(clips), 2))
    content = save({"keys": hashes[order], "positions": near[order].astype(np.float32)})
    write_bytes(MapJob.of(dataset, ensemble, card, workspace).folder / FILE, content)
    return dataset


def measure(dataset: Dataset, workspace: Workspace) -> None:
    """Measure the clips in this process, so that no page does it while the mouse is moved."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            measurement_job, "measured_rows", lambda clips, *_: (row for row in enumerate(map(measure_row, clips)))
        )
        measurement_job.measure_clips(measurement_job.MeasurementJob.of(dataset.root, dataset.name, workspace))


@pytest.fixture(scope="module")
def run(workspace: Workspace, dataset: Dataset, scored_run: Callable[..., Run]) -> Run:
    """A finished run of two folds, which doubt the labels of every second clip."""
    scores = {}
    for number, (name, given) in enumerate(CLIPS.items()):
        heard = LABELS[(LABELS.index(given) + number % 2) % 3]
        scores[name] = [(0.9 if label == heard else 0.1) - 0.001 * number for label in LABELS]
    folds = {fold: {name: scores[name] for name in list(CLIPS)[15 * fold - 15 : 15 * fold]} for fold in (1, 2)}
    return scored_run(workspace, dataset.root, LABELS, folds)


@pytest.fixture(scope="module")
def doubts(dataset: Dataset, run: Run) -> list[Doubt]:
    return find_doubts(dataset, read_held_out(run))


@pytest.fixture(scope="module")
def server(workspace: Workspace, run: Run) -> Iterator[Server]:
    server = Server(workspace.root)
    server.start()
    yield server
    server.stop()


SLOW_MS = 240_000  # the first page of a server, while other work is going on


def open_map(page: Page, server: Server, **address: str) -> dict[str, tuple[float, float]]:
    """Open the tab; returns where its clips are in the window."""
    parameters = "&".join(f"{key}={value}" for key, value in {"tab": "Map", **address}.items())
    page.goto(f"{server.url}/dataset?{parameters}")
    return points_of(page)


def points_of(page: Page, count: int = len(CLIPS)) -> dict[str, tuple[float, float]]:
    """Where clips are in the window, once so many are in colour."""
    chart = page.locator(".clip-map")
    expect(chart).to_have_attribute("data-drawn", str(count), timeout=SLOW_MS)
    expect(page.locator(".player .untrimmed")).to_be_attached()
    wait_until_settled(page)
    chart.scroll_into_view_if_needed()
    return chart.evaluate(POINTS)


def draw_around(page: Page, corners: list[tuple[float, float]]) -> None:
    """Draw a lasso around all of these places."""
    low_x, high_x, low_y, high_y = box_around(corners)
    page.mouse.move(low_x, low_y)
    page.mouse.down()
    for corner in ((high_x, low_y), (high_x, high_y), (low_x, high_y), (low_x, low_y + 2)):
        page.mouse.move(*corner, steps=5)
    page.mouse.up()


def box_around(places: list[tuple[float, float]]) -> tuple[float, float, float, float]:
    x, y = np.array(places).T
    return x.min() - 15, x.max() + 15, y.min() - 15, y.max() + 15


def test_a_lasso_selects_clips_that_review_shows_alone_and_a_reload_keeps_them(
    server: Server, page: Page, doubts: list[Doubt], run: Run
) -> None:
    high = [name for name, label in CLIPS.items() if label == "High"]
    points = open_map(page, server)
    assert set(points) == set(CLIPS)
    draw_around(page, [points[name] for name in high])
    expect(page.get_by_text("10 clips selected")).to_be_visible()
    expect(page).to_have_url(re.compile("selection="))
    assert set(points_of(page, 10)) == set(high)  # the others are faint and have no names
    page.get_by_role("tab", name="Durations").click()
    expect(page.locator(".st-key-durations .js-plotly-plot")).to_be_visible()
    expect(page.get_by_text("10 clips", exact=False).first).to_be_visible()
    wait_until_settled(page)
    page.get_by_role("tab", name="Map").click()
    expect(page).to_have_url(re.compile("tab=Map"))
    page.reload()
    expect(page.get_by_text("10 clips selected")).to_be_visible()
    assert set(points_of(page, 10)) == set(high)
    page.get_by_role("link", name="Open in Review").click()
    expect(page.get_by_text("Only 10 selected clips")).to_be_visible()
    wanted = [doubt for doubt in doubts if doubt.clip in high]
    assert 0 < len(wanted) < len(doubts)
    expect(page.get_by_text(f"0 of {len(wanted)}")).to_be_visible()
    wait_until_settled(page)
    page.get_by_role("button", name="Clear the selection").click()
    expect(page.get_by_text(f"0 of {len(doubts)}")).to_be_visible()


def test_a_click_plays_a_clip_and_a_key_the_next(server: Server, page: Page) -> None:
    points = open_map(page, server)
    page.mouse.move(*points["17.wav"])
    page.mouse.click(*points["17.wav"])
    expect(page.locator(".player")).to_have_attribute("aria-label", "Player of 17.wav")
    page.wait_for_function("player => player.currentTime > 0", arg=page.locator("audio").element_handle())
    expect(page.get_by_text("Clip 18 of 30")).to_be_visible()
    wait_until_settled(page)
    page.keyboard.press("n")
    expect(page.locator(".player")).to_have_attribute("aria-label", "Player of 18.wav")


def test_a_box_leaves_out_groups_that_are_hidden_and_a_pointed_clip_says_its_name(server: Server, page: Page) -> None:
    points = open_map(page, server)
    page.mouse.move(*points["04.wav"])
    expect(page.locator(".clip-map .hover")).to_have_text("04.wavLow")
    page.get_by_role("button", name="High (10)").click()
    assert {CLIPS[name] for name in points_of(page)} == {"Low", "Middle"}
    page.get_by_role("button", name="Draw a box around clips").click()
    low_x, high_x, low_y, high_y = box_around(list(points.values()))
    page.mouse.move(low_x, low_y)
    page.mouse.down()
    page.mouse.move(high_x, high_y, steps=5)
    page.mouse.up()
    expect(page.get_by_text("20 clips selected")).to_be_visible()


def test_the_map_zooms_around_the_pointer_and_by_keys(server: Server, page: Page) -> None:
    points = open_map(page, server)
    x, y = points["04.wav"]
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    page.wait_for_function("root => root.clipMap.view.zoom > 1.2", arg=page.locator(".clip-map").element_handle())
    zoomed = points_of(page)
    assert np.allclose(zoomed["04.wav"], (x, y), atol=1)
    assert abs(zoomed["05.wav"][0] - x) > 1.2 * abs(points["05.wav"][0] - x)
    stage = page.get_by_role("application")
    stage.focus()
    page.keyboard.press("ArrowRight")
    assert points_of(page)["04.wav"][0] < x - 20
    page.keyboard.press("0")
    assert np.allclose(points_of(page)["04.wav"], (x, y), atol=1)


@pytest.mark.parametrize(("kind", "begin"), [("SVG", b"<svg"), ("PNG", b"\x89PNG")])
def test_the_map_is_downloaded_as_an_image(server: Server, page: Page, kind: str, begin: bytes) -> None:
    open_map(page, server)
    with page.expect_download() as download:
        page.locator(".clip-map").get_by_role("button", name=f"Download as {kind}").click()
    assert download.value.suggested_filename == f"clip-map.{kind.lower()}"
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(begin)
    if kind == "SVG":
        assert content.count(b"<use ") == len(CLIPS)
        assert b"Low (10)" in content


def test_the_tab_can_be_read_and_nothing_is_cut_off(server: Server, page: Page) -> None:
    open_map(page, server)
    assert barriers(page) == []
