// Small numerics that the Python side has too: interpolation, and quantiles of weighted logarithms.

/** As numpy.interp: between knots linear, beyond them constant. */
export function interpolate(at: number, knots: ArrayLike<number>, values: ArrayLike<number>): number {
  const last = knots.length - 1;
  if (at <= knots[0]!) return values[0]!;
  if (at >= knots[last]!) return values[last]!;
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (knots[middle]! <= at) low = middle;
    else high = middle;
  }
  const share = (at - knots[low]!) / (knots[high]! - knots[low]!);
  return values[low]! + share * (values[high]! - values[low]!);
}

/** As weighted_quantiles in src/mfh/scale/posterior.py: what is at infinity keeps its weight. */
export function weightedQuantiles(values: Float64Array, weight: ArrayLike<number>, levels: number[]): number[] {
  const order = Array.from(values.keys()).sort((a, b) => values[a]! - values[b]!);
  let total = 0;
  for (let k = 0; k < values.length; k++) total += weight[k]!;
  const below: number[] = [];
  const finite: number[] = [];
  let sum = 0;
  for (const k of order) {
    sum += weight[k]!;
    if (!Number.isFinite(values[k]!)) continue;
    below.push((sum - 0.5 * weight[k]!) / total);
    finite.push(values[k]!);
  }
  return levels.map((level) => (finite.length ? interpolate(level, below, finite) : Infinity));
}
