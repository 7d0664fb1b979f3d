// The slim bar below the spectrogram: the whole sound, with the part that is shown; dragging it moves that part.

class Overview {
  constructor(root, player) {
    Object.assign(this, { root, player });
    for (const name of ["track", "thumb", "marked", "here"]) this[name] = root.querySelector(`.${name}`);
    this.grabbed = null; // seconds from the window's start to where it was taken
    const on = (type, act) => root.addEventListener(type, act);
    on("pointerdown", (event) => this.grab(event));
    on("pointermove", (event) => this.grabbed !== null && this.drag(event));
    on("pointerup", () => (this.grabbed = null));
    on("pointercancel", () => (this.grabbed = null));
    on("keydown", (event) => this.key(event));
  }

  timeAt(event) {
    const { left, width } = this.track.getBoundingClientRect();
    const { start, end } = this.player.window.whole;
    return start + ((event.clientX - left) / width) * (end - start);
  }

  grab(event) {
    const { window } = this.player;
    if (event.button !== 0 || window.isWhole()) return;
    this.root.setPointerCapture(event.pointerId);
    const time = this.timeAt(event);
    this.grabbed = window.holds(time) ? time - window.start : window.span() / 2;
    this.drag(event);
  }

  drag(event) {
    this.player.scrollBy(this.timeAt(event) - this.grabbed - this.player.window.start);
  }

  key(event) {
    const { window } = this.player;
    const seconds = {
      ArrowLeft: -0.1 * window.span(),
      ArrowRight: 0.1 * window.span(),
      PageUp: -PAGE * window.span(),
      PageDown: PAGE * window.span(),
      Home: window.whole.start - window.start,
      End: window.whole.end - window.end,
    }[event.key];
    if (seconds === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.player.scrollBy(seconds);
  }

  draw() {
    const { data, window, region } = this.player;
    if (!data) return;
    const { start, end } = window.whole;
    const percent = (time) => (100 * (time - start)) / (end - start);
    const put = (element, from, to) => {
      element.style.left = `${percent(from)}%`;
      element.style.width = `${percent(to) - percent(from)}%`;
    };
    put(this.thumb, window.start, window.end);
    this.marked.hidden = !region;
    if (region) put(this.marked, region.start, region.end);
    this.root.classList.toggle("zoomed", !window.isWhole());
    this.root.tabIndex = window.isWhole() ? -1 : 0;
    const free = end - start - window.span();
    this.root.setAttribute("aria-disabled", String(window.isWhole()));
    this.root.setAttribute("aria-valuenow", free ? Math.round((100 * (window.start - start)) / free) : 0);
    const shown = [window.start, window.end].map((time) => (data.from_s + time).toFixed(2));
    this.root.setAttribute("aria-valuetext", `${shown[0]} to ${shown[1]} seconds`);
    this.moveCursor();
  }

  moveCursor() {
    const { window } = this.player;
    const { start, end } = window.whole;
    this.here.style.left = `${(100 * (this.player.time() - start)) / (end - start)}%`;
  }
}
