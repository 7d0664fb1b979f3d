// The player's side in the browser: one time axis for waveform, spectrogram and timeline, one cursor over all three.
//
// Streamlit calls the default export whenever a run of the page sends something new. The player of a place on the page
// stays across these calls, so its sound continues until another sound comes.
// The script of a component is one text for Streamlit: what this one uses from sounds.js, player.py puts before it.

const WAVEFORM_HEIGHT = 72; // in pixels, as the constants below
const GAP = 12;
const ROW_HEIGHT = 34;
const AXIS_HEIGHT = 22;
const LEFT = 48;
const RIGHT = 48;
const TIME_STEPS_S = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];
const FREQUENCIES_HZ = [10, 100, 1000, 10000, 50, 500, 5000, 20, 200, 2000, 20000, 50000]; // round ones first

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
  player.show(unpacked(data));
  return () => {
    // This is also called when a later run of the page replaces the current one. Then the player is still in use.
    if (parentElement.host.isConnected) return;
    player.remove();
    players.delete(parentElement);
  };
}

// Frequency axes: from hertz to a position from 0 (bottom) to 1 (top) and back, within the edges of the bands.
const AXES = {
  mel: {
    place: (hz, edges) => indexOf(hz, edges) / (edges.length - 1),
    hz: (place, edges) => valueAt(place * (edges.length - 1), edges),
  },
  log: {
    place: (hz, edges) => Math.log(hz / edges[0]) / Math.log(edges.at(-1) / edges[0]),
    hz: (place, edges) => edges[0] * (edges.at(-1) / edges[0]) ** place,
  },
  linear: {
    place: (hz, edges) => (hz - edges[0]) / (edges.at(-1) - edges[0]),
    hz: (place, edges) => edges[0] + place * (edges.at(-1) - edges[0]),
  },
};

class Player {
  constructor(root) {
    this.root = root;
    for (const name of ["play", "crop", "loop", "now", "length", "fault", "axis", "download", "stage", "marks"]) {
      this[name] = root.querySelector(`.${name}`);
    }
    for (const name of ["scale", "seek", "pointer", "cursor", "readout"]) this[name] = root.querySelector(`.${name}`);
    this.canvas = root.querySelector("canvas");
    this.audio = root.querySelector("audio");
    this.data = null;
    this.segment = null; // [start, end] in seconds while the crop alone is played
    this.announced = 0; // the position that was last given to assistive technology
    this.pointed = null; // where the pointer is, in pixels of the seek area
    this.axisName = chosenAxis;
    root.querySelector(`input[value=${chosenAxis}]`).checked = true;
    this.listen();
  }

