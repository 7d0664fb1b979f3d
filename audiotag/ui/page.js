// The script of every page. A page is drawn again and again in the same window: each part starts once.

// A field that is being edited sends its value when a click takes the focus away. Where that arrives after a click on a
// link to another page, Streamlit runs the old page again and the click is lost. This script then clicks again, unless
// the user has done something else since.
if (!window.audiotagFollowsLinks) {
  window.audiotagFollowsLinks = true;
  const pathOf = address => new URL(address, document.baseURI).pathname.replace(/[/]$/, "");
  const pathOfLink = link => pathOf(link.getAttribute("href") || "./");  // that of Home is empty
  let wanted = null, wantedLink = null, attempts = 0, pressed = null;
  const forget = event => { if (event.isTrusted) wanted = null; };
  ["keydown", "popstate"].forEach(name => window.addEventListener(name, forget, true));
  const follow = () => {
    const state = document.querySelector('[data-testid="stApp"]')?.getAttribute("data-test-script-state");
    if (wanted === null || pressed || state !== "notRunning" || pathOf(location.href) === wanted) return;
    if (attempts++ > 2) return;
    const links = [...document.querySelectorAll('[data-testid="stPageLink"] a')];
    const same = link => link.getAttribute("href") === wantedLink;  // several may lead to places on one page
    (links.find(same) ?? links.find(link => pathOfLink(link) === wanted))?.click();
  };
  // Where the link is drawn anew between the press and the release, the browser reports no click on it.
  ["pointerdown", "click"].forEach(name => window.addEventListener(name, event => {
    if (!event.isTrusted) return;
    if (name === "pointerdown") pressed = [event.clientX, event.clientY];
    const link = event.target.closest?.('[data-testid="stPageLink"] a');
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (link && isPlain) [wanted, wantedLink, attempts] = [pathOfLink(link), link.getAttribute("href"), 0];
    else if (name === "pointerdown") wanted = null;
  }, true));
  ["pointerup", "pointercancel"].forEach(name => window.addEventListener(name, event => {
    if (pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 10) wanted = null;
    pressed = null;
    // The old page may come back after the last change of the state.
    [500, 1000, 2000, 4000].forEach(milliseconds => setTimeout(follow, milliseconds));
  }, true));
  new MutationObserver(follow)
    .observe(document.body, {subtree: true, attributes: true, attributeFilter: ["data-test-script-state"]});
}

// In the dialog that opens a dataset, the list of folders is another one after Enter on a folder, and the focus is lost.
// This script puts it on the first folder of the new list.
if (!window.audiotagBrowsesFolders) {
  window.audiotagBrowsesFolders = true;
  let entered = null;
  window.addEventListener("focusin", event => {
    const list = event.target.closest?.(".st-key-folder-list");
    if (list || entered?.isConnected) entered = list ? event.target : null;
  }, true);
  new MutationObserver(() => {
    const state = document.querySelector('[data-testid="stApp"]')?.getAttribute("data-test-script-state");
    if (!entered || entered.isConnected || state !== "notRunning") return;
    entered = null;
    document.querySelector(".st-key-folder-list button")?.focus();
  }).observe(document.body, {subtree: true, childList: true, attributeFilter: ["data-test-script-state"]});
}

// Plotly's own toolbar has one button for images, in one format. This script adds another one beside it for SVG, which
// presses the first one while the format is another.
if (!window.audiotagSavesCharts) {
  window.audiotagSavesCharts = true;
  const addButtons = () => document.querySelectorAll(".modebar-btn[data-title^='Download plot']").forEach(png => {
    png.setAttribute("data-title", "Download as PNG");
    png.setAttribute("aria-label", "Download as PNG");
    const svg = document.createElement("button");
    svg.type = "button";
    svg.className = "modebar-btn as-svg";
    svg.setAttribute("data-title", "Download as SVG");
    svg.setAttribute("aria-label", "Download as SVG");
    svg.style.cssText = "font: 600 10px sans-serif; color: inherit; padding: 3px 4px";
    svg.textContent = "SVG";
    svg.addEventListener("click", () => {
      const chart = svg.closest(".js-plotly-plot");
      const options = chart._context.toImageButtonOptions;
      chart._context.toImageButtonOptions = {...options, format: "svg", scale: 1};
      png.click();
      chart._context.toImageButtonOptions = options;
    });
    png.after(svg);
  });
  new MutationObserver(addButtons).observe(document.body, {subtree: true, childList: true});
}

// Code that is wider than its place can be scrolled by the keyboard only where it takes the focus.
if (!window.audiotagScrollsCode) {
  window.audiotagScrollsCode = true;
  const makeFocusable = () => document.querySelectorAll("[data-testid='stCode'] pre:not([tabindex])")
    .forEach(code => code.setAttribute("tabindex", "0"));
  new MutationObserver(makeFocusable).observe(document.body, {subtree: true, childList: true});
}
