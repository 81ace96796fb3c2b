// The points of the photo: a photo is a grid, so the picture, its depth and the camera are all there is to store.

import { BufferAttribute, BufferGeometry, Points, ShaderMaterial } from "three";
import { type Ground, heightAbove } from "./ground";
import type { Model } from "./model";

/**
 * Tangent of the angle between what is seen and the ray's normal, beyond which a place lies on an edge: a network smears
 * depth there. The ground is seen as flatly, far away; where it is known, everything else is cut earlier.
 */
const STEEP = 5;
const STEEPEST = 14;
const ON_GROUND = 0.05;
/** Largest factor by which a point grows where what is seen is slanted. */
const MOST_SPREAD = 2.6;

export class Cloud {
  readonly points: Points<BufferGeometry, ShaderMaterial>;
  /** Position of each shown point, and its place in the grid. */
  positions = new Float32Array(0);
  index = new Uint32Array(0);
  private readonly colours: Uint8ClampedArray;

  constructor(
    private readonly model: Model,
    private readonly ground: () => Ground | null,
    photo: HTMLImageElement,
  ) {
    this.colours = pixelsOf(photo, model.width, model.height);
    const material = new ShaderMaterial({
      uniforms: { cell: { value: 0 }, pixels: { value: 1 }, grow: { value: 1 } },
      vertexShader: `
        attribute vec3 tint;
        attribute float spread;
        varying vec3 shade;
        uniform float cell;
        uniform float pixels;
        uniform float grow;
        void main() {
          shade = tint;
          vec4 place = modelViewMatrix * vec4(position, 1.0);
          gl_Position = projectionMatrix * place;
          // A point covers its grid cell at its own distance from the camera of the photo.
          gl_PointSize = clamp(1.3 * grow * spread * cell * -position.z * pixels / -place.z, 1.0, 24.0);
        }`,
      fragmentShader: `
        varying vec3 shade;
        void main() { gl_FragColor = vec4(shade, 1.0); }`,
    });
    this.points = new Points(new BufferGeometry(), material);
    this.points.frustumCulled = false;
    this.fill();
  }

  /** Make the points again, for another focal length. */
  fill(): void {
    const { model } = this;
    const { width, height, depth } = model;
    const ground = this.ground();
    const { fx: focal } = model.answer.camera;
    const cell = model.payload.photo.width / width / focal;
    // A floor 1.2 m below the camera is seen at this angle at its far end.
    const flat = Math.min(Math.max(model.range()[2] / 1.2, STEEP), STEEPEST);
    const jump = (ground ? STEEP : flat) * cell;
    const lies = (at: number) => {
      if (!ground) return false;
      const point = model.point(...model.pixelOf(at), depth[at]!);
      return Math.abs(heightAbove(ground, point)) < ON_GROUND * point[2];
    };
    const ordered: number[] = [];
    for (let at = 0; at < depth.length; at++)
      if (Number.isFinite(depth[at]!) && (!(this.jumpAt(at) > jump) || lies(at))) ordered.push(at);
    const kept = shuffled(ordered);
    const positions = new Float32Array(kept.length * 3);
    const tints = new Uint8Array(kept.length * 3);
    const spreads = new Float32Array(kept.length);
    kept.forEach((at, k) => {
      const [x, y, z] = model.point(...model.pixelOf(at), depth[at]!);
      positions.set([x, -y, -z], k * 3);
      tints.set(this.colours.subarray(at * 4, at * 4 + 3), k * 3);
      spreads[k] = Math.min(Math.hypot(1, this.jumpAt(at) / cell), MOST_SPREAD);
    });
    this.positions = positions;
    this.index = Uint32Array.from(kept);
    const { geometry, material } = this.points;
    geometry.setAttribute("position", new BufferAttribute(positions, 3));
    geometry.setAttribute("spread", new BufferAttribute(spreads, 1));
    geometry.setAttribute("tint", new BufferAttribute(tints, 3, true));
    const { fx, fy } = model.answer.camera;
    const { photo } = model.payload;
    material.uniforms.cell!.value = Math.max(photo.width / width / fx, photo.height / height / fy);
  }

  /** Draw a share of the points, so much larger that they cover the same. */
  show(share: number): void {
    this.points.geometry.setDrawRange(0, Math.ceil(this.index.length * share));
    this.points.material.uniforms.grow!.value = 1 / Math.sqrt(share);
  }

  /** The largest difference of log depth to a neighbour. */
  private jumpAt(at: number): number {
    const { width, depth } = this.model;
    const column = at % width;
    const here = depth[at]!;
    const apart = (other: number) => {
      const there = depth[other];
      return there !== undefined && Number.isFinite(there) ? Math.abs(Math.log(there / here)) : 0;
    };
    return Math.max(
      column > 0 ? apart(at - 1) : 0,
      column < width - 1 ? apart(at + 1) : 0,
      apart(at - width),
      apart(at + width),
    );
  }
}

/** The same in an order of which every beginning is spread over the whole. */
function shuffled(kept: number[]): number[] {
  const count = kept.length;
  let stride = Math.round(count * 0.6180339887);
  while (stride > 1 && common(stride, count) > 1) stride--;
  return kept.map((_, k) => kept[(k * stride) % count]!);
}

function common(a: number, b: number): number {
  return b ? common(b, a % b) : a;
}

function pixelsOf(photo: HTMLImageElement, width: number, height: number): Uint8ClampedArray {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.imageSmoothingQuality = "high";
  context.drawImage(photo, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}
