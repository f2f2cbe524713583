// @ts-check
/** The slider of a movie: frames with their status, steps, play and stop, labels copied to the next frame. */
import { by } from "../dom.js";
import { answered } from "../draw/edits.js";
import { rulesFor } from "../draw/rules.js";
import { fetchAround, frames, hasCome } from "../look/frames.js";
import { attempt, state, update } from "../store.js";
import { client, idle, queue, sequence } from "../transport.js";

const FRAME_MS = 200;
let open = /** @type {(id:string) => Promise<void>} */ (async () => undefined);
/** The frame that is on its way, by id. */
let wanted = "", moving = false, timer = 0, marked = "", around = "";

/** @param {string|undefined} id */
const placeOf = (id) => frames().findIndex((one) => one.id === id);
export const playing = () => timer !== 0;

/** Goes to a frame; while one is on its way only the newest wish is remembered. @param {number} index */
function go(index) {
  const all = frames(), to = all[Math.max(0, Math.min(all.length - 1, index))];
  if (!to) { update({ message: "This case is no frame of a movie" }); return; }
  if (state.painting) return;
  wanted = to.id;
  update();
  if (!moving) attempt(move);
}

async function move() {
  moving = true;
  try {
    while (wanted && wanted !== state.opened?.id) {
      const to = wanted, from = placeOf(state.opened?.id);
      await open(to);
      if (state.opened?.id !== to) break; // a stroke was begun meanwhile, and comes first
      fetchAround(placeOf(to), placeOf(to) < from ? -1 : 1);
    }
  } catch (error) {
    stop();
    throw error;
  } finally {
    moving = false; wanted = "";
    update();
  }
}

/** Steps from the frame that was asked for last. @param {number} by */
export const step = (by) => { stop(); go(placeOf(wanted || state.opened?.id) + by); };
/** @param {number} index */
export const toFrame = (index) => { stop(); go(index); };

/** Ends a movie that plays. */
export function stop() {
  clearInterval(timer);
  timer = 0;
  update();
}

/** Plays the movie, from the start where it stands at the end; stops one that plays. */
export function play() {
  if (playing()) { stop(); return; }
  const all = frames(), at = placeOf(state.opened?.id);
  if (at === all.length - 1) go(0);
  if (all.length) timer = setInterval(tick, FRAME_MS);
  update();
}

/** The next frame, where its picture has come; the frames play no faster than they come. */
function tick() {
  if (moving) return;
  const all = frames(), at = placeOf(state.opened?.id), next = all[at + 1];
  if (!next) stop();
  else if (hasCome(next.id)) go(at + 1);
  else fetchAround(at, 1);
}

/** Copies the labels of this frame to where the next one has none, and goes there. */
export const copyFrame = () => attempt(async () => {
  const from = state.opened, at = placeOf(from?.id), next = frames()[at + 1];
  if (!from || !next) { update({ message: "There is no frame after this one" }); return; }
  if (state.painting || moving) return;
  stop();
  await idle();
  await open(next.id);
  if (state.opened?.id !== next.id) return;
  if (state.locked) { update({ message: state.locked }); return; }
  update({ saved: "Sending…" });
  queue({ case: next.id, path: "copy-frame", body: { client, sequence: sequence(), from: from.id, rules: rulesFor(state.label) } }, (answer, of) => {
    answered(answer, of);
    if (!answer || of !== state.opened?.id) return;
    const count = (/** @type {number} */ n) => `${n.toLocaleString("en")} ${n === 1 ? "pixel" : "pixels"}`;
    update({ message: `Copied ${count(answer.changed)} to frame ${at + 2}${answer.kept ? `; ${count(answer.kept)} stay as they were drawn there` : ""}` });
  });
});

export function drawMovie() {
  const all = frames(), at = placeOf(wanted || state.opened?.id);
  by("movie").hidden = all.length < 2;
  if (all.length < 2) { if (playing()) stop(); return; }
  const slider = by("frame"), text = `frame ${at + 1} of ${all.length}`;
  slider.max = all.length - 1; slider.value = at;
  slider.setAttribute("aria-valuetext", `${text}, ${all[at]?.status}`);
  by("frame-said").textContent = text;
  by("frame-before").disabled = at <= 0; by("frame-after").disabled = by("copy-frame").disabled = at >= all.length - 1;
  by("play").textContent = playing() ? "❚❚" : "▶";
  by("play").setAttribute("aria-pressed", String(playing()));
  drawStatuses(all.map((one) => one.status));
  if (!moving && around !== state.opened?.id) { around = state.opened?.id ?? ""; fetchAround(at); }
}

/** A mark for each frame in the colour that its status has in the list. @param {string[]} statuses */
function drawStatuses(statuses) {
  const strip = by("frames"), wide = strip.clientWidth, key = JSON.stringify([statuses, wide, document.documentElement.className]);
  if (key === marked || !wide) return;
  marked = key;
  const dpr = devicePixelRatio, n = statuses.length, thumb = 8, room = wide - 2 * thumb, gap = room / n > 5 ? 1 : 0, style = getComputedStyle(document.documentElement);
  strip.width = Math.round(wide * dpr); strip.height = Math.round(8 * dpr);
  const ctx = /** @type {CanvasRenderingContext2D} */ (strip.getContext("2d"));
  ctx.scale(dpr, dpr);
  statuses.forEach((status, k) => {
    const pace = room / Math.max(1, n - 1), middle = thumb + k * pace, half = Math.max(0.5, Math.min(pace / 2, thumb) - gap / 2);
    ctx.fillStyle = style.getPropertyValue(`--mark-${status}`);
    ctx.fillRect(middle - half, 0, 2 * half, 8);
  });
}

/** @param {(id:string) => Promise<void>} opens */
export function bindMovie(opens) {
  open = opens;
  by("frame").oninput = () => toFrame(Number(by("frame").value));
  by("frame-before").onclick = () => step(-1);
  by("frame-after").onclick = () => step(1);
  by("play").onclick = play;
  by("copy-frame").onclick = copyFrame;
  // A hand on the image ends the movie, before the first pixel of its stroke.
  by("planes").addEventListener("pointerdown", () => { if (playing()) { stop(); wanted = ""; } }, { capture: true });
}
