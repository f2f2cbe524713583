// @ts-check
/** How a hand moves for each tool. Tools of the server are told by what they need, so that a new one works here by itself. */
import { state } from "../store.js";

/** @typedef {"look"|"window"|"ruler"|"paint"|"lasso"|"corners"|"once"|"wire"|"scribble"|"prompt"|"drag"|"click"|"none"} Gesture */
/** @type {Record<string, Gesture>} */
const BY_HAND = { look: "look", window: "window", ruler: "ruler", brush: "paint", eraser: "paint", lasso: "lasso", scissors: "lasso", polygon: "corners", fill: "once", picker: "once", "live-wire": "wire" };

/** Networks that answer prompts without being trained here. */
export const PROMPTERS = ["medsam-lite"];

/** Tools of the server that the toolbar has under its own names. */
export const OWN = ["paint", "erase", "polygon", "fill", "scissors"];

/** @param {string} name @returns {Gesture} */
export function gestureOf(name) {
  if (name in BY_HAND) return BY_HAND[name];
  const tool = state.tools.find((one) => one.name === name);
  if (!tool) return "none";
  if (tool.needs.includes("seeds")) return "scribble";
  if (tool.needs.includes("model")) return "prompt";
  if (tool.options.some((option) => option.name === "radius_mm")) return "drag";
  return tool.given.includes("points") ? "click" : "none";
}

/** @param {string} name */
export const usesRadius = (name) => ["paint", "drag", "scribble"].includes(gestureOf(name));
/** @param {string} name */
export const isServerTool = (name) => !(name in BY_HAND) || name === "live-wire";
