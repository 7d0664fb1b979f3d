"""Use the app in Chromium with a real server, as a person does."""

import csv
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import RunSettings, create_run
from audiotag.workspace import Workspace

from .conftest import Server, new_page
from .readable import AT_REST


@pytest.fixture
def fresh_server(home: Path) -> Iterator[Server]:
    """A server that has shown no page yet."""
    server = Server(home)
    server.start()
    yield server
    server.stop()


PAGES = ("", "dataset", "spectrogram", "train", "tag", "review", "score")


@pytest.mark.parametrize("name", PAGES, ids=lambda name: name or "home")
def test_deep_link_on_a_fresh_server_shows_the_whole_page(fresh_server: Server, page: Page, name: str) -> None:
    page.goto(f"{fresh_server.url}/{name}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    links = page.get_by_test_id("stSidebar").get_by_test_id("stPageLink")
    expect(links).to_have_text(
        [re.compile(f"{label}$") for label in ("Home", "Dataset", "Spectrogram", "Train", "Tag", "Review", "Score")]
    )
    expect(page.get_by_test_id("stSidebarNav")).to_have_count(0)  # the plain automatic menu
    expect(page.get_by_test_id("stException")).to_have_count(0)
    picker = "Ensemble" if name == "tag" else "Dataset"
    expect(page.get_by_test_id("stSidebar").get_by_role("combobox", name=picker)).to_be_visible()


def test_wav_dropped_on_tag_brings_the_right_first_tag(server: Server, page: Page, unseen: Path) -> None:
    with (unseen / "train_curated.csv").open() as table:
        clip = next(row["fname"] for row in csv.DictReader(table) if row["labels"] == "Church_bell")
    page.goto(f"{server.url}/tag")
    drop(page, unseen / "train_curated" / clip)
    expect(page.get_by_role("heading", name=clip)).to_be_visible()
    first_tag = page.locator(".stMarkdownBadge:visible").first
    expect(first_tag).to_contain_text("Church_bell")


def test_esc10_is_found_by_keyboard_and_described_before_it_is_opened(server: Server, page: Page, shared: Path) -> None:
    page.goto(f"{server.url}/dataset")
    opener = page.get_by_role("button", name="Open a dataset")
    expect(opener).to_be_visible()
    wait_until_settled(page)
    opener.press("Enter")
    dialog = page.get_by_role("dialog")
    path = dialog.get_by_role("textbox", name="Path")
    expect(path).to_be_visible()
    wait_until_settled(page)
    path.fill(str(shared / "data"))
    path.press("Enter")
    folder = dialog.get_by_role("button", name="esc10 · 400 sounds")
    expect(folder).to_be_visible()
    wait_until_settled(page)
    folder.press("Enter")
    expect(path).to_have_value(str(shared / "data" / "esc10"))
    expect(dialog.get_by_text("400 clips, 10 labels")).to_be_visible()
    expect(dialog.get_by_text("Dog bark", exact=False)).to_be_visible()
    expect(dialog.get_by_role("button", name="audio · 400 sounds")).to_be_focused()
    wait_until_settled(page)
    dialog.get_by_role("button", name="Open", exact=True).press("Enter")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("heading", name="esc10", level=1)).to_be_visible()
    expect(page.get_by_role("combobox", name="Dataset")).to_have_value("esc10")
    expect(page.get_by_text("400 clips").first).to_be_visible()
    page.get_by_role("tab", name="Clips").click()
    expect(page.get_by_text("1-100032-A.ogg").first).to_be_visible()


def test_a_small_dataset_is_measured_by_itself_and_the_guide_follows(server: Server, page: Page, home: Path) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    page.goto(server.url)
    guide = page.locator(".st-key-guide")
    expect(guide.get_by_text("All 140 clips are measured.")).to_be_visible()  # without a reload
    wait_until_settled(page)
    guide.get_by_role("button", name="Train folds").click()
    expect(page.get_by_role("heading", name="Train", level=1)).to_be_visible()


def test_a_card_opens_its_page_wherever_it_is_clicked(page: Page, home: Path) -> None:
    server = Server(home)  # of its own, as when the app has just been started
    server.start()
    try:
        _click_cards(server, page, home)
    finally:
        server.stop()


