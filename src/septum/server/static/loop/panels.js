// @ts-check
/** The rooms beside drawing: one literal table, and the tabs that lead to them.
 *
 * A panel knows nothing of canvases. What it needs of the images it asks of the `Desk`, which the drawing part hands to
 * `mount`; what it needs of the server it asks by `transport.js`; live news arrives by `events.js`.
 */
import { el } from "../dom.js";
import { subscribe, update } from "../store.js";
import { listenToServer } from "./events.js";
import { measurePanel } from "./measure.js";
import { methodsPanel } from "./methods.js";
import { reviewPanel } from "./review.js";
import { trainPanel } from "./train.js";

/** What the drawing part offers to the panels.
 * @typedef {object} Desk
 * @property {(id:string, at?:{axis:number,index:number}) => Promise<void>} open opens a case, at a slice where one is given
 * @property {(preview:any) => void} propose shows a server's Preview as a ghost that Enter accepts and Escape drops
 * @property {() => void} refresh fetches the open case's facts and labels anew (they changed on the server)
 */
/** @typedef {{name:string, what:string, draw:(host:HTMLElement, desk:Desk) => void, begin?:(desk:Desk) => void, leave?:() => void, keys?:(desk:Desk) => [string,string,() => void][]}} Panel */

/** @type {Panel[]} */
export const PANELS = [trainPanel, methodsPanel, measurePanel, reviewPanel];

let shown = "";

/** Opens a panel by name; the empty name is drawing. @param {string} name */
export const show = (name) => {
  PANELS.find((panel) => panel.name === shown)?.leave?.();
  shown = name;
  update();
};

/** Rows for the table of keys. @param {Desk} desk @returns {[string,string,() => void][]} */
export const panelKeys = (desk) => PANELS.flatMap((panel) => panel.keys?.(desk) ?? []);

/** Joins the panels to the page: tabs in `tabs`, the chosen panel over the other children of `side`.
 * @param {{tabs:HTMLElement, side:HTMLElement, desk:Desk}} parts */
export function mount({ tabs, side, desk }) {
  const hosts = PANELS.map((panel) => el("section", { className: "panel", hidden: true, "aria-label": panel.name }));
  side.append(...hosts);
  const names = ["Draw", ...PANELS.map((panel) => panel.name)];
  const buttons = names.map((name, at) => el("button", { role: "tab", title: at ? PANELS[at - 1].what : "Look and draw", onclick: () => show(at ? name : "") }, name));
  tabs.setAttribute("role", "tablist");
  tabs.append(...buttons);
  subscribe(() => {
    buttons.forEach((button, at) => button.setAttribute("aria-selected", String((at ? names[at] : "") === shown)));
    side.classList.toggle("in-panel", shown !== "");
    document.body.classList.toggle("wide", shown !== "");
    PANELS.forEach((panel, at) => {
      hosts[at].hidden = panel.name !== shown;
      if (panel.name === shown) panel.draw(hosts[at], desk);
    });
  });
  for (const panel of PANELS) panel.begin?.(desk);
  listenToServer(desk);
}
