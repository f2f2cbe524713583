"use strict";
byId("hint").textContent = "Each input pixel stamps the filter, times its value, into the output. Choose an output to see which stamps meet there.";
const state = { image: copy(START.upImage), kernel: copy(START.upFilter), stride: 2, cut: "slide", at: [1, 1] };
const set = (key) => (value) => { state[key] = value; draw(); };
slider("stride", { min: 1, max: 3, value: 2 }, set("stride"));
choice("padding", [["slide", "as on the slide: first row and column cut"], ["same", "'same' of Keras: last ones cut"], ["valid", "none: the full result"]], set("cut"));
choice("filter", [["3", "3 × 3 of the slide"], ["2", "2 × 2, as in the U-Net"], ["ones", "3 × 3 of ones"]], (name) => {
  state.kernel = { 3: copy(START.upFilter), 2: [[1, 2], [3, 4]], ones: Array.from({ length: 3 }, () => [1, 1, 1]) }[name];
  draw();
});

function cuts() {
  const surplus = state.kernel.length - state.stride;
  if (state.cut === "valid" || surplus <= 0) return { cutStart: 0, cutEnd: 0 };
  const first = Math.floor(surplus / 2);
  return state.cut === "same" ? { cutStart: first, cutEnd: surplus - first } : { cutStart: surplus - first, cutEnd: first };
}

function draw() {
  const found = transposed(state.image, state.kernel, { stride: state.stride, ...cuts() });
  const at = [Math.min(state.at[0], found.output.length - 1), Math.min(state.at[1], found.output[0].length - 1)];
  const parts = found.parts[at[0]][at[1]];
  const image = drawTable("input", state.image, {
    edit: (y, x, v) => { state.image[y][x] = v; draw(); },
    mark: (y, x) => (parts.some((p) => p.y === y && p.x === x) ? "window" : ""),
  });
  const kernel = drawTable("filter", state.kernel, { edit: (y, x, v) => { state.kernel[y][x] = v; draw(); } });
  const output = drawTable(`output ${found.output.length} × ${found.output[0].length}: choose one`, found.output, {
    pick: (y, x) => { if (!quiet && (state.at[0] !== y || state.at[1] !== x)) { state.at = [y, x]; draw(); } },
    mark: (y, x) => (y === at[0] && x === at[1] ? "chosen" : ""),
  });
  show(image, kernel, output);
  byId("step").textContent = parts.length
    ? `${parts.map((p) => `(${short(p.value)} × ${short(p.weight)})`).join(" + ")} = ${short(found.output[at[0]][at[1]])}`
    : "no stamp reaches this pixel: 0";
}
draw();
