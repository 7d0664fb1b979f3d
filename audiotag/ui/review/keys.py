"""The keys of the Review page, which work wherever the focus is, and the list of them."""

from __future__ import annotations

import streamlit as st

from audiotag.ui.style import add_style
from audiotag.ui.text import Markdown, escape

QUEUE, QUESTION, NOTE = "review-queue", "review-question", "review-note"  # keys of containers, for the script
LABELS = "review-labels"  # start of the key of the labels to choose from, which have the digits
BACK, ON, UNDO, HELP = "left", "right", "U", "help"  # names of keys, besides the letters and digits of answers
ENTER = "enter"

# Streamlit has shortcuts for buttons, but they stop where the focus is on a switch, are repeated while a key is held
# down, and may not be R. This script presses the button of a key once per stroke, wherever the focus is, unless
# something else needs the key: a field for text, a dialog, or what the Tab key has led to. Enter and Escape leave the
# field for notes; Escape, and Enter without a text, the one for labels. Its listener comes before all others, so
# Streamlit's own keys, as R for another run, do nothing. A digit presses the button of that key, or chooses the label
# of that number.
SCRIPT = (
    """<script>
if (!window.audiotagReviewKeys) {
  window.audiotagReviewKeys = true;
  const names = {ArrowLeft: "left", ArrowRight: "right", "?": "help", Enter: "enter", "/": "N"};
  const shown = element => element.offsetParent !== null;
  const takesText = target => target.isContentEditable || target.matches?.(
    "textarea, select, input:not([type=radio], [type=checkbox], [type=button], [type=range])");
  const moves = target => target.matches?.("[role=slider], [role=tab], [role=radio], input");
  const isPressed = target => target.closest?.("a, button, summary, [role=tab], [role=button]");
  // The page is drawn from its top: a key is for the doubt that is asked about, whose buttons may come a moment later.
  const classOf = (element, start) => [...(element?.classList ?? [])].find(name => name.startsWith(start)) ?? "";
  const find = start => [...document.querySelectorAll(`[class*="${start}"]`)].find(shown);
  const asked = () => classOf(find("st-key-QUESTION-"), "st-key-QUESTION-").split("-").at(-1);
  const label = (number, about) => find(`st-key-LABELS-${about}`)?.querySelectorAll("button")[number - 1];
  const press = (name, about, attempts) => {
    const button = find(`st-key-press-${name}-`);
    const id = classOf(button, "st-key-press-").split("-").at(-1);
    if (asked() !== about) return;  // another doubt has come meanwhile
    const chosen = label(name, about);
    if (chosen) chosen.click();
    else if (button && (!id || id === about)) {
      const field = button.querySelector("input");
      if (field) field.focus();
      else button.querySelector("button")?.click();
    } else if (attempts) setTimeout(() => press(name, about, attempts - 1), 50);
  };
  let tabbed = false;
  window.addEventListener("pointerdown", () => { tabbed = false; }, true);
  window.addEventListener("keydown", event => {
    if (event.key === "Tab") tabbed = true;
    if (![...document.querySelectorAll(".st-key-QUEUE")].some(shown)) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.composedPath()[0];
    if (takesText(target)) {
      const isNote = target.closest(".st-key-NOTE");
      const isLabel = target.closest("[class*='st-key-press-N-']");
      const leaves = event.key === "Escape" || (event.key === "Enter" && (isNote || !target.value));
      if (leaves && (isNote || isLabel)) setTimeout(() => target.blur());
      return;
    }
    const name = names[event.key] ?? (/^[0-9rwaxsunmc]$/i.test(event.key) ? event.key.toUpperCase() : "");
    if (!name || (event.shiftKey && !"?/".includes(event.key))) return;
    if (name === "enter" && !find("st-key-press-enter-")) return;
    if (document.querySelector("[role=dialog]:not([data-testid=stPopoverBody])") || target.closest?.("dialog")) return;
    if (tabbed && event.key in names && (event.key === "Enter" ? isPressed(target) : moves(target))) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!event.repeat) press(name, asked(), 20);
  }, true);
}
</script>""".replace("QUEUE", QUEUE)
    .replace("QUESTION", QUESTION)
    .replace("LABELS", LABELS)
    .replace("NOTE", NOTE)
)

STYLE = """<style>
/* Where there is no room for two columns, the second stands below the first. */
.st-key-review-item [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"]) { flex-wrap: wrap; }
.st-key-review-item [data-testid="stColumn"]:first-child { min-width: min(100%, 30rem); }
.st-key-review-item [data-testid="stColumn"]:last-child { min-width: min(100%, 15rem); }
/* The key of a button. */
[class*="st-key-press-"] button code {
  margin-left: .3rem; padding: .05rem .35rem; border-radius: .25rem; font-size: .75rem; color: inherit; opacity: .75;
  background: transparent; border: 1px solid color-mix(in srgb, currentColor 35%, transparent);
}
</style>"""

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
| `J` `K` | play the next and the previous similar clip, where these are open |
| `?` | this list |
"""


def key_of(name: str, place: str = "") -> str:
    """The key of the button that a key of the keyboard presses, by the name of that key.

    Parameters
    ----------
    name : str
        `BACK`, `ON`, `UNDO`, `HELP`, or the letter or digit of an answer.
    place : str
        What the button is about, where it is another button each time.
    """
    return f"press-{name}-{place}"


def with_key(text: str, name: str) -> Markdown:
    """The label of a button: a text from data, and the key that presses it."""
    return Markdown(f"{escape(text)} `{escape(name)}`")


def show_list() -> None:
    """The list of keys, which opens with ``?``."""
    with st.popover("Keys `?`", icon=":material/keyboard:", key=key_of(HELP)):
        st.markdown(LIST)


def give_keys() -> None:
    """The script that presses the buttons of keys, and how these look."""
    add_style(STYLE, SCRIPT)
