// Before and after on one axis: drawn and played from windows that the page's server hands out.
const SHADES = Array.from({ length: 256 }, (_, i) => {
  const x = i / 255; // dark blue over magenta to light yellow, even steps of lightness
  return [255 * Math.min(1, 1.6 * x ** 1.2), 255 * Math.max(0, x * 1.5 - 0.5), 255 * (x < 0.5 ? 0.25 + x : 0.75 - (x - 0.5) * 0.9)];
});
const LIGHT = { before: "#b45309", after: "#0f766e", removed: "#7e22ce", clean: "#1d4ed8" };
const DARK = { before: "#f59e0b", after: "#2dd4bf", removed: "#d8b4fe", clean: "#93c5fd" };
const AHEAD_S = 4, AXIS_PX = 18, QUIETEST = 0.1;
let pair = null, from = 0, to = 1, at = 0, drawn = null, track = "after", strength = 1, channel = 0;
let audio = null, playing = null, asked = 0, level = {};
const find = (selector) => element.querySelector(selector);
const decode = (text, Kind) => new Kind(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const note = (text) => { find(".dan-note").textContent = text; };
const count = (what, by = 1) => { element.dataset[what] = String(Number(element.dataset[what] || 0) + by); };

function open() {
  stop();
  const last = pair;
  pair = props.value && props.value.key ? props.value : null;
  find(".dan-empty").hidden = !!pair;
  find(".dan-body").hidden = !pair;
  if (!pair) return;
  [from, to, at, channel, drawn, level] = [0, pair.duration, 0, 0, null, {}];
  if (!last) find("[data-set=match]").checked = !pair.tracks.removed; // by ear alone, the louder one seems the better
  if (!pair.tracks[track] || !last) track = "after";
  if (!pair.tracks.removed) strength = 1;
  find(".dan-name").textContent = pair.name;
  find("[data-set=channel]").replaceChildren(...pair.channels.map((name, i) => new Option(name, String(i))));
  find("[data-set=channel]").parentElement.hidden = pair.channels.length < 2;
  find("[data-do=play]").hidden = find("[data-set=match]").parentElement.hidden = find(".dan-tracks").hidden = !pair.audible;
  find(".dan-strength").hidden = !pair.tracks.removed;
  find(".dan-tracks").replaceChildren(...Object.entries(pair.tracks).map(([name, word]) => {
    const button = document.createElement("button");
    [button.type, button.textContent, button.dataset.track] = ["button", word, name];
    return button;
  }));
  note(pair.audible ? "" : `${frequency(pair.rate)} is below what a browser plays: look at the traces.`);
  showStrength();
  press();
  fetchView();
}

async function fetchView() {
  const wanted = ++asked, canvas = find(".dan-canvas");
  const width = clamp(Math.round(canvas.clientWidth || 800), 200, 1600);
  let view;
  try {
    view = await server.view(pair.key, channel, from, to, width);
  } catch (error) {
    return note("It cannot be drawn: the page's server has ended, or the recording was removed.");
  }
  if (wanted !== asked) return; // the user has moved on
  const next = { from, to, width };
  for (const name of Object.keys(pair.tracks)) {
    const given = view[name];
    next[name] = { low: decode(given.low, Float32Array), high: decode(given.high, Float32Array) };
    if (pair.audible) next[name].spectrum = picture(decode(given.spectrum, Uint8Array), width, given.bins);
  }
  [drawn, level] = [next, view.level];
  draw();
  setGains();
  element.dataset.seconds = String(drawn.to - drawn.from);
  count("drawn");
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

// What is seen follows the strength, as what is heard does: no new computation.
function mixed(name, key) {
  const values = drawn[name][key];
  if (strength === 1 || (name !== "after" && name !== "removed")) return values;
  if (name === "removed") return values.map((value) => strength * value);
  return values.map((value, i) => strength * value + (1 - strength) * drawn.before[key][i]);
}

function draw() {
  const canvas = find(".dan-canvas");
  if (!drawn || !canvas || !canvas.clientWidth) return;
  const tracks = Object.keys(pair.tracks), height = tracks.length * (pair.audible ? 190 : 130) + AXIS_PX;
  canvas.style.height = `${height}px`;
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth;
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  const pen = canvas.getContext("2d"), ink = getComputedStyle(element).color, each = (height - AXIS_PX) / tracks.length;
  const colours = parseInt(ink.match(/\d+/)[0], 10) > 128 ? DARK : LIGHT;
  pen.scale(ratio, ratio);
  pen.font = "12px system-ui, sans-serif";
  const ends = Object.fromEntries(tracks.map((name) => [name, extremes(drawn[name])]));
  const reach = Math.max(...Object.values(ends).map(([low, high]) => (pair.audible ? 2 * Math.max(high, -low) : high - low))) || 1;
  const row = pair.audible ? each / 2 - 4 : each - 4;
  axis(pen, ink, width, height);
  tracks.forEach((name, index) => {
    const y = index * each, middle = pair.audible ? 0 : (ends[name][0] + ends[name][1]) / 2;
    trace(pen, colours[name], mixed(name, "low"), mixed(name, "high"), (value) => y + row / 2 - ((row - 4) * (value - middle)) / reach, width);
    const unit = pair.units[channel] ? ` ${pair.units[channel]}` : "";
    label(pen, ink, pair.tracks[name], 4, y + 14);
    label(pen, ink, `${short(middle + reach / 2)}${unit}`, width - 4, y + 14, "right");
    label(pen, ink, `${short(middle - reach / 2)}${unit}`, width - 4, y + row - 2, "right");
    if (pair.audible) spectrum(pen, name, y + row + 4, width, row);
  });
  cursor(pen, width, height);
}

function extremes({ low, high }) {
  return [low.reduce((a, b) => Math.min(a, b)), high.reduce((a, b) => Math.max(a, b))];
}

function trace(pen, colour, low, high, place, width) {
  pen.fillStyle = pen.strokeStyle = colour;
  const count = Math.round((drawn.to - drawn.from) * pair.rate);
  if (count < width / 2) return line(pen, high, count, place, width);
  for (let x = 0; x < width; x++) {
    const i = Math.min(drawn.width - 1, Math.floor((x * drawn.width) / width)), next = Math.min(drawn.width - 1, i + 1);
    const top = place(Math.max(high[i], low[next])), bottom = place(Math.min(low[i], high[next])); // joined to its neighbour
    pen.fillRect(x, top, 1, Math.max(1.2, bottom - top));
  }
}

// So few samples that a line joins them.
function line(pen, values, count, place, width) {
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (let i = 0; i < count; i++) {
    const share = (i + 0.5) / count;
    pen.lineTo(share * width, place(values[Math.floor(share * drawn.width)]));
  }
  pen.stroke();
}

function spectrum(pen, name, y, width, height) {
  pen.imageSmoothingEnabled = true;
  if (name === "after" && strength < 1) pen.drawImage(drawn.before.spectrum, 0, y, width, height);
  else { pen.fillStyle = "#000"; pen.fillRect(0, y, width, height); }
  pen.globalAlpha = name === "after" || name === "removed" ? strength : 1;
  pen.drawImage(drawn[name].spectrum, 0, y, width, height);
  pen.globalAlpha = 1;
  label(pen, "#ffffff", frequency(pair.rate / 2), width - 4, y + 14, "right");
  label(pen, "#ffffff", "0 Hz", width - 4, y + height - 4, "right");
}

const short = (value) => String(Number(value.toPrecision(3)));
const frequency = (hz) => (hz >= 1000 ? `${Number((hz / 1000).toPrecision(4))} kHz` : `${Number(hz.toPrecision(4))} Hz`);

// Times below the rows, at round places a hand's breadth apart.
function axis(pen, ink, width, height) {
  const least = ((drawn.to - drawn.from) * 90) / width, power = 10 ** Math.floor(Math.log10(least));
  const round = least > 30 ? [60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400] : [1, 2, 5, 10].map((x) => x * power);
  const step = round.find((one) => one >= least) || round.at(-1);
  for (let tick = Math.ceil(drawn.from / step) * step; tick <= drawn.to; tick += step) {
    const x = ((tick - drawn.from) / (drawn.to - drawn.from)) * width;
    pen.fillStyle = ink;
    pen.globalAlpha = 0.25;
    pen.fillRect(x, 0, 1, height - AXIS_PX);
    pen.globalAlpha = 1;
    const text = clock(tick, step), half = pen.measureText(text).width / 2;
    label(pen, ink, text, clamp(x, half, width - half), height - 3, "center");
  }
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
  find(".dan-time").textContent = `${clock(at, 0.01)} of ${clock(pair.duration, 0.01)}`;
  if (at < drawn.from || at > drawn.to) return;
  pen.fillStyle = "#dc2626";
  pen.fillRect(Math.min(width - 2, ((at - drawn.from) / (drawn.to - drawn.from)) * width), 0, 2, height - AXIS_PX);
}

function clock(seconds, step) {
  const digits = step >= 1 ? 0 : Math.min(4, Math.ceil(-Math.log10(step) - 1e-9)), hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60), rest = (seconds % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

function show(start, span) {
  from = clamp(start, 0, pair.duration - span);
  to = from + span;
  fetchView();
}

function zoom(factor, centre = at >= from && at <= to ? at : (from + to) / 2) {
  const span = clamp((to - from) * factor, Math.min(pair.duration, 32 / pair.rate), pair.duration);
  show(centre - span / 2, span);
}

const move = (share) => show(from + share * (to - from), to - from);

// All tracks always play; what is heard is a matter of their gains, so switching keeps the place.
function gains() {
  const own = (side) => (find("[data-set=match]").checked ? quieter(side) : 1);
  if (track === "removed") return { before: strength, after: -strength, clean: 0 };
  if (track === "after") return { before: (1 - strength) * own("after"), after: strength * own("after"), clean: 0 };
  return { before: 0, after: 0, clean: 0, [track]: own(track) };
}

// The louder one comes down to the quieter one, by 20 dB at most; nothing is made louder.
function quieter(side) {
  const least = Math.min(...pair.sides.map((one) => level[one] || 0));
  return level[side] ? Math.max(QUIETEST, least / level[side]) : 1;
}

function setGains() {
  if (!playing) return;
  for (const [side, gain] of Object.entries(gains())) playing.sides[side]?.gain.setTargetAtTime(gain, audio.currentTime, 0.01);
}

async function play() {
  audio = audio || new AudioContext();
  if (at >= pair.duration - 0.05) at = 0;
  const mine = (playing = { sides: {}, sources: new Set(), start: null, next: at, first: at });
  press();
  await audio.resume();
  if (playing !== mine) return;
  for (const side of pair.sides) {
    mine.sides[side] = audio.createGain();
    mine.sides[side].gain.value = gains()[side];
    mine.sides[side].connect(audio.destination);
  }
  feed(mine);
  tick(mine);
}

async function feed(mine) {
  while (playing === mine && mine.next < pair.duration) {
    let chunk;
    try {
      chunk = await server.chunk(pair.key, channel, mine.next);
    } catch {
      if (playing === mine) stop();
      return note("It cannot be played: the page's server has ended, or the recording was removed.");
    }
    if (playing !== mine) return;
    mine.start = mine.start ?? audio.currentTime + 0.05;
    const when = mine.start + (mine.next - mine.first);
    for (const side of pair.sides) schedule(mine, side, decode(chunk[side], Float32Array), when);
    mine.next += pair.chunk;
    while (playing === mine && mine.next - position(mine) > AHEAD_S) await new Promise((done) => setTimeout(done, 100));
  }
}

function schedule(mine, side, samples, when) {
  const buffer = audio.createBuffer(1, samples.length, pair.rate), source = audio.createBufferSource();
  buffer.copyToChannel(samples, 0);
  source.buffer = buffer;
  source.connect(mine.sides[side]);
  source.start(Math.max(when, audio.currentTime), Math.max(0, audio.currentTime - when));
  source.onended = () => { mine.sources.delete(source); source.disconnect(); count("held", -1); };
  mine.sources.add(source);
  count("held"); // chunks in memory
  count("played");
}

const position = (mine) => (mine.start === null ? mine.first : mine.first + Math.max(0, audio.currentTime - mine.start));

function tick(mine) {
  if (playing !== mine) return;
  at = Math.min(pair.duration, position(mine));
  if (at >= pair.duration) return stop();
  if (at > to) show(at, to - from);
  draw();
  requestAnimationFrame(() => tick(mine));
}

function stop() {
  if (!playing) return;
  const last = playing;
  playing = null;
  for (const source of last.sources) source.stop();
  for (const gain of Object.values(last.sides)) gain.disconnect();
  press();
}

function seek(seconds) {
  const resume = !!playing;
  stop();
  at = clamp(seconds, 0, pair.duration);
  if (at < from || at > to) show(at - (to - from) / 2, to - from);
  if (resume) play(); else draw();
}

function press() {
  const button = find("[data-do=play]");
  button.textContent = playing ? "Pause" : "Play";
  button.setAttribute("aria-pressed", String(!!playing));
  for (const one of element.querySelectorAll("[data-track]")) one.setAttribute("aria-pressed", String(one.dataset.track === track));
}

function choose(name) {
  if (!pair.tracks[name]) return;
  track = name;
  press();
  setGains();
}

function showStrength() {
  find("[data-set=strength]").value = element.dataset.strength = String(strength);
  find(".dan-strength output").textContent = strength.toFixed(2);
}

const DOES = {
  play: () => (playing ? stop() : play()), in: () => zoom(0.5), out: () => zoom(2), all: () => show(0, pair.duration),
  earlier: () => move(-0.5), later: () => move(0.5),
};
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!pair) return;
  if (button && button.dataset.track) return choose(button.dataset.track);
  if (button && button.dataset.do) return DOES[button.dataset.do]();
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
  if (what === "strength") { strength = Number(event.target.value); showStrength(); draw(); }
  if (what === "channel") { channel = Number(event.target.value); stop(); fetchView(); }
  setGains();
});
element.addEventListener("keydown", (event) => {
  if (!pair || event.target.closest("button, input, select") || event.ctrlKey || event.altKey || event.metaKey) return;
  const names = Object.keys(pair.tracks);
  const keys = { "+": DOES.in, "-": DOES.out, PageUp: DOES.earlier, PageDown: DOES.later, " ": () => pair.audible && DOES.play(),
    ArrowLeft: () => seek(at - (to - from) / 20), ArrowRight: () => seek(at + (to - from) / 20),
    ...Object.fromEntries(names.map((name, i) => [String(i + 1), () => choose(name)])) };
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
});
new ResizeObserver(() => draw()).observe(element);
watch("value", open);
open();
