// @ts-check
/** Options of the tool in hand. Those of the server's tools are made from its table, so that a new tool appears by itself. */
import { by, el, redraw } from "../dom.js";
import { gestureOf, isServerTool, usesRadius } from "../draw/kinds.js";
import { accept, ask, clearMarks, drop } from "../draw/smart.js";
import { words } from "../look/text.js";
import { state, update } from "../store.js";
import { field, prompterChosen } from "./form.js";
import { wordOf } from "./toolbar.js";

/** Options that the page gives itself: the brush, the label in hand, the plane that is drawn on. */
const GIVEN = ["label", "radius_mm", "filled"];
/** @param {import("../store.js").Option} option */
const isGiven = (option) => GIVEN.includes(option.name) || (option.name === "axis" && (option.default !== null || state.opened?.ndim !== 3));

const UNTRAINED = "Drag a box around an object, or click into it; a box is followed better. It draws in this slice alone, and takes a second or two at the first mark on a slice. It was not trained on your images: check what it draws.";

export function drawOptions() {
  const tool = state.tools.find((one) => one.name === state.tool), kind = gestureOf(state.tool);
  redraw(by("options"), [state.tool, tool !== undefined, state.opened?.ndim, state.models.map((m) => m.name)], () => [
    el("h2", {}, wordOf(state.tool)),
    ...(tool && isServerTool(state.tool) ? [el("p", { className: "dim" }, `${tool.what[0].toUpperCase()}${tool.what.slice(1)}.`)] : []),
    ...(usesRadius(state.tool) ? [radius()] : []),
    ...(kind === "prompt" ? [el("label", { className: "check" }, el("input", { type: "checkbox", id: "boxing", checked: !state.models.some((m) => m.prompts) }), "Drag draws a box")] : []),
    ...(tool ? tool.options.filter((option) => !isGiven(option)).map((option) => field(option, () => { if (state.preview) ask(); else update(); })) : []),
    ...(kind === "prompt" ? [el("p", { className: "dim", id: "untrained" }, UNTRAINED)] : []),
    ...(["scribble", "prompt", "click"].includes(kind) ? [live()] : []),
  ]);
  by("options").dataset.form = state.tool;
  const untrained = by("options").querySelector("#untrained");
  if (untrained) untrained.hidden = !prompterChosen();
  by("run").hidden = !(tool && isServerTool(state.tool) && kind !== "wire" && kind !== "drag");
  by("clear").hidden = !state.marks.length && !state.points.length && !state.boxes.length;
  by("accept").disabled = by("drop").disabled = !state.preview;
  by("proposal").classList.toggle("shown", state.preview !== null);
  by("expected").textContent = state.expected;
  const size = by("options").querySelector("#radius");
  if (size && document.activeElement !== size) size.value = Math.log(state.radius);
  const said = by("options").querySelector("output");
  if (said) said.textContent = words(state.radius);
}

function radius() {
  const input = el("input", { type: "range", id: "radius", min: Math.log(0.2), max: Math.log(Math.max(60, 0.2 * widest())), step: 0.01, value: Math.log(state.radius), "aria-label": "Radius of the brush", oninput: () => update({ radius: Number(Math.exp(Number(input.value)).toPrecision(3)) }) });
  return el("label", {}, "Radius ", el("output", {}), input);
}
const widest = () => Math.max(...(state.opened?.axes ?? []).map((axis) => axis.size * axis.mm), 1);

function live() {
  const input = el("input", { type: "checkbox", checked: state.live, onchange: () => update({ live: input.checked }) });
  return el("label", { className: "check" }, input, "Preview after each mark");
}

export function bindOptions() {
  by("preview").onclick = () => ask();
  by("accept").onclick = accept;
  by("drop").onclick = drop;
  by("clear").onclick = clearMarks;
}