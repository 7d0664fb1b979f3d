"""The first start in Chromium: pages answer while the starter sounds are rendered, which then appear by themselves."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from audiotag.starter.render import StarterCounts
from audiotag.starter.render_job import RenderJob
from audiotag.workspace import Workspace, read_json

from .conftest import Server


@pytest.fixture
def first_start(tmp_path: Path) -> Iterator[Server]:
    """The app in an empty workspace, as it is started for the first time."""
    server = Server(tmp_path / "workspace")
    server.start()
    yield server
    server.stop()
    end(RenderJob.of(Workspace(server.home)))


def end(job: RenderJob) -> None:
    """Kill the process of the job; those that it started end with it."""
    if job.is_active():
        psutil.Process(read_json(job.folder / "process.json")["pid"]).kill()


def test_pages_answer_while_sounds_are_rendered_and_then_show_them(first_start: Server, page: Page) -> None:
    main = page.get_by_test_id("stMain")
    page.goto(first_start.url)
    expect(main.get_by_text("The starter sounds are being rendered.")).to_be_visible()
    expect(main.get_by_text(re.compile(r"^Rendering [\d,]+ of 1,050 clips · .* left$"))).to_be_visible()
    page.get_by_role("link", name="Spectrogram").click()  # which needs no dataset
    expect(page.get_by_role("heading", name="Spectrogram", level=1)).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_text(re.compile("^Rendering "))).to_be_visible()

    job = RenderJob.of(Workspace(first_start.home))
    end(job)
    page.get_by_role("link", name="Train").click()
    expect(main.get_by_text("its process was killed; start it again")).to_be_visible()
    expect(main.get_by_role("button", name="Try again")).to_be_visible()
    replace(job, counts=StarterCounts(curated=20, noisy=20, test=20)).start()
    expect(page.get_by_role("heading", name="Train", level=1)).to_be_visible()
    expect(page.get_by_role("combobox", name="Dataset")).to_have_value("starter-sounds")
