// Lengths between two pixels, by the maths of measure_lengths in src/mfh/scale/interval.py.

import type { Grid } from "./grid";
import { weightedQuantiles } from "./quantiles";

export const LEVELS = { 0.8: 1.2816, 0.95: 1.96 } as const;
const CORRELATION_LENGTH = 0.1;

export type Pixel = [number, number];

export interface Length {
  metres: number;
  level80: [number, number];
  level95: [number, number];
}

/** The length between two pixels; null where an end has no depth. */
export function measureLength(model: Grid, start: Pixel, end: Pixel): Length | null {
  const { answer, payload } = model;
  const values = [model.valueAt(...start), model.valueAt(...end)];
  const depths = values.map((one) => (Number.isFinite(one) ? model.metres(one) : NaN));
  if (!depths.every((one) => Number.isFinite(one) && one <= answer.limit)) return null;
  const rays = [model.point(...start, 1), model.point(...end, 1)];
  const ends = rays.map((ray, k) => ray.map((one) => one * depths[k]!));
  const span = ends[1]!.map((one, k) => one - ends[0]![k]!);
  const metres = Math.hypot(...span);
  if (!(metres > 0)) return null;

  const power = payload.space === "disparity" ? -1 : 1;
  const { ratio, logScale, weight } = answer.posterior;
  const logLengths = new Float64Array(ratio.length);
  for (let k = 0; k < ratio.length; k++) {
    const near = values[0]! + ratio[k]!;
    const far = values[1]! + ratio[k]!;
    if (Math.min(near, far) <= 0) {
      logLengths[k] = Infinity;
      continue;
    }
    const [a, b] = [near ** power, far ** power];
    const [first, second] = rays as unknown as [number[], number[]];
    const norm = Math.hypot(
      first[0]! * a - second[0]! * b,
      first[1]! * a - second[1]! * b,
      first[2]! * a - second[2]! * b,
    );
    logLengths[k] = Math.log(norm) + power * logScale[k]!;
  }

  const along = ends.map((one) => one.reduce((sum, side, k) => sum + side * span[k]!, 0) / metres ** 2);
  const apart = Math.hypot(start[0] - end[0], start[1] - end[1]);
  const correlation = Math.exp(-apart / (CORRELATION_LENGTH * Math.max(payload.photo.width, payload.photo.height)));
  const { shared, shape, focal } = answer.errors;
  const moved = shape * Math.sqrt(along[0]! ** 2 + along[1]! ** 2 - 2 * correlation * along[0]! * along[1]!);
  const alongZ = (span[2]! / metres) ** 2;
  const common = Math.hypot(shared, moved, focal * alongZ - answer.widths * (1 - alongZ));
  const between = (level: keyof typeof LEVELS): [number, number] =>
    widened(weightedQuantiles(logLengths, weight, levelsOf(level)), LEVELS[level] * common);
  return { metres, level80: between(0.8), level95: between(0.95) };
}

export function levelsOf(level: number): number[] {
  return [(1 - level) / 2, 0.5, (1 + level) / 2];
}

/** Ends of an interval with a common error, in metres: half-widths add in quadrature. */
export function widened(quantiles: number[], normal: number): [number, number] {
  const [low, middle, high] = quantiles as [number, number, number];
  return [
    Math.exp(middle - Math.hypot(middle - low, normal)),
    Math.exp(middle + Math.hypot(high - middle, normal)),
  ];
}

/** "2.31 m (2.02-2.64)" */
export function lengthText(length: Length | null): string {
  if (!length) return "no depth at an end";
  const digits = length.metres < 10 ? 2 : length.metres < 100 ? 1 : 0;
  const [low, high] = length.level80;
  const interval = high - low > 1e-9 ? ` (${low.toFixed(digits)}-${high.toFixed(digits)})` : "";
  return `${length.metres.toFixed(digits)} m${interval}`;
}
