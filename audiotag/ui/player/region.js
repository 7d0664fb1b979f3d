// A region of the spectrogram that the user has selected: a time, and a band of frequencies or all of them.

const MIN_REGION_S = 0.001;

/** A region between two times, and two frequencies unless they are null, in any order, within the limits. */
function regionBetween([time, otherTime], [hz, otherHz], { duration_s, lowest, highest }) {
  const within = (value, low, high) => Math.min(Math.max(value, low), high);
  const [start, end] = [time, otherTime].sort((a, b) => a - b).map((value) => within(value, 0, duration_s));
  if (end - start < MIN_REGION_S) return null;
  if (hz === null || otherHz === null) return { start, end, low: null, high: null };
  const [low, high] = [hz, otherHz].sort((a, b) => a - b).map((value) => within(value, lowest, highest));
  return high > low ? { start, end, low, high } : null;
}

/** "1.20 to 2.35 s (1.15 s) · 400 to 3,200 Hz (2,800 Hz)" */
function regionText({ start, end, low, high }, from_s) {
  const digits = end - start < 0.1 ? 3 : 2;
  const times = [start + from_s, end + from_s].map((time) => time.toFixed(digits));
  const time = `${times[0]} to ${times[1]} s (${(end - start).toFixed(digits)} s)`;
  if (low === null) return time;
  return `${time} · ${wholeHertz(low)} to ${wholeHertz(high)} Hz (${wholeHertz(high - low)} Hz)`;
}
