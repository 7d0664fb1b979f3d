"""The Tag page in Chromium: drop, record, read tags and errors, sort, select, export, move a threshold, folders."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Locator, Page, expect

from audiotag.tagging.card_reading import read_card
from audiotag.tagging.export.base import export_formats
from audiotag.tagging.thresholds import read_saved_thresholds
from audiotag.ui.tag.threshold_panel import WIDTHS
from audiotag.workspace import SHIPPED_MODELS, Workspace

from .conftest import Server, new_page
from .test_app import drop, hear, wait_until_settled

# How much of a player's spectrogram is white, as the outline of the part that is heard is, and how bright it is.
SEEN = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let [white, sum] = [0, 0];
  for (let at = 0; at < data.length; at += 4) {
    const least = Math.min(data[at], data[at + 1], data[at + 2]);
    if (least === 255) white += 1;
    sum += data[at] + data[at + 1] + data[at + 2];
  }
  return { white: white / (data.length / 4), brightness: sum / (3 * data.length / 4) };
}"""
# The samples of a sound, as the browser decodes it.
SAMPLES = """async audio => {
  const encoded = await (await fetch(audio.src)).arrayBuffer();
  const decoded = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(encoded);
  return Array.from(decoded.getChannelData(0));
}"""


@pytest.fixture
def microphone(hearing: Callable[[Path], Page], unseen: Path, tmp_path: Path) -> Page:
    """A page of a browser whose microphone plays a church bell in a loop."""
    waveform, rate = soundfile.read(clip_of(unseen, "Church_bell"))
    file = tmp_path / "microphone.wav"
    soundfile.write(file, np.resize(waveform, 10 * rate), rate, subtype="PCM_16")
    return hearing(file)


def clip_of(dataset: Path, label: str) -> Path:
    """The first curated clip that has this label and no other."""
    with (dataset / "train_curated.csv").open() as table:
        return dataset / "train_curated" / next(row["fname"] for row in csv.DictReader(table) if row["labels"] == label)


def mp4_of(wav: Path, mp4: Path) -> Path:
    """The sound in an MP4, as AAC."""
    import av

    waveform, rate = soundfile.read(wav, dtype="float32", always_2d=True)
    with av.open(str(mp4), "w") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        size = stream.codec_context.frame_size or 1024
        for start in range(0, len(waveform), size):
            part = waveform[start : start + size, 0]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return mp4


def first_tag(page: Page) -> Locator:
    return page.get_by_test_id("stMain").locator(".stMarkdownBadge:visible").first


def downloaded(page: Page, button: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    return Path(download.value.path()).read_bytes()


def downloaded_as(page: Page, format: str) -> bytes:
    """The file of the results in a format that is chosen in the picker."""
    picker = page.get_by_role("combobox", name="Results as a file")
    picker.fill(format)
    expect(page.get_by_role("option", name=format).first).to_be_visible()
    picker.press("Enter")
    (about,) = (found.about for found in export_formats() if found.title == format)
    expect(page.get_by_text(about)).to_be_visible()  # the page has been drawn for it
    wait_until_settled(page)
    return downloaded(page, "Download")


def test_three_sounds_dropped_at_once_are_tagged_listed_sorted_and_exported(
    server: Server, page: Page, unseen: Path, tmp_path: Path
) -> None:
    bell = tmp_path / "bell.wav"
    bell.write_bytes(clip_of(unseen, "Church_bell").read_bytes())
    video = mp4_of(clip_of(unseen, "Accordion"), tmp_path / "accordion.mp4")
    text = tmp_path / "text.wav"
    text.write_text("Dear diary")
    page.goto(f"{server.url}/tag")
    drop(page, bell, text, video)
    expect(page.get_by_text("3 sounds")).to_be_visible()
    expect(page.get_by_test_id("stAlert").filter(has_text="text.wav cannot be read as a sound")).to_be_visible()
    expect(page.get_by_role("heading", name="bell.wav")).to_be_visible()
    expect(first_tag(page)).to_contain_text("Church_bell")
    expect(page.get_by_text(re.compile("[1-5] of 5 folds · threshold 0")).first).to_be_visible()
    expect(page.get_by_role("group", name="Player of bell.wav")).to_be_visible()
    wait_until_settled(page)

    rows = {row["fname"]: row for row in csv.DictReader(io.StringIO(downloaded(page, "Download").decode()))}
    assert list(rows) == ["bell.wav", "accordion.mp4"]
    assert "Church_bell" in rows["bell.wav"]["tags"].split(",")
    assert "Accordion" in rows["accordion.mp4"]["tags"].split(",")
    labels = read_card(SHIPPED_MODELS / "starter").labels
    assert all(0 <= float(rows["bell.wav"][label]) <= 1 for label in labels)
    entries = json.loads(downloaded_as(page, "JSON"))
    assert [entry["clip"] for entry in entries] == ["bell.wav", "accordion.mp4"]
    assert {tag["label"] for tag in entries[0]["tags"]} == set(rows["bell.wav"]["tags"].split(","))
    start, end, label = downloaded_as(page, "Audacity labels").decode().splitlines()[0].split("\t")
    assert 0 <= float(start) < float(end) <= entries[0]["duration_s"] + 0.001
    assert label.rsplit(" ", 1)[0] in labels

    page.get_by_role("button", name="Next", exact=False).last.click()
    expect(page.get_by_role("heading", name="text.wav")).to_be_visible()
    wait_until_settled(page)
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="accordion.mp4")).to_be_visible()
    expect(first_tag(page)).to_contain_text("Accordion")
    wait_until_settled(page)

    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("2 sounds")).to_be_visible()
    wait_until_settled(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("3 sounds")).to_be_visible()


