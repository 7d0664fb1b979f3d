// The map of clips in the browser: one point per clip, of which one can be picked, and around which lines can be drawn.
//
// Its data come in hidden components (the player's part.js): the head, and the positions, names and groups that the head
// names. Each of them is sent again only when it changes: a click sends the head alone, another colour also the groups.
// The other scripts of this folder and those that all components share are put before this one.

const FAINT_GROUP = 255; // of clips that do not pass the filter
const FAINT = { symbol: "circle", colour: "#8a9490", opacity: 0.16 };
const OPACITY = 0.85;
const REACH_PX = 9; // a clip is pointed at within this distance
const SIZES_PX = [[1000, 8], [5000, 6], [15000, 5], [Infinity, 4]]; // up to so many points
const KEY_STEP = 0.15; // of the screen, per press of an arrow key
const KEY_ZOOM = 1.4;
let chosenMode = "lasso"; // the last choice, for maps to come

export default function ({ data, parentElement, setTriggerValue }) {
  const map = livingIn(parentElement, () => new ClipMap(parentElement.querySelector(".clip-map")));
  map.send = setTriggerValue;
  map.settle(data.place);
  return whenGone(parentElement, () => map.remove());
}

function unpackedText(bytes) {
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
}

class ClipMap {
  constructor(root) {
    this.root = root;
    for (const name of ["stage", "legend", "hover", "outline", "ring", "pointed"]) this[`${name}Part`] = root.querySelector(`.${name}`);
    this.stage = this.stagePart;
    this.canvas = root.querySelector("canvas");
    this.view = new View();
    this.data = null; // the head
    this.points = null; // x and y of each clip
    this.groups = []; // per group its style, rows, count, and whether it is hidden
    this.shown = {}; // ids of the parts that are shown
    this.picked = null; // the row of the clip that has the ring
    this.pointedRow = null;
    this.line = null; // the corners of what is drawn around clips, in units of the map
    this.gone = new AbortController();
    const on = (target, type, act, options = {}) =>
      target.addEventListener(type, act, { signal: this.gone.signal, ...options });
    this.pointing = new Pointing(this.stage, this, on);
    this.listen(on);
    this.setMode(chosenMode);
    root.clipMap = this; // for those who look at the page from outside, as tests do
  }

  listen(on) {
    const click = (name, act) => on(this.root.querySelector(`.${name}`), "click", act);
    click("zoom-in", () => this.change((view) => view.zoomBy(KEY_ZOOM)));
    click("zoom-out", () => this.change((view) => view.zoomBy(1 / KEY_ZOOM)));
    click("whole", () => this.change((view) => view.showAll()));
    click("svg", () => downloadSvg(mapImage(this), this.place));
    click("png", () => downloadPng(mapImage(this), this.place));
    for (const button of this.modeButtons()) on(button, "click", () => this.setMode(button.dataset.mode));
    on(this.stage, "keydown", (event) => this.keyDown(event));
    on(this.stage, "transitionend", () => this.draw()); // the theme has changed
    this.resized = new ResizeObserver(() => this.resize());
    this.resized.observe(this.stage);
  }

  remove() {
    this.gone.abort();
    this.resized.disconnect();
    cancelAnimationFrame(this.frame);
    if (this.shelf?.player === this) this.shelf.player = null;
  }

  // Data

  /** Look for data at the place on the page where the parts of this map come. */
  settle(place) {
    const places = (window.audiotagPlayers ??= new Map());
    if (!places.has(place)) places.set(place, { parts: new Map(), player: null });
    this.place = place;
    this.shelf = places.get(place);
    this.shelf.player = this;
    this.take();
  }

  bytesOf(part) {
    return this.shelf.parts.get(part)?.bytes;
  }

  /** A part has come. */
  take() {
    const head = this.bytesOf("head");
    if (head && head !== this.head) this.takeHead(head);
    if (!this.data) return;
    const { points, groups } = this.data;
    if (!this.bytesOf(points) || !this.bytesOf(groups)) return; // they are on their way
    if (points !== this.shown.points) this.takePoints(this.bytesOf(points));
    if (points !== this.shown.points || groups !== this.shown.groups) {
      this.takeGroups(this.bytesOf(groups));
      this.shown = { points, groups };
      this.legendPart.replaceChildren(...this.groups.map((group) => legendItem(group, () => this.regroup())));
      this.draw();
    }
    this.placeMarks();
  }

