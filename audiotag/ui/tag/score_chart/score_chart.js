// The chart of scores in the browser: bars, and thresholds that are moved with the pointer, with keys, or in a field.
//
// Streamlit calls the default export each time the page runs. A threshold is sent when it is released; until the page
// has run with it, what the user moved stays where it is.

const REST_MS = 350; // a key that was pressed is followed by another one within this time, or the value is sent
const HINT = "Drag an orange line to move a label's threshold. Click on a label to go to its best moment.";

export default function ({ data, parentElement, setTriggerValue }) {
  const chart = livingIn(parentElement, () => new Chart(parentElement.querySelector(".chart")));
  chart.send = setTriggerValue;
  chart.show(data);
  return whenGone(parentElement, () => chart.remove());
}

class Chart {
  constructor(root) {
    this.root = root;
    for (const name of ["rows", "note", "svg", "png"]) this[`${name}Part`] = root.querySelector(`.${name}`);
    this.template = root.querySelector("template");
    this.rows = new Map(); // label → row
    this.notePart.textContent = HINT;
    this.svgPart.addEventListener("click", () => downloadSvg(this.drawing(), this.name));
    this.pngPart.addEventListener("click", () => downloadPng(this.drawing(), this.name));
  }

  remove() {
    for (const row of this.rows.values()) clearTimeout(row.resting);
  }

  show(data) {
    const isOther = this.name !== undefined && this.name !== data.name;
    this.name = data.name;
    this.root.setAttribute("aria-label", `Scores of ${data.name}, with thresholds`);
    const labels = data.rows.map((row) => row.label);
    for (const [label, row] of this.rows) {
      if (!labels.includes(label)) {
        clearTimeout(row.resting);
        row.element.remove();
        this.rows.delete(label);
      }
    }
    data.rows.forEach((facts, place) => {
      if (!this.rows.has(facts.label)) this.rows.set(facts.label, new Row(this, facts.label));
      const row = this.rows.get(facts.label);
      row.update(facts);
      const there = this.rowsPart.children[place];
      if (there !== row.element) this.rowsPart.insertBefore(row.element, there ?? null);
    });
    if (isOther) this.notePart.textContent = HINT;
  }

