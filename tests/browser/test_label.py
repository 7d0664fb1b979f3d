"""Label a folder of sounds from nothing in Chromium by keyboard, train on the labels, and tag another sound."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Locator, Page, expect

from audiotag.data.verdicts import VerdictJournal
from audiotag.tagging.card_reading import read_card
from audiotag.workspace import Workspace

from .conftest import Server
from .test_app import drop, wait_until_settled

RATE = 16_000
KINDS = ("Tone", "Rauschen, leise", "Click 🖱", "Chirp")  # labels may have commas and symbols
CLIPS = 60
SLOW_MS = 240_000
TILE_KEYS = "1234QWERASDF"
RECIPE = """
title = "Tiny"
about = "A very small network, for tests."
folds = 2
batch_size = 8
optimiser = "adam"
schedule = "one-cycle"
[spectrogram]
sample_rate = 16000
clip_s = 1.0
n_fft = 512
win_length = 512
hop_length = 256
n_mels = 32
f_max = 8000.0
[network]
depth = 18
width = 0.125
stem = 8
activation = "relu"
[[stages]]
subset = "curated"
epochs = 10
lr = 8e-3
"""


def sound_of(kind: str, rng: np.random.Generator) -> np.ndarray:
    """One second of a kind, a little different each time."""
    time_s = np.arange(RATE) / RATE
    if kind == "Tone":
        waveform = 0.3 * np.sin(2 * np.pi * rng.uniform(380, 420) * time_s)
    elif kind == "Chirp":
        waveform = 0.3 * np.sin(2 * np.pi * (rng.uniform(450, 550) * time_s + 2500 * time_s**2))
    elif kind == "Click 🖱":
        clicks = np.zeros(RATE)
        clicks[:: round(RATE / rng.uniform(9, 11))] = 0.8
        waveform = np.convolve(clicks, np.exp(-np.arange(60) / 12), "same")
    else:
        waveform = 0.2 * rng.standard_normal(RATE) * np.exp(-(((time_s - 0.5) / 0.25) ** 2))
    return np.asarray(waveform + 0.003 * rng.standard_normal(RATE), dtype=np.float32)


def kind_of(clip: str) -> str:
    """What is in a clip, by its number."""
    return KINDS[int(re.sub(r"\D", "", clip)) % len(KINDS)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sixty sounds of four kinds, without any label."""
    folder = tmp_path / "field recordings"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(CLIPS):
        name = f"{number:03}.wav"
        soundfile.write(folder / name, sound_of(kind_of(name), rng), RATE)
    return folder


def open_folder(page: Page, server: Server, folder: Path) -> None:
    page.goto(f"{server.url}/dataset")
    opener = page.get_by_role("button", name="Open a dataset").first
    expect(opener).to_be_visible()
    wait_until_settled(page)
    opener.click()
    dialog = page.get_by_role("dialog")
    path = dialog.get_by_role("textbox", name="Path")
    expect(path).to_be_visible()
    wait_until_settled(page)
    path.fill(str(folder))
    path.press("Enter")
    expect(dialog.get_by_text(f"{CLIPS} clips")).to_be_visible()
    wait_until_settled(page)
    dialog.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_role("heading", name=folder.name, level=1)).to_be_visible()


def question(page: Page) -> Locator:
    return page.locator("[class*='st-key-review-question-']")


def clip_shown(page: Page) -> str:
    found = re.search(r"\d{3}\.wav", question(page).inner_text())
    assert found
    return found[0]


def expect_labelled(page: Page, count: int) -> None:
    expect(page.get_by_test_id("stProgress").first).to_contain_text(f"{count} of {CLIPS} labelled")


def expect_other_clip(page: Page, clip: str, labelled: int) -> None:
    """Wait until another clip than this one is asked about, or the end has come."""
    expect_labelled(page, labelled)
    if labelled < CLIPS:
        expect(question(page)).not_to_contain_text(clip)
    wait_until_settled(page)


def choose(page: Page, label: str, made: list[str]) -> None:
    """Choose a label for the clip by its key, or make it, and wait until the page takes the next key."""
    if label in made:
        page.keyboard.press(str(made.index(label) + 1))
    else:
        made.append(label)
        page.keyboard.press("n")
        field = page.get_by_role("combobox", name="New or other label")
        expect(field).to_be_focused()
        page.keyboard.type(label)
        expect(page.get_by_role("option", name=f"Add: {label}")).to_be_visible()
        page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=label, pressed=True)).to_be_visible()
    wait_until_settled(page)