  listen() {
    this.gone = new AbortController();
    const on = (target, type, act, capture = false) =>
      target.addEventListener(type, act, { signal: this.gone.signal, capture });
    on(this.play, "click", () => this.toggle());
    on(this.crop, "click", () => this.playCrop());
    on(this.loop, "click", () => this.toggleLoop());
    on(this.axis, "change", (event) => this.chooseAxis(event.target.value));
    on(this.root, "keydown", (event) => this.seekByKey(event));
    on(this.root, "pointermove", () => (hovered = this));
    on(this.root, "pointerleave", () => (hovered = hovered === this ? null : hovered));
    on(this.seek, "pointerdown", (event) => this.press(event));
    on(this.seek, "mousedown", (event) => this.leaveFocus(event));
    on(this.seek, "pointermove", (event) => this.point(event));
    on(this.seek, "pointerleave", () => this.unpoint());
    on(this.audio, "play", () => this.started());
    on(this.audio, "pause", () => this.stopped());
    on(this.audio, "ended", () => this.stopped());
    on(this.audio, "timeupdate", () => this.follow()); // a hidden tab has no animation frames
    on(this.audio, "error", () => this.showFault());
    // In the capture phase, or the button that was clicked last would be pressed as well.
    on(document, "keydown", (event) => this.spaceDown(event), true);
    on(document, "keyup", (event) => this.spaceUp(event), true);
    on(document, "pointerdown", () => (tabbed = false), true);
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.stage);
  }

  remove() {
    this.gone.abort();
    this.resized.disconnect();
    this.unload();
    if (hovered === this) hovered = null;
    if (sounding === this) sounding = null;
  }

  /** Show other data: the same sound continues, another sound starts at its beginning. */
  show(data) {
    const before = this.data;
    this.data = data;
    const isOther = before?.sound.id !== data.sound.id;
    this.root.classList.toggle("compact", data.compact);
    if (isOther) this.load();
    if (this.segment) this.segment = this.playableCrop();
    data.encoded = null; // the browser has it
    this.crop.hidden = !data.crop;
    this.root.setAttribute("aria-label", `Player of ${data.name}`);
    this.seek.setAttribute("aria-label", `Position in ${data.name}`);
    this.seek.setAttribute("aria-valuemin", String(data.from_s));
    this.seek.setAttribute("aria-valuemax", (data.from_s + data.duration_s).toFixed(2));
    this.length.textContent = ` / ${clock(data.from_s + data.duration_s)}`;
    this.describeSpectrogram();
    this.scale.style.background = gradient(data.spectrogram.colours);
    this.draw();
    this.announcePosition();
    if (isOther && data.autoplay) this.start();
  }

  describeSpectrogram() {
    const { name, duration_s, spectrogram } = this.data;
    const hertz = `${hertzText(spectrogram.edges_hz[0])} to ${hertzText(spectrogram.edges_hz.at(-1))}`;
    const decibels = `${minus(spectrogram.floor_db)} to ${minus(spectrogram.ceiling_db)} dB re 1`;
    const label = `Log-mel spectrogram of ${name}: ${duration_s.toFixed(2)} s, ${hertz}, ${decibels}`;
    this.canvas.setAttribute("aria-label", label);
  }

  // The sound

  load() {
    const { sound, encoded } = this.data;
    this.unload();
    this.url = URL.createObjectURL(new Blob([encoded], { type: sound.type }));
    this.audio.src = this.url;
    this.download.href = this.url;
    this.download.download = sound.file;
    const format = sound.type.replace("audio/", "").toUpperCase();
    this.download.title = `Download as ${format}`;
    this.download.setAttribute("aria-label", `Download the sound as ${format}`);
    this.fault.textContent = "";
    this.stopped();
  }

  unload() {
    this.segment = null;
    this.audio.pause();
    if (!this.url) return;
    this.audio.removeAttribute("src");
    this.audio.load();
    URL.revokeObjectURL(this.url);
  }

  toggle() {
    if (this.audio.paused) this.start();
    else this.audio.pause();
  }

  start() {
    if (sounding !== this) sounding?.audio.pause();
    sounding = this;
    this.audio.loop = this.looping() && !this.segment;
    this.audio.play().catch((error) => {
      // Another sound came before this one began, or the browser plays none before the user has done something.
      if (!["AbortError", "NotAllowedError"].includes(error.name)) this.showFault();
    });
  }

  playCrop() {
    this.segment = this.playableCrop();
    this.audio.currentTime = this.segment[0];
    this.start();
  }

  /** The part of the crop that holds sound: zeros before and after it are not in the file. */
  playableCrop() {
    const { crop, duration_s } = this.data;
    return crop && [Math.max(0, crop[0]), Math.min(duration_s, crop[1])];
  }

  toggleLoop() {
    this.loop.setAttribute("aria-pressed", String(!this.looping()));
    this.audio.loop = this.looping() && !this.segment;
  }

  looping() {
    return this.loop.getAttribute("aria-pressed") === "true";
  }

  showFault() {
    if (this.audio.hasAttribute("src")) this.fault.textContent = "This browser cannot play the sound.";
  }

  started() {
    this.root.classList.add("playing");
    this.labelPlay("Pause");
    cancelAnimationFrame(this.frame);
    this.animate();
  }

  animate() {
    this.follow();
    if (!this.audio.paused) this.frame = requestAnimationFrame(() => this.animate());
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

  /** Stay within the crop while it is played alone, and move the cursor. */
  follow() {
    if (this.segment && this.audio.currentTime >= this.segment[1]) {
      if (this.looping()) {
        this.audio.currentTime = this.segment[0];
      } else {
        this.audio.pause();
        this.audio.currentTime = this.segment[1];
        this.segment = null;
      }
    }
    this.moveCursor();
    if (Math.abs(this.audio.currentTime - this.announced) >= 1) this.announcePosition();
  }

  seekTo(time) {
    const at = Math.min(Math.max(time, 0), this.data.duration_s);
    if (this.segment && (at < this.segment[0] || at >= this.segment[1])) this.segment = null;
    this.audio.currentTime = at;
    this.moveCursor();
    this.announcePosition();
  }

  moveCursor() {
    const time = this.audio.currentTime;
    this.now.textContent = clock(this.data.from_s + time);
    if (this.box) this.cursor.style.transform = `translateX(${this.x(time) - this.box.left}px)`;
  }

  /** Give the position to assistive technology, at most once a second, or a screen reader would talk all the time. */
  announcePosition() {
    this.announced = this.audio.currentTime;
    const { from_s, duration_s } = this.data;
    const now = (from_s + this.announced).toFixed(2);
    this.seek.setAttribute("aria-valuenow", now);
    this.seek.setAttribute("aria-valuetext", `${now} of ${(from_s + duration_s).toFixed(2)} seconds`);
  }

  // Keys and pointer

  /** Whether the space key controls this player instead of the focused element. */
  ownsSpace(event) {
    if (event.key !== " " || event.ctrlKey || event.metaKey || event.altKey) return false;
    const target = event.composedPath()[0];
    if (takesText(target)) return false;
    if (hovered) return hovered === this;
    return target === this.seek || (this.data.owns_space && !needsSpace(target));
  }

  spaceDown(event) {
    if (event.key === "Tab") [hovered, tabbed] = [null, true]; // the user has moved on to the keyboard
    if (!this.ownsSpace(event)) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) this.toggle();
  }

  spaceUp(event) {
    if (this.ownsSpace(event)) event.preventDefault(); // a button is pressed when the key is released
  }

  seekByKey(event) {
    if (event.target.type === "radio" || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 1 : 0.1;
    const time = this.audio.currentTime;
    const goal = {
      ArrowLeft: time - step,
      ArrowRight: time + step,
      Home: 0,
      End: this.data.duration_s,
    }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    this.seekTo(goal);
  }

  /** On a page with keys of its own, a click to seek must not take the focus: the arrow keys would then seek. */
  leaveFocus(event) {
    if (!this.data.owns_space && !this.data.compact) return;
    event.preventDefault();
    document.activeElement?.blur();
  }

  press(event) {
    if (event.button !== 0) return;
    this.seek.setPointerCapture(event.pointerId);
    this.point(event);
    this.seekTo(this.timeAt(this.pointed.x));
  }

  point(event) {
    const area = this.seek.getBoundingClientRect();
    this.pointed = { x: event.clientX - area.left, y: event.clientY - area.top };
    this.root.classList.add("pointing");
    this.pointer.style.transform = `translateX(${this.pointed.x}px)`;
    this.readOut();
    if (this.seek.hasPointerCapture(event.pointerId)) this.seekTo(this.timeAt(this.pointed.x));
  }

  unpoint() {
    this.pointed = null;
    this.root.classList.remove("pointing");
  }

  /** Time, frequency and level under the pointer, in the corner of the spectrogram that the pointer is not in. */
  readOut() {
    const { x, y } = this.pointed;
    const { left, right, width, waveform, spectrogram, rows } = this.box;
    const time = this.timeAt(x);
    let texts = [`${(this.data.from_s + time).toFixed(2)} s`];
    if (y < waveform.bottom) texts = texts.concat(this.regionAt(time));
    else if (y >= spectrogram.top && y < spectrogram.bottom) texts = texts.concat(this.levelAt(time, y));
    else if (y >= rows.top) texts = texts.concat(this.rowAt(time, y));
    this.readout.textContent = texts.join(" · ");
    const side = x > width / 2 ? "left" : "right";
    this.readout.style.top = `${spectrogram.top + 8}px`;
    this.readout.style.left = side === "left" ? `${left + 8}px` : "auto";
    this.readout.style.right = side === "right" ? `${right + 8}px` : "auto";
  }

  regionAt(time) {
    const { untrimmed, crop } = this.data;
    if (untrimmed && (time < untrimmed[0] || time > untrimmed[1])) return ["trimmed"];
    return crop && time >= crop[0] && time <= crop[1] ? ["crop"] : [];
  }

  levelAt(time, y) {
    const { spectrogram, levels } = this.data;
    const { top, bottom } = this.box.spectrogram;
    const band = this.bandAt((bottom - y) / (bottom - top));
    const column = columnAt(time, spectrogram);
    const hertz = hertzText(spectrogram.centres_hz[band]);
    if (column === null) return [hertz];
    const level = levels[band * spectrogram.columns + column];
    return [hertz, `${minus(spectrogram.floor_db + (level / 255) * (spectrogram.ceiling_db - spectrogram.floor_db))} dB`];
  }

  rowAt(time, y) {
    const row = this.data.timeline[Math.floor((y - this.box.rows.top) / ROW_HEIGHT)];
    return row ? [`${row.label} ${valueAt(indexOf(time, row.times_s), row.values).toFixed(2)}`] : [];
  }

  // Places

  /** Positions of all parts at this width, in pixels from the stage's top left. */
  layout() {
    const { crop, duration_s, height, timeline, compact } = this.data;
    const [left, right] = compact ? [0, 0] : [LEFT, RIGHT];
    const width = this.stage.clientWidth - left - right;
    const waveform = { top: 0, bottom: compact ? 0 : WAVEFORM_HEIGHT };
    const top = compact ? 0 : WAVEFORM_HEIGHT + GAP;
    const spectrogram = { top, bottom: top + height };
    const rows = { top: spectrogram.bottom, bottom: spectrogram.bottom + timeline.length * ROW_HEIGHT };
    if (timeline.length) {
      rows.top += GAP;
      rows.bottom += GAP;
    }
    const start = Math.min(0, crop?.[0] ?? 0);
    const end = Math.max(duration_s, crop?.[1] ?? 0);
    return { left, right, width, waveform, spectrogram, rows, start, end };
  }

  x(time) {
    const { left, width, start, end } = this.box;
    return left + ((time - start) / (end - start)) * width;
  }

  timeAt(x) {
    const { width, start, end } = this.box;
    return start + (Math.min(Math.max(x, 0), width) / width) * (end - start);
  }

  bandAt(place) {
    const { edges_hz, rows } = this.data.spectrogram;
    const hz = AXES[this.axisName].hz(place, edges_hz);
    return Math.min(Math.max(Math.floor(indexOf(hz, edges_hz)), 0), rows - 1);
  }

  chooseAxis(name) {
    this.axisName = chosenAxis = name;
    this.draw();
  }

  // Drawing

  draw() {
    if (!this.data || this.stage.clientWidth <= LEFT + RIGHT) return; // not on the screen
    this.box = this.layout();
    const { left, width, spectrogram, rows } = this.box;
    this.stage.style.height = `${rows.bottom + (this.data.compact ? 0 : AXIS_HEIGHT)}px`;
    place(this.canvas, left, spectrogram.top, width, spectrogram.bottom - spectrogram.top);
    place(this.seek, left, 0, width, rows.bottom);
    place(this.scale, left + width + 12, spectrogram.top, null, spectrogram.bottom - spectrogram.top);
    const marks = this.data.compact ? [] : [
      ...this.waveformMarks(),
      ...this.cropMarks(),
      ...this.timeMarks(),
      ...this.frequencyMarks(),
      ...this.levelMarks(),
      ...this.timelineMarks(),
    ];
    this.marks.replaceChildren(...marks);
    this.drawSpectrogram();
    this.moveCursor();
  }

  drawSpectrogram() {
    const { width, start, end, spectrogram } = this.box;
    const size = { width, height: spectrogram.bottom - spectrogram.top };
    paintSpectrogram(this.canvas, size, this.data, { start, end }, (place) => this.bandAt(place));
  }

  waveformMarks() {
    const { envelope, duration_s, untrimmed } = this.data;
    const { top, bottom } = this.box.waveform;
    const points = envelope.length / 2;
    const peak = envelope.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const middle = (top + bottom) / 2;
    const y = (value) => middle - (value / (peak || 1)) * (middle - top - 5);
    const x = (point) => this.x((point / points) * duration_s);
    const outline = (from, to, kind) => {
      const indices = Array.from({ length: to - from }, (_, step) => from + step);
      const upper = indices.map((at) => `${x(at).toFixed(1)},${y(envelope[points + at]).toFixed(1)}`);
      const lower = indices.map((at) => `${x(at).toFixed(1)},${y(envelope[at]).toFixed(1)}`).reverse();
      return drawn("polygon", { class: kind, points: [...upper, ...lower].join(" ") });
    };
    const [from, to] = (untrimmed ?? [0, duration_s]).map((time) => Math.round((time / duration_s) * points));
    const marks = [line(this.x(0), middle, this.x(duration_s), middle, "zero")];
    if (from > 0) marks.push(outline(0, Math.min(from + 1, points), "trimmed"));
    if (to < points) marks.push(outline(Math.max(to - 1, 0), points, "trimmed"));
    marks.push(outline(from, to, "untrimmed"));
    const level = peak ? Number(peak.toPrecision(2)) : 1;
    marks.push(words(`+${level}`, LEFT - 8, top + 10, "end"), words(`−${level}`, LEFT - 8, bottom - 2, "end"));
    return marks;
  }

  cropMarks() {
    const { crop } = this.data;
    if (!crop) return [];
    const { waveform, spectrogram } = this.box;
    const [x, width] = [this.x(crop[0]), this.x(crop[1]) - this.x(crop[0])];
    const frame = ({ top, bottom }, kind) =>
      drawn("rect", { class: kind, x: x + 0.5, y: top + 0.5, width: Math.max(width - 1, 1), height: bottom - top - 1 });
    return [frame(waveform, "crop-level"), frame(spectrogram, "crop-spectrogram")];
  }

  timeMarks() {
    const { width, start, end, rows } = this.box;
    const { from_s } = this.data;
    const step = TIME_STEPS_S.find((step) => (step / (end - start)) * width >= 64) ?? 7200;
    const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    const marks = [];
    for (let at = Math.ceil((from_s + start) / step); at * step <= from_s + end + 1e-9; at++) {
      const [time, x] = [at * step, this.x(at * step - from_s)];
      const label = from_s + end < 120 ? `${minus(time, digits)} s` : clock(time).replace(/\.00$/, "");
      marks.push(line(x, rows.bottom, x, rows.bottom + 4, "tick"), words(label, x, rows.bottom + 17, "middle"));
    }
    return marks;
  }

  frequencyMarks() {
    const { edges_hz } = this.data.spectrogram;
    const { top, bottom } = this.box.spectrogram;
    const [lowest, highest] = [edges_hz[0], edges_hz.at(-1)];
    let candidates = FREQUENCIES_HZ;
    if (this.axisName === "linear") {
      const step = [100, 200, 500, 1000, 2000, 5000, 10000].find((hz) => (hz / highest) * (bottom - top) >= 32);
      candidates = Array.from({ length: Math.ceil(highest / step) }, (_, count) => count * step);
    }
    const taken = [];
    const marks = [];
    for (const hz of candidates.filter((hz) => hz >= lowest && hz <= highest)) {
      const y = bottom - AXES[this.axisName].place(hz, edges_hz) * (bottom - top);
      if (taken.some((other) => Math.abs(other - y) < 20)) continue;
      taken.push(y);
      marks.push(line(LEFT - 4, y, LEFT, y, "tick"), words(hertzText(hz), LEFT - 8, y + 4, "end"));
    }
    return marks;
  }

  levelMarks() {
    const { floor_db, ceiling_db } = this.data.spectrogram;
    const { top, bottom } = this.box.spectrogram;
    const x = this.box.left + this.box.width + 23;
    return [
      words("dB re 1", x - 14, top - 3, "start"),
      words(minus(ceiling_db), x, top + 11, "start"),
      words(minus((floor_db + ceiling_db) / 2), x, (top + bottom) / 2 + 4, "start"),
      words(minus(floor_db), x, bottom - 1, "start"),
    ];
  }

  /** One row per label: values from 0 to 1 over time, constant before the first and after the last. */
  timelineMarks() {
    const { timeline, duration_s } = this.data;
    return timeline.flatMap((row, number) => {
      const base = this.box.rows.top + (number + 1) * ROW_HEIGHT - 3;
      const y = (value) => base - value * (ROW_HEIGHT - 8);
      const times = [0, ...row.times_s, duration_s];
      const values = [row.values[0], ...row.values, row.values.at(-1)];
      const path = times.map((time, at) => `${this.x(time).toFixed(1)},${y(values[at]).toFixed(1)}`).join(" ");
      return [
        drawn("polygon", { class: "row-area", points: `${this.x(0)},${base} ${path} ${this.x(duration_s)},${base}` }),
        drawn("polyline", { class: "row-line", points: path }),
        line(this.x(0), base, this.x(duration_s), base, "tick"),
        words(row.label, LEFT + 6, base - ROW_HEIGHT + 17, "start", "row-label"),
      ];
    });
  }
}

