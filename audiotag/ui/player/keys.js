// The keys of the player, and the list of them.

const SEEK_S = 0.1;
const FAR_SEEK_S = 1;
const PAGE = 0.8; // of the time window
const KEYS = [
  ["Space", "play and pause"],
  ["Shift Space", "play the region"],
  ["← →", "0.1 s back and on; with Shift 1 s"],
  ["Home End", "to the start and the end"],
  ["< >", "slower and faster"],
  ["+ −", "zoom in and out; also the wheel with Ctrl or ⌘, or two fingers"],
  ["0", "show the whole sound"],
  ["PageUp PageDown", "move the zoomed part; also the wheel with Shift"],
  ["[ ]", "the region starts or ends at the cursor"],
  ["Z", "zoom to the region"],
  ["L", "play in a loop: the region, or the whole sound"],
  ["X", "listen to the next version"],
  ["Esc", "clear the region"],
  ["?", "this list"],
];

const SIMILAR_KEYS = ["J K", "play the next and the previous similar clip"]; // where a list of them is on the page

/** What a key does wherever the focus is in the player, or the pointer over it; null for other keys. */
function keyAction(event, player) {
  const isWithoutModifier = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!isWithoutModifier && !event.getModifierState("AltGraph")) return null; // some keyboards have [ and ] on it
  const actions = {
    "+": () => player.zoomBy(ZOOM_STEP),
    "=": () => player.zoomBy(ZOOM_STEP),
    "-": () => player.zoomBy(1 / ZOOM_STEP),
    "−": () => player.zoomBy(1 / ZOOM_STEP),
    _: () => player.zoomBy(1 / ZOOM_STEP),
    0: () => player.showAll(),
    "<": () => player.playback.stepRate(-1),
    ">": () => player.playback.stepRate(1),
    "[": () => player.setRegionEnd("start"),
    "]": () => player.setRegionEnd("end"),
    z: () => player.zoomToRegion(),
    l: () => player.playback.toggleLoop(),
    x: () => player.chooseNextVersion(),
    "?": () => player.showKeys(),
    Escape: player.region ? () => player.clearRegion() : null,
  };
  return actions[event.key.length === 1 ? event.key.toLowerCase() : event.key] ?? null;
}

/** What further keys do while the focus is in the player: elsewhere the page needs them. */
function focusedKeyAction(event, player) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const step = event.shiftKey ? FAR_SEEK_S : SEEK_S;
  const page = PAGE * player.window.span();
  const actions = {
    ArrowLeft: () => player.seekTo(player.time() - step),
    ArrowRight: () => player.seekTo(player.time() + step),
    Home: () => player.seekTo(0),
    End: () => player.seekTo(player.data.duration_s),
  };
  if (!player.window.isWhole()) {
    actions.PageUp = () => player.scrollBy(-page);
    actions.PageDown = () => player.scrollBy(page);
  }
  return actions[event.key] ?? null;
}

/** The list of keys as rows of a table. */
function keyRows() {
  const all = window.audiotagSimilarClips ? [...KEYS, SIMILAR_KEYS] : KEYS;
  return all.map(([keys, text]) => {
    const row = document.createElement("tr");
    const [names, meaning] = [document.createElement("th"), document.createElement("td")];
    names.scope = "row";
    for (const name of keys.split(" ")) {
      const key = document.createElement("kbd");
      key.textContent = name;
      names.append(key, " ");
    }
    meaning.textContent = text;
    row.append(names, meaning);
    return row;
  });
}
