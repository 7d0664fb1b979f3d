"""What holds for every page: it can be read, reached by keyboard, and nothing is cut off at any width."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import Server, new_page
from .readable import AT_REST, barriers

PAGES = (
    "",
    "dataset?tab=Durations",
    "dataset?tab=Labels",
    "dataset?tab=Sound",
    "dataset?tab=Problems",
    "dataset?tab=Clips",
    "spectrogram",
    "spectrogram?view=Code",
    "train",
    "train?show=Training+batch+preview",
    "tag",
    "review",
    "review?tab=Grid",
    "review?tab=Retrain",
    "review?tab=Exchange",
    "score",
)


@pytest.fixture(scope="module")
def visited(shared_server: Server, chromium: Browser) -> Iterator[tuple[Page, str]]:
    """A page of Chromium that all tests use, and the address of the app."""
    page = new_page(chromium)
    yield page, shared_server.url
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_page_can_be_read_and_nothing_is_cut_off(name: str, visited: tuple[Page, str]) -> None:
    page, address = visited
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.emulate_media(color_scheme="light")
    page.goto(f"{address}/{name}")
    page.wait_for_selector("h1")
    assert barriers(page) == []


@pytest.mark.parametrize(("kind", "begin"), [("SVG", b"<svg"), ("PNG", b"\x89PNG")])
def test_chart_is_downloaded_as_an_image(kind: str, begin: bytes, visited: tuple[Page, str]) -> None:
    page, address = visited
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto(f"{address}/dataset?tab=Durations")
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_be_visible()
    page.wait_for_function(AT_REST)
    chart.hover()
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Download as {kind}").first.click()
    assert download.value.suggested_filename.endswith(f".{kind.lower()}")
    assert Path(download.value.path()).read_bytes().startswith(begin)
