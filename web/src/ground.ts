// A plane fitted robustly to the lower half of the photo: the floor or the street, where there is one.

import type { Grid } from "./grid";

export type Point = [number, number, number];

export interface Ground {
  /** Unit normal, away from the ground, in the camera frame (y down). */
  normal: Point;
  /** Height of the camera above it, metres. */
  height: number;
}

const SAMPLES = 1500;
const TRIALS = 240;
const TOLERANCE = 0.035;
const LEAST_SHARE = 0.35;
/** Share of points that may lie clearly below it: nothing is under a floor. */
const MOST_BELOW = 0.08;
const STEEPEST = 0.8;

/** The ground plane, or null where the lower half of the photo is no plane, or none that could be a ground. */
export function fitGround(model: Grid): Ground | null {
  const points: Point[] = [];
  const first = Math.floor(model.height * 0.5) * model.width;
  const step = Math.max(1, Math.floor((model.depth.length - first) / SAMPLES)) | 1;
  for (let at = first; at < model.depth.length; at += step) {
    const depth = model.depth[at]!;
    if (Number.isFinite(depth)) points.push(model.point(...model.pixelOf(at), depth));
  }
  if (points.length < 50) return null;
  // A sequence of its own: the same photo has the same plane each time it is opened.
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const pick = () => points[Math.floor(random() * points.length)]!;
  let best: Ground | null = null;
  let most = 0;
  for (let trial = 0; trial < TRIALS; trial++) {
    const plane = through(pick(), pick(), pick());
    if (!plane) continue;
    const count = points.reduce((sum, one) => sum + Number(fits(plane, one)), 0);
    if (count > most) [best, most] = [plane, count];
  }
  if (!best || most < LEAST_SHARE * points.length) return null;
  for (let pass = 0; pass < 4; pass++) {
    const refined = leastSquares(points.filter((one) => fits(best!, one)));
    if (!refined) break;
    best = refined;
  }
  const { normal, height } = best;
  const below = points.filter((one) => dot(normal, one) + height < -2 * TOLERANCE * one[2]).length;
  return below <= MOST_BELOW * points.length ? best : null;
}

/** Height of a point above the ground. */
export function heightAbove(ground: Ground, point: Point): number {
  return dot(ground.normal, point) + ground.height;
}

function fits(ground: Ground, point: Point): boolean {
  return Math.abs(heightAbove(ground, point)) < TOLERANCE * point[2];
}

function through(a: Point, b: Point, c: Point): Ground | null {
  const u = minus(b, a);
  const v = minus(c, a);
  return plausible([u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]], a);
}

/** The plane a·x + b·y + c·z = 1 nearest to points, each by its distance: errors of depth grow with depth. */
function leastSquares(points: Point[]): Ground | null {
  const m = [0, 0, 0, 0, 0, 0];
  const right: Point = [0, 0, 0];
  for (const [x, y, z] of points) {
    const weight = 1 / z ** 2;
    m[0]! += weight * x * x;
    m[1]! += weight * x * y;
    m[2]! += weight * x * z;
    m[3]! += weight * y * y;
    m[4]! += weight * y * z;
    m[5]! += weight * z * z;
    right[0] += weight * x;
    right[1] += weight * y;
    right[2] += weight * z;
  }
  const [xx, xy, xz, yy, yz, zz] = m as [number, number, number, number, number, number];
  const inverse: Point[] = [
    [yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy],
    [xz * yz - xy * zz, xx * zz - xz * xz, xy * xz - xx * yz],
    [xy * yz - xz * yy, xy * xz - xx * yz, xx * yy - xy * xy],
  ];
  const determinant = xx * inverse[0]![0] + xy * inverse[0]![1] + xz * inverse[0]![2];
  if (!(Math.abs(determinant) > 1e-12)) return null;
  const normal = inverse.map((row) => dot(row, right) / determinant) as Point;
  const square = dot(normal, normal);
  return plausible(normal, [normal[0] / square, normal[1] / square, normal[2] / square]);
}

/** A plane through a point as a ground: below the camera, and level enough. */
function plausible(normal: Point, point: Point): Ground | null {
  const length = Math.hypot(...normal);
  if (!(length > 1e-9)) return null;
  const sign = normal[1] > 0 ? -1 : 1;
  const unit = normal.map((one) => (sign * one) / length) as Point;
  const height = -dot(unit, point);
  return -unit[1] > STEEPEST && height > 0.15 ? { normal: unit, height } : null;
}

function dot(a: Point, b: Point): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function minus(a: Point, b: Point): Point {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}
