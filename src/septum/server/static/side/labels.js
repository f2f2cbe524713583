// @ts-check
/** The label table: pick, show, lock, add, name, colour, remove. */
import { by, el, redraw } from "../dom.js";
import { chooseLabel } from "../draw/choose.js";
import { attempt, state, update } from "../store.js";
import { send } from "../transport.js";
import { CLOSED, CROSS, EYE, icon, LOCK, OPEN, PLUS } from "./icons.js";

/** Okabe and Ito's colours, which people who are colour-blind tell apart, then more. */
const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#a6761d", "#7570b3", "#66a61e"];
let editing = -1, shown = -1;

/** @param {import("../store.js").Label[]} labels */
const keep = (labels) => attempt(async () => {
  const { labels: kept } = await send("/project/labels", { labels }, "PUT");
  update({ labels: kept, label: kept.some((/** @type {import("../store.js").Label} */ one) => one.value === state.label) || state.label === 0 ? state.label : kept[0]?.value ?? 1 });
});
/** @param {number[]} list @param {number} value */
const toggled = (list, value) => (list.includes(value) ? list.filter((one) => one !== value) : [...list, value]);
/** @param {number} value @param {Partial<import("../store.js").Label>} change */
const changed = (value, change) => keep(state.labels.map((one) => (one.value === value ? { ...one, ...change } : one)));

export function addLabel() {
  const value = Math.max(0, ...state.labels.map((one) => one.value)) + 1;
  const color = COLOURS.find((c) => !state.labels.some((one) => one.color.toLowerCase() === c)) ?? COLOURS[value % COLOURS.length];
  editing = value;
  update({ label: value, labelBefore: state.label });
  keep([...state.labels, { value, name: `label ${value}`, color }]);
}

/** @param {string} on @param {string} off @param {boolean} is @param {string} what @param {() => void} onclick */
const small = (on, off, is, what, onclick) => el("button", { className: "small", title: what, "aria-label": what, "aria-pressed": is, onclick }, icon(is ? on : off));

/** @param {import("../store.js").Label} one @param {number} at */
function row(one, at) {
  const colour = el("input", { type: "color", value: one.color, title: "Colour", "aria-label": `Colour of ${one.name}`, onchange: () => changed(one.value, { color: colour.value }) });
  const name = editing === one.value
    ? el("input", { value: one.name, maxLength: 80, "aria-label": `Name of ${one.name}`, onblur: () => { editing = -1; const to = name.value.trim(); if (to && to !== one.name) changed(one.value, { name: to }); else { by("labels").dataset.key = ""; update(); } }, onkeydown: (/** @type {KeyboardEvent} */ e) => { if (e.key === "Enter") name.blur(); } })
    : el("button", { className: "name", title: `Draw with ${one.name} (${at < 9 ? at + 1 : "click"}); double click renames`, onclick: () => chooseLabel(one.value), ondblclick: () => { editing = one.value; by("labels").dataset.key = ""; update(); } }, el("small", {}, String(one.value)), one.name);
  if (editing === one.value) setTimeout(() => { if (document.activeElement !== name && editing === one.value) { name.focus(); name.select(); } });
  const [off, fixed] = [state.hidden.includes(one.value), state.protected.includes(one.value)];
  return el("div", { className: "label", "aria-current": one.value === state.label }, colour, name,
    small(CLOSED, EYE, off, off ? `Show ${one.name}` : `Hide ${one.name}`, () => update({ hidden: toggled(state.hidden, one.value) })),
    small(LOCK, OPEN, fixed, fixed ? `Unlock ${one.name}` : `Lock ${one.name}`, () => update({ protected: toggled(state.protected, one.value) })),
    el("button", { className: "small", title: `Remove ${one.name} from the table; what is drawn stays`, "aria-label": `Remove ${one.name}`, onclick: () => keep(state.labels.filter((other) => other.value !== one.value)) }, icon(CROSS)));
}

export function drawLabels() {
  const before = by("labels").scrollTop;
  redraw(by("labels"), [state.labels, state.label, state.hidden, state.protected, editing], () => [
    ...state.labels.map(row),
    el("div", { className: "label", "aria-current": state.label === 0 }, el("span", { className: "nothing" }), el("button", { className: "name", title: "Background (0): what is drawn is taken away, scribbles mark the background", onclick: () => chooseLabel(0) }, el("small", {}, "0"), "background")),
  ]);
  if (shown !== state.label) { shown = state.label; by("labels").querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" }); } else by("labels").scrollTop = before;
}
export const bindLabels = () => { by("add-label").onclick = addLabel; by("add-label").append(icon(PLUS)); };
