// The grid's side in the browser: a tile per clip that plays and can be marked, and one answer for all of them.
//
// Streamlit calls the default export when a grid comes onto the page. Two are on it: the one that is answered, and one
// that is hidden, so that the next clips are in the browser before they are needed; that one takes no keys.
// What all components share, sources.py puts before this.

const KEYS = [..."1234QWERASDF"]; // as the tiles lie in four columns
const DWELL_MS = 120; // a pointer that only crosses a tile does not play it
const DOUBLE_PRESS_MS = 500; // for so long after an answer the next grid takes none: the key may have been hit twice
const LOST_MS = 3000; // for so long an answer may be on its way
const REMEMBERED_GRIDS = 8;
const STORED = "audiotag-grid-marks";

let shownId = null; // the grid that was last on the screen
let answeredAt = -Infinity;

export default function ({ data, parentElement, setTriggerValue }) {
  const grid = livingIn(parentElement, () => new ClipGrid(parentElement.querySelector(".grid")));
  grid.send = (answer) => setTriggerValue("answer", answer);
  grid.show(gridOf(data));
  return whenGone(parentElement, () => grid.remove());
}

/** The block that clip_grid.py packs: a header, and the block of each tile's sound. */
function gridOf(bytes) {
  const { header, rest } = withoutHeader(bytes);
  let at = 0;
  for (const tile of header.tiles) tile.sound = unpacked(rest.subarray(at, (at += tile.bytes)));
  return header;
}

class ClipGrid {
  constructor(root) {
    this.root = root;
    for (const name of ["tiles", "fault", "accept", "what"]) this[name] = root.querySelector(`.${name}`);
    this.template = root.querySelector("template");
    this.audio = root.querySelector("audio");
    this.id = null;
    this.all = []; // the tiles
    this.playing = null; // the tile that sounds
    this.byPointer = false; // whether it sounds because the pointer is on it
    this.listen();
  }

