// The answer at a focal length, and the depth of every place of the photo under it.

import { type Body, readBodies } from "./bodies";
import { logDepth, unpack } from "./decode";
import { type Answer, Grid, type Posterior, readPosteriors, relativeOf } from "./grid";
import type { AnswerRow, Payload } from "./payload";
import { interpolate } from "./quantiles";

export class Model extends Grid<Payload> {
  answer: Answer;

  private constructor(
    payload: Payload,
    base: Float64Array,
    posteriors: Posterior[],
    /** Of each landmark, where it is a person who was measured. */
    readonly bodies: (Body | null)[],
  ) {
    super(payload, payload.depth.width, payload.depth.height, relativeOf(payload, base), posteriors);
    this.answer = this.own();
    this.fill();
  }

  static async read(payload: Payload): Promise<Model> {
    const [bytes, posteriors, bodies] = await Promise.all([
      unpack(payload.depth.data),
      readPosteriors(payload.posteriors),
      readBodies(payload.landmarks),
    ]);
    return new Model(payload, logDepth(payload.depth, bytes), posteriors, bodies);
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
