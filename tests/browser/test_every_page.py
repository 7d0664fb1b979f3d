"""What holds for every page: it can be read, reached by keyboard, and nothing is cut off at any width."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, TimeoutError

from .conftest import WAIT_MS, Server

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
WIDTHS = (1440, 1024, 720, 420)  # 720 is what a window of 1440 has at 200 %
AXE = Axe()
SEVERITIES = ("serious", "critical")
RULES = ("heading-order",)  # less severe, and wanted all the same
BACKGROUND = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
NO_TRANSITION = "document.getAnimations().every(a => !(a instanceof CSSTransition) || a.playState !== 'running')"
# Streamlit's own elements whose text is meant to end in an ellipsis, or to be scrolled.
CUT_OFF = """() => {
  const scrolls = "[data-testid=stDataFrame], [data-testid=stCode], .js-plotly-plot, [role=tablist], [type=range]";
  const found = [];
  const page = document.querySelector("[data-testid=stMain]");
  const wider = page.scrollWidth - page.clientWidth;
  if (wider > 1) found.push(`the page is ${wider} px wider than the window`);
  for (const element of page.querySelectorAll("p, h1, h2, h3, button, label, a, summary, span, td, th, input")) {
    const text = element.tagName === "INPUT" ? element.value : element.textContent.trim();
    if (!text || element.closest(scrolls) || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    if (box.width <= 1 || style.position === "absolute" && box.width < 2) continue;
    const isCut = style.overflowX !== "visible" && element.scrollWidth > element.clientWidth + 2;
    if (isCut || box.right > innerWidth + 1) found.push(`${element.tagName} ${text.slice(0, 60)}`);
  }
  return found;
}"""

# The arrow keys move inside of these, or open them, so that only one of their elements has to be reached.
UNREACHABLE = """() => {
  const groups = "[role=radiogroup], [role=tablist], [role=listbox], [role=grid], [role=menu], " +
    "[data-testid=stDataFrame], [data-testid=stSelectbox], [data-testid=stMultiSelect]";
  const operated = "button, a[href], input, select, textarea, summary, [role=button], [role=switch], [role=slider]";
  return [...document.querySelectorAll(operated)].filter(element =>
    element.tabIndex < 0 && !element.disabled && !element.closest(groups) && element.checkVisibility()
    && element.getAttribute("aria-hidden") !== "true" && element.getBoundingClientRect().width > 2
  ).map(element => element.outerHTML.slice(0, 160));
}"""


@pytest.fixture(scope="module")
def visited(shared_server: Server, chromium: Browser) -> Iterator[tuple[Page, str]]:
    """A page of Chromium that all tests use, and the address of the app."""
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    yield page, shared_server.url
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_page_can_be_read_and_nothing_is_cut_off(name: str, visited: tuple[Page, str]) -> None:
    page, address = visited
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.emulate_media(color_scheme="light")
    page.goto(f"{address}/{name}")
    page.wait_for_selector("h1")
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton], [data-stale=true]')")
    assert barriers(page) == []


def barriers(page: Page) -> list[str]:
    """What cannot be read in one of the themes, is cut off at one of the widths, or is reached by no key."""
    found = []
    background = ""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"{BACKGROUND} !== {background!r}")  # the theme has changed
        background = page.evaluate(BACKGROUND)
        page.wait_for_function(NO_TRANSITION)
        for violation in AXE.run(page).response["violations"]:
            if violation["impact"] in SEVERITIES or violation["id"] in RULES:
                found += [f"{scheme}: {violation['id']}: {node['html'][:200]}" for node in violation["nodes"]]
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_function(f"innerWidth === {width}")
        with suppress(TimeoutError):  # charts take their new width a moment later
            page.wait_for_function(f"({CUT_OFF})().length === 0", timeout=5_000)
        found += [f"{width} px wide: {text}" for text in page.evaluate(CUT_OFF)]
    return found + [f"no key reaches {text}" for text in page.evaluate(UNREACHABLE)]


@pytest.mark.parametrize(("kind", "begin"), [("SVG", b"<svg"), ("PNG", b"\x89PNG")])
def test_chart_is_downloaded_as_an_image(kind: str, begin: bytes, visited: tuple[Page, str]) -> None:
    page, address = visited
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto(f"{address}/dataset?tab=Durations")
    page.locator(".js-plotly-plot").first.hover()
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Download as {kind}").first.click()
    assert download.value.suggested_filename.endswith(f".{kind.lower()}")
    assert Path(download.value.path()).read_bytes().startswith(begin)
