// Colours of depth and of uncertainty, and the bar that says what they mean.

const LOG_FROM_RATIO = 4;

// Inferno (matplotlib, CC0) at nine places, dark to bright.
const INFERNO = [
  [0, 0, 4],
  [31, 12, 72],
  [85, 15, 109],
  [136, 34, 106],
  [186, 54, 85],
  [227, 89, 51],
  [249, 140, 10],
  [249, 201, 50],
  [252, 255, 164],
] as const;
const TEAL = [
  [236, 243, 240],
  [160, 205, 196],
  [82, 150, 148],
  [33, 92, 103],
  [14, 40, 58],
] as const;

type Ramp = readonly (readonly [number, number, number])[];

export interface Bar {
  low: number;
  high: number;
  /** Spaced by ratio. */
  log: boolean;
  ramp: Ramp;
  /** Where the ramp begins and ends. */
  from: number;
  to: number;
}

export function depthBar(near: number, far: number): Bar {
  const high = Math.max(far, near * 1.02);
  return { low: near, high, log: high / near >= LOG_FROM_RATIO, ramp: INFERNO, from: 1, to: 0.06 };
}

export function sigmaBar(low: number, high: number): Bar {
  return { low, high: Math.max(high, low + 0.02), log: false, ramp: TEAL, from: 0, to: 1 };
}

export function position(bar: Bar, value: number): number {
  const clipped = Math.min(Math.max(value, bar.low), bar.high);
  return bar.log
    ? Math.log(clipped / bar.low) / Math.log(bar.high / bar.low)
    : (clipped - bar.low) / (bar.high - bar.low);
}

export function colourAt(bar: Bar, place: number): [number, number, number] {
  const at = (bar.from + (bar.to - bar.from) * place) * (bar.ramp.length - 1);
  const low = Math.min(Math.floor(at), bar.ramp.length - 2);
  const share = at - low;
  const [a, b] = [bar.ramp[low]!, bar.ramp[low + 1]!];
  return [0, 1, 2].map((k) => Math.round(a[k]! + share * (b[k]! - a[k]!))) as [number, number, number];
}

/** Round values on a bar, three to nine. */
export function ticks(low: number, high: number, log: boolean): number[] {
  if (log) {
    let found: number[] = [];
    for (const steps of [
      [1, 2, 5],
      [1, 1.5, 2, 3, 5, 7],
      [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8],
    ]) {
      found = [];
      for (let decade = Math.floor(Math.log10(low)); decade <= Math.ceil(Math.log10(high)); decade++)
        for (const step of steps) {
          const tick = Number((step * 10 ** decade).toPrecision(3));
          if (tick >= low && tick <= high) found.push(tick);
        }
      if (found.length >= 4) break;
    }
    return found;
  }
  const rough = (high - low) / 5;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * magnitude).find((one) => one >= rough)!;
  const found: number[] = [];
  for (let k = Math.ceil(low / step); k <= Math.floor(high / step); k++) found.push(Number((k * step).toPrecision(6)));
  return found;
}

/** Diagonal stripes where there is no depth: wide for the sky, narrow for what lies beyond. */
export function hatch(column: number, row: number, kind: "sky" | "beyond"): [number, number, number] {
  const stripe = kind === "sky" ? 9 : 5;
  const light = Math.floor((column + row) / stripe) % 2 === 0;
  if (kind === "sky") return light ? [214, 222, 228] : [196, 206, 214];
  return light ? [120, 120, 122] : [98, 98, 100];
}
