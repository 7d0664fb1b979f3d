// The player's side in the browser: one time axis for waveform, spectrogram and timeline, one cursor over all three.
//
// Streamlit calls the default export whenever a run of the page sends something new. The player of a place on the page
// stays across these calls, so its sound continues until another sound comes. Its data come in other components
// (part.js); it shows them as soon as it has the head and all parts that the head names.
// The script of a component is one text for Streamlit: player.py puts the other scripts before this one.

const MAX_FRAME_S = 0.02; // a frame that took longer was skipped by a busy browser
const RATES = [0.25, 0.5, 0.75, 1, 1.5, 2];

const players = new WeakMap(); // shadow root → its player
let hovered = null; // the player under the pointer: the space key controls it, wherever the focus is
let sounding = null; // the player that plays: one sound at a time
let chosenAxis = "mel"; // the last choice, for players to come
let tabbed = false; // whether the focus was last moved by the Tab key, and not by the pointer

export default function ({ data, parentElement }) {
  if (!players.has(parentElement)) {
    players.set(parentElement, new Player(parentElement.querySelector(".player")));
  }
  const player = players.get(parentElement);
  player.settle(data.place);
  return () => {
    // This is also called when a later run of the page replaces the current one. Then the player is still in use.
    if (parentElement.host.isConnected) return;
    player.remove();
    players.delete(parentElement);
  };
}

class Player {
  constructor(root) {
    this.root = root;
    for (const name of ["play", "crop", "loop", "rate", "versions", "now", "length", "fault", "axis", "download"]) {
      this[name] = root.querySelector(`.${name}`);
    }
    this.panelsRoot = root.querySelector(".panels");
    this.template = root.querySelector("template");
    this.dialog = root.querySelector("dialog");
    this.dialog.querySelector("table").replaceChildren(...keyRows());
    this.window = new TimeWindow();
    this.panels = [];
    this.data = null;
    this.taken = null; // the head that is shown, as bytes
    this.jumped = null; // the number of the last jump
    this.region = null;
    this.isFollowed = true; // whether the window moves along with the cursor
    this.segment = null; // [start, end] in seconds while a part alone is played
    this.frame_s = 0; // how long the last frame was on the screen
    this.announced = 0; // the position that was last given to assistive technology
    this.axisName = chosenAxis;
    root.querySelector(`input[value=${chosenAxis}]`).checked = true;
    this.listening = new Listening(root.querySelector("audio"), {
      play: () => this.started(),
      pause: () => this.stopped(),
      move: () => this.follow(), // a hidden tab has no animation frames
      fail: () => (this.fault.textContent = "This browser cannot play the sound."),
    });
    this.overview = new Overview(root.querySelector(".overview"), this);
    this.regionBar = new RegionBar(root.querySelector(".region-bar"), this);
    this.listen();
  }

  listen() {
    this.gone = new AbortController();
    const on = (target, type, act, options = {}) =>
      target.addEventListener(type, act, { signal: this.gone.signal, ...options });
    const click = (name, act) => on(this.root.querySelector(`.${name}`), "click", act);
    click("play", () => this.toggle());
    click("crop", () => this.playPart(this.playableCrop()));
    click("loop", () => this.toggleLoop());
    click("zoom-in", () => this.zoomBy(ZOOM_STEP));
    click("zoom-out", () => this.zoomBy(1 / ZOOM_STEP));
    click("whole", () => this.showAll());
    click("help", () => this.showKeys());
    on(this.rate, "change", () => this.setRate(Number(this.rate.value)));
    on(this.axis, "change", (event) => this.chooseAxis(event.target.value));
    on(this.versions, "change", (event) => this.chooseVersion(Number(event.target.value)));
    on(this.root, "keydown", (event) => this.keyInside(event));
    on(this.root, "pointermove", () => (hovered = this));
    on(this.root, "pointerleave", () => (hovered = hovered === this ? null : hovered));
    on(this.panelsRoot, "wheel", (event) => this.turnWheel(event), { passive: false });
    // In the capture phase, or the button that was clicked last would be pressed as well.
    on(document, "keydown", (event) => this.keyAnywhere(event), { capture: true });
    on(document, "keyup", (event) => this.spaceUp(event), { capture: true });
    on(document, "pointerdown", () => (tabbed = false), { capture: true });
  }

  remove() {
    this.gone.abort();
    for (const panel of this.panels) panel.remove();
    this.listening.removeAll();
    if (hovered === this) hovered = null;
    if (sounding === this) sounding = null;
    if (this.shelf.player === this) this.shelf.player = null;
  }

  // What is shown

