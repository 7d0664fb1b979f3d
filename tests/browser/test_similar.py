"""Similar clips in Chromium by keyboard: on the Dataset, Tag and Review pages the right clip is heard."""

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Locator, Page, expect

from audiotag.data.index import with_keys
from audiotag.data.layouts import open_dataset
from audiotag.similarity.embedding_store import EmbeddingStore, NewSound, file_keys
from audiotag.tagging.card_reading import read_card
from audiotag.training.runs import Run
from audiotag.workspace import Workspace

from .conftest import Server
from .readable import barriers
from .test_app import drop, wait_until_settled

RATE = 16_000
LABELS = ("High", "Low", "Middle")
NAMES = [f"{number:02}.wav" for number in range(14)]
SLOW_MS = 120_000


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("similar") / "home")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, workspace: Workspace) -> Path:
    """Fourteen tones, each 0.1 s longer than the one before; the vector of each is like those of its neighbours."""
    folder = tmp_path_factory.mktemp("similar") / "tones"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        time_s = np.arange(round(length_s(name) * RATE)) / RATE
        soundfile.write(folder / name, 0.3 * np.sin(2 * np.pi * (300 + 50 * number) * time_s), RATE)
    with (folder / "clips.csv").open("w", newline="") as table:
        rows = [(name, LABELS[number % 3]) for number, name in enumerate(NAMES)]
        csv.writer(table).writerows([("fname", "label"), *rows])
    workspace.remember_dataset(folder)
    angles = 0.1 * np.arange(len(NAMES))
    vectors = np.zeros((len(NAMES), 5 * 215), np.float16)  # as many features as the shipped ensemble has
    vectors[:, 0], vectors[:, 1] = np.cos(angles), np.sin(angles)
    card = read_card(workspace.ensemble_folders()["starter"])
    clips = with_keys(open_dataset(folder).clips)
    assert list(clips["clip"]) == NAMES
    keys = file_keys(clips).tolist()
    sounds = [NewSound(key, key, 0, np.zeros(1), vector[None]) for key, vector in zip(keys, vectors, strict=True)]
    EmbeddingStore.of(card, workspace).add(sounds)
    return folder


@pytest.fixture(scope="module")
def run(workspace: Workspace, folder: Path, scored_run: Callable[..., Run]) -> Run:
    """A finished run of two folds, which doubt the labels of every second clip."""
    scores = {}
    for number, name in enumerate(NAMES):
        heard = LABELS[(number + number % 2) % 3]
        scores[name] = [(0.9 if label == heard else 0.1) - 0.001 * number for label in LABELS]
    folds = {fold: {name: scores[name] for name in NAMES[7 * fold - 7 : 7 * fold]} for fold in (1, 2)}
    return scored_run(workspace, folder, LABELS, folds)


@pytest.fixture(scope="module")
def server(workspace: Workspace, run: Run) -> Iterator[Server]:
    server = Server(workspace.root)
    server.start()
    yield server
    server.stop()


def length_s(name: str) -> float:
    return 2 + int(name[:2]) / 10


def rows_of(page: Page) -> Locator:
    return page.locator(".similar .row")


def expect_to_play(page: Page, number: int) -> str:
    """Wait until the sound of a row is really played, and is that of the clip which the row names; gives the name."""
    row = rows_of(page).nth(number)
    expect(row).to_have_class(re.compile("playing"))
    name = row.locator(".name").inner_text()
    page.wait_for_function(
        "([audio, length]) => !audio.paused && audio.currentTime > 0 && Math.abs(audio.duration - length) < 0.01",
        arg=[page.locator(".similar audio").element_handle(), length_s(name)],
    )
    button = re.compile(f"(Stop|Play) {re.escape(name)}, ")  # a short sound may have ended on a busy machine
    expect(row.get_by_role("button", name=button)).to_be_focused()
    return name


def expect_silence(page: Page) -> None:
    page.wait_for_function("audio => audio.paused", arg=page.locator(".similar audio").element_handle())
    expect(page.locator(".similar .playing")).to_have_count(0)


def wait_for_list(page: Page) -> None:
    expect(rows_of(page)).to_have_count(10, timeout=SLOW_MS)
    wait_until_settled(page)
    # A sound must not be at its end before a busy machine has looked.
    page.locator(".similar audio").evaluate("audio => { audio.muted = true; audio.defaultPlaybackRate = 0.25 }")


