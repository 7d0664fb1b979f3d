// The list of similar clips in the browser: rows that are moved through and played by key.
//
// Streamlit calls the default export whenever a run of the page sends something new. The sounds come in other components
// (the player's part.js): that of the first row with the list, and each other one when it is wanted. A row is played as
// soon as its sound is here. What all components share, sources.py puts before this.

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const list = livingIn(parentElement, () => new ClipList(parentElement.querySelector(".similar")));
  list.want = (ids) => setStateValue("wanted", ids);
  list.open = (id) => setTriggerValue("opened", id);
  list.show(listOf(data));
  return whenGone(parentElement, () => list.remove());
}

/** The block that clip_list.py packs: a header, and the levels of each row's spectrogram. */
function listOf(bytes) {
  const { header, rest } = withoutHeader(bytes);
  let at = 0;
  for (const row of header.rows) row.levels = rest.subarray(at, (at += row.rows * row.columns));
  return header;
}

class ClipList {
  constructor(root) {
    this.root = root;
    for (const name of ["rows", "fault"]) this[name] = root.querySelector(`.${name}`);
    this.template = root.querySelector("template");
    this.audio = root.querySelector("audio");
    this.id = null;
    this.all = []; // the rows
    this.current = 0;
    this.playing = null; // the row that sounds
    this.awaited = null; // the row that is played as soon as its sound is here
    this.before = null; // what had the focus before it came into the list
    this.listen();
  }

