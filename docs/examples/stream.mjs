// Denoise a stream with an exported causal model on onnxruntime-web, under Node.
//
//   npm install onnxruntime-web
//   node stream.mjs MODEL.onnx HOP_SAMPLES < noisy.f32 > clean.f32
//
// Standard input and output are float32 samples of one channel at the model's sample rate. HOP_SAMPLES is what
// `dan info --json MODEL.onnx` calls settings.generator.hop_length. In a browser all but the reading and writing
// is the same, with samples from an AudioWorklet.

import { readFile } from "node:fs/promises";
import * as ort from "onnxruntime-web";

ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(await readFile(process.argv[2]));
const hop = Number(process.argv[3]);

// One channel; for C of them the first axis of the block and of every part of the state is C.
let state = {};
for (const { name, shape } of session.inputMetadata) {
  if (!name.startsWith("state_")) continue;
  const dims = [1, ...shape.slice(1)];
  state[name] = new ort.Tensor("float32", new Float32Array(dims.reduce((a, b) => a * b)), dims);
}
// The output lags by so many samples, the latency less a hop: the overlap of frames, and the hops looked ahead.
const late = hop * (state.state_input.dims[1] + (state.state_ahead?.dims[2] ?? 0));

// Denoise one hop; the state moves on.
async function step(samples) {
  const results = await session.run({ input: new ort.Tensor("float32", samples, [1, hop]), ...state });
  for (const name of Object.keys(state)) state[name] = results[name.replace("state_", "next_")];
  return results.output.data;
}

let came = 0;
let went = -late;

// Take up to a hop, silence after it, and write what lies between the first sample of the input and the last.
async function feed(samples) {
  const block = new Float32Array(hop);
  block.set(samples);
  came += samples.length;
  const output = await step(block);
  const part = output.slice(Math.max(0, -went), Math.max(0, came - went));
  process.stdout.write(Buffer.from(part.buffer));
  went += hop;
}

let waiting = Buffer.alloc(0);
for await (const data of process.stdin) {
  waiting = Buffer.concat([waiting, data]);
  for (; waiting.length >= 4 * hop; waiting = waiting.subarray(4 * hop)) await feed(floats(waiting, hop));
}
await feed(floats(waiting, Math.floor(waiting.length / 4)));
while (went < came) await feed(new Float32Array(0));

function floats(bytes, count) {
  return new Float32Array(Uint8Array.from(bytes.subarray(0, 4 * count)).buffer);
}
