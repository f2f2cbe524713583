// @ts-check
/** Small charts as SVG: lines that share an axis, and dots that can be clicked. Numbers in, an element out. */
const SVG = "http://www.w3.org/2000/svg";
const W = 340, H = 150, LEFT = 34, RIGHT = 10, TOP = 10, BOTTOM = 28;

/** @param {string} tag @param {Record<string, any>} props @param {string} [text] @returns {any} */
export function svg(tag, props, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) made.setAttribute(name, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** @typedef {{x:number, y:number}} Place */
/** @typedef {{name:string, className:string, points:Place[], dots?:boolean}} Series */

/** Values at which an axis is labelled: few, round, within the range. @param {number} low @param {number} high */
export function ticks(low, high, wanted = 4) {
  const raw = (high - low) / wanted || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? raw;
  const found = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-6; v += step) found.push(Number(v.toPrecision(12)));
  return found;
}

/** Lines over a common axis; `y` runs over `range`.
 * @param {{title:string, x:string, y:string, series:Series[], range:[number,number], empty?:string}} what */
export function lineChart({ title, x, y, series, range, empty = "Nothing yet" }) {
  const { root, across, up } = frame(title, x, y, series.flatMap((one) => one.points.map((p) => p.x)), range);
  if (!series.some((one) => one.points.length)) root.append(svg("text", { x: W / 2, y: H / 2, class: "hint" }, empty));
  series.forEach((one, at) => {
    const places = one.points.map((p) => `${across(p.x).toFixed(1)},${up(p.y).toFixed(1)}`);
    root.append(svg("polyline", { points: places.join(" "), class: `line ${one.className}` }));
    if (one.dots || one.points.length === 1) for (const p of one.points) root.append(svg("circle", { cx: across(p.x), cy: up(p.y), r: 3.5, class: `dot ${one.className}` }));
    if (series.length > 1) root.append(svg("text", { x: W - RIGHT, y: TOP + 10 + 13 * at, class: `legend ${one.className}` }, one.name));
  });
  return root;
}

/** Dots in rows of groups, each a button. @param {{title:string, x:string, dots:{x:number, group:string, name:string, act:() => void}[]}} what */
export function dotChart({ title, x, dots }) {
  const groups = [...new Set(dots.map((one) => one.group))];
  const { root, across } = frame(title, x, "", [0, 1], [0, Math.max(1, groups.length)], false);
  const row = (H - TOP - BOTTOM) / Math.max(1, groups.length);
  groups.forEach((group, g) => {
    const middle = TOP + row * (g + 0.5);
    root.append(svg("text", { x: LEFT + 4, y: middle - row / 2 + 12, class: "hint start" }, group));
    const placed = /** @type {number[]} */ ([]);
    for (const one of dots.filter((d) => d.group === group).sort((a, b) => a.x - b.x)) {
      const cx = across(one.x), crowd = placed.filter((p) => Math.abs(p - cx) < 7).length;
      placed.push(cx);
      const shift = (crowd % 2 ? 1 : -1) * Math.ceil(crowd / 2) * 7;
      const dot = svg("circle", { cx, cy: middle + Math.max(-row / 2 + 5, Math.min(row / 2 - 5, shift)), r: 4.5, class: "dot pick", tabindex: 0, role: "button", "aria-label": one.name });
      dot.append(svg("title", {}, one.name));
      dot.onclick = one.act;
      dot.onkeydown = (/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter") { event.stopPropagation(); one.act(); } };
      root.append(dot);
    }
  });
  return root;
}

/** Axes, their labels, and the maps from values to places. @param {string} title @param {string} x @param {string} y
 * @param {number[]} xs @param {[number,number]} range @param {boolean} [rows] label the upward axis */
function frame(title, x, y, xs, range, rows = true) {
  const root = svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "chart", role: "img", "aria-label": title });
  const low = xs.length ? Math.min(0, ...xs) : 0, high = Math.max(low + 1e-9, xs.length ? Math.max(...xs) : 1);
  const across = (/** @type {number} */ v) => LEFT + ((v - low) / (high - low)) * (W - LEFT - RIGHT);
  const up = (/** @type {number} */ v) => H - BOTTOM - ((Math.max(range[0], Math.min(range[1], v)) - range[0]) / (range[1] - range[0])) * (H - TOP - BOTTOM);
  for (const v of rows ? ticks(...range) : []) {
    root.append(svg("line", { x1: LEFT, x2: W - RIGHT, y1: up(v), y2: up(v), class: "grid" }), svg("text", { x: LEFT - 4, y: up(v) + 4, class: "tick end" }, String(v)));
  }
  for (const v of ticks(low, high)) root.append(svg("text", { x: across(v), y: H - BOTTOM + 13, class: "tick" }, String(v)));
  root.append(svg("line", { x1: LEFT, x2: W - RIGHT, y1: H - BOTTOM, y2: H - BOTTOM, class: "axis" }));
  root.append(svg("text", { x: (LEFT + W - RIGHT) / 2, y: H - 3, class: "tick" }, x));
  if (y) root.append(svg("text", { x: -(TOP + H - BOTTOM) / 2, y: 9, transform: "rotate(-90)", class: "tick" }, y));
  return { root, across, up };
}
