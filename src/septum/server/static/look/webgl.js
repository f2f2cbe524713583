// @ts-check
/** Draws surfaces with WebGL: buffers, two small shaders, a picture for a pose. It knows no page and no label table. */

/** @typedef {{label:number,vertices:number,triangles:number}} Part */
/** @typedef {{box:number[][],surfaces:Part[],body:ArrayBuffer,start:number}} Mesh */
/** How the surfaces are turned (degrees), how near they are, and where their middle is shown (shares of the picture).
 * @typedef {{yaw:number,pitch:number,zoom:number,pan:number[]}} Pose */

const VERTEX = `
attribute vec3 place; attribute vec3 normal;
uniform mat3 turn; uniform vec3 size; uniform vec2 scale; uniform vec2 pan; uniform float depth;
varying vec3 facing;
void main() {
  vec3 at = turn * ((place - 0.5) * size);
  facing = turn * normal;
  gl_Position = vec4(at.xy * scale + pan, -at.z / depth, 1.0);
}`;
const FRAGMENT = `
precision mediump float;
varying vec3 facing; uniform vec3 colour;
void main() {
  vec3 n = normalize(facing);
  float light = 0.28 + 0.62 * abs(dot(n, normalize(vec3(0.35, 0.45, 1.0)))) + 0.25 * pow(abs(dot(n, normalize(vec3(0.18, 0.23, 1.0)))), 24.0);
  gl_FragColor = vec4(min(colour * light, 1.0), 1.0);
}`;

/** What the server sent, without a copy: see `septum.server.meshes`. @param {ArrayBuffer} body @returns {Mesh} */
export function unpack(body) {
  const length = new DataView(body).getUint32(0, true);
  return { ...JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, length))), body, start: 4 + length };
}

/** The rows of the turn from patient to picture: right, up, towards the eye. At rest the eye is in front of the patient.
 * @param {Pose} pose @returns {number[][]} */
export function turnOf({ yaw, pitch }) {
  const [a, b] = [yaw, pitch].map((degrees) => (degrees * Math.PI) / 180), [c, s, d, t] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
  return [[-c, s, 0], [-s * t, -c * t, d], [s * d, c * d, t]];
}

export class Surfaces {
  /** @param {HTMLCanvasElement} canvas @returns {Surfaces|null} null where there is no WebGL */
  static on(canvas) {
    const gl = /** @type {WebGLRenderingContext|null} */ (canvas.getContext("webgl", { antialias: true, alpha: false, preserveDrawingBuffer: true }));
    return gl && (gl.getExtension("OES_element_index_uint") !== null) ? new Surfaces(gl) : null;
  }

  /** @param {WebGLRenderingContext} gl */
  constructor(gl) {
    this.gl = gl; this.parts = /** @type {{label:number,vertices:WebGLBuffer,normals:WebGLBuffer,triangles:WebGLBuffer,count:number}[]} */ ([]);
    this.size = [1, 1, 1]; this.middle = [0, 0, 0];
    this.program = compiled(gl);
    gl.useProgram(this.program);
    gl.enable(gl.DEPTH_TEST);
    gl.clearColor(0, 0, 0, 1);
  }

  /** @param {Mesh} mesh */
  take({ box: [low, high], surfaces, body, start }) {
    const { gl } = this;
    this.forget();
    this.size = high.map((v, k) => v - low[k]); this.middle = high.map((v, k) => (v + low[k]) / 2);
    const held = (/** @type {number} */ kind, /** @type {ArrayBufferView} */ values) => { const made = /** @type {WebGLBuffer} */ (gl.createBuffer()); gl.bindBuffer(kind, made); gl.bufferData(kind, values, gl.STATIC_DRAW); return made; };
    for (const { label, vertices: n, triangles: count } of surfaces) {
      const vertices = held(gl.ARRAY_BUFFER, new Uint16Array(body, start, 4 * n)), normals = held(gl.ARRAY_BUFFER, new Int8Array(body, start + 8 * n, 4 * n));
      const triangles = held(gl.ELEMENT_ARRAY_BUFFER, new Uint32Array(body, start + 12 * n, 3 * count));
      this.parts.push({ label, vertices, normals, triangles, count: 3 * count });
      start += 12 * (n + count);
    }
  }

  forget() { for (const { vertices, normals, triangles } of this.parts.splice(0)) for (const one of [vertices, normals, triangles]) this.gl.deleteBuffer(one); }

  /** Pixels of the picture per millimetre. @param {Pose} pose */
  scale({ zoom }) { const { drawingBufferWidth: w, drawingBufferHeight: h } = this.gl; return (0.86 * Math.min(w, h) * zoom) / Math.max(1e-6, Math.hypot(...this.size)); }

  /** @param {Pose} pose @param {(label:number) => number[]|null} colourOf red, green and blue to 1; null hides */
  draw(pose, colourOf) {
    const { gl, program, size } = this, { drawingBufferWidth: w, drawingBufferHeight: h } = gl, rows = turnOf(pose), scale = 2 * this.scale(pose);
    const at = (/** @type {string} */ name) => gl.getUniformLocation(program, name), [place, normal] = ["place", "normal"].map((name) => gl.getAttribLocation(program, name));
    gl.viewport(0, 0, w, h);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix3fv(at("turn"), false, [0, 1, 2].flatMap((k) => rows.map((row) => row[k])));
    gl.uniform3fv(at("size"), size); gl.uniform2f(at("scale"), scale / w, scale / h); gl.uniform2f(at("pan"), 2 * pose.pan[0], -2 * pose.pan[1]);
    gl.uniform1f(at("depth"), Math.max(1e-6, Math.hypot(...size)));
    gl.enableVertexAttribArray(place); gl.enableVertexAttribArray(normal);
    for (const part of this.parts) {
      const colour = colourOf(part.label);
      if (!colour) continue;
      gl.uniform3fv(at("colour"), colour);
      gl.bindBuffer(gl.ARRAY_BUFFER, part.vertices); gl.vertexAttribPointer(place, 3, gl.UNSIGNED_SHORT, true, 8, 0);
      gl.bindBuffer(gl.ARRAY_BUFFER, part.normals); gl.vertexAttribPointer(normal, 3, gl.BYTE, true, 4, 0);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, part.triangles);
      gl.drawElements(gl.TRIANGLES, part.count, gl.UNSIGNED_INT, 0);
    }
  }
}

/** @param {WebGLRenderingContext} gl */
function compiled(gl) {
  const program = /** @type {WebGLProgram} */ (gl.createProgram());
  for (const [kind, text] of /** @type {[number, string][]} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
    gl.shaderSource(shader, text); gl.compileShader(shader); gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(`The 3-D view cannot be drawn here: ${gl.getProgramInfoLog(program)}`);
  return program;
}
