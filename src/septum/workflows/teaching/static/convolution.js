"use strict";
byId("hint").textContent = "Change any number of input or kernel; choose an output to see its window and its products.";
const state = { image: copy(START.image), kernel: copy(START.kernel), stride: 1, padding: 0, dilation: 1, flip: false, at: [0, 0] };
const set = (key) => (value) => { state[key] = value; draw(); };
slider("stride", { min: 1, max: 3, value: 1 }, set("stride"));
slider("padding", { min: 0, max: 2, value: 0 }, set("padding"));
slider("dilation", { min: 1, max: 2, value: 1 }, set("dilation"));
choice("input", [["3", "3 × 3"], ["5", "5 × 5"]], (size) => {
  state.image = size === "3" ? copy(START.image) : Array.from({ length: 5 }, (_, y) => Array.from({ length: 5 }, (_, x) => 5 * y + x));
  draw();
});
choice("kernel", [["lecture", "the lecture's"], ["edge", "edge 3 × 3"], ["mean", "mean 3 × 3"]], (name) => {
  state.kernel = { lecture: copy(START.kernel), edge: [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], mean: Array.from({ length: 3 }, () => [1 / 9, 1 / 9, 1 / 9]) }[name];
  draw();
});
checkbox("true convolution (turn the kernel)", false, set("flip"));

function draw() {
  const found = convolve(state.image, state.kernel, state);
  const kernel = drawTable("kernel", state.kernel, { edit: (y, x, v) => { state.kernel[y][x] = v; draw(); } });
  const p = state.padding;
  if (!found) {
    show(drawTable("input", state.image), kernel);
    byId("step").textContent = "The kernel does not fit into the input: less dilation, more padding, or a larger input.";
    return;
  }
  const step = found.steps.find((s) => s.y === state.at[0] && s.x === state.at[1]) || found.steps[0];
  const rows = state.image.length, columns = state.image[0].length;
  const outside = (y, x) => y < p || x < p || y >= rows + p || x >= columns + p;
  const ground = drawTable(p ? "input with zeros around it" : "input", found.ground, {
    edit: (y, x, v) => { if (!outside(y, x)) state.image[y - p][x - p] = v; draw(); },
    mark: (y, x) => `${outside(y, x) ? "pad" : ""} ${holds(step.places, y, x) ? "window" : ""}`,
  });
  const output = drawTable("output: choose one", found.output, {
    pick: (y, x) => { if (!quiet && (state.at[0] !== y || state.at[1] !== x)) { state.at = [y, x]; draw(); } },
    mark: (y, x) => (y === step.y && x === step.x ? "chosen" : ""),
  });
  show(ground, kernel, output);
  const sum = step.pairs.map(([a, b]) => `(${short(a)} × ${short(b)})`).join(" + ");
  byId("step").textContent = `${sum} = ${short(step.value)}`;
}
draw();
