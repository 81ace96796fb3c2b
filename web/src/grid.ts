// Depth of a picture on a grid, under one answer: where its relative depth lies in metres, and how sure that is.

import { unpackFloats } from "./decode";
import type { AnswerRow, Curve, LandmarkAt } from "./payload";
import { interpolate } from "./quantiles";

export interface Posterior {
  ratio: Float64Array;
  logScale: Float64Array;
  weight: Float32Array;
}

export interface Camera {
  fx: number;
  fy: number;
  cx: number;
  cy: number;
}

/** Everything that changes with the focal length. */
export interface Answer {
  factor: number;
  given: boolean;
  scale: number;
  shift: number;
  limit: number;
  reach: number;
  level80: [number, number] | null;
  level95: [number, number] | null;
  curve: Curve | null;
  errors: { shared: number; shape: number; focal: number };
  widths: number;
  landmarks: LandmarkAt[];
  posterior: Posterior;
  camera: Camera;
}

const EDGE = 0.1;

/** What a payload has for it. */
export interface GridPayload {
  photo: { name: string; width: number; height: number };
  space: "disparity" | "depth";
  camera: Camera;
  lengths: [number, number, number, number][];
  answer: AnswerRow;
}

export abstract class Grid<P extends GridPayload = GridPayload> {
  abstract answer: Answer;
  /** Depth of the grid under the answer: NaN where there is none. */
  readonly depth: Float32Array;
  protected readonly listeners: (() => void)[] = [];

  constructor(
    readonly payload: P,
    readonly width: number,
    readonly height: number,
    /** Relative depth of the grid: NaN where the picture has none, infinite at infinity. */
    protected values: Float64Array,
    protected readonly posteriors: Posterior[],
  ) {
    this.depth = new Float32Array(width * height);
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Metres of a relative depth; infinite or NaN where there are none. */
  metres(value: number): number {
    const metric = this.answer.scale * value + this.answer.shift;
    if (this.payload.space === "disparity") return metric > 0 ? 1 / metric : Infinity;
    return metric > 0 ? metric : NaN;
  }

  /** One-sigma of log depth at a relative depth. */
  logSigma(value: number): number {
    const { curve } = this.answer;
    return curve ? interpolate(value, curve.values, curve.log_sigma) : NaN;
  }

  /** Grid index of a pixel of the photo. */
  indexAt(x: number, y: number): number {
    const column = Math.round(((x + 0.5) * this.width) / this.payload.photo.width - 0.5);
    const row = Math.round(((y + 0.5) * this.height) / this.payload.photo.height - 0.5);
    return clamp(row, this.height) * this.width + clamp(column, this.width);
  }

  /** Pixel of the photo at the middle of a grid cell. */
  pixelOf(index: number): [number, number] {
    const column = index % this.width;
    const row = (index - column) / this.width;
    return [
      ((column + 0.5) * this.payload.photo.width) / this.width - 0.5,
      ((row + 0.5) * this.payload.photo.height) / this.height - 0.5,
    ];
  }

  valueOf(index: number): number {
    return this.values[index]!;
  }

  /** Relative depth at a pixel: between the four places around it, or across an edge that of the nearest. */
  valueAt(x: number, y: number): number {
    const u = ((x + 0.5) * this.width) / this.payload.photo.width - 0.5;
    const v = ((y + 0.5) * this.height) / this.payload.photo.height - 0.5;
    const nearest = this.values[this.indexAt(x, y)]!;
    const column = clamp(Math.floor(u), this.width - 1);
    const row = clamp(Math.floor(v), this.height - 1);
    if (this.width < 2 || this.height < 2) return nearest;
    const at = row * this.width + column;
    const four = [at, at + 1, at + this.width, at + this.width + 1].map((one) => this.values[one]!);
    const depths = four.map((one) => this.metres(one));
    if (!four.every(Number.isFinite) || !(Math.max(...depths) <= Math.min(...depths) * (1 + EDGE))) return nearest;
    const right = Math.min(Math.max(u - column, 0), 1);
    const down = Math.min(Math.max(v - row, 0), 1);
    const top = four[0]! * (1 - right) + four[1]! * right;
    const bottom = four[2]! * (1 - right) + four[3]! * right;
    return top * (1 - down) + bottom * down;
  }

  /** Why a grid cell has no depth. */
  missing(index: number): "sky" | "beyond" | null {
    if (Number.isFinite(this.depth[index]!)) return null;
    return Number.isNaN(this.values[index]!) ? "sky" : "beyond";
  }

  /** The point in metres behind a pixel: x right, y down, z forward. */
  point(x: number, y: number, depth: number): [number, number, number] {
    const { fx, fy, cx, cy } = this.answer.camera;
    return [((x - cx) / fx) * depth, ((y - cy) / fy) * depth, depth];
  }

  protected fill(): void {
    const { limit } = this.answer;
    for (let at = 0; at < this.depth.length; at++) {
      const value = this.values[at]!;
      const metres = Number.isFinite(value) ? this.metres(value) : NaN;
      this.depth[at] = metres <= limit ? metres : NaN;
    }
  }

  protected own(): Answer {
    const row = this.payload.answer;
    return {
      ...this.common(row),
      factor: 1,
      given: false,
      scale: row.scale,
      shift: row.shift,
      posterior: this.posteriors[0]!,
      camera: this.payload.camera,
    };
  }

  protected common(row: AnswerRow): Omit<Answer, "factor" | "given" | "scale" | "shift" | "posterior" | "camera"> {
    return {
      limit: row.limit_m ?? Infinity,
      reach: row.reach_m ?? Infinity,
      level80: row.level_80,
      level95: row.level_95,
      curve: row.curve,
      errors: row.errors,
      widths: row.widths,
      landmarks: row.landmarks,
    };
  }
}

/** Relative depth of a grid of log depth. */
export function relativeOf(payload: GridPayload, logs: Float64Array): Float64Array {
  const { scale, shift } = payload.answer;
  const disparity = payload.space === "disparity";
  return logs.map((one) => (Number.isFinite(one) ? (Math.exp(disparity ? -one : one) - shift) / scale : one));
}

/** Posteriors, of which each has all ratios, then all log scales, then all weights. */
export async function readPosteriors(packed: { counts: number[]; data: string }): Promise<Posterior[]> {
  const floats = await unpackFloats(packed.data);
  const posteriors: Posterior[] = [];
  let start = 0;
  for (const count of packed.counts) {
    posteriors.push({
      ratio: Float64Array.from(floats.subarray(start, start + count)),
      logScale: Float64Array.from(floats.subarray(start + count, start + 2 * count)),
      weight: floats.slice(start + 2 * count, start + 3 * count),
    });
    start += 3 * count;
  }
  return posteriors;
}

function clamp(index: number, count: number): number {
  return Math.min(Math.max(index, 0), count - 1);
}
