// The pointer on a panel: a click seeks, a drag selects a region or moves its edges, two fingers zoom.

const REACH = 6; // pixels: this close to an edge of the region, a drag moves the edge

class PanelPointer {
  constructor(panel, player) {
    Object.assign(this, { panel, player });
    this.fingers = new Map(); // pointer id → where it is, in pixels of the seek area
    this.start = null; // where the drag began
    this.edges = []; // those of the region that the drag moves: "start" or "end", "low" or "high"
    this.isDragged = false;
    const on = (type, act) => panel.seek.addEventListener(type, act);
    on("pointerdown", (event) => this.press(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.release(event));
    on("pointercancel", (event) => this.cancel(event));
    on("pointerleave", () => player.panels.forEach((each) => each.unpoint()));
    on("mousedown", (event) => this.leaveFocus(event));
  }

  placeOf(event) {
    const area = this.panel.seek.getBoundingClientRect();
    return { x: event.clientX - area.left, y: event.clientY - area.top };
  }

  press(event) {
    if (event.button !== 0 || !this.panel.box) return;
    this.panel.seek.setPointerCapture(event.pointerId);
    const at = this.placeOf(event);
    this.fingers.set(event.pointerId, at);
    this.isDragged = this.fingers.size > 1; // a pinch neither seeks nor selects
    this.start = this.isDragged ? null : at;
    this.edges = this.edgesAt(at);
    this.point(at);
  }

  move(event) {
    if (!this.panel.box) return;
    const at = this.placeOf(event);
    const before = this.fingers.get(event.pointerId);
    if (before) this.fingers.set(event.pointerId, at);
    if (before && this.fingers.size === 2) {
      this.pinch(event.pointerId, before, at);
    } else {
      if (this.start && Math.hypot(at.x - this.start.x, at.y - this.start.y) > DRAG) this.isDragged = true;
      if (this.start && this.isDragged && !this.player.data.compact) this.select(at);
      this.point(at);
    }
  }

  /** Show what is under the pointer, in other panels at the same time and frequency. */
  point(at) {
    const { panel } = this;
    const edges = this.start ? this.edges : this.edgesAt(at);
    const shapes = { 0: "", 1: edges[0] === "low" || edges[0] === "high" ? "ns-resize" : "ew-resize", 2: "move" };
    panel.seek.style.cursor = shapes[edges.length];
    const [time, hz] = [panel.timeAt(at.x), panel.isInSpectrogram(at.y) ? panel.hertzAt(at.y) : null];
    panel.point(at);
    for (const other of this.player.panels) {
      if (other !== panel && other.box) other.point({ x: other.across(time), y: hz === null ? at.y : other.down(hz) });
    }
  }

  /** The edges of the region that are within reach of a place. */
  edgesAt({ x, y }) {
    const { panel } = this;
    const { region } = this.player;
    if (!region) return [];
    const ends = { start: panel.across(region.start), end: panel.across(region.end) };
    const { top, bottom } = panel.box.spectrogram;
    let band = { high: top, low: bottom };
    if (region.low !== null) band = { high: panel.down(region.high), low: panel.down(region.low) };
    const isWaveform = y < panel.box.waveform.bottom;
    if (x < ends.start - REACH || x > ends.end + REACH) return [];
    if (!isWaveform && (y < band.high - REACH || y > band.low + REACH)) return [];
    const near = (places, at) => Object.keys(places).find((name) => Math.abs(places[name] - at) <= REACH);
    return [near(ends, x), region.low === null || isWaveform ? null : near(band, y)].filter(Boolean);
  }

  release(event) {
    const isClick = !this.isDragged || this.player.data.compact;
    if (this.start && isClick) this.player.seekTo(this.panel.timeAt(this.placeOf(event).x));
    this.cancel(event);
  }

  cancel(event) {
    this.fingers.delete(event.pointerId);
    this.start = null;
  }

  select(at) {
    const { panel, start, player } = this;
    if (this.edges.length) {
      this.moveEdges(at);
      return;
    }
    const band = panel.isInSpectrogram(start.y) ? [panel.hertzAt(start.y), panel.hertzAt(at.y)] : [null, null];
    const region = regionBetween([panel.timeAt(start.x), panel.timeAt(at.x)], band, player.limits());
    if (region) player.select(region);
  }

  moveEdges(at) {
    const { panel, player } = this;
    const moved = { ...player.region };
    for (const edge of this.edges) {
      moved[edge] = edge === "start" || edge === "end" ? panel.timeAt(at.x) : panel.hertzAt(at.y);
    }
    if (moved.start >= moved.end || (moved.low !== null && moved.low >= moved.high)) return; // beyond the other edge
    const region = regionBetween([moved.start, moved.end], [moved.low, moved.high], player.limits());
    if (region) player.select(region);
  }

  pinch(id, before, at) {
    const [other] = [...this.fingers].filter(([each]) => each !== id).map(([, place]) => place);
    const distance = (place) => Math.max(Math.abs(place.x - other.x), 10);
    this.player.zoomBy(distance(at) / distance(before), this.panel.timeAt((at.x + other.x) / 2));
  }

  /** On a page with keys of its own, a click to seek must not take the focus: the arrow keys would then seek. */
  leaveFocus(event) {
    if (!this.player.data.owns_space && !this.player.data.compact) return;
    event.preventDefault();
    document.activeElement?.blur();
  }
}
