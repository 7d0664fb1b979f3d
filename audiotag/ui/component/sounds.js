// What all components that show sounds share: the block of a sound, its spectrogram, and how times are written.
//
// sources.py puts this text before the script of each component, because Streamlit takes a component's script as one text.

/** The JSON header at the beginning of bytes, and the rest. */
function withoutHeader(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  return { header, rest: bytes.subarray(4 + length) };
}

/** The block of a sound that packing.py packs in one piece. */
function unpacked(bytes) {
  const { header, rest } = withoutHeader(bytes);
  let at = 0;
  const parts = new Map(header.parts.map(([id, size]) => [id, rest.subarray(at, (at += size))]));
  return assembled(header.head, (id) => parts.get(id));
}

/** A head with its sounds and spectrograms in place of their ids; `bytesOf` finds the bytes of a part. */
function assembled(head, bytesOf) {
  const sounds = head.sounds.map(({ label, part }) => ({ label, id: part, ...soundOf(bytesOf(part)) }));
  const spectrograms = head.spectrograms.map(({ part, ...named }) => {
    const { header, rest } = withoutHeader(bytesOf(part));
    return { ...named, ...header, levels: rest };
  });
  return { ...head, sounds, spectrograms, highlight: head.highlight && highlightOf(bytesOf(head.highlight.part)) };
}

/** What matters in the first spectrogram, and which part of it has an outline; both have its rows and columns. */
function highlightOf(bytes) {
  const { header, rest } = withoutHeader(bytes);
  const size = header.rows * header.columns;
  return { ...header, levels: rest.subarray(0, size), part: rest.subarray(size) };
}

function soundOf(bytes) {
  const { header, rest } = withoutHeader(bytes);
  const envelope = new Float32Array(rest.slice(0, header.envelope_bytes).buffer); // a copy, or floats are not aligned
  return { ...header, envelope, encoded: rest.subarray(header.envelope_bytes) };
}

/**
 * Draw the spectrogram of a sound at the screen's own pixels; where columns are narrower than those, the loudest is drawn.
 * It shows `start` to `end`, in seconds, in the colours of a palette; `bandAt` is the band at a height from 0 (bottom) to 1 (top).
 */
function paintSpectrogram(canvas, { width, height }, spectrogram, colours, { start, end }, bandAt) {
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  canvas.width = wide;
  canvas.height = high;
  const image = new ImageData(wide, high);
  const pixels = new Uint32Array(image.data.buffer);
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
          level = Math.max(level, spectrogram.levels[band * spectrogram.columns + column]);
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

/** Pause what sounds anywhere else on the page, in whichever component: one sound at a time. */
function soundAlone(sound) {
  if (window.audiotagSounding !== sound) window.audiotagSounding?.pause();
  window.audiotagSounding = sound;
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
