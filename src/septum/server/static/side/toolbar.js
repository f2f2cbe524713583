// @ts-check
/** The toolbar: tools with a picture, a name and a key; those of the server stand below those of the hand. */
import { by, el, redraw } from "../dom.js";
import { OWN } from "../draw/kinds.js";
import { choose } from "../draw/choose.js";
import { state, update } from "../store.js";
import { BALL, HAND, icon, PICTURES, STAR } from "./icons.js";

/** @param {string} name @param {string} word @param {string} key @param {string} path @param {string} what */
function button(name, word, key, path, what) {
  return el("button", { className: "tool", title: `${what}${key ? ` (${key})` : ""}`, "aria-label": word, "data-tool": name, "aria-pressed": state.tool === name, onclick: () => choose(name) }, icon(path), el("span", {}, word));
}
/** Tools of the server in an order people look for: marks first, then edits. */
export function serverTools() {
  const order = ["live-wire", "level-tracing", "magic-wand", "adaptive-brush", "threshold-brush", "grow-cut", "random-walker", "graph-cut", "geodesic", "pixel-classifier", "prompted"];
  const rank = (/** @type {string} */ name) => (order.includes(name) ? order.indexOf(name) : order.length);
  return state.tools.filter((one) => !OWN.includes(one.name) && (!state.opened || (one.dimensions.includes(state.opened.ndim) && (state.opened.ndim === 3 || one.name !== "fill-between-slices")))).sort((a, b) => rank(a.name) - rank(b.name));
}
/** @param {string} name */
export const wordOf = (name) => { const word = name.replaceAll("-", " "); return word[0].toUpperCase() + word.slice(1); };

export function drawToolbar() {
  redraw(by("tools"), [state.tool, state.ball, state.opened?.ndim, state.tools.map((one) => one.name)], () => {
    const hand = HAND.map(([name, word, key, path]) => button(name, word, key, path, word));
    const ball = el("button", { className: "tool", title: "Brush in 3-D: a ball (Shift+B)", "aria-label": "3-D brush", "aria-pressed": state.ball, onclick: () => update({ ball: !state.ball }) }, icon(BALL), el("span", {}, "Ball"));
    hand.splice(5, 0, ...(state.opened?.ndim === 3 ? [ball] : []));
    const wide = (/** @type {string} */ stage) => serverTools().filter((one) => (one.stage === "edit") === (stage === "edit")).map((one) => {
      const made = button(one.name, wordOf(one.name), "", PICTURES[one.name] ?? STAR, one.what);
      made.classList.add("wide");
      return made;
    });
    return [...hand, el("h2", {}, "Smart"), ...wide("tool"), el("h2", {}, "Edit"), ...wide("edit")];
  });
}
