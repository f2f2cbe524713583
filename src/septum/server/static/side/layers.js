// @ts-check
/** Layers: what is laid over the image, compared with it, or shown beside it; and heat maps. */
import { by, el, redraw } from "../dom.js";
import { GLOWS } from "../look/compose.js";
import { inkOf, wordOfLayer, wordOfMap } from "../look/layers.js";
import { planes } from "../look/planes.js";
import { attempt, state, update } from "../store.js";
import { get } from "../transport.js";

/** @typedef {import("../store.js").Layer} Layer */
/** @typedef {{missed:number,extra:number,swapped:number,dice:number|null,worst:(number|null)[]}} Difference */
const COUNT_MS = 700;
let flicker = "", counted = "", timer = 0;
/** @type {Map<string, Difference>} */
const differences = new Map();

/** The layers of a case: what the server names, and the versions that were kept. @param {import("../store.js").Opened} opened */
export const fetchLayers = (opened) => attempt(async () => {
  const { versions } = await get(`/cases/${opened.id}/versions`);
  if (state.opened?.id !== opened.id) return;
  const kept = versions.map((/** @type {{version:number,author:string}} */ v) => ({ name: `version:${v.version}`, by: v.author })).reverse().slice(0, 20);
  update({ layers: layersAsShown(opened, kept) });
});

/** Layers of a case, shown as those of their names are now. @param {import("../store.js").Opened} opened @param {{name:string,by:string}[]} [kept] versions @returns {Layer[]} */
export function layersAsShown(opened, kept = []) {
  const known = new Map(state.layers.map((layer) => [layer.name, layer]));
  const names = [...opened.layers.filter((name) => name !== "current").map((name) => ({ name, by: "" })), ...kept];
  return names.map((one, at) => known.get(one.name) ?? { ...one, style: /** @type {const} */ ("off"), opacity: 0.7, colour: inkOf(at), said: "" });
}

/** @param {string} name @param {Partial<Layer>} change */
const set = (name, change) => update({ layers: state.layers.map((one) => (one.name === name ? { ...one, ...change } : one)) });

export function drawLayers() {
  by("layers-none").hidden = state.layers.length > 0 || state.maps.length > 0;
  const names = state.layers.map((layer) => layer.name), key = [names, state.labels, state.maps.map((map) => map.name), state.opened?.id];
  redraw(by("base"), key, () => [el("option", { value: "current" }, "what is drawn"), ...names.map((name) => el("option", { value: name }, wordOfLayer(name)))]);
  by("base").value = state.base;
  redraw(by("heat"), key, () => [el("option", { value: "" }, "none"), ...state.maps.map((map) => el("option", { value: map.name }, wordOfMap(map)))]);
  by("heat").value = state.heat; by("heat-opacity").value = state.heatOpacity;
  by("heat-row").hidden = !state.maps.length; by("heat-scale").hidden = !state.heat;
  redraw(by("beside"), key, () => besideChoices().map(([value, word]) => el("option", { value }, word)));
  by("beside").value = state.beside;
  by("compared").hidden = !names.length;
  // A slider that is dragged must not be made anew: its opacity is no reason to.
  redraw(by("layers"), [state.layers.map(({ opacity: _, ...layer }) => layer), state.base], () => state.layers.map(row));
  recount();
}

/** @param {Layer} layer */
function row(layer) {
  const word = wordOfLayer(layer.name);
  const style = el("select", { "aria-label": `Show ${layer.name}`, onchange: () => set(layer.name, { style: style.value }) }, ...["off", "outline", "fill", "difference"].map((value) => el("option", { value }, value)));
  style.value = layer.style;
  const opacity = el("input", { type: "range", min: 0, max: 1, step: 0.05, value: layer.opacity, "aria-label": `Opacity of ${layer.name}`, oninput: () => set(layer.name, { opacity: Number(opacity.value) }) });
  const colour = el("input", { type: "color", value: layer.colour, title: "Colour of its outline", "aria-label": `Colour of ${layer.name}`, onchange: () => set(layer.name, { colour: colour.value }) });
  return el("div", { className: "layer" }, el("span", { title: layer.name }, word), layer.style === "outline" ? colour : el("span", {}), style, ...(layer.style === "off" ? [] : [opacity]), ...(layer.style === "difference" ? said(layer) : []));
}

