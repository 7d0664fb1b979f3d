"""The keys of the Review page, which work wherever the focus is, and the list of them."""

from __future__ import annotations

import streamlit as st

QUEUE, HELP, NOTE = "review-queue", "review-keys", "review-note"  # keys of containers, which the script looks for

# Streamlit gives a button's shortcut to the button unless the focus is on an input, which a switch is as well, and also
# repeats it while the key is held down. This script presses the button first, once per stroke, wherever the focus is,
# except where something else needs the key: a field for text, a dialog, what the Tab key has led to. It also gives "?"
# to the list of keys, which a button cannot have, and leaves the field for notes with Enter and Escape.
SCRIPT = """<script>
if (!window.audiotagReviewKeys) {
  window.audiotagReviewKeys = true;
  const names = {ArrowLeft: "←", ArrowRight: "→"};
  const others = new WeakSet();  // strokes that something else needs
  const shown = element => element && element.offsetParent !== null;
  const queue = () => [...document.querySelectorAll(".st-key-QUEUE")].find(shown);
  const takesText = target => target.isContentEditable || target.matches?.(
    "textarea, select, input:not([type=radio], [type=checkbox], [type=button], [type=range])");
  const moves = target => target.matches?.("[role=slider], [role=tab], [role=radio], input");
  let tabbed = false;
  window.addEventListener("pointerdown", () => { tabbed = false; }, true);
  window.addEventListener("keydown", event => {
    if (event.key === "Tab") tabbed = true;
    const page = queue();
    if (!page || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.composedPath()[0];
    if (takesText(target)) {
      const isNote = target.closest(".st-key-NOTE");
      if (isNote && (event.key === "Enter" || event.key === "Escape")) setTimeout(() => target.blur());
      return;
    }
    const isOther = document.querySelector("[role=dialog][aria-modal=true]") ||
      (event.key in names && tabbed && moves(target));
    if (isOther) return void others.add(event);
    const name = names[event.key] ?? event.key.toUpperCase();
    const button = name === "?"
      ? document.querySelector(".st-key-HELP button")
      : page.querySelector(`[aria-label="Shortcut ${CSS.escape(name)}"]`)?.closest("button");
    if (!button || (event.shiftKey && name !== "?")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!event.repeat) button.click();
  }, true);
  document.body.addEventListener("keydown", event => { if (others.has(event)) event.stopPropagation(); });
}
</script>""".replace("QUEUE", QUEUE).replace("HELP", HELP).replace("NOTE", NOTE)

LIST = """
| key | |
|---|---|
| `R` | the labels are right as they are |
| `W` | the label in doubt is not in the sound: remove it |
| `A` | add the missing label, or the likeliest other one |
| `1` … `9` | another label instead |
| `X` | unsure |
| `S` | skip |
| `U` | undo, as often as you like |
| `←` `→` | back and on, without an answer |
| `space` | play and pause |
| `?` | this list |
"""


def show_keys() -> None:
    """The list of keys, which opens with ``?``, and the script that gives the keys to the page."""
    with st.popover("Keys", icon=":material/keyboard:", key=HELP, help="Press ? to open this list."):
        st.markdown(LIST)
    st.html(SCRIPT, unsafe_allow_javascript=True)
