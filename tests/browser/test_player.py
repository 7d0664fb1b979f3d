"""The player in Chromium: on the Dataset page, and alone, where every case can be tested."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from audiotag.features.full_scale import full_scale_db
from audiotag.features.log_mel import log_mel
from audiotag.features.mel import mel_frequencies
from audiotag.ui.player import PlayerOptions, Region, TimelineRow
from audiotag.workspace import Workspace

from .conftest import Server
from .player_page import CAPSTONE, Show, count_pauses, mount_player, play_slowly, position, press_at, sine
from .test_app import wait_until_settled

HOSTILE = "<img src=x onerror='window.broken = true'>"
CLICKS_S = (0.2, 0.55, 0.95, 1.4, 1.75)  # at different distances, so that none is mistaken for another
FRESH_MS = 20  # a cursor that was drawn longer ago belongs to a frame that the busy machine has skipped

# Finds clicks in what the audio element plays, and where the cursor is drawn at the moment at which each is played.
WATCH_CLICKS = """async (duration) => {
  const [audio, cursor, seek] = ["audio", ".cursor", ".seek"].map((name) => host.shadowRoot.querySelector(name));
  const finder = `registerProcessor("clicks", class extends AudioWorkletProcessor {
    process([[samples]]) {
      for (const [at, sample] of (samples ?? []).entries()) {
        const time = currentTime + at / sampleRate;
        if (Math.abs(sample) < 0.3 || time < (this.last ?? -1) + 0.1) continue;
        this.last = time;
        this.port.postMessage(time);
      }
      return true;
    }
  })`;
  const context = new AudioContext();
  await context.resume();
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([finder], { type: "text/javascript" })));
  const node = new AudioWorkletNode(context, "clicks");
  context.createMediaElementSource(audio).connect(node).connect(context.destination);
  audio.muted = false;
  const drawn = [];
  new MutationObserver(() => {
    const across = parseFloat(/translateX\\((.*)px/.exec(cursor.style.transform)[1]);
    drawn.push({ moment: performance.now(), time: (across / seek.clientWidth) * duration });
  }).observe(cursor, { attributeFilter: ["style"] });
  window.heard = [];
  node.port.onmessage = ({ data }) => {
    const moment = performance.now() - 1000 * (context.currentTime - data);
    const { moment: last, time } = drawn.findLast((each) => each.moment <= moment);
    window.heard.push({ time, age: moment - last });
  };
}"""


@pytest.fixture
def show(page: Page) -> Show:
    return mount_player(page)


def spectrogram_drawn(player: Locator) -> str:
    return player.locator("canvas").evaluate("canvas => canvas.toDataURL()")


# On the Dataset page


@pytest.fixture
def clips(server: Server, page: Page, home: Path) -> Locator:
    """The player of the first clip of at least 3 s, muted."""
    Workspace(home).remember_dataset(home / "starter-sounds")
    page.goto(f"{server.url}/dataset?tab=Clips&shortest=3")
    player = page.locator(".player")
    expect(player.locator(".untrimmed")).to_be_attached()
    wait_until_settled(page)
    player.locator("audio").evaluate("audio => { audio.muted = true }")
    return player


def test_a_clip_can_be_played_and_seeking_works(page: Page, clips: Locator) -> None:
    time = clips.locator(".now")
    expect(time).to_have_text("0:00.00")
    play_slowly(clips)
    clips.get_by_role("button", name="Play").click()
    expect(clips.get_by_role("button", name="Pause")).to_be_visible()
    expect(time).not_to_have_text("0:00.00")
    clips.get_by_role("button", name="Pause").click()
    left = clips.locator(".cursor").bounding_box()["x"]
    press_at(page, clips, 0.5)
    duration_s = float(clips.get_by_role("slider").get_attribute("aria-valuemax"))
    assert position(clips) == pytest.approx(duration_s / 2, abs=0.02)
    assert clips.locator(".cursor").bounding_box()["x"] > left
    page.keyboard.press("Space")
    expect(clips.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("Space")
    expect(clips.get_by_role("button", name="Play")).to_be_visible()
    mel = spectrogram_drawn(clips)
    clips.get_by_text("log", exact=True).click()
    assert spectrogram_drawn(clips) != mel


def test_a_rerun_does_not_stop_a_clip_and_the_next_clip_replaces_it(page: Page, clips: Locator) -> None:
    name = page.get_by_role("tabpanel").locator("strong").first.inner_text()
    clips.get_by_text("linear", exact=True).click()
    clips.get_by_role("button", name="Loop").click()
    clips.get_by_role("button", name="Play").click()
    expect(clips.locator(".now")).not_to_have_text("0:00.00")
    count_pauses(clips)
    search = page.get_by_label("Search", exact=True)
    for text, found in ((name, "1 clip"), ("", re.compile("^[0-9]{2,} clips$"))):
        search.fill(text)
        search.press("Enter")
        expect(page.get_by_role("tabpanel").get_by_text(found, exact=True)).to_be_visible()
        wait_until_settled(page)
    assert page.evaluate("window.pauses") == 0
    expect(clips.get_by_role("button", name="Pause")).to_be_visible()
    expect(clips).to_have_attribute("aria-label", f"Player of {name}")
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("n")
    expect(clips).not_to_have_attribute("aria-label", f"Player of {name}")
    expect(clips.get_by_role("button", name="Play")).to_be_visible()
    expect(clips.locator(".now")).to_have_text("0:00.00")
    assert clips.locator("audio").evaluate("audio => audio.paused")
    expect(clips.get_by_role("radio", name="linear")).to_be_checked()


def test_another_spectrogram_is_sent_without_the_sound(server: Server, page: Page, home: Path) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    frames: list[bytes | str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(frame)))
    page.goto(f"{server.url}/spectrogram")
    expect(page.locator(".player .untrimmed")).to_be_attached()
    wait_until_settled(page)
    assert any(b"RIFF" in frame for frame in frames if isinstance(frame, bytes))
    canvas = page.locator(".player canvas").element_handle()
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    frames.clear()
    page.get_by_role("slider", name="Hop (samples)").press("ArrowRight")
    page.wait_for_function("([canvas, before]) => canvas.toDataURL() !== before", arg=[canvas, before])
    wait_until_settled(page)
    sent = [frame for frame in frames if isinstance(frame, bytes)]
    assert any(b"full_scale_db" in frame for frame in sent)
    assert not any(b"RIFF" in frame or b"class Player" in frame for frame in sent)


# Alone


def test_names_are_never_read_as_html(page: Page, show: Show) -> None:
    row = TimelineRow(HOSTILE, np.array([0.2, 0.8]), np.array([0.0, 1.0]))
    player = show(sine(1.0), PlayerOptions(HOSTILE, timeline=(row,)))
    expect(player).to_have_attribute("aria-label", f"Player of {HOSTILE}")
    expect(player.locator(".row-label")).to_have_text(HOSTILE)
    box = player.get_by_role("slider").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 10)
    expect(player.locator(".readout")).to_have_text(f"0.50 s · {HOSTILE} 0.50")
    assert player.locator("img").count() == 0
    assert page.evaluate("window.broken") is None


@pytest.mark.parametrize("axis", ["mel", "log", "linear"])
def test_a_tone_is_drawn_at_its_frequency_on_every_axis(page: Page, show: Show, axis: str) -> None:
    player = show(sine(2.0, 3000.0))
    player.get_by_text(axis, exact=True).click()
    brightest = player.locator("canvas").evaluate(
        """canvas => {
          const { data } = canvas.getContext("2d").getImageData(canvas.width >> 1, 0, 1, canvas.height);
          const rows = Array.from({ length: canvas.height }, (_, y) => data[4 * y] + data[4 * y + 1] + data[4 * y + 2]);
          return rows.indexOf(Math.max(...rows)) / canvas.height;
        }"""
    )
    box = player.locator("canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + brightest * box["height"] + 0.5)
    spectrogram = log_mel(sine(2.0, 3000.0), CAPSTONE)
    band = int(spectrogram[:, 64].argmax())
    frequency = f"{mel_frequencies(CAPSTONE)[band] / 1000:.3g} kHz"
    level = f"{spectrogram[band, 64] - full_scale_db(CAPSTONE)[band]:.0f}".replace("-", "−")
    expect(player.locator(".readout")).to_have_text(f"1.00 s · {frequency} · {level} dBFS · band {band + 1} of 128")


def test_the_crop_alone_is_played_to_its_end(page: Page, show: Show) -> None:
    player = show(sine(2.0), PlayerOptions("a.wav", crop=Region(0.5, 0.9)))
    count_pauses(player)
    player.get_by_role("button", name="Crop").click()
    page.wait_for_function("window.pauses === 1")
    assert position(player) == pytest.approx(0.9, abs=0.01)


def test_the_crop_is_looped(page: Page, show: Show) -> None:
    player = show(sine(2.0), PlayerOptions("a.wav", crop=Region(-0.5, 0.3)))
    player.get_by_role("button", name="Loop").click()
    player.locator("audio").evaluate(
        "audio => { window.seeks = 0; audio.addEventListener('seeked', () => window.seeks++) }"
    )
    count_pauses(player)
    player.get_by_role("button", name="Crop").click()
    page.wait_for_function("window.seeks >= 4")
    assert page.evaluate("window.pauses") == 0
    audio = player.locator("audio")
    assert not audio.evaluate("audio => audio.loop")  # what goes back is not the whole sound
    page.wait_for_function("audio => audio.currentTime < 0.5", arg=audio.element_handle())  # a busy browser is late


def test_the_cursor_is_within_30_ms_of_the_sound(page: Page, show: Show) -> None:
    track = np.zeros(2 * 44_100, np.float32)
    for click_s in CLICKS_S:
        track[round(click_s * 44_100) :][:44] = 0.9
    player = show(track)
    player.get_by_role("button", name="Loop").click()
    page.evaluate(WATCH_CLICKS, 2.0)
    player.get_by_role("button", name="Play").click()
    page.wait_for_function(f"window.heard.filter(({{ age }}) => age < {FRESH_MS}).length >= 6")
    heard = page.evaluate("window.heard")
    fresh = np.array([each["time"] for each in heard if each["age"] < FRESH_MS])
    deviations = fresh[:, None] - np.array(CLICKS_S)
    # Of the nearest click: a busy machine may have left one out.
    deviations_ms = 1000 * deviations[np.arange(len(fresh)), np.abs(deviations).argmin(axis=1)]
    print("cursor after the sound, in ms:", np.round(deviations_ms, 1))
    assert np.abs(deviations_ms).max() <= 30


def test_keys_seek_where_the_focus_is(page: Page, show: Show) -> None:
    player = show(sine(4.0))
    player.get_by_role("slider").focus()
    for key, expected_s in (
        ("ArrowRight", 0.1),
        ("Shift+ArrowRight", 1.1),
        ("ArrowLeft", 1.0),
        ("End", 4.0),
        ("Shift+ArrowLeft", 3.0),
        ("Home", 0.0),
        ("ArrowLeft", 0.0),
    ):
        page.keyboard.press(key)
        assert position(player) == pytest.approx(expected_s, abs=0.005)
    page.keyboard.press("Space")
    expect(player.get_by_role("button", name="Pause")).to_be_visible()


def test_space_goes_to_a_text_field_or_a_button_that_has_the_focus(page: Page, show: Show) -> None:
    player = show(sine(4.0))
    count_pauses(player)
    player.hover()
    field = page.get_by_label("Text")
    field.focus()
    page.keyboard.type("a b")
    expect(field).to_have_value("a b")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Other")).to_be_focused()
    page.keyboard.press("Space")
    assert page.evaluate("window.presses") == 1
    expect(player.get_by_role("button", name="Play")).to_be_visible()


def test_space_over_the_player_presses_no_button_that_was_clicked_before(page: Page, show: Show) -> None:
    player = show(sine(4.0))
    page.get_by_role("button", name="Other").click()
    player.hover(position={"x": 300, "y": 150})
    page.keyboard.press("Space")
    expect(player.get_by_role("button", name="Pause")).to_be_visible()
    assert page.evaluate("window.presses") == 1


def test_a_player_that_owns_the_space_key_has_it_wherever_the_focus_is_but_in_a_text_field(
    page: Page, show: Show
) -> None:
    player = show(sine(4.0), PlayerOptions("a.wav", owns_space=True))
    page.get_by_role("button", name="Other").click()
    page.keyboard.press("Space")
    expect(player.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("Space")
    expect(player.get_by_role("button", name="Play")).to_be_visible()
    assert page.evaluate("window.presses") == 1
    player.get_by_text("log", exact=True).click()
    page.mouse.move(5, 500)
    page.keyboard.press("Space")
    expect(player.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("Space")
    expect(player.get_by_role("button", name="Play")).to_be_visible()
    count_pauses(player)
    field = page.get_by_label("Text")
    field.focus()
    page.keyboard.type("a b")
    expect(field).to_have_value("a b")
    expect(player.get_by_role("button", name="Play")).to_be_visible()
    assert page.evaluate("window.pauses") == 0


def test_a_click_to_seek_leaves_the_arrow_keys_to_a_page_with_keys_of_its_own(page: Page, show: Show) -> None:
    player = show(sine(4.0), PlayerOptions("a.wav", owns_space=True))
    page.get_by_label("Text").focus()
    press_at(page, player, 0.5)
    assert position(player) == pytest.approx(2.0, abs=0.02)
    expect(page.get_by_label("Text")).not_to_be_focused()
    page.keyboard.press("ArrowRight")
    assert position(player) == pytest.approx(2.0, abs=0.02)
    player.get_by_role("slider").focus()  # as the Tab key does
    page.keyboard.press("ArrowRight")
    assert position(player) == pytest.approx(2.1, abs=0.02)


def test_another_sound_begins_to_play_by_itself_only_with_autoplay(page: Page, show: Show) -> None:
    player = show(sine(4.0))
    page.get_by_role("button", name="Other").click()  # before that, browsers play nothing by themselves
    show(sine(3.0))
    expect(player.locator(".length")).to_have_text(" / 0:03.00")
    assert player.locator("audio").evaluate("audio => audio.paused")
    show(sine(3.0), PlayerOptions("sound.wav", autoplay=True))  # the same sound
    assert player.locator("audio").evaluate("audio => audio.paused")
    show(sine(2.0), PlayerOptions("sound.wav", autoplay=True))
    expect(player.get_by_role("button", name="Pause")).to_be_visible()
    expect(player.locator(".fault")).to_be_empty()


def test_a_compact_player_is_a_button_and_a_spectrogram_that_can_be_sought_in(page: Page, show: Show) -> None:
    player = show(sine(2.0), PlayerOptions("a.wav", height=40, compact=True))
    expect(player.get_by_role("button")).to_have_count(1)
    expect(player.get_by_role("radio")).to_have_count(0)
    expect(player.get_by_role("combobox")).to_have_count(0)
    box = player.bounding_box()
    assert box
    assert box["height"] < 60
    assert player.locator("canvas").bounding_box()["height"] == 40
    press_at(page, player, 0.5, 0.5)
    assert position(player) == pytest.approx(1.0, abs=0.02)
    player.get_by_role("button", name="Play").click()
    expect(player.get_by_role("button", name="Pause")).to_be_visible()


def test_other_settings_keep_the_position_and_another_sound_starts_at_0(page: Page, show: Show) -> None:
    player = show(sine(2.0))
    player.get_by_text("log", exact=True).click()
    press_at(page, player, 0.5)
    before = spectrogram_drawn(player)
    show(sine(2.0), PlayerOptions("sound.wav", crop=Region(0.5, 1.5)), CAPSTONE.with_changes(n_mels=40))
    assert spectrogram_drawn(player) != before
    assert position(player) == pytest.approx(1.0, abs=0.01)
    show(sine(3.0))
    assert position(player) == 0
    expect(player.locator(".length")).to_have_text(" / 0:03.00")
    expect(player.get_by_role("radio", name="log")).to_be_checked()


def test_a_player_that_is_removed_stops_and_one_that_stays_continues(page: Page, show: Show) -> None:
    player = show(sine(4.0))
    show(sine(4.0))
    play_slowly(player)
    player.get_by_role("button", name="Play").click()
    expect(player.locator(".now")).not_to_have_text("0:00.00")
    audio = player.locator("audio").element_handle()
    page.evaluate("window.cleanups[0]()")
    assert not audio.evaluate("audio => audio.paused")
    page.evaluate("document.querySelector('#host').remove()")
    page.evaluate("window.cleanups[1]()")
    assert audio.evaluate("audio => audio.paused && !audio.hasAttribute('src')")
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.keyboard.press("Space")
    page.evaluate("1")
    assert wrong == []


def test_trimmed_ends_look_different_from_the_rest(page: Page, show: Show) -> None:
    player = show(sine(2.0), PlayerOptions("a.wav", untrimmed=Region(0.5, 1.5)))
    expect(player.locator(".trimmed")).to_have_count(2)
    box = player.get_by_role("slider").bounding_box()
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 10)
    expect(player.locator(".readout")).to_have_text("0.20 s · trimmed")


def test_a_narrow_screen_holds_the_player(page: Page, show: Show) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    player = show(sine(2.0), PlayerOptions("a.wav", crop=Region(0.5, 1.5)))
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    press_at(page, player, 0.5)
    assert position(player) == pytest.approx(1.0, abs=0.02)


def test_the_sound_is_downloaded_as_wav(page: Page, show: Show) -> None:
    player = show(sine(1.0), PlayerOptions("bell.ogg"))
    with page.expect_download() as download:
        player.get_by_role("link", name="Download the sound as WAV").click()
    assert download.value.suggested_filename == "bell.wav"
    assert Path(download.value.path()).read_bytes()[:4] == b"RIFF"