  takeHead(bytes) {
    const data = JSON.parse(new TextDecoder().decode(bytes));
    if (data.revision !== this.data?.revision) this.dropOutline();
    [this.head, this.data, this.picked] = [bytes, data, data.picked];
    this.stage.setAttribute("aria-label", data.alt);
  }

  takePoints(bytes) {
    const { header, rest } = withoutHeader(bytes);
    const places = new Uint16Array(rest.slice().buffer); // a copy, or numbers are not aligned
    const count = places.length / 2;
    this.points = { x: places.subarray(0, count), y: places.subarray(count), names: null };
    this.view.setExtent(header.extent);
    this.line = null;
  }

  takeGroups(bytes) {
    const { header, rest } = withoutHeader(bytes);
    const hidden = new Set(this.groups.filter(({ isHidden }) => isHidden).map(({ style }) => style.name));
    const rowsOf = Array.from({ length: FAINT_GROUP + 1 }, () => []);
    rest.forEach((group, row) => rowsOf[group].push(row));
    this.faintRows = rowsOf[FAINT_GROUP];
    this.pointedRow = null; // it may be faint now
    this.groups = header.styles
      .map((style, number) => ({ style, number, rows: rowsOf[number], count: rowsOf[number].length }))
      .filter(({ count }) => count)
      .map((group) => ({ ...group, isHidden: hidden.has(group.style.name) }));
  }

  /** Unpack name and labels of each clip, when the pointer first comes. */
  async loadNames() {
    const { points } = this;
    const bytes = this.bytesOf(this.data.names);
    if (!points || points.names || !bytes) return;
    points.unpacking ??= unpackedText(bytes);
    const [names, [texts, numbers]] = (await points.unpacking).split("\n").map((text) => JSON.parse(text));
    points.names = (row) => [names[row], texts[numbers[row]]];
    this.placeMarks();
  }

  // Drawing

  /** The points in the order in which they are drawn, for so many pixels per CSS pixel. */
  layers(ratio) {
    const size = SIZES_PX.find(([most]) => this.points.x.length <= most)[1];
    const faint = { ...FAINT, rows: this.faintRows, radius: (ratio * Math.max(3, size - 2)) / 2 };
    const shown = this.groups.filter(({ isHidden }) => !isHidden);
    return [
      faint,
      ...shown.map(({ style, rows }) => ({ ...style, rows, opacity: OPACITY, radius: (ratio * size) / 2 })),
    ];
  }

  resize() {
    this.view.resize(this.stage.clientWidth, this.stage.clientHeight);
    this.draw();
    this.placeMarks();
  }

