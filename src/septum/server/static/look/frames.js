// @ts-check
/** The movie that the open case is a frame of: its frames in order, and those around it fetched ahead. */
import { state } from "../store.js";
import { get } from "../transport.js";
import { gridOf } from "./geometry.js";
import { Slices } from "./slices.js";

/** @typedef {import("../store.js").Opened} Opened */
/** @typedef {{opened:Opened,sources:Slices[]}} Fetched */
/** Frames fetched ahead in the direction of the last step, then against it; frames that are kept; requests at a time. */
const AHEAD = [1, 2, 3, 4, -1, -2], KEPT = 12, AT_ONCE = 2;
/** What was fetched, or null while it comes; a frame that could not be fetched says why when it is opened.
 * @type {Map<string, Fetched|"failed"|null>} */
const ahead = new Map();
let busy = 0, direction = 1;

/** The frames of the movie that the open case belongs to, in order; none where it belongs to none. */
export function frames() {
  const movie = state.opened?.movie?.movie;
  return movie ? state.cases.filter((one) => one.movie?.movie === movie).sort((a, b) => (a.movie?.frame ?? 0) - (b.movie?.frame ?? 0)) : [];
}

/** Whether a case is another frame of the movie that is open. @param {string} id */
export const isSister = (id) => id !== state.opened?.id && frames().some((one) => one.id === id);
/** Whether two frames can be shown in the same planes. @param {Opened} a @param {Opened} b */
export const isAlike = (a, b) => JSON.stringify([a.ndim, a.axes, a.tiled, a.rgb]) === JSON.stringify([b.ndim, b.axes, b.tiled, b.rgb]);

/** Whether a frame can be shown at once. @param {string} id */
export const hasCome = (id) => Boolean(ahead.get(id));
/** Forgets what was fetched of a case, or of all: it changed on the server. @param {string} [id] */
export const forgetAhead = (id) => { if (id) ahead.delete(id); else ahead.clear(); };

/** A case: as it was fetched ahead, or fetched now. @param {string} id @returns {Promise<Fetched>} */
export async function takeFrame(id) {
  const found = ahead.get(id);
  ahead.delete(id);
  return found && found !== "failed" ? found : { opened: await get(`/cases/${id}`), sources: [] };
}

/** Fetches the frames around one, so that the next step finds them here. @param {number} at @param {number} [towards] 1 or -1, where the last step went */
export function fetchAround(at, towards = direction) {
  direction = towards;
  const all = frames(), wished = AHEAD.flatMap((k) => all[at + k * direction]?.id ?? []);
  for (const id of wished) if (busy < AT_ONCE && !ahead.has(id)) void fetchOne(id).then(() => fetchAround(all.findIndex((one) => one.id === state.opened?.id)));
  for (const [id, found] of ahead) if (ahead.size > KEPT && found && !wished.includes(id)) ahead.delete(id);
}

/** @param {string} id */
async function fetchOne(id) {
  busy++;
  ahead.set(id, null);
  try {
    const opened = /** @type {Opened} */ (await get(`/cases/${id}`)), grid = gridOf(opened);
    // Of an image in tiles only what is seen is fetched, when it is seen.
    const sources = opened.tiled ? [] : (grid.volume ? [0, 1, 2] : [0]).map((axis) => new Slices(opened, grid, axis));
    await Promise.all(sources.map((source) => source.gather(source.wanted())));
    if (ahead.has(id)) ahead.set(id, { opened, sources });
  } catch {
    if (ahead.has(id)) ahead.set(id, "failed");
  }
  busy--;
}
