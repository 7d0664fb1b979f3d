// The player's side in the browser: one time axis for waveform, spectrogram and timeline, one cursor over all three.
//
// Streamlit calls the default export whenever a run of the page sends something new. The player of a place on the page
// stays across these calls, so its sound continues until another sound comes. Its data come in other components
// (part.js); it shows them as soon as it has the head and all parts that the head names.
// The script of a component is one text for Streamlit: sources.py puts the other scripts before this one.

let chosenAxis = "mel"; // the last choice, for players to come

export default function ({ data, parentElement }) {
  const player = livingIn(parentElement, () => new Player(parentElement.querySelector(".player")));
  player.settle(data.place);
  return whenGone(parentElement, () => player.remove());
}

class Player {
  constructor(root) {
    this.root = root;
    for (const name of ["versions", "now", "length", "axis", "crop", "highlight", "download", "panels"]) {
      this[`${name}Element`] = root.querySelector(`.${name}`);
    }
    this.template = root.querySelector("template");
    this.dialog = root.querySelector("dialog");
    this.window = new TimeWindow();
    this.panels = [];
    this.data = null;
    this.taken = null; // the head that is shown, as text
    this.jumped = null; // the number of the last jump
    this.region = null;
    this.isHighlighted = true;
    this.announced = 0; // the position that was last given to assistive technology
    this.axisName = chosenAxis;
    root.querySelector(`input[value=${chosenAxis}]`).checked = true;
    this.gone = new AbortController();
    this.playback = new Playback(root, this);
    this.overview = new Overview(root.querySelector(".overview"), this);
    this.regionBar = new RegionBar(root.querySelector(".region-bar"), this);
    const on = (target, type, act, options = {}) =>
      target.addEventListener(type, act, { signal: this.gone.signal, ...options });
    this.keys = new KeyHandling(root, this, on);
    this.listen(on);
  }

  listen(on) {
    const click = (name, act) => on(this.root.querySelector(`.${name}`), "click", act);
    click("crop", () => this.playback.playPart(this.playableCrop()));
    click("highlight", () => this.toggleHighlight());
    click("zoom-in", () => this.zoomBy(ZOOM_STEP));
    click("zoom-out", () => this.zoomBy(1 / ZOOM_STEP));
    click("whole", () => this.showAll());
    click("help", () => this.showKeys());
    on(this.axisElement, "change", (event) => this.chooseAxis(event.target.value));
    on(this.versionsElement, "change", (event) => this.chooseVersion(Number(event.target.value)));
    on(this.panelsElement, "wheel", (event) => this.turnWheel(event), { passive: false });
  }

  remove() {
    this.gone.abort();
    for (const panel of this.panels) panel.remove();
    this.playback.remove();
    this.keys.remove();
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
    const text = head && new TextDecoder().decode(head);
    if (!head || text === this.taken) return;
    const parsed = JSON.parse(text);
    const named = [...parsed.sounds, ...parsed.spectrograms, ...(parsed.highlight ? [parsed.highlight] : [])];
    if (named.some(({ part }) => !bytesOf(part))) return; // not all have come
    this.taken = text;
    this.show(assembled(parsed, bytesOf));
  }

  /** Show other data: the same sound continues, another sound starts at its beginning. */
  show(data) {
    const isOther = this.data?.id !== data.id;
    const isOtherView = isOther || String(this.data.view) !== String(data.view);
    this.data = data;
    this.root.classList.toggle("compact", data.compact);
    if (isOther) this.region = null;
    this.playback.setVersions(data.sounds, isOther);
    const crops = data.spectrograms.flatMap(({ crop }) => crop ?? []);
    this.window.setWhole(Math.min(0, ...crops), Math.max(data.duration_s, ...crops));
    if (isOtherView) this.window.showAll();
    if (isOtherView && data.view) this.window.show(...data.view);
    this.cropElement.hidden = !data.crop;
    this.highlightElement.hidden = !data.highlight;
    this.highlightElement.textContent = data.highlight?.label ?? "";
    this.root.setAttribute("aria-label", `Player of ${data.name}`);
    this.lengthElement.textContent = ` / ${clock(data.from_s + data.duration_s)}`;
    this.setUpPanels();
    this.setUpVersions();
    this.describeDownload();
    this.draw();
    this.announcePosition();
    this.jump();
    if (isOther && data.autoplay) this.playback.start();
  }