def _click_cards(server: Server, page: Page, home: Path) -> None:
    workspace = Workspace(home)
    runs = [create_run(workspace, RunSettings(str(home / "starter-sounds"), load_recipe("quick"))) for _ in range(2)]
    for run in runs:
        run.write_status("stopped")
    workspace.remember_dataset(home / "starter-sounds")
    page.goto(server.url)
    expect(page.locator(".st-key-guide").get_by_text("All 140 clips are measured.")).to_be_visible()  # not drawn again
    door = page.locator(".st-key-door-tune")
    expect(door).to_be_visible()
    wait_until_settled(page)
    door.click()  # in its middle, where its text is
    expect(page.get_by_role("heading", name="Spectrogram", level=1)).to_be_visible()
    for run in runs:  # each is opened, although the other one was looked at
        page.get_by_test_id("stSidebar").get_by_role("link", name="Home").click()
        card = page.locator("[class*=st-key-run-card]").filter(has_text=re.compile(f"{run.name}(?!-)"))
        expect(card).to_be_visible()
        wait_until_settled(page)
        card.click()
        expect(page).to_have_url(re.compile(f"/train.*run={run.name}(&|$)"))
        expect(page.get_by_role("combobox", name="Run", exact=True)).to_have_value(re.compile(f"{run.name}$"))
        wait_until_settled(page)
    for run in runs:
        shutil.rmtree(run.folder)


def click_on(page: Page, marks: Locator) -> str:
    """Click on the first mark of a chart: move the pointer there, wait for its hover text, press; gives the text.

    It is gone as soon as the click has changed the chart.
    """
    mark = marks.first
    mark.scroll_into_view_if_needed()
    wait_until_settled(page)
    mark.hover(force=True)
    hover = page.locator(".hoverlayer .hovertext:visible").first
    expect(hover).to_be_visible()
    said = hover.text_content() or ""
    mark.click(force=True)
    return said


def wait_until_settled(page: Page) -> None:
    """Wait until the server has run the page to its end: before that a chart may be drawn again under the pointer.

    After a click or a key, wait for what it brings first: until the server begins, the page is still at rest.
    """
    page.wait_for_function(AT_REST)


def drop(page: Page, *files: Path) -> None:
    """Drop files on the page; only when it is at rest, or the place that takes them may be drawn anew meanwhile."""
    zone = page.get_by_test_id("stFileUploaderDropzone")
    expect(zone).to_be_visible()
    wait_until_settled(page)
    zone.drop({"files": [str(file) for file in files]})


def hear(page: Page, audio: Locator) -> None:
    """Play a sound, muted, until its position moves; only once it is there, or its coming would interrupt it."""
    wait_until_settled(page)
    expect(audio).to_have_attribute("src", re.compile("blob:"))
    audio.evaluate("player => { player.muted = true; return player.play() }")
    page.wait_for_function("player => player.currentTime > 0", arg=audio.element_handle())


def test_a_click_on_a_bar_filters_and_the_address_shows_the_same_to_another(
    server: Server, page: Page, home: Path, tmp_path: Path
) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    page.goto(f"{server.url}/dataset")
    facts = page.locator(".st-key-facts")
    expect(facts).to_contain_text("curated 60 clips")
    wait_until_settled(page)
    page.get_by_role("tab", name="Labels").click()
    expect(page).to_have_url(re.compile("tab=Labels"))
    expect(page.locator(".st-key-label-counts .bars .point path:visible").first).to_be_visible()
    click_on(page, page.locator(".bars .point path:visible"))
    expect(page).to_have_url(re.compile("labels="))
    expect(facts).not_to_contain_text("curated 60 clips")
    expect(facts).to_contain_text(re.compile("curated [0-9]+ clip"))
    wait_until_settled(page)
    counted = re.search(r"curated ([0-9]+) clips?", facts.inner_text())
    assert counted
    page.get_by_role("tab", name="Clips").click()
    expect(page).to_have_url(re.compile("tab=Clips"))
    hear(page, page.locator("audio").first)
    wait_until_settled(page)
    with page.expect_download() as download:
        page.get_by_role("tabpanel").get_by_role("button", name="CSV").last.click()
    download.value.save_as(tmp_path / "clips.csv")
    with (tmp_path / "clips.csv").open() as table:
        rows = list(csv.DictReader(table))
    other = new_page(page.context.browser)
    other.goto(page.url)
    expect(other.locator(".st-key-facts")).to_contain_text(counted[0])
    expect(other.get_by_role("tab", name="Clips")).to_have_attribute("aria-selected", "true")
    assert sum(row["subset"] == "curated" for row in rows) == int(counted[1])


