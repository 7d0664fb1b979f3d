// How long a component lives: as long as its place on the page, across all runs of the page.
//
// Streamlit calls the default export of a component's script whenever a run sends something new, and what that returns
// when the component goes, but also when a later run replaces the current one. Then the component is still in use.

const living = new WeakMap(); // shadow root → what the component made there

/** What `make` made for a component when it was first called. */
function livingIn(parentElement, make) {
  if (!living.has(parentElement)) living.set(parentElement, make());
  return living.get(parentElement);
}

/** What the default export returns: `remove` is called once, when the component is gone. */
function whenGone(parentElement, remove) {
  return () => {
    if (parentElement.host.isConnected) return;
    remove();
    living.delete(parentElement);
  };
}
