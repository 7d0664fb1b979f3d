// What all components that show sounds share: the block of a sound, its spectrogram, times and keys.
//
// player.py puts this text before the script of each of them, because Streamlit takes a component's script as one text.

/** Header, spectrogram, envelope and sound of the block that player.py packs. */
function unpacked(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  let at = 4 + length;
  const [levels, envelope, sound] = header.parts.map((size) => bytes.subarray(at, (at += size)));
  // Copies, so that the sound's bytes need not be held, and the floats are aligned.
  return { ...header, levels: levels.slice(), envelope: new Float32Array(envelope.slice().buffer), encoded: sound };
}

/**
 * Draw the spectrogram of a sound at the screen's own pixels; where columns are narrower than those, the loudest is drawn.
 * It shows `start` to `end`, in seconds; `bandAt` is the band at a height from 0 (bottom) to 1 (top).
 */
function paintSpectrogram(canvas, { width, height }, { spectrogram, levels }, { start, end }, bandAt) {
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  canvas.width = wide;
  canvas.height = high;
  const image = new ImageData(wide, high);
  const pixels = new Uint32Array(image.data.buffer);
  const colours = palette(spectrogram.colours);
  const bands = Array.from({ length: high }, (_, y) => bandAt(1 - (y + 0.5) / high));
  const pixel_s = (end - start) / wide;
  for (let x = 0; x < wide; x++) {
    const first = columnAt(start + (x + 0.5) * pixel_s, spectrogram);
    if (first === null) continue;
    const last = Math.max(first, (columnAt(start + (x + 1.5) * pixel_s, spectrogram) ?? first) - 1);
    let [band, colour] = [-1, 0];
    for (let y = 0; y < high; y++) {
      if (bands[y] !== band) {
        band = bands[y];
        let level = 0;
        for (let column = first; column <= last; column++) {
          level = Math.max(level, levels[band * spectrogram.columns + column]);
        }
        colour = colours[level];
      }
      pixels[y * wide + x] = colour;
    }
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The column of the spectrogram at a time; null outside of it. Half a column more is allowed, because frames rarely end with the sound. */
function columnAt(time, { start_s, column_s, columns }) {
  const column = Math.floor((time - start_s) / column_s);
  return column < 0 || column > columns ? null : Math.min(column, columns - 1);
}

/** Position of a value in an ascending list as a fractional index, limited to both ends. */
function indexOf(value, ascending) {
  let [low, high] = [0, ascending.length - 1];
  if (value <= ascending[0]) return 0;
  if (value >= ascending[high]) return high;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (ascending[middle] <= value) low = middle;
    else high = middle;
  }
  return low + (value - ascending[low]) / (ascending[high] - ascending[low]);
}

/** The inverse: the value at a fractional index. */
function valueAt(index, values) {
  const low = Math.min(Math.floor(index), values.length - 1);
  const high = Math.min(low + 1, values.length - 1);
  return values[low] + (index - low) * (values[high] - values[low]);
}

/** 256 colours as the canvas stores them, alpha highest, from rows of a place, red, green and blue. */
function palette(colours) {
  const places = colours.map(([place]) => place);
  return Uint32Array.from({ length: 256 }, (_, level) => {
    const at = indexOf(level / 255, places);
    const [red, green, blue] = [1, 2, 3].map((part) => Math.round(valueAt(at, colours.map((row) => row[part]))));
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
}

function takesText(target) {
  if (!(target instanceof Element)) return false;
  const texts = "textarea, select, input:not([type=radio], [type=checkbox], [type=button], [type=range])";
  return target.isContentEditable || target.matches(texts);
}

/** 83.456 s is 1:23.46. */
function clock(time) {
  const hundredths = Math.round(time * 100);
  return `${Math.floor(hundredths / 6000)}:${((hundredths % 6000) / 100).toFixed(2).padStart(5, "0")}`;
}
