// Which part of the map is shown: where a place on the map is on the screen, and the other way round.

const MARGIN = 0.04; // around the outermost points, as a share of the screen
const MAX_ZOOM = 200;

class View {
  constructor() {
    [this.width, this.height] = [0, 0]; // of the screen, in CSS pixels
    this.extent = [1, 1]; // of the map, in its units
    this.zoom = 1; // 1 shows the whole map
    this.centre = [0.5, 0.5]; // of the screen, on the map
  }

  resize(width, height) {
    [this.width, this.height] = [width, height];
  }

  setExtent(extent) {
    this.extent = extent;
    this.showAll();
  }

  showAll() {
    this.zoom = 1;
    this.centre = this.extent.map((length) => length / 2);
  }

  /** CSS pixels per unit of the map, which is the same in both directions. */
  get scale() {
    const [wide, high] = this.extent.map((length) => Math.max(length, 1));
    return this.zoom * (1 - 2 * MARGIN) * Math.min(this.width / wide, this.height / high);
  }

  toScreen(x, y) {
    return [this.width / 2 + (x - this.centre[0]) * this.scale, this.height / 2 - (y - this.centre[1]) * this.scale];
  }

  toMap(left, top) {
    return [this.centre[0] + (left - this.width / 2) / this.scale, this.centre[1] - (top - this.height / 2) / this.scale];
  }

  moveBy(right, down) {
    const moved = [this.centre[0] - right / this.scale, this.centre[1] + down / this.scale];
    this.centre = moved.map((value, axis) => Math.min(Math.max(value, 0), this.extent[axis]));
  }

  /** Zoom so that what is at a place of the screen stays there. */
  zoomBy(factor, left = this.width / 2, top = this.height / 2) {
    const before = this.toMap(left, top);
    this.zoom = Math.min(Math.max(this.zoom * factor, 1), MAX_ZOOM);
    if (this.zoom === 1) {
      this.showAll();
      return;
    }
    const [right, down] = this.toScreen(...before);
    this.moveBy(left - right, top - down);
  }

  /** The line on the map that leads through places of the screen, as an SVG path. */
  pathOf(places) {
    return `M${places.map(([x, y]) => this.toScreen(x, y).map((value) => value.toFixed(1)).join(" ")).join("L")}Z`;
  }
}