def test_the_table_is_sorted_by_a_click_on_a_heading_and_shows_the_row_that_is_selected(
    server: Server, page: Page, unseen: Path, tmp_path: Path
) -> None:
    for name, label in (("b.wav", "Church_bell"), ("c.wav", "Accordion"), ("a.wav", "Gong")):
        (tmp_path / name).write_bytes(clip_of(unseen, label).read_bytes())
    page.goto(f"{server.url}/tag")
    drop(page, *(tmp_path / name for name in ("b.wav", "c.wav", "a.wav")))
    expect(page.get_by_role("heading", name="b.wav")).to_be_visible()
    wait_until_settled(page)
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    expect(table.locator("canvas").first).to_be_visible()
    table.click(position={"x": 80, "y": 18})  # the heading of the first column
    page.wait_for_function(
        """() => [...document.querySelectorAll('[data-testid=stDataFrame] canvas [role=gridcell][aria-colindex="1"]')]
            .map(cell => cell.textContent).join() === 'a.wav,b.wav,c.wav'"""
    )
    table.click(position={"x": 16, "y": 18 + 35})  # the first row, which is the sound that came last
    expect(page.get_by_role("heading", name="a.wav")).to_be_visible()
    expect(first_tag(page)).to_contain_text("Gong")


def test_a_sound_is_tagged_at_its_path_and_stays_when_the_page_is_left(
    server: Server, page: Page, unseen: Path
) -> None:
    clip = clip_of(unseen, "Church_bell")
    page.goto(f"{server.url}/tag")
    expect(page.get_by_test_id("stFileUploaderDropzone")).to_be_visible()
    wait_until_settled(page)
    page.get_by_role("button", name="Path", exact=True).click()
    field = page.get_by_role("textbox", name="Path of a sound or a folder")
    field.fill(str(clip.parent / "gone.wav"))
    field.press("Enter")
    expect(page.get_by_test_id("stAlert").filter(has_text="gone.wav does not exist")).to_be_visible()
    wait_until_settled(page)
    field.fill(str(clip))
    field.press("Enter")
    expect(page.get_by_role("heading", name=clip.name)).to_be_visible()
    expect(first_tag(page)).to_contain_text("Church_bell")
    expect(page.get_by_text(f"audiotag tag {clip} --ensemble starter")).to_be_visible()
    expect(field).to_be_hidden()  # the popover closes: what was asked for is there
    wait_until_settled(page)
    page.get_by_test_id("stSidebar").get_by_role("link", name="Train").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Train")
    page.get_by_test_id("stSidebar").get_by_role("link", name="Tag").click()
    expect(page.get_by_role("heading", name=clip.name)).to_be_visible()


