// The answer at a focal length, and the depth of every place of the photo under it.

import { type Body, readBodies } from "./bodies";
import { logDepth, unpack, unpackFloats } from "./decode";
import type { AnswerRow, Curve, LandmarkAt, Payload } from "./payload";
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

export class Model {
  answer: Answer;
  /** Depth of the grid under the answer: NaN where there is none. */
  readonly depth: Float32Array;
  /** Relative depth of the grid: NaN where the photo has none, infinite at infinity. */
  private readonly values: Float64Array;
  private readonly listeners: (() => void)[] = [];

  private constructor(
    readonly payload: Payload,
    base: Float64Array,
    private readonly posteriors: Posterior[],
    /** Of each landmark, where it is a person who was measured. */
    readonly bodies: (Body | null)[],
  ) {
    const { scale, shift } = payload.answer;
    const disparity = payload.space === "disparity";
    this.values = base.map((one) =>
      Number.isFinite(one) ? (Math.exp(disparity ? -one : one) - shift) / scale : one,
    );
    this.depth = new Float32Array(base.length);
    this.answer = this.own();
    this.fill();
  }

  static async read(payload: Payload): Promise<Model> {
    const [bytes, floats, bodies] = await Promise.all([
      unpack(payload.depth.data),
      unpackFloats(payload.posteriors.data),
      readBodies(payload.landmarks),
    ]);
    const posteriors: Posterior[] = [];
    let start = 0;
    for (const count of payload.posteriors.counts) {
      posteriors.push({
        ratio: Float64Array.from(floats.subarray(start, start + count)),
        logScale: Float64Array.from(floats.subarray(start + count, start + 2 * count)),
        weight: floats.slice(start + 2 * count, start + 3 * count),
      });
      start += 3 * count;
    }
    return new Model(payload, logDepth(payload.depth, bytes), posteriors, bodies);
  }

  get width(): number {
    return this.payload.depth.width;
  }

  get height(): number {
    return this.payload.depth.height;
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Refit with a given focal length, that of the photo times a factor; null for the answer as it was made. */
  setFocal(factor: number | null): void {
    this.answer = factor === null ? this.own() : this.refitted(factor);
    this.fill();
    for (const listener of this.listeners) listener();
  }

  get focalRange(): [number, number] | null {
    const rows = this.payload.by_focal;
    if (!rows.length) return null;
    return rows.length === 1 ? [0.4, 2.5] : [rows[0]!.factor, rows[rows.length - 1]!.factor];
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

  /** Nearest, median and farthest depth. */
  range(): [number, number, number] {
    const { nearest, median, farthest } = this.payload.depth_m;
    return [this.moved(nearest), this.moved(median), this.moved(farthest)];
  }

  /** The depth that something has now, which had this depth in the answer as it was made. */
  private moved(depth: number | null): number {
    if (depth === null) return NaN;
    const { scale, shift } = this.payload.answer;
    return this.metres(((this.payload.space === "disparity" ? 1 / depth : depth) - shift) / scale);
  }

  private fill(): void {
    const { limit } = this.answer;
    for (let at = 0; at < this.depth.length; at++) {
      const value = this.values[at]!;
      const metres = Number.isFinite(value) ? this.metres(value) : NaN;
      this.depth[at] = metres <= limit ? metres : NaN;
    }
  }

  private own(): Answer {
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

  private common(row: AnswerRow): Omit<Answer, "factor" | "given" | "scale" | "shift" | "posterior" | "camera"> {
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

  /** As mfh refit --focal-px: between the rows of the table, what is not proportional to the focal length. */
  private refitted(factor: number): Answer {
    const rows = this.payload.by_focal;
    const at = Math.log(factor);
    const knots = rows.map((row) => Math.log(row.factor));
    const sign = this.payload.space === "disparity" ? 1 : -1;
    const between = (of: (row: AnswerRow) => number) => interpolate(at, knots, rows.map(of));
    const scale = Math.exp(between((row) => Math.log(row.scale) + sign * Math.log(row.factor)) - sign * at);
    const ratio = between((row) => row.shift / row.scale);
    const nearest = rows.reduce((best, row) =>
      Math.abs(Math.log(row.factor / factor)) < Math.abs(Math.log(best.factor / factor)) ? row : best,
    );
    const level = (of: (row: AnswerRow) => [number, number] | null): [number, number] | null =>
      of(nearest) && [between((row) => of(row)![0]), between((row) => of(row)![1])];
    const proportional = rows.length === 1;
    const reach = proportional
      ? (nearest.reach_m ?? Infinity) * factor
      : Math.exp(between((row) => Math.log(row.reach_m ?? 1e9)));
    const limit = proportional ? Math.min(this.payload.max_depth_m, reach) : between((row) => row.limit_m ?? 1e9);
    const { fx } = this.payload.camera;
    const { width, height } = this.payload.photo;
    const explicit = { fx: fx * factor, fy: fx * factor, cx: (width - 1) / 2, cy: (height - 1) / 2 };
    return {
      ...this.common(nearest),
      factor,
      given: true,
      scale,
      shift: ratio * scale,
      limit,
      reach: reach > 1e8 ? Infinity : reach,
      level80: level((row) => row.level_80),
      level95: level((row) => row.level_95),
      landmarks: nearest.landmarks.map((one, k) => ({
        ...one,
        distance_m:
          one.distance_m === null
            ? null
            : proportional
              ? one.distance_m * factor
              : between((row) => row.landmarks[k]!.distance_m ?? NaN),
        implied: one.implied === null ? null : between((row) => row.landmarks[k]!.implied ?? one.implied!),
        weight: between((row) => row.landmarks[k]!.weight),
      })),
      posterior: this.posteriorFor(factor, scale, ratio),
      camera: explicit,
    };
  }

  /** The posterior of the nearest row that has one, moved along with the head. */
  private posteriorFor(factor: number, scale: number, ratio: number): Posterior {
    const rows = this.payload.by_focal.filter((row) => row.posterior);
    let best = 0;
    rows.forEach((row, k) => {
      if (Math.abs(Math.log(row.factor / factor)) < Math.abs(Math.log(rows[best]!.factor / factor))) best = k;
    });
    const row = rows[best]!;
    const own = this.posteriors[best + 1]!;
    const byLog = Math.log(scale / row.scale);
    const byRatio = ratio - row.shift / row.scale;
    return {
      ratio: own.ratio.map((one) => one + byRatio),
      logScale: own.logScale.map((one) => one + byLog),
      weight: own.weight,
    };
  }
}

function clamp(index: number, count: number): number {
  return Math.min(Math.max(index, 0), count - 1);
}
