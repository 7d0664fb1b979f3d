"""The grid of clips in Chromium: alone, where every key can be tested, and on a page."""

import base64
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import soundfile
from playwright.sync_api import Locator, Page, expect

from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.features.log_mel import display_log_mel
from audiotag.training.clip_contents import content_of
from audiotag.ui.component import read_component
from audiotag.ui.player import PlayerOptions, pack_block
from audiotag.ui.review.clip_grid.clip_grid import FOLDER, ClipGrid, ClipGridKind, Tile, pack_grid
from audiotag.workspace import Workspace

from .conftest import Server, new_page
from .player_page import CAPSTONE, STAGE, sine
from .test_app import wait_until_settled
from .test_player import HOSTILE

# What Streamlit does with a component.
MOUNT = """async ([html, css, js]) => {
  const shadow = document.querySelector("#host").attachShadow({ mode: "open" });
  shadow.innerHTML = `${html}<style>${css}</style>`;
  const source = URL.createObjectURL(new Blob([js], { type: "text/javascript" }));
  const component = (await import(source)).default;
  window.cleanups = [];
  window.answers = [];
  const setTriggerValue = (name, value) => window.answers.push(value);
  window.show = (encoded) => {
    const data = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
    window.cleanups.push(component({ data, parentElement: shadow, setTriggerValue }));
  };
  const audio = shadow.querySelector("audio");
  audio.muted = true;
  audio.defaultPlaybackRate = 0.25; // a sound must not be at its end before a busy machine has looked
}"""

Show = Callable[..., Locator]


def tile(number: int, name: str = "") -> Tile:
    """A tile of a tone, which is longer the higher its number is."""
    waveform = sine(2 + number / 10, 300.0 * (1 + number))
    name = name or f"{number:02}.wav"
    block = pack_block(waveform, display_log_mel(waveform, CAPSTONE), CAPSTONE, PlayerOptions(name)).joined()
    return Tile(f"id-{number}", name, number / 100, f"{2 + number / 10:.1f} s", block)


TILES = tuple(map(tile, range(12)))


@pytest.fixture
def show(page: Page) -> Show:
    """``show(tiles, label, kind)``: the grid alone on a page, muted; a further call shows another grid instead."""
    page.route("http://player.test/", lambda route: route.fulfill(body=STAGE, content_type="text/html"))
    page.goto("http://player.test/")
    sources = read_component(FOLDER, "clip_grid")
    page.evaluate(MOUNT, [sources[kind] for kind in ("html", "css", "js")])

    def shown(
        tiles: tuple[Tile, ...] = TILES, label: str = "Bark", kind: ClipGridKind = "wrong", also: int = 0
    ) -> Locator:
        block = pack_grid(ClipGrid(label, kind, tiles, also))
        page.evaluate("encoded => window.show(encoded)", base64.b64encode(block).decode())
        grid = page.locator(".grid")
        expect(grid.locator(".tile")).to_have_count(len(tiles))
        return grid

    return shown


def playing(grid: Locator) -> list[str]:
    """Names of the tiles that look as if they play."""
    return grid.locator(".tile.playing .name").all_inner_texts()


def expect_to_play(page: Page, grid: Locator, number: int) -> None:
    """Wait until the sound of a tile is really played, and is that tile's."""
    page.wait_for_function(
        """([grid, length, name]) => {
          const audio = grid.querySelector("audio");
          const names = [...grid.querySelectorAll(".tile.playing .name")].map(({ textContent }) => textContent);
          const isLoud = !audio.paused && audio.currentTime > 0 && Math.abs(audio.duration - length) < 0.01;
          return isLoud && names.join() === name;
        }""",
        arg=[grid.element_handle(), 2 + number / 10, f"{number:02}.wav"],
    )


def expect_silence(page: Page, grid: Locator) -> None:
    page.wait_for_function("audio => audio.paused", arg=grid.locator("audio").element_handle())
    expect(grid.locator(".tile.playing")).to_have_count(0)


def marked(grid: Locator) -> list[str]:
    return grid.locator(".mark[aria-pressed=true] .name").all_inner_texts()


def answers(page: Page) -> list[dict[str, list[str]]]:
    return page.evaluate("window.answers")


def mark_of(grid: Locator, number: int) -> Locator:
    return grid.locator(".mark").nth(number)


# Sound


