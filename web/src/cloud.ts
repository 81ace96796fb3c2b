// The points of the photo: a photo is a grid, so the picture, its depth and the camera are all there is to store.

import { BufferAttribute, BufferGeometry, Points, ShaderMaterial } from "three";
import type { Model } from "./model";

/** Jump of log depth to a neighbour, beyond which a place lies on an edge: a network smears depth there. */
const EDGE = 0.07;

export class Cloud {
  readonly points: Points<BufferGeometry, ShaderMaterial>;
  /** Position of each shown point, and its place in the grid. */
  positions = new Float32Array(0);
  index = new Uint32Array(0);
  private readonly colours: Uint8ClampedArray;

  constructor(
    private readonly model: Model,
    photo: HTMLImageElement,
  ) {
    this.colours = pixelsOf(photo, model.width, model.height);
    const material = new ShaderMaterial({
      uniforms: { cell: { value: 0 }, pixels: { value: 1 } },
      vertexShader: `
        attribute vec3 tint;
        varying vec3 shade;
        uniform float cell;
        uniform float pixels;
        void main() {
          shade = tint;
          vec4 place = modelViewMatrix * vec4(position, 1.0);
          gl_Position = projectionMatrix * place;
          // A point covers its grid cell at its own distance from the camera of the photo.
          gl_PointSize = clamp(1.35 * cell * -position.z * pixels / -place.z, 1.0, 24.0);
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
    const kept: number[] = [];
    for (let at = 0; at < depth.length; at++) if (Number.isFinite(depth[at]!) && !this.onEdge(at)) kept.push(at);
    const positions = new Float32Array(kept.length * 3);
    const tints = new Uint8Array(kept.length * 3);
    kept.forEach((at, k) => {
      const [x, y, z] = model.point(...model.pixelOf(at), depth[at]!);
      positions.set([x, -y, -z], k * 3);
      tints.set(this.colours.subarray(at * 4, at * 4 + 3), k * 3);
    });
    this.positions = positions;
    this.index = Uint32Array.from(kept);
    const { geometry, material } = this.points;
    geometry.setAttribute("position", new BufferAttribute(positions, 3));
    geometry.setAttribute("tint", new BufferAttribute(tints, 3, true));
    const { fx, fy } = model.answer.camera;
    const { photo } = model.payload;
    material.uniforms.cell!.value = Math.max(photo.width / width / fx, photo.height / height / fy);
  }

  private onEdge(at: number): boolean {
    const { width, depth } = this.model;
    const column = at % width;
    const here = depth[at]!;
    const apart = (other: number) => {
      const there = depth[other];
      return there !== undefined && Number.isFinite(there) ? Math.abs(Math.log(there / here)) : 0;
    };
    return (
      (column > 0 && apart(at - 1) > EDGE) ||
      (column < width - 1 && apart(at + 1) > EDGE) ||
      apart(at - width) > EDGE ||
      apart(at + width) > EDGE
    );
  }
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
