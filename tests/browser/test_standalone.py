"""The exported page tags sounds from a file, without a server: dropped, chosen and recorded."""

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from audiotag.tagging.settings import TagSettings
from audiotag.tagging.standalone.files import ExportedTagger, export_tagger
from audiotag.tagging.tagger import Tagger
from audiotag.workspace import SHIPPED_MODELS

from .conftest import new_page

STARTER = SHIPPED_MODELS / "starter"
RATE = 44_100
DROP = """([name, content]) => {
    const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name));
    dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> ExportedTagger:
    return export_tagger(STARTER, tmp_path_factory.mktemp("export") / "tagger.onnx", TagSettings(folds=(1,)))


@pytest.fixture
def opened(chromium: Browser, exported: ExportedTagger) -> Iterator[Page]:
    """The page, opened as by a double click in a browser that is offline, once its tagger is loaded."""
    page = new_page(chromium, offline=True, viewport={"width": 420, "height": 900})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(exported.page.as_uri())
    expect(status(page)).to_have_text("Ready")
    yield page
    page.context.close()
    assert not problems


def status(page: Page) -> Locator:
    return page.get_by_role("status")


def drop(page: Page, sound: Path) -> None:
    page.evaluate(DROP, [sound.name, base64.b64encode(sound.read_bytes()).decode()])


def scores(page: Page, name: str) -> dict[str, float]:
    """The scores that the page shows for a sound, once it does."""
    article = page.locator("article").filter(has=page.get_by_role("heading", name=name))
    expect(article).to_be_visible()
    expect(status(page)).to_have_text("Ready")
    bars = article.locator("li")
    return {
        bars.nth(place).locator(".label").text_content() or "": float(bars.nth(place).get_attribute("data-score") or "")
        for place in range(bars.count())
    }


def test_dropped_sound_gets_the_scores_of_the_tagger(
    opened: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIOTAG_ENGINE", "torch")
    rng, time_s = np.random.default_rng(4), np.arange(7 * RATE) / RATE
    bell = sum(np.sin(2 * np.pi * pitch * time_s) * np.exp(-2 * (time_s % 1.5)) for pitch in (523, 1397, 2201)) / 5
    sound = tmp_path / "bell.wav"
    soundfile.write(sound, np.stack([bell, bell + 0.003 * rng.normal(size=len(bell))], axis=1), RATE)
    drop(opened, sound)
    shown = scores(opened, "bell.wav")
    wanted = {tag.label: tag for tag in Tagger(STARTER, TagSettings(folds=(1,))).tag(sound).ranking}
    assert shown == pytest.approx({label: tag.score for label, tag in wanted.items()}, abs=0.01)
    tagged = opened.locator("li.tag .label").all_text_contents()
    assert tagged == [label for label, tag in wanted.items() if tag.passes]
    assert opened.locator("li:visible").count() == max(5, len(tagged))
    opened.get_by_role("button", name="Show all 28 labels").click()
    assert opened.locator("li:visible").count() == len(wanted)
    expect(opened.locator("audio")).to_have_js_property("duration", 7)
    assert Axe().run(opened, options={"runOnly": ["wcag2a", "wcag2aa"]}).violations_count == 0
    opened.get_by_role("button", name="Remove this sound").click()
    expect(opened.locator("article")).to_have_count(0)


def test_file_that_is_no_sound_is_named_and_the_others_are_tagged(opened: Page, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no sound")
    soundfile.write(tmp_path / "silence.flac", np.zeros(2 * RATE), 48_000)
    opened.get_by_label("Choose sounds").set_input_files([tmp_path / "notes.txt", tmp_path / "silence.flac"])
    expect(status(opened)).to_contain_text("notes.txt cannot be decoded. Is it a sound file")
    expect(opened.locator("article")).to_contain_text("No label reaches its threshold.")


def test_page_can_be_used_by_keyboard(opened: Page) -> None:
    opened.keyboard.press("Tab")
    expect(opened.get_by_label("Choose sounds")).to_be_focused()
    opened.keyboard.press("Tab")
    expect(opened.get_by_role("button", name="Record")).to_be_focused()


def test_recording_is_tagged(hearing: Callable[[Path], Page], exported: ExportedTagger, tmp_path: Path) -> None:
    time_s = np.arange(5 * RATE) / RATE
    drum = 0.8 * np.sin(2 * np.pi * 60 * time_s) * np.exp(-20 * (time_s % 0.5))
    soundfile.write(tmp_path / "drum.wav", drum, RATE)
    page = hearing(tmp_path / "drum.wav")
    page.goto(exported.page.as_uri())
    expect(status(page)).to_have_text("Ready")
    page.get_by_role("button", name="Record").click()
    expect(status(page)).to_have_text(re.compile(r"^Recording … ([2-9]|\d\d+) s$"))
    page.get_by_role("button", name="Stop and tag").click()
    expect(page.locator("article h2")).to_contain_text("Recording")
    # How the microphone sounds is up to the browser; silence would score 0.
    assert max(scores(page, "Recording").values()) > 0.05
