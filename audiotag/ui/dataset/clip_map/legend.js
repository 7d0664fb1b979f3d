// The legend of the map: a button per group, which hides it or shows it again.

/** The item of a group, which calls `changed` after a press. */
function legendItem(group, changed) {
  const { style, count } = group;
  const button = document.createElement("button");
  button.type = "button";
  button.innerHTML = `<svg viewBox="-8 -8 16 16" aria-hidden="true"><path d="${pathOf(style.symbol, 5)}" /></svg><span></span>`;
  const paint = isOpen(style.symbol) ? "fill: none; stroke-width: 2; stroke" : "fill";
  button.querySelector("path").style.cssText = `${paint}: ${style.colour}`;
  button.querySelector("span").textContent = `${style.name} (${count.toLocaleString("en")})`;
  const press = () => button.setAttribute("aria-pressed", String(!group.isHidden));
  press();
  button.addEventListener("click", () => {
    group.isHidden = !group.isHidden;
    press();
    changed();
  });
  const item = document.createElement("li");
  item.append(button);
  return item;
}
