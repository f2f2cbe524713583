// @ts-check
/** The Methods panel: classical methods as steps with sliders, seen at once on the open image, kept, run on all. */
import { el, redraw } from "../dom.js";
import { state, update } from "../store.js";
import { client, get, send } from "../transport.js";
import { field } from "./options.js";
import { order } from "./jobs.js";

/** @typedef {import("./panels.js").Desk} Desk */
/** @typedef {{do:string, options:Record<string,any>}} Step */
/** @typedef {import("../store.js").Tool} Method */
const STAGES = { image: "prepare the image", segment: "segment", clean: "clean up the mask" };
let table = /** @type {Method[]} */ ([]);
let kept = /** @type {{name:string, describes:string}[]} */ ([]);
let steps = /** @type {Step[]} */ ([{ do: "otsu", options: {} }, { do: "fill-holes", options: {} }]);
let version = 0, asked = 0, timer = 0, busy = false, live = true, said = "";

/** @param {() => Promise<void>} work */
const attempt = (work) => void work().catch((error) => { said = error.message; update(); });
const fetchKept = async () => { kept = (await get("/pipelines")).pipelines; update(); };

/** @type {import("./panels.js").Panel} */
export const methodsPanel = {
  name: "Methods",
  what: "Classical methods with live preview",
  begin() {
    attempt(async () => {
      table = (await get("/methods")).methods.filter((/** @type {Method} */ one) => !one.needs.includes("other") && !one.needs.includes("markers"));
      await fetchKept();
    });
  },
  draw(host, desk) {
    if (!host.firstChild) host.append(el("h2", {}, "Methods"), ...["steps", "do", "kept"].map((name) => el("div", { "data-part": name })));
    const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (host.querySelector(`[data-part=${name}]`));
    redraw(part("steps"), [version, table.length, state.opened?.id], () => [...steps.map((step, at) => drawStep(step, at, desk)), drawAdd(desk)]);
    redraw(part("do"), [said, busy, live, state.preview?.id, state.opened?.id], () => drawActs(desk));
    redraw(part("kept"), kept, drawKept);
  },
};

/** @param {Desk} desk */
function changed(desk) {
  if (!live) return;
  clearTimeout(timer);
  timer = setTimeout(() => attempt(() => preview(desk)), 150);
}

/** Shows what the steps find; of several questions on their way only the last is shown. @param {Desk} desk */
async function preview(desk) {
  const id = state.opened?.id, mine = ++asked;
  if (!id) return;
  busy = true; said = ""; update();
  try {
    const seeds = steps.some((step) => find(step.do)?.needs.includes("seeds")) ? seedsHere() : [];
    const made = await send(`/cases/${id}/pipeline`, { client, steps: steps.map(plain), seeds, label: state.label });
    if (mine !== asked || id !== state.opened?.id) return;
    desk.propose(made);
    said = `${made.changed} ${state.opened.ndim === 3 ? "voxels" : "pixels"} would change (${Math.round(1000 * made.seconds)} ms)`;
  } finally {
    if (mine === asked) { busy = false; update(); }
  }
}

/** Clicked points, else the crosshair. */
const seedsHere = () => (state.points.length ? state.points : [state.opened?.ndim === 3 ? state.position : state.position.slice(-2)]).map((p) => p.slice(state.opened?.ndim === 3 ? 0 : -2).map(Math.floor));
/** @param {string} name */
const find = (name) => table.find((one) => one.name === name);
/** @param {Step} step */
const plain = (step) => ({ do: step.do, options: Object.fromEntries(Object.entries(step.options).filter(([, value]) => value !== undefined)) });

/** @param {Step} step @param {number} at @param {Desk} desk */
function drawStep(step, at, desk) {
  const method = find(step.do), channel = state.opened?.channels[state.channel] ?? { low: 0, high: 255 };
  const again = (/** @type {() => void} */ act) => () => { act(); version++; update(); changed(desk); };
  const pick = choice(step.do, `Step ${at + 1}`);
  pick.onchange = again(() => { steps[at] = { do: pick.value, options: {} }; });
  const controls = (method?.options ?? []).map((option) => field(option, step.options[option.name], channel, (value) => { step.options[option.name] = value; changed(desk); }));
  const seeds = method?.needs.includes("seeds") ? el("p", { className: "hint" }, "Starts from the points that were clicked, else from the crosshair.") : null;
  return el("fieldset", { className: "step" },
    el("div", { className: "row" }, el("b", {}, `${at + 1}`), pick, el("span", { className: "grow" }), el("button", { title: "Take this step away", "aria-label": `Take step ${at + 1} away`, disabled: steps.length === 1, onclick: again(() => steps.splice(at, 1)) }, "✕")),
    el("p", { className: "hint" }, method?.what ?? ""), seeds, ...controls);
}

/** A list of methods by stage. @param {string} value @param {string} name */
function choice(value, name) {
  const groups = Object.entries(STAGES).map(([stage, title]) => el("optgroup", { label: title }, ...table.filter((one) => one.stage === stage && (!state.opened || one.dimensions.includes(state.opened.ndim))).map((one) => el("option", { value: one.name }, one.name))));
  const pick = el("select", { "aria-label": name }, ...groups);
  pick.value = value;
  return pick;
}

/** @param {Desk} desk */
function drawAdd(desk) {
  const add = (/** @type {boolean} */ first) => () => {
    if (first) steps.unshift({ do: "gaussian", options: {} });
    else steps.push({ do: "remove-small", options: {} });
    version++; update(); changed(desk);
  };
  return el("div", { className: "row" }, el("button", { onclick: add(true) }, "+ before"), el("button", { onclick: add(false) }, "+ after"));
}

/** @param {Desk} desk */
function drawActs(desk) {
  const box = el("input", { type: "checkbox", checked: live });
  box.onchange = () => { live = box.checked; if (live) changed(desk); };
  const name = el("input", { type: "text", placeholder: "name", "aria-label": "Name of the pipeline", maxLength: 40 });
  const keep = el("button", { onclick: () => attempt(async () => {
    const made = await send("/pipelines", { name: name.value.trim(), steps: steps.map(plain), label: state.label });
    said = `Kept: ${made.describes}`;
    await fetchKept();
  }) }, "Keep");
  return [el("label", {}, box, " live"),
    el("div", { className: "row" }, el("button", { className: "main", disabled: busy, onclick: () => attempt(() => preview(desk)) }, "Preview"), el("span", { className: "hint" }, "Enter accepts, Escape drops")),
    el("p", { role: "status" }, busy ? "Computing…" : said), el("h2", {}, "Keep as a pipeline"), el("div", { className: "row" }, name, keep)];
}

function drawKept() {
  if (!kept.length) return [el("p", { className: "hint" }, "A kept pipeline runs on every case that waits; its masks come into the queue.")];
  return kept.map((one) => el("div", { className: "job" },
    el("div", { className: "row" }, el("b", {}, one.name), el("span", { className: "grow" }), el("button", { onclick: () => attempt(async () => { await order({ kind: "segment", pipeline: one.name }); said = `${one.name} runs on all cases that wait`; update(); }) }, "Apply to all")),
    el("small", {}, one.describes)));
}
