// @ts-check
/** Pictures of tools and switches, as lines on a grid of 24: no font and no file has to be there. */

/** Tools of the hand: name, word, key, path of the picture on a grid of 24. @type {[string,string,string,string][]} */
export const HAND = [
  ["look", "Look", "L", "M12 3v6M12 15v6M3 12h6M15 12h6M12 11.5v1"],
  ["window", "Window", "W", "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16"],
  ["ruler", "Ruler", "D", "M4 16L16 4l4 4L8 20zM8 12l2 2M11 9l2 2M14 6l2 2"],
  ["brush", "Brush", "B", "M19 4c-5 2-9 6-10 9l2 2c3-1 7-5 8-11zM8 14c-3 0-2 4-5 5 4 2 7 0 7-3z"],
  ["eraser", "Eraser", "E", "M9 20l-5-5L14 5l6 6-9 9zM8 11l6 6M9 20h11"],
  ["lasso", "Lasso", "A", "M12 4c5 0 8 2.500 8 5.500S17 15 12 15 4 12.500 4 9.500 7 4 12 4zM8 14c-2 2 1 3 0 6"],
  ["polygon", "Polygon", "P", "M5 8l8-4 7 7-5 9-9-3zM5 8h.1M13 4h.1M20 11h.1"],
  ["scissors", "Scissors", "X", "M7 5a2 2 0 1 0 .1 0M7 15a2 2 0 1 0 .1 0M9 8l11 9M9 16l11-9"],
  ["fill", "Fill", "G", "M11 4l8 8-7 7-7-7 7-7M5 12h13M20 16c1 2 1.500 3 0 4-1.500-1-1-2 0-4z"],
  ["picker", "Pick", "I", "M14 6l4 4M12 8l4 4-8 8H4v-4zM16 4c2-1 5 2 4 4l-3 3-4-4z"],
];
/** Pictures of tools that the server has; another one gets a star. @type {Record<string,string>} */
export const PICTURES = {
  "live-wire": "M5 19c0-6 5-3 6-8s5-3 8-7M5 19h.1M11 11h.1M19 4h.1", "magic-wand": "M4 20L14 10M16 3v4M14 5h4M19 9v3M17.500 10.500h3M10 4v2M9 5h2",
  "level-tracing": "M4 14c3-8 13-8 16 0M7 17c2-5 8-5 10 0M10 19c1-2 3-2 4 0", "grow-cut": "M12 12m-3 0a3 3 0 1 0 6 0 3 3 0 1 0-6 0M12 3v3M12 18v3M3 12h3M18 12h3",
  "random-walker": "M4 18l4-4-2-3 5-2 2 4 4-3-1-5 4-1", "graph-cut": "M4 6h6v12H4M20 6h-6v12h6M12 3v18", "adaptive-brush": "M12 12m-7 0a7 7 0 1 0 14 0 7 7 0 1 0-14 0M9 12l2 2 4-4",
  "threshold-brush": "M12 12m-7 0a7 7 0 1 0 14 0 7 7 0 1 0-14 0M5 12h14M7 16h10", "pixel-classifier": "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  "fill-between-slices": "M5 5h14M5 19h14M8 9l4 3 4-3M8 15l4-3 4 3", prompted: "M12 4l2 5 5 1-4 4 1 6-4-3-5 3 1-6-4-4 6-1z",
};
export const STAR = "M12 4v16M4 12h16M6.500 6.500l11 11M17.500 6.500l-11 11";

/** A line drawing on a grid of 24. @param {string} path */
export function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24"); svg.setAttribute("class", "icon"); svg.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export const EYE = "M2 12c4-8 16-8 20 0-4 8-16 8-20 0zM12 12m-3 0a3 3 0 1 0 6 0 3 3 0 1 0-6 0", CLOSED = "M2 12c4 6 16 6 20 0M5 15l-2 3M12 17v3M19 15l2 3";
export const LOCK = "M6 11h12v9H6zM8 11V7a4 4 0 0 1 8 0v4", OPEN = "M6 11h12v9H6zM8 11V7a4 4 0 0 1 7.500-2", CROSS = "M7 7l10 10M17 7L7 17", PLUS = "M12 5v14M5 12h14";
export const BALL = "M12 4a8 8 0 1 0 .1 0M4 12c4 3 12 3 16 0";