  /** Take the data that are at a place, now and whenever other ones come there. */
  settle(place) {
    const places = (window.audiotagPlayers ??= new Map());
    if (!places.has(place)) places.set(place, { parts: new Map(), player: null });
    this.shelf = places.get(place);
    this.shelf.player = this;
    this.take();
  }

  take() {
    const bytesOf = (id) => this.shelf.parts.get(id)?.bytes;
    const head = bytesOf("head");
    if (!head || head === this.taken) return;
    const parsed = JSON.parse(new TextDecoder().decode(head));
    if ([...parsed.sounds, ...parsed.spectrograms].some(({ part }) => !bytesOf(part))) return; // not all have come
    this.taken = head;
    this.show(assembled(parsed, bytesOf));
  }

  /** Show other data: the same sound continues, another sound starts at its beginning. */
  show(data) {
    const isOther = this.data?.id !== data.id;
    const isOtherView = isOther || String(this.data.view) !== String(data.view);
    this.data = data;
    this.root.classList.toggle("compact", data.compact);
    if (isOther) this.reset();
    this.listening.setVersions(data.sounds, !isOther);
    if (isOther) this.stopped();
    const crops = data.spectrograms.flatMap(({ crop }) => crop ?? []);
    this.window.setWhole(Math.min(0, ...crops), Math.max(data.duration_s, ...crops));
    if (isOtherView) this.window.showAll();
    if (isOtherView && data.view) this.window.show(...data.view);
    this.crop.hidden = !data.crop;
    this.root.setAttribute("aria-label", `Player of ${data.name}`);
    this.length.textContent = ` / ${clock(data.from_s + data.duration_s)}`;
    this.setUpPanels();
    this.setUpVersions();
    this.describeDownload();
    this.draw();
    this.announcePosition();
    this.jump();
    if (isOther && data.autoplay) this.start();
  }

  reset() {
    this.segment = null;
    this.region = null;
    this.fault.textContent = "";
  }

  setUpPanels() {
    const { spectrograms, sounds, timeline, name, from_s, duration_s } = this.data;
    while (this.panels.length > spectrograms.length) this.panels.pop().remove();
    while (this.panels.length < spectrograms.length) this.panels.push(this.addedPanel());
    for (const [number, spectrogram] of spectrograms.entries()) {
      const sound = sounds.find(({ label }) => label === spectrogram.label) ?? sounds[0];
      this.panels[number].show(spectrogram, sound, number ? [] : timeline);
    }
    this.root.classList.toggle("several", spectrograms.length > 1);
    this.seek = this.panels[0].seek;
    const attributes = { role: "slider", tabindex: 0, "aria-label": `Position in ${name}` };
    attributes["aria-valuemin"] = from_s;
    attributes["aria-valuemax"] = (from_s + duration_s).toFixed(2);
    for (const [attribute, value] of Object.entries(attributes)) this.seek.setAttribute(attribute, value);
  }

  addedPanel() {
    const element = this.template.content.firstElementChild.cloneNode(true);
    this.panelsRoot.append(element);
    const panel = new Panel(element, this);
    new PanelPointer(panel, this);
    return panel;
  }

