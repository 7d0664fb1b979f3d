// The versions of a sound that can be listened to: one is heard, and another can take its place at the same position.

class Listening {
  /** `tell` has a function for "play", "pause", "move" and "fail": what happens to the version that is heard. */
  constructor(audio, tell) {
    this.tell = tell;
    this.versions = [{ audio, id: null, url: null }];
    this.chosen = 0;
    this.rate = 1;
    this.isLooped = false;
    this.attach(audio);
  }

  get audio() {
    return this.versions[this.chosen].audio;
  }

  get time() {
    return this.audio.currentTime;
  }

  get paused() {
    return this.audio.paused;
  }

  get url() {
    return this.versions[this.chosen].url;
  }

  attach(audio) {
    const pass = (name) => () => audio === this.audio && this.tell[name]();
    for (const [event, name] of [["play", "play"], ["pause", "pause"], ["ended", "pause"], ["timeupdate", "move"]]) {
      audio.addEventListener(event, pass(name));
    }
    audio.addEventListener("error", () => audio === this.audio && audio.hasAttribute("src") && this.tell.fail());
  }

  /** Take these versions. With `keep`, the sound is the same as before: it goes on at its position. */
  setVersions(sounds, keep) {
    const [time, isPlaying] = [this.time, !this.paused];
    const id = this.versions[this.chosen].id;
    if (!keep || this.chosen >= sounds.length) {
      this.audio.pause();
      this.chosen = 0;
    }
    while (this.versions.length > sounds.length) this.remove(this.versions.pop());
    while (this.versions.length < sounds.length) this.versions.push(this.addedVersion());
    for (const [number, sound] of sounds.entries()) this.load(this.versions[number], sound, !keep && number === 0);
    if (keep && this.versions[this.chosen].id !== id) {
      this.audio.currentTime = time;
      if (isPlaying) this.play();
    }
  }

  addedVersion() {
    const audio = document.createElement("audio");
    audio.preload = "auto";
    audio.muted = this.versions[0].audio.muted;
    this.versions.at(-1).audio.after(audio);
    this.attach(audio);
    return { audio, id: null, url: null };
  }

  load(version, { id, type, encoded }, always) {
    if (version.id === id && !always) return;
    this.unload(version);
    version.id = id;
    version.url = URL.createObjectURL(new Blob([encoded], { type }));
    version.audio.src = version.url;
    this.setUp(version.audio);
  }

  unload({ audio, url }) {
    audio.pause();
    if (!url) return;
    audio.removeAttribute("src");
    audio.load();
    URL.revokeObjectURL(url);
  }

  remove(version) {
    this.unload(version);
    version.audio.remove();
  }

  removeAll() {
    for (const version of this.versions) this.unload(version);
  }

  setUp(audio) {
    audio.defaultPlaybackRate = audio.playbackRate = this.rate;
    audio.preservesPitch = true;
    audio.loop = this.isLooped;
  }

  setRate(rate) {
    this.rate = rate;
    for (const { audio } of this.versions) this.setUp(audio);
  }

  setLooped(isLooped) {
    this.isLooped = isLooped;
    for (const { audio } of this.versions) audio.loop = isLooped;
  }

  play() {
    return this.audio.play().catch((error) => {
      // Another sound came before this one began, or the browser plays none before the user has done something.
      if (!["AbortError", "NotAllowedError"].includes(error.name)) this.tell.fail();
    });
  }

  pause() {
    this.audio.pause();
  }

  seek(time) {
    this.audio.currentTime = time;
  }

  /** Let another version be heard from the same position on. */
  choose(number) {
    if (number === this.chosen || !this.versions[number]) return;
    const before = this.audio;
    const isPlaying = !before.paused;
    this.chosen = number;
    this.audio.currentTime = before.currentTime;
    before.pause();
    if (isPlaying) this.play();
  }
}
