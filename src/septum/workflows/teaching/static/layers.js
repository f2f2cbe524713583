"use strict";
// Pure functions with the numbers of septum.lessons; nothing here touches the page.

function outputSize(length, size, stride, padding, dilation) {
  return Math.floor((length + 2 * padding - dilation * (size - 1) - 1) / stride) + 1;
}

function padded(image, padding) {
  const width = image[0].length + 2 * padding;
  const empty = () => new Array(width).fill(0);
  const side = new Array(padding).fill(0);
  return [...side.map(empty), ...image.map((row) => [...side, ...row, ...side]), ...side.map(empty)];
}

// Every output pixel with the places (row, column) of its window in the padded image and the products under it.
function convolve(image, kernel, { stride = 1, padding = 0, dilation = 1, flip = false } = {}) {
  const w = flip ? [...kernel].reverse().map((row) => [...row].reverse()) : kernel;
  const ground = padded(image, padding);
  const rows = outputSize(image.length, w.length, stride, padding, dilation);
  const columns = outputSize(image[0].length, w[0].length, stride, padding, dilation);
  if (rows < 1 || columns < 1) return null;
  const steps = [];
  const output = Array.from({ length: rows }, (_, y) => Array.from({ length: columns }, (_, x) => {
    const places = [], pairs = [];
    w.forEach((line, i) => line.forEach((weight, j) => {
      const place = [y * stride + i * dilation, x * stride + j * dilation];
      places.push(place);
      pairs.push([ground[place[0]][place[1]], weight]);
    }));
    const value = pairs.reduce((sum, [a, b]) => sum + a * b, 0);
    steps.push({ y, x, places, pairs, value });
    return value;
  }));
  return { output, steps, ground };
}

function pool(image, { size = 2, stride = 2, kind = "max" } = {}) {
  const rows = outputSize(image.length, size, stride, 0, 1);
  const columns = outputSize(image[0].length, size, stride, 0, 1);
  if (rows < 1 || columns < 1) return null;
  const steps = [];
  const output = Array.from({ length: rows }, (_, y) => Array.from({ length: columns }, (_, x) => {
    const places = [];
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) places.push([y * stride + i, x * stride + j]);
    const values = places.map(([r, c]) => image[r][c]);
    const value = kind === "max" ? Math.max(...values) : values.reduce((a, b) => a + b, 0) / values.length;
    steps.push({ y, x, places, values, value });
    return value;
  }));
  return { output, steps };
}

// `cutStart` and `cutEnd`: rows and columns taken off the full result on each side.
function transposed(image, kernel, { stride = 2, cutStart = 0, cutEnd = 0 } = {}) {
  const k = kernel.length;
  const full = (n) => (n - 1) * stride + k;
  const rows = full(image.length) - cutStart - cutEnd, columns = full(image[0].length) - cutStart - cutEnd;
  if (rows < 1 || columns < 1) return null;
  const output = Array.from({ length: rows }, () => new Array(columns).fill(0));
  const parts = Array.from({ length: rows }, () => Array.from({ length: columns }, () => []));
  image.forEach((line, y) => line.forEach((value, x) => kernel.forEach((weights, i) => weights.forEach((weight, j) => {
    const r = y * stride + i - cutStart, c = x * stride + j - cutStart;
    if (r < 0 || c < 0 || r >= rows || c >= columns) return;
    output[r][c] += value * weight;
    parts[r][c].push({ y, x, value, weight });
  }))));
  return { output, parts };
}

// A perceptron with one hidden layer: tanh, then softmax over two classes; weights[layer][into][out].
function perceptronForward(net, point) {
  const sums = net.biases[0].map((b, h) => b + point[0] * net.weights[0][0][h] + point[1] * net.weights[0][1][h]);
  const hidden = sums.map(Math.tanh);
  const logits = net.biases[1].map((b, k) => hidden.reduce((sum, a, h) => sum + a * net.weights[1][h][k], b));
  const top = Math.max(...logits), powers = logits.map((z) => Math.exp(z - top));
  const total = powers.reduce((a, b) => a + b, 0);
  return { hidden, output: powers.map((p) => p / total) };
}

// One step of gradient descent on all samples; returns the loss before it. Changes `net`.
function perceptronStep(net, points, classes, rate) {
  const zero = (a) => (Array.isArray(a) ? a.map(zero) : 0);
  const gw = zero(net.weights), gb = zero(net.biases);
  let loss = 0;
  points.forEach((point, n) => {
    const { hidden, output } = perceptronForward(net, point);
    loss -= Math.log(Math.max(output[classes[n]], 1e-300)) / points.length;
    const error = output.map((p, k) => (p - (k === classes[n] ? 1 : 0)) / points.length);
    hidden.forEach((a, h) => {
      error.forEach((e, k) => { gw[1][h][k] += a * e; });
      const back = error.reduce((sum, e, k) => sum + e * net.weights[1][h][k], 0) * (1 - a * a);
      gb[0][h] += back;
      point.forEach((value, i) => { gw[0][i][h] += value * back; });
    });
    error.forEach((e, k) => { gb[1][k] += e; });
  });
  const move = (a, g) => a.forEach((value, i) => { if (Array.isArray(value)) move(value, g[i]); else a[i] = value - rate * g[i]; });
  move(net.weights, gw);
  move(net.biases, gb);
  return loss;
}

function overlapScores(reference, prediction) {
  let tp = 0, fp = 0, fn = 0;
  reference.forEach((row, y) => row.forEach((r, x) => {
    const p = prediction[y][x];
    if (r && p) tp++; else if (p) fp++; else if (r) fn++;
  }));
  const union = tp + fp + fn;
  return { tp, fp, fn, dice: union ? 2 * tp / (2 * tp + fp + fn) : NaN, iou: union ? tp / union : NaN, wrong: union ? 2 * tp / union : NaN };
}

if (typeof module !== "undefined") module.exports = { outputSize, convolve, pool, transposed, perceptronForward, perceptronStep, overlapScores };
