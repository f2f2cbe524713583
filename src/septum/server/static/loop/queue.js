// @ts-check
/** Cases that wait for a person, worst first, and what is decided about each: accept, mend, next. */
import { el, redraw } from "../dom.js";
import { state, update } from "../store.js";
import { client, get, send, waiting } from "../transport.js";
import { hear } from "./events.js";

/** @typedef {{case:string, rank:number, reason:string, predicted_dice:number|null, counted:string}} Waiting */
/** @typedef {import("./panels.js").Desk} Desk */
let queue = /** @type {Waiting[]} */ ([]);
let busy = false;

export async function fetchQueue() {
  queue = (await get("/queue")).queue;
  update();
}

/** @param {Desk} desk */
export function beginQueue(desk) {
  const again = () => void fetchQueue().catch((error) => update({ message: error.message }));
  for (const kind of ["queue", "predicted", "case", "reload"]) hear(kind, again);
  again();
  void desk;
}

/** One act at a time; what goes wrong is said. @param {() => Promise<void>} act */
async function once(act) {
  if (busy) return;
  busy = true;
  try {
    if (waiting()) throw new Error("Strokes are still being sent; try again in a moment");
    await act();
  } catch (error) {
    update({ message: error instanceof Error ? error.message : String(error) });
  } finally {
    busy = false;
    update();
  }
}

/** Opens a case that waits and shows the mask that was predicted. @param {Desk} desk @param {string} id */
export const visit = (desk, id) => once(() => look(desk, id));

/** @param {Desk} desk @param {string} id */
async function look(desk, id) {
  await desk.open(id);
  const facts = state.cases.find((one) => one.id === id);
  if (facts?.status !== "predicted") return;
  desk.propose(await send(`/cases/${id}/prediction`, { client }));
  update({ message: "The predicted mask: Y accepts it, M takes it over to mend it, N comes back to it later" });
}

/** @param {Desk} desk @param {"accept"|"correct"|"skip"} decision */
export const decide = (desk, decision) => once(async () => {
  const id = state.opened?.id;
  if (!id) return;
  const listed = queue.some((one) => one.case === id);
  if (decision === "skip" && !listed) { await forward(desk, queue[0]?.case ?? null); return; }
  if (decision !== "skip" && !listed) { update({ message: "This case does not wait for a decision; N goes to the next that does" }); return; }
  const { next } = await send(`/cases/${id}/decision`, { client, decision });
  await fetchQueue();
  if (decision === "correct") {
    update({ preview: null, expected: "" });
    desk.refresh();
    update({ message: "Mend it, then N goes to the next; what you draw trains the next network" });
  } else await forward(desk, next);
});

/** @param {Desk} desk @param {string|null} next */
async function forward(desk, next) {
  if (next) await look(desk, next);
  else { desk.refresh(); update({ preview: null, expected: "", message: "No case waits any more" }); }
}

/** @param {Desk} desk @returns {[string,string,() => void][]} */
export const queueKeys = (desk) => [
  ["Y", "Accept the predicted mask, go to the next", () => void decide(desk, "accept")],
  ["M", "Mend: take the predicted mask over and correct it", () => void decide(desk, "correct")],
  ["N", "Next case that waits (skip this one)", () => void decide(desk, "skip")],
  ["J", "Jump to the case that would help most", () => { if (queue[0]) void visit(desk, queue[0].case); }],
];

/** @param {HTMLElement} host @param {Desk} desk */
export function drawQueue(host, desk) {
  const names = new Map(state.cases.map((one) => [one.id, one.name]));
  redraw(host, [queue, state.opened?.id, names.size], () => {
    const here = queue.some((one) => one.case === state.opened?.id);
    const act = (/** @type {string} */ name, /** @type {"accept"|"correct"|"skip"} */ decision, /** @type {string} */ key, /** @type {boolean} */ off) =>
      el("button", { disabled: off, title: `${name} (${key})`, onclick: () => void decide(desk, decision) }, `${name} `, el("kbd", {}, key));
    const head = el("div", { className: "row" }, act("Accept", "accept", "Y", !here), act("Mend", "correct", "M", !here), act("Next", "skip", "N", !queue.length));
    const rows = queue.slice(0, 200).map((one) => {
      const dice = one.counted ? "" : one.predicted_dice === null ? "no mask yet" : `Dice ${one.predicted_dice.toFixed(2)} expected`;
      const button = el("button", { className: "case", onclick: () => void visit(desk, one.case) },
        el("b", {}, String(one.rank)), el("span", {}, names.get(one.case) ?? one.case, ...(dice ? [el("small", {}, dice)] : []), el("small", {}, one.reason)));
      button.setAttribute("aria-pressed", String(one.case === state.opened?.id));
      return button;
    });
    const said = queue.length ? `${queue.length} ${queue.length === 1 ? "case waits" : "cases wait"}, the one that would help most first` : "No case waits: all are annotated";
    return [head, el("p", { className: "hint" }, said), el("div", { className: "list" }, ...rows)];
  });
}
