// @ts-check
/** Everything a person can do, by name: keys, palette and help are made from this one table. */
import { choose, chooseLabel } from "./draw/choose.js";
import { clearSlice, copySlice, history, undoSlice } from "./draw/edits.js";
import { back, cancel, finish, goToProposal } from "./draw/hand.js";
import { resize } from "./draw/pointer.js";
import { accept, ask, clearMarks } from "./draw/smart.js";
import { active, planes, turnSides } from "./look/planes.js";
import { turnSolid } from "./look/solid.js";
import { autoWindow, nextPreset } from "./look/window.js";
import { showKeys, showPalette } from "./palette.js";
import { shownCases } from "./side/cases.js";
import { HAND } from "./side/icons.js";
import { copyFrame, play, step as stepFrame, toFrame } from "./side/movie.js";
import { toggleRange } from "./side/image.js";
import { flick, nextBeside, turnHeat } from "./side/layers.js";
import { addLabel } from "./side/labels.js";
import { goToDoubt } from "./side/doubts.js";
import { serverTools, wordOf } from "./side/toolbar.js";
import { state, update } from "./store.js";

/** @typedef {import("./keys.js").Command} Command */
/** @param {string} group @param {[string,string,() => void,(() => void)?,string[]?][]} rows @returns {Command[]} */
const grouped = (group, rows) => rows.map(([key, name, act, release, also]) => ({ group, key, name, act, release, also }));

/** @param {number} by */
const turn = (by) => { const plane = active(); if (plane?.grid.volume && !state.painting) plane.go(state.position[plane.axis] + by); };
/** @param {number} by factor */
const zoom = (by) => { const plane = active(); plane?.view.zoomAt(by, plane.canvas.clientWidth / 2, plane.canvas.clientHeight / 2); update(); };
const fit = () => { for (const plane of planes.all) plane.view.fit(); update(); };
const nextStyle = () => { const styles = /** @type {("fill"|"outline"|"off")[]} */ (["fill", "outline", "off"]); update({ style: styles[(styles.indexOf(state.style) + 1) % 3] }); };
const enter = () => { if (!finish()) accept(); };

const looking = () => grouped("Look", [
  ["ArrowLeft", "Slice before (wheel)", () => turn(-1), undefined, ["ArrowDown"]], ["ArrowRight", "Slice after (wheel)", () => turn(1), undefined, ["ArrowUp"]],
  ["PageUp", "Ten slices before", () => turn(-10)], ["PageDown", "Ten slices after", () => turn(10)], ["Home", "First slice", () => turn(-1e9)], ["End", "Last slice", () => turn(1e9)],
  ["+", "Zoom in (Ctrl+wheel)", () => zoom(1.25), undefined, ["="]], ["-", "Zoom out", () => zoom(0.8)], ["F", "Fit all planes", fit],
  ["Z", "One plane or three", () => active()?.enlarge()],
  ["R", "Window: automatic", autoWindow], ["Shift+W", "Window: next preset", nextPreset], ["Shift+I", "Invert the image", () => update({ invert: !state.invert })],
  ["H", "Hide labels while held", () => update({ veiled: true }), () => update({ veiled: false })], ["O", "Labels filled, outlined, off", nextStyle],
  ["K", "Compare with the other layer while held", () => flick(true), () => flick(false)],
  ["Shift+H", "Heat map on or off", turnHeat], ["Shift+K", "Beside it: nothing, the image alone, each layer and map", nextBeside],
  ["Shift+3", "3-D view of the labels", turnSolid], ["Shift+S", "Sides: radiological or neurological", turnSides],
  ["Shift+N", "Next doubtful object, worst first", () => goToDoubt(1)], ["Shift+M", "Doubtful object before", () => goToDoubt(-1)],
  ["", "Mark doubtful objects or not", () => update({ doubting: !state.doubting })],
  ["Shift+X", "Crosshair on or off", () => update({ crosshair: !state.crosshair })],
]);
const movie = () => grouped("Movie", [
  [",", "Frame before", () => stepFrame(-1), undefined, ["<"]], [".", "Frame after", () => stepFrame(1), undefined, [">"]],
  ["Shift+Home", "First frame", () => toFrame(0)], ["Shift+End", "Last frame", () => toFrame(1e9)],
  ["Shift+P", "Play or stop the movie", play], ["Shift+F", "Copy labels to the next frame", copyFrame],
]);
const drawing = () => grouped("Draw", [
  ["[", "Smaller brush (Shift+wheel)", () => resize(1 / 1.15)], ["]", "Larger brush", () => resize(1.15)], ["Shift+B", "Brush in 3-D on or off", () => update({ ball: !state.ball })],
  ["Enter", "Accept the proposal, close the outline", enter], ["Escape", "Let go: drop the proposal, the outline, the stroke", cancel], ["Backspace", "Take the last corner or mark back", back],
  ["V", "Fill between slices", () => ask("fill-between-slices")], ["Shift+V", "Go to where the proposal changes most", goToProposal], ["Space", "Pan while held", () => undefined],
  ["", "Preview of the tool in hand", () => ask()], ["Shift+Backspace", "Clear all marks", clearMarks],
  ["Ctrl+Z", "Undo", () => history("undo")], ["Ctrl+Y", "Redo", () => history("redo"), undefined, ["Ctrl+Shift+Z"]], ["Shift+Z", "Undo on this slice only", undoSlice],
  ["C", "Copy this slice to the next", () => copySlice(1)], ["Shift+D", "Copy this slice to the one before", () => copySlice(-1)], ["Delete", "Clear this slice", clearSlice],
  ["Shift+O", "Overwrite: all or background only", () => update({ overwrite: state.overwrite === "all" ? "none" : "all" })], ["T", "Editable range on or off", toggleRange],
]);
const labelling = () => grouped("Labels", [
  ...Array.from({ length: 9 }, (_, i) => /** @type {[string,string,() => void]} */ ([String(i + 1), `Label ${i + 1}`, () => { const label = state.labels[i]; if (label) chooseLabel(label.value); }])),
  ["0", "Background", () => chooseLabel(0)], ["Tab", "The label before", () => chooseLabel(state.labelBefore || (state.labels[0]?.value ?? 1))], ["", "Add a label", addLabel],
]);

/** @param {{open:(id:string) => void, save:() => void,takeOver:() => void}} page @param {[string,string,() => void][]} rooms keys of the panels */
export function commandTable(page, rooms) {
  const step = (/** @type {number} */ by) => { const shown = shownCases(), at = shown.findIndex((c) => c.id === state.opened?.id), next = shown[at + by]; if (next) page.open(next.id); };
  const hand = HAND.map(([name, word, key]) => ({ group: "Tools", key, name: word, act: () => choose(name) }));
  const smart = serverTools().map((tool) => ({ group: "Tools", key: { "live-wire": "Q", "magic-wand": "U", "grow-cut": "S" }[tool.name] ?? "", name: wordOf(tool.name), act: () => choose(tool.name) }));
  return [
    ...hand, ...smart, ...looking(), ...movie(), ...drawing(), ...labelling(),
    ...grouped("Page", [["Ctrl+S", "Keep a version", page.save], ["Ctrl+K", "Find a command", showPalette, undefined, ["/"]], ["?", "All keys", showKeys], ["Shift+C", "Show or hide the cases", () => document.body.classList.toggle("no-cases")],
      ["", "Take this case over from somebody who went away", page.takeOver], ["Shift+PageUp", "Case before", () => step(-1)], ["Shift+PageDown", "Case after", () => step(1)]]),
    ...grouped("Loop", rooms),
  ];
}
