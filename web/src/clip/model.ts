// The depth of one frame after the other, under the one answer of the clip.

import { logDepth, unpack } from "../decode";
import { type Answer, Grid, type Posterior, readPosteriors, relativeOf } from "../grid";
import { LEVELS, levelsOf, type Pixel, widened } from "../lengths";
import { weightedQuantiles } from "../quantiles";
import type { ClipPayload, PackedDepth } from "./payload";

/** Frames whose depth stays unpacked. */
const KEPT = 8;

export interface Reading {
  metres: number;
  level80: [number, number];
}

export class ClipModel extends Grid<ClipPayload> {
  answer: Answer;
  /** The frame in view, of those of the page. */
  current = 0;
  private readonly kept = new Map<number, Float64Array>();

  private constructor(payload: ClipPayload, packed: PackedDepth, values: Float64Array, posteriors: Posterior[]) {
    super(payload, packed.width, packed.height, values, posteriors);
    this.answer = this.own();
    this.fill();
  }

  static async read(payload: ClipPayload): Promise<ClipModel> {
    const packed = (payload.depth ?? payload.frames[0]!.depth)!;
    const [bytes, posteriors] = await Promise.all([unpack(packed.data), readPosteriors(payload.posteriors)]);
    return new ClipModel(payload, packed, relativeOf(payload, logDepth(packed, bytes)), posteriors);
  }

  /** Whether all frames have one depth. */
  get still(): boolean {
    return this.payload.depth !== null;
  }

  /** Take the depth of a frame. */
  async show(number: number): Promise<void> {
    if (!this.still) {
      this.values = await this.valuesOf(number);
      this.fill();
    }
    this.current = number;
  }

  /** Metres at a pixel with the 80 % interval there, as probable_log_depth in src/mfh/scale/interval.py. */
  reading(pixel: Pixel): Reading | null {
    const value = this.valueAt(...pixel);
    const metres = Number.isFinite(value) ? this.metres(value) : NaN;
    if (!(metres <= this.answer.limit)) return null;
    const { ratio, logScale, weight } = this.answer.posterior;
    const power = this.payload.space === "disparity" ? -1 : 1;
    const logs = ratio.map((one, k) =>
      value + one > 0 ? power * (Math.log(value + one) + logScale[k]!) : Infinity,
    );
    const { shared, shape, focal } = this.answer.errors;
    const common = Math.hypot(shared, shape, focal);
    return { metres, level80: widened(weightedQuantiles(logs, weight, levelsOf(0.8)), LEVELS[0.8] * common) };
  }

  private async valuesOf(number: number): Promise<Float64Array> {
    const packed = this.payload.frames[number]!.depth!;
    const values = this.kept.get(number) ?? relativeOf(this.payload, logDepth(packed, await unpack(packed.data)));
    this.kept.delete(number);
    this.kept.set(number, values);
    if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value!);
    return values;
  }
}