def test_each_key_plays_its_tile_and_stops_the_one_before(page: Page, show: Show) -> None:
    grid = show()
    for number, key in ((0, "1"), (3, "4"), (4, "q"), (11, "F")):
        page.keyboard.press(key)
        expect_to_play(page, grid, number)
        expect(mark_of(grid, number)).to_be_focused()
    page.keyboard.press("f")
    expect_silence(page, grid)
    assert marked(grid) == []


def test_a_tile_plays_while_the_pointer_is_on_it(page: Page, show: Show) -> None:
    grid = show()
    page.get_by_role("button", name="Other").click()  # before that, browsers let no page sound
    mark_of(grid, 5).hover()
    expect_to_play(page, grid, 5)
    mark_of(grid, 6).hover()
    expect_to_play(page, grid, 6)
    page.get_by_label("Text").hover()
    expect_silence(page, grid)


def test_a_tile_that_a_key_plays_sounds_on_when_the_pointer_leaves_another(page: Page, show: Show) -> None:
    grid = show()
    mark_of(grid, 5).hover()
    page.keyboard.press("w")
    expect_to_play(page, grid, 5)
    page.get_by_label("Text").hover()
    expect_to_play(page, grid, 5)
    page.keyboard.press("Escape")
    expect_silence(page, grid)


def test_a_tile_that_appears_under_a_pointer_at_rest_is_not_played(page: Page, show: Show) -> None:
    grid = show()
    mark_of(grid, 1).hover()
    page.keyboard.press("w")
    expect_to_play(page, grid, 5)
    show(TILES[:3])
    box = mark_of(grid, 1).bounding_box()
    expect_silence(page, grid)
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    expect_to_play(page, grid, 1)


def test_the_button_of_a_tile_plays_and_stops_it_and_marks_nothing(page: Page, show: Show) -> None:
    grid = show()
    button = grid.get_by_role("button", name="Play 02.wav")
    button.dispatch_event("click")  # as a finger does, which is never over it before
    expect_to_play(page, grid, 2)
    grid.get_by_role("button", name="Stop 02.wav").dispatch_event("click")
    expect_silence(page, grid)
    assert marked(grid) == []


def test_space_plays_where_the_focus_is(page: Page, show: Show) -> None:
    grid = show()
    mark_of(grid, 7).focus()
    page.keyboard.press("Space")
    expect_to_play(page, grid, 7)
    page.keyboard.press("Space")
    expect_silence(page, grid)
    assert marked(grid) == []


# Marks and answers


def test_clips_without_labels_take_the_label_that_is_chosen_and_keep_their_marks(page: Page, show: Show) -> None:
    grid = show(TILES[:5], "", "alike", 1)
    accept = grid.locator(".accept")
    expect(accept).to_have_text("Choose a label above Enter")
    page.keyboard.press("Shift+2")
    expect(accept).to_be_disabled()
    show(TILES[:5], "Bark", "alike", 1)
    expect(accept).to_have_text("Bark: label 2 clips Enter")  # the marked one, and one that is not shown
    expect(grid.locator(".tile .stamp").nth(1)).to_have_text("+ Bark")
    page.keyboard.press("Shift+2")
    expect(accept).to_have_text("Mark clips first Enter")
    expect(accept).to_be_disabled()
    show(TILES[:5], "Bark", "cluster", 28)
    expect(accept).to_have_text("Bark: label 33 clips Enter")
    page.keyboard.press("Shift+1")
    expect(accept).to_have_text("Bark: label 32 clips Enter")
    accept.click()
    assert answers(page) == [{"accepted": ["id-1", "id-2", "id-3", "id-4"], "odd": ["id-0"]}]
    show(TILES[:5], "Bark", "members")
    page.keyboard.press("Shift+3")
    expect(accept).to_have_text("Bark: remove from 1 clip Enter")


def test_two_marked_and_ten_accepted_are_one_answer(page: Page, show: Show) -> None:
    grid = show()
    accept = grid.locator(".accept")
    expect(accept).to_have_text("Bark is right in all 12 Enter")
    page.keyboard.press("Shift+Digit2")
    mark_of(grid, 9).click()
    assert marked(grid) == ["01.wav", "09.wav"]
    expect(grid.locator(".stamp:visible")).to_have_text(["not Bark", "not Bark"])
    expect(accept).to_have_text("Remove Bark from 2, keep it in the other 10 Enter")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    rest = [f"id-{number}" for number in range(12) if number not in (1, 9)]
    assert answers(page) == [{"accepted": rest, "odd": ["id-1", "id-9"]}]


