"""Zoom, regions, speed, keys and several versions of one sound in the player, in Chromium."""

import re

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from audiotag.features.log_mel import log_mel
from audiotag.ui.player import Beside, Jump, OtherSound, PlayerOptions, Region, TimelineRow

from .player_page import CAPSTONE, SHOW, Show, count_pauses, mount_player, packed, play_slowly, position, press_at, sine

OTHER = CAPSTONE.with_changes(sample_rate=22_050, f_max=10_000)


@pytest.fixture
def show(page: Page) -> Show:
    return mount_player(page)


def drag(page: Page, player: Locator, start: tuple[float, float], end: tuple[float, float], panel: int = 0) -> None:
    """Drag between two places, in parts of the width of the time axis and of the height of spectrogram and waveform."""
    box = player.locator(".seek").nth(panel).bounding_box()
    (x0, y0), (x1, y1) = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move(x1, y1, steps=3)
    page.mouse.up()


def shown_part(player: Locator) -> tuple[float, float]:
    """Start and end of the part of the sound that is shown, in seconds."""
    text = player.get_by_role("scrollbar").get_attribute("aria-valuetext")
    start, end = re.fullmatch(r"([\d.−-]+) to ([\d.]+) seconds", text).groups()
    return float(start), float(end)


def selected(player: Locator) -> list[float]:
    """The numbers in the text about the region: start, end, duration, and of the band the same."""
    return [float(each.replace(",", "")) for each in re.findall(r"[\d,.]*\d", player.locator(".selected").inner_text())]


def playing(page: Page, player: Locator) -> list[int]:
    """The versions that are playing."""
    return player.locator("audio").evaluate_all(
        "audios => audios.flatMap((audio, number) => (audio.paused ? [] : [number]))"
    )


# Zoom


def test_buttons_keys_and_wheel_zoom_about_the_cursor_or_the_pointer(page: Page, show: Show) -> None:
    player = show(sine(4.0))
    press_at(page, player, 0.5)
    player.get_by_role("button", name="Zoom in").click()
    start, end = shown_part(player)
    assert (start + end) / 2 == pytest.approx(2.0, abs=0.05)
    assert end - start == pytest.approx(4 / 1.5, abs=0.02)
    page.keyboard.press("0")
    assert shown_part(player) == (0, 4)
    page.keyboard.press("+")
    page.keyboard.press("-")
    assert shown_part(player) == (0, 4)
    box = player.get_by_role("slider").bounding_box()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 100)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_function("document.querySelector('#host').shadowRoot.querySelector('.zoomed')")
    start, end = shown_part(player)
    assert start + 0.25 * (end - start) == pytest.approx(1.0, abs=0.02)  # what is under the pointer stays there
    assert end - start == pytest.approx(4 / np.e, abs=0.02)
    press_at(page, player, 0.0)
    assert position(player) == pytest.approx(start, abs=0.02)


def test_a_zoomed_part_is_moved_by_bar_wheel_and_keys(page: Page, show: Show) -> None:
    player = show(sine(8.0))
    bar = player.get_by_role("scrollbar")
    expect(bar).to_have_attribute("aria-disabled", "true")
    for _ in range(4):
        player.get_by_role("button", name="Zoom in").click()
    start, end = shown_part(player)
    assert start == 0
    box = bar.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 5, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 5 + box["width"] / 4, middle, steps=3)
    page.mouse.up()
    assert shown_part(player) == pytest.approx((2, 2 + end), abs=0.05)
    player.hover(position={"x": 300, "y": 150})
    page.keyboard.down("Shift")
    page.mouse.wheel(0, -5000)
    page.keyboard.up("Shift")
    page.wait_for_function(
        "document.querySelector('#host').shadowRoot.querySelector('.overview').ariaValueText.startsWith('0.00')"
    )
    bar.focus()
    page.keyboard.press("End")
    assert shown_part(player) == pytest.approx((8 - end, 8), abs=0.02)
    player.get_by_role("slider").focus()
    page.keyboard.press("PageUp")
    assert shown_part(player)[0] == pytest.approx(8 - 1.8 * end, abs=0.02)


