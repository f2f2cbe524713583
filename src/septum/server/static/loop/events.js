// @ts-check
/** News from the server: one stream for the page, put into the store or handed to those who asked. */
import { state, update } from "../store.js";
import { client, get } from "../transport.js";

/** @type {Map<string, Set<(data:any) => void>>} */
const waiting = new Map();

/** Hears one kind of news: `job`, `queue`, `predicted`, `lease` … @param {string} kind @param {(data:any) => void} act */
export function hear(kind, act) {
  if (!waiting.has(kind)) waiting.set(kind, new Set());
  waiting.get(kind)?.add(act);
}

/** The list of cases as the server has it now. */
export const fetchCases = async () => update({ cases: (await get("/cases")).cases });

/** @param {import("./panels.js").Desk} desk */
export function listenToServer(desk) {
  const stream = new EventSource(`/api/events?client=${client}`);
  const kinds = ["case", "labels", "project", "job", "queue", "predicted", "lease", "reload", "hello"];
  for (const kind of kinds) {
    stream.addEventListener(kind, (event) => {
      const data = JSON.parse(event.data);
      common(kind, data, desk);
      for (const act of waiting.get(kind) ?? []) act(data);
    });
  }
  addEventListener("pagehide", () => stream.close());
}

/** What everybody must know, whichever panel is open. @param {string} kind @param {any} data @param {import("./panels.js").Desk} desk */
function common(kind, data, desk) {
  const quietly = (/** @type {Promise<any>} */ work) => void work.catch((error) => update({ message: error.message }));
  if (kind === "case") update({ cases: state.cases.map((one) => (one.id === data.id ? data : one)) });
  if (kind === "project") update({ labels: data.labels });
  if (kind === "labels" && data.client !== client && data.case === state.opened?.id) desk.refresh();
  if (kind === "reload" || kind === "queue" || kind === "predicted" || kind === "lease") quietly(fetchCases());
  if (kind === "reload" || (kind === "predicted" && data.case === state.opened?.id)) desk.refresh();
}