/** What the difference comes to, and a way to where it is largest. @param {Layer} layer */
function said(layer) {
  const found = differences.get(layer.name);
  if (!layer.said || !found) return [el("small", {}, "Counting…")];
  const { axis, grid } = planes.all[planes.active], worst = found.worst[axis];
  const go = () => { if (worst !== null && worst !== undefined) planes.all[planes.active].go(worst); };
  return [el("small", { role: "status" }, layer.said), ...(grid.volume && typeof worst === "number" ? [el("button", { className: "small", title: "The slice across the plane in hand where most differs", onclick: go }, `Worst slice: ${worst + 1}`)] : [])];
}

/** Counts differences anew, a moment after what is drawn changed. */
function recount() {
  const wanted = state.layers.filter((layer) => layer.style === "difference").map((layer) => layer.name), id = state.opened?.id;
  const key = wanted.length ? JSON.stringify([id, wanted, state.base, state.opened?.revision, planes.active]) : "";
  if (key === counted) return;
  counted = key;
  clearTimeout(timer);
  if (!wanted.length) return;
  timer = setTimeout(() => attempt(async () => {
    for (const name of wanted) {
      const found = /** @type {Difference} */ (await get(`/cases/${id}/layers/compare?base=${encodeURIComponent(state.base)}&other=${encodeURIComponent(name)}`));
      if (key !== counted) return;
      differences.set(name, found);
      const dice = found.dice === null ? "no label on either side" : `Dice ${found.dice.toFixed(3)}`;
      set(name, { said: `${dice} · missed ${found.missed.toLocaleString("en")} · extra ${found.extra.toLocaleString("en")}${found.swapped ? ` · other label ${found.swapped.toLocaleString("en")}` : ""}` });
    }
  }), COUNT_MS);
}

/** What can stand beside the plane in hand. @returns {[string, string][]} */
const besideChoices = () => [["", "nothing"], ["image", "the image alone"], ...state.layers.map(({ name }) => /** @type {[string, string]} */ ([`layer:${name}`, wordOfLayer(name)])), ...state.maps.map((map) => /** @type {[string, string]} */ ([`map:${map.name}`, wordOfMap(map)]))];
export function nextBeside() {
  const choices = besideChoices(), at = choices.findIndex(([value]) => value === state.beside), [beside, word] = choices[(at + 1) % choices.length];
  update({ beside, message: beside ? `Beside it: ${word}` : "" });
}

/** The heat map that was shown last, or the first. */
export function turnHeat() {
  const next = state.maps.find((one) => one.name === state.heatBefore) ?? state.maps[0];
  if (!next) { update({ message: "There is no heat map yet: the pixel classifier and models that keep probabilities make them" }); return; }
  update(state.heat ? { heat: "", heatBefore: state.heat } : { heat: next.name, message: wordOfMap(next) });
}

/** Shows the layer that was compared last, or hides it: held and let go it makes differences jump to the eye. @param {boolean} on */
export function flick(on) {
  const shown = state.layers.find((one) => one.style !== "off");
  if (shown) flicker = shown.name;
  const name = state.layers.some((one) => one.name === flicker) ? flicker : state.layers[0]?.name;
  if (!name) { update({ message: "There is no other layer to compare with yet" }); return; }
  update({ layers: state.layers.map((one) => (one.name === name ? { ...one, style: on ? "fill" : "off" } : one)), style: on ? "off" : "fill" });
}

export function bindLayers() {
  by("base").onchange = () => { differences.clear(); update({ base: by("base").value, layers: state.layers.map((one) => ({ ...one, said: "" })) }); };
  by("heat").onchange = () => update({ heat: by("heat").value, heatBefore: by("heat").value || state.heatBefore });
  by("heat-opacity").oninput = () => update({ heatOpacity: Number(by("heat-opacity").value) });
  by("beside").onchange = () => update({ beside: by("beside").value });
  const css = (/** @type {number} */ c) => `rgb(${c & 255} ${(c >> 8) & 255} ${(c >> 16) & 255})`;
  by("heat-colours").style.background = `linear-gradient(90deg, ${[0, 51, 102, 153, 204, 255].map((v) => css(GLOWS[v])).join(", ")})`;
}