def test_the_zoomed_part_follows_the_cursor_while_it_plays(page: Page, show: Show) -> None:
    player = show(sine(6.0))
    for _ in range(7):
        player.get_by_role("button", name="Zoom in").click()
    assert shown_part(player)[1] < 0.5
    player.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "!document.querySelector('#host').shadowRoot.querySelector('.overview').ariaValueText.startsWith('0.00')"
    )
    player.get_by_role("button", name="Pause").click()
    expect(player.get_by_role("button", name="Play", exact=True)).to_be_visible()  # the position is announced then
    start, end = shown_part(player)
    assert start <= position(player) <= end
    expect(player.locator(".cursor")).to_be_visible()


def test_the_cursor_is_shown_after_a_pause_also_where_frames_were_skipped_before(page: Page, show: Show) -> None:
    player = show(sine(6.0))
    for _ in range(7):
        player.get_by_role("button", name="Zoom in").click()
    play_slowly(player)
    player.get_by_role("button", name="Play").click()
    expect(player.get_by_role("button", name="Pause")).to_be_visible()
    player.locator("audio").evaluate("audio => { audio.pause(); audio.currentTime = 3 }")
    expect(player.get_by_role("button", name="Play", exact=True)).to_be_visible()
    start, end = shown_part(player)
    assert start <= position(player) <= end
    assert position(player) == pytest.approx(3, abs=0.02)
    expect(player.locator(".cursor")).to_be_visible()


# Regions


def test_a_region_has_its_duration_and_its_band_in_text_and_a_click_still_seeks(page: Page, show: Show) -> None:
    player = show(sine(4.0), PlayerOptions("a.wav", from_s=60.0))
    drag(page, player, (0.25, 0.5), (0.5, 0.8))
    start, end, duration, low, high, width = selected(player)
    assert (start, end, duration) == pytest.approx((61, 62, 1), abs=0.02)
    assert 20 < low < high < 20_000
    assert width == pytest.approx(high - low, abs=1)
    assert re.fullmatch(
        r"[\d.]+ to [\d.]+ s \([\d.]+ s\) · [\d,]+ to [\d,]+ Hz \([\d,]+ Hz\)", player.locator(".selected").inner_text()
    )
    assert position(player) == 60  # a drag does not seek
    press_at(page, player, 0.75)
    assert position(player) == pytest.approx(63, abs=0.02)
    assert selected(player)[0] == start
    drag(page, player, (0.5, 0.65), (0.75, 0.65))  # its right edge
    assert selected(player)[:3] == pytest.approx((61, 63, 2), abs=0.03)
    assert selected(player)[3:] == [low, high, width]
    page.keyboard.press("Escape")
    expect(player.locator(".region")).to_have_count(0)
    drag(page, player, (0.5, 0.1), (0.25, 0.1))  # on the waveform: all frequencies
    assert selected(player) == pytest.approx([61, 62, 1], abs=0.02)


def test_a_region_is_zoomed_to_and_played_to_its_end_or_in_a_loop(page: Page, show: Show) -> None:
    player = show(sine(4.0))
    drag(page, player, (0.25, 0.5), (0.32, 0.8))
    start, end = selected(player)[:2]
    player.get_by_role("button", name="Zoom to region").click()
    first, last = shown_part(player)
    assert first < start < end < last
    assert last - first == pytest.approx(1.1 * (end - start), abs=0.03)
    count_pauses(player)
    player.get_by_role("button", name="Play region").click()
    page.wait_for_function("window.pauses === 1")
    assert position(player) == pytest.approx(end, abs=0.02)
    assert shown_part(player) == (first, last)  # all of it is in the window, which stays
    player.locator("audio").evaluate(
        "audio => { window.seeks = 0; audio.addEventListener('seeked', () => window.seeks++) }"
    )
    player.get_by_role("button", name="Loop region").click()
    page.wait_for_function("window.seeks >= 3")
    assert page.evaluate("window.pauses") == 1
    audio = player.locator("audio")
    assert not audio.evaluate("audio => audio.loop")  # what goes back is not the whole sound
    page.wait_for_function(  # a busy browser goes back late
        "([audio, start, end]) => audio.currentTime >= start && audio.currentTime <= end",
        arg=[audio.element_handle(), start - 0.05, end + 0.2],
    )
    player.get_by_role("button", name="Clear region").click()
    page.wait_for_function("document.querySelector('#host').shadowRoot.querySelector('audio').currentTime > 2")


