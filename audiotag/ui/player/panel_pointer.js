// The pointer on a panel: a click seeks, a drag selects a region, two fingers zoom.

class PanelPointer {
  constructor(panel, player) {
    Object.assign(this, { panel, player });
    this.fingers = new Map(); // pointer id → where it is, in pixels of the seek area
    this.start = null; // where the drag began
    this.isDragged = false;
    const on = (type, act) => panel.seek.addEventListener(type, act);
    on("pointerdown", (event) => this.press(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.release(event));
    on("pointercancel", (event) => this.cancel(event));
    on("pointerleave", () => panel.unpoint());
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
    this.panel.point(at);
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
      this.panel.point(at);
    }
  }

  release(event) {
    const isClick = this.start && !this.isDragged;
    if (isClick || (this.start && this.player.data.compact)) this.player.seekTo(this.panel.timeAt(this.placeOf(event).x));
    this.cancel(event);
  }

  cancel(event) {
    this.fingers.delete(event.pointerId);
    this.start = null;
  }

  select(at) {
    const { panel, start, player } = this;
    const band = panel.isInSpectrogram(start.y) ? [panel.hertzAt(start.y), panel.hertzAt(at.y)] : [null, null];
    const region = regionBetween([panel.timeAt(start.x), panel.timeAt(at.x)], band, player.limits());
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
