// Which key strokes a player takes: those in it, those while the pointer is over it, and the space key that it may own.

let hovered = null; // the player under the pointer, whose keys work wherever the focus is
let tabbed = false; // whether the focus was last moved by the Tab key, and not by the pointer

class KeyHandling {
  /** `on` adds a listener that is removed with the player. */
  constructor(root, player, on) {
    this.player = player;
    on(root, "keydown", (event) => this.keyInside(event));
    on(root, "pointermove", () => (hovered = player));
    on(root, "pointerleave", () => (hovered = hovered === player ? null : hovered));
    // In the capture phase, or the button that was clicked last would be pressed as well.
    on(document, "keydown", (event) => this.keyAnywhere(event), { capture: true });
    on(document, "keyup", (event) => this.spaceUp(event), { capture: true });
    on(document, "pointerdown", () => (tabbed = false), { capture: true });
  }

  remove() {
    if (hovered === this.player) hovered = null;
  }

  isReady() {
    return this.player.data && !this.player.dialog.open;
  }

  /** Whether the space key controls this player instead of the focused element. */
  ownsSpace(event) {
    if (!this.isReady() || event.key !== " " || event.ctrlKey || event.metaKey || event.altKey) return false;
    const target = event.composedPath()[0];
    if (takesText(target)) return false;
    if (hovered) return hovered === this.player;
    return target === this.player.seek || (this.player.data.owns_space && !needsSpace(target));
  }

  keyAnywhere(event) {
    if (event.key === "Tab") [hovered, tabbed] = [null, true]; // the user has moved on to the keyboard
    const { player } = this;
    if (this.ownsSpace(event)) {
      this.press(event, () => (event.shiftKey && player.region ? player.playRegion() : player.playback.toggle()));
    } else if (hovered === player && this.isReady() && !takesText(event.composedPath()[0])) {
      this.press(event, keyAction(event, player));
    }
  }

  keyInside(event) {
    const target = event.composedPath()[0];
    if (!this.isReady() || takesText(target)) return;
    if (target.type === "radio" && event.key.startsWith("Arrow")) return;
    this.press(event, keyAction(event, this.player) ?? focusedKeyAction(event, this.player));
  }

  press(event, act) {
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key !== " " || !event.repeat) act();
  }

  spaceUp(event) {
    if (this.ownsSpace(event)) event.preventDefault(); // a button is pressed when the key is released
  }
}

/** Whether an element that the Tab key has led to is operated with the space key; a button also takes Enter. */
function needsSpace(target) {
  if (!(target instanceof Element)) return false;
  const controls = "input, summary, [role=tab], [role=radio], [role=checkbox], [role=switch], [role=option]";
  return target.matches("[role=slider], [role=dialog] *") || (tabbed && target.matches(controls));
}
