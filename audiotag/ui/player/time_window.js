// The part of the time axis that is shown: all of it, or a zoomed part that can be moved.

const MIN_WINDOW_S = 0.02;
const ZOOM_STEP = 1.5;
const FOLLOW_MARGIN = 0.05; // of the window: this close to its end, the cursor takes the window along

class TimeWindow {
  constructor() {
    this.whole = { start: 0, end: 1 };
    [this.start, this.end] = [0, 1];
  }

  /** Set the whole axis; a window that shows all of it goes on to do so. */
  setWhole(start, end) {
    const wasWhole = this.isWhole();
    this.whole = { start, end };
    if (wasWhole) this.showAll();
    else this.show(this.start, this.end);
  }

  isWhole() {
    return this.start === this.whole.start && this.end === this.whole.end;
  }

  span() {
    return this.end - this.start;
  }

  holds(time) {
    return time >= this.start && time <= this.end;
  }

  showAll() {
    [this.start, this.end] = [this.whole.start, this.whole.end];
  }

  /** Show from `start` to `end`, as far as the axis goes, and not less than the shortest window. */
  show(start, end) {
    const whole = this.whole.end - this.whole.start;
    const span = Math.min(Math.max(end - start, MIN_WINDOW_S), whole);
    const middle = (start + end) / 2;
    this.start = Math.min(Math.max(middle - span / 2, this.whole.start), this.whole.end - span);
    this.end = this.start + span;
    if (span === whole) this.showAll(); // without rounding errors
  }

  /** Show a part that is `factor` times as short; `about` stays where it is. */
  zoom(factor, about) {
    const span = Math.max(this.span() / factor, MIN_WINDOW_S);
    const start = about - ((about - this.start) / this.span()) * span;
    this.show(start, start + span);
  }

  scroll(seconds) {
    this.show(this.start + seconds, this.end + seconds);
  }

  /** Move so that a time is in the window, near its start if it has gone beyond; true if it had to move. */
  follow(time) {
    const margin = FOLLOW_MARGIN * this.span();
    const last = this.end === this.whole.end ? this.end : this.end - margin;
    if (this.isWhole() || (time >= this.start && time <= last)) return false;
    const before = this.start;
    this.show(time - margin, time - margin + this.span());
    return this.start !== before;
  }
}
