// One spectrogram with waveform, timeline and axes around it, the cursor, and what is under the pointer.

const WAVEFORM_HEIGHT = 72; // in pixels, as the constants below
const GAP = 12;
const ROW_HEIGHT = 34;
const AXIS_HEIGHT = 22;
const LEFT = 48;
const RIGHT = 48;
const DRAG = 4; // a pointer that is moved further than this selects a region, one that is not seeks

class Panel {
  /** `player` has what all panels share: data, time window, region and the choice of axis. */
  constructor(root, player) {
    this.root = root;
    this.player = player;
    for (const name of ["name", "stage", "marks", "scale", "seek", "pointer", "cursor", "readout"]) {
      this[name] = root.querySelector(`.${name}`);
    }
    this.canvas = root.querySelector("canvas");
    this.box = null;
    this.pointed = null; // where the pointer is, in pixels of the seek area
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.stage);
  }

  remove() {
    this.resized.disconnect();
    this.root.remove();
  }

  /** Show a spectrogram, and the waveform of a sound; `timeline` is that below this panel. */
  show(spectrogram, sound, timeline, highlight) {
    Object.assign(this, { spectrogram, sound, timeline, highlight, typical_db: typicalReference(spectrogram) });
    this.colours = palette(this.player.data.colours);
    this.scale.style.background = gradient(this.player.data.colours);
    this.name.textContent = spectrogram.label;
    this.outline = new Outline(sound, this.player.data.duration_s);
    this.describe();
  }

  describe() {
    const { name, duration_s, spectrograms } = this.player.data;
    const { edges_hz, floor_db, ceiling_db, label, unit } = this.spectrogram;
    const hertz = `${hertzText(edges_hz[0])} to ${hertzText(edges_hz.at(-1))}`;
    const ends = `${this.text(floor_db - this.typical_db)} to ${this.text(ceiling_db - this.typical_db)}`;
    const values = `${ends} ${unit === "dBFS" ? "dB re full scale" : unit}`;
    const which = spectrograms.length > 1 ? ` (${label})` : "";
    const text = `Log-mel spectrogram of ${name}${which}: ${duration_s.toFixed(2)} s, ${hertz}, ${values}`;
    this.canvas.setAttribute("aria-label", text);
  }

  // Places

  /** Positions of all parts at this width, in pixels from the stage's top left. */
  layout() {
    const { height, compact } = this.player.data;
    const [left, right] = compact ? [0, 0] : [LEFT, RIGHT];
    const width = this.stage.clientWidth - left - right;
    const waveform = { top: 0, bottom: compact ? 0 : WAVEFORM_HEIGHT };
    const top = compact ? 0 : WAVEFORM_HEIGHT + GAP;
    const spectrogram = { top, bottom: top + height };
    const rowsTop = spectrogram.bottom + (this.timeline.length ? GAP : 0);
    const rows = { top: rowsTop, bottom: rowsTop + this.timeline.length * ROW_HEIGHT };
    return { left, right, width, waveform, spectrogram, rows };
  }

  /** Pixels from the left end of the seek area to a time, which may be outside of it. */
  across(time) {
    const { start } = this.player.window;
    return ((time - start) / this.player.window.span()) * this.box.width;
  }

  timeAt(x) {
    const { width } = this.box;
    return this.player.window.start + (Math.min(Math.max(x, 0), width) / width) * this.player.window.span();
  }

  /** Pixels from the top of the stage to a frequency, within the spectrogram. */
  down(hz) {
    const { top, bottom } = this.box.spectrogram;
    const place = AXES[this.player.axisName].place(hz, this.spectrogram.edges_hz);
    return bottom - Math.min(Math.max(place, 0), 1) * (bottom - top);
  }

  hertzAt(y) {
    const { top, bottom } = this.box.spectrogram;
    const place = Math.min(Math.max((bottom - y) / (bottom - top), 0), 1);
    return AXES[this.player.axisName].hz(place, this.spectrogram.edges_hz);
  }

  bandAt(place) {
    const { edges_hz, rows } = this.spectrogram;
    const hz = AXES[this.player.axisName].hz(place, edges_hz);
    return Math.min(Math.max(Math.floor(indexOf(hz, edges_hz)), 0), rows - 1);
  }

  isInSpectrogram(y) {
    return y >= this.box.spectrogram.top && y < this.box.spectrogram.bottom;
  }

  // Drawing

  draw() {
    const { data } = this.player;
    if (!data || !this.spectrogram || this.stage.clientWidth <= LEFT + RIGHT) return; // not on the screen
    this.box = this.layout();
    const { left, width, spectrogram, rows } = this.box;
    const height = spectrogram.bottom - spectrogram.top;
    this.stage.style.height = `${rows.bottom + (data.compact ? 0 : AXIS_HEIGHT)}px`;
    place(this.canvas, left, spectrogram.top, width, height);
    place(this.seek, left, 0, width, rows.bottom);
    place(this.scale, left + width + 12, spectrogram.top, null, height);
    this.drawMarks();
    const { start, end } = this.player.window;
    const band = (place) => this.bandAt(place);
    paintSpectrogram(this.canvas, { width, height }, this.spectrogram, this.colours, { start, end }, band);
    if (this.highlight && this.player.isHighlighted) {
      paintHighlight(this.canvas, this.spectrogram, this.highlight, { start, end }, band);
    }
    this.moveCursor();
  }

  /** Everything but the spectrogram's picture; what may reach beyond the window is in a frame that cuts it off. */
  drawMarks() {
    const { left, width, rows } = this.box;
    const isBare = this.player.data.compact;
    const shapes = isBare ? [] : [...this.waveformShapes(), ...this.cropShapes(), ...this.timelineShapes()];
    const axes = isBare ? [] : [...this.timeMarks(), ...this.frequencyMarks(), ...this.rowLabels()];
    [this.regionGroup, this.levelGroup] = [drawn("g", {}), drawn("g", {})];
    const inside = drawn("svg", { x: left, y: 0, width, height: rows.bottom }, ...shapes, this.regionGroup);
    this.marks.replaceChildren(inside, ...axes, this.levelGroup);
    this.drawRegion();
    this.drawLevels();
  }

  drawRegion() {
    if (this.box) this.regionGroup.replaceChildren(...this.regionShapes());
  }

  drawLevels() {
    if (this.box && !this.player.data.compact) this.levelGroup.replaceChildren(...this.levelMarks());
  }

  waveformShapes() {
    const { duration_s, untrimmed } = this.player.data;
    const { start, end } = this.player.window;
    const { top, bottom } = this.box.waveform;
    const middle = (top + bottom) / 2;
    const scale = (middle - top - 5) / (this.outline.peak || 1);
    const points = this.outline.between(start, end, this.box.width);
    const shape = (from, to, kind) => {
      const some = points.filter(({ time, step }) => time + step > from && time <= to);
      if (!some.length) return [];
      const y = (value) => (middle - value * scale).toFixed(1);
      const path = (which) => some.map((point) => `${this.across(point.time).toFixed(1)},${y(point[which])}`);
      return [drawn("polygon", { class: kind, points: [...path("highest"), ...path("lowest").reverse()].join(" ") })];
    };
    const [from, to] = untrimmed ?? [0, duration_s];
    return [
      line(this.across(0), middle, this.across(duration_s), middle, "zero"),
      ...(from > 0 ? shape(-Infinity, from, "trimmed") : []),
      ...(to < duration_s ? shape(to, Infinity, "trimmed") : []),
      ...shape(from, to, "untrimmed"),
    ];
  }

  cropShapes() {
    const { crop } = this.spectrogram;
    if (!crop) return [];
    const [x, right] = crop.map((time) => this.across(time));
    const { waveform, spectrogram } = this.box;
    const around = ({ top, bottom }, kind) => frame(x + 0.5, top + 0.5, right - x - 1, bottom - top - 1, kind);
    return [around(waveform, "crop-level"), around(spectrogram, "crop-spectrogram")];
  }

  regionShapes() {
    const { region } = this.player;
    if (!region) return [];
    const [x, right] = [region.start, region.end].map((time) => this.across(time));
    const { waveform, spectrogram } = this.box;
    const high = region.low === null ? spectrogram.top : this.down(region.high);
    const low = region.low === null ? spectrogram.bottom : this.down(region.low);
    const shapes = ["region-halo", "region"].map((kind) => frame(x, high, right - x, low - high, kind));
    if (!this.player.data.compact) shapes.push(frame(x, waveform.top, right - x, waveform.bottom, "region-level"));
    return shapes;
  }

  timeMarks() {
    const { left, width, rows } = this.box;
    const { start, end } = this.player.window;
    const { from_s } = this.player.data;
    return timeTicks(from_s + start, from_s + end, width).flatMap(({ time, text }) => {
      const x = left + this.across(time - from_s);
      return [line(x, rows.bottom, x, rows.bottom + 4, "tick"), words(text, x, rows.bottom + 17, "middle")];
    });
  }

  frequencyMarks() {
    const { left, waveform, spectrogram } = this.box;
    const height = spectrogram.bottom - spectrogram.top;
    const level = this.outline.peak ? Number(this.outline.peak.toPrecision(2)) : 1;
    const ticks = frequencyTicks(this.player.axisName, this.spectrogram.edges_hz, height);
    return [
      words(`+${level}`, left - 8, waveform.top + 10, "end"),
      words(`−${level}`, left - 8, waveform.bottom - 2, "end"),
      ...ticks.flatMap(({ hz, place }) => {
        const y = spectrogram.bottom - place * height;
        return [line(left - 4, y, left, y, "tick"), words(hertzText(hz), left - 8, y + 4, "end")];
      }),
    ];
  }

  /** The ends of the colour scale in dBFS, in the band under the pointer, or else in a typical band. */
  levelMarks() {
    const { floor_db, ceiling_db, unit } = this.spectrogram;
    const { top, bottom } = this.box.spectrogram;
    const x = this.box.left + this.box.width + 23;
    const reference_db = this.reference(this.pointedBand()) ?? this.typical_db;
    const text = (level_db) => this.text(level_db - reference_db);
    return [
      words(unit, x - 14, top - 3, "start"),
      words(text(ceiling_db), x, top + 11, "start", "ceiling"),
      words(text((floor_db + ceiling_db) / 2), x, (top + bottom) / 2 + 4, "start"),
      words(text(floor_db), x, bottom - 1, "start", "floor"),
    ];
  }

  /** One row per label: values from 0 to 1 over time, constant before the first and after the last. */
  timelineShapes() {
    const { duration_s } = this.player.data;
    return this.timeline.flatMap((row, number) => {
      const base = this.box.rows.top + (number + 1) * ROW_HEIGHT - 3;
      const y = (value) => base - value * (ROW_HEIGHT - 8);
      const times = [0, ...row.times_s, duration_s];
      const values = [row.values[0], ...row.values, row.values.at(-1)];
      const path = times.map((time, at) => `${this.across(time).toFixed(1)},${y(values[at]).toFixed(1)}`).join(" ");
      const [from, to] = [this.across(0), this.across(duration_s)];
      return [
        drawn("polygon", { class: "row-area", points: `${from},${base} ${path} ${to},${base}` }),
        drawn("polyline", { class: "row-line", points: path }),
        line(from, base, to, base, "tick"),
      ];
    });
  }

  rowLabels() {
    const y = (number) => this.box.rows.top + number * ROW_HEIGHT + 14;
    return this.timeline.map((row, number) => words(row.label, LEFT + 6, y(number), "start", "row-label"));
  }

  moveCursor() {
    if (!this.box) return;
    const time = this.player.playback.cursorTime();
    this.cursor.hidden = !this.player.window.holds(time);
    this.cursor.style.transform = `translateX(${this.across(time)}px)`;
  }

  // Pointer

  point({ x, y }) {
    const band = this.pointedBand();
    this.pointed = { x, y };
    this.root.classList.add("pointing");
    this.pointer.style.transform = `translateX(${x}px)`;
    this.readOut();
    if (this.pointedBand() !== band) this.drawLevels();
  }

  unpoint() {
    this.pointed = null;
    this.root.classList.remove("pointing");
    this.drawLevels();
  }

  pointedBand() {
    if (!this.pointed || !this.isInSpectrogram(this.pointed.y)) return null;
    const { top, bottom } = this.box.spectrogram;
    return this.bandAt((bottom - this.pointed.y) / (bottom - top));
  }

  /** A value of the spectrogram: levels in whole dB, others, which may be small, in hundredths. */
  text(value) {
    return minus(value, this.spectrogram.unit === "dBFS" ? 0 : 2);
  }

  reference(band) {
    return band === null ? null : this.spectrogram.full_scale_db[band];
  }

  /** What is under the pointer, in the corner of the spectrogram that the pointer is not in. */
  readOut() {
    const { x, y } = this.pointed;
    const { left, right, width, waveform, spectrogram, rows } = this.box;
    const time = this.timeAt(x);
    let texts = [`${(this.player.data.from_s + time).toFixed(this.player.window.span() < 1 ? 3 : 2)} s`];
    if (y < waveform.bottom) texts = texts.concat(this.partAt(time));
    else if (this.isInSpectrogram(y)) texts = texts.concat(this.levelAt(time));
    else if (y >= rows.top) texts = texts.concat(this.rowAt(time, y));
    this.readout.textContent = texts.join(" · ");
    const side = x > width / 2 ? "left" : "right";
    this.readout.style.top = `${spectrogram.top + 8}px`;
    this.readout.style.left = side === "left" ? `${left + 8}px` : "auto";
    this.readout.style.right = side === "right" ? `${right + 8}px` : "auto";
  }

  partAt(time) {
    const { untrimmed } = this.player.data;
    const { crop } = this.spectrogram;
    if (untrimmed && (time < untrimmed[0] || time > untrimmed[1])) return ["trimmed"];
    return crop && time >= crop[0] && time <= crop[1] ? ["crop"] : [];
  }

  levelAt(time) {
    const { rows, columns, centres_hz, levels, floor_db, ceiling_db, unit } = this.spectrogram;
    const band = this.pointedBand();
    const texts = [hertzText(centres_hz[band])];
    const column = columnAt(time, this.spectrogram);
    const reference_db = this.reference(band);
    if (column !== null && reference_db !== null) {
      const step = levels[band * columns + column];
      const level = this.text(floor_db + (step / 255) * (ceiling_db - floor_db) - reference_db);
      texts.push(`${step || unit !== "dBFS" ? "" : "≤ "}${level} ${unit}`); // what is quieter than step 0 is raised to it
    }
    return [...texts, `band ${band + 1} of ${rows}${reference_db === null ? ", empty" : ""}`];
  }

  rowAt(time, y) {
    const row = this.timeline[Math.floor((y - this.box.rows.top) / ROW_HEIGHT)];
    return row ? [`${row.label} ${valueAt(indexOf(time, row.times_s), row.values).toFixed(2)}`] : [];
  }
}

/** The reference of 0 dBFS in a band in the middle of all, for the ends of the colour scale. */
function typicalReference({ full_scale_db }) {
  const ascending = full_scale_db.filter((level) => level !== null).sort((a, b) => a - b);
  return ascending[ascending.length >> 1] ?? 0;
}
