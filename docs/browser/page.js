// Files and the microphone through a shipped model, on this device alone.
const find = (id) => document.getElementById(id);
const say = (text) => { find("status").textContent = text; };
const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const waiting = new Map();
let calls = 0, models = [], model = null, tracks = null, job = 0, live = null;

worker.onmessage = ({ data }) => {
  const { resolve, reject } = waiting.get(data.id);
  waiting.delete(data.id);
  data.error ? reject(new Error(data.error)) : resolve(data);
};
worker.onerror = (event) => say(`The model cannot run here: ${event.message || "this browser lacks WebAssembly"}.`);

function ask(call, given = {}) {
  return new Promise((resolve, reject) => {
    waiting.set(++calls, { resolve, reject });
    worker.postMessage({ id: calls, call, ...given });
  });
}

async function choose(name) {
  job++; // what is under way belongs to the model before
  if (live) await listen();
  model = models.find((one) => one.name === name);
  say(`Loading ${model.name}.`);
  await ask("open", model);
  say(`${model.name} is ready: ${model.sample_rate_hz} Hz, late by ${Math.round((1000 * model.latency_samples) / model.sample_rate_hz)} ms.`);
}

// Denoise one channel, aligned with the input and as long.
async function denoise(samples, stream, mine, progress) {
  const { hop_length, latency_samples } = model, late = latency_samples - hop_length, block = hop_length * 64;
  const output = new Float32Array(samples.length);
  await ask("start", { stream });
  for (let start = 0; start - late < samples.length; start += block) {
    if (mine !== job) return null;
    const part = new Float32Array(block);
    part.set(samples.subarray(start, Math.min(samples.length, start + block)));
    const { samples: out } = await ask("feed", { stream, samples: part });
    const first = start - late, from = Math.max(0, -first), to = Math.min(block, samples.length - first);
    if (to > from) output.set(out.subarray(from, to), first + from);
    progress(Math.min(1, (start + block) / samples.length));
  }
  await ask("end", { stream });
  return output;
}

async function take(file) {
  const mine = ++job;
  find("result").hidden = true;
  find("progress").hidden = find("cancel").hidden = false;
  say(`Reading ${file.name}.`);
  try {
    const context = new OfflineAudioContext(1, 1, model.sample_rate_hz);
    const audio = await context.decodeAudioData(await file.arrayBuffer()); // at the model's rate
    const before = Array.from({ length: audio.numberOfChannels }, (_, channel) => audio.getChannelData(channel));
    const after = [];
    for (const [channel, samples] of before.entries()) {
      const done = await denoise(samples, `file ${mine} ${channel}`, mine, (share) => { find("progress").value = (channel + share) / before.length; });
      if (!done) return say("Cancelled.");
      after.push(done);
    }
    tracks = { before, after, name: file.name, rate: model.sample_rate_hz };
    show();
    say(`Done: ${audio.duration.toFixed(1)} s at ${model.sample_rate_hz} Hz.`);
  } catch (error) {
    say(`${file.name}: this browser cannot read it as audio (${error.message}). Give a WAV, MP3 or M4A file, or use dan denoise.`);
  } finally {
    find("progress").hidden = find("cancel").hidden = true;
  }
}

function show() {
  const strength = Number(find("strength").value);
  find("said").textContent = strength.toFixed(2);
  const mixed = tracks.after.map((channel, index) => channel.map((value, i) => strength * value + (1 - strength) * tracks.before[index][i]));
  place("before", tracks.before);
  find("save").href = place("after", mixed);
  find("save").download = tracks.name.replace(/\.[^.]*$/, "") + "_denoised.wav";
  find("result").hidden = false;
}

function place(id, channels) {
  const player = find(id), at = player.currentTime;
  if (player.src) URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(new Blob([wav(channels, tracks.rate)], { type: "audio/wav" }));
  player.currentTime = at;
  return player.src;
}

// 32-bit float WAV.
function wav(channels, rate) {
  const count = channels[0].length, width = channels.length, data = new DataView(new ArrayBuffer(44 + 4 * count * width));
  const text = (at, word) => [...word].forEach((letter, i) => data.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF"); text(8, "WAVEfmt "); text(36, "data");
  data.setUint32(4, 36 + 4 * count * width, true);
  data.setUint32(16, 16, true); data.setUint16(20, 3, true); data.setUint16(22, width, true);
  data.setUint32(24, rate, true); data.setUint32(28, 4 * rate * width, true);
  data.setUint16(32, 4 * width, true); data.setUint16(34, 32, true); data.setUint32(40, 4 * count * width, true);
  for (let i = 0; i < count; i++) for (let c = 0; c < width; c++) data.setFloat32(44 + 4 * (i * width + c), channels[c][i], true);
  return data.buffer;
}

async function listen() {
  if (live) {
    live.stream.getTracks().forEach((track) => track.stop());
    await live.context.close();
    live = null;
  } else {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { noiseSuppression: false, echoCancellation: false, autoGainControl: false } });
    const context = new AudioContext({ sampleRate: model.sample_rate_hz });
    await context.audioWorklet.addModule("microphone.js");
    const node = new AudioWorkletNode(context, "hops", { processorOptions: { hop: model.hop_length } });
    await ask("start", { stream: "microphone" });
    let hops = 0;
    node.port.onmessage = async ({ data }) => {
      node.port.postMessage((await ask("feed", { stream: "microphone", samples: data })).samples);
      find("microphone").dataset.hops = String(++hops);
    };
    context.createMediaStreamSource(stream).connect(node).connect(context.destination);
    live = { stream, context };
  }
  say(live ? `Listening through ${model.name}.` : "The microphone is off.");
  find("microphone").setAttribute("aria-pressed", String(!!live));
  find("microphone").textContent = live ? "Stop listening" : "Listen through DAN";
}

find("file").addEventListener("change", ({ target }) => target.files[0] && take(target.files[0]));
find("cancel").addEventListener("click", () => { job++; });
find("strength").addEventListener("input", () => tracks && show());
find("model").addEventListener("change", ({ target }) => choose(target.value).catch((error) => say(error.message)));
find("microphone").addEventListener("click", () => listen().catch((error) => say(`The microphone: ${error.message}.`)));

models = await (await fetch("models.json")).json();
find("model").replaceChildren(...models.map(({ name }) => new Option(name)));
await choose(models[0].name).catch((error) => say(error.message));
