// @ts-check
/** Doubtful objects of a prediction: how many, why, and the way from one to the next, worst first. */
import { by } from "../dom.js";
import { wordsOf } from "../look/doubtful.js";
import { inward } from "../look/geometry.js";
import { planes } from "../look/planes.js";
import { attempt, state, update } from "../store.js";
import { get, waiting } from "../transport.js";
import { hear } from "../loop/events.js";

const SETTLE_MS = 600;
let asked = "", timer = 0, counted = "";

/** The doubts of the open case, as it stands; what was changed since is settled. */
const fetchDoubts = () => attempt(async () => {
  const of = state.opened;
  if (!of) return;
  const found = await get(`/cases/${of.id}/doubts`);
  if (state.opened?.id !== of.id) return;
  const chosen = state.doubts[state.doubt]?.id;
  const doubts = found.objects.map((/** @type {import("../store.js").Doubt} */ one) => ({ ...one, ...inward(one) }));
  counted = found.counted;
  update({ doubts, doubt: doubts.findIndex((/** @type {{id:number}} */ one) => one.id === chosen) });
});

/** Goes to a doubtful object: 1 for the next, -1 for the one before; after the last comes the first. @param {number} step */
export function goToDoubt(step) {
  const { doubts } = state;
  if (!doubts.length) { update({ message: "No object of this image is doubted" }); return; }
  const at = state.doubt < 0 && step < 0 ? doubts.length - 1 : (state.doubt + step + doubts.length) % doubts.length;
  const { start, stop } = doubts[at], middle = start.map((v, a) => (v + stop[a]) / 2);
  update({ doubt: at, doubting: true, position: middle.map((v) => Math.floor(v)) });
  for (const plane of planes.all) { plane.view.centre(plane.place(middle), Math.max(...stop.map((v, a) => v - start[a]))); plane.source.load(); }
}

export function bindDoubts() {
  by("doubt-next").onclick = () => goToDoubt(1);
  by("doubt-before").onclick = () => goToDoubt(-1);
  by("doubting").onchange = () => update({ doubting: by("doubting").checked });
  for (const kind of ["predicted", "reload", "case"]) hear(kind, () => { asked = ""; update(); });
}

export function drawDoubts() {
  const { opened, doubts, doubt } = state;
  // What a person changed is asked for again once the strokes are there.
  const wish = opened ? `${opened.id}/${opened.revision}` : "";
  if (wish !== asked && !waiting()) {
    const same = asked.split("/")[0] === opened?.id;
    asked = wish;
    clearTimeout(timer);
    if (!same && doubts.length) update({ doubts: [], doubt: -1 });
    timer = setTimeout(fetchDoubts, same ? SETTLE_MS : 0);
  }
  by("doubts").hidden = !counted && !doubts.length;
  by("doubts-count").textContent = doubts.length ? String(doubts.length) : "";
  by("doubts-counted").textContent = counted;
  by("doubting").checked = state.doubting;
  for (const name of ["doubt-next", "doubt-before"]) by(name).disabled = !doubts.length;
  const chosen = doubts[doubt];
  const said = chosen ? `${doubt + 1} of ${doubts.length}: ${wordsOf(chosen)}` : "";
  if (by("doubt-said").textContent !== said) by("doubt-said").textContent = said;
}
