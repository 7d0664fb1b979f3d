"""Train in Chromium: start, watch, reload, stop, resume and publish a run, then tag with it."""

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from audiotag.tagging.card_reading import read_card
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_notes import RunNote, read_note, write_note
from audiotag.training.run_progress import epochs_done
from audiotag.training.runs import Run, RunSettings, create_run, list_runs
from audiotag.training.weights_choice import fold_results
from audiotag.workspace import Workspace

from .conftest import Server
from .test_app import drop, wait_until_settled

SLOW_MS = 240_000
ROW_PX = 35  # of the table of runs, and where its columns are
NAME_PX, LWLRAP_PX, EDITED_NOTE_PX = 120, 335, 400  # left of the menu that a heading has
NOTE = "cross-validation on curated clips was 0.1 higher"


@pytest.fixture(autouse=True)
def _no_run_goes_on(home: Path) -> Iterator[None]:
    """Stop what a test, which may have failed, has left running: the next one needs the processors."""
    yield
    for run in list_runs(Workspace(home)):
        if run.is_active():
            run.stop()


def begin(page: Page, server: Server, epochs: str) -> None:
    """Start a run of the first two folds with these numbers of epochs."""
    Workspace(server.home).remember_dataset(server.home / "starter-sounds")  # earlier tests have opened others
    page.goto(f"{server.url}/train?epochs={epochs}")
    for fold, left in ((5, "1,2,3,4"), (4, "1,2,3"), (3, "1,2")):
        pill = page.get_by_test_id("stButtonGroup").get_by_text(str(fold), exact=True)
        expect(pill).to_be_visible()
        wait_until_settled(page)
        pill.click()
        expect(page.get_by_text(re.compile(f"--folds {left} "))).to_be_visible()
    expect(page.get_by_text(f"--epochs {epochs}")).to_be_visible()
    wait_until_settled(page)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("button", name="Stop after this batch")).to_be_visible()


def newest(home: Path) -> Run:
    return list_runs(Workspace(home))[0]


def traces(page: Page) -> list[str]:
    """The names in the legend of the curves."""
    return page.locator(".js-plotly-plot").first.locator(".legendtext").all_inner_texts()


def test_training_is_watched_stopped_resumed_published_and_tags(
    server: Server, page: Page, home: Path, unseen: Path
) -> None:
    begin(page, server, "1,30")  # long enough to be stopped on a fast machine
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
    resume = page.get_by_role("button", name="Resume")
    expect(resume).to_be_visible()
    wait_until_settled(page)
    resume.click()
    expect(page.get_by_role("button", name="Stop after this batch")).to_be_enabled()
    assert run.is_active()
    legend = page.locator(".js-plotly-plot").first.locator(".legendtext")
    expect(legend.filter(has_text="fold 2")).to_be_visible(timeout=SLOW_MS)  # both rise
    expect(page.get_by_text(re.compile("Finished: mean lwlrap"))).to_be_visible(timeout=SLOW_MS)
    assert run.finished_folds() == [1, 2]
    assert len(epochs_done(run.events())) == 62
    weights = page.get_by_test_id("stButtonGroup").get_by_text("best epoch")
    expect(weights).to_be_visible()
    wait_until_settled(page)
    weights.click()
    expect(page.get_by_text("--weights best")).to_be_visible()
    wait_until_settled(page)
    page.get_by_label("Name", exact=True).last.fill("mine")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text(re.compile("Noise gate of mine"))).to_be_visible()  # it is published, and is the chosen one
    card = read_card(home / "ensembles" / "mine")
    assert (card.weights, card.folds[0].lwlrap) == ("best", round(fold_results(run.events(), "best")[1]["lwlrap"], 5))
    page.get_by_test_id("stSidebar").get_by_role("link", name="Tag").click()
    with (unseen / "train_curated.csv").open() as table:
        clip = next(row["fname"] for row in csv.DictReader(table) if row["labels"] == "Church_bell")
    drop(page, unseen / "train_curated" / clip)
    expect(page.get_by_role("heading", name=clip)).to_be_visible()
    expect(page.get_by_role("combobox", name="Ensemble")).to_have_value("mine")
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_second_run_waits_for_the_device_and_leaves_the_queue(server: Server, page: Page, home: Path) -> None:
    begin(page, server, "1,300")  # longer than everything below takes
    expect(page.get_by_role("button", name="Stop after this batch")).to_be_enabled()
    first = newest(home)
    page.get_by_text("New run", exact=True).click()  # the drawer was closed when the first one began
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text(f"which run {first.name} uses")).to_be_visible(timeout=SLOW_MS)
    second = newest(home)
    assert second.state() == "queued"
    page.get_by_role("button", name="Leave the queue").click()
    expect(page.get_by_text("The run was stopped")).to_be_visible(timeout=SLOW_MS)
    delete_button = page.get_by_role("button", name="Delete …")
    expect(delete_button).to_be_visible()
    wait_until_settled(page)
    delete_button.click()
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