  /** Change what part of the map is shown. */
  change(act) {
    act(this.view);
    this.pointAt(null);
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      this.draw();
      this.placeMarks();
    });
  }

  draw() {
    const { width, height, scale } = this.view;
    if (!this.points || !width) return;
    const ratio = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== wide || this.canvas.height !== high) [this.canvas.width, this.canvas.height] = [wide, high];
    const [left, top] = this.view.toScreen(0, 0).map((place) => place * ratio);
    const background = rgbOf(getComputedStyle(this.stage).backgroundColor);
    paintPoints(this.canvas, this.points, this.layers(ratio), { left, top, scale: scale * ratio }, background);
    this.root.dataset.drawn = this.points.x.length - this.faintRows.length;
  }

  /** A group has been hidden or is shown again. */
  regroup() {
    this.pointAt(null);
    this.draw();
  }

  /** Put the ring, the line and what the pointer shows where they belong. */
  placeMarks() {
    this.placeCircle(this.ringPart, this.picked);
    this.placeCircle(this.pointedPart, this.pointedRow);
    this.outlinePart.setAttribute("d", this.line ? this.view.pathOf(this.line) : "");
    const text = this.pointedRow === null ? null : this.points.names?.(this.pointedRow);
    this.hoverPart.hidden = !text;
    if (!text) return;
    const [name, labels] = this.hoverPart.children;
    [name.textContent, labels.textContent] = text;
    const [left, top] = this.placeOf(this.pointedRow);
    const { offsetWidth, offsetHeight } = this.hoverPart;
    const right = left + 14 + offsetWidth > this.view.width ? left - 14 - offsetWidth : left + 14;
    const above = Math.max(0, Math.min(top - offsetHeight / 2, this.view.height - offsetHeight));
    this.hoverPart.style.transform = `translate(${Math.max(0, right).toFixed(0)}px, ${above.toFixed(0)}px)`;
  }

  placeCircle(circle, row) {
    if (row === null || !this.points) {
      circle.removeAttribute("cx");
      return;
    }
    const [x, y] = this.placeOf(row);
    circle.setAttribute("cx", x);
    circle.setAttribute("cy", y);
  }

  placeOf(row) {
    return this.view.toScreen(this.points.x[row], this.points.y[row]);
  }

  // Pointing at a clip and picking it

  /** The clip at a place of the screen; null for none, and for clips that are faint or hidden. */
  rowAt([left, top]) {
    const { x, y } = this.points;
    const [mapX, mapY] = this.view.toMap(left, top);
    let [found, nearest] = [null, (REACH_PX / this.view.scale) ** 2];
    for (const { rows, isHidden } of this.groups) {
      if (isHidden) continue;
      for (const row of rows) {
        const distance = (x[row] - mapX) ** 2 + (y[row] - mapY) ** 2;
        if (distance <= nearest) [found, nearest] = [row, distance];
      }
    }
    return found;
  }

  pointAt(place) {
    if (!this.points) return;
    this.loadNames();
    const row = place && this.rowAt(place);
    if (row === this.pointedRow) return;
    this.pointedRow = row;
    this.stage.classList.toggle("on-clip", row !== null);
    this.placeMarks();
  }

  pick(place) {
    const row = this.points && this.rowAt(place);
    if (row === null) return;
    this.picked = row; // the ring need not wait for the server
    this.dropOutline();
    this.placeMarks();
    this.send("picked", { points: this.data.points, row });
  }

  // Drawing around clips

  modeButtons() {
    return this.root.querySelectorAll("[data-mode]:not(.stage)");
  }

  setMode(mode) {
    this.mode = chosenMode = mode;
    this.stage.dataset.mode = mode;
    for (const button of this.modeButtons()) button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
  }

  begin(place) {
    this.first = this.last = place;
    this.line = [this.view.toMap(...place)];
  }

  drawTo(place, step) {
    if (this.mode === "box") {
      const [[x0, y0], [x1, y1]] = [this.first, place];
      this.line = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]].map((corner) => this.view.toMap(...corner));
    } else if (Math.hypot(place[0] - this.last[0], place[1] - this.last[1]) >= step) {
      this.line.push(this.view.toMap(...place));
      this.last = place;
    }
    this.placeMarks();
  }

  /** The line stays until the page shows what it holds. */
  finish() {
    if (this.line.length < 3) {
      this.dropOutline();
      return;
    }
    const hidden = this.groups.filter(({ isHidden }) => isHidden).map(({ number }) => number);
    this.send("drawn", { points: this.data.points, corners: this.line.map((corner) => corner.map(Math.round)), hidden });
  }

  dropOutline() {
    this.line = null;
    this.outlinePart.setAttribute("d", "");
  }

  // Keys

  keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { width, height } = this.view;
    const move = (right, down) => () => this.change((view) => view.moveBy(right * KEY_STEP * width, down * KEY_STEP * height));
    const act = {
      "+": () => this.change((view) => view.zoomBy(KEY_ZOOM)),
      "=": () => this.change((view) => view.zoomBy(KEY_ZOOM)),
      "-": () => this.change((view) => view.zoomBy(1 / KEY_ZOOM)),
      0: () => this.change((view) => view.showAll()),
      ArrowLeft: move(1, 0),
      ArrowRight: move(-1, 0),
      ArrowUp: move(0, 1),
      ArrowDown: move(0, -1),
      Escape: () => this.pointing.stop(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }
}
