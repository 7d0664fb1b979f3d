// The line below the player that says which region is selected, with its buttons and the form for exact values.

class RegionBar {
  constructor(root, player) {
    Object.assign(this, { root, player });
    this.text = root.querySelector(".selected");
    this.tools = root.querySelector(".region-tools");
    this.form = root.querySelector(".region-form");
    this.loop = root.querySelector(".region-loop");
    this.edit = root.querySelector(".region-edit");
    const click = (name, act) => root.querySelector(`.region-${name}`).addEventListener("click", act);
    click("play", () => player.playRegion());
    click("loop", () => this.toggleLoop());
    click("zoom", () => player.zoomToRegion());
    click("clear", () => player.clearRegion());
    click("edit", () => this.openForm(this.form.hidden));
    this.form.addEventListener("submit", (event) => this.apply(event));
    this.form.addEventListener("keydown", (event) => this.leaveForm(event));
  }

  draw() {
    const { data, region } = this.player;
    if (!data) return;
    this.text.textContent = region ? regionText(region, data.from_s) : "Drag to select a region.";
    this.text.classList.toggle("hint", !region);
    this.tools.hidden = !region;
    this.loop.setAttribute("aria-pressed", String(this.player.playback.isLooped()));
    const isTypedIn = this.form.contains(this.root.getRootNode().activeElement);
    if (!region || (!this.form.hidden && !isTypedIn)) this.openForm(false); // its values are those of another region
  }

  /** Turn the loop on and play the region, or turn the loop off. */
  toggleLoop() {
    this.player.playback.toggleLoop();
    if (this.player.playback.isLooped()) this.player.playRegion();
  }

  openForm(isOpen) {
    this.form.hidden = !isOpen;
    this.edit.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) return;
    const { data, region } = this.player;
    const { lowest, highest } = this.player.limits();
    const { start, end, low, high } = this.form.elements;
    start.value = (data.from_s + region.start).toFixed(3);
    end.value = (data.from_s + region.end).toFixed(3);
    low.value = Math.round(region.low ?? lowest);
    high.value = Math.round(region.high ?? highest);
    start.select();
  }

  apply(event) {
    event.preventDefault();
    const { from_s } = this.player.data;
    const { start, end, low, high } = this.form.elements;
    const times = [start, end].map((field) => Number(field.value) - from_s);
    const band = [low, high].map((field) => (field.value === "" ? null : Number(field.value)));
    const region = regionBetween(times, band, this.player.limits());
    if (!region) return;
    this.player.select(region);
    this.openForm(false);
    this.edit.focus();
  }

  leaveForm(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    this.openForm(false);
    this.edit.focus();
  }
}
