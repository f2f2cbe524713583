// @ts-check
/** Which tool is in hand. */
import { attempt, state, update } from "../store.js";
import { get } from "../transport.js";
import { begin, gesture } from "./gesture.js";
import { gestureOf } from "./kinds.js";
import { ask, drop } from "./smart.js";

/** Takes another tool: what the one before had in hand is let go; marks stay between tools that grow from them. @param {string} name */
export function choose(name) {
  if (name === state.tool) return;
  const keeps = gestureOf(name) === "scribble" && gestureOf(state.tool) === "scribble";
  begin(null);
  gesture.ruler = [];
  if (state.preview || state.busy) drop();
  update({ tool: name, points: [], boxes: [], marks: keeps ? state.marks : [], expected: "", message: "" });
  if (gestureOf(name) === "prompt") attempt(async () => {
    const { models } = await get("/models");
    update({ models });
  });
  if (keeps && state.live && new Set(state.marks.map((m) => m.label)).size > 1) ask(name);
}

/** @param {number} value */
export function chooseLabel(value) {
  if (value !== state.label) update({ label: value, labelBefore: state.label });
}
