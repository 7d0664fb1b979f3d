// Draw many points into the pixels of a canvas. Without a GPU this is much faster than to draw shapes one by one: 25,000
// points take some milliseconds, so that zooming and moving have every frame.

const EDGE = 48; // pixels around the canvas: a point at its edge need not be cut
const MAX_INKS = 64; // kept: a resize makes others

/** The red, green and blue of any CSS colour, from 0 to 255. */
function rgbOf(colour) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}

/**
 * Draw points on a background, the first layer lowest.
 *
 * A layer has the `rows` of its points, and their `colour`, `opacity`, `symbol` and `radius` in pixels of the canvas.
 * The point of a row is at `left + scale * x[row]` and `top - scale * y[row]` pixels.
 */
function paintPoints(canvas, { x, y }, layers, { left, top, scale }, background) {
  const { width, height } = canvas;
  const stride = width + 2 * EDGE;
  const image = new ImageData(stride, height + 2 * EDGE);
  const pixels = new Uint32Array(image.data.buffer);
  pixels.fill(((255 << 24) | (background[2] << 16) | (background[1] << 8) | background[0]) >>> 0);
  for (const layer of layers) {
    const { offsets, keeps, redBlues, greens } = inkOf(layer, stride);
    const { rows } = layer;
    const count = offsets.length;
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at];
      const across = Math.round(left + scale * x[row]);
      const down = Math.round(top - scale * y[row]);
      if (across < -EDGE / 2 || down < -EDGE / 2 || across > width + EDGE / 2 || down > height + EDGE / 2) continue;
      const centre = (down + EDGE) * stride + across + EDGE;
      for (let part = 0; part < count; part++) {
        const place = centre + offsets[part];
        const under = pixels[place];
        const keep = keeps[part];
        const redBlue = ((Math.imul(under & 0xff00ff, keep) + redBlues[part]) >>> 8) & 0xff00ff;
        const green = (Math.imul(under & 0x00ff00, keep) + greens[part]) >>> 8;
        pixels[place] = 0xff000000 | redBlue | (green & 0x00ff00);
      }
    }
  }
  canvas.getContext("2d").putImageData(image, -EDGE, -EDGE, EDGE, EDGE, width, height);
}

const inks = new Map(); // what points look like, by their style

/** What a layer's point adds to the pixels around its place, and how much of the pixel below is left, in 256 parts. */
function inkOf({ symbol, radius, colour, opacity }, stride) {
  const style = `${symbol} ${radius} ${colour} ${opacity} ${stride}`;
  if (!inks.has(style)) inks.set(style, newInk({ symbol, radius, colour, opacity }, stride));
  return inks.get(style);
}

function newInk({ symbol, radius, colour, opacity }, stride) {
  if (inks.size >= MAX_INKS) inks.clear();
  const covered = coverage(symbol, Math.min(radius, EDGE / 4));
  const [red, green, blue] = rgbOf(colour);
  const parts = covered.map(([, , share]) => Math.round((256 * opacity * share) / 255));
  return {
    offsets: Int32Array.from(covered, ([x, y]) => y * stride + x),
    keeps: Int32Array.from(parts, (part) => 256 - part),
    redBlues: Int32Array.from(parts, (part) => ((blue << 16) | red) * part),
    greens: Int32Array.from(parts, (part) => (green << 8) * part),
  };
}
