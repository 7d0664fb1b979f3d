"""The Spectrogram page in Chromium: sliders, the microphone, and presets on the Train page."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Locator, Page, expect

from audiotag.features.presets import own_presets
from audiotag.features.settings import SpectrogramSettings
from audiotag.workspace import Workspace

from .conftest import Server
from .test_app import wait_until_settled

TONE_HZ = 1000


@pytest.fixture
def microphone(hearing: Callable[[Path], Page], tmp_path: Path) -> Page:
    """A page of a browser whose microphone plays a tone."""
    file = tmp_path / "microphone.wav"
    soundfile.write(file, 0.3 * np.sin(2 * np.pi * TONE_HZ * np.arange(10 * 48_000) / 48_000), 48_000, subtype="PCM_16")
    return hearing(file)


def input_size(page: Page) -> Locator:
    """Height × width of the network input, among the read-outs."""
    return page.get_by_test_id("stMetricValue").filter(has_text=" × ").first


def time_axis(page: Page) -> list[float]:
    """Numbers on the time axis of the network input."""
    ticks = page.locator(".js-plotly-plot .xtick text").all_text_contents()
    return [float(tick.replace("−", "-")) for tick in ticks]


def test_a_slider_changes_the_axes_of_the_spectrogram(server: Server, page: Page, home: Path) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    page.goto(f"{server.url}/spectrogram")
    expect(input_size(page)).to_have_text("128 × 128")
    wait_until_settled(page)
    expect(page.locator(".js-plotly-plot .xtick text").first).to_be_visible()  # drawn after it is settled
    before = time_axis(page)
    slider = page.get_by_role("slider", name="Clip length (s)")
    slider.focus()
    for _ in range(4):
        slider.press("ArrowRight")
    expect(input_size(page)).to_have_text("128 × 256")
    page.wait_for_function(
        """least => {
            const ticks = [...document.querySelectorAll('.js-plotly-plot .xtick text')].map(
                tick => parseFloat(tick.textContent.replace('−', '-')));
            return Math.max(...ticks) - Math.min(...ticks) > least;
        }""",
        arg=1.4 * (max(before) - min(before)),
    )


def test_a_recording_of_a_tone_shows_the_tone(server: Server, microphone: Page, home: Path) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    page = microphone
    page.goto(f"{server.url}/spectrogram")
    page.get_by_test_id("stButtonGroup").get_by_text("Microphone").click()
    expect(page.get_by_text("Browsers apply echo cancelling")).to_be_visible()
    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_function("() => /00:0[3-9]/.test(document.body.innerText)")
    page.get_by_role("button", name="Stop recording").click()
    expect(input_size(page)).to_have_text("128 × 128")
    wait_until_settled(page)
    page.wait_for_function("() => document.querySelector('.js-plotly-plot')?.calcdata")  # drawn after it is settled
    bands, values = page.evaluate(
        """() => {
            const chart = document.querySelector('.js-plotly-plot');
            return [[...chart.data[0].y], chart.calcdata[0][0].z.map(row => Math.max(...row))];
        }"""
    )
    loudest_hz = float(bands[int(np.argmax(values))].split()[0].replace(",", ""))
    assert loudest_hz == pytest.approx(TONE_HZ, rel=0.04)


def test_a_saved_preset_is_found_on_train(server: Server, page: Page, home: Path) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    page.goto(f"{server.url}/spectrogram?view=Code")
    slider = page.get_by_role("slider", name="Mel bands")
    slider.focus()
    slider.press("ArrowLeft")
    expect(page.get_by_text("n_mels=120").first).to_be_visible()
    page.get_by_role("textbox", name="Save these settings as").fill("narrow")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("combobox", name="Preset")).to_have_value("narrow")
    assert own_presets(Workspace(home)) == {"narrow": SpectrogramSettings(n_mels=120)}
    wait_until_settled(
        page
    )  # the link is another one as soon as the preset is known: a click on the first would be lost
    page.get_by_role("link", name="Train with these settings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Train")
    expect(page.get_by_role("combobox", name="Spectrogram")).to_have_value("narrow")
    expect(page.get_by_text(re.compile("--preset narrow"))).to_be_visible()
