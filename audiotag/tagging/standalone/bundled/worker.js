// Runs the tagger beside the page, so that the page answers meanwhile. It is a classic script, and gets the runtime as a
// data: address, because Chromium loads no other module into a worker of a page that was opened from a file.
let ort, session;

async function load({ runtime, wasm, model }) {
  ort = await import(runtime);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = wasm;
  session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
}

async function score(waveform) {
  const results = await session.run({ waveform: new ort.Tensor("float32", waveform, [1, waveform.length]) });
  return results.scores.data;
}

onmessage = async ({ data }) => {
  try {
    postMessage({ id: data.id, value: data.waveform ? await score(data.waveform) : await load(data) });
  } catch (error) {
    postMessage({ id: data.id, problem: String(error?.message ?? error) });
  }
};
