"use strict";
byId("hint").textContent = "Click to add a point of the chosen class (two half-moons to begin with). Change the learning rate and watch the boundary move.";
const SIZE = 460, COLOURS = ["#0072b2", "#e69f00"];
const state = { rate: 0.5, hidden: 8, cls: 1, running: true, seed: 1, points: [], classes: [], losses: [] };

// A small generator with a seed, so that everybody sees the same start (mulberry32).
function random(seed) {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
const normal = (draw) => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());

function moons() {
  const draw = random(7);
  state.points = [];
  state.classes = [];
  for (let n = 0; n < 100; n++) {
    const turn = Math.PI * draw(), second = n % 2;
    const x = second ? 1 - Math.cos(turn) : Math.cos(turn), y = second ? 0.5 - Math.sin(turn) : Math.sin(turn);
    state.points.push([x - 0.5 + 0.12 * normal(draw), y - 0.25 + 0.12 * normal(draw)]);
    state.classes.push(second);
  }
}

let net;
function restart() {
  const draw = random(state.seed++);
  const layer = (into, out) => Array.from({ length: into }, () => Array.from({ length: out }, () => normal(draw) / Math.sqrt(into)));
  net = { weights: [layer(2, state.hidden), layer(state.hidden, 2)], biases: [new Array(state.hidden).fill(0), [0, 0]] };
  state.losses = [];
}

slider("learning rate", { min: -2, max: 1.3, step: 0.1, value: Math.log10(0.5), show: (v) => (10 ** v).toPrecision(2) }, (v) => { state.rate = 10 ** v; });
slider("hidden neurons", { min: 1, max: 16, value: 8 }, (v) => { state.hidden = v; restart(); });
choice("add class", [["1", "orange"], ["0", "blue"]], (v) => { state.cls = Number(v); });
const pause = button("Pause", () => { state.running = !state.running; pause.textContent = state.running ? "Pause" : "Go on"; });
button("Start again", restart);
button("Remove points", () => { state.points = []; state.classes = []; restart(); });
button("Half-moons", () => { moons(); restart(); });

const board = element("canvas", { width: SIZE, height: SIZE }), curve = element("canvas", { width: 380, height: 220 });
board.setAttribute("aria-label", "points of two classes and the boundary between them");
curve.setAttribute("aria-label", "loss over the steps");
byId("stage").append(element("figure", {}, element("figcaption", { textContent: "points and boundary" }), board), element("figure", {}, element("figcaption", { textContent: "loss (cross entropy)" }), curve));
board.addEventListener("click", (event) => {
  const box = board.getBoundingClientRect();
  state.points.push([((event.clientX - box.left) / box.width) * 4 - 2, 2 - ((event.clientY - box.top) / box.height) * 4]);
  state.classes.push(state.cls);
});

function paint() {
  const pen = board.getContext("2d"), tile = 10;
  for (let y = 0; y < SIZE; y += tile) for (let x = 0; x < SIZE; x += tile) {
    const p = perceptronForward(net, [((x + tile / 2) / SIZE) * 4 - 2, 2 - ((y + tile / 2) / SIZE) * 4]).output[1];
    const mix = (a, b) => Math.round(255 - 0.55 * (255 - (a + (b - a) * p)) * Math.min(1, 0.25 + 1.5 * Math.abs(p - 0.5)));
    pen.fillStyle = `rgb(${mix(0, 230)},${mix(114, 159)},${mix(178, 0)})`;
    pen.fillRect(x, y, tile, tile);
  }
  state.points.forEach(([x, y], n) => {
    pen.beginPath();
    pen.arc(((x + 2) / 4) * SIZE, ((2 - y) / 4) * SIZE, 5, 0, 7);
    pen.fillStyle = COLOURS[state.classes[n]];
    pen.fill();
    pen.strokeStyle = "#fff";
    pen.stroke();
  });
}

function plot() {
  const pen = curve.getContext("2d"), { width, height } = curve, left = 46, below = 26;
  pen.clearRect(0, 0, width, height);
  const top = Math.max(0.7, ...state.losses);
  pen.font = "12px system-ui";
  pen.fillStyle = "#5b6675";
  pen.fillText(top.toFixed(2), 8, 16);
  pen.fillText("0", 30, height - below + 4);
  pen.fillText(`step ${state.losses.length}`, width - 80, height - 8);
  pen.strokeStyle = "#c9d1db";
  pen.strokeRect(left, 8, width - left - 8, height - below - 8);
  pen.strokeStyle = "#0072b2";
  pen.lineWidth = 1.6;
  pen.beginPath();
  state.losses.forEach((value, n) => {
    const x = left + (n / Math.max(1, state.losses.length - 1)) * (width - left - 8), y = 8 + (1 - value / top) * (height - below - 8);
    if (n) pen.lineTo(x, y); else pen.moveTo(x, y);
  });
  pen.stroke();
}

function frame() {
  if (state.running && state.points.length && state.losses.length < 5000)
    for (let n = 0; n < 5; n++) state.losses.push(perceptronStep(net, state.points, state.classes, state.rate));
  paint();
  plot();
  const right = state.points.filter((p, n) => (perceptronForward(net, p).output[1] > 0.5 ? 1 : 0) === state.classes[n]).length;
  const last = state.losses.at(-1);
  byId("step").textContent = state.points.length
    ? `${right} of ${state.points.length} points right · loss ${last === undefined ? "–" : last.toFixed(3)} · every step: weight − ${state.rate.toPrecision(2)} × gradient`
    : "no points: click into the square";
  requestAnimationFrame(frame);
}
moons();
restart();
frame();