def test_similar_clips_of_the_dataset_are_heard_by_key_and_opened(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/dataset?tab=Clips")
    drawer = page.get_by_text("Similar clips", exact=True)
    expect(drawer).to_be_visible()
    wait_until_settled(page)
    drawer.click()
    wait_for_list(page)
    expect(page).to_have_url(re.compile("similar=true"))
    expect(rows_of(page).locator(".name")).to_have_text(NAMES[1:11])
    expect(rows_of(page).locator(".number").first).to_have_text(f"{np.cos(0.1):.2f}")
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("j")
    assert expect_to_play(page, 0) == "01.wav"
    page.keyboard.press("j")
    assert expect_to_play(page, 1) == "02.wav"
    page.keyboard.press("End")
    assert expect_to_play(page, 9) == "10.wav"
    page.keyboard.press("ArrowUp")
    assert expect_to_play(page, 8) == "09.wav"
    page.keyboard.press("Space")
    expect_silence(page)
    page.keyboard.press("k")
    assert expect_to_play(page, 7) == "08.wav"
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("clip=curated%2F08.wav"))
    expect(page.locator(".st-key-clip .player, .player").first).to_have_attribute("aria-label", "Player of 08.wav")
    expect(rows_of(page).locator(".name").first).to_have_text(re.compile("0[79].wav"))
    page.reload()
    wait_for_list(page)
    expect(page.locator(".player").first).to_have_attribute("aria-label", "Player of 08.wav")


def test_in_review_keys_of_both_work_and_one_sound_is_heard_at_a_time(server: Server, page: Page, run: Run) -> None:
    page.goto(f"{server.url}/review?scores=run:{run.name}&reviewer=anna&similar=true")
    wait_for_list(page)
    expect(page.locator(".st-key-review-player .player .untrimmed")).to_be_attached(timeout=SLOW_MS)
    item = page.locator(".st-key-review-player audio")
    item.evaluate("audio => (audio.muted = true)")
    playing = page.locator(".st-key-review-player .player.playing")
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("Space")
    expect(playing).to_have_count(1)
    page.keyboard.press("j")
    expect_to_play(page, 0)
    expect(playing).to_have_count(0)
    page.keyboard.press("Space")  # the focus is in the list, whose key it is now
    expect_silence(page)
    expect(playing).to_have_count(0)
    page.keyboard.press("j")
    expect_to_play(page, 1)
    page.keyboard.press("Escape")
    expect_silence(page)
    page.keyboard.press("Space")
    expect(playing).to_have_count(1)
    first = rows_of(page).locator(".name").all_inner_texts()
    page.keyboard.press("j")
    expect_to_play(page, 1)
    progress = page.get_by_test_id("stProgress")
    expect(progress).to_contain_text("0 of")
    page.keyboard.press("s")  # an answer
    expect(progress).to_contain_text("1 of")
    wait_until_settled(page)
    expect(rows_of(page).locator(".name")).not_to_have_text(first)
    expect(rows_of(page)).to_have_count(10)
    page.keyboard.press("?")
    expect(page.get_by_text("play the next and the previous similar clip")).to_be_visible()


def test_tag_page_plays_similar_clips_and_opens_one_on_the_dataset_page(
    server: Server, page: Page, folder: Path, tmp_path: Path
) -> None:
    sound = tmp_path / "new.wav"
    soundfile.write(sound, 0.1 * np.random.default_rng(0).standard_normal(RATE), RATE)
    page.goto(f"{server.url}/tag?similar=true")
    expect(page.get_by_test_id("stFileUploaderDropzone")).to_be_visible(timeout=SLOW_MS)
    drop(page, sound)
    wait_for_list(page)
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("j")
    expect_to_play(page, 0)
    page.keyboard.press("j")
    name = expect_to_play(page, 1)
    rows_of(page).nth(1).get_by_role("link", name=f"Open {name} in Dataset").click()
    expect(page).to_have_url(re.compile(f"/dataset.*clip=curated%2F{name}"))
    expect(page.locator(".player")).to_have_attribute("aria-label", f"Player of {name}")


@pytest.mark.parametrize("name", ["dataset?tab=Clips&similar=true", "tag?similar=true", "review?similar=true"])
def test_list_can_be_read_and_nothing_is_cut_off(server: Server, page: Page, name: str, folder: Path) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(f"{server.url}/{name}")
    if name.startswith("tag"):  # the sound of the test before is in the history, or else another one
        expect(page.get_by_test_id("stFileUploaderDropzone")).to_be_visible(timeout=SLOW_MS)
        drop(page, folder / NAMES[3])
    wait_for_list(page)
    page.set_viewport_size({"width": 420, "height": 900})
    page.wait_for_function(
        "list => innerWidth === 420 && "
        "[...list.querySelectorAll('.row')].every(row => row.getBoundingClientRect().right <= innerWidth)",
        arg=page.locator(".similar").element_handle(),
    )
    assert barriers(page) == []
