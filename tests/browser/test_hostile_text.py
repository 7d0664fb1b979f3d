"""Hostile names, labels and cards in Chromium: nothing is fetched from elsewhere, and nothing is formatted."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Page, expect

from audiotag.workspace import Workspace

from .conftest import ROOT, Server
from .test_app import drop, wait_until_settled

HOSTILE = (
    "![x](http://evil.example/a.png) <img src=http://evil.example/b.png> :red[x] $x$ **b** [l](http://evil.example) "
    "<b>x</b> <a href=http://evil.example>q</a> :material/skull: http://evil.example www.evil.example"
)
NAME = HOSTILE.replace("/", "")
ADDRESSES = (
    "",
    *(f"dataset?tab={tab}" for tab in ("Durations", "Labels", "Problems", "Clips")),
    *(f"spectrogram?view={view}" for view in ("Network+input&b=warm-up", "Other+clips", "Code")),
    "train",
    "train?show=Training+batch+preview",
    "tag",
    "score",
)
FORMATTED = """() => {
  const roots = [document], found = [];
  while (roots.length) {
    for (const element of roots.pop().querySelectorAll("*")) {
      if (element.shadowRoot) roots.push(element.shadowRoot);
      const address = element.getAttribute("href") || element.getAttribute("src") || "";
      if (address.includes("evil.example") || element.matches(".katex")) found.push(element.outerHTML);
      if (element.matches("b, svg tspan[style*='bold'], [data-testid=stIconMaterial]") && element.children.length == 0
          && ["x", "b", "skull"].includes(element.textContent)) found.push(element.outerHTML);
    }
  }
  return found;
}"""


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Server]:
    """The app on a dataset and an ensemble whose texts are all hostile."""
    folder, home = tmp_path / NAME, tmp_path / "workspace"
    folder.mkdir()
    quoted = f'"{HOSTILE}"'
    rows = ["fname,label,license,flickr_video_URL"]
    for number in range(6):
        name = f"{number} {NAME}.wav"
        soundfile.write(folder / name, 0.1 * np.random.default_rng(number).normal(size=44_100), 44_100)
        rows.append(f'"{name}",{quoted if number % 2 else "Hiss"},{quoted},{quoted}')
    (folder / f"9 {NAME}.wav").write_text("no sound")
    rows.append(f'"9 {NAME}.wav",{quoted},{quoted},{quoted}')
    (folder / f"{NAME}.csv").write_text("\n".join(rows) + "\n")
    ensemble = home / "ensembles" / NAME
    shutil.copytree(ROOT / "models" / "starter", ensemble)
    card = json.loads((ensemble / "card.json").read_text())
    card |= {"name": HOSTILE[:100], "about": HOSTILE, "licence": HOSTILE, "labels": [HOSTILE, *card["labels"][1:]]}
    (ensemble / "card.json").write_text(json.dumps(card))
    Workspace(home).remember_dataset(folder)
    server = Server(home)
    server.start()
    yield server
    server.stop()


def test_nothing_is_fetched_and_nothing_is_formatted_on_any_page(hostile: Server, page: Page) -> None:
    foreign: list[str] = []

    def is_foreign(address: str) -> bool:
        return not address.startswith((hostile.url, "data:", "blob:"))

    page.on("request", lambda request: foreign.append(request.url) if is_foreign(request.url) else None)
    page.on("console", lambda line: foreign.append(line.text) if "Content Security Policy" in line.text else None)
    for address in ADDRESSES:
        page.goto(f"{hostile.url}/{address}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        wait_until_settled(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        assert page.evaluate(FORMATTED) == [], address
    page.goto(f"{hostile.url}/tag?ensemble={quote(NAME)}")
    clip = next((hostile.home.parent / NAME).glob("*.wav"))
    drop(page, clip)
    expect(page.get_by_role("button", name="Remove")).to_be_visible()
    expect(page.get_by_text("![x](http").first).to_be_visible()  # it can still be read
    wait_until_settled(page)
    assert page.evaluate(FORMATTED) == []
    page.get_by_text("Settings", exact=True).click()
    expect(page.get_by_text("By fold")).to_be_visible()
    assert page.evaluate(FORMATTED) == []
    page.goto(f"{hostile.url}/dataset?tab=Labels")
    bars = page.locator(".st-key-label-counts .bars .point path:visible")
    expect(bars).to_have_count(2)
    wait_until_settled(page)
    bars.last.hover(force=True)
    expect(page.locator(".hoverlayer .hovertext:visible").first).to_contain_text("<b>x</b>")
    assert page.evaluate(FORMATTED) == []
    bars.last.click(force=True)
    expect(page.locator(".st-key-facts")).to_contain_text(" 3 clips")
    assert foreign == []
