"""Review labels in Chromium by keyboard alone: undo, reload, a killed server, a second reviewer, and training again."""

import csv
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Locator, Page, expect

from audiotag.data.corrections import find_corrections
from audiotag.data.layouts import open_dataset
from audiotag.data.verdicts import Answer, Verdict, VerdictJournal
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.review.answers import choices_of, verdict_of
from audiotag.review.doubts import Doubt
from audiotag.review.queue import doubt_id
from audiotag.review.ranking import find_doubts
from audiotag.training.held_out import read_held_out
from audiotag.training.recipe import Recipe
from audiotag.training.runs import Run, RunSettings, list_runs
from audiotag.training.stage import Stage
from audiotag.workspace import Workspace, write_json

from .conftest import Server, new_page
from .test_app import wait_until_settled

RATE = 16_000
LABELS = ("High", "Low", "Middle")
CLIPS = {f"{number:02}.wav": LABELS[number % 3] for number in range(30)}
TINY = Recipe(
    "tiny", "Tiny", "For tests.", (Stage("curated", 1, 1e-3),), folds=2, batch_size=8,
    spectrogram=SpectrogramSettings(
        sample_rate=RATE, clip_s=1.0, n_fft=512, win_length=512, hop_length=256, n_mels=32, f_max=8000.0
    ),
    network=XResNetSettings(depth=18, width=1 / 16, stem=4, activation="relu"),
)  # fmt: skip
SLOW_MS = 240_000


# All tests share one server and one run, and each has a reviewer of its own.


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("review") / "home")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, workspace: Workspace) -> Path:
    """Thirty clips, each with a tone of its own."""
    folder = tmp_path_factory.mktemp("review") / "tones"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number, (name, label) in enumerate(CLIPS.items()):
        frequency_hz = 400 * 2 ** LABELS.index(label) + 5 * number
        tone = 0.3 * np.sin(2 * np.pi * frequency_hz * np.arange(RATE) / RATE)
        soundfile.write(folder / name, tone + 0.01 * rng.standard_normal(RATE), RATE)
    (folder / "clips.csv").write_text("fname,label\n" + "".join(f"{name},{label}\n" for name, label in CLIPS.items()))
    workspace.remember_dataset(folder)
    return folder


@pytest.fixture(scope="module")
def run(workspace: Workspace, folder: Path, scored_run: Callable[..., Run]) -> Run:
    """A finished run of two folds, which doubt the labels of every second clip."""
    scores = {}
    for number, (name, given) in enumerate(CLIPS.items()):
        heard = LABELS[(LABELS.index(given) + number % 2) % 3]
        scores[name] = [(0.9 if label == heard else 0.1) - 0.001 * number for label in LABELS]
    folds = {fold: {name: scores[name] for name in list(CLIPS)[15 * fold - 15 : 15 * fold]} for fold in (1, 2)}
    run = scored_run(workspace, folder, LABELS, folds)
    write_json(run.folder / "settings.json", RunSettings(str(folder), TINY, (1, 2)).to_dict())
    return run


@pytest.fixture(scope="module")
def doubts(folder: Path, run: Run) -> list[Doubt]:
    """The doubts in the order of the queue."""
    found = find_doubts(open_dataset(folder), read_held_out(run))
    assert len(found) >= 25
    assert {doubt.kind for doubt in found} == {"wrong", "missing"}
    return found


@pytest.fixture(scope="module")
def server(workspace: Workspace, run: Run) -> Iterator[Server]:
    """The server of this workspace; without a dataset in it, it would render the starter sounds first."""
    server = Server(workspace.root)
    server.start()
    yield server
    server.stop()


def kill(server: Server) -> None:
    """End the server at once, as a power cut would."""
    assert server.process
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait(20)
    server.process = None


def open_review(page: Page, server: Server, run: Run, reviewer: str) -> None:
    page.goto(f"{server.url}/review?scores=run:{run.name}&reviewer={reviewer}")
    expect(page.locator(".player .untrimmed")).to_be_attached(timeout=SLOW_MS)
    wait_until_settled(page)


def expect_doubt(page: Page, doubt: Doubt) -> None:
    """Wait until the page shows a doubt: what it asks, and its sound in the player."""
    question = f"Is {doubt.label} missing?" if doubt.kind == "missing" else f"Is {doubt.label} in the sound?"
    asked = page.locator(f".st-key-review-question-{doubt_id(doubt)}")
    expect(asked).to_contain_text(question)
    expect(asked).to_contain_text(doubt.clip)
    expect(player_of(page)).to_have_attribute("aria-label", f"Player of {doubt.clip}")


def expect_progress(page: Page, done: int, doubts: list[Doubt]) -> None:
    expect(page.get_by_test_id("stProgress")).to_contain_text(re.compile(rf"^{done} of {len(doubts)}\b"))


def player_of(page: Page) -> Locator:
    return page.locator(".st-key-review-player .player")