def label_cluster(page: Page, label: str) -> int:
    """Label the clips of the cluster that belong, and return how many there were."""
    page.keyboard.press("c")
    grid = page.locator(".grid")
    expect(grid.locator(".accept")).to_contain_text(re.compile("label [0-9]+ clip"))
    names = grid.locator(".tile .name").all_inner_texts()
    odd = [number for number, name in enumerate(names) if kind_of(name) != label]
    for number in odd:
        page.keyboard.press(f"Shift+{TILE_KEYS[number]}")
        expect(grid.locator(".mark").nth(number)).to_have_attribute("aria-pressed", "true")
    count = len(names) - len(odd)
    expect(grid.locator(".accept")).to_contain_text(f"{label}: label {count} clip")
    wait_until_settled(page)
    expect(grid.locator(".accept")).to_be_enabled()  # half a second after the last answer: Enter may be hit twice
    page.keyboard.press("Enter")
    return count


def test_sixty_clips_without_labels_are_labelled_trained_on_published_and_tag(
    server: Server, page: Page, home: Path, folder: Path, tmp_path: Path, contents: Callable[[Path], dict[str, object]]
) -> None:
    before = contents(folder)
    open_folder(page, server, folder)
    page.get_by_role("link", name="Label these clips").click()
    expect(question(page)).to_be_visible(timeout=SLOW_MS)  # all clips are embedded
    wait_until_settled(page)
    made: list[str] = []
    labelled = answers = 0
    while labelled < CLIPS:
        clip = clip_shown(page)
        choose(page, kind_of(clip), made)
        if answers == 3:  # after a reload the chosen label is still there
            expect(page).to_have_url(re.compile("label-marked="))
            page.reload()
            expect(page.get_by_role("button", name=kind_of(clip), pressed=True)).to_be_visible()
            wait_until_settled(page)
        if answers % 3 == 2:
            page.keyboard.press("Enter")
            labelled += 1
        else:
            labelled += label_cluster(page, kind_of(clip))
        expect_other_clip(page, clip, labelled)
        answers += 1
        if answers == 2:  # what was given together is taken back together
            last = VerdictJournal.of(folder, Workspace(home)).verdicts()
            count = sum(verdict.action == last[-1].action for verdict in last)
            page.keyboard.press("u")
            labelled -= count
            made = list(dict.fromkeys(verdict.after[0] for verdict in last[:-count]))  # a label without clips is gone
            expect_labelled(page, labelled)
            expect(question(page)).to_contain_text(clip)
            wait_until_settled(page)
    expect(page.get_by_text("All clips have labels.")).to_be_visible()
    expect(page.get_by_text(re.compile("cross-validated on [0-9]+ labelled clips")).first).to_be_visible()
    given = {verdict.clip: verdict.after for verdict in VerdictJournal.of(folder, Workspace(home)).verdicts()}
    assert given == {f"{number:03}.wav": (KINDS[number % 4],) for number in range(CLIPS)}

    page.get_by_role("link", name="Train on these labels").first.click()
    expect(page).to_have_url(re.compile("/train.*epochs=100"))  # few clips need more epochs
    expect(page.get_by_text(f"Reviewers corrected {CLIPS} clips: {CLIPS} labels added, 0 removed.")).to_be_visible()
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE)
    page.goto(f"{server.url}/train?recipe=Own+file+…&recipe-file={recipe}")
    expect(page.get_by_text("A very small network, for tests.")).to_be_visible()
    wait_until_settled(page)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text(re.compile("Finished: mean lwlrap"))).to_be_visible(timeout=SLOW_MS)
    wait_until_settled(page)
    page.get_by_label("Name", exact=True).last.fill("field")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text(re.compile("Noise gate of field"))).to_be_visible(timeout=SLOW_MS)
    assert set(read_card(home / "ensembles" / "field").labels) == set(KINDS)

    unseen = tmp_path / "unseen.wav"
    soundfile.write(unseen, sound_of("Chirp", np.random.default_rng(99)), RATE)
    page.get_by_test_id("stSidebar").get_by_role("link", name="Tag").click()
    drop(page, unseen)
    expect(page.get_by_role("heading", name="unseen.wav")).to_be_visible()
    expect(page.get_by_role("combobox", name="Ensemble")).to_have_value("field")
    expect(page.locator(".stMarkdownBadge:visible").first).to_contain_text("Chirp")
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert contents(folder) == before