  setUpPanels() {
    const { spectrograms, sounds, timeline, highlight, name, from_s, duration_s } = this.data;
    while (this.panels.length > spectrograms.length) this.panels.pop().remove();
    while (this.panels.length < spectrograms.length) this.panels.push(this.addedPanel());
    for (const [number, spectrogram] of spectrograms.entries()) {
      const sound = sounds.find(({ label }) => label === spectrogram.label) ?? sounds[0];
      this.panels[number].show(spectrogram, sound, number ? [] : timeline, number ? null : highlight);
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
    this.panelsElement.append(element);
    const panel = new Panel(element, this);
    new PanelPointer(panel, this);
    return panel;
  }

  setUpVersions() {
    const labels = this.data.sounds.map(({ label }) => label);
    const inputs = () => [...this.versionsElement.querySelectorAll("input")];
    this.versionsElement.hidden = labels.length < 2;
    if (inputs().map(({ ariaLabel }) => ariaLabel).join("\n") !== labels.join("\n")) { // or the focus would be lost
      this.versionsElement.replaceChildren(...labels.map(choiceOf));
    }
    for (const [number, input] of inputs().entries()) input.checked = number === this.playback.listening.chosen;
  }

  describeDownload() {
    const { sounds, file } = this.data;
    const { chosen } = this.playback.listening;
    const { suffix, label } = sounds[chosen];
    this.downloadElement.href = this.playback.listening.url;
    this.downloadElement.download = chosen ? `${file} (${label}).${suffix}` : `${file}.${suffix}`;
    this.downloadElement.title = `Download as ${suffix.toUpperCase()}`;
    this.downloadElement.setAttribute("aria-label", `Download the sound as ${suffix.toUpperCase()}`);
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

  toggleHighlight() {
    this.isHighlighted = !this.isHighlighted;
    this.highlightElement.setAttribute("aria-pressed", this.isHighlighted);
    this.draw();
  }

  // The sound

  time() {
    return this.playback.time();
  }

  playRegion() {
    if (this.region) this.playback.playPart([this.region.start, this.region.end]);
  }

  /** The part of the crop that holds sound: zeros before and after it are not in the file. */
  playableCrop() {
    const { crop, duration_s } = this.data;
    return crop && [Math.max(0, crop[0]), Math.min(duration_s, crop[1])];
  }

  chooseVersion(number) {
    this.playback.listening.choose(number);
    this.setUpVersions();
    this.describeDownload();
    this.moveCursor();
  }

  chooseNextVersion() {
    this.chooseVersion((this.playback.listening.chosen + 1) % this.data.sounds.length);
  }

  jump() {
    const { jump } = this.data;
    if (!jump || jump.number === this.jumped) return;
    this.jumped = jump.number;
    this.seekTo(jump.time_s);
    this.root.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  seekTo(time) {
    const at = Math.min(Math.max(time, 0), this.data.duration_s);
    this.playback.seek(at);
    if (!this.window.holds(at)) this.playback.followInWindow();
    this.moveCursor();
    this.announcePosition();
  }

  moveCursor() {
    if (!this.data) return;
    this.nowElement.textContent = clock(this.data.from_s + this.time());
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
    this.playback.isFollowed = this.window.holds(this.time());
    this.draw();
  }

  zoomToRegion() {
    if (!this.region) return;
    const margin = 0.05 * (this.region.end - this.region.start);
    this.window.show(this.region.start - margin, this.region.end + margin);
    this.draw();
  }

  /** Select a region; null clears it. */
  select(region) {
    this.playback.regionChanged(this.region, region);
    this.region = region;
    for (const panel of this.panels) panel.drawRegion();
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
    let times = [time > start ? start : 0, time];
    if (which === "start") times = [time, time < end ? end : this.data.duration_s];
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
    this.dialog.querySelector("table").replaceChildren(...keyRows());
    this.dialog.showModal();
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

function choiceOf(label, number) {
  const [choice, input, text] = ["label", "input", "span"].map((name) => document.createElement(name));
  Object.assign(input, { type: "radio", name: "version", value: number, ariaLabel: label });
  text.textContent = label;
  choice.append(input, text);
  return choice;
}