  /** The chart as the text of an SVG, as large as it is on the page. */
  drawing() {
    const [width, left, line] = [720, 190, 28];
    const rows = [...this.rowsPart.children].map((element) => [...this.rows.values()].find((row) => row.element === element));
    const styles = getComputedStyle(this.root);
    const ink = styles.color;
    const paper = styles.getPropertyValue("--st-background-color").trim() || "white";
    const accent = styles.getPropertyValue("--st-primary-color").trim() || "#0f766e";
    const long = width - left - 70;
    const height = rows.length * line + 50;
    const parts = [0, 0.25, 0.5, 0.75, 1].map(
      (tick) =>
        `<line x1="${left + tick * long}" x2="${left + tick * long}" y1="10" y2="${height - 36}" stroke="${ink}" stroke-opacity=".2"/>` +
        `<text x="${left + tick * long}" y="${height - 20}" text-anchor="middle" font-size="11">${tick}</text>`,
    );
    rows.forEach((row, number) => {
      const y = 14 + number * line;
      const fill = row.passes() ? accent : "none";
      const x = left + row.threshold * long;
      parts.push(
        `<text x="${left - 10}" y="${y + 15}" text-anchor="end">${escaped(row.label)}</text>`,
        `<rect x="${left}" y="${y + 2}" width="${Math.max(1, row.facts.score * long)}" height="16" fill="${fill}" stroke="${row.passes() ? accent : ink}" stroke-opacity=".8"/>`,
        `<line x1="${x}" x2="${x}" y1="${y - 2}" y2="${y + 22}" stroke="#d98324" stroke-width="4"/>`,
        `<text x="${width - 10}" y="${y + 15}" text-anchor="end">${row.facts.score.toFixed(2)}</text>`,
      );
    });
    parts.push(`<text x="${left}" y="${height - 4}" font-size="11">bar: score, line: threshold</text>`);
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="13" fill="${ink}">` +
      `<rect width="${width}" height="${height}" fill="${paper}"/>${parts.join("")}</svg>`
    );
  }
}

class Row {
  constructor(chart, label) {
    this.chart = chart;
    this.label = label;
    this.element = chart.template.content.firstElementChild.cloneNode(true);
    for (const name of ["label", "track", "bar", "handle", "score", "field"]) {
      this[`${name}Part`] = this.element.querySelector(`.${name}`);
    }
    this.labelPart.textContent = label;
    this.labelPart.title = `Go to the best moment of ${label}`;
    this.handlePart.setAttribute("aria-label", `Threshold of ${label}`);
    this.fieldPart.setAttribute("aria-label", `Threshold of ${label} as a number`);
    this.sent = null; // a threshold that the page has not run with yet
    this.listen();
  }

  listen() {
    const handle = this.handlePart;
    this.labelPart.addEventListener("click", () => this.chart.send("jump", { label: this.label }));
    handle.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      handle.setPointerCapture(event.pointerId);
      handle.focus({ preventScroll: true });
      this.moveFrom = this.threshold;
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => {
      if (this.moveFrom === undefined) return;
      const { left, width } = this.trackPart.getBoundingClientRect();
      this.move(Math.round((200 * (event.clientX - left)) / width) / 200);
    });
    const drop = (event) => {
      if (this.moveFrom === undefined) return;
      if (event.type === "pointercancel") this.move(this.moveFrom);
      this.moveFrom = undefined;
      this.release();
    };
    for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) handle.addEventListener(type, drop);
    handle.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 0.01, ArrowUp: 0.01, ArrowLeft: -0.01, ArrowDown: -0.01, PageUp: 0.1, PageDown: -0.1, Home: -1, End: 1 };
      if (event.key === "Escape" && this.moveFrom !== undefined) this.move(this.moveFrom);
      if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      this.move(Math.round(1000 * (this.threshold + steps[event.key])) / 1000);
      clearTimeout(this.resting);
      this.resting = setTimeout(() => this.release(), REST_MS);
    });
    handle.addEventListener("blur", () => this.release());
    this.fieldPart.addEventListener("keydown", (event) => event.stopPropagation()); // the app's shortcuts are letters
    this.fieldPart.addEventListener("input", () => (this.isTyping = true));
    this.fieldPart.addEventListener("blur", () => (this.isTyping = false));
    this.fieldPart.addEventListener("change", () => {
      this.isTyping = false;
      const text = this.fieldPart.value.trim().replace(",", ".");
      const value = Number(text);
      if (text === "" || !(value >= 0 && value <= 1)) {
        this.draw();
        this.chart.notePart.textContent = `A threshold is a number from 0 to 1, got “${text}”.`;
        return;
      }
      this.move(value);
      this.release();
    });
  }

  update(facts) {
    this.facts = facts;
    const isMoving = this.moveFrom !== undefined || this.resting !== undefined;
    if (this.sent !== null && Math.abs(this.sent - facts.threshold) < 1e-6) this.sent = null;
    if (!isMoving && this.sent === null) this.threshold = facts.threshold;
    this.settled = facts.threshold;
    this.draw();
  }

  move(value) {
    this.threshold = Math.min(1, Math.max(0, value));
    this.draw();
    this.chart.notePart.textContent = this.describe();
  }

  /** Tell the page the threshold, if it is another one. */
  release() {
    clearTimeout(this.resting);
    this.resting = undefined;
    if (this.moveFrom !== undefined || this.threshold === this.settled || this.threshold === this.sent) return;
    this.sent = this.threshold;
    setTimeout(() => (this.sent = null), 5000); // the page may have refused it
    this.chart.send("threshold", { label: this.label, value: this.threshold });
  }

  passes() {
    return this.facts.score > 0 && this.facts.score >= this.threshold;
  }

  describe() {
    const at = Math.round(100 * this.threshold);
    const [precision, recall] = [this.facts.precision[at], this.facts.recall[at]];
    const known = (value) => (value === null || value === undefined ? "unknown" : value.toFixed(2));
    const measured = this.facts.precision.length
      ? `: precision ${known(precision)}, recall ${known(recall)} on held-out clips`
      : "";
    return `${this.label} from ${this.threshold.toFixed(3)}${measured}. This sound ${this.passes() ? "gets" : "does not get"} the label.`;
  }

  draw() {
    const text = this.threshold.toFixed(3);
    this.element.classList.toggle("passes", this.passes());
    this.element.classList.toggle("moving", this.moveFrom !== undefined);
    this.barPart.style.width = `${100 * this.facts.score}%`;
    this.handlePart.style.left = `${100 * this.threshold}%`;
    this.handlePart.setAttribute("aria-valuenow", text);
    this.handlePart.setAttribute("aria-valuetext", `${text}, score ${this.facts.score.toFixed(2)}`);
    this.handlePart.title = `Threshold ${text}`;
    this.scorePart.textContent = this.facts.score.toFixed(2);
    this.scorePart.title = this.facts.votes;
    if (!this.isTyping) this.fieldPart.value = text;
  }
}