  listen() {
    this.gone = new AbortController();
    const on = (target, type, act, capture = false) =>
      target.addEventListener(type, act, { signal: this.gone.signal, capture });
    on(this.accept, "click", () => this.answer());
    on(this.audio, "play", () => this.started());
    on(this.audio, "pause", () => this.stopped());
    on(this.audio, "ended", () => this.stopped());
    on(this.audio, "timeupdate", () => this.moveCursor()); // a hidden tab has no animation frames
    on(this.audio, "error", () => this.showFault());
    // In the capture phase, before the app's own shortcuts and the focused button.
    on(document, "keydown", (event) => this.keyDown(event), true);
    on(document, "keyup", (event) => this.keyUp(event), true);
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.tiles);
  }

  remove() {
    this.gone.abort();
    this.resized.disconnect();
    this.unload();
  }

  unload() {
    clearTimeout(this.dwelling);
    clearTimeout(this.unlocking);
    this.audio.pause();
    this.audio.removeAttribute("src");
    for (const tile of this.all) URL.revokeObjectURL(tile.url);
    this.all = [];
    this.playing = null;
  }

  show(data) {
    if (data.id === this.id) {
      if (data.label !== this.label || data.also !== this.also) this.nameLabel(data);
      return; // it is on the page already
    }
    this.unload();
    this.id = data.id;
    this.label = data.label;
    this.also = data.also;
    this.kind = data.kind;
    this.isMissing = data.kind === "missing" || data.kind === "alike"; // a marked clip gets the label
    this.isAlike = ["cluster", "alike", "members"].includes(data.kind); // nothing is said about the other clips
    this.root.classList.toggle("missing", this.isMissing);
    this.root.classList.toggle("wrong", !this.isMissing);
    const named = this.isAlike ? "Clips that sound alike" : `Clips with${this.isMissing ? "out" : ""} ${this.label}`;
    this.root.setAttribute("aria-label", named);
    const marked = new Set(storedMarks()[data.id] ?? []);
    this.all = data.tiles.map((tile, number) => this.tileOf(tile, number, marked.has(tile.id)));
    this.tiles.replaceChildren(...this.all.map((tile) => tile.element));
    this.setCurrent(0);
    this.describeAnswer();
    this.unlock();
    this.draw();
    this.greet();
  }

  /** Take the focus from the widget that brought this grid, so that Enter does not press that again. */
  greet() {
    if (!this.isOnScreen()) return;
    const isFirst = shownId === null;
    const isOther = shownId !== this.id;
    shownId = this.id;
    const wait = answeredAt + DOUBLE_PRESS_MS - performance.now();
    if (wait > 0) {
      this.accept.disabled = true;
      setTimeout(() => {
        this.accept.disabled = false;
        this.describeAnswer();
      }, wait);
    }
    const focused = document.activeElement;
    const isTyping = takesText(focused) && focused.getAttribute("role") !== "combobox";
    if (!isFirst && isOther && !isTyping && !focused?.closest('[role="dialog"]')) {
      this.all[0]?.mark.focus({ preventScroll: true });
    }
  }

  isOnScreen() {
    return this.root.getClientRects().length > 0;
  }

  // Tiles

  tileOf({ id, name, score, length, sound }, number, isMarked) {
    const element = this.template.content.firstElementChild.cloneNode(true);
    const tile = { id, name, sound, element };
    for (const part of ["mark", "play", "cursor", "stamp"]) tile[part] = element.querySelector(`.${part}`);
    tile.canvas = element.querySelector("canvas");
    const [{ encoded, type }] = sound.sounds;
    tile.url = URL.createObjectURL(new Blob([encoded], { type }));
    const fill = (part, text) => (element.querySelector(`.${part}`).textContent = text);
    fill("key", KEYS[number]);
    fill("name", name);
    const scored = `${this.isAlike ? "similarity" : "score"} ${score}`;
    fill("score", scored);
    fill("length", length);
    tile.stamp.textContent = this.stampText();
    element.querySelector(".name").title = name;
    element.querySelector(".score").title = this.isAlike
      ? "Cosine of the angle between the embeddings; 1 is the same"
      : `Out-of-fold score of ${this.label}`;
    tile.mark.setAttribute("aria-label", `${name}, ${scored}, ${length}`);
    tile.mark.setAttribute("aria-keyshortcuts", `Shift+${KEYS[number]}`);
    tile.play.setAttribute("aria-keyshortcuts", KEYS[number]);
    tile.mark.setAttribute("aria-pressed", String(isMarked));
    this.labelPlay(tile, "Play");
    const on = (target, type, act) => target.addEventListener(type, act);
    on(tile.mark, "click", () => this.toggleMark(tile));
    on(tile.mark, "focus", () => this.setCurrent(number));
    on(tile.play, "mousedown", (event) => event.preventDefault()); // the focus stays where Enter answers
    on(tile.play, "click", () => (this.isPlaying(tile) ? this.audio.pause() : this.play(tile)));
    on(element, "pointermove", (event) => this.pointAt(tile, event));
    on(element, "pointerleave", () => this.pointAway(tile));
    return tile;
  }

  /** Another label is chosen for the same clips, whose marks stay. */
  nameLabel({ label, also }) {
    this.label = label;
    this.also = also;
    for (const tile of this.all) tile.stamp.textContent = this.stampText();
    this.describeAnswer();
  }

  stampText() {
    return `${this.isMissing ? "+" : "not"} ${this.label || "marked"}`;
  }

  labelPlay(tile, verb) {
    tile.play.setAttribute("aria-label", `${verb} ${tile.name}`);
  }

  setCurrent(number) {
    this.current = number;
    for (const [at, tile] of this.all.entries()) tile.mark.tabIndex = at === number ? 0 : -1;
  }

  focus(number) {
    this.setCurrent(number);
    this.all[number].mark.focus();
  }

  draw() {
    if (!this.isOnScreen()) return;
    for (const { canvas, sound } of this.all) {
      const [spectrogram] = sound.spectrograms;
      const { rows } = spectrogram;
      const size = { width: canvas.clientWidth, height: canvas.clientHeight };
      const band = (place) => Math.min(Math.floor(place * rows), rows - 1);
      if (size.width) paintSpectrogram(canvas, size, spectrogram, palette(sound.colours), { start: 0, end: sound.duration_s }, band);
    }
  }

  // Marks and the answer

  isMarked(tile) {
    return tile.mark.getAttribute("aria-pressed") === "true";
  }

  toggleMark(tile) {
    tile.mark.setAttribute("aria-pressed", String(!this.isMarked(tile)));
    this.describeAnswer();
    storeMarks(this.id, this.all.filter((each) => this.isMarked(each)).map((each) => each.id));
  }

  describeAnswer() {
    const odd = this.all.filter((tile) => this.isMarked(tile)).length;
    const rest = this.all.length - odd;
    const { label } = this;
    if (this.isAlike) {
      const count = this.kind === "cluster" ? rest : odd;
      const clips = count + this.also === 1 ? "1 clip" : `${count + this.also} clips`;
      const verb = this.kind === "members" ? "remove from" : "label";
      this.accept.disabled = !label || !count;
      const text = count ? `${label}: ${verb} ${clips}` : "Mark clips first";
      this.what.textContent = label ? text : "Choose a label above";
      return;
    }
    const all = this.all.length === 1 ? "this clip" : `all ${this.all.length}`;
    const none = this.all.length === 1 ? "This clip does not have" : `None of these ${this.all.length} has`;
    let text = `${label} is right in ${all}`;
    if (this.isMissing) {
      if (!odd) text = `${none} ${label}`;
      else text = rest ? `Add ${label} to ${odd}, not to the other ${rest}` : `Add ${label} to ${all}`;
    } else if (odd) {
      text = rest ? `Remove ${label} from ${odd}, keep it in the other ${rest}` : `Remove ${label} from ${all}`;
    }
    this.what.textContent = text;
  }

  answer() {
    if (this.accept.disabled || this.root.classList.contains("sent") || !this.all.length) return;
    this.root.classList.add("sent");
    this.unlocking = setTimeout(() => this.unlock(), LOST_MS);
    this.audio.pause();
    answeredAt = performance.now();
    const ids = (isOdd) => this.all.filter((tile) => this.isMarked(tile) === isOdd).map((tile) => tile.id);
    this.send({ accepted: ids(false), odd: ids(true) });
  }

  /** Take answers: the last one was refused, as by a full disk, or it got lost. */
  unlock() {
    clearTimeout(this.unlocking);
    this.root.classList.remove("sent");
  }

  // The sound

  play(tile, byPointer = false) {
    if (this.audio.getAttribute("src") !== tile.url) this.audio.src = tile.url;
    this.stopped();
    [this.playing, this.byPointer] = [tile, byPointer];
    this.audio.currentTime = 0;
    this.fault.textContent = "";
    this.audio.play().catch((error) => {
      if (error.name === "NotAllowedError") this.fault.textContent = "Press a key or click once to allow sound.";
      else if (error.name !== "AbortError") this.showFault(); // another tile was played before this one began
    });
  }

  isPlaying(tile) {
    return this.playing === tile && !this.audio.paused;
  }

  showFault() {
    if (this.audio.hasAttribute("src")) this.fault.textContent = "This browser cannot play the sound.";
  }

  started() {
    if (!this.playing) return;
    this.playing.element.classList.add("playing");
    this.labelPlay(this.playing, "Stop");
    cancelAnimationFrame(this.frame);
    this.animate();
  }

  animate() {
    this.moveCursor();
    if (!this.audio.paused) this.frame = requestAnimationFrame(() => this.animate());
  }

  moveCursor() {
    if (!this.playing) return;
    this.playing.cursor.style.left = `${(100 * this.audio.currentTime) / this.playing.sound.duration_s}%`;
  }

  stopped() {
    if (!this.playing) return;
    this.playing.element.classList.remove("playing");
    this.labelPlay(this.playing, "Play");
  }

  // Pointer

  /** A tile that comes to lie under a pointer at rest is not played: only a movement counts. */
  pointAt(tile, event) {
    if (event.pointerType === "touch" || this.pointed === tile || (!event.movementX && !event.movementY)) return;
    this.pointed = tile;
    clearTimeout(this.dwelling);
    this.dwelling = setTimeout(() => this.play(tile, true), DWELL_MS);
  }

  pointAway(tile) {
    clearTimeout(this.dwelling);
    this.pointed = null;
    if (this.playing === tile && this.byPointer) this.audio.pause();
  }

  // Keys

  keyDown(event) {
    const act = this.actionOf(event);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat || event.key.startsWith("Arrow")) act();
  }

  keyUp(event) {
    if (event.key === " " && this.actionOf(event)) event.preventDefault(); // a button is pressed when the key is released
  }

  /** What a key does here; nothing while another element needs it. */
  actionOf(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.isOnScreen() || !this.all.length) return null;
    const target = event.composedPath()[0];
    if (takesText(target) || target.closest?.('[role="dialog"]')) return null;
    const number = tileNumber(event);
    if (number < this.all.length && number >= 0) return () => this.pressTile(number, event.shiftKey);
    if (event.key.toLowerCase() === "m") return () => this.pressTile(this.current, true);
    if (event.key === "Escape") return this.audio.paused ? null : () => this.audio.pause();
    const isFree = target === document.body || target === document.documentElement;
    if (!isFree && !this.all.some((tile) => tile.mark === target)) return null;
    if (event.key === "Enter") return () => this.answer();
    if (event.key === " ") return () => this.pressTile(this.current, false);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns(), ArrowDown: this.columns() }[event.key];
    return step ? () => this.move(step) : null;
  }

  pressTile(number, isMark) {
    this.focus(number);
    const tile = this.all[number];
    if (isMark) this.toggleMark(tile);
    else if (this.isPlaying(tile) && !this.byPointer) this.audio.pause();
    else this.play(tile);
  }

  move(step) {
    const goal = this.current + step;
    if (goal >= 0 && goal < this.all.length) this.focus(goal);
  }

  columns() {
    return getComputedStyle(this.tiles).gridTemplateColumns.split(" ").length;
  }
}

/** The number of the tile that a key belongs to, or −1. Digits by their place, because Shift makes them other signs. */
function tileNumber(event) {
  const digit = /^Digit(\d)$/.exec(event.code)?.[1];
  return KEYS.indexOf(digit ?? event.key.toUpperCase());
}

/** The marks of the last grids by their ids: a page that is loaded again, or an undone answer, has them still. */
function storedMarks() {
  try {
    return Object.fromEntries(JSON.parse(sessionStorage.getItem(STORED) ?? "[]"));
  } catch {
    return {}; // the browser stores nothing
  }
}

function storeMarks(id, marks) {
  const others = Object.entries(storedMarks()).filter(([other]) => other !== id);
  try {
    sessionStorage.setItem(STORED, JSON.stringify([...others, [id, marks]].slice(-REMEMBERED_GRIDS)));
  } catch {
    // the browser stores nothing
  }
}
