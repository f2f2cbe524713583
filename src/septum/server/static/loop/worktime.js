// @ts-check
/** Time of work per case: seconds in which a hand moved, told to the server now and then. */
import { state, update } from "../store.js";
import { client, send } from "../transport.js";

const IDLE_MS = 8000, TELL_S = 12;
let last = 0, counted = 0, of = "";

export function countTime() {
  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel"]) addEventListener(kind, moved, { passive: true });
  setInterval(tell, 3000);
  addEventListener("pagehide", () => tell(true));
}

function moved() {
  const now = performance.now(), id = state.opened?.id ?? "";
  if (id !== of) { tell(true); of = id; last = now; }
  counted += Math.min(now - last, IDLE_MS) / 1000 * (now - last < IDLE_MS ? 1 : 0);
  last = now;
}

/** @param {boolean} [all] also what is little */
function tell(all = false) {
  if (!of || counted < (all === true ? 0.5 : TELL_S)) return;
  const seconds = Math.round(counted * 10) / 10, id = of;
  counted = 0;
  void send(`/cases/${id}/time`, { client, seconds })
    .then((said) => update({ cases: state.cases.map((one) => (one.id === id ? { ...one, seconds: said.seconds } : one)) }))
    .catch(() => { if (of === id) counted += seconds; });
}
