"""The Spectrogram page in Chromium: sliders, the microphone, and presets on the Train page."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Locator, Page, expect

from audiotag.features.presets import own_presets, save_preset
from audiotag.features.settings import SpectrogramSettings
from audiotag.workspace import Workspace

from .conftest import Server
from .test_app import wait_until_settled

TONE_HZ = 1000
# The middle of the brightest row of a canvas, in pixels of the page.
BRIGHTEST = """canvas => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    let best = [0, 0];
    for (let row = 0; row < height; row++) {
        let sum = 0;
        for (let at = 4 * row * width; at < 4 * (row + 1) * width; at++) sum += data[at];
        if (sum > best[0]) best = [sum, row];
    }
    const box = canvas.getBoundingClientRect();
    return [box.width / 2, ((best[1] + 0.5) / height) * box.height];
}"""


@pytest.fixture
def microphone(hearing: Callable[[Path], Page], tmp_path: Path) -> Page:
    """A page of a browser whose microphone plays a tone."""
    file = tmp_path / "microphone.wav"
    soundfile.write(file, 0.3 * np.sin(2 * np.pi * TONE_HZ * np.arange(10 * 48_000) / 48_000), 48_000, subtype="PCM_16")
    return hearing(file)


def input_size(page: Page) -> Locator:
    """Height × width of the network input, among the read-outs."""
    return page.get_by_test_id("stMetricValue").filter(has_text=" × ").first


def drag_over_spectrogram(page: Page, panel: Locator, start: float, end: float) -> None:
    """Select a region with the pointer, from ``start`` to ``end`` of the width, and over half of the height."""
    box = panel.locator("canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + start * box["width"], box["y"] + 0.25 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], box["y"] + 0.75 * box["height"], steps=4)
    page.mouse.up()


def test_a_slider_changes_the_spectrogram_and_the_sound_is_not_sent_again(
    server: Server, page: Page, home: Path
) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    received = []
    page.on("websocket", lambda opened: opened.on("framereceived", lambda frame: received.append(len(frame))))
    page.set_viewport_size({"width": 1024, "height": 900})
    page.goto(f"{server.url}/spectrogram")
    expect(input_size(page)).to_have_text("128 × 128")
    wait_until_settled(page)
    at_first = sum(received)
    received.clear()
    slider = page.get_by_role("slider", name="Clip length (s)")
    slider.press("ArrowLeft")
    expect(input_size(page)).to_have_text("128 × 96")
    expect(page.get_by_text("capstone: 2 s")).to_be_visible()  # the mark of what differs from the preset
    wait_until_settled(page)
    assert sum(received) < 80_000  # the spectrogram has 12 kB, a sound of two seconds 176 kB
    assert at_first > 250_000
    box = slider.locator("xpath=ancestor::*[@data-testid='stSlider']").bounding_box()
    assert box is not None
    assert box["width"] >= 200  # it was 134 px at this width of the window


def test_a_region_is_selected_and_a_and_b_are_seen_and_heard_in_step(server: Server, page: Page, home: Path) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    telephone = SpectrogramSettings(sample_rate=8000, f_min=300.0, f_max=3400.0, hop_length=126)
    save_preset("telephone", telephone, Workspace(home))
    page.goto(f"{server.url}/spectrogram")
    panels = page.locator(".player .panel")
    expect(panels).to_have_count(1)
    wait_until_settled(page)
    drag_over_spectrogram(page, panels.first, 0.3, 0.6)
    selected = page.locator(".player .selected")
    expect(selected).to_have_text(re.compile(r"\d s.*Hz"))  # duration and band
    region = selected.text_content()
    page.get_by_role("button", name="Keep as B").click()
    expect(panels).to_have_count(2)
    expect(page.get_by_text("A and B have the same settings")).to_be_visible()
    wait_until_settled(page)
    listen = page.get_by_role("radiogroup", name="Listen to")
    expect(listen).to_be_hidden()  # both have the same sample rate, so there is nothing to hear
    page.get_by_role("combobox", name="Preset").click()
    page.get_by_role("option", name="telephone").click()
    expect(panels.first.locator(".name")).to_have_text("A · telephone")
    expect(panels.last.locator(".name")).to_have_text("B · capstone")
    assert selected.text_content() == region  # it stays when the settings change
    expect(listen.get_by_role("radio")).to_have_count(2)
    wait_until_settled(page)
    page.get_by_role("button", name="Zoom to region").click()
    cursors = page.locator(".player .cursor")
    panels.last.locator(".seek").click(position={"x": 200, "y": 150})
    places = [cursors.nth(number).evaluate("cursor => cursor.style.transform") for number in (0, 1)]
    assert places[0] == places[1] != ""
    now = page.locator(".player .now").text_content()
    listen.get_by_text("B · capstone").click()
    expect(page.locator(".player .now")).to_have_text(now or "")  # the position stays
    page.reload()
    expect(panels).to_have_count(2)
    expect(panels.first.locator(".name")).to_have_text("A · telephone")
    expect(panels.last.locator(".name")).to_have_text("B · capstone")


def test_a_recording_of_a_tone_shows_the_tone(server: Server, microphone: Page, home: Path) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    page = microphone
    page.goto(f"{server.url}/spectrogram")
    expect(input_size(page)).to_have_text("128 × 128")
    wait_until_settled(page)
    page.get_by_test_id("stButtonGroup").get_by_text("Microphone").click()
    expect(page.get_by_text("Browsers apply echo cancelling")).to_be_visible()
    wait_until_settled(page)
    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_function("() => /00:(0[3-9]|[1-5][0-9])/.test(document.body.innerText)")
    page.get_by_role("button", name="Stop recording").click()
    expect(input_size(page)).to_have_text("128 × 128")
    wait_until_settled(page)
    canvas = page.locator(".player canvas").first
    across, down = canvas.evaluate(BRIGHTEST)
    canvas.hover(position={"x": across, "y": down}, force=True)
    expect(page.locator(".player .readout").first).to_contain_text("Hz")
    readout = page.locator(".player .readout").first.text_content() or ""
    hertz = re.search(r"([\d.]+) (k?)Hz", readout)
    assert hertz is not None
    assert float(hertz[1]) * (1000 if hertz[2] else 1) == pytest.approx(TONE_HZ, rel=0.04)


def test_a_saved_preset_is_found_on_train(server: Server, page: Page, home: Path) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    page.goto(f"{server.url}/spectrogram?view=Code")
    slider = page.get_by_role("slider", name="Mel bands")
    expect(slider).to_be_visible()
    wait_until_settled(page)
    slider.focus()
    slider.press("ArrowLeft")
    expect(page.get_by_text("n_mels=120").first).to_be_visible()
    wait_until_settled(page)
    page.get_by_role("textbox", name="Save these settings as").fill("narrow")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("combobox", name="Preset")).to_have_value("narrow")
    assert own_presets(Workspace(home))["narrow"] == SpectrogramSettings(n_mels=120)
    # The link is another one as soon as the preset is known: a click on the first would be lost.
    wait_until_settled(page)
    page.get_by_role("link", name="Train with these settings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Train")
    expect(page.get_by_role("combobox", name="Spectrogram")).to_have_value("narrow")
    expect(page.get_by_text(re.compile("--preset narrow"))).to_be_visible()
