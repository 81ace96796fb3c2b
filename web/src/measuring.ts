// The lengths that were measured: ends, texts, and those who want to know when there is a new one.

import { fitGround, type Ground, heightAbove } from "./ground";
import { type Length, lengthText, measureLength, type Pixel } from "./lengths";
import type { Grid } from "./grid";

export interface Measured {
  start: Pixel;
  end: Pixel;
  length: Length | null;
  /** Heights of both ends above the ground, where there is one. */
  heights: [number, number] | null;
}

export class Measuring {
  readonly done: Measured[] = [];
  /** The first end of a length that has no second one yet. */
  open: Pixel | null = null;
  ground: Ground | null;
  private readonly listeners: (() => void)[] = [];

  constructor(readonly model: Grid) {
    this.ground = fitGround(model);
    for (const [x1, y1, x2, y2] of model.payload.lengths) this.done.push(this.measured([x1, y1], [x2, y2]));
    model.onChange(() => {
      this.ground = fitGround(model);
      this.done.forEach((one, k) => (this.done[k] = this.measured(one.start, one.end)));
      this.tell();
    });
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Set an end; the second one makes a length. */
  click(pixel: Pixel): void {
    if (!this.open) this.open = pixel;
    else if (this.open[0] !== pixel[0] || this.open[1] !== pixel[1]) {
      this.done.push(this.measured(this.open, pixel));
      this.open = null;
    }
    this.tell();
  }

  cancel(): void {
    this.open = null;
    this.tell();
  }

  remove(number: number): void {
    this.done.splice(number, 1);
    this.tell();
  }

  /** Height above the ground of what is seen at a pixel. */
  height(pixel: Pixel): number | null {
    const value = this.model.valueAt(...pixel);
    const depth = Number.isFinite(value) ? this.model.metres(value) : NaN;
    if (!this.ground || !(depth <= this.model.answer.limit)) return null;
    return heightAbove(this.ground, this.model.point(...pixel, depth));
  }

  private measured(start: Pixel, end: Pixel): Measured {
    const heights = [this.height(start), this.height(end)];
    return {
      start,
      end,
      length: measureLength(this.model, start, end),
      heights: heights.includes(null) ? null : (heights as [number, number]),
    };
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

export function textOf(one: Measured): string {
  return lengthText(one.length);
}