def test_a_mark_is_taken_away_by_the_same_key(page: Page, show: Show) -> None:
    grid = show()
    page.keyboard.press("Shift+S")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("m")
    assert marked(grid) == ["09.wav", "10.wav"]
    page.keyboard.press("Shift+S")
    assert marked(grid) == ["10.wav"]
    expect(mark_of(grid, 10)).to_have_attribute("aria-pressed", "true")
    expect(mark_of(grid, 10)).to_have_accessible_name("10.wav, score 0.10, 3.0 s")


def test_clips_without_the_label_get_it_when_they_are_marked(page: Page, show: Show) -> None:
    grid = show(TILES[:5], kind="missing")
    accept = grid.locator(".accept")
    expect(accept).to_have_text("None of these 5 has Bark Enter")
    page.keyboard.press("Shift+Digit1")
    expect(grid.locator(".stamp:visible")).to_have_text("+ Bark")
    expect(accept).to_have_text("Add Bark to 1, not to the other 4 Enter")
    accept.click()
    assert answers(page) == [{"accepted": ["id-1", "id-2", "id-3", "id-4"], "odd": ["id-0"]}]


def stop_the_clock(page: Page) -> None:
    page.clock.install(time=0)
    page.clock.pause_at(1000)


def test_the_next_grid_takes_no_second_press_of_the_same_key(page: Page, show: Show) -> None:
    stop_the_clock(page)
    grid = show()
    page.keyboard.press("Enter")
    show(TILES[:4])
    expect(grid.locator(".accept")).to_be_disabled()
    page.keyboard.press("Enter")
    assert len(answers(page)) == 1
    page.clock.run_for(500)
    expect(grid.locator(".accept")).to_be_enabled()
    page.keyboard.press("Enter")
    assert [len(answer["accepted"]) for answer in answers(page)] == [12, 4]


def test_an_answer_that_was_not_taken_can_be_given_again(page: Page, show: Show) -> None:
    stop_the_clock(page)
    grid = show()
    page.keyboard.press("Enter")
    expect(grid).to_have_class(re.compile("sent"))
    page.clock.run_for(3000)
    expect(grid).not_to_have_class(re.compile("sent"))
    page.keyboard.press("Enter")
    assert len(answers(page)) == 2


def test_a_key_that_is_held_down_acts_once(page: Page, show: Show) -> None:
    grid = show()
    for _ in range(3):
        page.keyboard.down("q")
    expect_to_play(page, grid, 4)
    page.keyboard.up("q")
    for _ in range(2):
        page.keyboard.down("m")
    assert marked(grid) == ["04.wav"]


def test_marks_are_still_there_when_a_grid_comes_back(page: Page, show: Show) -> None:
    grid = show()
    page.keyboard.press("Shift+E")
    page.keyboard.press("Enter")
    show(TILES[:3])
    assert marked(grid) == []
    show()
    assert marked(grid) == ["06.wav"]


# Keys and focus


@pytest.mark.parametrize(("width", "columns"), [(1060, 4), (680, 3), (390, 2)])
def test_arrows_move_through_the_columns_that_fit(page: Page, show: Show, width: int, columns: int) -> None:
    page.set_viewport_size({"width": width, "height": 1000})
    page.wait_for_function(f"innerWidth === {width}")
    grid = show()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert len({mark_of(grid, number).bounding_box()["x"] for number in range(12)}) == columns
    at = 0
    for key, step in (("Down", columns), ("Right", 1), ("Up", -columns), ("Left", -1), ("Left", 0), ("Up", 0)):
        page.keyboard.press(f"Arrow{key}")
        at += step
        expect(mark_of(grid, at)).to_be_focused()
    assert [mark.get_attribute("tabindex") for mark in grid.locator(".mark").all()] == ["0"] + ["-1"] * 11


def test_keys_go_to_a_text_field_or_a_button_that_has_the_focus(page: Page, show: Show) -> None:
    grid = show()
    field = page.get_by_label("Text")
    field.focus()
    page.keyboard.type("1 Qm")
    page.keyboard.press("Enter")
    expect(field).to_have_value("1 Qm")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    assert page.evaluate("window.presses") == 2
    assert answers(page) == []
    assert marked(grid) == []
    assert grid.locator("audio").evaluate("audio => audio.paused")
    page.keyboard.press("q")  # but a tile's key is needed by no button
    expect_to_play(page, grid, 4)


def test_a_grid_that_is_not_on_the_screen_takes_no_keys(page: Page, show: Show) -> None:
    grid = show()
    page.locator("#host").evaluate("host => { host.style.display = 'none' }")
    for key in ("Shift+Digit1", "q", "Enter"):
        page.keyboard.press(key)
    assert answers(page) == []
    assert marked(grid) == []
    assert grid.locator("audio").evaluate("audio => audio.paused")