def test_a_click_on_a_bar_of_durations_filters_to_its_bin(server: Server, page: Page, home: Path) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    page.goto(f"{server.url}/dataset")
    bars = page.locator(".bars .point path:visible")
    expect(bars.first).to_be_visible()
    wait_until_settled(page)
    sizes = [(box := bar.bounding_box()) and box["height"] for bar in bars.all()]
    tallest = bars.nth(max(range(len(sizes)), key=lambda number: sizes[number] or 0))
    said = click_on(page, tallest)
    expect(page).to_have_url(re.compile("shortest=.*below=|below=.*shortest="))
    (low, high) = (float(re.search(rf"{key}=([0-9.]+)", page.url)[1]) for key in ("shortest", "below"))
    bin_of_the_bar = re.match(r"([0-9.]+) to ([0-9.]+) s", said)
    assert bin_of_the_bar
    assert (low, high) == (float(bin_of_the_bar[1]), float(bin_of_the_bar[2]))
    page.get_by_role("tab", name="Clips").click()
    expect(page.locator("audio").first).to_be_attached()
    wait_until_settled(page)
    with page.expect_download() as download:
        page.get_by_role("tabpanel").get_by_role("button", name="CSV").last.click()
    with open(download.value.path()) as table:
        durations = [float(row["duration_s"]) for row in csv.DictReader(table)]
    assert durations
    assert all(low <= duration < high for duration in durations)
    page.get_by_role("button", name="Clear the filter").click()
    expect(page.locator(".st-key-facts")).to_contain_text("curated 60 clips")


def test_keys_step_through_the_clips(server: Server, page: Page, home: Path) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    page.goto(f"{server.url}/dataset?tab=Clips")
    name = page.get_by_role("tabpanel").locator("strong").first
    expect(name).to_contain_text(".wav")
    expect(page.locator("audio").first).to_be_attached()
    expect(page.get_by_role("button", name="Next").first).to_be_enabled()
    page.get_by_role("heading", level=1).click()
    wait_until_settled(page)
    first = name.inner_text()
    page.keyboard.press("n")
    expect(name).not_to_have_text(first)
    wait_until_settled(page)
    page.keyboard.press("p")
    expect(name).to_have_text(first)


def test_the_dashboard_is_one_file_that_opens_without_a_network(
    server: Server, page: Page, home: Path, tmp_path: Path
) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    page.goto(f"{server.url}/dataset?subset=noisy")
    expect(page.locator(".st-key-facts")).to_contain_text("noisy 60 clips")
    expect(page.locator(".st-key-facts")).not_to_contain_text("curated")
    wait_until_settled(page)  # a button that is just drawn anew misses the click
    with page.expect_download() as download:
        page.get_by_role("button", name="Dashboard").click()
    download.value.save_as(tmp_path / "dashboard.html")
    other = new_page(page.context.browser, offline=True)
    wrong: list[str] = []
    other.on("pageerror", lambda error: wrong.append(str(error)))
    other.on("requestfailed", lambda request: wrong.append(request.url))
    other.goto((tmp_path / "dashboard.html").as_uri())
    expect(other.get_by_role("heading", level=1)).to_have_text("starter-sounds")
    expect(other.get_by_text("noisy clips", exact=False).first).to_be_visible()
    expect(other.locator(".js-plotly-plot .main-svg").nth(3)).to_be_attached()
    assert wrong == []
    other.context.close()


def test_commands_to_get_fsdkaggle2019_are_for_the_given_folder(server: Server, page: Page, tmp_path: Path) -> None:
    (tmp_path / "FSDKaggle2019.meta").mkdir()
    page.goto(f"{server.url}/dataset")
    opener = page.get_by_role("button", name="Open a dataset")
    expect(opener).to_be_visible()
    wait_until_settled(page)
    opener.click()
    dialog = page.get_by_role("dialog")
    commands = dialog.get_by_role("button", name="Get FSDKaggle2019")
    expect(commands).to_be_visible()
    wait_until_settled(page)
    commands.click()
    folder = dialog.get_by_role("textbox", name="Folder")
    expect(folder).to_be_visible()
    wait_until_settled(page)
    folder.fill(str(tmp_path))
    folder.press("Enter")
    expect(dialog.get_by_text(f"cd {tmp_path}").first).to_be_visible()
    expect(dialog.get_by_text("zip -s 0 FSDKaggle2019.audio_train_noisy.zip --out unsplit.zip")).to_be_visible()
