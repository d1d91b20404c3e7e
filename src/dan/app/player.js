// Before and after on one axis: drawn and played from windows that the page's server hands out.
const SHADES = Array.from({ length: 256 }, (_, i) => {
  const x = i / 255; // dark blue over magenta to light yellow, even steps of lightness
  return [255 * Math.min(1, 1.6 * x ** 1.2), 255 * Math.max(0, x * 1.5 - 0.5), 255 * (x < 0.5 ? 0.25 + x : 0.75 - (x - 0.5) * 0.9)];
});
const AHEAD_S = 2, CHUNK_S = 4;
let pair = null, from = 0, to = 1, at = 0, drawn = null, track = "after", strength = 1, channel = 0;
let names = { before: "Before", after: "After" };
let audio = null, playing = null, drawing = 0, loudness = { before: 1, after: 1 };
const find = (selector) => element.querySelector(selector);
const decode = (text, Kind) => new Kind(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

function open() {
  stop();
  pair = props.value && props.value.key ? props.value : null;
  find(".dan-empty").hidden = !!pair;
  find(".dan-body").hidden = !pair;
  if (!pair) return;
  [from, to, at, channel, drawn] = [0, pair.duration, 0, 0, null];
  const select = find("[data-set=channel]");
  select.replaceChildren(...Array.from({ length: pair.channels }, (_, i) => new Option(String(i + 1), String(i))));
  select.parentElement.hidden = pair.channels < 2;
  find("[data-do=play]").disabled = !pair.audible;
  find(".dan-note").textContent = pair.audible ? "" : `${pair.rate} Hz is below what a browser plays: look at the traces.`;
  names = pair.labels || { before: "Before", after: "After" };
  for (const side of ["before", "after"]) find(`[data-track=${side}]`).textContent = names[side];
  find("[data-track=removed]").hidden = find("[data-set=strength]").parentElement.hidden = !!pair.labels;
  press();
  fetchView();
}

async function fetchView() {
  const wanted = ++drawing, canvas = find(".dan-canvas");
  const width = clamp(Math.round(canvas.clientWidth || 800), 200, 1600);
  const view = await server.view(pair.key, channel, from, to, width);
  if (wanted !== drawing) return; // the user has moved on
  drawn = { from, to, width };
  for (const side of ["before", "after"]) {
    const given = view[side];
    drawn[side] = {
      low: decode(given.low, Float32Array), high: decode(given.high, Float32Array),
      spectrum: picture(decode(given.spectrum, Uint8Array), width, given.bins),
    };
  }
  draw();
  element.dataset.drawn = String(Number(element.dataset.drawn || 0) + 1);
}

function picture(levels, width, bins) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, bins];
  const image = new ImageData(width, bins);
  for (let x = 0; x < width; x++) {
    for (let bin = 0; bin < bins; bin++) {
      const place = 4 * ((bins - 1 - bin) * width + x), shade = SHADES[levels[x * bins + bin]];
      image.data.set([shade[0], shade[1], shade[2], 255], place);
    }
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// What is seen below follows the strength, as what is heard does: no new computation.
function mixed(side, key) {
  if (side === "before") return drawn.before[key];
  if (strength === 1) return drawn.after[key];
  return drawn.after[key].map((value, i) => strength * value + (1 - strength) * drawn.before[key][i]);
}

function draw() {
  const canvas = find(".dan-canvas");
  if (!drawn || !canvas) return;
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  const pen = canvas.getContext("2d"), ink = getComputedStyle(element).color, half = (height - 18) / 2, row = half / 2 - 4;
  pen.scale(ratio, ratio);
  pen.font = "12px system-ui, sans-serif";
  const top = Math.max(...drawn.before.high, ...drawn.after.high), bottom = Math.min(...drawn.before.low, ...drawn.after.low);
  ["before", "after"].forEach((side, index) => {
    const y = index * half, scale = (value) => y + row - (row * (value - bottom)) / (top - bottom || 1);
    const low = mixed(side, "low"), high = mixed(side, "high");
    pen.fillStyle = side === "before" ? "#b45309" : "#0f766e";
    for (let x = 0; x < width; x++) {
      const i = Math.min(drawn.width - 1, Math.floor((x * drawn.width) / width));
      pen.fillRect(x, scale(high[i]), 1, Math.max(1, scale(low[i]) - scale(high[i])));
    }
    pen.imageSmoothingEnabled = true;
    pen.drawImage(drawn.before.spectrum, 0, y + row + 4, width, row);
    if (side === "after") {
      pen.globalAlpha = strength;
      pen.drawImage(drawn.after.spectrum, 0, y + row + 4, width, row);
      pen.globalAlpha = 1;
    }
    label(pen, ink, names[side], 4, y + 14);
    const unit = pair.units[channel] ? ` ${pair.units[channel]}` : "";
    label(pen, ink, `${top.toPrecision(3)}${unit}`, width - 4, y + 14, "right");
    label(pen, ink, `${bottom.toPrecision(3)}${unit}`, width - 4, y + row - 2, "right");
    label(pen, "#ffffff", `${(pair.rate / 2).toPrecision(4)} Hz`, width - 4, y + row + 18, "right");
  });
  label(pen, ink, clock(drawn.from), 4, height - 2);
  label(pen, ink, clock(drawn.to), width - 4, height - 2, "right");
  cursor(pen, width, height);
}

function label(pen, colour, text, x, y, align = "left") {
  pen.textAlign = align;
  pen.lineWidth = 3;
  pen.strokeStyle = colour === "#ffffff" ? "#000000" : getComputedStyle(document.body).backgroundColor;
  pen.strokeText(text, x, y);
  pen.fillStyle = colour;
  pen.fillText(text, x, y);
}

function cursor(pen, width, height) {
  if (at < drawn.from || at > drawn.to) return;
  pen.fillStyle = "#dc2626";
  pen.fillRect(((at - drawn.from) / (drawn.to - drawn.from)) * width, 0, 2, height);
  find(".dan-time").textContent = `${clock(at)} of ${clock(pair.duration)}`;
}

function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(pair.duration < 60 ? 2 : 1).padStart(pair.duration < 60 ? 5 : 4, "0")}`;
}

function zoom(factor, centre = at) {
  const span = clamp((to - from) * factor, Math.min(pair.duration, 32 / pair.rate), pair.duration);
  from = clamp(centre - span / 2, 0, pair.duration - span);
  to = from + span;
  fetchView();
}

// Both tracks always play; what is heard is a matter of their gains, so switching keeps the place.
function gains() {
  const match = find("[data-set=match]").checked && loudness.after > 0 ? loudness.before / loudness.after : 1;
  if (track === "before") return [1, 0];
  if (track === "removed") return [strength, -strength];
  return [(1 - strength) * match, strength * match];
}

function setGains() {
  if (!playing) return;
  const [before, after] = gains();
  playing.before.gain.setTargetAtTime(before, audio.currentTime, 0.01);
  playing.after.gain.setTargetAtTime(after, audio.currentTime, 0.01);
}

async function play() {
  audio = audio || new AudioContext();
  await audio.resume();
  if (at >= pair.duration - 0.05) at = 0;
  const mine = (playing = { before: audio.createGain(), after: audio.createGain(), sources: [], start: null, next: at, first: at });
  for (const gain of [mine.before, mine.after]) gain.connect(audio.destination);
  const [before, after] = gains();
  [mine.before.gain.value, mine.after.gain.value] = [before, after];
  press();
  feed(mine);
  tick(mine);
}

async function feed(mine) {
  while (playing === mine && mine.next < pair.duration) {
    const chunk = await server.chunk(pair.key, channel, mine.next);
    if (playing !== mine) return;
    loudness = chunk.level;
    setGains();
    mine.start = mine.start ?? audio.currentTime + 0.05;
    const when = mine.start + (mine.next - mine.first);
    for (const side of ["before", "after"]) schedule(mine, side, decode(chunk[side], Float32Array), when);
    mine.next += CHUNK_S;
    while (playing === mine && mine.next - position(mine) > AHEAD_S + CHUNK_S / 2) await new Promise((done) => setTimeout(done, 200));
  }
}

function schedule(mine, side, samples, when) {
  const buffer = audio.createBuffer(1, samples.length, pair.rate), source = audio.createBufferSource();
  buffer.copyToChannel(samples, 0);
  source.buffer = buffer;
  source.connect(mine[side]);
  source.start(Math.max(when, audio.currentTime), Math.max(0, audio.currentTime - when));
  mine.sources.push(source);
  element.dataset.played = String(Number(element.dataset.played || 0) + 1);
}

const position = (mine) => (mine.start === null ? mine.first : mine.first + Math.max(0, audio.currentTime - mine.start));

function tick(mine) {
  if (playing !== mine) return;
  at = Math.min(pair.duration, position(mine));
  if (at >= pair.duration) return stop();
  if (at > to) { const span = to - from; from = clamp(at, 0, pair.duration - span); to = from + span; fetchView(); }
  draw();
  requestAnimationFrame(() => tick(mine));
}

function stop() {
  if (!playing) return;
  for (const source of playing.sources) try { source.stop(); } catch { /* it has ended */ }
  playing.before.disconnect();
  playing.after.disconnect();
  playing = null;
  press();
}

function seek(seconds) {
  const resume = !!playing;
  stop();
  at = clamp(seconds, 0, pair.duration);
  if (resume) play(); else draw();
}

function press() {
  const button = find("[data-do=play]");
  button.textContent = playing ? "Pause" : "Play";
  button.setAttribute("aria-pressed", String(!!playing));
  for (const one of element.querySelectorAll("[data-track]")) one.setAttribute("aria-pressed", String(one.dataset.track === track));
}

function choose(name) { track = name; press(); setGains(); }

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!pair) return;
  if (button && button.dataset.track) return choose(button.dataset.track);
  const what = button && button.dataset.do;
  if (what === "play") playing ? stop() : play();
  if (what === "in") zoom(0.5);
  if (what === "out") zoom(2);
  if (what === "all") { [from, to] = [0, pair.duration]; fetchView(); }
  if (event.target.matches(".dan-canvas")) {
    const box = event.target.getBoundingClientRect();
    seek(from + ((event.clientX - box.left) / box.width) * (to - from));
  }
});
element.addEventListener("wheel", (event) => {
  if (!pair || !event.ctrlKey || !event.target.matches(".dan-canvas")) return;
  event.preventDefault();
  const box = event.target.getBoundingClientRect();
  zoom(event.deltaY < 0 ? 0.7 : 1.4, from + ((event.clientX - box.left) / box.width) * (to - from));
}, { passive: false });
element.addEventListener("input", (event) => {
  const what = event.target.dataset.set;
  if (what === "strength") {
    strength = Number(event.target.value);
    event.target.parentElement.querySelector("output").textContent = strength.toFixed(2);
    draw();
  }
  if (what === "channel") { channel = Number(event.target.value); stop(); fetchView(); }
  setGains();
});
element.addEventListener("keydown", (event) => {
  if (!pair || event.target.closest("button, input, select")) return;
  const keys = { "1": () => choose("before"), "2": () => choose("after"), "3": () => choose("removed"), "+": () => zoom(0.5), "-": () => zoom(2),
    ArrowLeft: () => seek(at - (to - from) / 20), ArrowRight: () => seek(at + (to - from) / 20), " ": () => (pair.audible ? (playing ? stop() : play()) : null) };
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
});
new ResizeObserver(() => draw()).observe(element);
watch("value", open);
open();
