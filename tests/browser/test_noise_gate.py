"""The noise gate in Chromium: it is measured in the background, goes on after a reload, and can be stopped."""

import re
import shutil
from pathlib import Path

from playwright.sync_api import Page, expect

from audiotag.tagging.card_reading import read_card

from .conftest import Server
from .test_app import wait_until_settled


def test_noise_gate_goes_on_after_a_reload_and_can_be_stopped(
    server: Server, page: Page, home: Path, tiny_ensemble: Path
) -> None:
    folder = shutil.copytree(tiny_ensemble, home / "ensembles" / "gated")
    page.goto(f"{server.url}/tag?ensemble=gated&drawer=true&settings=Trust")
    measure = page.get_by_role("button", name="Measure the noise gate")
    expect(measure).to_be_visible()  # the ensemble is loaded for the first time
    wait_until_settled(page)
    measure.click()
    progress = page.get_by_text(re.compile("Noise gate of gated: "))
    expect(progress).to_be_visible()
    page.reload()
    expect(page.get_by_text(re.compile(r"Noise gate of gated: \d+ of 912 windows"))).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(measure).to_be_visible()
    assert read_card(folder).noise_gate is None
    expect(page.get_by_test_id("stException")).to_have_count(0)
    shutil.rmtree(folder)  # other tests share the workspace
