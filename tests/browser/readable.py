"""What keeps a page from being read or used: contrast, what is cut off, what no key reaches."""

from contextlib import suppress
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, TimeoutError, expect

WIDTHS = (1440, 1024, 720, 420)  # 720 is what a window of 1440 has at 200 %
AXE = Axe()
SEVERITIES = ("serious", "critical")
RULES = ("heading-order",)  # less severe, and wanted all the same
BACKGROUND = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
AT_REST = """() => document.querySelector("[data-testid=stApp][data-test-script-state=notRunning]")
  && !document.querySelector("[data-testid=stSkeleton], [data-stale=true]")
  && document.getAnimations().every(a => !(a instanceof CSSTransition) || a.playState !== "running")"""
COUNT_RUNS = """() => {
  window.runsBegun = 0;
  window.runsCounter?.disconnect();
  window.runsCounter = new MutationObserver(() => window.runsBegun++);
  const app = document.querySelector("[data-testid=stApp]");
  window.runsCounter.observe(app, {attributeFilter: ["data-test-script-state"]});
}"""
# Components of the app whose data have not come yet.
EMPTY = ".player:not([aria-label]), .grid:not([aria-label]), .similar:not([aria-label]), .clip-map:not([data-drawn])"
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


def barriers(page: Page) -> list[str]:
    """What cannot be read in one of the themes, is cut off at one of the widths, or is reached by no key."""
    found = []
    background = ""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"{BACKGROUND} !== {background!r}")  # the theme has changed
        background = page.evaluate(BACKGROUND)
        for violation in violations(page):
            if violation["impact"] in SEVERITIES or violation["id"] in RULES:
                found += [f"{scheme}: {violation['id']}: {node['html'][:200]}" for node in violation["nodes"]]
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_function(f"innerWidth === {width}")
        found += [f"{width} px wide: {text}" for text in last_of(page, CUT_OFF)]  # charts take it a moment later
    return found + [f"no key reaches {text}" for text in last_of(page, UNREACHABLE)]


def last_of(page: Page, script: str) -> list[str]:
    """What a script still finds on the page at rest, when it has had time to find nothing."""
    page.wait_for_function(AT_REST)
    with suppress(TimeoutError):
        page.wait_for_function(f"({script})().length === 0")
    return page.evaluate(script)


def violations(page: Page) -> list[dict[str, Any]]:
    """The rules of accessibility that a page breaks at rest: while the server runs it, Streamlit fades what is old."""
    for _ in range(20):
        page.wait_for_function(AT_REST)
        expect(page.locator(EMPTY)).to_have_count(0)
        page.evaluate(COUNT_RUNS)
        found = AXE.run(page).response["violations"]
        if page.evaluate("window.runsBegun") == 0:
            return found
    raise AssertionError("The page is never at rest.")