def answers_by(workspace: Workspace, folder: Path, reviewer: str) -> list[tuple[Any, ...]]:
    return [essence(each) for each in VerdictJournal.of(folder, workspace).verdicts() if each.reviewer == reviewer]


def essence(verdict: Verdict) -> tuple[Any, ...]:
    return verdict.clip, verdict.label, verdict.answer, verdict.before, verdict.after


def answer_of(doubt: Doubt, number: int) -> tuple[str, Answer, str | None]:
    """One of the keys of a doubt, another one each time, its answer and its other label."""
    choices = choices_of(doubt)
    choice = choices[number % len(choices)]
    return choice.key.lower(), choice.answer, choice.other


FOCUS: tuple[Callable[[Page], None], ...] = (  # where the focus is when a key is pressed
    lambda page: page.get_by_role("heading", level=1).click(),
    lambda page: page.get_by_role("switch", name="Autoplay").focus(),
    lambda page: page.get_by_role("tab", name="Queue").click(),
    lambda page: player_of(page).get_by_text("log", exact=True).click(),
    lambda page: player_of(page).get_by_role("button", name="Loop").click(),
    lambda page: player_of(page).get_by_role("slider").click(position={"x": 40, "y": 20}),
    lambda page: page.get_by_role("link", name="Tag").focus(),
    lambda page: page.locator(".st-key-review-compared-0 .player").get_by_role("slider").click(),
)


def test_twenty_verdicts_by_keyboard_alone_survive_undo_reload_and_a_killed_server(
    server: Server, page: Page, chromium: Browser, workspace: Workspace, folder: Path, run: Run, doubts: list[Doubt],
    contents: Callable[[Path], dict[str, Any]],
) -> None:  # fmt: skip
    before = contents(folder)
    open_review(page, server, run, "anna")
    expected: list[tuple[Any, ...]] = []
    number = 0
    while len(expected) < 20:
        doubt = doubts[len(expected)]
        expect_doubt(page, doubt)
        expect_progress(page, len(expected), doubts)
        wait_until_settled(page)
        if number == 8:
            page.reload()
            expect_doubt(page, doubt)
            wait_until_settled(page)
        if number == 12:  # five answers are taken back, one key each
            for _ in range(5):
                page.keyboard.press("u")
                expected.pop()
                expect_doubt(page, doubts[len(expected)])
                expect_progress(page, len(expected), doubts)
                wait_until_settled(page)
            assert answers_by(workspace, folder, "anna") == expected
            doubt = doubts[len(expected)]
        if number == 17:  # the verdict before was given a moment ago
            kill(server)
            assert answers_by(workspace, folder, "anna") == expected
            server.start()
            open_review(page, server, run, "anna")
            expect_doubt(page, doubt)
        FOCUS[number % len(FOCUS)](page)
        key, answer, other = answer_of(doubt, number)
        page.keyboard.press(key)
        expected.append(essence(verdict_of(doubt, answer, "anna", other)))
        number += 1
    expect_progress(page, 20, doubts)
    expect_doubt(page, doubts[20])
    assert answers_by(workspace, folder, "anna") == expected

    other_page = new_page(chromium, viewport={"width": 1400, "height": 1000})
    open_review(other_page, server, run, "ben")
    expect_progress(other_page, 0, doubts)
    expect_doubt(other_page, doubts[0])
    other_page.keyboard.press("r")
    expect_progress(other_page, 1, doubts)
    other_page.context.close()
    page.keyboard.press("s")
    expect_progress(page, 21, doubts)
    assert len(answers_by(workspace, folder, "ben")) == 1
    assert len(answers_by(workspace, folder, "anna")) == 21
    assert contents(folder) == before


def test_arrows_space_and_question_mark_work_wherever_the_focus_is(
    server: Server, page: Page, workspace: Workspace, folder: Path, run: Run, doubts: list[Doubt]
) -> None:
    open_review(page, server, run, "cleo")
    for number, focus in enumerate(FOCUS[:6]):
        expect_doubt(page, doubts[number])
        wait_until_settled(page)
        player_of(page).locator("audio").evaluate("audio => { audio.muted = true; audio.loop = true }")
        focus(page)
        page.mouse.move(5, 5)
        page.keyboard.press("Space")
        expect(player_of(page).get_by_role("button", name="Pause")).to_be_visible()
        page.keyboard.press("Space")
        expect(player_of(page).get_by_role("button", name="Play", exact=True)).to_be_visible()
        page.keyboard.press("ArrowRight")
    expect_doubt(page, doubts[6])
    wait_until_settled(page)
    page.keyboard.press("ArrowLeft")
    expect_doubt(page, doubts[5])
    expect(page).to_have_url(re.compile("item="))
    wait_until_settled(page)
    page.keyboard.press("?")
    expect(page.get_by_text("the labels are right as they are")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_text("the labels are right as they are")).to_be_hidden()
    assert answers_by(workspace, folder, "cleo") == []


