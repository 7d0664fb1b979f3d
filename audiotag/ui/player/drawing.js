// Shapes and texts of the drawings, and numbers as people read them.

function drawn(shape, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", shape);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function line(x1, y1, x2, y2, kind) {
  return drawn("line", { x1, y1, x2, y2, class: kind });
}

function words(text, x, y, anchor, kind = "") {
  const element = drawn("text", { x, y, "text-anchor": anchor, class: kind });
  element.textContent = text;
  return element;
}

function frame(x, y, width, height, kind) {
  return drawn("rect", { x, y, width: Math.max(width, 1), height: Math.max(height, 1), class: kind });
}

function place(element, left, top, width, height) {
  Object.assign(element.style, { left: `${left}px`, top: `${top}px`, height: `${height}px` });
  if (width !== null) element.style.width = `${width}px`;
}

function gradient(colours) {
  const stops = colours.map(([place, red, green, blue]) => `rgb(${red} ${green} ${blue}) ${place * 100}%`);
  return `linear-gradient(to top, ${stops.join(", ")})`;
}

/** A number with a true minus sign, and none before a zero. */
function minus(value, digits = 0) {
  return value.toFixed(digits).replace(/^-(?=0(\.0*)?$)/, "").replace("-", "−");
}

function hertzText(hz) {
  return hz < 1000 ? `${Math.round(hz)} Hz` : `${Number((hz / 1000).toPrecision(3))} kHz`;
}

/** 3199.6 is 3,200: exact to a hertz, for distances between two frequencies. */
function wholeHertz(hz) {
  return Math.round(hz).toLocaleString("en");
}
