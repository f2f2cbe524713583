// @ts-check
/** How the image is shown: window and presets, channels; and which voxels an edit may change. */
import { by, el, redraw } from "../dom.js";
import { turnSides } from "../look/planes.js";
import { turnSolid } from "../look/solid.js";
import { autoWindow, PRESETS, setWindow } from "../look/window.js";
import { state, update } from "../store.js";

export function drawImage() {
  const { channels, channel, opened } = state, now = channels[channel];
  if (!now) return;
  redraw(by("presets"), [opened?.modality], () => [
    el("button", { title: "The middle 99 % of the values (R)", onclick: autoWindow }, "Auto"),
    ...(opened?.modality === "ct" ? PRESETS.map(([name, centre, width]) => el("button", { title: `Centre ${centre}, width ${width} HU`, onclick: () => setWindow(centre, width) }, name)) : []),
  ]);
  Object.assign(by("centre"), { min: now.low, max: now.high, step: "any" });
  Object.assign(by("width"), { min: (now.high - now.low) / 1000 || 1e-6, max: 2 * (now.high - now.low) || 1, step: "any" });
  by("centre").value = now.centre; by("width").value = now.width;
  const short = (/** @type {number} */ v) => Number(v.toPrecision(4));
  by("centre-said").textContent = short(now.centre); by("width-said").textContent = short(now.width);
  redraw(by("channels"), [channels.map((c) => [c.name, c.on, c.colour]), channel], () => (channels.length > 1 ? channels.map(channelRow) : []));
  by("solid").hidden = by("sides").hidden = opened?.ndim !== 3;
  by("solid").setAttribute("aria-pressed", String(state.solid));
  by("sides").textContent = state.sides === "radiological" ? "Radiological" : "Neurological";
  by("invert").checked = state.invert; by("smooth").checked = state.smooth; by("crosshair").checked = state.crosshair;
  by("opacity").value = state.opacity; by("style").value = state.style;
}

/** @param {import("../store.js").Channel} one @param {number} at */
function channelRow(one, at) {
  const set = (/** @type {Partial<import("../store.js").Channel>} */ change) => update({ channels: state.channels.map((c, k) => (k === at ? { ...c, ...change } : c)) });
  const on = el("input", { type: "checkbox", checked: one.on, "aria-label": `Show ${one.name}`, onchange: () => set({ on: on.checked }) });
  const colour = el("input", { type: "color", value: one.colour, "aria-label": `Colour of ${one.name}`, onchange: () => set({ colour: colour.value }) });
  return el("div", { className: "label", "aria-current": at === state.channel }, on, colour, el("button", { className: "name", title: "Window and tools are about this channel", onclick: () => update({ channel: at, channels: state.channels.map((c, k) => (k === at ? { ...c, on: true } : c)) }) }, one.name));
}

export function drawRules() {
  by("overwrite").value = state.overwrite; by("area").value = state.area; by("ranged").checked = state.ranged;
  redraw(by("area-label"), state.labels.map((one) => [one.value, one.name]), () => [el("option", { value: 0 }, "any label"), ...state.labels.map((one) => el("option", { value: one.value }, one.name))]);
  by("area-label").value = state.areaLabel; by("area-label").hidden = state.area === "everywhere";
  by("range").hidden = !state.ranged;
  const now = state.channels[state.channel];
  if (!now) return;
  for (const [id, key] of /** @type {[string,"rangeLow"|"rangeHigh"][]} */ ([["range-low", "rangeLow"], ["range-high", "rangeHigh"]])) {
    Object.assign(by(id), { min: now.low, max: now.high, step: Number.isInteger(now.low) && now.high - now.low > 50 ? 1 : "any" });
    if (document.activeElement !== by(id)) by(id).value = state[key];
    by(`${id}-said`).textContent = Number(state[key].toPrecision(4));
  }
}

/** Opens or closes the editable range; the first time it begins with the window. */
export function toggleRange() {
  const now = state.channels[state.channel];
  update({ ranged: !state.ranged, ...(state.ranged ? {} : { rangeLow: Math.max(now.low, now.centre - now.width / 2), rangeHigh: Math.min(now.high, now.centre + now.width / 2) }) });
}

export function bindImage() {
  by("solid").onclick = turnSolid; by("sides").onclick = turnSides;
  const number = (/** @type {string} */ id, /** @type {(v:number) => void} */ act) => { by(id).oninput = () => act(Number(by(id).value)); };
  number("centre", (v) => setWindow(v, state.channels[state.channel].width));
  number("width", (v) => setWindow(state.channels[state.channel].centre, v));
  number("opacity", (v) => update({ opacity: v }));
  number("range-low", (v) => update({ rangeLow: v, rangeHigh: Math.max(v, state.rangeHigh) }));
  number("range-high", (v) => update({ rangeHigh: v, rangeLow: Math.min(v, state.rangeLow) }));
  for (const id of /** @type {("invert"|"smooth"|"crosshair")[]} */ (["invert", "smooth", "crosshair"])) by(id).onchange = () => update({ [id]: by(id).checked });
  by("style").onchange = () => update({ style: by("style").value });
  by("overwrite").onchange = () => update({ overwrite: by("overwrite").value });
  by("area").onchange = () => update({ area: by("area").value });
  by("area-label").onchange = () => update({ areaLabel: Number(by("area-label").value) });
  by("ranged").onchange = toggleRange;
}
