// @ts-check
/** The 3-D view of the labels: fetched a moment after they changed, turned by hand, linked to the crosshair. */
import { by, el, redraw } from "../dom.js";
import { state, update } from "../store.js";
import { bytes } from "../transport.js";
import { colourIn, colourKey, lookUp } from "./colours.js";
import { millimetres } from "./geometry.js";
import { wordOfLayer } from "./layers.js";
import { label } from "./text.js";
import { Surfaces, turnOf, unpack } from "./webgl.js";

/** The plane's number that stands for this view where one is shown alone. */
export const ALONE = 3;
const SOON_MS = 600, REST = { yaw: -25, pitch: 12, zoom: 1 };
const AXES = /** @type {[string, number[]][]} */ ([["R", [1, 0, 0]], ["L", [-1, 0, 0]], ["A", [0, 1, 0]], ["P", [0, -1, 0]], ["S", [0, 0, 1]], ["I", [0, 0, -1]]]);

class Solid {
  /** @param {HTMLElement} host */
  constructor(host) {
    this.pose = { ...REST, pan: [0, 0] };
    this.layer = "current"; this.fetched = ""; this.painted = ""; this.timer = 0; this.said = "";
    this.picture = el("canvas", { className: "pixels", "aria-hidden": "true" });
    this.over = /** @type {HTMLCanvasElement} */ (el("canvas", { tabIndex: 0, role: "img", "aria-label": "3-D view of the labels; arrows turn it, plus and minus zoom, Home puts it back", className: "turns" }));
    this.pick = el("select", { className: "which", title: "Whose labels are shown", "aria-label": "Layer of the 3-D view", onchange: () => { this.layer = this.pick.value; update(); } });
    this.note = el("p", { className: "note", role: "status" });
    const close = el("button", { className: "large", title: "Take it away (Shift+3)", "aria-label": "Close the 3-D view", onclick: () => update({ solid: false, single: state.single === ALONE ? -1 : state.single }) }, "✕");
    this.figure = el("figure", { className: "solid" }, this.picture, this.over, this.note, this.pick, close);
    this.surfaces = Surfaces.on(this.picture);
    host.append(this.figure);
    this.listen();
  }