def test_another_grid_takes_the_focus_from_a_button_but_not_from_a_text_field(page: Page, show: Show) -> None:
    grid = show()
    expect(page.locator("body")).to_be_focused()  # the first one does not
    page.get_by_role("button", name="Other").focus()
    show(TILES[:4])
    expect(mark_of(grid, 0)).to_be_focused()
    page.get_by_label("Text").focus()
    show(TILES[:5])
    expect(page.get_by_label("Text")).to_be_focused()


def test_names_and_labels_are_never_read_as_html(page: Page, show: Show) -> None:
    grid = show((tile(0, HOSTILE), tile(1)), label=HOSTILE)
    page.keyboard.press("Shift+Digit1")
    expect(grid.locator(".name").first).to_have_text(HOSTILE)
    expect(grid.locator(".stamp").first).to_have_text(f"not {HOSTILE}")
    expect(grid.locator(".what")).to_have_text(f"Remove {HOSTILE} from 1, keep it in the other 1")
    assert grid.locator("img").count() == 0
    assert page.evaluate("window.broken") is None


def test_a_tone_is_drawn_higher_the_higher_it_is(page: Page, show: Show) -> None:
    grid = show()
    heights = [
        canvas.evaluate(
            """canvas => {
              const { data } = canvas.getContext("2d").getImageData(canvas.width >> 1, 0, 1, canvas.height);
              const light = Array.from({ length: canvas.height }, (_, y) => data[4 * y] + data[4 * y + 1]);
              return light.indexOf(Math.max(...light));
            }"""
        )
        for canvas in grid.locator("canvas").all()
    ]
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) > 6


# On a page


