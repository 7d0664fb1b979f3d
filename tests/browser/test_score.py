"""Scoring in Chromium: an ensemble by one button; a submission, its figures, its hardest clip, a filter by a click."""

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from audiotag.scoring import score_submission
from audiotag.workspace import Workspace

from .conftest import Server
from .test_app import drop, hear, wait_until_settled


@pytest.fixture
def submission(home: Path, tmp_path: Path) -> Path:
    """A submission for the starter sounds' test clips: true labels first, except for the clips of one label."""
    sounds = home / "starter-sounds"
    with (sounds / "test_truth.csv").open() as file:
        truth = {row["fname"]: row["labels"].split(",") for row in csv.DictReader(file)}
    labels = (sounds / "sample_submission.csv").read_text().splitlines()[0].split(",")[1:]
    worst = next(iter(truth.values()))[0]
    lines = [",".join(["fname", *labels])]
    for clip, true in truth.items():
        scores = [(0.1 if label == worst else 0.9) if label in true else 0.2 for label in labels]
        lines.append(",".join([clip, *map(str, scores)]))
    (tmp_path / "submission.csv").write_text("\n".join(lines))
    return tmp_path / "submission.csv"


def upload(server: Server, page: Page, submission: Path) -> None:
    page.goto(f"{server.url}/score?score=A table of scores")
    drop(page, submission)
    expect(page.get_by_role("heading", name="Hardest clips")).to_be_visible()
    wait_until_settled(page)


def metric(page: Page, label: str) -> Locator:
    return page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")


def choose_row(page: Page, row: int) -> None:
    """Click on the box before a row of the table of hardest clips; the header is as high as a row."""
    grid = page.get_by_test_id("stDataFrame").locator("canvas:visible").first
    grid.scroll_into_view_if_needed()
    grid.click(position={"x": 15, "y": 35 * (row + 1) + 17}, force=True)  # a scroller lies over it


def test_one_button_scores_an_ensemble_also_while_the_page_is_reloaded(server: Server, page: Page, home: Path) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    page.goto(f"{server.url}/score")
    score_button = page.get_by_role("button", name="Score starter on 20 test clips")
    expect(score_button).to_be_visible()
    wait_until_settled(page)
    score_button.click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Hardest clips")).to_be_visible(timeout=120_000)  # without a click
    submission = home / "submissions" / "starter-sounds-starter.csv"
    score = score_submission(submission, home / "starter-sounds" / "test_truth.csv")
    expect(metric(page, "lwlrap").first).to_have_text(f"{score.lwlrap:.5f}")
    expect(page.locator("strong", has_text=score.per_clip.index[0])).to_be_visible()
    page.reload()
    expect(metric(page, "lwlrap").first).to_have_text(f"{score.lwlrap:.5f}")
    expect(score_button).to_have_count(0)


def test_a_dropped_submission_is_scored_and_its_hardest_clips_can_be_heard(
    server: Server, page: Page, home: Path, submission: Path
) -> None:
    score = score_submission(submission, home / "starter-sounds" / "test_truth.csv")
    upload(server, page, submission)
    expect(metric(page, "lwlrap").first).to_have_text(f"{score.lwlrap:.5f}")
    first, second = score.per_clip.index[:2]
    expect(page.locator("strong", has_text=first)).to_be_visible()
    expect(page.locator("audio").first).to_be_attached()
    choose_row(page, 1)
    expect(page.locator("strong", has_text=second)).to_be_visible()
    hear(page, page.locator("audio").first)


def test_a_click_on_a_class_leaves_only_its_clips(server: Server, page: Page, home: Path, submission: Path) -> None:
    score = score_submission(submission, home / "starter-sounds" / "test_truth.csv")
    worst = score.per_class.index[0]
    upload(server, page, submission)
    bar = page.locator(".bars .point path:visible").first
    bar.scroll_into_view_if_needed()
    bar.hover(force=True)
    expect(page.locator(".hoverlayer .hovertext:visible").first).to_contain_text(f"{worst}: lwlrap")
    bar.click(force=True)
    expect(page.get_by_role("combobox", name="With the label")).to_have_value(worst)
    clips = score.per_class["clips"].iloc[0]
    expect(page.get_by_text(f"of {clips} clips a wrong label is ranked above a true one")).to_be_visible()


def test_the_table_of_classes_is_saved_as_it_is(
    server: Server, page: Page, home: Path, submission: Path, tmp_path: Path
) -> None:
    score = score_submission(submission, home / "starter-sounds" / "test_truth.csv")
    upload(server, page, submission)
    page.get_by_text("As a table").click()
    wait_until_settled(page)  # a button that is just drawn anew misses the click
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).first.click()
    download.value.save_as(tmp_path / "classes.csv")
    with (tmp_path / "classes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == list(score.per_class.index)
    assert [int(row["clips"]) for row in rows] == score.per_class["clips"].tolist()
