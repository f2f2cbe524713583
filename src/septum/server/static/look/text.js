// @ts-check
/** Words over pixels, and lengths as people read them. */
import { state } from "../store.js";

/** Text that is read on any ground. @param {CanvasRenderingContext2D} ctx @param {string} text @param {number} x @param {number} y @param {CanvasTextAlign} [align] */
export function label(ctx, text, x, y, align = "center") {
  ctx.font = "600 12px system-ui"; ctx.textAlign = align;
  ctx.lineWidth = 3; ctx.strokeStyle = "#000b"; ctx.strokeText(text, x, y);
  ctx.fillStyle = "#dfe5ec"; ctx.fillText(text, x, y);
}

/** A length as people read it. Lengths of an image without a spacing are pixels. @param {number} mm */
export function words(mm) {
  const { opened } = state, plain = opened?.ndim === 2 && opened.axes.every((axis) => axis.mm === 1);
  if (plain) return `${Number(mm.toPrecision(3))} px`;
  if (mm >= 100) return `${Number((mm / 10).toPrecision(3))} cm`;
  return mm < 0.5 ? `${Number((mm * 1000).toPrecision(3))} µm` : `${Number(mm.toPrecision(3))} mm`;
}