class PageServer(Server):
    """Streamlit with `grid_page` alone."""

    def command(self) -> list[str]:
        page = str(Path(__file__).with_name("grid_page.py"))
        options = ["--server.port", str(self.port), "--server.address", "127.0.0.1", "--server.headless", "true"]
        return [sys.executable, "-m", "streamlit", "run", page, *options]


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty clips with Tone, whose scores are 0.00 to 0.19, and four with Hum alone, of 0.20 to 0.23."""
    folder = tmp_path_factory.mktemp("workspace") / "grid-sounds"
    folder.mkdir()
    lines = ["fname,label"]
    for number in range(24):
        soundfile.write(folder / f"{number:02}.wav", sine(1 + number / 10, 200 + 20 * number), 44_100)
        label = "Hum" if number >= 20 else "Tone,Hum" if number == 1 else "Tone"
        lines.append(f'{number:02}.wav,"{label}"')
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def grid_server(sounds: Path) -> Iterator[PageServer]:
    server = PageServer(sounds.parent)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def journal(sounds: Path) -> VerdictJournal:
    return VerdictJournal.of(sounds, Workspace(sounds.parent))


def open_grid(page: Page, server: Server, **address: str) -> Locator:
    """The grid of Tone that is shown at an address."""
    page.goto(f"{server.url}/?{urlencode({'grid-label': 'Tone', **address})}")
    grid = page.locator(".st-key-grid-now .grid")
    expect(grid.locator(".tile").first).to_be_visible()
    wait_until_settled(page)
    return grid


def expect_tiles(grid: Locator, numbers: Iterable[int]) -> None:
    expect(grid.locator(".name")).to_have_text([f"{number:02}.wav" for number in numbers])


def given_by(journal: VerdictJournal, reviewer: str) -> dict[str, Verdict]:
    """The verdicts of a reviewer by the number of their clip."""
    return {verdict.clip[:2]: verdict for verdict in journal.verdicts() if verdict.reviewer == reviewer}


def test_enter_keeps_ten_and_removes_two_and_one_undo_takes_all_back(
    grid_server: PageServer, page: Page, journal: VerdictJournal, sounds: Path
) -> None:
    grid = open_grid(page, grid_server, reviewer="Ada")
    expect_tiles(grid, range(12))
    expect(page.get_by_text("0 of 20 clips with Tone")).to_be_visible()
    page.keyboard.press("e")
    page.wait_for_function("audio => audio.currentTime > 0", arg=grid.locator("audio").element_handle())
    page.keyboard.press("Shift+Digit2")
    page.keyboard.press("Shift+F")
    page.keyboard.press("Enter")
    expect_tiles(grid, range(12, 20))
    expect(page.get_by_text("12 of 20 clips with Tone")).to_be_visible()
    expect(page.get_by_text("Tone: 10 right, 2 removed")).to_be_visible()
    given = given_by(journal, "Ada")
    assert sorted(given) == [f"{number:02}" for number in range(12)]
    assert {number for number, verdict in given.items() if verdict.answer == "wrong"} == {"01", "11"}
    assert {number for number, verdict in given.items() if verdict.answer == "right"} == given.keys() - {"01", "11"}
    assert (given["01"].before, given["01"].after) == (("Tone", "Hum"), ("Hum",))
    assert len({verdict.action for verdict in given.values()}) == 1
    assert {verdict.content for verdict in given.values()} == {content_of(sounds / f"{name}.wav") for name in given}
    wait_until_settled(page)
    page.keyboard.press("u")
    expect_tiles(grid, range(12))
    expect(page.get_by_text("Taken back: Tone: 10 right, 2 removed")).to_be_visible()
    assert given_by(journal, "Ada") == {}
    assert marked(grid) == ["01.wav", "11.wav"]  # they need not be marked again


def test_a_page_that_is_loaded_again_shows_the_first_clips_that_are_not_judged(
    grid_server: PageServer, page: Page, journal: VerdictJournal
) -> None:
    grid = open_grid(page, grid_server, reviewer="Grace")
    page.keyboard.press("Shift+Digit1")
    page.reload()
    expect_tiles(grid, range(12))
    assert marked(grid) == ["00.wav"]
    expect(grid.locator(".accept")).to_be_enabled()
    wait_until_settled(page)
    page.keyboard.press("Enter")
    expect_tiles(grid, range(12, 20))
    page.reload()
    expect_tiles(grid, range(12, 20))
    assert len(given_by(journal, "Grace")) == 12
    other = new_page(page.context.browser)
    expect_tiles(open_grid(other, grid_server, reviewer="Katherine"), range(12))
    other.context.close()


def test_the_last_answer_about_a_label_offers_the_next_label(
    grid_server: PageServer, page: Page, journal: VerdictJournal
) -> None:
    grid = open_grid(page, grid_server, reviewer="Edsger")
    page.keyboard.press("Enter")
    expect_tiles(grid, range(12, 20))
    expect(grid.locator(".accept")).to_be_enabled()
    wait_until_settled(page)
    page.keyboard.press("Enter")
    expect(page.get_by_text("You have judged these clips for Tone.")).to_be_visible()
    expect(page.get_by_text("20 of 20 clips with Tone")).to_be_visible()
    wait_until_settled(page)
    page.keyboard.press("n")
    expect_tiles(grid, (1, 20, 21, 22, 23))
    expect(page.get_by_role("combobox", name="Label")).to_have_value("Hum")
    wait_until_settled(page)
    page.keyboard.press("u")
    expect_tiles(grid, range(12, 20))
    expect(page).to_have_url(re.compile("grid-label=Tone"))


def test_clips_that_may_lack_the_label_get_it(grid_server: PageServer, page: Page, journal: VerdictJournal) -> None:
    grid = open_grid(page, grid_server, reviewer="Barbara")
    page.get_by_text("Without it").click()
    expect_tiles(grid, (23, 22, 21, 20))
    expect(page.get_by_text("0 of 4 clips that may lack Tone")).to_be_visible()
    wait_until_settled(page)
    page.keyboard.press("Shift+Digit3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Tone: 3 right, 1 added")).to_be_visible()
    given = given_by(journal, "Barbara")
    assert {number: verdict.answer for number, verdict in given.items()} == {
        "20": "right", "21": "add", "22": "right", "23": "right",
    }  # fmt: skip
    assert given["21"].after == ("Hum", "Tone")
    assert given["20"].after == ("Hum",)
    page.reload()
    expect(page.get_by_text("4 of 4 clips that may lack Tone")).to_be_visible()


def test_the_next_clips_are_in_the_browser_before_they_are_needed(grid_server: PageServer, page: Page) -> None:
    received: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    grid = open_grid(page, grid_server, reviewer="Alan")
    expect(page.locator(".st-key-grid-next .tile")).to_have_count(8)
    expect(page.locator(".st-key-grid-next")).to_be_hidden()
    wait_until_settled(page)
    assert sum(received) > 1_000_000
    received.clear()
    page.keyboard.press("Enter")
    expect_tiles(grid, range(12, 20))
    wait_until_settled(page)
    assert 0 < sum(received) < 20_000
    page.keyboard.press("q")
    page.wait_for_function("audio => audio.currentTime > 0", arg=grid.locator("audio").element_handle())
