// @ts-check
/** The line at the foot of the page: where the cursor is, what is there, and what the keys do now. */
import { by } from "../dom.js";
import { nameOf } from "../draw/rules.js";
import { gestureOf } from "../draw/kinds.js";
import { doubtAt, wordsOf } from "../look/doubtful.js";
import { millimetres, within } from "../look/geometry.js";
import { state } from "../store.js";
import { waiting } from "../transport.js";

const HINTS = /** @type {Record<string,string>} */ ({
  look: "Drag moves the crosshair · double click enlarges", window: "Drag: right wider, up brighter", ruler: "Drag measures",
  paint: "Right button or Alt erases · [ ] or Shift+wheel size · Space pans", lasso: "Draw round it · right button erases", corners: "Click corners · Enter closes · Backspace takes back",
  once: "Click", wire: "Click along the edge · Enter closes · Backspace takes back", scribble: "Mark labels and background (right button or 0) · Enter accepts · Esc drops",
  prompt: "Box, click or scribble the object; right button: not it · Enter accepts", drag: "Paint: the tool decides what is like it", click: "Click · Enter accepts · Esc drops", none: "Preview shows what would change",
});

/** Says what lies under the cursor of a plane. @param {import("../look/plane.js").Plane} plane */
export function say(plane) {
  const { cursor } = plane;
  if (!cursor || !state.opened) return;
  const place = plane.voxel(cursor), found = plane.source.at(cursor[0], cursor[1]);
  if (!found || !within(place, plane.grid)) { by("where").textContent = ""; return; }
  const at = plane.grid.volume ? place : place.slice(1), mm = millimetres(place);
  const value = found.values.map((v) => (Number.isInteger(v) ? v : Number(v.toPrecision(4)))).join(" ");
  const world = plane.grid.volume ? ` · (${mm.map((v) => v.toFixed(1)).join(", ")}) mm` : "";
  const doubted = doubtAt(plane, cursor);
  by("where").textContent = `${doubted ? `doubtful: ${wordsOf(doubted)} · ` : ""}[${at.join(", ")}]${world} · ${value} · ${nameOf(found.label)}${found.heat === null ? "" : ` · ${found.heat.toFixed(2)}`}`;
}

export function drawStatus() {
  by("project").textContent = state.project; by("notice").textContent = state.notice;
  by("message").textContent = state.message || state.busy;
  by("saved").textContent = state.saved;
  by("saved").dataset.state = state.lost ? "lost" : waiting() ? "sending" : "saved";
  const hint = state.preview ? "Enter accepts · Esc drops the proposal" : HINTS[gestureOf(state.tool)] ?? "";
  by("hint").textContent = hint;
}
