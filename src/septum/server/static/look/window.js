// @ts-check
/** Window and level: which values are black and which white, per channel. */
import { state, update } from "../store.js";

/** Windows of CT in Hounsfield units, centre and width. */
export const PRESETS = /** @type {[string, number, number][]} */ ([
  ["Soft tissue", 40, 400], ["Lung", -600, 1500], ["Bone", 400, 1800], ["Brain", 40, 80], ["Liver", 70, 150], ["Mediastinum", 50, 350],
]);
const TINTS = ["#ffffff", "#00ff66", "#ff3df2", "#ffd000", "#3da5ff", "#ff5a36", "#8cff00", "#b48cff"];

/** The channels of a case as they are shown at first. @param {import("../store.js").Opened} opened */
export function channelsOf(opened) {
  const facts = opened.rgb ? [{ name: "colour", low: 0, high: 255, window: [0, 255] }] : opened.channels;
  return facts.map(({ name, low, high, window: [a, b] }, k) => ({
    name, low, high, auto: [a, b], centre: (a + b) / 2, width: Math.max(1e-6, b - a), colour: TINTS[facts.length === 1 ? 0 : 1 + (k % (TINTS.length - 1))], on: k === 0,
  }));
}

/** The channels of the next frame of a movie, with the windows and colours that are set. @param {import("../store.js").Opened} opened */
export const channelsAsShown = (opened) => channelsOf(opened).map((one, k) => {
  const now = state.channels[k];
  return now?.name === one.name ? { ...one, centre: now.centre, width: now.width, colour: now.colour, on: now.on } : one;
});

/** @param {number} centre @param {number} width @param {number} [which] */
export function setWindow(centre, width, which = state.channel) {
  update({ channels: state.channels.map((c, k) => (k === which ? { ...c, centre, width: Math.max((c.high - c.low) / 5000 || 1e-6, width) } : c)) });
}

/** A drag: to the right wider, up brighter. @param {number} dx @param {number} dy */
export function turnWindow(dx, dy) {
  const c = state.channels[state.channel], whole = Math.max(c.auto[1] - c.auto[0], c.width);
  setWindow(c.centre + (dy * whole) / 400, c.width + (dx * whole) / 400);
}
export function autoWindow() {
  const { auto: [a, b] } = state.channels[state.channel];
  setWindow((a + b) / 2, b - a);
}
/** The next preset of CT after the one that is set. */
export function nextPreset() {
  const c = state.channels[state.channel];
  if (state.opened?.modality !== "ct") { autoWindow(); return; }
  const at = PRESETS.findIndex(([, centre, width]) => centre === c.centre && width === c.width);
  const [name, centre, width] = PRESETS[(at + 1) % PRESETS.length];
  setWindow(centre, width);
  update({ message: `Window: ${name}` });
}