  listen() {
    const { over, pose } = this;
    let from = /** @type {number[]|null} */ (null), pans = false;
    over.onpointerdown = (event) => { over.setPointerCapture(event.pointerId); over.focus({ preventScroll: true }); from = [event.offsetX, event.offsetY]; pans = event.button !== 0 || event.shiftKey; };
    over.onpointermove = (event) => {
      if (!from) return;
      const dx = event.offsetX - from[0], dy = event.offsetY - from[1];
      from = [event.offsetX, event.offsetY];
      if (pans) { pose.pan[0] += dx / over.clientWidth; pose.pan[1] += dy / over.clientHeight; } else this.turn(dx * 0.5, dy * 0.5);
      update();
    };
    over.onpointerup = over.onpointercancel = () => { from = null; };
    over.oncontextmenu = (event) => event.preventDefault();
    over.ondblclick = () => update({ single: state.single === ALONE ? -1 : ALONE });
    over.onwheel = (event) => { event.preventDefault(); this.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15); update(); };
    over.onkeydown = (event) => {
      const acts = /** @type {Record<string, () => void>} */ ({ ArrowLeft: () => this.turn(-10, 0), ArrowRight: () => this.turn(10, 0), ArrowUp: () => this.turn(0, -10), ArrowDown: () => this.turn(0, 10), "+": () => this.zoom(1.2), "=": () => this.zoom(1.2), "-": () => this.zoom(1 / 1.2), Home: () => Object.assign(pose, { ...REST, pan: [0, 0] }) });
      const act = event.ctrlKey || event.altKey || event.metaKey ? undefined : acts[event.key];
      if (!act) return;
      event.preventDefault(); event.stopPropagation();
      act();
      update();
    };
  }

  /** @param {number} yaw @param {number} pitch degrees */
  turn(yaw, pitch) { this.pose.yaw = (this.pose.yaw + yaw) % 360; this.pose.pitch = Math.max(-90, Math.min(90, this.pose.pitch + pitch)); }
  /** @param {number} by */
  zoom(by) { this.pose.zoom = Math.max(0.2, Math.min(20, this.pose.zoom * by)); }

  /** Asks for the surfaces a moment after the last change, so that a stroke is not held up. */
  load() {
    const { opened } = state;
    if (!opened || !this.surfaces || state.painting) return;
    const key = JSON.stringify([opened.id, this.layer, opened.epoch, this.layer === "current" ? opened.revision : 0]);
    if (key === this.fetched) return;
    const first = this.fetched === "";
    this.fetched = key;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.fetch(key, opened.id), first ? 0 : SOON_MS);
  }

  /** @param {string} key @param {string} id */
  async fetch(key, id) {
    try {
      const mesh = unpack(await bytes(`/cases/${id}/surfaces?layer=${encodeURIComponent(this.layer)}`));
      if (key !== this.fetched || !this.surfaces) return;
      this.surfaces.take(mesh);
      this.said = mesh.surfaces.length ? "" : "Nothing is labelled yet";
      this.over.dataset.surfaces = String(mesh.surfaces.length);
    } catch (error) { this.said = error instanceof Error ? error.message : String(error); }
    this.painted = "";
    update();
  }

  draw() {
    const names = ["current", ...state.layers.map((one) => one.name)];
    if (!names.includes(this.layer)) this.layer = "current";
    redraw(this.pick, names, () => names.map((name) => el("option", { value: name }, wordOfLayer(name))));
    this.pick.value = this.layer;
    this.note.textContent = this.surfaces ? this.said : "This browser offers no WebGL, so labels cannot be shown in 3-D here; everything else works without it.";
    this.load();
    const { over, picture } = this, dpr = devicePixelRatio, w = Math.round(over.clientWidth * dpr), h = Math.round(over.clientHeight * dpr);
    if (!w || !h || !this.surfaces) return;
    const key = JSON.stringify([w, h, this.pose, state.position, state.veiled, state.crosshair, colourKey()]);
    if (key === this.painted) return;
    this.painted = key;
    for (const one of [over, picture]) if (one.width !== w || one.height !== h) { one.width = w; one.height = h; }
    const table = lookUp();
    this.surfaces.draw(this.pose, (value) => { const c = colourIn(table, value); return c < 0 || state.veiled ? null : [c & 255, (c >> 8) & 255, (c >> 16) & 255].map((v) => v / 255); });
    this.mark(/** @type {CanvasRenderingContext2D} */ (over.getContext("2d")), dpr);
  }

  /** The crosshair's place, and which way the patient lies. @param {CanvasRenderingContext2D} ctx @param {number} dpr */
  mark(ctx, dpr) {
    const { over, surfaces, pose } = this, w = over.clientWidth, h = over.clientHeight, rows = turnOf(pose);
    if (!surfaces) return;
    ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
    ctx.clearRect(0, 0, w, h);
    const seen = (/** @type {number[]} */ v) => rows.map((row) => row.reduce((sum, n, k) => sum + n * v[k], 0));
    if (state.crosshair && surfaces.parts.length) {
      const [x, y] = seen(millimetres(state.position).map((v, k) => v - surfaces.middle[k])), scale = surfaces.scale(pose) / dpr, at = [w * (0.5 + pose.pan[0]) + x * scale, h * (0.5 + pose.pan[1]) - y * scale];
      ctx.strokeStyle = "#56b4e9"; ctx.lineWidth = 1.5; ctx.beginPath(); ctx.arc(at[0], at[1], 5, 0, 7); ctx.moveTo(at[0] - 9, at[1]); ctx.lineTo(at[0] + 9, at[1]); ctx.moveTo(at[0], at[1] - 9); ctx.lineTo(at[0], at[1] + 9); ctx.stroke();
    }
    const reach = 24, x0 = 44, y0 = h - 40;
    for (const [letter, way] of AXES) {
      const [x, y, z] = seen(way);
      if (z < -0.35) continue; // the far ends would cover the near ones
      ctx.strokeStyle = "#9aa4b2"; ctx.lineWidth = 1; ctx.beginPath(); ctx.moveTo(x0, y0); ctx.lineTo(x0 + x * reach, y0 - y * reach); ctx.stroke();
      label(ctx, letter, x0 + x * (reach + 8), y0 - y * (reach + 8) + 4);
    }
    label(ctx, "3-D", 10, 17, "left");
  }
}

let solid = /** @type {Solid|null} */ (null);
/** Makes, draws or takes away the view. @param {boolean} seen */
export function drawSolid(seen) {
  const wanted = seen && state.opened?.ndim === 3;
  if (!wanted) { solid?.figure.remove(); solid?.surfaces?.forget(); solid = null; return; }
  if (!solid || !solid.figure.isConnected) { solid?.surfaces?.forget(); solid = new Solid(by("planes")); }
  solid.draw();
}
export function turnSolid() {
  if (state.opened?.ndim !== 3) { update({ message: "A plane has no 3-D view: open a volume" }); return; }
  update({ solid: !state.solid, single: state.single === ALONE ? -1 : state.single });
}
