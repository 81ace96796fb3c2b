// The picture beside its depth: what is done in one shows in both.

import { barStrip, paintMap } from "../bar";
import { type Bar, depthBar } from "../colours";
import { find, make, metresText, sized } from "../dom";
import type { Pixel } from "../lengths";
import { crosshair, end, label, line } from "../marks";
import { type Measured, type Measuring, textOf } from "../measuring";
import { measureByKeys, middleOf, pixelAt } from "../pointing";
import type { ClipModel, Reading } from "./model";
import type { Timeline } from "./timeline";
import { coloursOf, nameOf, trackAt } from "./tracks";

export class Stages {
  private cursor: Pixel | null = null;
  private byKeys = false;
  private highlighted: number | null = null;
  private readonly overlays = [find<HTMLCanvasElement>("overlay"), find<HTMLCanvasElement>("overlay-depth")];
  private readonly map = find<HTMLCanvasElement>("map");
  private readonly bar: Bar;
  private readonly colours: Map<number, string>;

  constructor(
    private readonly model: ClipModel,
    private readonly measuring: Measuring,
    private readonly timeline: Timeline,
    /** Whether a length was measured in the frame in view. */
    private readonly isHere: (one: Measured) => boolean,
  ) {
    const { payload } = model;
    this.bar = depthBar(...payload.clip.colour_bar_m);
    this.colours = coloursOf(payload);
    find("depth").style.aspectRatio = `${payload.photo.jpeg_width} / ${payload.photo.jpeg_height}`;
    for (const overlay of this.overlays) {
      overlay.addEventListener("pointermove", (event) => this.move(pixelAt(event, overlay, payload.photo), false));
      overlay.addEventListener("pointerleave", () => this.move(null, false));
      overlay.addEventListener("click", (event) => {
        timeline.stop();
        const pixel = pixelAt(event, overlay, payload.photo);
        this.move(pixel, false);
        measuring.click(pixel);
      });
      new ResizeObserver(() => this.draw()).observe(overlay);
    }
    const [first] = this.overlays as [HTMLCanvasElement];
    first.addEventListener("keydown", (event) => this.key(event));
    first.addEventListener("focus", () => {
      if (first.matches(":focus-visible") && !this.cursor) this.move(middleOf(model.payload.photo), true);
    });
    measuring.onChange(() => this.draw());
    this.legend();
    this.refresh();
  }

  /** Show the frame whose depth the model has now. */
  refresh(): void {
    paintMap(this.map, this.model, this.bar, (at) => this.model.depth[at]!);
    this.say();
    this.draw();
  }

  redraw(): void {
    this.draw();
  }

  /** Frame one track. */
  highlight(number: number | null): void {
    this.highlighted = number;
    this.draw();
  }

  private legend(): void {
    const far = this.model.answer.limit;
    const why = Number.isFinite(far) ? `sky, or beyond ${Number(far.toPrecision(3))} m` : "no depth";
    find("legend").replaceChildren(
      barStrip(this.bar, (value) => `${value} m`),
      make(
        "p",
        {},
        `metres along the optical axis; ${this.model.still ? "one depth for" : "the same colours in"} all frames`,
        ...(this.model.payload.holes ? [make("span", { class: "hatched sky" }, why)] : []),
      ),
    );
  }

  private move(pixel: Pixel | null, byKeys: boolean): void {
    this.cursor = pixel;
    this.byKeys = byKeys;
    this.say();
    this.draw();
  }

  /** "2.31 m (2.02-2.64)" */
  private say(): void {
    const text = this.cursor ? readingText(this.model.reading(this.cursor)) : "";
    for (const id of ["readout", "readout-depth"]) find(id).textContent = text;
    if (this.byKeys && this.cursor) find("status").textContent = text;
  }

  private key(event: KeyboardEvent): void {
    measureByKeys(event, this.cursor, this.model.payload.photo, {
      move: (pixel) => this.move(pixel, true),
      click: (pixel) => this.measuring.click(pixel),
      cancel: () => this.measuring.cancel(),
    });
  }

  private draw(): void {
    this.overlays.forEach((overlay, k) => this.drawOn(overlay, k === 0));
  }

  private drawOn(overlay: HTMLCanvasElement, boxes: boolean): void {
    const context = sized(overlay);
    const { width, height } = this.model.payload.photo;
    const across = overlay.clientWidth / width;
    const down = overlay.clientHeight / height;
    const place = ([x, y]: Pixel): Pixel => [(x + 0.5) * across, (y + 0.5) * down];
    this.drawBoxes(context, across, down, boxes);
    this.measuring.done.forEach((one, k) => {
      if (!this.isHere(one)) return;
      const [start, finish] = [place(one.start), place(one.end)];
      line(context, start, finish);
      label(context, `${String.fromCharCode(65 + (k % 26))}  ${textOf(one)}`, start, finish, overlay);
    });
    if (this.measuring.open) {
      const start = place(this.measuring.open);
      if (this.cursor) line(context, start, place(this.cursor), true);
      end(context, start);
    }
    if (this.cursor) crosshair(context, place(this.cursor), this.byKeys);
  }

  private drawBoxes(context: CanvasRenderingContext2D, across: number, down: number, all: boolean): void {
    const { payload, still } = this.model;
    const frame = payload.frames[this.timeline.current]!.index;
    for (const track of payload.tracks) {
      const strong = track.number === this.highlighted;
      if (track.kind === "prior" || !(strong || (all && track.verdict === "used"))) continue;
      const at = trackAt(track, frame, still);
      if (!at) continue;
      const [left, top, right, bottom] = at.box;
      const box = [left * across, top * down, (right - left) * across, (bottom - top) * down] as const;
      const tint = this.colours.get(track.number) ?? "#ffffff";
      context.setLineDash([]);
      context.strokeStyle = "rgba(0 0 0 / .55)";
      context.lineWidth = strong ? 5 : 3;
      if (at.seen) context.strokeRect(...box);
      context.setLineDash(at.seen ? [] : [5, 4]);
      context.strokeStyle = tint;
      context.lineWidth = strong ? 3 : track.kind === "person" ? 2 : 1;
      context.strokeRect(...box);
      context.setLineDash([]);
      if (track.kind === "person" || strong) tag(context, nameOf(track), box[0], box[1], tint);
    }
  }
}

export function readingText(reading: Reading | null): string {
  if (!reading) return "no depth here";
  const [low, high] = reading.level80;
  const digits = reading.metres < 10 ? 2 : reading.metres < 100 ? 1 : 0;
  return `${metresText(reading.metres)} (${low.toFixed(digits)}-${high.toFixed(digits)})`;
}

function tag(context: CanvasRenderingContext2D, text: string, left: number, top: number, tint: string): void {
  context.font = "600 12px system-ui, sans-serif";
  const width = context.measureText(text).width + 10;
  const y = Math.max(top - 18, 0);
  context.fillStyle = "rgba(18 18 20 / .8)";
  context.fillRect(Math.max(left - 1, 0), y, width, 18);
  context.fillStyle = tint;
  context.textBaseline = "middle";
  context.fillText(text, Math.max(left - 1, 0) + 5, y + 9.5);
}
