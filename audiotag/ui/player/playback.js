// Play a sound: all of it or a part alone, once or in a loop, at a speed, one player at a time.

const RATES = [0.25, 0.5, 0.75, 1, 1.5, 2];
const MAX_FRAME_S = 0.02; // a frame that took longer was skipped by a busy browser

class Playback {
  constructor(root, player) {
    Object.assign(this, { root, player });
    for (const name of ["play", "loop", "rate", "fault"]) this[name] = root.querySelector(`.${name}`);
    this.segment = null; // [start, end] in seconds while a part alone is played
    this.isFollowed = true; // whether the window moves along with the cursor
    this.frame_s = 0; // how long the last frame was on the screen
    this.listening = new Listening(root.querySelector("audio"), {
      play: () => this.started(),
      pause: () => this.paused(),
      move: () => this.follow(), // a hidden tab has no animation frames
      fail: () => (this.fault.textContent = "This browser cannot play the sound."),
    });
    this.play.addEventListener("click", () => this.toggle());
    this.loop.addEventListener("click", () => this.toggleLoop());
    this.rate.addEventListener("change", () => this.setRate(Number(this.rate.value)));
  }

  remove() {
    this.listening.removeAll();
    if (window.audiotagSounding === this.listening) window.audiotagSounding = null;
  }

  /** Take the versions of a sound: the same sound continues, another one starts at its beginning. */
  setVersions(sounds, isOther) {
    if (isOther) {
      this.segment = null;
      this.fault.textContent = "";
    }
    this.listening.setVersions(sounds, !isOther);
    if (isOther) this.stopped();
  }

  time() {
    return this.listening.time;
  }

  /** Where the cursor is drawn: what is drawn now is seen a frame later, so while it plays it is a frame ahead. */
  cursorTime() {
    const ahead = this.listening.paused ? 0 : this.frame_s * this.listening.rate;
    return Math.min(this.time() + ahead, this.player.data.duration_s);
  }

  toggle() {
    if (this.listening.paused) this.start();
    else this.listening.pause();
  }

  start() {
    const { region } = this.player;
    soundAlone(this.listening);
    if (!this.segment && region && this.isLooped()) this.segment = [region.start, region.end];
    const time = this.time();
    if (this.segment && (time < this.segment[0] || time >= this.segment[1])) this.listening.seek(this.segment[0]);
    this.isFollowed = true;
    this.applyLoop();
    this.listening.play();
  }

  /** Play from start to end of a part, and again if the loop is on. */
  playPart(part) {
    if (!part) return;
    this.segment = part;
    this.listening.seek(part[0]);
    this.start();
  }

  seek(time) {
    if (this.segment && (time < this.segment[0] || time >= this.segment[1])) this.segment = null;
    this.listening.seek(time);
    this.isFollowed = true;
    this.applyLoop();
  }

  isLooped() {
    return this.loop.getAttribute("aria-pressed") === "true";
  }

  /** Turn the loop on or off: that of the region if there is one, or else of the whole sound. */
  toggleLoop() {
    const { region } = this.player;
    this.loop.setAttribute("aria-pressed", String(!this.isLooped()));
    if (this.isLooped() && region) {
      this.segment = [region.start, region.end];
      if (!this.listening.paused) this.start();
    }
    this.applyLoop();
    this.player.regionBar.draw();
  }

  /** The browser repeats the whole sound, `follow` a part of it. */
  applyLoop() {
    this.listening.setLooped(this.isLooped() && !this.segment);
  }

  /** Another region was selected, or none: the one before is not played alone any more. */
  regionChanged(before, region) {
    if (this.segment && this.segment[0] === before?.start) this.segment = null;
    if (region && this.isLooped()) this.segment = [region.start, region.end];
    this.applyLoop();
  }

  setRate(rate) {
    this.rate.value = String(rate);
    this.listening.setRate(rate);
  }

  stepRate(step) {
    const at = RATES.indexOf(this.listening.rate) + step;
    if (RATES[at]) this.setRate(RATES[at]);
  }

  started() {
    this.root.classList.add("playing");
    this.labelPlay("Pause");
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame((now) => this.animate(now, now));
  }

  animate(now, before) {
    this.frame_s = Math.min((now - before) / 1000, MAX_FRAME_S);
    this.follow();
    if (!this.listening.paused) this.frame = requestAnimationFrame((next) => this.animate(next, now));
  }

  paused() {
    // The sound went on after the last frame, further than the window where a busy browser has skipped frames.
    if (!this.player.window.holds(this.time())) this.followInWindow();
    this.stopped();
  }

  stopped() {
    this.root.classList.remove("playing");
    this.labelPlay("Play");
    this.player.moveCursor();
    this.player.announcePosition();
  }

  labelPlay(label) {
    this.play.setAttribute("aria-label", label);
    this.play.title = `${label} (space)`;
  }

  /** Stay within the part that is played alone, move the cursor, and keep it in the window. */
  follow() {
    if (this.segment && this.time() >= this.segment[1]) this.endPart();
    if (!this.listening.paused) this.followInWindow();
    this.player.moveCursor();
    if (Math.abs(this.time() - this.player.announced) >= 1) this.player.announcePosition();
  }

  endPart() {
    const [start, end] = this.segment;
    if (this.isLooped()) {
      this.listening.seek(start);
    } else {
      this.listening.pause();
      this.listening.seek(end);
      this.segment = null;
    }
  }

  /** Move the window along with the cursor, unless the user has moved it away, or all of the part is in it. */
  followInWindow() {
    const { window } = this.player;
    const isPartShown = this.segment?.every((time) => window.holds(time));
    if (this.isFollowed && !isPartShown && window.follow(this.time())) this.player.draw();
    this.isFollowed = window.holds(this.time());
  }
}