def test_a_region_is_made_and_changed_with_the_keyboard_alone(page: Page, show: Show) -> None:
    player = show(sine(4.0))
    player.get_by_role("slider").focus()
    for key in ("Shift+ArrowRight", "[", "Shift+ArrowRight", "]"):
        page.keyboard.press(key)
    assert selected(player) == pytest.approx([1, 2, 1])
    player.get_by_role("button", name="Edit region").press("Enter")
    page.keyboard.type("0.5")
    for value in ("", "1000", "3200"):
        page.keyboard.press("Tab")
        if value:
            page.keyboard.type(value)
    page.keyboard.press("Enter")
    expect(player.locator(".selected")).to_have_text("0.50 to 2.00 s (1.50 s) · 1,000 to 3,200 Hz (2,200 Hz)")
    page.keyboard.press("z")
    assert shown_part(player) == pytest.approx((0.425, 2.075), abs=0.02)
    page.keyboard.press("Escape")
    expect(player.locator(".selected")).to_have_text(re.compile("^Drag to"))


# Speed and keys


def test_another_speed_keeps_the_pitch_and_stays_for_the_next_sound(page: Page, show: Show) -> None:
    player = show(sine(4.0))
    speed = player.get_by_role("combobox", name="Playback speed")
    assert speed.locator("option").all_inner_texts() == ["0.25×", "0.5×", "0.75×", "1×", "1.5×", "2×"]
    speed.select_option("0.5")
    rate = "audio => [audio.playbackRate, audio.preservesPitch]"
    assert player.locator("audio").evaluate(rate) == [0.5, True]
    player.get_by_role("slider").focus()
    for key in (">", ">", ">", ">", ">", ">"):
        page.keyboard.press(key)
    expect(speed).to_have_value("2")
    show(sine(2.0))
    expect(player.locator(".length")).to_have_text(" / 0:02.00")
    assert player.locator("audio").evaluate(rate) == [2, True]


def test_all_keys_are_listed_behind_the_question_mark(page: Page, show: Show) -> None:
    player = show(sine(1.0))
    keys = player.get_by_role("dialog", name="Keyboard shortcuts")
    player.get_by_role("slider").focus()
    page.keyboard.press("?")
    expect(keys.get_by_role("row")).to_have_count(14)
    page.keyboard.press("Space")  # on its Close button
    expect(keys).to_be_hidden()
    assert player.locator("audio").evaluate("audio => audio.paused")
    player.get_by_role("button", name="Keyboard shortcuts").click()
    expect(keys).to_be_visible()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()


# Several versions


def test_two_spectrograms_share_cursor_zoom_and_region(page: Page, show: Show) -> None:
    beside = Beside("Coarse", log_mel(sine(4.0)[::2], OTHER), OTHER)
    player = show(sine(4.0), PlayerOptions("a.wav", label="Fine", beside=beside))
    expect(player.locator(".panel .name")).to_have_text(["Fine", "Coarse"])
    left, right = (player.locator(".panel").nth(number).bounding_box() for number in range(2))
    assert left["y"] == right["y"]
    player.get_by_role("button", name="Zoom in").click()
    drag(page, player, (0.25, 0.5), (0.5, 0.8), panel=1)
    expect(player.locator(".region")).to_have_count(2)
    box = player.locator(".seek").nth(1).bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 20)
    assert position(player) == pytest.approx(4 / 1.5 / 2, abs=0.02)
    cursors = [player.locator(".cursor").nth(number).bounding_box()["x"] for number in range(2)]
    assert cursors[1] - cursors[0] == pytest.approx(right["x"] - left["x"], abs=1)
    expect(player.get_by_role("radiogroup", name="Listen to")).to_be_hidden()
    page.set_viewport_size({"width": 420, "height": 1200})
    page.wait_for_function("innerWidth === 420 && document.documentElement.scrollWidth <= 420")
    expect(player.locator(".panel").nth(1)).to_be_in_viewport()
    left, right = (player.locator(".panel").nth(number).bounding_box() for number in range(2))
    assert right["y"] > left["y"] + left["height"]
    show(sine(4.0))
    expect(player.locator(".panel")).to_have_count(1)