def made_runs(home: Path, scores: list[float]) -> list[Run]:
    """Finished runs of one fold with these scores, the newest first; nothing is trained."""
    workspace = Workspace(home)
    for score in scores:
        run = create_run(workspace, RunSettings(str(home / "starter-sounds"), load_recipe("quick"), folds=(1,)))
        stage = {"stage": 0, "subset": "curated", "epochs": 1, "clips": 60, "pixels": 9, "shared": False}
        run.write_event("run-started", folds=[1], labels=["a"], stages=[stage], devices=["cpu"])
        run.write_event("fold-started", fold=1)
        figures = {"lwlrap": score, "accuracy": 0.5, "per_class": [score]}
        losses = {"train_loss": 0.5, "valid_loss": 0.6, "lr": 1e-3, "seconds": 2.0}
        run.write_event("epoch", fold=1, epoch=1, stage=0, subset="curated", **figures, **losses)
        run.write_event("fold-finished", fold=1, clips=12, **figures)
        run.write_status("finished")
        write_note(run, RunNote(f"sorted {score}"))
    return list_runs(workspace)[: len(scores)]


def cell(page: Page, row: int, column: int) -> Locator:
    """The text of a cell of the first table, for those who cannot see it; row 0 is the first below the headings."""
    return page.get_by_test_id("stDataFrame").first.get_by_test_id(f"glide-cell-{column}-{row}")


def click_cell(page: Page, row: int, x_px: int) -> None:
    """Click in the first table, whose cells are painted; row 0 is that of the headings."""
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )  # it is painted
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + x_px, box["y"] + ROW_PX * (row + 0.5))


def test_runs_are_sorted_named_deleted_together_and_restored(
    server: Server, page: Page, home: Path, wait_until: Callable[..., None]
) -> None:
    runs = made_runs(home, [0.41, 0.43, 0.42])
    names = [run.name for run in runs]
    page.goto(f"{server.url}/train?find=sorted&run={names[0]}")
    heading = page.get_by_role("heading", level=2)
    expect(heading).to_have_text("sorted 0.42")
    expect(cell(page, 0, 2)).to_have_text("sorted 0.42")
    wait_until_settled(page)
    click_cell(page, 0, LWLRAP_PX)
    expect(cell(page, 0, 2)).to_have_text("sorted 0.41")
    click_cell(page, 3, NAME_PX)
    expect(heading).to_have_text("sorted 0.43")
    expect(page).to_have_url(re.compile(f"run={names[1]}"))
    wait_until_settled(page)

    page.get_by_text("Edit names and notes").click()
    expect(page.get_by_text("Each name and note is saved")).to_be_visible()
    expect(cell(page, 0, 0)).to_have_text("sorted 0.42")
    wait_until_settled(page)
    click_cell(page, 1, EDITED_NOTE_PX)  # of the newest run
    expect(cell(page, 0, 1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    page.get_by_test_id("portal").get_by_role("textbox").fill("wider windows")
    page.keyboard.press("Enter")
    expect(cell(page, 0, 1)).to_have_text("wider windows")
    wait_until(lambda: read_note(runs[0]).note == "wider windows")  # the table sends what was typed a moment later
    wait_until_settled(page)
    page.get_by_text("Edit names and notes").click()
    expect(page.get_by_text("Click a row to open its run.")).to_be_visible()
    page.goto(f"{server.url}/train?find=sorted&run={names[0]}&selected={names[0]}&selected={names[1]}")
    expect(page.get_by_text("wider windows").last).to_be_visible()
    assert read_note(runs[0]).note == "wider windows"
    wait_until_settled(page)

    page.get_by_role("button", name="Delete 2 runs …").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("2 runs were deleted.")).to_be_visible()
    assert {run.name for run in list_runs(Workspace(home))}.isdisjoint(names[:2])
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("2 runs were deleted.")).to_be_hidden()
    assert [run.name for run in list_runs(Workspace(home))][:3] == names
    assert read_note(runs[0]).note == "wider windows"


def test_batch_preview_shows_another_batch_when_drawn_again(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/train?show=Training+batch+preview")
    images = page.get_by_test_id("stImage").locator("img")
    expect(images.first).to_be_visible()
    wait_until_settled(page)
    before = images.first.get_attribute("src")
    page.get_by_role("button", name="Draw again").click()
    expect(images.first).not_to_have_attribute("src", before or "")


def test_an_address_of_a_tab_that_no_longer_exists_opens_the_first_tab(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/train?show=What+the+network+will+get")
    expect(page.get_by_role("tab", name="Runs")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_test_id("stException")).to_have_count(0)
