"""The Dataset page in Chromium: a small dataset is measured by itself, and its problems are heard side by side."""

from pathlib import Path

import numpy as np
import soundfile
from playwright.sync_api import Page, expect

from audiotag.workspace import Workspace

from .conftest import Server
from .test_app import hear, wait_until_settled


def test_copies_are_found_without_a_click_and_play_side_by_side(
    server: Server, page: Page, home: Path, tmp_path: Path
) -> None:
    for name, tone_hz, subtype in (("a", 440, "PCM_16"), ("b", 440, "PCM_24"), ("c", 880, "PCM_16")):
        waveform = np.round(8000 * np.sin(2 * np.pi * tone_hz * np.arange(22_050) / 44_100)) / 32_768
        soundfile.write(tmp_path / f"{name}.wav", waveform, 44_100, subtype)
    (tmp_path / "copies.csv").write_text("fname,label\na.wav,Hum\nb.wav,Buzz\nc.wav,Beep\n")
    Workspace(home).remember_dataset(tmp_path)
    page.set_viewport_size({"width": 1024, "height": 768})
    page.goto(f"{server.url}/dataset")
    chart = page.locator(".st-key-durations .js-plotly-plot")
    expect(chart).to_be_visible()
    problems = page.get_by_role("button", name="4 problems: 2 contradiction · 2 duplicate")
    expect(problems).to_be_visible()  # only samples tell that both files are the same sound
    wait_until_settled(page)
    box = chart.bounding_box()
    assert box
    assert box["y"] + box["height"] < 768  # without scrolling
    problems.click()
    expect(page.locator("audio")).to_have_count(2)
    clips = page.get_by_role("tabpanel").locator("p", has_text="Labels:")
    expect(clips).to_contain_text(["only here: Hum", "only here: Buzz"])
    for player in page.locator("audio").all():
        hear(page, player)
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("n")
    expect(clips).to_contain_text(["only here: Buzz", "only here: Hum"])
