// @ts-check
/** Words over pixels, and lengths as people read them. */
import { state } from "../store.js";

/** Text that is read on any ground. @param {CanvasRenderingContext2D} ctx @param {string} text @param {number} x @param {number} y @param {CanvasTextAlign} [align] */
export function label(ctx, text, x, y, align = "center") {
  ctx.font = "600 12px system-ui"; ctx.textAlign = align;
  ctx.lineWidth = 3; ctx.strokeStyle = "#000b"; ctx.strokeText(text, x, y);
  ctx.fillStyle = "#dfe5ec"; ctx.fillText(text, x, y);
}

/** A sentence beside a place, on a ground of its own, broken into lines and kept within the canvas. @param {CanvasRenderingContext2D} ctx @param {string} text @param {number} x @param {number} y */
export function note(ctx, text, x, y) {
  ctx.font = "13px system-ui"; ctx.textAlign = "left";
  const wide = ctx.canvas.clientWidth, tall = ctx.canvas.clientHeight, most = Math.min(300, wide - 24);
  const lines = text.split(" ").reduce((/** @type {string[]} */ found, word) => {
    const last = found[found.length - 1];
    if (last !== undefined && ctx.measureText(`${last} ${word}`).width <= most) found[found.length - 1] = `${last} ${word}`;
    else found.push(word);
    return found;
  }, []);
  const w = Math.max(...lines.map((one) => ctx.measureText(one).width)) + 16, h = 18 * lines.length + 10;
  const left = Math.max(4, Math.min(x + 16, wide - w - 4)), top = y + 16 + h > tall ? Math.max(4, y - h - 12) : y + 16;
  ctx.fillStyle = "#10151be8"; ctx.strokeStyle = "#f0e442"; ctx.lineWidth = 1;
  ctx.beginPath(); ctx.rect(left, top, w, h); ctx.fill(); ctx.stroke();
  ctx.fillStyle = "#f4f6f8";
  lines.forEach((one, at) => ctx.fillText(one, left + 8, top + 18 * (at + 1)));
}

/** A length as people read it. Lengths of an image without a spacing are pixels. @param {number} mm */
export function words(mm) {
  const { opened } = state, plain = opened?.ndim === 2 && opened.axes.every((axis) => axis.mm === 1);
  if (plain) return `${Number(mm.toPrecision(3))} px`;
  if (mm >= 100) return `${Number((mm / 10).toPrecision(3))} cm`;
  return mm < 0.5 ? `${Number((mm * 1000).toPrecision(3))} µm` : `${Number(mm.toPrecision(3))} mm`;
}