def test_a_part_of_a_long_sound_is_played_with_the_times_of_the_whole(
    server: Server, page: Page, unseen: Path, tmp_path: Path
) -> None:
    waveform, rate = soundfile.read(clip_of(unseen, "Church_bell"))
    soundfile.write(tmp_path / "long.wav", np.resize(waveform, 320 * rate), rate, subtype="PCM_16")
    page.goto(f"{server.url}/tag")
    expect(page.get_by_test_id("stFileUploaderDropzone")).to_be_visible()
    wait_until_settled(page)
    page.get_by_role("button", name="Path", exact=True).click()
    field = page.get_by_role("textbox", name="Path of a sound or a folder")
    field.fill(str(tmp_path / "long.wav"))
    field.press("Enter")
    position = page.get_by_role("slider", name="Position in long.wav")
    # Five minutes are decoded, tagged, encoded and sent: on a busy machine that takes longer than the default wait.
    expect(position).to_have_attribute("aria-valuetext", "0.00 of 300.00 seconds", timeout=240_000)
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(1)  # the timeline of the whole
    wait_until_settled(page)
    page.get_by_role("slider", name="Played from (s)").press("End")
    expect(position).to_have_attribute("aria-valuetext", "20.00 of 320.00 seconds")
    wait_until_settled(page)
    position.press("End")
    expect(position).to_have_attribute("aria-valuetext", "320.00 of 320.00 seconds")
    expect(page.get_by_text("5:20.00", exact=True)).to_be_visible()


def test_a_threshold_is_dragged_on_the_chart_typed_saved_and_reset(
    server: Server, page: Page, unseen: Path, home: Path
) -> None:
    page.goto(f"{server.url}/tag")
    drop(page, clip_of(unseen, "Church_bell"))
    expect(first_tag(page)).to_contain_text("Church_bell")
    wait_until_settled(page)
    card = read_card(SHIPPED_MODELS / "starter")
    column = card.labels.index("Church_bell")
    handle = page.get_by_role("slider", name="Threshold of Church_bell")
    expect(handle).to_have_attribute("aria-valuenow", f"{card.thresholds[column]:.3f}")

    handle.scroll_into_view_if_needed()
    box, end = handle.bounding_box(), page.locator(".track").first.bounding_box()
    assert box
    assert end
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(end["x"] + end["width"] + 40, box["y"] + 5, steps=4)
    expect(page.get_by_text("Church_bell from 1.000")).to_contain_text("recall 0.00 on held-out clips")
    expect(first_tag(page)).to_contain_text("Church_bell")  # the tags wait for the release
    page.mouse.up()
    expect(first_tag(page)).not_to_contain_text("Church_bell")
    expect(page.get_by_text("1 threshold changed, not saved")).to_be_visible()
    expect(page.get_by_text("--threshold Church_bell=1")).to_be_visible()
    wait_until_settled(page)
    handle.press("PageDown")
    expect(page.get_by_text("--threshold Church_bell=0.9")).to_be_visible()
    wait_until_settled(page)
    field = page.get_by_role("textbox", name="Threshold of Church_bell as a number")
    field.fill("0,25")
    field.press("Enter")
    expect(first_tag(page)).to_contain_text("Church_bell")
    wait_until_settled(page)

    page.get_by_role("button", name="Save thresholds").click()
    expect(page.get_by_text("your own thresholds")).to_be_visible()
    saved = read_saved_thresholds(Workspace(home), card)
    assert saved is not None
    assert saved[column] == 0.25
    wait_until_settled(page)
    page.get_by_text("Settings", exact=True).click()
    page.get_by_role("tab", name="Thresholds").click()
    expect(page).to_have_url(re.compile("settings=Thresholds"))
    expect(page.get_by_role("button", name="Reset to the card's thresholds")).to_be_visible()
    wait_until_settled(page)
    page.get_by_role("button", name="Reset to the card's thresholds").click()
    expect(page.get_by_text("These are the thresholds of the card.")).to_be_visible()
    expect(handle).to_have_attribute("aria-valuenow", f"{card.thresholds[column]:.3f}")
    assert read_saved_thresholds(Workspace(home), card) is None


