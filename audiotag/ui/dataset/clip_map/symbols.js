// The shapes of the points: as text of an SVG path, and as the pixels that a point covers.

const OUTER = 1.45; // the largest shape reaches so many times the radius of a circle

function corners(count, radius, inner = null, turn = -90) {
  const steps = inner === null ? count : 2 * count;
  return Array.from({ length: steps }, (_, at) => {
    const angle = ((turn + (360 * at) / steps) * Math.PI) / 180;
    const length = inner !== null && at % 2 ? inner : radius;
    return [length * Math.cos(angle), length * Math.sin(angle)];
  });
}

/** A cross whose arms are `arm` long and twice `half` wide. */
function cross(arm, half, turn = 0) {
  const quarter = [[half, half], [half, arm], [-half, arm]];
  const [sin, cos] = [Math.sin(turn), Math.cos(turn)];
  return [0, 1, 2, 3].flatMap((quarters) =>
    quarter.map(([x, y]) => {
      for (let at = 0; at < quarters; at++) [x, y] = [-y, x];
      return [x * cos - y * sin, x * sin + y * cos];
    }),
  );
}

const SHAPES = {
  diamond: corners(4, 1.3),
  square: corners(4, 0.9 * Math.SQRT2, null, -45),
  "triangle-up": corners(3, 1.3),
  "triangle-down": corners(3, 1.3, null, 90),
  cross: cross(1.2, 0.4),
  x: cross(1.2, 0.4, Math.PI / 4),
  star: corners(5, 1.4, 0.6),
  pentagon: corners(5, 1.15),
  hexagram: corners(6, 1.3, 0.75),
};

/** The path of a shape around the origin, as SVG writes it; a name without a shape of its own is a circle. */
function pathOf(symbol, radius) {
  const shape = SHAPES[symbol];
  if (!shape) return `M${-radius} 0A${radius} ${radius} 0 1 1 ${radius} 0A${radius} ${radius} 0 1 1 ${-radius} 0Z`;
  return `M${shape.map(([x, y]) => `${(radius * x).toFixed(2)} ${(radius * y).toFixed(2)}`).join("L")}Z`;
}

function isOpen(symbol) {
  return symbol.endsWith("-open");
}

function strokeWidth(radius) {
  return Math.max(1, 0.45 * radius);
}

/** How much of each pixel around a point its shape covers: rows of x, y and 1 to 255, for a radius in pixels. */
function coverage(symbol, radius) {
  const half = Math.ceil(OUTER * radius) + 1;
  const size = 2 * half + 1;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.translate(half + 0.5, half + 0.5);
  const path = new Path2D(pathOf(symbol, radius));
  context.lineWidth = strokeWidth(radius);
  if (isOpen(symbol)) context.stroke(path);
  else context.fill(path);
  const { data } = context.getImageData(0, 0, size, size);
  const rows = [];
  for (let at = 0; at < size * size; at++) {
    if (data[4 * at + 3]) rows.push([(at % size) - half, Math.floor(at / size) - half, data[4 * at + 3]]);
  }
  return rows;
}
