// The model in a worker: whole hops in, as many samples out, late by a fixed number that is told.
import * as ort from "./vendor/ort.wasm.min.mjs";

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL("./vendor/", import.meta.url).href;
let session = null, hop = 0, shapes = {};
const streams = new Map(); // a state for each signal

async function open({ file, hop_length }) {
  session = await ort.InferenceSession.create(new URL(file, import.meta.url).href);
  hop = hop_length;
  shapes = Object.fromEntries(session.inputMetadata.filter(({ name }) => name.startsWith("state_")).map(({ name, shape }) => [name, [1, ...shape.slice(1).map(Number)]]));
  return {};
}

const zeros = (dims) => new ort.Tensor("float32", new Float32Array(dims.reduce((a, b) => a * b, 1)), dims);

function start({ stream }) {
  streams.set(stream, Object.fromEntries(Object.entries(shapes).map(([name, dims]) => [name, zeros(dims)])));
  return {};
}

async function feed({ stream, samples }) {
  if (samples.length % hop) throw new Error(`${samples.length} samples are no whole number of hops of ${hop}`);
  const state = streams.get(stream);
  const results = await session.run({ input: new ort.Tensor("float32", samples, [1, samples.length]), ...state });
  for (const name of Object.keys(state)) state[name] = results[name.replace("state_", "next_")];
  return { samples: results.output.data.slice() };
}

const calls = { open, start, feed, end: ({ stream }) => (streams.delete(stream), {}) };
let last = Promise.resolve(); // one call after the other: a state belongs to one at a time
self.onmessage = ({ data }) => {
  last = last.then(async () => {
    try {
      self.postMessage({ id: data.id, ...(await calls[data.call](data)) });
    } catch (error) {
      self.postMessage({ id: data.id, error: String(error.message || error) });
    }
  });
};