def test_a_threshold_is_typed_into_the_table_and_one_label_is_reset(server: Server, page: Page) -> None:
    card = read_card(SHIPPED_MODELS / "starter")
    page.goto(f"{server.url}/tag?drawer=true&settings=Thresholds")
    table = page.get_by_test_id("stDataFrame").first
    expect(table.locator("canvas").first).to_be_visible()
    expect(page.get_by_text("The same as a command:")).to_be_visible()  # nothing moves the table any more
    wait_until_settled(page)
    cell = table.locator('[role=gridcell][aria-colindex="2"]').first
    table.dblclick(position={"x": WIDTHS["label"] + 40, "y": 18 + 35})  # the threshold of the first label
    editor = page.locator(".gdg-input")
    editor.fill("0.75")
    editor.press("Enter")
    expect(page.get_by_text(f"{card.labels[0]} {card.thresholds[0]:.3f} → 0.750. Not saved.")).to_be_visible()
    expect(cell).to_have_text("0.75")
    expect(page.get_by_text(f"--threshold {card.labels[0]}=0.75")).to_be_visible()
    wait_until_settled(page)
    table.click(position={"x": sum(WIDTHS.values()) - 35, "y": 18 + 35})  # its button
    expect(page.get_by_text("These are the thresholds of the card.")).to_be_visible()
    expect(cell).to_have_text(f"{card.thresholds[0]:.4g}")


def test_a_click_on_a_tag_goes_to_its_best_moment_and_sounds_survive_a_restart(
    server: Server, page: Page, unseen: Path, tmp_path: Path
) -> None:
    bell, rate = soundfile.read(clip_of(unseen, "Church_bell"))
    late = np.concatenate([0.001 * np.random.default_rng(0).standard_normal(12 * rate), bell[: 2 * rate]])
    soundfile.write(tmp_path / "late.wav", late, rate, subtype="PCM_16")
    page.goto(f"{server.url}/tag")
    drop(page, tmp_path / "late.wav")
    expect(page.get_by_role("heading", name="late.wav")).to_be_visible()
    position = page.get_by_role("slider", name="Position in late.wav")
    expect(position).to_have_attribute("aria-valuetext", re.compile("^0.00 of"))
    wait_until_settled(page)
    page.get_by_role("button", name="Church_bell", exact=True).click()  # in the chart of scores
    moment = re.compile(r"^[1-9]\d?\.\d\d of")  # the start of a window with the bell, not of the sound
    expect(position).to_have_attribute("aria-valuetext", moment)
    wait_until_settled(page)
    position.press("Home")
    expect(position).to_have_attribute("aria-valuetext", re.compile("^0.00 of"))
    page.locator('[class*="st-key-jump-"] button').first.click()  # beside the tag
    expect(position).to_have_attribute("aria-valuetext", moment)

    server.stop()
    server.start()
    later = page.context.new_page()
    later.goto(f"{server.url}/tag")
    expect(later.get_by_role("heading", name="late.wav")).to_be_visible()
    expect(later.get_by_role("slider", name="Position in late.wav")).to_be_visible()
    wait_until_settled(later)
    later.get_by_role("button", name="Clear history").click()
    expect(later.get_by_role("heading", name="late.wav")).to_be_hidden()
    wait_until_settled(later)
    later.get_by_role("button", name="Undo").click()
    expect(later.get_by_role("heading", name="late.wav")).to_be_visible()


def test_a_folder_is_tagged_in_the_background_stopped_and_resumed_after_a_reload(
    server: Server, page: Page, unseen: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "archive"
    sources = sorted((unseen / "train_curated").iterdir())
    for number in range(400):
        (folder / f"{number % 7}").mkdir(parents=True, exist_ok=True)
        (folder / f"{number % 7}" / f"{number}.wav").symlink_to(sources[number % len(sources)])
    (folder / "letter.wav").write_text("Dear sir")
    page.goto(f"{server.url}/tag?view=Folders")
    field = page.get_by_role("textbox", name="Folder of sounds")
    expect(field).to_be_visible()
    wait_until_settled(page)
    field.fill(str(folder))
    page.get_by_role("button", name="Tag this folder").click()
    expect(page.get_by_text(re.compile(r"Tagging \d+ of 401 sounds · .*clips/s"))).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    stopped = page.get_by_text(re.compile(r"Stopped after \d+ of 401 sounds"))
    expect(stopped).to_be_visible()
    done = int(re.findall(r"\d+", stopped.inner_text())[0])
    assert 0 < done < 401
    page.reload()
    expect(stopped).to_be_visible()
    wait_until_settled(page)
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("All 401 sounds are done. 1 sound could not be tagged.")).to_be_visible(timeout=240_000)
    expect(page.get_by_text("1 sound could not be tagged", exact=True)).to_be_visible()
    wait_until_settled(page)
    rows = list(csv.DictReader(io.StringIO(downloaded(page, "CSV").decode())))
    assert sorted(int(Path(row["fname"]).stem) for row in rows) == list(range(400))
    assert "letter.wav" in downloaded(page, "Problems").decode()
    expect(page.get_by_text("400 sounds, 100 of them on this page")).to_be_visible()
    page.get_by_role("textbox", name="Part of the name").fill("6/6.wav")
    page.get_by_role("textbox", name="Part of the name").press("Enter")
    expect(page.get_by_text("1 of 400 sounds")).to_be_visible()
    assert not [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".wav"]


