"use strict";
byId("hint").textContent = "Move and resize the prediction (orange). The reference (blue) stays. Small objects lose more for the same shift.";
const SIDE = 64, SCALE = 7;
const state = { radius: 14, grow: 0, x: 6, y: 3 };
const set = (key) => (value) => { state[key] = value; draw(); };
slider("radius of the reference", { min: 1, max: 20, value: 14 }, set("radius"));
slider("shift to the right", { min: -24, max: 24, value: 6 }, set("x"));
slider("shift down", { min: -24, max: 24, value: 3 }, set("y"));
slider("prediction larger by", { min: -10, max: 10, value: 0 }, set("grow"));

const board = element("canvas", { width: SIDE * SCALE, height: SIDE * SCALE });
board.setAttribute("aria-label", "reference and prediction");
const rows = element("table");
byId("stage").append(element("figure", {}, element("figcaption", { textContent: "blue missed · orange extra · grey overlap" }), board), element("figure", {}, element("figcaption", { textContent: "counts and scores" }), rows));

const disc = (cx, cy, r) => Array.from({ length: SIDE }, (_, y) => Array.from({ length: SIDE }, (_, x) => (x - cx) ** 2 + (y - cy) ** 2 <= r * r && r > 0));

function draw() {
  const reference = disc(32, 32, state.radius), prediction = disc(32 + state.x, 32 + state.y, state.radius + state.grow);
  const pen = board.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, board.width, board.height);
  for (let y = 0; y < SIDE; y++) for (let x = 0; x < SIDE; x++) {
    const r = reference[y][x], p = prediction[y][x];
    if (!r && !p) continue;
    pen.fillStyle = r && p ? "#8a94a0" : r ? "#0072b2" : "#e69f00";
    pen.fillRect(x * SCALE, y * SCALE, SCALE, SCALE);
  }
  const { tp, fp, fn, dice, iou, wrong } = overlapScores(reference, prediction);
  const lines = [["overlap TP", tp], ["extra FP", fp], ["missed FN", fn], ["Dice", dice.toFixed(4)], ["IoU", iou.toFixed(4)], ["the slide's wrong form", wrong.toFixed(4)]];
  rows.replaceChildren(...lines.map(([name, value]) => {
    const cell = element("td", { textContent: name });
    cell.style.cssText = "width:13em;text-align:left;padding:0 10px";
    const number = element("td", { textContent: value });
    number.style.cssText = "width:6em;text-align:right;padding:0 10px";
    return element("tr", {}, cell, number);
  }));
  byId("step").textContent = `Dice = 2 × ${tp} / (2 × ${tp} + ${fp} + ${fn}) = ${dice.toFixed(4)} · IoU = ${tp} / (${tp} + ${fp} + ${fn}) = ${iou.toFixed(4)}` +
    (wrong > 1 ? ` · 2 × overlap / union = ${wrong.toFixed(2)}, more than everything` : "");
}
draw();