def test_another_version_is_heard_from_the_same_position_on(page: Page, show: Show) -> None:
    beside = Beside("B", log_mel(sine(4.0)[::2], OTHER), OTHER, waveform=sine(4.0)[::2])
    options = PlayerOptions("a.wav", beside=beside, other_sounds=(OtherSound("Made back", sine(4.0) / 2, 44_100),))
    player = show(sine(4.0), options)
    versions = player.get_by_role("radiogroup", name="Listen to")
    assert versions.inner_text().split("\n") == ["A", "B", "Made back"]
    press_at(page, player, 0.25)
    play_slowly(player)
    player.get_by_role("button", name="Play").click()
    versions.get_by_role("radio", name="B", exact=True).click()
    page.wait_for_function("document.querySelector('#host').shadowRoot.querySelectorAll('audio')[1].currentTime > 1.01")
    assert playing(page, player) == [1]
    expect(player.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("x")
    expect(versions.get_by_role("radio", name="Made back")).to_be_checked()
    page.wait_for_function("document.querySelector('#host').shadowRoot.querySelectorAll('audio')[2].currentTime > 1.02")
    assert playing(page, player) == [2]
    player.get_by_role("button", name="Pause").click()
    expect(player.get_by_role("button", name="Play")).to_be_visible()
    before = position(player)
    show(sine(4.0), PlayerOptions("a.wav", other_sounds=options.other_sounds))  # B is gone
    assert position(player) == pytest.approx(before, abs=0.02)
    expect(versions.get_by_role("radio")).to_have_count(2)


def test_a_jump_is_made_once_and_playing_goes_on(page: Page, show: Show) -> None:
    row = TimelineRow("Hiss", np.array([0.5]), np.array([1.0]))
    player = show(sine(4.0))
    play_slowly(player)
    player.get_by_role("button", name="Play").click()
    count_pauses(player)
    show(sine(4.0), PlayerOptions("sound.wav", jump=Jump(3.0, 1)))
    assert 3 <= position(player) < 3.5
    assert page.evaluate("window.pauses") == 0
    player.get_by_role("button", name="Pause").click()
    press_at(page, player, 0.25)
    show(sine(4.0), PlayerOptions("sound.wav", jump=Jump(3.0, 1), timeline=(row,)))
    assert position(player) == pytest.approx(1, abs=0.02)
    show(sine(4.0), PlayerOptions("sound.wav", jump=Jump(2.0, 2), crop=Region(0, 1)))
    assert position(player) == pytest.approx(2, abs=0.02)
    assert player.locator("audio").evaluate("audio => audio.paused")


# What is sent


def test_a_player_waits_for_all_parts_that_its_head_names(page: Page, show: Show) -> None:
    head, *parts = packed(sine(1.0), PlayerOptions("late.wav"), CAPSTONE)
    player = page.locator(".player")
    for come in ([head], [head, parts[0]]):
        page.evaluate(SHOW, come)
        assert player.get_attribute("aria-label") is None
    page.evaluate(SHOW, [head, *parts])
    assert player.get_attribute("aria-label") == "Player of late.wav"
    show(sine(2.0))
    page.evaluate(SHOW, [head])  # the sound before is still shown while the rest is on its way
    assert player.get_attribute("aria-label") == "Player of sound.wav"
