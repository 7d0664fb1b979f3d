"""The player alone on a page of a browser, where every case can be tested."""

import base64
from collections.abc import Callable

import numpy as np
from playwright.sync_api import Locator, Page, expect

from audiotag.features.log_mel import log_mel
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.ui.player import PlayerOptions, pack_block
from audiotag.ui.player.packing import with_header
from audiotag.ui.player.player import part_script, player_sources

CAPSTONE = PRESETS["capstone"]

# What Streamlit does with a component, and a text field beside it.
STAGE = """
<body style="margin: 0; --st-text-color: #222; --st-background-color: #fff; --st-primary-color: #0f766e">
  <input aria-label="Text"><button onclick="window.presses = (window.presses ?? 0) + 1">Other</button>
  <div id="host"></div>
</body>
"""
MOUNT = """async ([html, css, js, partScript]) => {
  const shadow = document.querySelector("#host").attachShadow({ mode: "open" });
  shadow.innerHTML = `${html}<style>${css}</style>`;
  const load = async (text) => {
    const source = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    return (await import(source)).default;
  };
  const [component, part] = [await load(js), await load(partScript)];
  const holders = [];
  const holder = (number) => {
    holders[number] ??= document.body.appendChild(document.createElement("div")).attachShadow({ mode: "open" });
    return holders[number];
  };
  window.cleanups = [];
  window.show = (...encoded) => {
    window.cleanups.push(component({ data: { place: "here" }, parentElement: shadow }));
    for (const [number, each] of encoded.entries()) {
      const data = Uint8Array.from(atob(each), (letter) => letter.charCodeAt(0));
      part({ data, parentElement: holder(number) });
    }
  };
  shadow.querySelector("audio").muted = true;
}"""

SHOW = "parts => window.show(...parts)"

Show = Callable[..., Locator]


def packed(waveform: np.ndarray, options: PlayerOptions, settings: SpectrogramSettings) -> list[str]:
    """The data of the hidden components of a player, the head first, as base64."""
    block = pack_block(waveform, log_mel(waveform, settings), settings, options)
    parts = [("head", block.head), *((part.id, part.data) for part in block.parts)]
    data = [with_header({"place": "here", "part": name}, rest) for name, rest in parts]
    return [base64.b64encode(each).decode() for each in data]


def mount_player(page: Page) -> Show:
    """``show(waveform, options, settings)``: the player alone on a page; a further call replaces its sound."""
    page.route("http://player.localhost/", lambda route: route.fulfill(body=STAGE, content_type="text/html"))
    page.goto("http://player.localhost/")
    page.evaluate(MOUNT, [*(player_sources()[kind] for kind in ("html", "css", "js")), part_script()])

    def shown(
        waveform: np.ndarray, options: PlayerOptions | None = None, settings: SpectrogramSettings = CAPSTONE
    ) -> Locator:
        options = options or PlayerOptions("sound.wav")
        page.evaluate(SHOW, packed(waveform, options, settings))
        player = page.locator(".player")
        expect(player).to_have_attribute("aria-label", f"Player of {options.name}")
        return player

    return shown


def sine(duration_s: float, frequency_hz: float = 1000.0) -> np.ndarray:
    time_s = np.arange(round(duration_s * 44_100)) / 44_100
    return (0.5 * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)


def position(player: Locator) -> float:
    return float(player.get_by_role("slider").get_attribute("aria-valuenow"))


def press_at(page: Page, player: Locator, across: float, down: float = 0.1) -> None:
    """Click on the player's time axis, at parts of its width and height."""
    box = player.get_by_role("slider").bounding_box()
    page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])


def play_slowly(player: Locator) -> None:
    """Play what is loaded at the lowest speed, so that it is not at its end before a busy machine has looked."""
    player.locator("audio").evaluate_all("audios => audios.forEach(audio => { audio.playbackRate = 0.0625 })")


def count_pauses(player: Locator) -> None:
    player.locator("audio").evaluate(
        "audio => { window.pauses = 0; audio.addEventListener('pause', () => window.pauses++) }"
    )