  setUpVersions() {
    const { sounds } = this.data;
    this.versions.hidden = sounds.length < 2;
    const choices = sounds.map(({ label }, number) => {
      const choice = document.createElement("label");
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name: "version", value: number, checked: number === this.listening.chosen });
      const text = document.createElement("span");
      text.textContent = label;
      choice.append(input, text);
      return choice;
    });
    this.versions.replaceChildren(...choices);
  }

  describeDownload() {
    const { sounds, file } = this.data;
    const { suffix } = sounds[this.listening.chosen];
    this.download.href = this.listening.url;
    this.download.download = `${file}.${suffix}`;
    this.download.title = `Download as ${suffix.toUpperCase()}`;
    this.download.setAttribute("aria-label", `Download the sound as ${suffix.toUpperCase()}`);
  }

  draw() {
    for (const panel of this.panels) panel.draw();
    this.overview.draw();
    this.regionBar.draw();
  }

  chooseAxis(name) {
    this.axisName = chosenAxis = name;
    this.draw();
  }

  // The sound

  time() {
    return this.listening.time;
  }

  toggle() {
    if (this.listening.paused) this.start();
    else this.listening.pause();
  }

  start() {
    if (sounding !== this) sounding?.listening.pause();
    sounding = this;
    const time = this.time();
    if (!this.segment && this.region && this.looping()) this.segment = [this.region.start, this.region.end];
    if (this.segment && (time < this.segment[0] || time >= this.segment[1])) this.listening.seek(this.segment[0]);
    this.isFollowed = true;
    this.setLooped();
    this.listening.play();
  }

  /** Play from start to end of a part, and again if the loop is on. */
  playPart(part) {
    if (!part) return;
    this.segment = part;
    this.listening.seek(part[0]);
    this.start();
  }

  playRegion() {
    if (this.region) this.playPart([this.region.start, this.region.end]);
  }

  /** The part of the crop that holds sound: zeros before and after it are not in the file. */
  playableCrop() {
    const { crop, duration_s } = this.data;
    return crop && [Math.max(0, crop[0]), Math.min(duration_s, crop[1])];
  }

  toggleLoop() {
    this.loop.setAttribute("aria-pressed", String(!this.looping()));
    if (this.looping() && this.region) {
      this.segment = [this.region.start, this.region.end];
      if (!this.listening.paused) this.start();
    }
    this.setLooped();
    this.regionBar.draw();
  }

  setLooped() {
    this.listening.setLooped(this.looping() && !this.segment);
  }

  looping() {
    return this.loop.getAttribute("aria-pressed") === "true";
  }

  setRate(rate) {
    this.rate.value = String(rate);
    this.listening.setRate(rate);
  }

  stepRate(step) {
    const at = RATES.indexOf(this.listening.rate) + step;
    if (RATES[at]) this.setRate(RATES[at]);
  }

  chooseVersion(number) {
    this.listening.choose(number);
    this.setUpVersions();
    this.describeDownload();
    this.moveCursor();
  }

  chooseNextVersion() {
    this.chooseVersion((this.listening.chosen + 1) % this.data.sounds.length);
  }

  jump() {
    const { jump } = this.data;
    if (!jump || jump.number === this.jumped) return;
    this.jumped = jump.number;
    this.seekTo(jump.time_s);
  }

  started() {
    this.root.classList.add("playing");
    this.labelPlay("Pause");
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame((now) => this.animate(now, now));
  }

  animate(now, before) {
    this.frame_s = Math.min((now - before) / 1000, MAX_FRAME_S);
    this.follow();
    if (!this.listening.paused) this.frame = requestAnimationFrame((next) => this.animate(next, now));
  }

  /** Where the cursor is drawn: what is drawn now is seen a frame later, so while the sound plays it is a frame ahead. */
  cursorTime() {
    const ahead = this.listening.paused ? 0 : this.frame_s * this.listening.rate;
    return Math.min(this.time() + ahead, this.data.duration_s);
  }

  stopped() {
    this.root.classList.remove("playing");
    this.labelPlay("Play");
    this.moveCursor();
    this.announcePosition();
  }

  labelPlay(label) {
    this.play.setAttribute("aria-label", label);
    this.play.title = `${label} (space)`;
  }

  /** Stay within the part that is played alone, move the cursor, and keep it in the window. */
  follow() {
    if (this.segment && this.time() >= this.segment[1]) {
      if (this.looping()) {
        this.listening.seek(this.segment[0]);
      } else {
        this.listening.pause();
        this.listening.seek(this.segment[1]);
        this.segment = null;
      }
    }
    if (!this.listening.paused) this.followInWindow();
    this.moveCursor();
    if (Math.abs(this.time() - this.announced) >= 1) this.announcePosition();
  }

  /** Move the window along with the cursor, unless the user has moved it away, or all of the part is in it. */
  followInWindow() {
    const isPartShown = this.segment?.every((time) => this.window.holds(time));
    if (this.isFollowed && !isPartShown && this.window.follow(this.time())) this.draw();
    this.isFollowed = this.window.holds(this.time());
  }

  seekTo(time) {
    const at = Math.min(Math.max(time, 0), this.data.duration_s);
    if (this.segment && (at < this.segment[0] || at >= this.segment[1])) this.segment = null;
    this.listening.seek(at);
    this.setLooped();
    this.isFollowed = true;
    if (!this.window.holds(at)) this.followInWindow();
    this.moveCursor();
    this.announcePosition();
  }

  moveCursor() {
    if (!this.data) return;
    this.now.textContent = clock(this.data.from_s + this.time());
    for (const panel of this.panels) panel.moveCursor();
    this.overview.moveCursor();
  }

  /** Give the position to assistive technology, at most once a second, or a screen reader would talk all the time. */
  announcePosition() {
    if (!this.seek) return;
    this.announced = this.time();
    const { from_s, duration_s } = this.data;
    const now = (from_s + this.announced).toFixed(2);
    this.seek.setAttribute("aria-valuenow", now);
    this.seek.setAttribute("aria-valuetext", `${now} of ${(from_s + duration_s).toFixed(2)} seconds`);
  }

  // Zoom and region

  /** Zoom about a time: the cursor if it is in the window, or else the middle. */
  zoomBy(factor, about = this.window.holds(this.time()) ? this.time() : (this.window.start + this.window.end) / 2) {
    this.window.zoom(factor, about);
    this.draw();
  }

  showAll() {
    this.window.showAll();
    this.draw();
  }

  scrollBy(seconds) {
    this.window.scroll(seconds);
    this.isFollowed = this.window.holds(this.time());
    this.draw();
  }

  zoomToRegion() {
    if (!this.region) return;
    const margin = 0.05 * (this.region.end - this.region.start);
    this.window.show(this.region.start - margin, this.region.end + margin);
    this.draw();
  }

  /** Select a region; null clears it. A region that was played alone is not any more. */
  select(region) {
    if (this.segment && this.region && this.segment[0] === this.region.start) this.segment = null;
    this.region = region;
    if (region && this.looping()) this.segment = [region.start, region.end];
    this.setLooped();
    for (const panel of this.panels) panel.drawMarks();
    this.overview.draw();
    this.regionBar.draw();
  }

  clearRegion() {
    this.select(null);
  }

  /** Set the start or the end of the region to the cursor; the other end is that of the region, or of the sound. */
  setRegionEnd(which) {
    const { start, end, low, high } = this.region ?? { start: 0, end: this.data.duration_s, low: null, high: null };
    const time = this.time();
    const times = which === "start" ? [time, time < end ? end : this.data.duration_s] : [time > start ? start : 0, time];
    this.select(regionBetween(times, [low, high], this.limits()));
  }

  limits() {
    const edges = this.data.spectrograms.map(({ edges_hz }) => edges_hz);
    return {
      duration_s: this.data.duration_s,
      lowest: Math.min(...edges.map((each) => each[0])),
      highest: Math.max(...edges.map((each) => each.at(-1))),
    };
  }

  // Keys and wheel

  showKeys() {
    this.dialog.showModal();
  }

  /** Whether the space key controls this player instead of the focused element. */
  ownsSpace(event) {
    if (event.key !== " " || event.ctrlKey || event.metaKey || event.altKey || this.dialog.open) return false;
    const target = event.composedPath()[0];
    if (takesText(target)) return false;
    if (hovered) return hovered === this;
    return target === this.seek || (this.data?.owns_space && !needsSpace(target));
  }

  keyAnywhere(event) {
    if (event.key === "Tab") [hovered, tabbed] = [null, true]; // the user has moved on to the keyboard
    if (!this.data) return;
    let act = null;
    if (this.ownsSpace(event)) act = () => (event.shiftKey && this.region ? this.playRegion() : this.toggle());
    else if (hovered === this && !this.dialog.open && !takesText(event.composedPath()[0])) act = keyAction(event, this);
    this.press(event, act);
  }

  keyInside(event) {
    const target = event.composedPath()[0];
    if (!this.data || this.dialog.open || takesText(target)) return;
    if (target.type === "radio" && event.key.startsWith("Arrow")) return;
    if (target.closest?.(".overview")) return;
    this.press(event, keyAction(event, this) ?? focusedKeyAction(event, this));
  }

  press(event, act) {
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key !== " " || !event.repeat) act();
  }

  spaceUp(event) {
    if (this.data && this.ownsSpace(event)) event.preventDefault(); // a button is pressed when the key is released
  }

  /** Zoom with Ctrl or ⌘ (browsers report two fingers on a touchpad so too); move sideways, or with Shift. */
  turnWheel(event) {
    const panel = this.panels.find(({ root }) => root.contains(event.target));
    if (!panel?.box || this.data.compact) return;
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    const [x, y] = [event.deltaX * lines, event.deltaY * lines];
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoomBy(Math.exp(-y / 200), panel.timeAt(event.clientX - panel.seek.getBoundingClientRect().left));
    } else if (!this.window.isWhole() && (event.shiftKey || Math.abs(x) > Math.abs(y))) {
      event.preventDefault();
      this.scrollBy(((x || y) / panel.box.width) * this.window.span());
    }
  }
}

/** Whether an element that the Tab key has led to is operated with the space key; a button also takes Enter. */
function needsSpace(target) {
  if (!(target instanceof Element)) return false;
  const controls = "input, summary, [role=tab], [role=radio], [role=checkbox], [role=switch], [role=option]";
  return target.matches("[role=slider], [role=dialog] *") || (tabbed && target.matches(controls));
}
