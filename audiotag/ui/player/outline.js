// The outline of a waveform: its lowest and highest samples per pixel.

class Outline {
  /** It is drawn from the sound's envelope, and where that is too coarse from the samples of a WAV file. */
  constructor({ envelope, suffix, encoded }, duration_s) {
    this.envelope = envelope;
    this.duration_s = duration_s;
    this.samples = suffix === "wav" ? samplesOfWav(encoded) : null;
    this.peak = envelope.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  }

  /** About `count` points from `start` to `end`: each has a time, the time to the next, and both extremes between. */
  between(start, end, count) {
    const points = this.envelope.length / 2;
    const isFine = ((end - start) / this.duration_s) * points >= count / 2;
    const { lows, highs, scale } = isFine || !this.samples
      ? { lows: this.envelope.subarray(0, points), highs: this.envelope.subarray(points), scale: 1 }
      : { lows: this.samples, highs: this.samples, scale: 1 / 32768 };
    const length = lows.length;
    const step_s = this.duration_s / length;
    const first = Math.max(Math.floor(start / step_s) - 1, 0);
    const last = Math.min(Math.ceil(end / step_s) + 1, length);
    const stride = Math.max(1, Math.floor((last - first) / count));
    const found = [];
    for (let at = first - (first % stride); at < last; at += stride) {
      let [lowest, highest] = [Infinity, -Infinity];
      for (let each = at; each < Math.min(at + stride, length); each++) {
        if (lows[each] < lowest) lowest = lows[each];
        if (highs[each] > highest) highest = highs[each];
      }
      found.push({ time: at * step_s, step: stride * step_s, lowest: lowest * scale, highest: highest * scale });
    }
    return found;
  }
}

/** The samples of a mono WAV file of 16 bits, as audiotag writes it. */
function samplesOfWav(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 12; at + 8 <= bytes.byteLength; at += 8 + view.getUint32(at + 4, true)) {
    if (view.getUint32(at) !== 0x64617461) continue; // "data"
    return new Int16Array(bytes.slice(at + 8, at + 8 + view.getUint32(at + 4, true)).buffer);
  }
  return null;
}