def test_keys_are_text_in_the_field_for_notes_until_enter_leaves_it(
    server: Server, page: Page, workspace: Workspace, folder: Path, run: Run, doubts: list[Doubt]
) -> None:
    open_review(page, server, run, "dora")
    expect_doubt(page, doubts[0])
    note = page.get_by_role("textbox", name="Note")
    note.click()
    page.keyboard.type("r s 1 ?")
    expect(note).to_have_value("r s 1 ?")
    page.keyboard.press("Enter")
    expect(note).not_to_be_focused()
    wait_until_settled(page)
    page.keyboard.press("x")
    expect_doubt(page, doubts[1])
    verdict = VerdictJournal.of(folder, workspace).verdicts()[-1]
    assert (verdict.answer, verdict.note) == ("unsure", "r s 1 ?")


def test_a_key_that_is_held_down_answers_once(
    server: Server, page: Page, workspace: Workspace, folder: Path, run: Run, doubts: list[Doubt]
) -> None:
    open_review(page, server, run, "emil")
    for _ in range(8):  # further presses before the release are repetitions
        page.keyboard.down("s")
    expect_doubt(page, doubts[1])
    page.keyboard.up("s")
    wait_until_settled(page)
    assert len(answers_by(workspace, folder, "emil")) == 1


def test_keys_do_nothing_behind_a_dialog(
    server: Server, page: Page, workspace: Workspace, folder: Path, run: Run, doubts: list[Doubt]
) -> None:
    open_review(page, server, run, "hugo")
    page.get_by_role("button", name="Open a dataset").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("directly in this folder").first).to_be_visible()
    wait_until_settled(page)
    page.keyboard.press("s")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect_doubt(page, doubts[0])
    wait_until_settled(page)
    page.keyboard.press("x")
    expect_doubt(page, doubts[1])
    assert [answer for _, _, answer, *_ in answers_by(workspace, folder, "hugo")] == ["unsure"]


def test_autoplay_plays_the_next_sound_and_stays_on_after_a_reload(
    server: Server, page: Page, run: Run, doubts: list[Doubt]
) -> None:
    open_review(page, server, run, "fred")
    page.get_by_test_id("stCheckbox").filter(has_text="Autoplay").locator("label").first.click()
    expect(page).to_have_url(re.compile("autoplay=true"))
    wait_until_settled(page)
    played = "audio => new Promise(done => audio.addEventListener('playing', () => done(true), {once: true}))"
    player_of(page).locator("audio").evaluate(f"audio => {{ window.played = ({played})(audio) }}")
    page.keyboard.press("s")
    expect_doubt(page, doubts[1])
    assert page.evaluate("window.played")
    page.reload()
    expect_doubt(page, doubts[1])
    expect(page.get_by_role("switch", name="Autoplay")).to_be_checked()


def test_labels_are_corrected_the_run_is_trained_again_and_both_are_compared(
    server: Server, page: Page, workspace: Workspace, folder: Path, run: Run, doubts: list[Doubt],
    contents: Callable[[Path], dict[str, Any]],
) -> None:  # fmt: skip
    before = contents(folder)
    open_review(page, server, run, "gina")
    for number, doubt in enumerate(doubts[:6]):
        expect_doubt(page, doubt)
        wait_until_settled(page)
        page.keyboard.press("a" if doubt.kind == "missing" else "w")
        expect_progress(page, number + 1, doubts)
    page.get_by_role("tab", name="Exchange").click()
    table_button = page.get_by_role("button", name="Make the corrected table")
    expect(table_button).to_be_visible()
    wait_until_settled(page)
    table_button.click()
    download_button = page.get_by_role("button", name="Download corrected-clips.csv")
    expect(download_button).to_be_visible()
    wait_until_settled(page)
    with page.expect_download() as download:
        download_button.click()
    with open(download.value.path(), newline="") as table:
        exported = {row["fname"]: set(filter(None, row["label"].split(","))) for row in csv.DictReader(table)}
    dataset = open_dataset(folder)
    corrections = find_corrections(dataset.clips, VerdictJournal.of(folder, workspace).verdicts())
    assert corrections
    assert exported == {name: {label} for name, label in CLIPS.items()} | {
        correction.clip: set(correction.after) for correction in corrections
    }
    page.get_by_role("tab", name="Retrain").click()
    expect(page.get_by_text(re.compile("The verdicts change [0-9]+ labels"))).to_be_visible()
    wait_until_settled(page)
    page.get_by_role("button", name="Train again with corrections").click()
    expect(page.get_by_text(f"{run.name} compared with ")).to_be_visible(timeout=SLOW_MS)
    again = list_runs(workspace)[0]
    assert again.settings().corrected
    assert again.finished_folds() == [1, 2]
    expect(page.get_by_text(f"{again.name} ").first).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_be_visible()
    page.get_by_role("link", name="Open the new run on the Train page").click()
    expect(page).to_have_url(re.compile(f"/train.*run={again.name}"))
    assert contents(folder) == before
