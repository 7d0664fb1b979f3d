// Axes: where a frequency is drawn, and which times and frequencies are written beside the drawings.

const TIME_STEPS_S = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600,
];
const FREQUENCIES_HZ = [10, 100, 1000, 10000, 50, 500, 5000, 20, 200, 2000, 20000, 50000]; // round ones first

// Frequency axes: from hertz to a position from 0 (bottom) to 1 (top) and back, within the edges of the bands.
const AXES = {
  mel: {
    place: (hz, edges) => indexOf(hz, edges) / (edges.length - 1),
    hz: (place, edges) => valueAt(place * (edges.length - 1), edges),
  },
  log: {
    place: (hz, edges) => Math.log(hz / edges[0]) / Math.log(edges.at(-1) / edges[0]),
    hz: (place, edges) => edges[0] * (edges.at(-1) / edges[0]) ** place,
  },
  linear: {
    place: (hz, edges) => (hz - edges[0]) / (edges.at(-1) - edges[0]),
    hz: (place, edges) => edges[0] + place * (edges.at(-1) - edges[0]),
  },
};

/** Times from `start` to `end` that are written on an axis of that many pixels, with their texts. */
function timeTicks(start, end, width) {
  const step = TIME_STEPS_S.find((step) => (step / (end - start)) * width >= 64) ?? 7200;
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const ticks = [];
  for (let at = Math.ceil(start / step - 1e-9); at * step <= end + 1e-9; at++) {
    const time = at * step;
    const isLong = end >= 120 && digits <= 2;
    ticks.push({ time, text: isLong ? clock(time).replace(/\.00$/, "") : `${minus(time, digits)} s` });
  }
  return ticks;
}

/** Frequencies that are written on an axis of that many pixels, with their places from 0 to 1. */
function frequencyTicks(axisName, edges, height) {
  const [lowest, highest] = [edges[0], edges.at(-1)];
  let candidates = FREQUENCIES_HZ;
  if (axisName === "linear") {
    const steps = [100, 200, 500, 1000, 2000, 5000, 10000, 20000];
    const step = steps.find((hz) => (hz / highest) * height >= 32) ?? steps.at(-1);
    candidates = Array.from({ length: Math.ceil(highest / step) }, (_, count) => count * step);
  }
  const ticks = [];
  for (const hz of candidates.filter((hz) => hz >= lowest && hz <= highest)) {
    const place = AXES[axisName].place(hz, edges);
    if (ticks.every((other) => Math.abs(other.place - place) * height >= 20)) ticks.push({ hz, place });
  }
  return ticks;
}