/** Whether an element that the Tab key has led to is operated with the space key; a button also takes Enter. */
function needsSpace(target) {
  if (!(target instanceof Element)) return false;
  const controls = "input, summary, [role=tab], [role=radio], [role=checkbox], [role=switch], [role=option]";
  return target.matches("[role=slider], [role=dialog] *") || (tabbed && target.matches(controls));
}

function gradient(colours) {
  const stops = colours.map(([place, red, green, blue]) => `rgb(${red} ${green} ${blue}) ${place * 100}%`);
  return `linear-gradient(to top, ${stops.join(", ")})`;
}

function hertzText(hz) {
  return hz < 1000 ? `${Math.round(hz)} Hz` : `${Number((hz / 1000).toPrecision(3))} kHz`;
}

/** A number with a true minus sign, and none before a zero. */
function minus(value, digits = 0) {
  return value.toFixed(digits).replace(/^-(?=0(\.0*)?$)/, "").replace("-", "−");
}

function place(element, left, top, width, height) {
  Object.assign(element.style, { left: `${left}px`, top: `${top}px`, height: `${height}px` });
  if (width !== null) element.style.width = `${width}px`;
}

function drawn(shape, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", shape);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function line(x1, y1, x2, y2, kind) {
  return drawn("line", { x1, y1, x2, y2, class: kind });
}

function words(text, x, y, anchor, kind = "") {
  const element = drawn("text", { x, y, "text-anchor": anchor, class: kind });
  element.textContent = text;
  return element;
}