def test_tagging_options_are_in_the_address(server: Server, page: Page, unseen: Path) -> None:
    page.goto(f"{server.url}/tag?ensemble=starter")
    drop(page, clip_of(unseen, "Church_bell"))
    expect(first_tag(page)).to_contain_text("Church_bell")
    wait_until_settled(page)
    page.get_by_text("Settings", exact=True).click()
    page.get_by_role("tab", name="Options").click()
    combination = page.get_by_text("geometric mean", exact=True)
    expect(combination).to_be_visible()
    wait_until_settled(page)
    combination.click()
    expect(page.get_by_text("--combine geometric")).to_be_visible()
    expect(page).to_have_url(re.compile("combine=geometric"))
    other = new_page(page.context.browser)
    other.goto(page.url)
    expect(other.get_by_text("--combine geometric")).to_be_visible()
    other.context.close()


def test_a_recording_is_tagged(server: Server, microphone: Page) -> None:
    page = microphone
    page.goto(f"{server.url}/tag")
    expect(page.get_by_test_id("stFileUploaderDropzone")).to_be_visible()
    wait_until_settled(page)
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_text("Browsers apply echo cancelling")).to_be_visible()
    page.get_by_test_id("stAudioInput").get_by_role("button", name="Record", exact=True).click()
    page.wait_for_function("() => /00:(0[4-9]|[1-5][0-9])/.test(document.body.innerText)")
    page.get_by_role("button", name="Stop recording").click()
    expect(page.get_by_role("heading", name="recording 1")).to_be_visible()
    expect(first_tag(page)).to_contain_text("Church_bell")
    expect(page.get_by_text("44,100 Hz").first).to_be_visible()


def test_why_a_sound_has_a_tag_is_drawn_over_its_spectrogram_and_heard(
    server: Server, page: Page, unseen: Path
) -> None:
    page.goto(f"{server.url}/tag")
    drop(page, clip_of(unseen, "Church_bell"))
    expect(first_tag(page)).to_contain_text("Church_bell")
    wait_until_settled(page)
    page.get_by_role("button", name="Why?").first.click()
    expect(page.get_by_test_id("stMetric").filter(has_text="Only this part")).to_be_visible()
    wait_until_settled(page)
    player = page.locator(".player")
    shown = player.get_by_role("button", name="What it used")
    expect(shown).to_have_attribute("aria-pressed", "true")
    canvas = player.locator("canvas").first
    page.wait_for_function(f"canvas => ({SEEN})(canvas).white > 0.002", arg=canvas.element_handle())
    marked = canvas.evaluate(SEEN)
    shown.click()
    expect(shown).to_have_attribute("aria-pressed", "false")
    page.wait_for_function(
        f"([canvas, dim]) => ({SEEN})(canvas).brightness > 1.2 * dim",
        arg=[canvas.element_handle(), marked["brightness"]],
    )
    assert canvas.evaluate(SEEN)["white"] < marked["white"] / 2  # the outline is gone, too
    shown.click()

    listen = player.get_by_role("radiogroup", name="Listen to")
    sounds = player.locator("audio")
    expect(sounds).to_have_count(3)
    for number, name in enumerate(("original", "only this part", "without it")):
        listen.get_by_text(name, exact=True).click()
        expect(listen.get_by_role("radio", name=name)).to_be_checked()
        hear(page, sounds.nth(number))
        sounds.nth(number).evaluate("audio => audio.pause()")
    original, only, without = (np.array(sounds.nth(number).evaluate(SAMPLES)) for number in range(3))
    assert len(original) == len(only) == len(without)
    assert min(only.std(), without.std()) > 0.01 * original.std()
    assert np.abs(only + without - original).max() < 1e-3  # the two parts make up the sound

    page.get_by_role("button", name="Show the whole sound").first.click()
    expect(page.get_by_test_id("stMetric")).to_have_count(0)
    expect(page.locator(".player .highlight:visible")).to_have_count(0)
