// @ts-check
/** What was done, by name, and buttons that take it back. */
import { by, el, redraw } from "../dom.js";
import { clearSlice, copySlice, history, undoSlice } from "../draw/edits.js";
import { state } from "../store.js";

export function drawHistory() {
  const undo = state.opened?.undo ?? [], redo = state.opened?.redo ?? [];
  by("undo").disabled = !undo.length; by("redo").disabled = !redo.length;
  by("undo").title = undo.length ? `Undo ${undo.at(-1)} (Ctrl+Z)` : "Nothing to undo";
  by("redo").title = redo.length ? `Do ${redo.at(-1)} again (Ctrl+Y)` : "Nothing to do again";
  redraw(by("history"), [undo.slice(-12), redo.slice(-3), state.opened?.ndim], () => [
    el("div", { className: "row" }, el("button", { title: "Only the last edit on this slice (Shift+Z)", onclick: undoSlice }, "Undo on this slice"), el("button", { title: "Take all labels of this slice away", onclick: clearSlice }, "Clear slice"),
      ...(state.opened?.ndim === 3 ? [el("button", { title: "Copy this slice's labels to the next one (C)", onclick: () => copySlice(1) }, "Copy to next")] : [])),
    el("ol", { className: "steps" }, ...redo.slice(-3).map((name) => el("li", { className: "undone" }, name)), ...undo.slice(-12).reverse().map((name, k) => el("li", { "aria-current": k === 0 }, name))),
  ]);
}
export function bindHistory() {
  by("undo").onclick = () => history("undo");
  by("redo").onclick = () => history("redo");
}
