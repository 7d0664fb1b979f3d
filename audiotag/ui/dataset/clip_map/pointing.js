// What the mouse, a finger and the wheel do on the map: point at a clip, pick one, draw around clips, move, zoom.

const CLICK_PX = 4; // a pointer that moves no further than this has clicked
const STEP_PX = 3; // between two corners of a lasso
const WHEEL_ZOOM = 0.0016; // per pixel that the wheel turns; a line has 16
const PINCH_WHEEL = 8; // a touchpad reports pinching as a wheel that turns little

class Pointing {
  constructor(stage, map, on) {
    this.stage = stage;
    this.map = map;
    this.down = new Map(); // pointer → where it is, for each that is pressed
    this.start = null; // where the pointer was pressed that may become a click, a line or a movement
    this.isDragging = false;
    on(stage, "pointerdown", (event) => this.press(event));
    on(stage, "pointermove", (event) => this.move(event));
    on(stage, "pointerup", (event) => this.release(event));
    on(stage, "pointercancel", (event) => this.cancel(event));
    on(stage, "pointerleave", () => this.map.pointAt(null));
    on(stage, "wheel", (event) => this.turn(event), { passive: false });
  }

  placeOf(event) {
    const { left, top } = this.stage.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  press(event) {
    if (event.button !== 0) return;
    this.stage.setPointerCapture(event.pointerId);
    this.down.set(event.pointerId, this.placeOf(event));
    this.start = this.down.size === 1 ? this.placeOf(event) : null;
    if (this.down.size > 1) this.stop(); // two fingers zoom, and what the first one began is not meant
  }

  move(event) {
    const place = this.placeOf(event);
    const before = this.down.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") this.map.pointAt(place);
      return;
    }
    if (this.down.size === 2) this.pinch(event.pointerId, before, place);
    this.down.set(event.pointerId, place);
    if (!this.start) return;
    if (!this.isDragging && Math.hypot(place[0] - this.start[0], place[1] - this.start[1]) <= CLICK_PX) return;
    if (!this.isDragging) {
      this.isDragging = true;
      this.map.pointAt(null);
      if (this.map.mode !== "move") this.map.begin(this.start);
    }
    if (this.map.mode === "move") this.map.change((view) => view.moveBy(place[0] - before[0], place[1] - before[1]));
    else this.map.drawTo(place, STEP_PX);
  }

  /** Two fingers: what is between them stays between them. */
  pinch(pointer, before, place) {
    const [, other] = [...this.down].find(([id]) => id !== pointer);
    const middle = ([x, y]) => [(x + other[0]) / 2, (y + other[1]) / 2];
    const length = ([x, y]) => Math.max(Math.hypot(x - other[0], y - other[1]), 10);
    const [from, to] = [middle(before), middle(place)];
    this.map.change((view) => {
      view.moveBy(to[0] - from[0], to[1] - from[1]);
      view.zoomBy(length(place) / length(before), ...to);
    });
  }

  release(event) {
    if (!this.down.delete(event.pointerId) || !this.start) return;
    if (!this.isDragging) this.map.pick(this.start);
    else if (this.map.mode !== "move") this.map.finish();
    [this.start, this.isDragging] = [null, false];
  }

  cancel(event) {
    this.down.delete(event.pointerId);
    this.stop();
  }

  /** Forget a line that has been begun. */
  stop() {
    if (this.isDragging && this.map.mode !== "move") this.map.dropOutline();
    [this.start, this.isDragging] = [null, false];
  }

  turn(event) {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1) * (event.ctrlKey ? PINCH_WHEEL : 1);
    const factor = Math.exp(-WHEEL_ZOOM * Math.max(-400, Math.min(400, pixels)));
    this.map.change((view) => view.zoomBy(factor, ...this.placeOf(event)));
  }
}
