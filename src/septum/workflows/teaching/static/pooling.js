"use strict";
byId("hint").textContent = "Change any number of the input; choose an output to see its window.";
const state = { image: copy(START.poolFour), size: 2, stride: 2, kind: "max", at: [0, 0] };
const set = (key) => (value) => { state[key] = value; draw(); };
choice("input", [["poolFour", "4 × 4 (Keras example)"], ["poolFive", "5 × 5"]], (name) => { state.image = copy(START[name]); draw(); });
choice("kind", [["max", "max"], ["average", "average"]], set("kind"));
slider("window", { min: 1, max: 4, value: 2 }, set("size"));
slider("stride", { min: 1, max: 3, value: 2 }, set("stride"));

function draw() {
  const found = pool(state.image, state);
  const edit = (y, x, v) => { state.image[y][x] = v; draw(); };
  const step = found.steps.find((s) => s.y === state.at[0] && s.x === state.at[1]) || found.steps[0];
  const won = step.values.indexOf(step.value);
  const input = drawTable("input", state.image, {
    edit,
    mark: (y, x) => (state.kind === "max" && step.places[won][0] === y && step.places[won][1] === x ? "chosen" : holds(step.places, y, x) ? "window" : ""),
  });
  const output = drawTable("output: choose one", found.output, {
    pick: (y, x) => { if (!quiet && (state.at[0] !== y || state.at[1] !== x)) { state.at = [y, x]; draw(); } },
    mark: (y, x) => (y === step.y && x === step.x ? "chosen" : ""),
  });
  show(input, output);
  const name = state.kind === "max" ? "max" : "mean";
  byId("step").textContent = `${name}(${step.values.map(short).join(", ")}) = ${short(step.value)}` +
    (state.kind === "max" ? " · backwards, the whole gradient goes to the blue pixel" : " · backwards, every pixel of the window gets the same share");
}
draw();