  listen() {
    this.gone = new AbortController();
    const on = (target, type, act, capture = false) =>
      target.addEventListener(type, act, { signal: this.gone.signal, capture });
    on(this.audio, "play", () => this.started());
    for (const type of ["pause", "ended"]) on(this.audio, type, () => this.stopped());
    on(this.audio, "timeupdate", () => this.moveCursor()); // a hidden tab has no animation frames
    on(this.audio, "error", () => this.audio.hasAttribute("src") && this.say("This browser cannot play the sound."));
    // On the window and in the capture phase: before the player, which takes the space key on some pages.
    on(window, "keydown", (event) => this.keyDown(event), true);
    on(window, "keyup", (event) => this.keyUp(event), true);
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.rows);
    window.audiotagSimilarClips = this; // the keys of this list are then in the list of keys of the player
  }

  remove() {
    this.gone.abort();
    this.resized.disconnect();
    this.unload();
    if (this.shelf?.player === this) this.shelf.player = null;
    if (window.audiotagSounding === this.audio) window.audiotagSounding = null;
    if (window.audiotagSimilarClips === this) window.audiotagSimilarClips = null;
  }

  unload() {
    this.audio.pause();
    this.audio.removeAttribute("src");
    for (const row of this.all) URL.revokeObjectURL(row.url);
    this.all = [];
    this.playing = this.awaited = null;
  }

  show(data) {
    if (data.id === this.id) return; // it is on the page already
    this.unload();
    this.id = data.id;
    this.root.setAttribute("aria-label", `Clips similar to ${data.of}`);
    this.colours = palette(data.colours);
    this.all = data.rows.map((row, number) => this.rowOf(row, number));
    this.rows.replaceChildren(...this.all.map((row) => row.element));
    this.say("");
    this.setCurrent(0);
    this.wanted = [];
    this.settle(data.place);
    this.draw();
  }

  /** Look for sounds at the place on the page where the parts of this list come. */
  settle(place) {
    const places = (window.audiotagPlayers ??= new Map());
    if (!places.has(place)) places.set(place, { parts: new Map(), player: null });
    this.shelf = places.get(place);
    this.shelf.player = this;
  }

  isOnScreen() {
    return this.root.getClientRects().length > 0;
  }

  say(text) {
    this.fault.textContent = text;
  }

  // Rows

  rowOf(data, number) {
    const element = this.template.content.firstElementChild.cloneNode(true);
    const row = { ...data, element, url: null };
    for (const part of ["play", "open", "cursor"]) row[part] = element.querySelector(`.${part}`);
    row.canvas = element.querySelector("canvas");
    const likeness = row.similarity.toFixed(2);
    const fill = (part, text) => (element.querySelector(`.${part}`).textContent = text);
    fill("name", row.name);
    fill("mark", row.mark);
    fill("details", row.problem || row.details);
    fill("length", row.length);
    fill("number", likeness);
    element.querySelector(".name").title = row.name;
    element.querySelector(".details").title = row.problem || row.details;
    element.querySelector(".bar span").style.width = `${100 * row.similarity}%`;
    element.classList.toggle("unreadable", Boolean(row.problem));
    row.about = [row.name, row.details, row.mark, `similarity ${likeness}`, row.length].filter(Boolean).join(", ");
    row.play.setAttribute("aria-keyshortcuts", "J K");
    row.open.href = row.address;
    row.open.title = "Open in Dataset (Enter)";
    row.open.setAttribute("aria-label", `Open ${row.name} in Dataset`);
    this.labelPlay(row, "Play");
    row.play.addEventListener("click", () => this.press(number));
    row.open.addEventListener("click", (event) => this.clickOpen(event, row));
    element.addEventListener("focusin", () => this.setCurrent(number));
    return row;
  }

  labelPlay(row, verb) {
    row.play.setAttribute("aria-label", `${verb} ${row.about}`);
  }

  /** The Tab key leads to the current row alone; the arrow keys lead to the others. */
  setCurrent(number) {
    this.current = number;
    for (const [at, row] of this.all.entries()) {
      row.element.classList.toggle("current", at === number);
      row.play.tabIndex = row.open.tabIndex = at === number ? 0 : -1;
    }
  }

  draw() {
    if (!this.isOnScreen()) return;
    for (const row of this.all) {
      const { canvas, rows } = row;
      const size = { width: canvas.clientWidth, height: canvas.clientHeight };
      const band = (place) => Math.min(Math.floor(place * rows), rows - 1);
      if (rows && size.width) paintSpectrogram(canvas, size, row, this.colours, { start: 0, end: row.duration_s }, band);
    }
  }

  // The sound

  press(number) {
    const row = this.all[number];
    if (this.isPlaying(row)) this.audio.pause();
    else this.play(row);
  }

  /** Play a row; if its sound is not here yet, as soon as it comes. */
  play(row) {
    this.say("");
    this.ask(row);
    this.audio.pause();
    this.setAwaited(row.problem ? null : row);
    this.take();
  }

  setAwaited(row) {
    this.awaited?.element.classList.remove("awaited");
    this.awaited = row;
    row?.element.classList.add("awaited");
  }

  /** Ask for the sounds of a row and of the next one, so that a further step is heard at once. */
  ask(row) {
    const next = this.all[this.all.indexOf(row) + 1];
    const more = [row, next].filter((each) => each && !each.problem && !this.wanted.includes(each.id));
    if (!more.length) return;
    this.wanted = [...this.wanted, ...more.map(({ id }) => id)];
    this.want(this.wanted);
  }

  /** A sound has come. */
  take() {
    const row = this.awaited;
    const bytes = row && this.shelf.parts.get(row.id)?.bytes;
    if (!bytes) return;
    this.setAwaited(null);
    if (!row.url) {
      const { encoded, type } = soundOf(bytes);
      row.url = URL.createObjectURL(new Blob([encoded], { type }));
    }
    if (this.audio.getAttribute("src") !== row.url) this.audio.src = row.url;
    this.playing = row;
    this.audio.currentTime = 0;
    soundAlone(this.audio);
    this.audio.play().catch((error) => {
      if (error.name === "NotAllowedError") this.say("Press a key or click once to allow sound.");
      else if (error.name !== "AbortError") this.say("This browser cannot play the sound."); // another row was played
    });
  }

  isPlaying(row) {
    return this.playing === row && !this.audio.paused;
  }

  started() {
    for (const row of this.all) {
      row.element.classList.toggle("playing", row === this.playing);
      this.labelPlay(row, row === this.playing ? "Stop" : "Play");
    }
    cancelAnimationFrame(this.frame);
    this.animate();
  }

  animate() {
    this.moveCursor();
    if (!this.audio.paused) this.frame = requestAnimationFrame(() => this.animate());
  }

  moveCursor() {
    if (!this.playing) return;
    this.playing.cursor.style.left = `${(100 * this.audio.currentTime) / this.playing.duration_s}%`;
  }

  stopped() {
    if (!this.playing) return;
    this.playing.element.classList.remove("playing");
    this.labelPlay(this.playing, "Play");
  }

  // Opening a clip

  /** A plain click opens the clip in this tab, and the app stays; with a modifier, the browser follows the link. */
  clickOpen(event, row) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.audio.pause();
    this.open(row.id);
  }

  // Keys

  keyDown(event) {
    const act = this.actionOf(event);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat || !" Enter".includes(event.key)) act();
  }

  keyUp(event) {
    if (event.key === " " && this.actionOf(event)) event.preventDefault(); // a button is pressed when the key is released
  }

  /** What a key does here; nothing while another element needs it. */
  actionOf(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return null;
    if (!this.all.length || !this.isOnScreen()) return null;
    const target = event.composedPath()[0];
    if (takesText(target) || target.closest?.('[role="dialog"], dialog')) return null;
    const row = this.all.find(({ play }) => play === target);
    const isInside = row || this.all.some(({ open }) => open === target);
    const step = { j: 1, k: -1 }[event.key.toLowerCase()] ?? (isInside ? { ArrowDown: 1, ArrowUp: -1 }[event.key] : 0);
    if (step) return () => this.move(isInside ? this.current + step : this.current);
    if (!isInside) return null;
    const actions = {
      Home: () => this.move(0),
      End: () => this.move(this.all.length - 1),
      Escape: () => this.leave(),
    };
    if (row) Object.assign(actions, { " ": () => this.press(this.current), Enter: () => row.open.click() });
    return actions[event.key] ?? null;
  }

  /** Go to a row and play it. */
  move(number) {
    const goal = Math.min(Math.max(number, 0), this.all.length - 1);
    const row = this.all[goal];
    if (document.activeElement !== this.root.getRootNode().host) this.before = document.activeElement;
    row.play.focus({ preventScroll: true });
    row.element.scrollIntoView({ block: "nearest" });
    this.play(row);
  }

  /** Stop, and give the focus back: the keys of the page work as before. */
  leave() {
    this.audio.pause();
    this.setAwaited(null);
    this.all[this.current].play.blur();
    if (this.before?.isConnected && this.before !== document.body) this.before.focus({ preventScroll: true });
  }
}
