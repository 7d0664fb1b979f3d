// What matters in a spectrogram: all else is dimmed, and a part has an outline.

const DIMMEST = 0.22; // of the spectrogram's brightness, where nothing matters
const OUTLINE = 1.5; // width in pixels

/** Dim a painted spectrogram where the highlight is low, and draw the outline of its part; arguments as for the painting. */
function paintHighlight(canvas, spectrogram, { levels, part }, { start, end }, bandAt) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const image = context.getImageData(0, 0, width, height);
  const pixels = image.data;
  const bands = Array.from({ length: height }, (_, y) => bandAt(1 - (y + 0.5) / height));
  const columns = Array.from({ length: width }, (_, x) => columnAt(start + ((x + 0.5) * (end - start)) / width, spectrogram));
  const at = (x, y) => bands[y] * spectrogram.columns + columns[x];
  const reach = Math.max(1, Math.round(OUTLINE * (window.devicePixelRatio || 1)));
  const isIn = (x, y) => x >= 0 && y >= 0 && x < width && y < height && columns[x] !== null && part[at(x, y)];
  const near = [[reach, 0], [-reach, 0], [0, reach], [0, -reach]];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (columns[x] === null) continue;
      const first = 4 * (y * width + x);
      if (isIn(x, y) && near.some(([right, down]) => !isIn(x + right, y + down))) {
        pixels.fill(255, first, first + 4);
        continue;
      }
      const light = DIMMEST + (1 - DIMMEST) * (levels[at(x, y)] / 255);
      for (let colour = 0; colour < 3; colour++) pixels[first + colour] *= light;
    }
  }
  context.putImageData(image, 0, 0);
}
