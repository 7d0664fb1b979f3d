"""Train in Chromium: start, watch, reload, stop, resume and publish a run, then tag with it."""

import csv
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from audiotag.training.run_progress import epochs_done
from audiotag.training.runs import Run, list_runs
from audiotag.workspace import Workspace

from .conftest import Server

SLOW_MS = 240_000
NOTE = "cross-validation on curated clips was 0.1 higher"


def begin(page: Page, server: Server, epochs: str) -> None:
    """Start a run of the first two folds with these numbers of epochs."""
    page.goto(f"{server.url}/train?epochs={epochs}")
    for fold, left in ((5, "1,2,3,4"), (4, "1,2,3"), (3, "1,2")):
        page.get_by_test_id("stButtonGroup").get_by_text(str(fold), exact=True).click()
        expect(page.get_by_text(re.compile(f"--folds {left} "))).to_be_visible()
    expect(page.get_by_text(f"--epochs {epochs}")).to_be_visible()
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("Starting: loading libraries")).to_be_visible()


def newest(home: Path) -> Run:
    return list_runs(Workspace(home))[0]


def traces(page: Page) -> list[str]:
    """The names in the legend of the curves."""
    return page.locator(".js-plotly-plot").first.locator(".legendtext").all_inner_texts()


def test_training_is_watched_stopped_resumed_published_and_tags(
    server: Server, page: Page, home: Path, unseen: Path
) -> None:
    begin(page, server, "1,8")
    expect(page.get_by_text(NOTE)).to_be_visible(timeout=SLOW_MS)
    run = newest(home)
    page.reload()  # in the middle: nothing of it lives in the page
    expect(page.get_by_text(NOTE)).to_be_visible()
    expect(page).to_have_url(re.compile(f"run={run.name}"))
    page.get_by_role("button", name="Stop after this batch").click()
    expect(page.get_by_text("The run was stopped")).to_be_visible(timeout=SLOW_MS)
    assert run.state() == "stopped"
    done = len(epochs_done(run.events()))
    assert done > 0
    server.stop()
    server.start()
    page.goto(f"{server.url}/train?run={run.name}")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Stop after this batch")).to_be_enabled()
    assert run.is_active()
    legend = page.locator(".js-plotly-plot").first.locator(".legendtext")
    expect(legend.filter(has_text="fold 2")).to_be_visible(timeout=SLOW_MS)  # both rise
    expect(page.get_by_text(re.compile("Finished: mean lwlrap"))).to_be_visible(timeout=SLOW_MS)
    assert run.finished_folds() == [1, 2]
    assert len(epochs_done(run.events())) == 18
    page.get_by_label("Name", exact=True).fill("mine")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("combobox", name="Ensemble")).to_have_value("mine")
    page.get_by_test_id("stSidebar").get_by_role("link", name="Tag").click()
    with (unseen / "train_curated.csv").open() as table:
        clip = next(row["fname"] for row in csv.DictReader(table) if row["labels"] == "Church_bell")
    page.get_by_test_id("stFileUploaderDropzone").drop({"files": str(unseen / "train_curated" / clip)})
    expect(page.get_by_role("heading", name=clip)).to_be_visible()
    expect(page.get_by_role("combobox", name="Ensemble")).to_have_value("mine")
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_second_run_waits_for_the_device_and_leaves_the_queue(server: Server, page: Page, home: Path) -> None:
    begin(page, server, "1,30")
    expect(page.get_by_role("button", name="Stop after this batch")).to_be_enabled()
    first = newest(home)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text(f"which run {first.name} uses")).to_be_visible(timeout=SLOW_MS)
    second = newest(home)
    assert second.state() == "queued"
    page.get_by_role("button", name="Leave the queue").click()
    expect(page.get_by_text("The run was stopped")).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("button", name="Delete …").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text(f"Run {second.name} was deleted.")).to_be_visible()
    expect(page.get_by_text("The run was stopped")).to_be_hidden()  # the page is at the first run now
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The run was stopped")).to_be_visible()  # not the address, which may still be the old one
    expect(page).to_have_url(re.compile(f"run={second.name}"))
    assert second.state() == "stopped"
    first.stop()
    page.goto(f"{server.url}/train?run={first.name}")
    expect(page.get_by_text("The run was stopped")).to_be_visible(timeout=SLOW_MS)


def test_batch_preview_shows_another_batch_when_drawn_again(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/train?show=Training+batch+preview")
    images = page.get_by_test_id("stImage").locator("img")
    expect(images.first).to_be_visible(timeout=60_000)
    before = images.first.get_attribute("src")
    page.get_by_role("button", name="Draw again").click()
    expect(images.first).not_to_have_attribute("src", before or "")


def test_an_address_of_a_tab_that_no_longer_exists_opens_the_first_tab(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/train?show=What+the+network+will+get")
    expect(page.get_by_role("tab", name="Runs")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_test_id("stException")).to_have_count(0)
