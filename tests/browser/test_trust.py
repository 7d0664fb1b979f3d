"""What a user relies on in Chromium: links, numbers, clicks, choices and the reading of a dataset are kept."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from audiotag.data.layouts import OpenOptions
from audiotag.workspace import Workspace

from .conftest import Server, new_page
from .test_app import wait_until_settled

LINES = ["fname,kind,breed", "a.wav,dog,pug", "b.wav,dog,boxer", "c.wav,cat,manx", "d.wav,cat,manx"]


@pytest.fixture
def breeds(home: Path, tmp_path: Path) -> Path:
    """Four sounds of the starter sounds with a table that has two columns of labels."""
    folder = tmp_path / "breeds"
    folder.mkdir()
    sounds = sorted((home / "starter-sounds").rglob("*.wav"))
    for name, sound in zip("abcd", sounds, strict=False):
        (folder / f"{name}.wav").write_bytes(sound.read_bytes())
    (folder / "clips.csv").write_text("\n".join(LINES) + "\n")
    return folder


def open_by_path(page: Page, path: str) -> None:
    opener = page.get_by_role("button", name="Open a dataset")
    expect(opener).to_be_visible()
    wait_until_settled(page)
    opener.click()
    field = page.get_by_role("textbox", name="Path")
    expect(field).to_be_visible()
    wait_until_settled(page)
    field.fill(path)
    page.get_by_role("dialog").get_by_role("button", name="Open", exact=True).click()


def test_reading_is_corrected_on_the_page(server: Server, page: Page, breeds: Path, home: Path) -> None:
    page.goto(f"{server.url}/dataset")
    open_by_path(page, f'"{breeds}" ')  # as a file manager pastes it
    expect(page.get_by_role("textbox", name="Path")).to_have_count(0)  # the form has closed
    panel = page.locator('[data-testid="stExpander"]').filter(has_text="How it was read")
    column = panel.get_by_role("combobox", name="Label column")
    expect(column).to_be_visible()  # it is open for a dataset that was opened for the first time
    wait_until_settled(page)
    page.get_by_role("tab", name="Labels").click()
    expect(page.locator(".st-key-label-counts .js-plotly-plot")).to_be_visible()
    wait_until_settled(page)
    column.click()
    page.get_by_role("option", name="breed", exact=True).click()
    panel.get_by_role("button", name="Apply").click()
    expect(panel.get_by_text("labels: breed")).to_be_visible()
    assert Workspace(home).dataset_options(breeds)["label_column"] == "breed"
    wait_until_settled(page)
    panel.get_by_role("button", name="Detect automatically").click()
    expect(panel.get_by_role("button", name="Detect automatically")).to_be_disabled()
    wait_until_settled(page)
    assert OpenOptions.from_dict(Workspace(home).dataset_options(breeds)) == OpenOptions()


def test_path_that_is_not_a_dataset_is_named_beside_the_field(server: Server, page: Page, tmp_path: Path) -> None:
    page.goto(f"{server.url}/dataset")
    open_by_path(page, str(tmp_path / "gone"))
    expect(page.get_by_role("dialog").get_by_text("gone does not exist")).to_be_visible()


def test_link_shows_the_same_dataset_filter_and_tab_in_another_session(
    server: Server, page: Page, breeds: Path, home: Path
) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    page.goto(f"{server.url}/dataset")
    open_by_path(page, str(breeds))
    expect(page).to_have_url(re.compile("dataset=breeds-"))
    wait_until_settled(page)
    page.get_by_role("tab", name="Clips").click()
    expect(page).to_have_url(re.compile("tab=Clips"))
    expect(page.locator("audio").first).to_be_attached()
    wait_until_settled(page)
    page.get_by_role("textbox", name="Search").fill("a.wav")
    page.get_by_role("textbox", name="Search").press("Enter")
    expect(page).to_have_url(re.compile("text=a.wav"))
    expect(page.locator(".st-key-facts")).to_contain_text(" 1 clip ")
    Workspace(home).remember_dataset(home / "starter-sounds")  # a new session begins with another dataset
    other = new_page(page.context.browser)
    other.goto(page.url)
    expect(other.get_by_role("combobox", name="Dataset")).to_have_value(re.compile("^breeds"))
    expect(other.get_by_role("textbox", name="Search")).to_have_value("a.wav")
    expect(other.get_by_role("tab", name="Clips")).to_have_attribute("aria-selected", "true")
    expect(other.locator(".st-key-facts")).to_contain_text(" 1 clip ")


def test_link_to_an_unknown_dataset_says_so_and_shows_no_other(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/train?epochs=2&dataset=theirs-0123456789ab")
    expect(page.get_by_text("a dataset that this workspace does not know")).to_be_visible()
    expect(page.get_by_role("button", name="Start training")).to_have_count(0)
    wait_until_settled(page)
    page.get_by_role("combobox", name="Dataset").click()
    page.get_by_role("option", name="starter-sounds").click()
    expect(page.get_by_role("button", name="Start training")).to_be_visible()
    expect(page).to_have_url(re.compile("dataset=starter-sounds-"))


def test_decimal_comma_is_a_decimal_point(server: Server, page: Page, home: Path) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    page.goto(f"{server.url}/dataset")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    wait_until_settled(page)
    page.get_by_role("button", name="More").click()
    field = page.get_by_role("textbox", name="Duration (s) from")
    field.press_sequentially("1,5")
    field.press("Enter")
    expect(page.get_by_text("at least 1.5 s")).to_be_visible()
    wait_until_settled(page)
    field.fill("1,5 or more")
    field.press("Enter")
    expect(page.get_by_text("must be a number such as 2.5 or 2,5")).to_be_visible()


def test_folds_stay_chosen_on_the_way_to_another_page_and_back(server: Server, page: Page, home: Path) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    page.goto(f"{server.url}/train?epochs=2")  # which opens the drawer
    pill = page.get_by_test_id("stButtonGroup").get_by_text("5", exact=True)
    expect(pill).to_be_visible()
    wait_until_settled(page)
    pill.click()
    expect(page.get_by_text("--folds 1,2,3,4")).to_be_visible()
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.get_by_role("link", name="Score").click()
    expect(page.get_by_role("heading", name="Score", level=1)).to_be_visible()
    sidebar.get_by_role("link", name="Train").click()
    expect(page.get_by_text("--folds 1,2,3,4")).to_be_visible()


def test_click_in_the_sidebar_while_a_field_is_edited_opens_the_page(server: Server, page: Page, home: Path) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    for _ in range(3):  # a click is lost where the field's value arrives after it
        page.goto(f"{server.url}/dataset")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        wait_until_settled(page)
        page.get_by_role("textbox", name="Search").press_sequentially("dog")
        box = page.get_by_test_id("stSidebar").get_by_role("link", name="Score").bounding_box()
        assert box
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(page.get_by_role("heading", name="Score", level=1)).to_be_visible()
